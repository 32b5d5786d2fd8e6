//! What can go wrong before and around a run.

use thiserror::Error;

use crate::fault::Fault;
use crate::google::auth::credentials::CredentialsError;
use crate::google::errors::call_error::CallError;
use crate::google::options::ConnectError;
use crate::google::types::address::AddressError;
use crate::machine::MachineTrouble;
use crate::port::source::SourceError;
use crate::port::store::StoreError;
use crate::runner::run_config::RunError;

/// An error of the wiring; it completes "failed to …".
#[derive(Debug, Error)]
pub enum AppError {
    /// The pass itself.
    #[error(transparent)]
    Pass(#[from] RunError),
    /// The store, outside a pass.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A call, outside a pass.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Another run of this job is alive on this very machine.
    #[error("run the job: {holder} is running it on this machine")]
    Busy {
        /// Run, host, process and start, as the lock file tells them.
        holder: String,
    },
    /// This machine refuses what a run needs before it can begin.
    #[error("begin: {0}")]
    Machine(MachineTrouble),
    /// The source can't be opened.
    #[error("open the source: {0}")]
    Source(SourceError),
    /// Credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The spreadsheet's id or the API's root.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The client.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The embedded sheet's file can't be used.
    #[error("use the embedded sheet: {why}")]
    Embedded {
        /// What happened, with the file's name.
        why: String,
        /// Whether it is what is in the file, and not this machine.
        is_damaged: bool,
    },
    /// This binary holds no embedded sheet.
    #[error("use the embedded sheet: this binary was built without it; set SHEETKEEP_SPREADSHEET_ID to a spreadsheet")]
    NoEmbedded,
    /// A tab that was asked for is not there.
    #[error("show tab \"{wanted}\": the spreadsheet has {}", listed(there))]
    NoTab {
        /// The title asked for.
        wanted: String,
        /// The titles that are there.
        there: Vec<String>,
    },
    /// The program of a step can't be run: every item would fail.
    #[error("run the job: the program of step {step} can't be run: {why}")]
    NoProgram {
        /// The step.
        step: String,
        /// What is wrong with it.
        why: String,
    },
    /// The job has never run on this spreadsheet.
    #[error("find the job: it has never run on this spreadsheet; run it first")]
    NeverRan,
}

impl AppError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Pass(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Call(error) => error.fault(),
            Self::Busy { .. } => Fault::Fenced,
            Self::Machine(_) => Fault::Machine,
            Self::Source(error) => error.fault(),
            Self::Credentials(error) => error.fault(),
            Self::Address(error) => error.fault(),
            Self::Connect(error) => error.fault(),
            Self::Embedded { .. } | Self::NoEmbedded | Self::NoTab { .. } | Self::NoProgram { .. } | Self::NeverRan => {
                Fault::Corrupt
            }
        }
    }
}

fn listed(titles: &[String]) -> String {
    match titles {
        [] => "no tabs".to_owned(),
        titles => format!("the tabs \"{}\"", titles.join("\", \"")),
    }
}
