//! Values of requests on their way into cells.
//!
//! | question | file |
//! |---|---|
//! | What does `USER_ENTERED` make of a text? | `user_entered` |
//! | Which decimal sign, order of dates and year does it read with? | `entry_settings` |
//! | How is a matrix of values written into cells? | `value_matrix` |
//! | How does a CSV file become a tab that is there from the start? | `loaded_tab` |
//!
//! Out of scope: which range is written (`methods`, `batch`).

pub(crate) mod entry_settings;
pub(crate) mod loaded_tab;
pub(crate) mod user_entered;
pub(crate) mod value_matrix;
