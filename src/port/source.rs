//! The port for sources of records.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

use crate::fault::Fault;
use crate::ledger::items::item::Position;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;

/// A record as the source read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The record, or the error of this one record (the source continues after it).
    pub body: Result<Value, BadRecord>,
    /// The record's bytes if it could not be parsed; empty otherwise, because the body is complete.
    pub bytes: Vec<u8>,
    /// Its position in the source.
    pub position: Position,
    /// The position in the source once this record and all before it are settled. Only sources of
    /// the library with a `since` have one; files have none.
    pub cursor: Option<String>,
}

/// The row that names the fields of a source's records, as known before the first record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderRow {
    /// The file or address.
    pub what: String,
    /// The names of the fields that each record has.
    pub fields: Vec<String>,
    /// The delimiter that seems to separate the names, if it is not the configured one.
    pub delimiter: Option<char>,
    /// Unusual findings, as sentences.
    pub notes: Vec<String>,
}

/// Why one record can't be parsed; the others can.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadRecord(pub String);

/// Why a source can't continue.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// It does not exist.
    #[error("{what} was not found{hint}")]
    Missing {
        /// The file or address.
        what: String,
        /// The next thing to do, beginning with `; `, or empty.
        hint: String,
    },
    /// Access is denied.
    #[error("{what} may not be read: {why}")]
    Denied {
        /// The file or address.
        what: String,
        /// The system's message.
        why: String,
    },
    /// Its content is invalid from here on: a truncated file, a document that is not valid JSON.
    #[error("{position}: {why}")]
    InvalidContent {
        /// The position of the error.
        position: String,
        /// The error, and what to do.
        why: String,
    },
    /// Its content and the settings below `[source]` do not fit, or the settings leave a choice.
    #[error("{position}: {why}")]
    SettingsMismatch {
        /// The position of the text that shows it.
        position: String,
        /// What does not fit.
        why: String,
        /// The setting that decides it.
        advice: String,
    },
    /// Its content is ambiguous: a member of the path to its records occurs twice. A pass before
    /// processing stops there.
    #[error("{position}: {why}")]
    Ambiguous {
        /// The position of the second member.
        position: String,
        /// The duplicate, and what to do.
        why: String,
    },
    /// Its first bytes show another format than the job file names.
    #[error("{what} is {seen}; no record of it was read")]
    OtherFormat {
        /// The file or address.
        what: String,
        /// The format found.
        seen: String,
        /// The next thing to do.
        advice: String,
    },
    /// A stage, or another command that makes the records, failed.
    #[error("{what} failed: {why}")]
    Stage {
        /// The stage, such as `stage transform`.
        what: String,
        /// The error message.
        why: String,
        /// The next thing to do.
        advice: String,
        /// `Transient` if it may pass, `Inconsistent` if a file is not what it was, `Fenced` if another
        /// run has taken over, else `Rejected`.
        fault: Fault,
    },
    /// A read failed for a reason that may pass.
    #[error("{what} could not be read: {why}")]
    Unavailable {
        /// The file or address.
        what: String,
        /// The system's message.
        why: String,
    },
}

impl SourceError {
    /// The advice for an error document.
    pub const ERROR_DOCUMENT_ADVICE: &str =
        "the service refused to give the data: see what it says, then get the data and run again";
    /// The advice for text in place of data.
    pub const ERROR_TEXT_ADVICE: &str =
        "it looks like what a service says when it is out of order or refuses: see what wrote it, then run again";

    /// Returns the error for `what` that is one line of text in place of a table.
    pub fn from_one_line(what: &str, line: &str) -> Self {
        let shown: String = line.chars().take(120).collect();
        let seen = format!("one line of text and no table: {shown:?}");
        Self::OtherFormat { what: what.to_owned(), seen, advice: Self::ERROR_TEXT_ADVICE.to_owned() }
    }

    /// Returns the next step, if the error has one of its own.
    pub fn advice(&self) -> Option<&str> {
        match self {
            Self::SettingsMismatch { advice, .. } | Self::OtherFormat { advice, .. } | Self::Stage { advice, .. } => {
                Some(advice)
            }
            _ => None,
        }
    }

    /// Returns the class of the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Missing { .. }
            | Self::InvalidContent { .. }
            | Self::SettingsMismatch { .. }
            | Self::Ambiguous { .. }
            | Self::OtherFormat { .. } => Fault::Inconsistent,
            Self::Denied { .. } => Fault::Denied,
            Self::Unavailable { .. } => Fault::Transient,
            Self::Stage { fault, .. } => *fault,
        }
    }
}

/// A source of records, read from its start, or from a cursor, to its end.
pub trait Source: Send {
    /// Returns the next record; `None` at the end. After an error there is no next.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>>;

    /// Returns what is known about all records before the first one, such as a header row. `None`
    /// if the source has none, or if `next` would fail permanently. Must be called before `next`,
    /// if at all; may be called again.
    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        Box::pin(async { None })
    }

    /// True if a later run can read the same records again: a file can be, standard input can't.
    fn is_rereadable(&self) -> bool;

    /// Sets the source back to its start, at its end or after an error, for another pass. Until
    /// then, a source that was opened for several passes may return reduced records with only the
    /// members for key and version.
    fn rewind(&mut self) -> Result<(), SourceError>;

    /// Returns what the source found unusual since the last call, beside the notes of its header row,
    /// as sentences. Complete once `next` has returned `None`.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Takes what is done, once the run holds the lease and whenever nothing waits for a commit. A
    /// source that makes its records by work outside needs it before that work; `_lease` answers
    /// while it reads.
    fn on_claimed(&mut self, _index: &ProcessedIndex, _lease: &Arc<dyn LeaseCheck>) {}

    /// True if the source itself ends after a stop request, so that the run waits for that.
    fn ends_on_stop(&self) -> bool {
        false
    }

    /// Returns the progress: units read and in total (bytes for files), if known.
    fn progress(&self) -> Option<(u64, u64)>;
}
