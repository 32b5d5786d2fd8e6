//! Formulas: reading, evaluating, and rewriting their references.
//!
//! | question | file |
//! |---|---|
//! | How is a formula read and evaluated? | `evaluate` |
//! | Where does a number, a text or a name end? | `token_reader` |
//! | Which decimal sign, and what time is it? | `settings` |
//! | What may an operand be, beside one value? | `matrix` |
//! | How does an operator work on ranges? | `elementwise` |
//! | How are a function's arguments read? | `args` |
//! | What does each function do? | `functions/` |
//! | Which cells does an array result fill? | `spill` |
//! | How much work and memory may one call use? | `budget` |
//! | What happens to references when cells move? | `references/` |
//!
//! Out of scope: cells with their results filled in (`workbook::evaluated_view`).

pub(crate) mod args;
pub(crate) mod budget;
pub(crate) mod elementwise;
pub(crate) mod evaluate;
pub(crate) mod functions;
pub(crate) mod matrix;
pub(crate) mod references;
pub(crate) mod settings;
pub(crate) mod spill;
mod token_reader;
