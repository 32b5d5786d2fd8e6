//! What can go wrong with the file of the spreadsheets, in words for people.
//!
//! In scope: the errors, what to do about each, and which of them nothing but a person can end. Out of scope: their form on the wire
//! (`error`).

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::emulator::row_blob::BlobError;
use crate::fault::Fault;
use crate::machine::{MachineTrouble, Refused};

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file can't be opened or made.
    #[error("failed to open {}: {cause}; check the path and its permissions", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What `SQLite` or the system said.
        cause: String,
    },
    /// The file is not where it was opened any more.
    #[error("{} {how} while it was in use, and nothing more was written; put it back, or a copy of it, and go on", path.display())]
    Gone {
        /// Where it was.
        path: PathBuf,
        /// What became of it.
        how: &'static str,
    },
    /// The system refused to read or write the file.
    #[error("failed to read or write {}: {cause}; check the disk, and the room on it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// The file is no `SQLite` file, or one of a later version.
    #[error("{} is not a spreadsheet file of this version; move it away or use the version that wrote it", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The log beside a file that was copied alone is another file's.
    #[error("{} belongs to another spreadsheet file than the one beside it; move it away, and the -shm file with it", log.display())]
    ForeignLog {
        /// The log.
        log: PathBuf,
    },
    /// A folder stands where the file should be, or the file's folder is not there.
    #[error("{} can't hold spreadsheets: {why}", path.display())]
    Place {
        /// The file.
        path: PathBuf,
        /// What is there, or is not.
        why: &'static str,
    },
    /// Another process held the file for longer than the wait of 30 s.
    #[error("another process keeps the spreadsheet file locked; stop it or try again")]
    Busy,
    /// The work of one call took too long while others waited.
    #[error("the work of this call took longer than 10 s and was undone; send it in smaller parts")]
    TooLong,
    /// There is no spreadsheet of that id.
    #[error("there is no spreadsheet with id {id}")]
    NoSpreadsheet {
        /// The id asked for.
        id: String,
    },
    /// There already is a spreadsheet of that id.
    #[error("there already is a spreadsheet with id {id}")]
    Taken {
        /// The id asked for.
        id: String,
    },
    /// A cell that the writer may not edit.
    #[error("a cell is protected against this account")]
    Protected,
    /// A stored row can't be read.
    #[error("row {row} of sheet {sheet}: {cause}")]
    Row {
        /// The sheet's id.
        sheet: i32,
        /// The row, zero-based.
        row: u32,
        /// Where its bytes went wrong.
        cause: BlobError,
    },
    /// A stored JSON text or number is not what this version writes.
    #[error("the spreadsheet file holds something unreadable in {place}; restore it from a copy")]
    Damaged {
        /// The table.
        place: &'static str,
    },
    /// The file is no whole `SQLite` file: cut off, or overwritten in places.
    #[error("the spreadsheet file is damaged ({0}); restore it from a copy")]
    Broken(rusqlite::Error),
    /// The file, or its folder, may only be read.
    #[error("the spreadsheet file can't be written ({0}); check its permissions, and those of its folder")]
    ReadOnly(rusqlite::Error),
    /// `SQLite` refused: disk full, input or output failed.
    #[error("the spreadsheet file failed: {0}; check the disk, and the room on it")]
    Sqlite(rusqlite::Error),
}

/// Trouble with the file that no further call can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lasting {
    /// The machine: the file is gone, is another one, may not be written, or its disk is full or broken.
    Machine,
    /// The machine has no open files or no memory left.
    Resource,
    /// What is in the file.
    Contents,
}

impl StorageError {
    /// The file at `path` can't be opened, for this reason.
    pub fn open(path: &Path, cause: &dyn std::fmt::Display) -> Self {
        Self::Open { path: path.to_owned(), cause: cause.to_string() }
    }

    /// Whether all further calls would fail as well, and because of what.
    pub fn lasting(&self) -> Option<Lasting> {
        match self {
            Self::Open { .. }
            | Self::Place { .. }
            | Self::Gone { .. }
            | Self::Foreign { .. }
            | Self::ReadOnly(_)
            | Self::Sqlite(_) => Some(Lasting::Machine),
            Self::File { cause, .. } => {
                let trouble = MachineTrouble::from_io("", cause);
                let is_resource = trouble.is_some_and(|trouble| trouble.refused == Refused::Resource);
                Some(if is_resource { Lasting::Resource } else { Lasting::Machine })
            }
            Self::ForeignLog { .. } | Self::Row { .. } | Self::Damaged { .. } | Self::Broken(_) => {
                Some(Lasting::Contents)
            }
            Self::Busy | Self::TooLong | Self::NoSpreadsheet { .. } | Self::Taken { .. } | Self::Protected => None,
        }
    }

    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Busy | Self::TooLong | Self::Sqlite(_) | Self::File { .. } => Fault::Transient,
            Self::Open { .. } | Self::Place { .. } | Self::Gone { .. } | Self::ReadOnly(_) => Fault::Denied,
            Self::NoSpreadsheet { .. } | Self::Taken { .. } | Self::Protected => Fault::Rejected,
            Self::Foreign { .. }
            | Self::ForeignLog { .. }
            | Self::Row { .. }
            | Self::Damaged { .. }
            | Self::Broken(_) => Fault::Corrupt,
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Broken(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly(error),
            _ => Self::Sqlite(error),
        }
    }
}
