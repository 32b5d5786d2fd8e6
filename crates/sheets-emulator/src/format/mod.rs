//! How values and sheets are shown.
//!
//! | question | file |
//! |---|---|
//! | What does a reader see of a cell? | `render` |
//! | Which section of a number format applies? | `number_format` |
//! | How is a number written by a section? | `number` |
//! | How is a date, a time or a length of time written? | `date` |
//! | Which date or time is a typed text, and in which format? | `typed_date` |
//! | Which characters of a section are literal? | `literals` |
//! | How do answers write sheets, named ranges and properties? | `response_format` |
//!
//! Out of scope: typed texts other than dates (`input`).

pub(crate) mod date;
pub(crate) mod literals;
pub(crate) mod number;
pub(crate) mod number_format;
pub(crate) mod render;
pub(crate) mod response_format;
pub(crate) mod typed_date;
