//! Cells and where they are: the base of everything else.
//!
//! | question | file |
//! |---|---|
//! | What does a cell hold? | `cell` |
//! | What is the result of a cell or a formula? | `value` |
//! | Rectangles and open-ended ranges | `area` |
//! | A1 notation: how ranges and titles are read and written | `a1` |
//!
//! Out of scope: storage (`storage`), formats (`format`).

pub(crate) mod a1;
pub(crate) mod area;
pub(crate) mod cell;
pub(crate) mod value;
