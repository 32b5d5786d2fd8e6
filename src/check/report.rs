//! What a check found, line by line.
//!
//! In scope: the lines. Out of scope: finding out (`check::preflight`), showing them (`cli::output::check`).

use crate::google::errors::call_error::CallError;
use crate::port::source::SourceError;
use crate::port::store::StoreError;
use crate::runner::run_config::RunError;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The job file and the environment.
    JobFile,
    /// What the job reads.
    Source,
    /// A step that runs a program.
    Step,
    /// Who it is to the service.
    Credentials,
    /// The spreadsheet, or the local file.
    Spreadsheet,
    /// What stands on the way there.
    Proxy,
    /// Tabs, headers, state.
    Tabs,
    /// What may not change between runs.
    Definition,
    /// Who is running.
    Lease,
    /// What keeps two runs apart.
    Guard,
}

impl Subject {
    /// The word for people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::JobFile => "job file",
            Self::Source => "source",
            Self::Step => "step",
            Self::Credentials => "credentials",
            Self::Spreadsheet => "spreadsheet",
            Self::Proxy => "proxy",
            Self::Tabs => "tabs",
            Self::Definition => "definition",
            Self::Lease => "lease",
            Self::Guard => "guard",
        }
    }
}

/// What is found of it.
#[derive(Debug)]
pub enum CheckVerdict {
    /// As it should be: what was seen.
    Fine(String),
    /// A run goes on all the same: what is odd, and what to do if anything.
    Warning {
        /// What is odd.
        what: String,
        /// What to do.
        mend: Option<String>,
    },
    /// A run would stop on this.
    Problem(StartBlocker),
}

/// One line of a check.
#[derive(Debug)]
pub struct CheckItem {
    /// What it is about.
    pub subject: Subject,
    /// What is found of it.
    pub verdict: CheckVerdict,
}

/// What a run would stop on, as the error that it would stop with.
#[derive(Debug)]
pub enum StartBlocker {
    /// The pass.
    Pass(RunError),
    /// The source.
    Source(SourceError),
    /// A call.
    Call(CallError),
    /// Another run on this machine.
    Busy {
        /// What its lock file tells.
        holder: String,
    },
    /// A step's program.
    Program {
        /// The step.
        step: String,
        /// What is wrong with its program.
        why: String,
    },
}

impl From<StoreError> for StartBlocker {
    fn from(error: StoreError) -> Self {
        Self::Pass(RunError::Store(error))
    }
}

impl CheckItem {
    /// A line of what is as it should be.
    pub fn fine(subject: Subject, what: impl Into<String>) -> Self {
        Self { subject, verdict: CheckVerdict::Fine(what.into()) }
    }

    /// A line of what is odd.
    pub fn warning(subject: Subject, what: impl Into<String>, mend: Option<&str>) -> Self {
        Self { subject, verdict: CheckVerdict::Warning { what: what.into(), mend: mend.map(str::to_owned) } }
    }

    /// A line of what a run would stop on.
    pub fn problem(subject: Subject, blocker: impl Into<StartBlocker>) -> Self {
        Self { subject, verdict: CheckVerdict::Problem(blocker.into()) }
    }
}
