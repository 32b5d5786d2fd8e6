//! Requests about cells inside a sheet.
//!
//! | question | file |
//! |---|---|
//! | Copy, cut and paste of ranges | `paste` |
//! | Pasted text, text to columns, shuffled rows | `paste_text` |
//! | Series that are carried on | `autofill` |
//! | Sort, insert and delete ranges, remove duplicates | `range_edits` |
//! | The basic filter | `basic_filter` |
//! | Merged cells | `merge` |
//! | Find and replace | `find_replace` |
//! | Borders, white space, conditional formats | `formatting` |
//!
//! Out of scope: plain writes of cells (`batch::write_cells`).

pub(crate) mod autofill;
pub(crate) mod basic_filter;
pub(crate) mod find_replace;
pub(crate) mod formatting;
pub(crate) mod merge;
pub(crate) mod paste;
pub(crate) mod paste_text;
pub(crate) mod range_edits;
