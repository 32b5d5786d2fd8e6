//! A spreadsheet as ranges and formulas see it.
//!
//! | question | file |
//! |---|---|
//! | Which sheet and cells does an A1 text mean? | `ranges` |
//! | What do cells show, with formulas evaluated and spilled? | `evaluated_view` |
//! | Which cells does a `DataFilter` find? | `data_filter` |
//! | Which table does `values.append` extend? | `table_detection` |
//! | How is a whole spreadsheet written as JSON? | `spreadsheet_json` |
//!
//! Out of scope: evaluating one formula (`formula`).

pub mod data_filter;
pub mod evaluated_view;
pub mod ranges;
pub mod spreadsheet_json;
pub mod table_detection;
