//! The job file, the environment and the flags, as settings.
//!
//! In scope: reading them, their precedence (flag, then environment, then file, then default), telling every error at once with its
//! place and what to do. Out of scope: acting on settings (`app`), flags themselves (`cli`).
//!
//! Secrets never stand in a job file: `${NAME}` takes them from the environment, or from the one `.env` beside the file.

mod collect;
mod columns;
pub mod environment;
pub mod evaluation;
pub mod flags;
mod keys;
pub mod pace;
pub mod problem;
mod raw;
pub mod schema;
pub mod settings;
pub mod source;
pub mod steps;
pub mod target;
#[cfg(test)]
mod tests;
