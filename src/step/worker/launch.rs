//! Starts a worker: this program itself, as another process.
//!
//! In scope: which file is started, and how. Out of scope: the exchange with it
//! (`step::worker::connection`).

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::step::worker::serve::WORKER_ARGUMENT;

/// This program's file, as the system keeps it open. So it is the same file even after an update.
const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// Returns the running program's file: the one that the system keeps open, or else the path that it
/// was started from.
pub(crate) fn find_own_program(started: Option<PathBuf>) -> Option<PathBuf> {
    let own = Path::new(OWN_EXECUTABLE);
    if own.exists() { Some(own.to_owned()) } else { started }
}

/// Starts `program` as a worker. It receives nothing of the environment, and its arguments contain
/// nothing of the job.
pub(crate) fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(WORKER_ARGUMENT).env_clear().kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    {
        // Ctrl-C at the terminal asks sheetkeep to finish the current items; the worker must not
        // receive it.
        command.process_group(0).arg0("sheetkeep");
    }
    command.spawn()
}
