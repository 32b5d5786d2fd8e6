//! What can go wrong with the file of the spreadsheets, in words for people.
//!
//! In scope: the errors, what to do about each, and which of them nothing but a person can end. Out of scope: their form on the wire
//! (`error`).

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::{ApiError, FailureCause};
use crate::storage::row_blob::RowBlobError;

/// `EMFILE` and `ENFILE`, for which the standard library has no name; the numbers are the same on every Unix.
const OPEN_FILES: [i32; 2] = [24, 23];

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
        cause: RowBlobError,
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

impl StorageError {
    /// The file at `path` can't be opened, for this reason.
    pub fn open(path: &Path, cause: &dyn std::fmt::Display) -> Self {
        Self::Open { path: path.to_owned(), cause: cause.to_string() }
    }

    /// Whether all further calls would fail as well, and because of what.
    pub fn failure_cause(&self) -> Option<FailureCause> {
        match self {
            Self::Open { .. }
            | Self::Place { .. }
            | Self::Gone { .. }
            | Self::Foreign { .. }
            | Self::ReadOnly(_)
            | Self::Sqlite(_) => Some(FailureCause::Machine),
            Self::File { cause, .. } => {
                Some(if is_out_of_resources(cause) { FailureCause::Resource } else { FailureCause::Machine })
            }
            Self::ForeignLog { .. } | Self::Row { .. } | Self::Damaged { .. } | Self::Broken(_) => {
                Some(FailureCause::Contents)
            }
            Self::Busy | Self::TooLong | Self::NoSpreadsheet { .. } | Self::Taken { .. } | Self::Protected => None,
        }
    }
}

/// Whether the system has no open files or no memory left.
fn is_out_of_resources(error: &io::Error) -> bool {
    let no_open_files = error.raw_os_error().is_some_and(|number| OPEN_FILES.contains(&number));
    // `EAGAIN` and `ENOMEM`.
    no_open_files || matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory)
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

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::NoSpreadsheet { .. } => Self::not_found(),
            StorageError::Taken { .. } => ApiError::new(409, "ALREADY_EXISTS", "Requested entity already exists"),
            StorageError::Busy => Self::unavailable(),
            StorageError::TooLong => {
                let unavailable = Self::unavailable();
                Self { message: format!("{} It says: {error}.", unavailable.message), ..unavailable }
            }
            StorageError::Protected => Self::invalid_argument(
                "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection if \
                 you need to edit.",
            ),
            told => match told.failure_cause() {
                Some(failure_cause) => Self::of_file(failure_cause, told.to_string()),
                None => Self::internal(),
            },
        }
    }
}
