//! Where items come from.

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;

use crate::fault::Fault;
use crate::ledger::item::item::Position;

/// A record as the source found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The record, or what is wrong with this one record (the source goes on after it).
    pub body: Result<Value, BadRecord>,
    /// The record's own bytes where it could not be read; empty otherwise (the body says it all).
    pub bytes: Vec<u8>,
    /// Where it stood.
    pub position: Position,
    /// A mark to which the source can be set back, once this record and all before it are settled.
    pub cursor: Option<String>,
}

/// The row that names the fields of a source's records, as the source knows it before the first one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderRow {
    /// The file or address.
    pub what: String,
    /// The names of the fields that each record has.
    pub fields: Vec<String>,
    /// The delimiter that seems to set the names apart, where it is not the one that the job file says.
    pub delimiter: Option<char>,
    /// What is odd, in sentences.
    pub notes: Vec<String>,
}

/// Why one record can't be read; the others can.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadRecord(pub String);

/// Why a source can't go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// It is not there.
    #[error("{what} was not found{hint}")]
    Missing {
        /// The file or address.
        what: String,
        /// What to do next, beginning with `; `, or empty.
        hint: String,
    },
    /// It may not be read.
    #[error("{what} may not be read: {why}")]
    Denied {
        /// The file or address.
        what: String,
        /// What the system said.
        why: String,
    },
    /// It is there, but not what it should be, from here on: a feed that was cut off, a document that is no JSON.
    #[error("{position}: {why}")]
    Broken {
        /// Where.
        position: String,
        /// What is wrong there, and what to do.
        why: String,
    },
    /// It says two things, and which of them is meant nobody can know: a member of the path to its records that comes twice. Whoever reads
    /// it before records are processed stops there.
    #[error("{position}: {why}")]
    Ambiguous {
        /// Where the second one begins.
        position: String,
        /// What comes twice, and what to do.
        why: String,
    },
    /// It is something else than what the job file says, as its first bytes show.
    #[error("{what} is {seen}; no record of it was read")]
    Foreign {
        /// The file or address.
        what: String,
        /// What it is.
        seen: String,
        /// What to do next.
        advice: String,
    },
    /// Reading failed for a reason that may pass.
    #[error("{what} could not be read: {why}")]
    Unavailable {
        /// The file or address.
        what: String,
        /// What the system said.
        why: String,
    },
}

impl SourceError {
    /// What to do about an error document.
    pub const REFUSED: &str = "the service refused to give the data: see what it says, then get the data and run again";
    /// What to do about text in place of data.
    pub const SAID: &str =
        "it looks like what a service says when it is out of order or refuses: see what wrote it, then run again";

    /// `what` is one line of text, in place of a table.
    pub fn one_line(what: &str, line: &str) -> Self {
        let shown: String = line.chars().take(120).collect();
        let seen = format!("one line of text and no table: {shown:?}");
        Self::Foreign { what: what.to_owned(), seen, advice: Self::SAID.to_owned() }
    }

    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Missing { .. } | Self::Broken { .. } | Self::Ambiguous { .. } | Self::Foreign { .. } => {
                Fault::Corrupt
            }
            Self::Denied { .. } => Fault::Denied,
            Self::Unavailable { .. } => Fault::Transient,
        }
    }
}

/// A source of records, read from its start, or from a cursor, to its end.
pub trait Source: Send {
    /// The next record; `None` at the end. After an error there is no next.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>>;

    /// What is known of all records before the first one, such as the names in a header row; none where a source has no such thing, or
    /// where `next` fails for good at once. Asked before `next`, or not at all.
    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        Box::pin(async { None })
    }

    /// Whether a later run can read the same records again: a file can be, standard input can't.
    fn rereadable(&self) -> bool;

    /// Sets it back to its start, at its end or after an error, to read the same records once more. One that was opened for that
    /// may make less of each record until then: what its key and version are found in.
    fn rewind(&mut self) -> Result<(), SourceError>;

    /// How far it is, for a progress bar: units read and units in all (bytes for files), where that is known.
    fn progress(&self) -> Option<(u64, u64)>;
}
