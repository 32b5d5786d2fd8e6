//! The methods of Sheets v4, but for `batchUpdate` (`batch`).
//!
//! | question | file |
//! |---|---|
//! | `spreadsheets.create` | `create` |
//! | `sheets.copyTo`, and copies of spreadsheets | `copy` |
//! | `values.get`, `batchGet`, `batchGetByDataFilter` | `values_read` |
//! | `values.update`, `batchUpdate`, `batchUpdateByDataFilter` | `values_write` |
//! | `values.append` | `values_append` |
//! | `values.clear`, `batchClear`, `batchClearByDataFilter` | `values_clear` |
//! | The JSON of one `ValueRange` | `value_range` |
//!
//! Out of scope: `spreadsheets.get` (`workbook::spreadsheet_json`), parameters (`dispatch`).

pub mod copy;
pub mod create;
pub mod value_range;
pub mod values_append;
pub mod values_clear;
pub mod values_read;
pub mod values_write;
