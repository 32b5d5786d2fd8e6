//! Errors of the spreadsheet file, with messages for people.
//!
//! In scope: the errors, what to do about each, which of them are permanent.
//! Out of scope: their form on the wire (`crate::error`).

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::{ApiError, FailureCause};
use crate::storage::row_blob::RowBlobError;

/// `EMFILE` and `ENFILE`, which the standard library does not name. The numbers are the same on
/// every Unix.
const OPEN_FILES: [i32; 2] = [24, 23];

/// An error of the spreadsheet file.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file cannot be opened or created.
    #[error("failed to open {}: {cause}; check the path and its permissions", path.display())]
    Open {
        /// The file that was to be opened.
        path: PathBuf,
        /// The error of `SQLite` or the system.
        cause: String,
    },
    /// The file is no longer at its path.
    #[error("{} {how} while it was in use, and nothing more was written; put it back, or a copy of it, and start again", path.display())]
    Missing {
        /// The path at which the file was opened.
        path: PathBuf,
        /// What happened to it.
        how: &'static str,
    },
    /// The system failed to read or write the file.
    #[error("failed to read or write {}: {cause}; check the disk, and the room on it", path.display())]
    File {
        /// The file, or the log next to it.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// The file is not an `SQLite` file.
    #[error("{} is not a spreadsheet file of sheetkeep, and stays as it is; name another file", path.display())]
    OtherFormat {
        /// The file with other contents.
        path: PathBuf,
    },
    /// The file is an `SQLite` file of another program, or of a later version.
    #[error("{} is not a spreadsheet file of this version; name another file, or use the version that wrote it", path.display())]
    OtherSchema {
        /// The file with other contents.
        path: PathBuf,
    },
    /// The log next to a copied file belongs to another file.
    #[error("{} belongs to another spreadsheet file than the one beside it; move it away, and the -shm file with it", log.display())]
    OtherLog {
        /// The write-ahead log, whose name ends in `-wal`.
        log: PathBuf,
    },
    /// The path is a folder, or its folder is missing.
    #[error("{} can't hold spreadsheets: {why}", path.display())]
    UnusablePath {
        /// The path as given.
        path: PathBuf,
        /// What is wrong with the path.
        why: &'static str,
    },
    /// Another process locked the file for more than 30 s.
    #[error("another process keeps the spreadsheet file locked; stop it or try again")]
    Busy,
    /// One call took too long while others waited.
    #[error("the work of this call took longer than 10 s and was undone; send it in smaller parts")]
    TooLong,
    /// Unknown spreadsheet id.
    #[error("there is no spreadsheet with id {id}")]
    NoSpreadsheet {
        /// The requested id.
        id: String,
    },
    /// The spreadsheet id exists already.
    #[error("there already is a spreadsheet with id {id}")]
    IdTaken {
        /// The requested id.
        id: String,
    },
    /// A cell is protected against the writer.
    #[error("a cell is protected against this account")]
    Protected,
    /// A stored row cannot be decoded.
    #[error("row {row} of sheet {sheet}: {cause}")]
    DamagedRow {
        /// The sheet's id.
        sheet: i32,
        /// The row, zero-based.
        row: u32,
        /// The position of the decoding error.
        cause: RowBlobError,
    },
    /// A stored JSON text or number is invalid.
    #[error("the spreadsheet file holds something unreadable in {place}; restore it from a copy")]
    InvalidValue {
        /// The part of the file in which it was found, such as `rows`.
        place: &'static str,
    },
    /// The `SQLite` file is truncated or overwritten.
    #[error("the spreadsheet file is damaged ({0}); restore it from a copy")]
    DamagedFile(rusqlite::Error),
    /// The file or its folder is read-only.
    #[error("the spreadsheet file can't be written ({0}); check its permissions, and those of its folder")]
    ReadOnly(rusqlite::Error),
    /// `SQLite` failed: disk full, I/O error.
    #[error("the spreadsheet file failed: {0}; check the disk, and the room on it")]
    Sqlite(rusqlite::Error),
}

impl StorageError {
    /// Returns the error of a file that cannot be opened.
    pub fn open(path: &Path, cause: &dyn std::fmt::Display) -> Self {
        Self::Open { path: path.to_owned(), cause: cause.to_string() }
    }

    /// Returns the cause, if all further calls would fail as well.
    pub fn failure_cause(&self) -> Option<FailureCause> {
        match self {
            Self::Open { .. }
            | Self::UnusablePath { .. }
            | Self::Missing { .. }
            | Self::OtherFormat { .. }
            | Self::OtherSchema { .. }
            | Self::ReadOnly(_)
            | Self::Sqlite(_) => Some(FailureCause::Machine),
            Self::File { cause, .. } => {
                Some(if is_out_of_resources(cause) { FailureCause::Resource } else { FailureCause::Machine })
            }
            Self::OtherLog { .. } | Self::DamagedRow { .. } | Self::InvalidValue { .. } | Self::DamagedFile(_) => {
                Some(FailureCause::Contents)
            }
            Self::Busy | Self::TooLong | Self::NoSpreadsheet { .. } | Self::IdTaken { .. } | Self::Protected => None,
        }
    }
}

/// Returns whether the system has no open files or no memory left.
fn is_out_of_resources(error: &io::Error) -> bool {
    let no_open_files = error.raw_os_error().is_some_and(|number| OPEN_FILES.contains(&number));
    // `EAGAIN` and `ENOMEM`.
    no_open_files || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::DamagedFile(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => Self::ReadOnly(error),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoSpreadsheet { .. } => Self::not_found(),
            StorageError::IdTaken { .. } => ApiError::new(409, "ALREADY_EXISTS", "Requested entity already exists"),
            StorageError::Busy => Self::unavailable(),
            StorageError::TooLong => {
                let unavailable = Self::unavailable();
                Self { message: format!("{} It says: {error}.", unavailable.message), ..unavailable }
            }
            StorageError::Protected => Self::invalid_argument(
                "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection if \
                 you need to edit.",
            ),
            other => match other.failure_cause() {
                Some(failure_cause) => Self::of_file(failure_cause, other.to_string()),
                None => Self::internal(),
            },
        }
    }
}
