//! Results of steps with outside effects, in files of the state directory until they are on the
//! sheet.
//!
//! In scope: one file for each run, synced before a result counts, and locked while the run lives;
//! journals of earlier runs. Out of scope: the lines' format (`ledger::runs::journal`), and whether
//! a result still counts (`runner::steps::journal_replay`).

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use futures_util::future::{BoxFuture, FutureExt};
use sha2::{Digest, Sha256};

use crate::failpoint;
use crate::ledger::runs::journal::{JournalHead, StepResult, encode_line};
use crate::machine::MachineError;
use crate::port::journal::{Journal, JournalFileError, LeftoverJournal};
use crate::private_files;

/// The ending of a journal's file name; a quarantined journal has another one.
const ENDING: &str = ".journal";
/// Bytes of one journal that are read at most. No run can leave more before its queue is full.
const MAX_BYTES: u64 = 256 << 20;

/// The journals of one job at one spreadsheet, in one state directory.
pub struct FileJournal {
    folder: PathBuf,
    own: Arc<Mutex<OwnJournal>>,
    /// Journals of earlier runs, locked for as long as this run may use them.
    held: Mutex<Vec<File>>,
}

/// This run's file, which exists from its first result on.
#[derive(Default)]
struct OwnJournal {
    file: Option<(PathBuf, File)>,
    /// Bytes of complete lines; an incomplete line is removed.
    whole: u64,
    /// Whether the file has a second head line.
    has_second_head: bool,
}

impl FileJournal {
    /// Returns the journals of `job` at `target`. Creates nothing before the first result.
    pub fn new(state_dir: &Path, job: &str, target: &str) -> Self {
        let digest = Sha256::digest(format!("{target}\u{1f}{job}").as_bytes());
        let name = HEXLOWER.encode(digest.get(..12).unwrap_or(&digest));
        Self { folder: state_dir.join("journals").join(name), own: Arc::default(), held: Mutex::default() }
    }

    fn fault(&self, action: &str, error: &io::Error) -> JournalFileError {
        make_journal_fault(&format!("{action} in {}", self.folder.display()), error)
    }
}

impl FileJournal {
    /// Keeps a result as `keep` does, on the calling thread.
    #[cfg(feature = "emulator")]
    pub fn keep_now(&self, head: &JournalHead, result: &StepResult) -> Result<(), JournalFileError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.append(&self.folder, head, &encode_line(result)).map_err(|error| self.fault("keep a result", &error))
    }
}

impl Journal for FileJournal {
    fn take_leftovers(&self) -> Result<Vec<LeftoverJournal>, JournalFileError> {
        let names = match list_names(&self.folder) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.fault("list journals", &error)),
        };
        let mut left = Vec::new();
        for name in names {
            match read_locked(&self.folder.join(&name)) {
                Ok(Some((file, bytes))) => {
                    self.held.lock().unwrap_or_else(PoisonError::into_inner).push(file);
                    left.push(LeftoverJournal { name, bytes });
                }
                // Its run is alive.
                Ok(None) => {}
                Err(error) => return Err(self.fault(&format!("read {name}"), &error)),
            }
        }
        Ok(left)
    }

    fn keep(&self, head: &JournalHead, result: &StepResult) -> BoxFuture<'static, Result<(), JournalFileError>> {
        let (own, folder) = (Arc::clone(&self.own), self.folder.clone());
        let (head, result, shown) = (head.clone(), encode_line(result), folder.clone());
        let work = move || own.lock().unwrap_or_else(PoisonError::into_inner).append(&folder, &head, &result);
        async move {
            let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)));
            done.map_err(|error| make_journal_fault(&format!("keep a result in {}", shown.display()), &error))
        }
        .boxed()
    }

    fn remove(&self, name: &str) -> Result<(), JournalFileError> {
        std::fs::remove_file(self.folder.join(name)).map_err(|error| self.fault(&format!("remove {name}"), &error))
    }

    fn quarantine(&self, name: &str) -> Result<String, JournalFileError> {
        let aside = self.folder.join(format!("{name}.aside"));
        std::fs::rename(self.folder.join(name), &aside)
            .map_err(|error| self.fault(&format!("set {name} aside"), &error))?;
        Ok(aside.display().to_string())
    }

    fn finish(&self) -> Result<(), JournalFileError> {
        let own = std::mem::take(&mut *self.own.lock().unwrap_or_else(PoisonError::into_inner));
        let Some((path, _file)) = own.file else { return Ok(()) };
        std::fs::remove_file(&path).map_err(|error| self.fault("remove this run's journal", &error))
    }
}

