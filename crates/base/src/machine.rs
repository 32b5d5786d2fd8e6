//! Errors of this machine: refusals of the operating system that no item causes.
//!
//! In scope: which system errors are the machine's, and their kind. Out of scope: the run's
//! reaction (`runner`), and exit codes (`cli::exit`).

use std::fmt;
use std::io::{self, ErrorKind};

/// `EMFILE` and `ENFILE`, which have no name in the standard library; the numbers are the same on
/// every Unix.
const OPEN_FILES: [i32; 2] = [24, 23];
/// `EIO`, the same on every Unix.
const DEVICE: i32 = 5;

/// What the machine refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MachineRefusal {
    /// A resource: open files, processes, threads, memory.
    Resource,
    /// Disk space, or the disk itself.
    Storage,
    /// A program of the job: it does not exist, or may not be executed.
    Program,
    /// A program of the job, temporarily: it is being written.
    Busy,
}

/// An error of the machine, not of the item: the run stops, and the item is untouched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineError {
    /// What is refused.
    pub refused: MachineRefusal,
    /// The failed operation and the system's message; a sentence without a full stop.
    pub why: String,
}

impl MachineError {
    /// Converts `error` of the operation `operation` (such as "the journal can't be written").
    /// Returns `None` if the request was wrong and not the machine.
    pub fn from_io(operation: &str, error: &io::Error) -> Option<Self> {
        classify_refusal(error).map(|refused| Self { refused, why: format!("{operation}: {error}") })
    }

    /// Creates the error of a refused resource with this message.
    pub fn resource(why: impl Into<String>) -> Self {
        Self { refused: MachineRefusal::Resource, why: why.into() }
    }

    /// Creates the error of refused storage with this message.
    pub fn storage(why: impl Into<String>) -> Self {
        Self { refused: MachineRefusal::Storage, why: why.into() }
    }

    /// True if it may pass soon, so that a retry within the run is sensible.
    pub fn passes(&self) -> bool {
        self.refused == MachineRefusal::Busy
    }
}

impl fmt::Display for MachineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for MachineError {}

/// Classifies resources and storage; errors of programs are recognised only where one is started.
fn classify_refusal(error: &io::Error) -> Option<MachineRefusal> {
    let number = error.raw_os_error();
    if number.is_some_and(|number| OPEN_FILES.contains(&number)) {
        return Some(MachineRefusal::Resource);
    }
    match error.kind() {
        // `EAGAIN` and `ENOMEM`.
        ErrorKind::WouldBlock | ErrorKind::OutOfMemory => Some(MachineRefusal::Resource),
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::FileTooLarge
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::StaleNetworkFileHandle => Some(MachineRefusal::Storage),
        _ if number == Some(DEVICE) => Some(MachineRefusal::Storage),
        _ => None,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_machine_differ_from_others() {
        let of = |number| MachineError::from_io("x", &io::Error::from_raw_os_error(number)).map(|it| it.refused);
        for number in [24, 23, 11, 12] {
            assert_eq!(of(number), Some(MachineRefusal::Resource), "{}", io::Error::from_raw_os_error(number));
        }
        for number in [28, 122, 27, 30, 5] {
            assert_eq!(of(number), Some(MachineRefusal::Storage), "{}", io::Error::from_raw_os_error(number));
        }
        // Not found, not permitted, broken pipe, argument list too long: the request was wrong.
        for number in [2, 13, 32, 7] {
            assert_eq!(of(number), None, "{}", io::Error::from_raw_os_error(number));
        }
    }
}
