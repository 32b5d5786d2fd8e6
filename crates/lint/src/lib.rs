//! `sheetkeep lint`: readiness of unattended scripts.
//!
//! In scope: Python, shell, crontabs, requirement lists and job files: what makes them fail at
//! night, or fail unseen. Out of scope: style, and what ruff, bandit and `ShellCheck` report. This
//! crate depends on nothing else of sheetkeep.
//!
//! | question | file or folder |
//! |---|---|
//! | Which codes are there, why, and what is to be done? | `rules/` (one table) |
//! | Which files are read, and as what? | `files/` |
//! | How is a script parsed? | `syntax/` |
//! | What does a Python script do? | `python/` |
//! | What does a shell script do? | `shell/` |
//! | What is wrong with a crontab, a job file, a list of requirements? | `crontab`, `job_file`, `requirements` |
//! | Which texts are secrets? | `secret_patterns` |
//! | What is a finding, and how are the findings of a file collected? | `finding`, `linter` |
//! | Which findings are ignored, fixed or counted? | `results/` |
//! | How is it printed? | `output/` |

mod crontab;
pub mod files;
pub mod finding;
mod job_file;
pub mod linter;
pub mod output;
mod python;
mod requirements;
pub mod results;
pub mod rules;
mod secret_patterns;
mod shell;
mod syntax;
