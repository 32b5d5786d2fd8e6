//! Values and columns: types, exact numbers, and the order of versions.
//!
//! | question | file |
//! |---|---|
//! | What does a job define about its columns? | `columns` |
//! | How does a JSON value become a column's type? | `coerce` |
//! | Which number formats does a spreadsheet take? | `format_pattern` |
//! | How does a source write numbers and days, if not in the usual way? | `input_form` |
//! | What is a value probably that does not fit? | `odd_values` |
//! | How are numbers kept that no double can hold? | `exact_number` |
//! | Which member does a simple jq path name? | `json_path` |
//! | Which of two versions is newer? | `version_order` |

pub mod columns;
pub mod exact_number;
pub mod coerce;
pub mod format_pattern;
pub mod input_form;
pub mod json_path;
mod odd_values;
pub mod version_order;
