use std::path::PathBuf;

use rusqlite::Connection;

use super::*;
use crate::grid::cell::Cell;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

const PAGE: usize = 4096;

/// A sheet with rows, and a second commit of further rows: the file before, the log, and the file
/// after.
struct Commit {
    folder: tempfile::TempDir,
    before: Vec<u8>,
    log: Vec<u8>,
    after: Vec<u8>,
}

fn rows(from: u32) -> std::ops::Range<u32> {
    from..from + 400
}

fn write(connection: &Connection, from: u32) {
    let sql = "INSERT INTO rows (sheet, bare, row, cells) SELECT sheet, 0, ?1, cells FROM rows WHERE row = 0";
    for row in rows(from) {
        connection.execute(sql, [row]).unwrap();
    }
}

impl Commit {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sheet");
        let store = SpreadsheetStore::open(&path).unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("some words that take some room in a page")]).unwrap();
        tx.commit().unwrap();
        drop(store);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA wal_autocheckpoint = 0; BEGIN").unwrap();
        write(&connection, 1);
        connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE); BEGIN").unwrap();
        write(&connection, 401);
        connection.execute_batch("COMMIT").unwrap();
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        let (before, log) = (read(path.clone()), read(folder.path().join("a.sheet-wal")));
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let after = read(path);
        assert!(after.len() > before.len(), "the commit takes further pages");
        Self { folder, before, log, after }
    }

    /// Returns a copy of the file alone, taken when the log's copy existed and this many pages were
    /// overwritten.
    fn copied_at(&self, pages: usize) -> PathBuf {
        let path = self.folder.path().join("copy.sheet");
        let log = self.folder.path().join("a.log");
        std::fs::write(&path, &self.before).unwrap();
        std::fs::write(&log, &self.log).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        WalCopy::append_to(&file, &log, self.after.len() as u64).unwrap();
        write_at(&file, &self.after[..pages * PAGE], 0).unwrap();
        path
    }
}

fn rows_in(path: &Path) -> usize {
    let store = SpreadsheetStore::open(path).unwrap();
    let tx = store.read("s").unwrap();
    tx.rows(0, 0..u32::MAX).unwrap().len()
}

#[test]
fn a_copy_is_whole_however_many_pages_were_written_over() {
    let commit = Commit::new();
    for pages in 0..=commit.after.len() / PAGE {
        let copy = commit.copied_at(pages);
        assert_eq!(rows_in(&copy), 801, "{pages} pages");
        assert!(std::fs::read(&copy).unwrap() == commit.after, "{pages} pages: nothing is left behind the last page");
    }
}

#[test]
fn an_incomplete_tail_counts_as_none() {
    let commit = Commit::new();
    let copy = commit.copied_at(0);
    let whole = std::fs::read(&copy).unwrap();
    for cut in [1, 63, 64, 5000] {
        std::fs::write(&copy, &whole[..whole.len() - cut]).unwrap();
        assert_eq!(rows_in(&copy), 401, "{cut} bytes too short");
    }
    let mut spoilt = whole.clone();
    spoilt[whole.len() - 5000] ^= 1;
    std::fs::write(&copy, spoilt).unwrap();
    assert_eq!(rows_in(&copy), 401, "one bit is another one");
}

#[test]
fn a_log_of_another_file_beside_a_copy_is_not_taken_for_its_own() {
    let commit = Commit::new();
    let (copy, other) = (commit.copied_at(2), Commit::new());
    std::fs::write(commit.folder.path().join("copy.sheet-wal"), &other.log).unwrap();
    let refused = SpreadsheetStore::open(&copy).unwrap_err();
    assert!(matches!(refused, StorageError::OtherLog { .. }), "{refused}");
    std::fs::write(commit.folder.path().join("copy.sheet-wal"), &commit.log).unwrap();
    assert_eq!(rows_in(&copy), 801, "its own log");
}
