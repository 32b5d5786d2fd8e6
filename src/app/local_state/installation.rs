//! This installation: its id, and the lock that keeps two runs of one job apart on this machine.
//!
//! In scope: the id in the state directory, the lock for each job and spreadsheet, the holder's
//! name in the lock file. Out of scope: leases (`ledger::leases::lease`). The lock only lets a run
//! take over immediately from a dead run of the same installation.
//!
//! Without a usable directory (a cloud function without a disk), the id is random for this process
//! and there is no lock. Then the lease of a dead run has to expire; the run reports this. A full
//! disk is different: nothing starts then.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::machine::MachineError;
use crate::private_files;
use crate::rng::Rng;

/// Bytes of a lock file that are read at most.
const MAX_HOLDER_BYTES: u64 = 1_000;

/// An installation, with its lock held for as long as it lives.
#[derive(Debug)]
pub struct Installation {
    /// Its random id.
    pub id: String,
    /// Why there is no lock; `None` if there is one.
    pub no_lock_reason: Option<String>,
    lock: Option<File>,
}

/// Why a run can't start here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockRefusal {
    /// Another run of this installation is alive, with the text of its lock file.
    ByRun(String),
    /// This machine refuses what the state directory needs.
    Machine(MachineError),
}

impl Installation {
    /// Returns the installation of this state directory, locked for `job` at `target`.
    pub fn acquire(dir: Option<&Path>, job: &str, target: &str, rng: &dyn Rng) -> Result<Self, LockRefusal> {
        let fresh = format!("{:016x}", rng.next_u64());
        let Some(dir) = dir else {
            let why = "no state directory is known: HOME and XDG_STATE_HOME are not set (--state-dir names one)";
            return Ok(Self { id: fresh, no_lock_reason: Some(why.to_owned()), lock: None });
        };
        let id = match read_or_write_id(dir, &fresh) {
            Ok(id) => id,
            Err(error) => return Self::open_unlocked(fresh, dir, &error),
        };
        match lock_in(dir, job, target) {
            Ok(LockAttempt::Acquired(file)) => Ok(Self { id, no_lock_reason: None, lock: Some(file) }),
            Ok(LockAttempt::Held(holder)) => Err(LockRefusal::ByRun(holder)),
            Err(error) => Self::open_unlocked(id, dir, &error),
        }
    }

    /// Returns whether no other run of this installation can be alive.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Writes the holder's name into the lock file; best effort, for people only.
    pub fn write_holder(&self, words: &str) {
        if let Some(file) = &self.lock
            && let Err(error) = write_over(file, words)
        {
            tracing::debug!(event = "lock.file_failed", %error, "the lock file could not be written");
        }
    }

    /// Continues without a directory that is read only or belongs to another user. A full or broken
    /// disk is an error.
    fn open_unlocked(id: String, dir: &Path, error: &io::Error) -> Result<Self, LockRefusal> {
        let failure = format!("the state directory {} can't be used", dir.display());
        match MachineError::from_io(&failure, error) {
            Some(machine_error) if error.kind() != io::ErrorKind::ReadOnlyFilesystem => {
                Err(LockRefusal::Machine(machine_error))
            }
            _ => Ok(Self { id, no_lock_reason: Some(format!("{failure}: {error}")), lock: None }),
        }
    }
}

/// Returns the lock file's text if a run of this installation is alive. Creates nothing.
pub fn find_active_holder(dir: Option<&Path>, job: &str, target: &str) -> Option<String> {
    let file = private_files::open(&lock_path(dir?, job, target)).ok()?;
    match lock_or_read(file).ok()? {
        LockAttempt::Acquired(_) => None,
        LockAttempt::Held(holder) => Some(holder),
    }
}

