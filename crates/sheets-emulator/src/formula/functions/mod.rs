//! The functions of formulas.
//!
//! | question | file |
//! |---|---|
//! | Which functions are there; logic and numbers | `dispatch` |
//! | Texts | `text` |
//! | Dates | `date` |
//! | Sums and counts by criteria | `criteria` |
//! | Medians, ranks, distinct values | `statistics` |
//! | Which of several values is taken | `choice` |
//! | Look-ups | `lookup` |
//! | Functions that return several cells | `array` |
//! | Functions that Sheets has and the emulator does not | `missing` |
//!
//! Out of scope: reading arguments (`formula::args`).

pub(crate) mod array;
pub(crate) mod choice;
pub(crate) mod criteria;
pub(crate) mod date;
pub(crate) mod dispatch;
pub(crate) mod lookup;
pub(crate) mod missing;
pub(crate) mod statistics;
pub(crate) mod text;
