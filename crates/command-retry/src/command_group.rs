//! The command with all processes that it starts: one process group. Dropping it kills what is left
//! of the group.
//!
//! A process that leaves the group on purpose (`setsid`) is not reached.

use tokio::process::Child;

use crate::signals::GroupSignal;
#[cfg(unix)]
use crate::signals::StopSignal;

#[cfg(unix)]
type Pid = rustix::process::Pid;
#[cfg(not(unix))]
type Pid = u32;

/// The process group of a command that was started as the leader of its own group.
pub(crate) struct CommandGroup {
    leader: Option<Pid>,
}

impl CommandGroup {
    /// Returns the group of this leader.
    pub(crate) fn from_leader(child: &Child) -> Self {
        Self { leader: child.id().and_then(pid) }
    }

    /// Leaves the group alone from now on: processes that a successful command left running stay.
    pub(crate) fn release(&mut self) {
        self.leader = None;
    }
}

impl Drop for CommandGroup {
    fn drop(&mut self) {
        self.send(GroupSignal::Kill);
    }
}

#[cfg(unix)]
impl CommandGroup {
    /// Sends a signal to every process of the group. A group that has ended is not an error.
    pub(crate) fn send(&self, signal: GroupSignal) {
        use rustix::process::{Signal, kill_process_group};
        let Some(leader) = self.leader else { return };
        let signal = match signal {
            GroupSignal::Stop(StopSignal::Interrupt) => Signal::INT,
            GroupSignal::Stop(StopSignal::Terminate) => Signal::TERM,
            GroupSignal::Stop(StopSignal::HangUp) => Signal::HUP,
            GroupSignal::Quit => Signal::QUIT,
            GroupSignal::User1 => Signal::USR1,
            GroupSignal::User2 => Signal::USR2,
            GroupSignal::Kill => Signal::KILL,
        };
        if let Err(error) = kill_process_group(leader, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(event = "command.trouble", %error, "a signal can't be passed on to the command");
        }
    }

    /// Returns whether a process of the group is left.
    pub(crate) fn is_alive(&self) -> bool {
        let result = self.leader.map(rustix::process::test_kill_process_group);
        result.is_some_and(|result| result != Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(unix)]
fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Without process groups only the command itself is killed, when its handle is dropped.
#[cfg(not(unix))]
impl CommandGroup {
    pub(crate) fn send(&self, _: GroupSignal) {}

    pub(crate) fn is_alive(&self) -> bool {
        false
    }
}

#[cfg(not(unix))]
fn pid(number: u32) -> Option<Pid> {
    Some(number)
}
