//! A program with all processes that it starts: one process group, which is ended as a whole.
//!
//! In scope: asking a group to end, waiting, killing it, also when the waiting future is dropped.
//! Out of scope: when a group is ended (`step::command::command_step`). A process that leaves the
//! group on purpose (`setsid`) is not reached.

use std::time::Duration;

use tokio::process::Child;

use crate::clock::Clock;

/// Time between the request to end (SIGTERM) and the kill (SIGKILL).
pub const GRACE: Duration = Duration::from_secs(5);
/// Time between two checks whether a process of the group is left.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The process group of a program. Dropping it kills the group, unless the group ended or was
/// released before.
pub struct ProcessGroup {
    leader: Option<Pid>,
}

#[cfg(unix)]
type Pid = rustix::process::Pid;
#[cfg(not(unix))]
type Pid = u32;

/// A signal to a group.
#[derive(Clone, Copy)]
enum GroupSignal {
    Terminate,
    Kill,
}

impl ProcessGroup {
    /// Returns the group of a program that was started as the leader of its own group.
    pub fn from_leader(child: &Child) -> Self {
        Self { leader: child.id().and_then(pid) }
    }

    /// Releases the group: the program ended successfully, and processes that it left running may
    /// stay.
    pub fn release(&mut self) {
        self.leader = None;
    }

    /// Asks the whole group to end, and kills what is left of it after `GRACE`.
    pub async fn end(&mut self, child: &mut Child, clock: &dyn Clock) {
        self.send(GroupSignal::Terminate);
        let group_end = async {
            // An error means that the process can no longer be waited for.
            let _status = child.wait().await;
            while self.is_alive() {
                clock.sleep(POLL_INTERVAL).await;
            }
        };
        let has_ended = tokio::select! {
            () = group_end => true,
            () = clock.sleep(GRACE) => false,
        };
        if !has_ended {
            self.send(GroupSignal::Kill);
            let _status = child.wait().await;
        }
        self.leader = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.send(GroupSignal::Kill);
    }
}

#[cfg(unix)]
impl ProcessGroup {
    /// A missing process is not an error.
    fn send(&self, signal_kind: GroupSignal) {
        use rustix::process::{Signal, kill_process_group};
        let Some(leader) = self.leader else { return };
        let signal = match signal_kind {
            GroupSignal::Terminate => Signal::TERM,
            GroupSignal::Kill => Signal::KILL,
        };
        if let Err(error) = kill_process_group(leader, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(event = "step.kill_failed", %error, "a program can't be ended");
        }
    }

    fn is_alive(&self) -> bool {
        let result = self.leader.map(rustix::process::test_kill_process_group);
        result.is_some_and(|result| result != Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(unix)]
fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Without process groups only the program itself is killed, when its handle is dropped.
#[cfg(not(unix))]
impl ProcessGroup {
    fn send(&self, _: GroupSignal) {}

    fn is_alive(&self) -> bool {
        false
    }
}

#[cfg(not(unix))]
fn pid(number: u32) -> Option<Pid> {
    Some(number)
}
