//! Requests about sheets and their rows and columns.
//!
//! | question | file |
//! |---|---|
//! | Add, delete, duplicate, rename sheets; spreadsheet properties | `sheet` |
//! | Which locales and time zones does a spreadsheet take? | `regional_settings` |
//! | Append, insert, delete, move, resize rows and columns | `dimensions` |
//! | Row and column groups, automatic sizes | `dimension_groups` |
//!
//! Out of scope: what moves with rows and columns (`batch::shift_cells`).

pub(crate) mod dimension_groups;
pub(crate) mod dimensions;
pub(crate) mod regional_settings;
pub(crate) mod sheet;
