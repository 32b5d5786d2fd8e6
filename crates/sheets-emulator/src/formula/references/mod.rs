//! References in formulas: `A1`, `Sheet1!A:B`, `$C$3`.
//!
//! | question | file |
//! |---|---|
//! | Where in a formula's text are references? | `parse` |
//! | What does an edit of a sheet make of one formula? | `shift` |
//! | Which stored formulas have to be rewritten after an edit? | `rewrite` |
//!
//! Out of scope: evaluation (`formula::evaluate`).

pub(crate) mod parse;
pub(crate) mod rewrite;
pub(crate) mod shift;
