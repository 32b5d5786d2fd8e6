//! Group commit: the first waiting writer copies the commits of all writers into the file, and the
//! others wait for it.
//!
//! In scope: which writer does it, which wait.
//! Out of scope: the checkpoint (`checkpoint`), the order of writers (`write_queue`).
//!
//! Syncing to disk takes most of the time. Writers therefore hold the write turn only until they
//! have committed to the log. Until the leader's next turn several others commit, and one sync
//! covers all of them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The commits of this process to one file.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    state: Mutex<GroupState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GroupState {
    /// Commits so far.
    committed: u64,
    /// Commits that are in the file.
    checkpointed: u64,
    is_led: bool,
}

/// What a writer does after its commit.
#[derive(Debug)]
pub(crate) enum CommitRole<'g> {
    /// Nothing: the commit is in the file already.
    Done,
    /// Copies all commits into the file.
    Leads(GroupLeader<'g>),
    /// Waits for another writer.
    Waits,
}

/// The right to copy commits into the file. If it is dropped without success, it passes to a
/// waiting writer.
#[derive(Debug)]
pub(crate) struct GroupLeader<'g>(&'g GroupCommit);

impl GroupCommit {
    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a commit. Returns its number.
    pub(crate) fn count_commit(&self) -> u64 {
        let mut state = self.state();
        state.committed += 1;
        state.committed
    }

    /// Returns the number of the last commit. No commit follows while the caller holds the write
    /// turn.
    pub(crate) fn last(&self) -> u64 {
        self.state().committed
    }

    /// Returns the role of a writer for its commit, without waiting.
    pub(crate) fn join(&self, commit: u64) -> CommitRole<'_> {
        let mut state = self.state();
        if state.checkpointed >= commit {
            return CommitRole::Done;
        }
        if std::mem::replace(&mut state.is_led, true) {
            CommitRole::Waits
        } else {
            CommitRole::Leads(GroupLeader(self))
        }
    }

    /// Waits until the commit is in the file. Returns the leader's role if the leader failed.
    pub(crate) fn wait(&self, commit: u64) -> Option<GroupLeader<'_>> {
        let waiting = self.changed.wait_while(self.state(), |state| state.checkpointed < commit && state.is_led);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        if state.checkpointed >= commit {
            return None;
        }
        state.is_led = true;
        Some(GroupLeader(self))
    }
}

impl GroupLeader<'_> {
    /// Records that all commits up to this number are in the file.
    pub(crate) fn record_checkpoint(self, through: u64) {
        let mut state = self.0.state();
        state.checkpointed = state.checkpointed.max(through);
    }
}

impl Drop for GroupLeader<'_> {
    fn drop(&mut self) {
        self.0.state().is_led = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect_leader(part: CommitRole<'_>) -> GroupLeader<'_> {
        match part {
            CommitRole::Leads(lead) => lead,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn one_brings_in_what_others_have_committed() {
        let group = GroupCommit::default();
        let [first, second] = [(); 2].map(|()| group.count_commit());
        let link_target = expect_leader(group.join(first));
        assert!(matches!(group.join(second), CommitRole::Waits));
        let through = group.last();
        let third = group.count_commit();
        link_target.record_checkpoint(through);
        assert!(matches!(group.join(second), CommitRole::Done) && group.wait(second).is_none());
        assert!(matches!(group.join(third), CommitRole::Leads(_)), "it came later");
    }

    #[test]
    fn where_one_fails_the_next_one_tries() {
        let group = GroupCommit::default();
        let [first, second] = [(); 2].map(|()| group.count_commit());
        let link_target = expect_leader(group.join(first));
        assert!(matches!(group.join(second), CommitRole::Waits));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| group.wait(second).map(|lead| lead.record_checkpoint(group.last())).is_some());
            drop(link_target);
            assert!(waiting.join().unwrap(), "it leads now");
        });
        assert!(group.wait(first).is_none());
    }
}
