//! Values from outside the job file.
//!
//! | question | file |
//! |---|---|
//! | What does the environment contain, and what do `${NAME}`s mean? | `environment` |
//! | How is `.env` read? | `env_file` |
//! | Which environment variables does this program use? | `names` |
//! | Which settings may flags override? | `flags` |
//! | For which date is a run made, and how do job files use it? | `logical_time` |
//!
//! Out of scope: their precedence (`config::sections::sheet::target`).

pub mod environment;
pub(crate) mod env_file;
pub mod names;
pub mod flags;
pub mod logical_time;
