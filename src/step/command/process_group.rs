//! A program and all that it starts: one process group, which is ended as a whole.
//!
//! In scope: asking a group to end, waiting, killing it; also when whoever waited for it is dropped. Out of scope: when that is to be
//! (`step::command::command`). What leaves the group on purpose (`setsid`) is not reached.

use std::time::Duration;

use tokio::process::Child;

use crate::port::clock::Clock;

/// Between the request to end (SIGTERM) and the end (SIGKILL).
pub const GRACE: Duration = Duration::from_secs(5);
/// Between two looks whether anything of a group is left.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The group of a program; it is killed when this is dropped, unless it ended or was let go before.
pub struct ProcessGroup {
    leader: Option<Pid>,
}

#[cfg(unix)]
type Pid = rustix::process::Pid;
#[cfg(not(unix))]
type Pid = u32;

/// What is sent to a group.
#[derive(Clone, Copy)]
enum Word {
    End,
    Die,
}

impl ProcessGroup {
    /// The group that a program leads which was started in a group of its own.
    pub fn led_by(child: &Child) -> Self {
        Self { leader: child.id().and_then(pid) }
    }

    /// The program has ended well by itself: what it left behind is meant to stay.
    pub fn let_go(&mut self) {
        self.leader = None;
    }

    /// Asks all of the group to end, and kills what is left of it after a while.
    pub async fn end(&mut self, child: &mut Child, clock: &dyn Clock) {
        self.send(Word::End);
        let ended = async {
            // An error says that nobody can wait for it any more.
            let _status = child.wait().await;
            while self.is_there() {
                clock.sleep(LOOK_AGAIN).await;
            }
        };
        let has_ended = tokio::select! {
            () = ended => true,
            () = clock.sleep(GRACE) => false,
        };
        if !has_ended {
            self.send(Word::Die);
            let _status = child.wait().await;
        }
        self.leader = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.send(Word::Die);
    }
}

#[cfg(unix)]
impl ProcessGroup {
    /// That nobody is there is no error.
    fn send(&self, word: Word) {
        use rustix::process::{Signal, kill_process_group};
        let Some(leader) = self.leader else { return };
        let signal = match word {
            Word::End => Signal::TERM,
            Word::Die => Signal::KILL,
        };
        if let Err(error) = kill_process_group(leader, signal)
            && error != rustix::io::Errno::SRCH
        {
            tracing::warn!(%error, "a program can't be ended");
        }
    }

    fn is_there(&self) -> bool {
        let there = self.leader.map(rustix::process::test_kill_process_group);
        there.is_some_and(|there| there != Err(rustix::io::Errno::SRCH))
    }
}

#[cfg(unix)]
fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Without process groups the program alone is killed, by whoever drops it.
#[cfg(not(unix))]
impl ProcessGroup {
    fn send(&self, _: Word) {}

    fn is_there(&self) -> bool {
        false
    }
}

#[cfg(not(unix))]
fn pid(number: u32) -> Option<Pid> {
    Some(number)
}
