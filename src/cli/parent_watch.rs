//! The end of the process that started this one.
//!
//! In scope: noticing it by the parent's id, and by the end of a piped standard input. Out of
//! scope: what ends then (`commands::emulate`).
//!
//! A test runner that is killed ends no children. Its pipe closes and its children get another
//! parent, whatever killed it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// How often the parent's id is read. It is a system call without any wait.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits for the end of the parent.
pub struct ParentWatch {
    clock: Arc<dyn Clock>,
    input_ended: CancellationToken,
    parent: u32,
}

impl ParentWatch {
    /// Starts to watch. A standard input that is a pipe is read to its end, and what it holds is
    /// ignored. A terminal, a file or none at all is not read.
    pub fn start(clock: Arc<dyn Clock>) -> Self {
        let input_ended = CancellationToken::new();
        if let Some(input) = find_piped_input() {
            let ended = input_ended.clone();
            // Such a read can't be cancelled, so no runtime may wait for it.
            std::thread::spawn(move || {
                read_to_end(input);
                ended.cancel();
            });
        }
        Self { clock, input_ended, parent: read_parent_id() }
    }

    /// Resolves once the parent has ended, or its end of the pipe.
    pub async fn wait_for_end(&self) {
        let other_parent = async {
            while read_parent_id() == self.parent {
                self.clock.sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = self.input_ended.cancelled() => {}
            () = other_parent => {}
        }
    }
}

fn read_to_end(mut input: impl Read) {
    let mut ignored = [0; 4096];
    loop {
        match input.read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(unix)]
fn read_parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Returns always the same: only standard input is watched.
#[cfg(not(unix))]
fn read_parent_id() -> u32 {
    0
}

/// Returns standard input, if it is a pipe or a socket.
#[cfg(unix)]
fn find_piped_input() -> Option<File> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;

    let input = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let kind = input.metadata().ok()?.file_type();
    (kind.is_fifo() || kind.is_socket()).then_some(input)
}

/// Returns nothing: where files have no such types, only a signal ends the process.
#[cfg(not(unix))]
fn find_piped_input() -> Option<File> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::TestClock;
    use crate::time::Timestamp;

    fn watch(parent: u32) -> ParentWatch {
        let clock = Arc::new(TestClock::starting_at(Timestamp(0)));
        ParentWatch { clock, input_ended: CancellationToken::new(), parent }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_pipe_or_another_parent_ends_the_watch() {
        let closed = watch(read_parent_id());
        closed.input_ended.cancel();
        closed.wait_for_end().await;
        watch(u32::MAX).wait_for_end().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_parent_that_lives_is_waited_for() {
        let alive = watch(read_parent_id());
        assert!(tokio::time::timeout(Duration::from_mins(1), alive.wait_for_end()).await.is_err());
    }

    #[test]
    fn what_a_pipe_holds_is_read_to_its_end() {
        read_to_end(&b"anything"[..]);
    }
}
