//! CSV.
//!
//! | question | file |
//! |---|---|
//! | How do rows become records? | `csv_records` |
//! | Where do rows and fields begin and end? | `csv_row_reader` |
//! | What is reported about damaged quotes? | `damage` |
//! | Which delimiter does a text have? | `delimiter` |

pub mod csv_records;
pub(crate) mod csv_row_reader;
mod damage;
pub mod delimiter;
