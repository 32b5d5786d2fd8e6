//! The tabs, columns and cells of a spreadsheet, as they are read and written. Pure.
//!
//! | question | file |
//! |---|---|
//! | Which tabs and columns does a job have? | `schema` |
//! | Which ranges does a load read? | `load_plan` |
//! | What does the tab Jobs hold, and what do people ask there? | `jobs`, `jobs_formulas` |
//! | How do cells become a state, failures and runs? | `parse` |
//! | Which versions of which keys are processed? | `processed` |
//! | How are rows read that were written under another column order? | `processed_column_order` |
//! | In which row is a key? | `row_index` |
//! | How is a row recognized that has no unique key? | `row_fingerprint` |
//! | Where is a column of an older header now? | `column_map` |
//! | How does a value become a cell, and which requests are shared? | `cells`, `requests` |
//! | Why can a spreadsheet not be read? | `error` |

pub mod schema;
pub mod processed_column_order;
pub mod parse;
pub mod processed;
pub mod row_fingerprint;
pub mod column_map;
pub mod row_index;
pub mod cells;
pub mod requests;
pub mod jobs;
pub mod jobs_formulas;
pub mod load_plan;
pub mod error;
