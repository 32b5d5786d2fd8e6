//! The job file, the environment and the flags, as settings.
//!
//! In scope: reading them, their precedence (flag, environment, file, default), reporting all
//! errors together with place and next step. Out of scope: using settings (`app`), parsing flags
//! (`cli`).
//!
//! A job file never contains secrets: `${NAME}` takes them from the environment, or from `.env`
//! beside it.
//!
//! | question | file |
//! |---|---|
//! | Which settings does a job have, once they are checked? | `settings` |
//! | Which keys does a job file have, and of which types? | `syntax/` |
//! | What do the sections of a job file mean? | `sections/` |
//! | Which values come from the environment, `.env` and flags? | `external/` |
//! | How is one value read, and how is an error in it reported? | `value_reader`, `problem` |
//! | What was read, before it is checked? | `job_file` |
//! | What would the first row of a job be? | `preview` |
//! | Which job keeps the marks of `sheetkeep once`? | `once_job` |

pub mod settings;
pub mod syntax;
pub mod sections;
pub mod external;
pub mod job_file;
pub mod once_job;
pub mod value_reader;
pub mod problem;
pub mod preview;
#[cfg(test)]
mod tests;
