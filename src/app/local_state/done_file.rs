//! Files that record that something is done for a date: `{name}_{date}.done`.
//!
//! In scope: their names and contents, and a lock that keeps two processes of one machine apart.
//! Out of scope: what is done (`cli::commands::scripts::once`).
//!
//! A file that exists means done, whatever is in it. It is written as a whole after the work, so a
//! process that is killed leaves none.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::private_files;
use crate::time::Timestamp;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// The version of the file.
const SCHEMA_VERSION: u32 = 1;

/// What is done; it is part of a file's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DoneName(String);

impl DoneName {
    /// Checks a name: letters, digits, `_`, `.` and `-`, not first a dot or a dash.
    pub fn new(text: &str) -> Result<Self, String> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        if text.is_empty() || !is_plain || text.starts_with(['.', '-']) || text.len() > MAX_NAME_BYTES {
            return Err(format!("a name has letters, digits, `_`, `.` and `-`, at most {MAX_NAME_BYTES}"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The file about one name and one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneFile {
    folder: PathBuf,
    stem: String,
}

impl DoneFile {
    /// Returns the file's place in `folder`.
    pub fn new(folder: &Path, name: &DoneName, date: Date) -> Self {
        Self { folder: folder.to_owned(), stem: format!("{name}_{date}") }
    }

    /// Returns its path.
    pub fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.done", self.stem))
    }

    /// Returns whether it is there.
    pub fn is_done(&self) -> io::Result<bool> {
        self.path().try_exists()
    }

    /// Makes the folder and takes the lock; `None` if another process has it.
    pub fn lock(&self) -> io::Result<Option<DoneLock>> {
        private_files::make_folder(&self.folder)?;
        let path = self.folder.join(format!(".{}.lock", self.stem));
        loop {
            let file = private_files::open_or_create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last holder may have deleted it between the two calls.
            if is_same_file(&file, &path)? {
                return Ok(Some(DoneLock { path, _file: file }));
            }
        }
    }

    /// Writes the file as a whole, durably. `command` is stored as a hash: it may hold a secret.
    pub fn write(&self, at: Timestamp, seconds: f64, command: &str) -> io::Result<()> {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(command.as_bytes()));
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "at": at.to_string(),
            "exit_code": 0,
            "duration_s": seconds,
            "command_sha256": digest,
        });
        private_files::write_atomically(&self.path(), format!("{document}\n").as_bytes())
    }

    /// Deletes the file, if it is there.
    pub fn delete(&self) -> io::Result<()> {
        match std::fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The right to work on one name and date. It ends when it is dropped, or with the process.
#[derive(Debug)]
pub struct DoneLock {
    path: PathBuf,
    _file: File,
}

impl Drop for DoneLock {
    fn drop(&mut self) {
        // It is still locked: who opens it now sees that it is another file.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    match std::fs::metadata(path) {
        Ok(there) => file.metadata().map(|ours| (ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path) -> DoneFile {
        let name = DoneName::new("daily").expect("a name");
        DoneFile::new(folder, &name, jiff::civil::date(2026, 11, 29))
    }

    #[test]
    fn a_name_fits_into_a_file_name() {
        for bad in ["", "a/b", "..", "-x", ".x", "ä", "a b", &"x".repeat(101)] {
            assert!(DoneName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_written_means_done_until_it_is_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file(&folder.path().join("a/b"));
        assert!(!file.is_done().expect("asked"));
        let lock = file.lock().expect("locked").expect("free");
        assert!(file.lock().expect("asked").is_none(), "another has it");
        file.write(Timestamp(0), 1.5, "cp a b").expect("written");
        drop(lock);
        assert!(file.is_done().expect("asked") && file.path().ends_with("daily_2026-11-29.done"));
        file.delete().expect("deleted");
        file.delete().expect("nothing is left");
        assert!(!file.is_done().expect("asked") && file.lock().expect("locked").is_some());
        let left = std::fs::read_dir(folder.path().join("a/b")).expect("a list").count();
        assert_eq!(left, 0, "no lock file is left");
    }
}