impl OwnJournal {
    fn append(&mut self, folder: &Path, head: &JournalHead, result: &str) -> io::Result<()> {
        failpoint::pass_point(failpoint::BEFORE_JOURNAL_WRITE);
        if let Some((_, file)) = &mut self.file {
            let head = if self.has_second_head { String::new() } else { encode_line(head) };
            let text = head + result;
            if let Err(error) = file.write_all(text.as_bytes()) {
                // The next line would not start on a line of its own.
                file.set_len(self.whole)?;
                return Err(error);
            }
            (self.whole, self.has_second_head) = (self.whole + text.len() as u64, true);
            failpoint::pass_point(failpoint::AFTER_JOURNAL_WRITE);
            file.sync_data()?;
            failpoint::pass_point(failpoint::AFTER_JOURNAL_SYNC);
            return Ok(());
        }
        private_files::make_folder(folder)?;
        let path = folder.join(format!("{}{ENDING}", head.run));
        let mut file = private_files::create_new(&path)?;
        file.try_lock().map_err(io::Error::from)?;
        let text = encode_line(head) + result;
        file.write_all(text.as_bytes())?;
        failpoint::pass_point(failpoint::AFTER_JOURNAL_WRITE);
        file.sync_all()?;
        // After a crash a file is found only if its folder was synced, too.
        File::open(folder)?.sync_all()?;
        failpoint::pass_point(failpoint::AFTER_JOURNAL_SYNC);
        (self.file, self.whole) = (Some((path, file)), text.len() as u64);
        Ok(())
    }
}

/// Returns the fault of a journal that can't be written or read. The machine is the cause, even if
/// the error is none of its known refusals.
fn make_journal_fault(action: &str, error: &io::Error) -> JournalFileError {
    let action = format!("failed to {action}");
    JournalFileError(
        MachineError::from_io(&action, error).unwrap_or_else(|| MachineError::storage(format!("{action}: {error}"))),
    )
}

fn list_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(ENDING) {
            names.push(name);
        }
    }
    // Runs are named by their start.
    names.sort_unstable();
    Ok(names)
}

/// Returns a journal's bytes, with the file locked; `None` while its run is alive.
fn read_locked(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let mut file = private_files::make_open_options().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
        Err(std::fs::TryLockError::Error(error)) => return Err(error),
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some((file, bytes)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ledger::runs::journal::read;

    fn result(key: &str) -> StepResult {
        let [key, version, shown, position] = [key, "", "", ""].map(str::to_owned);
        StepResult { key, version, shown, values: vec![json!(1)], record: json!({}), position }
    }

    #[tokio::test]
    async fn the_next_run_finds_what_a_dead_run_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = FileJournal::new(dir.path(), "j", "s");
        let head = JournalHead::new("j", "s", "d", "r1");
        for key in ["a", "b"] {
            first.keep(&head, &result(key)).await.expect("a disk");
        }
        let next = FileJournal::new(dir.path(), "j", "s");
        assert_eq!(next.take_leftovers(), Ok(Vec::new()));
        drop(first);
        let left = next.take_leftovers().expect("a directory");
        let journal = read(&left[0].bytes).expect("a journal");
        assert_eq!((left[0].name.as_str(), journal.results), ("r1.journal", vec![result("a"), result("b")]));
        assert_eq!(FileJournal::new(dir.path(), "j", "s").take_leftovers(), Ok(Vec::new()), "another process has it");
        next.remove("r1.journal").expect("it is there");
        drop(next);
        assert_eq!(FileJournal::new(dir.path(), "j", "s").take_leftovers(), Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_journal_that_is_set_aside_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let head = JournalHead::new("j", "s", "d", "r1");
        let first = FileJournal::new(dir.path(), "j", "s");
        first.keep(&head, &result("a")).await.expect("a disk");
        first.finish().expect("it is there");
        let second = FileJournal::new(dir.path(), "j", "s");
        assert_eq!(second.take_leftovers(), Ok(Vec::new()));
        second.keep(&head, &result("a")).await.expect("a disk");
        drop(second);
        let third = FileJournal::new(dir.path(), "j", "s");
        assert_eq!(third.take_leftovers().expect("a directory").len(), 1);
        let aside = third.quarantine("r1.journal").expect("it is there");
        assert!(Path::new(&aside).exists() && aside.ends_with("r1.journal.aside"), "{aside}");
    }

    #[test]
    fn where_nothing_was_ever_kept_nothing_is_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = FileJournal::new(dir.path(), "j", "s");
        assert_eq!((journal.take_leftovers(), journal.finish()), (Ok(Vec::new()), Ok(())));
        assert!(!dir.path().join("journals").exists());
    }
}
