//! Starting a worker: this very program, once more.
//!
//! In scope: which file is started, and how. Out of scope: talking to it (`step::worker::workers`).

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::step::worker::serve::WORD;

/// This program's file as the system keeps it open, so that it is the same one after an update, too.
const OWN: &str = "/proc/self/exe";

/// The file of the running program: where the system keeps it open, or else where it was started from.
pub(crate) fn own_program(started: Option<PathBuf>) -> Option<PathBuf> {
    let own = Path::new(OWN);
    if own.exists() { Some(own.to_owned()) } else { started }
}

/// Starts `program` as a worker. Nothing of the environment goes along, and its words say nothing of the job.
pub(crate) fn start(program: &Path) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.arg(WORD).env_clear().kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(unix)]
    {
        // Ctrl-C at the terminal asks sheetkeep to finish what is in hand; it is not meant for the worker.
        command.process_group(0).arg0("sheetkeep");
    }
    command.spawn()
}
