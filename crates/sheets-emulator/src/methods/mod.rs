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

pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod value_range;
pub(crate) mod values_append;
pub(crate) mod values_clear;
pub(crate) mod values_read;
pub(crate) mod values_write;
