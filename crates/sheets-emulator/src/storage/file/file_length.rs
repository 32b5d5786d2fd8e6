//! Whether a spreadsheet file has its whole length.
//!
//! `SQLite` fills a last page that is cut off with zeros: a value would change in silence. It takes a
//! file of one byte for a new one. The header's format: <https://sqlite.org/fileformat.html>.

use std::io;

use rusqlite::{Error, ErrorCode, ffi};

use crate::storage::error::StorageError;
use crate::storage::file::database_file::DatabaseFile;
use crate::storage::file::wal_copy::read_at;

/// Bytes of the header.
const HEADER_BYTES: usize = 100;
/// What each file of `SQLite` begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// What the length of a file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LengthVerdict {
    Whole,
    /// It is too short for a header, or begins with something else.
    OtherFormat,
    /// Its end is missing.
    CutOff,
}

/// Refuses a file that is shorter than its header says. It may be longer: a copy of the log may
/// follow (`wal_copy`). A file with a write-ahead log is not judged: `SQLite` completes it from there.
/// It reads through the descriptor that is held: closing another would drop this process's locks.
pub(crate) fn check_length(database_file: &DatabaseFile) -> Result<(), StorageError> {
    let judge = || match database_file.log_length() {
        Ok(0) => judge_length(database_file),
        _ => LengthVerdict::Whole,
    };
    // Another process may write the log between two looks, so a bad length has to be seen twice.
    let verdict = if judge() == LengthVerdict::Whole { LengthVerdict::Whole } else { judge() };
    match verdict {
        LengthVerdict::Whole => Ok(()),
        LengthVerdict::OtherFormat => Err(StorageError::OtherFormat { path: database_file.path().to_owned() }),
        LengthVerdict::CutOff => {
            let code = ffi::Error { code: ErrorCode::DatabaseCorrupt, extended_code: ffi::SQLITE_CORRUPT };
            Err(StorageError::DamagedFile(Error::SqliteFailure(code, Some("its end is cut off".to_owned()))))
        }
    }
}

/// Judges the file alone; one that can't be read is left to `SQLite`.
fn judge_length(database_file: &DatabaseFile) -> LengthVerdict {
    let Ok((header, length)) = read_header(database_file) else { return LengthVerdict::Whole };
    let Some(header) = header.filter(|header| header.starts_with(MAGIC)) else {
        return if length == 0 { LengthVerdict::Whole } else { LengthVerdict::OtherFormat };
    };
    let number = |at: usize, bytes: usize| {
        header.get(at..at + bytes).unwrap_or_default().iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    let page = match number(16, 2) {
        1 => 65_536,
        bytes => bytes,
    };
    // The number of pages counts only if the version that wrote it is the present one.
    let is_count_valid = number(24, 4) == number(92, 4);
    let is_short = is_count_valid && length < number(28, 4).saturating_mul(page);
    if is_short { LengthVerdict::CutOff } else { LengthVerdict::Whole }
}

/// Returns the header, `None` for a shorter file, and the length. That is read last: a file that grows
/// meanwhile is not cut off.
fn read_header(database_file: &DatabaseFile) -> io::Result<(Option<[u8; HEADER_BYTES]>, u64)> {
    let file = database_file.file()?;
    let mut header = [0; HEADER_BYTES];
    let read = match read_at(file, &mut header, 0) {
        Ok(()) => Some(header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
        Err(error) => return Err(error),
    };
    let about = file.metadata()?;
    if about.is_file() { Ok((read, about.len())) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    #[test]
    fn a_file_that_lacks_any_part_of_its_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my.sheet");
        let store = SpreadsheetStore::open(&path).unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        drop(store);
        let whole = std::fs::read(&path).unwrap();
        drop(SpreadsheetStore::open(&path).expect("it is whole"));
        for missing in [1, 100, 4_095, 4_096, 8_192] {
            std::fs::write(&path, &whole[..whole.len() - missing]).unwrap();
            let refused = SpreadsheetStore::open(&path).expect_err("it is cut off");
            assert!(matches!(refused, StorageError::DamagedFile(_)), "{missing}: {refused}");
            assert!(refused.to_string().contains("its end is cut off"), "{refused}");
        }
        for start in [1, 15, 99] {
            std::fs::write(&path, &whole[..start]).unwrap();
            let refused = SpreadsheetStore::open(&path).expect_err("it has no header");
            assert!(matches!(refused, StorageError::OtherFormat { .. }), "{start}: {refused}");
            assert_eq!(std::fs::read(&path).unwrap(), whole[..start]);
        }
    }
}
