//! Commits that go into the file together: whoever comes first brings in what others have committed meanwhile, and they wait for it.
//!
//! In scope: who does it, who waits. Out of scope: how it is done (`settle`), and whose turn it is to write (`turns`).
//!
//! What costs time on the way into a file is to wait for the disk. So writers take turns only until they have committed to the log; by the time
//! at which the first of them has its next turn, several others have committed, and all of them are waited for at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The commits of one file, as this process makes them.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    state: Mutex<GroupState>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct GroupState {
    /// Commits so far.
    committed: u64,
    /// Those of them that are in the file.
    settled: u64,
    is_led: bool,
}

/// What a writer does about its commit.
#[derive(Debug)]
pub(crate) enum CommitRole<'g> {
    /// Nothing: it is in the file already.
    Done,
    /// It brings all that is committed into the file.
    Leads(GroupLeader<'g>),
    /// Another one does.
    Waits,
}

/// Whoever has this brings commits into the file. Dropped without a word of success, it is handed to one who waits.
#[derive(Debug)]
pub(crate) struct GroupLeader<'g>(&'g GroupCommit);

impl GroupCommit {
    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit was made in the turn of a writer: its number.
    pub(crate) fn commit(&self) -> u64 {
        let mut state = self.state();
        state.committed += 1;
        state.committed
    }

    /// The number of the last commit; none is made meanwhile where this is asked in a turn.
    pub(crate) fn last(&self) -> u64 {
        self.state().committed
    }

    /// What to do about the commit of this number; never waits.
    pub(crate) fn join(&self, commit: u64) -> CommitRole<'_> {
        let mut state = self.state();
        if state.settled >= commit {
            return CommitRole::Done;
        }
        if std::mem::replace(&mut state.is_led, true) {
            CommitRole::Waits
        } else {
            CommitRole::Leads(GroupLeader(self))
        }
    }

    /// Waits until the commit of this number is in the file; or until whoever was to bring it there has failed, and it is the caller's
    /// to do.
    pub(crate) fn wait(&self, commit: u64) -> Option<GroupLeader<'_>> {
        let waiting = self.moved.wait_while(self.state(), |state| state.settled < commit && state.is_led);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        if state.settled >= commit {
            return None;
        }
        state.is_led = true;
        Some(GroupLeader(self))
    }
}

impl GroupLeader<'_> {
    /// All commits up to this number are in the file.
    pub(crate) fn settled(self, through: u64) {
        let mut state = self.0.state();
        state.settled = state.settled.max(through);
    }
}

impl Drop for GroupLeader<'_> {
    fn drop(&mut self) {
        self.0.state().is_led = false;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(part: CommitRole<'_>) -> GroupLeader<'_> {
        match part {
            CommitRole::Leads(lead) => lead,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn one_brings_in_what_others_have_committed() {
        let group = GroupCommit::default();
        let [first, second] = [(); 2].map(|()| group.commit());
        let leads = lead(group.join(first));
        assert!(matches!(group.join(second), CommitRole::Waits));
        let through = group.last();
        let third = group.commit();
        leads.settled(through);
        assert!(matches!(group.join(second), CommitRole::Done) && group.wait(second).is_none());
        assert!(matches!(group.join(third), CommitRole::Leads(_)), "it came later");
    }

    #[test]
    fn where_one_fails_the_next_one_tries() {
        let group = GroupCommit::default();
        let [first, second] = [(); 2].map(|()| group.commit());
        let leads = lead(group.join(first));
        assert!(matches!(group.join(second), CommitRole::Waits));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| group.wait(second).map(|lead| lead.settled(group.last())).is_some());
            drop(leads);
            assert!(waiting.join().unwrap(), "it leads now");
        });
        assert!(group.wait(first).is_none());
    }
}
