//! `sheetkeep lint`: readiness of unattended scripts.
//!
//! In scope: Python, shell, crontabs, requirement lists and job files: what makes them fail at
//! night, or fail unseen. Out of scope: style, and what ruff, bandit and `ShellCheck` report. This
//! crate depends on nothing else of sheetkeep.
//!
//! | question | file |
//! |---|---|
//! | Which codes are there, why, and what is to be done? | `rules/` (one table) |
//! | Which files are read, and as what? | `discovery`, `source_text` |
//! | What does a Python script do? | `python/` |
//! | What does a shell script do? | `shell/` |
//! | What is wrong with a crontab, a job file, a list of requirements? | `crontab`, `job_file`, `requirements` |
//! | Which texts are secrets? | `secret_patterns` |
//! | What is found in a file, and how is it put together? | `linter`, `collector`, `report` |
//! | Which findings are ignored? | `suppression`, `baseline` |
//! | How ready is it all? | `readiness` |
//! | How is it printed? | `output` |
//! | What can be fixed by itself? | `fixes` |

pub mod baseline;
mod collector;
mod crontab;
pub mod discovery;
pub mod finding;
pub mod fixes;
mod git_ignores;
mod job_file;
pub mod linter;
pub mod output;
mod python;
pub mod readiness;
pub mod report;
mod requirements;
pub mod rules;
mod secret_patterns;
mod shell;
pub mod source_text;
mod suppression;
