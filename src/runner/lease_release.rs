//! Releases the lease of a run that can't continue although the sheet is writable, and closes its
//! row in Runs.
//!
//! In scope: one more commit without items, if nothing forbids it. Out of scope: why the run ends
//! (`runner::run_loop`).
//!
//! Without it, other machines would wait until the lease expires. It is tried once with the run's
//! row and once without. If the service refuses both, the lease expires by itself.

use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::run::run::{Run, RunStatus};
use crate::runner::commit_queue::CommitQueue;
use crate::runner::committer::Committer;
use crate::runner::intake::Intake;

impl Committer {
    /// Releases the lease and closes the run's row with the error `why`. Queued items are left to
    /// the next run.
    pub(super) async fn give_back(&mut self, why: &str, intake: &mut Intake, queue: &mut CommitQueue) {
        let finished = self.settler.clock.now();
        let close =
            |run: Run| Run { status: RunStatus::Failed, message: why.to_owned(), finished: Some(finished), ..run };
        if self.is_busy() {
            let ending = self.commit_finished().await;
            if self.ended(ending, intake, queue, &close).await.is_err() || self.is_busy() {
                return;
            }
        }
        for with_its_row in [true, false] {
            if !self.may_give_back() {
                return;
            }
            self.chain.may_give_back();
            let told = self.told;
            self.told |= !with_its_row;
            if self.begin(Vec::new(), intake, Some(&close)).is_err() {
                return;
            }
            let ending = self.commit_finished().await;
            self.in_flight = None;
            match ending.end {
                CommitEnd::Applied(id) => {
                    let applied = self.applied(id, ending.commit.to, ending.took_ms, intake, queue);
                    tracing::debug!(?applied, with_its_row, "the lease was given back");
                    return;
                }
                CommitEnd::Refused(_) => self.told = told,
                _ => return,
            }
        }
    }

    /// Not with misplaced rows, whose undo records belong to the present head. Not during a
    /// rollover, because every commit of that records where the job is active.
    fn may_give_back(&self) -> bool {
        self.chain.claimed() && !self.is_closed() && !self.has_to_mend() && self.rollover.is_none()
    }
}
