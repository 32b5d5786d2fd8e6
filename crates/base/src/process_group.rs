//! A program with all processes that it starts: one process group, which is ended as a whole.
//!
//! In scope: signals to a group, waiting for its end, killing it, also when it is dropped. Out of
//! scope: when a group is ended. A process that leaves the group on purpose (`setsid`) is not
//! reached.

use std::time::Duration;

use crate::clock::Clock;

/// Time between two checks whether a process of the group is left.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[cfg(unix)]
type Pid = rustix::process::Pid;
#[cfg(not(unix))]
type Pid = u32;

/// A signal to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupSignal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    HangUp,
    /// SIGQUIT.
    Quit,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
    /// SIGKILL.
    Kill,
}

/// The process group of a program. Dropping it kills what is left of the group, unless it was ended
/// or released before.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Option<Pid>,
}

impl ProcessGroup {
    /// Returns the group of a program that was started as the leader of its own group. Without an
    /// id, the program has ended and was waited for.
    pub fn from_leader(process_id: Option<u32>) -> Self {
        Self { leader: process_id.and_then(convert_pid) }
    }

    /// Releases the group: processes that a successful program left running may stay.
    pub fn release(&mut self) {
        self.leader = None;
    }

    /// Asks the whole group to end, and kills what is left of it after `grace`. `leader_end` waits
    /// for the program itself: until then it counts as alive.
    pub async fn end(&mut self, leader_end: impl Future<Output = ()>, grace: Duration, clock: &dyn Clock) {
        self.send(GroupSignal::Terminate);
        let group_end = async {
            leader_end.await;
            while self.is_alive() {
                clock.sleep(POLL_INTERVAL).await;
            }
        };
        let has_ended = tokio::select! {
            () = group_end => true,
            () = clock.sleep(grace) => false,
        };
        if !has_ended {
            self.send(GroupSignal::Kill);
        }
        self.release();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.send(GroupSignal::Kill);
    }
}

#[cfg(unix)]
impl ProcessGroup {
    /// Sends a signal to every process of the group. A group that has ended is not an error.
    pub fn send(&self, signal: GroupSignal) {
        use rustix::process::{Signal, kill_process_group};
        let Some(leader) = self.leader else { return };
        let signal = match signal {
            GroupSignal::Interrupt => Signal::INT,
            GroupSignal::Terminate => Signal::TERM,
            GroupSignal::HangUp => Signal::HUP,
            GroupSignal::Quit => Signal::QUIT,
            GroupSignal::User1 => Signal::USR1,
            GroupSignal::User2 => Signal::USR2,
            GroupSignal::Kill => Signal::KILL,
        };
        if let Err(error) = kill_process_group(leader, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(event = "program.signal_failed", %error, "a signal can't be sent to a program");
        }
    }

    /// Returns whether a process of the group is left.
    pub fn is_alive(&self) -> bool {
        let result = self.leader.map(rustix::process::test_kill_process_group);
        result.is_some_and(|result| result != Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(unix)]
fn convert_pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Without process groups only the program itself is killed, when its handle is dropped.
#[cfg(not(unix))]
impl ProcessGroup {
    /// Does nothing on this platform.
    pub fn send(&self, _: GroupSignal) {}

    /// Returns false on this platform.
    pub fn is_alive(&self) -> bool {
        false
    }
}

#[cfg(not(unix))]
fn convert_pid(number: u32) -> Option<Pid> {
    Some(number)
}
