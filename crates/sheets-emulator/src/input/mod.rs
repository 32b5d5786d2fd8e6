//! Values of requests on their way into cells.
//!
//! | question | file |
//! |---|---|
//! | What does `USER_ENTERED` make of a text? | `user_entered` |
//! | Which dates and times are recognised? | `user_entered_date` |
//! | How is a matrix of values laid over cells? | `value_matrix` |
//!
//! Out of scope: which range is written (`methods`, `batch`).

pub(crate) mod user_entered;
pub(crate) mod user_entered_date;
pub(crate) mod value_matrix;
