//! Errors before and around a run.

use thiserror::Error;

use crate::fault::Fault;
use crate::machine::MachineError;
use crate::port::source::SourceError;
use crate::port::store::StoreError;
use crate::runner::run_config::RunError;
use crate::sheets_client::auth::credentials::CredentialsError;
use crate::sheets_client::errors::call_error::CallError;
use crate::sheets_client::options::ConnectError;
use crate::sheets_client::types::address::AddressError;

/// An error of the application; its text completes "failed to …".
#[derive(Debug, Error)]
pub enum AppError {
    /// The run itself failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The store failed outside a run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A call failed outside a run.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Another run of this job is alive on this machine.
    #[error("run the job: {holder} is running it on this machine")]
    Busy {
        /// Run, host, process and start time, from the lock file.
        holder: String,
    },
    /// This machine refuses what a run needs before it can start.
    #[error("begin: {0}")]
    Machine(MachineError),
    /// The source can't be opened.
    #[error("open the source: {0}")]
    Source(SourceError),
    /// The credentials can't be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The spreadsheet's id or the API's root is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The client can't be built.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The embedded sheet's file can't be used.
    #[error("use the embedded sheet: {why}")]
    Embedded {
        /// What happened, with the file's name.
        why: String,
        /// Whether the file's contents are the cause, not this machine.
        is_damaged: bool,
    },
    /// This binary was built without the embedded sheet.
    #[error("use the embedded sheet: this binary was built without it; set SHEETKEEP_SPREADSHEET_ID to a spreadsheet")]
    NoEmbedded,
    /// The requested tab does not exist.
    #[error("show tab \"{wanted}\": the spreadsheet has {}", join_titles(there))]
    NoTab {
        /// The requested title.
        wanted: String,
        /// The existing titles.
        there: Vec<String>,
    },
    /// The job has no schedule, so nothing of it is ever due.
    #[error("find the times of job {job}: it has no schedule")]
    NoSchedule {
        /// The job's name.
        job: String,
    },
    /// The program of a step can't be run, so that every item would fail.
    #[error("run the job: the program of step {step} can't be run: {why}")]
    NoProgram {
        /// The step's name.
        step: String,
        /// The reason, with the program's path.
        why: String,
    },
    /// The source can be read only once, and the command reads it several times.
    #[error("read the source several times: it can be read only once; save it to a file and name that with --input")]
    SourceReadOnce,
    /// The run did not end by its deadline, and was dropped.
    #[error("finish by the deadline: the run was stopped at once, and a commit may have been in progress")]
    OutOfTime,
    /// The job has never run on this spreadsheet.
    #[error("find the job: it has never run on this spreadsheet; run it first")]
    NeverRan,
}

impl AppError {
    /// Returns whether another run does, or has done, what this one was started for.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Run(RunError::LeaseHeld { .. } | RunError::AlreadyClaimed { .. }))
    }

    /// Returns whether a run ends with this before it can write to its sheet, which may be fine.
    /// The source is missing or is not what the job needs, or a program is missing.
    pub fn is_failed_start(&self) -> bool {
        matches!(
            self,
            Self::NoProgram { .. }
                | Self::Source(_)
                | Self::Run(RunError::Input(_) | RunError::NoField { .. } | RunError::CommonCause { report: None, .. })
        )
    }

    /// True if a proxy is the cause, and not the service or the spreadsheet's owner.
    pub fn is_proxy_error(&self) -> bool {
        match self {
            Self::Run(RunError::Store(error)) | Self::Store(error) => error.is_proxy_error(),
            Self::Run(RunError::Unfinished { is_proxy_error, .. }) => *is_proxy_error,
            Self::Call(error) => error.cause.is_proxy_error(),
            _ => false,
        }
    }

    /// Returns the fault, which decides what to do about the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Run(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Call(error) => error.fault(),
            Self::Busy { .. } => Fault::Fenced,
            Self::Machine(_) => Fault::Machine,
            Self::Source(error) => error.fault(),
            Self::Credentials(error) => error.fault(),
            Self::Address(error) => error.fault(),
            Self::Connect(error) => error.fault(),
            Self::OutOfTime => Fault::Transient,
            Self::Embedded { .. }
            | Self::NoEmbedded
            | Self::NoTab { .. }
            | Self::NoProgram { .. }
            | Self::NoSchedule { .. }
            | Self::NeverRan
            | Self::SourceReadOnce => Fault::Inconsistent,
        }
    }
}

fn join_titles(titles: &[String]) -> String {
    match titles {
        [] => "no tabs".to_owned(),
        titles => format!("the tabs \"{}\"", titles.join("\", \"")),
    }
}
