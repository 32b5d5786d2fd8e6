//! The lines of a check.
//!
//! In scope: the lines as data. Out of scope: checking (`check::preflight`), output
//! (`cli::output::check`).

use crate::port::source::SourceError;
use crate::port::store::StoreError;
use crate::runner::run_config::RunError;
use crate::sheets_client::errors::call_error::CallError;

/// The subject of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The job file and the environment.
    JobFile,
    /// When the job should run.
    Schedule,
    /// Where the job reports that it is alive.
    Heartbeat,
    /// Who hears of failures.
    Alerts,
    /// Where the metrics of its runs go.
    Metrics,
    /// The job's source.
    Source,
    /// A step that runs a program.
    Step,
    /// The folder with the lock and the journal.
    StateFolder,
    /// This machine's clock.
    Clock,
    /// The credentials for the service.
    Credentials,
    /// The spreadsheet, or the local file.
    Spreadsheet,
    /// The proxy of calls to the service, if one is set.
    Proxy,
    /// Tabs, headers, state.
    Tabs,
    /// What may not change between runs.
    Definition,
    /// The lease: whether another run has it.
    Lease,
    /// The guard, which keeps two runs apart.
    Guard,
}

impl Subject {
    /// Returns the name, for people and for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobFile => "job file",
            Self::Schedule => "schedule",
            Self::Heartbeat => "heartbeat",
            Self::Alerts => "alerts",
            Self::Metrics => "metrics",
            Self::Source => "source",
            Self::Step => "step",
            Self::StateFolder => "state dir",
            Self::Clock => "clock",
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

/// The verdict of a line.
#[derive(Debug)]
pub enum CheckVerdict {
    /// As expected, with what was found.
    Passed(String),
    /// A run continues all the same.
    Warning {
        /// What is unusual.
        what: String,
        /// What to do, if anything.
        help: Option<String>,
    },
    /// A run would stop on this.
    Problem(StartBlocker),
}

/// One line of a check.
#[derive(Debug)]
pub struct CheckItem {
    /// What was looked at.
    pub subject: Subject,
    /// What was found there.
    pub verdict: CheckVerdict,
}

/// Why a run would stop: the error with which it would end.
#[derive(Debug)]
pub enum StartBlocker {
    /// An error of the run.
    Run(RunError),
    /// An error of the source.
    Source(SourceError),
    /// A failed call.
    Call(CallError),
    /// Another run is active on this machine.
    Busy {
        /// The text of its lock file.
        holder: String,
    },
    /// Something around the job that a run may not notice.
    Environment {
        /// What is wrong.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// A step's program can't be run.
    Program {
        /// The name of the step.
        step: String,
        /// What is wrong with the program.
        why: String,
    },
}

impl From<StoreError> for StartBlocker {
    fn from(error: StoreError) -> Self {
        Self::Run(RunError::Store(error))
    }
}

impl CheckItem {
    /// Creates a line for something as expected.
    pub fn new_expected(subject: Subject, what: impl Into<String>) -> Self {
        Self { subject, verdict: CheckVerdict::Passed(what.into()) }
    }

    /// Creates a warning.
    pub fn new_warning(subject: Subject, what: impl Into<String>, help: Option<&str>) -> Self {
        Self { subject, verdict: CheckVerdict::Warning { what: what.into(), help: help.map(str::to_owned) } }
    }

    /// Creates a line for something on which a run would stop.
    pub fn new_problem(subject: Subject, blocker: impl Into<StartBlocker>) -> Self {
        Self { subject, verdict: CheckVerdict::Problem(blocker.into()) }
    }
}
