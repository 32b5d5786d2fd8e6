//! Trouble of this machine: what the operating system refuses, and which no item is to blame for.
//!
//! In scope: which errors of the system are the machine's, and of which kind. Out of scope: what a run does about them (`runner`), and
//! their exit codes (`cli::exit`).

use std::fmt;
use std::io::{self, ErrorKind};

/// `EMFILE` and `ENFILE`, for which the standard library has no name; the numbers are the same on every Unix.
const OPEN_FILES: [i32; 2] = [24, 23];
/// `EIO`, the same on every Unix.
const DEVICE: i32 = 5;

/// What the machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// A resource: open files, processes, threads, memory.
    Resource,
    /// Room on a disk, or the disk itself.
    Storage,
    /// A program of the job's: it is not there, or may not be executed.
    Program,
    /// A program of the job's for the moment: somebody is writing it.
    Busy,
}

/// The machine stands in the way, and not the item in hand: whoever meets it stops, and leaves the item as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineTrouble {
    /// What is refused.
    pub refused: Refused,
    /// What was to be done, and what the system said; a sentence without a full stop.
    pub why: String,
}

impl MachineTrouble {
    /// The trouble that `error` is, while `deed` was to be done (such as "the journal can't be written"); none where it says something
    /// about what was asked, and not about the machine.
    pub fn of_io(deed: &str, error: &io::Error) -> Option<Self> {
        refused(error).map(|refused| Self { refused, why: format!("{deed}: {error}") })
    }

    /// A resource that is refused in these words.
    pub fn resource(why: impl Into<String>) -> Self {
        Self { refused: Refused::Resource, why: why.into() }
    }

    /// Storage that is refused in these words.
    pub fn storage(why: impl Into<String>) -> Self {
        Self { refused: Refused::Storage, why: why.into() }
    }

    /// Whether it may be over in a moment, so that the same may be tried again within the run.
    pub fn passes(&self) -> bool {
        self.refused == Refused::Busy
    }
}

impl fmt::Display for MachineTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for MachineTrouble {}

/// Resources and storage; programs are known only where one is started.
fn refused(error: &io::Error) -> Option<Refused> {
    let number = error.raw_os_error();
    if number.is_some_and(|number| OPEN_FILES.contains(&number)) {
        return Some(Refused::Resource);
    }
    match error.kind() {
        // `EAGAIN` and `ENOMEM`.
        ErrorKind::WouldBlock | ErrorKind::OutOfMemory => Some(Refused::Resource),
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::FileTooLarge
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::StaleNetworkFileHandle => Some(Refused::Storage),
        _ if number == Some(DEVICE) => Some(Refused::Storage),
        _ => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_are_told_from_others() {
        let of = |number| MachineTrouble::of_io("x", &io::Error::from_raw_os_error(number)).map(|it| it.refused);
        for number in [24, 23, 11, 12] {
            assert_eq!(of(number), Some(Refused::Resource), "{}", io::Error::from_raw_os_error(number));
        }
        for number in [28, 122, 27, 30, 5] {
            assert_eq!(of(number), Some(Refused::Storage), "{}", io::Error::from_raw_os_error(number));
        }
        // Not there, not permitted, a broken pipe, too long a list of arguments: they are about what was asked.
        for number in [2, 13, 32, 7] {
            assert_eq!(of(number), None, "{}", io::Error::from_raw_os_error(number));
        }
    }
}
