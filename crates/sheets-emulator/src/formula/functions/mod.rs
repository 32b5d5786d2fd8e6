//! The functions of formulas.
//!
//! | question | file |
//! |---|---|
//! | Which functions are there; logic and numbers | `dispatch` |
//! | Text and dates | `text` |
//! | Look-ups, sums and counts by criteria | `lookup` |
//! | Functions that return several cells | `array` |
//!
//! Out of scope: reading arguments (`formula::args`).

pub(crate) mod array;
pub(crate) mod dispatch;
pub(crate) mod lookup;
pub(crate) mod text;
