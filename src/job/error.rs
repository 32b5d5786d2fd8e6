//! Why a job could not be built or run.
//!
//! In scope: the errors, as people read them. Out of scope: failures of single items, which are in
//! the report and on the sheet.

use thiserror::Error;

use crate::app::error::AppError;
use crate::config::problem::{ConfigError, ConfigProblem};
use crate::fault::Fault;

/// Why a job could not be built, or why its run ended before the end of its source. What was
/// committed stays, and the next run continues from there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// The settings are wrong: all problems together, one sentence each.
    #[error("the job can't be built: {}", problems.join("; "))]
    Settings {
        /// What is wrong, and what to do.
        problems: Vec<String>,
    },
    /// Another run of the job is active, here or on another machine.
    #[error("failed to {why}")]
    Busy {
        /// Which run, where and since when.
        why: String,
    },
    /// The run could not start, or could not continue.
    #[error("failed to {why}")]
    Stopped {
        /// What happened, and what to do.
        why: String,
        /// What kind of action helps.
        fault: Fault,
    },
}

impl JobError {
    /// Returns what kind of action helps; a busy job is free again once the other run has ended.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Settings { .. } => Fault::Inconsistent,
            Self::Busy { .. } => Fault::Fenced,
            Self::Stopped { fault, .. } => *fault,
        }
    }

    /// Creates the error of one wrong setting.
    pub(crate) fn from_problem(problem: impl Into<String>) -> Self {
        Self::Settings { problems: vec![problem.into()] }
    }

    /// Creates the error of a job's settings.
    pub(crate) fn from_config_error(error: &ConfigError) -> Self {
        let sentence = |problem: &ConfigProblem| match &problem.help {
            Some(help) if !help.is_empty() => format!("{}: {help}", problem.message),
            _ => problem.message.clone(),
        };
        Self::Settings { problems: error.problems().iter().map(sentence).collect() }
    }

    /// Creates the error of a run.
    pub(crate) fn from_app_error(error: &AppError) -> Self {
        let why = error.to_string();
        if error.is_duplicate() { Self::Busy { why } } else { Self::Stopped { why, fault: error.fault() } }
    }
}
