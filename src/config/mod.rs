//! The job file, the environment and the flags, as settings.
//!
//! In scope: reading them, their precedence (flag, environment, file, default), reporting all
//! errors together with place and next step. Out of scope: using settings (`app`), parsing flags
//! (`cli`).
//!
//! A job file never contains secrets: `${NAME}` takes them from the environment, or from `.env`
//! beside it.
//!
//! - `settings`: everything that a job sets, checked; `raw`, `schema`, `keys`: the file's syntax.
//! - `value_reader`, `problem`: reading one value, and reporting what is wrong with it.
//! - `source`, `steps`, `columns`, `evaluation`, `limits`, `target`, `expect`, `heartbeat`: the sections of a job file.
//! - `environment`, `env_file`, `names`, `proxies`, `flags`: values from outside the file.
//! - `wrong_place`, `linked`: settings that would send rows to an unintended place.
//! - `preview`: the first row of a job, made from its settings.

pub mod value_reader;
mod columns;
mod env_file;
pub mod environment;
pub mod evaluation;
pub mod flags;
pub(crate) mod keys;
mod expect;
pub mod heartbeat;
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
