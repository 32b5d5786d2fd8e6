//! A spreadsheet as ranges and formulas see it.
//!
//! | question | file |
//! |---|---|
//! | Which sheet and cells does an A1 text mean? | `ranges` |
//! | What do cells show, with formulas evaluated and spilled? | `evaluated_view` |
//! | What does the formula in one cell read? | `eval_context` |
//! | Which columns are in memory for formulas? | `column_blocks`, `sheet_columns` |
//! | Which conditional formats change a cell, and how? | `conditional_format` |
//! | Which cells does a `DataFilter` find? | `data_filter` |
//! | Which table does `values.append` extend? | `table_detection` |
//! | How is a whole spreadsheet written as JSON? | `spreadsheet_json`, its cells in `cell_json` |
//!
//! Out of scope: evaluating one formula (`formula`).

pub(crate) mod cell_json;
pub(crate) mod column_blocks;
pub(crate) mod conditional_format;
pub(crate) mod data_filter;
pub(crate) mod eval_context;
pub(crate) mod evaluated_view;
pub(crate) mod ranges;
pub(crate) mod sheet_columns;
pub(crate) mod spreadsheet_json;
pub(crate) mod table_detection;
