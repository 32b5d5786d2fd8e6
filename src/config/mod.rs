//! The job file, the environment and the flags, as settings.
//!
//! In scope: reading them, their precedence (flag, then environment, then file, then default), telling every error at once with its
//! place and what to do. Out of scope: acting on settings (`app`), flags themselves (`cli`).
//!
//! Secrets never stand in a job file: `${NAME}` takes them from the environment, or from the one `.env` beside the file.

pub mod value_reader;
mod columns;
mod env_file;
pub mod environment;
pub mod evaluation;
pub mod flags;
pub(crate) mod keys;
mod linked;
pub mod names;
pub mod limits;
pub mod problem;
mod proxies;
mod raw;
pub mod schema;
pub mod settings;
pub mod preview;
pub mod source;
pub mod steps;
pub mod target;
#[cfg(test)]
mod tests;
mod wrong_place;
