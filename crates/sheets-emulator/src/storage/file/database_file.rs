//! The spreadsheet file: its path, and the identity of the file at that path.
//!
//! In scope: creating it, keeping it open once per process, detecting that it was moved, deleted or
//! replaced.
//! Out of scope: its contents (`store`), the copy of the log at its end (`wal_copy`).
//!
//! Each inode is open once in a process, for as long as it is used. If a process closes any
//! descriptor of a file, the system drops all its locks on that file, including `SQLite`'s.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::storage::error::StorageError;

/// The identity of a file regardless of its path: device and inode number.
type FileIdentity = (u64, u64);

/// The open files.
static OPEN_FILES: Mutex<Vec<Weak<OpenFile>>> = Mutex::new(Vec::new());

fn open_files() -> MutexGuard<'static, Vec<Weak<OpenFile>>> {
    OPEN_FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file and its path.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    log: PathBuf,
    inode: Arc<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    identity: Option<FileIdentity>,
    file: Option<File>,
}

impl Drop for OpenFile {
    /// Closes the file while no other thread can look it up.
    fn drop(&mut self) {
        let mut open = open_files();
        open.retain(|other| other.strong_count() > 0);
        drop(self.file.take());
    }
}

impl DatabaseFile {
    /// Opens the file, or creates it for its owner only. A read-only file is opened read-only.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut open = open_files();
        let known =
            std::fs::metadata(path).ok().as_ref().and_then(read_identity).and_then(|identity| {
                open.iter().filter_map(Weak::upgrade).find(|inode| inode.identity == Some(identity))
            });
        let inode = if let Some(inode) = known {
            inode
        } else {
            let file = open_or_make(path)?;
            let inode = Arc::new(OpenFile { identity: read_identity(&file.metadata()?), file: Some(file) });
            open.push(Arc::downgrade(&inode));
            inode
        };
        drop(open);
        let path = path.canonicalize()?;
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        Ok(Self { path, log: log.into(), inode })
    }

    /// Returns the file.
    pub(crate) fn file(&self) -> io::Result<&File> {
        self.inode.file.as_ref().ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// Returns its canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of its log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the length of the log in bytes; 0 if there is none.
    pub(crate) fn log_length(&self) -> io::Result<u64> {
        match std::fs::metadata(&self.log) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Fails if another file, or none, is at the path.
    pub(crate) fn check_in_place(&self) -> Result<(), StorageError> {
        let moved = |how| Err(StorageError::Missing { path: self.path.clone(), how });
        match std::fs::metadata(&self.path) {
            Ok(found) if read_identity(&found) == self.inode.identity => Ok(()),
            Ok(_) => moved("was replaced by another file"),
            Err(error) if error.kind() == ErrorKind::NotFound => moved("was moved or deleted"),
            Err(error) => Err(StorageError::File { path: self.path.clone(), cause: error }),
        }
    }
}

fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_file(path)?;
            options.open(path)
        }
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            File::open(path).map_err(|_| error)
        }
        opened => opened,
    }
}

/// Creates the file at `path`, following links, for its owner only. A file that another process
/// creates meanwhile stays.
fn make_file(path: &Path) -> io::Result<()> {
    match make_with(path, OpenOptions::new().create_new(true)) {
        // A dangling link: the file is created at its target.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !path.exists() => {
            make_with(path, OpenOptions::new().create(true))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn make_with(path: &Path, options: &mut OpenOptions) -> io::Result<()> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    let file = options.append(true).open(path)?;
    // The umask may remove the owner's rights, so the mode is set explicitly.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    drop(file);
    Ok(())
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no such numbers")]
fn read_identity(found: &Metadata) -> Option<FileIdentity> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn read_identity(_: &Metadata) -> Option<FileIdentity> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_deleted_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("my.sheet"), folder.path().join("aside"));
        let home = DatabaseFile::open(&path).unwrap();
        assert!(home.check_in_place().is_ok());
        std::fs::rename(&path, &aside).unwrap();
        let moved = home.check_in_place().unwrap_err().to_string();
        assert!(moved.contains("my.sheet was moved or deleted"), "{moved}");
        std::fs::copy(&aside, &path).unwrap();
        let replaced = home.check_in_place().unwrap_err().to_string();
        assert!(replaced.contains("was replaced by another file"), "{replaced}");
        std::fs::rename(&aside, &path).unwrap();
        assert!(home.check_in_place().is_ok(), "it is back");
    }

    #[cfg(unix)]
    #[test]
    fn one_file_is_open_once_and_only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("my.sheet"), folder.path().join("link"));
        let first = DatabaseFile::open(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let second = DatabaseFile::open(&link).unwrap();
        assert!(Arc::ptr_eq(&first.inode, &second.inode) && second.log().ends_with("my.sheet-wal"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_made_at_the_end_of_a_link_and_keeps_its_mode() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        symlink(&real, &link).unwrap();
        make_file(&link).unwrap();
        assert_eq!(mode(&real), 0o600);
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o644)).unwrap();
        make_file(&real).unwrap();
        assert_eq!(mode(&real), 0o644);
    }
}
