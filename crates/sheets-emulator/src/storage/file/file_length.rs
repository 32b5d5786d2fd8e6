//! Whether a spreadsheet file has its whole length.
//!
//! `SQLite` fills a last page that is cut off with zeros, and takes a file of one byte for a new
//! one: a value would change in silence. The format of the header: <https://sqlite.org/fileformat.html>.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::storage::error::StorageError;

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
pub(crate) fn check_length(path: &Path, log: &Path) -> Result<(), StorageError> {
    let judge = || if has_content(log) { LengthVerdict::Whole } else { judge_length(path) };
    // Another process may write the log between two looks, so a bad length has to be seen twice.
    match (judge(), judge()) {
        (LengthVerdict::Whole, _) | (_, LengthVerdict::Whole) => Ok(()),
        (_, LengthVerdict::OtherFormat) => Err(StorageError::OtherFormat { path: path.to_owned() }),
        (_, LengthVerdict::CutOff) => {
            let code = ffi::Error { code: ErrorCode::DatabaseCorrupt, extended_code: ffi::SQLITE_CORRUPT };
            Err(StorageError::DamagedFile(Error::SqliteFailure(code, Some("its end is cut off".to_owned()))))
        }
    }
}

fn has_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.len() > 0)
}

/// Judges the file alone; one that can't be read is left to `SQLite`.
fn judge_length(path: &Path) -> LengthVerdict {
    let Ok((length, header)) = read_header(path) else { return LengthVerdict::Whole };
    if length == 0 {
        return LengthVerdict::Whole;
    }
    let number = |at: usize, bytes: usize| {
        header.get(at..at + bytes).unwrap_or_default().iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        return LengthVerdict::OtherFormat;
    }
    let page = match number(16, 2) {
        1 => 65_536,
        bytes => bytes.max(1),
    };
    // The number of pages counts only if the version that wrote it is the present one.
    let is_count_valid = number(24, 4) == number(92, 4);
    let is_short = is_count_valid && length < number(28, 4).saturating_mul(page);
    if is_short { LengthVerdict::CutOff } else { LengthVerdict::Whole }
}

fn read_header(path: &Path) -> io::Result<(u64, Vec<u8>)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    Ok((about.len(), header))
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