/// Returns the id of this state directory's installation, if it has one. Creates nothing.
pub fn read_known_id(dir: Option<&Path>) -> Option<String> {
    let text = read(&dir?.join("installation")).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

enum LockAttempt {
    Acquired(File),
    Held(String),
}

/// Returns the id in the directory. The first process writes its own, completely or not at all.
fn read_or_write_id(dir: &Path, fresh: &str) -> io::Result<String> {
    let path = dir.join("installation");
    match read(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    private_files::make_folder(dir)?;
    write_whole(&path, fresh)?;
    read(&path).map(|text| text.trim().to_owned())
}

/// Reads a file of the state directory. Links are not followed, because the id goes to the sheet.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    private_files::open(path)?.take(MAX_HOLDER_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file atomically: a reader sees all of it or nothing, even after a crash of the machine.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let beside = make_path_beside(path, text);
    let mut file = private_files::create_new(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn make_path_beside(path: &Path, salt: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{salt}"))
}

fn lock_path(dir: &Path, job: &str, target: &str) -> PathBuf {
    let digest = Sha256::digest(format!("{target}\u{1f}{job}").as_bytes());
    let name = format!("{}.lock", HEXLOWER.encode(digest.get(..12).unwrap_or(&digest)));
    dir.join("locks").join(name)
}

fn lock_in(dir: &Path, job: &str, target: &str) -> io::Result<LockAttempt> {
    let path = lock_path(dir, job, target);
    if let Some(locks) = path.parent() {
        private_files::make_folder(locks)?;
    }
    lock_or_read(private_files::open_or_create(&path)?)
}

/// Locks a file, or reads the holder's name.
fn lock_or_read(mut file: File) -> io::Result<LockAttempt> {
    match file.try_lock() {
        Ok(()) => Ok(LockAttempt::Acquired(file)),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = Read::by_ref(&mut file).take(MAX_HOLDER_BYTES).read_to_string(&mut holder);
            let holder = holder.trim();
            let known = read.is_ok() && !holder.is_empty();
            Ok(LockAttempt::Held(if known { holder.to_owned() } else { "another run".to_owned() }))
        }
    }
}

fn write_over(mut file: &File, words: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(words.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SeededRng;

    #[test]
    fn an_installation_keeps_its_id_and_a_second_run_is_informed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, two) = (SeededRng::new(1), SeededRng::new(2));
        let first = Installation::acquire(Some(dir.path()), "j", "s", &one).expect("no other run is there");
        first.write_holder("run r1 on host a");
        assert_eq!(find_active_holder(Some(dir.path()), "j", "s").as_deref(), Some("run r1 on host a"));
        assert_eq!((find_active_holder(Some(dir.path()), "k", "s"), find_active_holder(None, "j", "s")), (None, None));
        let holder = Installation::acquire(Some(dir.path()), "j", "s", &two).expect_err("the first one is there");
        assert_eq!(holder, LockRefusal::ByRun("run r1 on host a".into()));
        let other_job = Installation::acquire(Some(dir.path()), "k", "s", &two).expect("another job");
        assert_eq!(other_job.id, first.id);
        drop(first);
        // A process that another test starts holds a copy of every open file until its program
        // runs.
        let again = || Installation::acquire(Some(dir.path()), "j", "s", &two).ok();
        let next = std::iter::repeat_with(again).take(1_000_000).find_map(|entered| {
            std::thread::yield_now();
            entered
        });
        assert!(next.expect("it is gone").is_locked());
    }

    #[test]
    fn without_a_directory_there_is_an_id_and_no_lock() {
        let none = Installation::acquire(None, "j", "s", &SeededRng::new(1)).expect("no other run is there");
        assert!(!none.is_locked() && !none.id.is_empty());
        assert!(none.no_lock_reason.expect("a reason").contains("no state directory is known"));
    }

    #[cfg(unix)]
    #[test]
    fn state_is_its_owners_alone_and_a_linked_lock_harms_no_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("a directory");
        let (state, rng) = (dir.path().join("state"), SeededRng::new(1));
        drop(Installation::acquire(Some(&state), "j", "s", &rng).expect("no other run is there"));
        let lock = lock_path(&state, "j", "s");
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!([mode(&state), mode(&state.join("locks"))], [0o700, 0o700]);
        assert_eq!([mode(&lock), mode(&state.join("installation"))], [0o600, 0o600]);
        let precious = dir.path().join("precious");
        std::fs::write(&precious, "kept").expect("a file");
        std::fs::remove_file(&lock).expect("it is there");
        symlink(&precious, &lock).expect("a link");
        let entered = Installation::acquire(Some(&state), "j", "s", &rng).expect("no other run is there");
        entered.write_holder("a run");
        assert!(!entered.is_locked());
        assert_eq!(std::fs::read_to_string(&precious).expect("text"), "kept");
        assert_eq!(find_active_holder(Some(&state), "j", "s"), None);
    }

    #[test]
    fn a_directory_that_can_not_be_written_is_done_without() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        std::fs::write(&file, "x").expect("a file");
        let entered = Installation::acquire(Some(&file.join("below")), "j", "s", &SeededRng::new(1));
        let entered = entered.expect("no other run is there");
        assert!(!entered.is_locked() && entered.no_lock_reason.expect("a reason").contains("below"));
    }
}
