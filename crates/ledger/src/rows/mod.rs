//! Rows of tabs, encoded and decoded.
//!
//! | question | file |
//! |---|---|
//! | Which columns does a data tab have? | `table_header` |
//! | How does a step's output become a typed row? | `row_builder` |
//! | How are keys, failures and runs written as rows? | `row_codec` |
//! | In which row is the header? | `header_search` |
//! | Which kinds of tabs does a job have? | `tab_kind` |

pub mod table_header;
pub mod row_builder;
pub mod row_codec;
pub mod header_search;
pub mod tab_kind;
