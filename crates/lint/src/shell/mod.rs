//! Shell scripts: only what `ShellCheck` does not report.
//!
//! | question | file |
//! |---|---|
//! | Which commands does the script run? | `commands` |
//! | Which characters can't the parser be given? | `wide_characters` |
//! | What is wrong with it? | `check`, `network`, `habits` |

pub(crate) mod check;
mod commands;
pub(crate) mod habits;
mod network;
mod wide_characters;
