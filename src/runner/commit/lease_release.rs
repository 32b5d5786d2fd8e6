//! Releases the lease of a run that can't continue although the sheet is writable, and closes its
//! row in Runs.
//!
//! In scope: one more commit without items, if nothing forbids it. Out of scope: why the run ends
//! (`runner::run_loop`).
//!
//! Without it, other machines would wait until the lease expires. It is tried once with the run's
//! row and once without. If the service refuses both, the lease expires by itself.

use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::runs::end_state::NextDue;
use crate::runner::commit::committer::Committer;
use crate::runner::queue::commit_queue::CommitQueue;
use crate::runner::records::intake::Intake;
use crate::runner::run_end::{EndCause, RunEnd};

impl Committer {
    /// Releases the lease and closes the run's row with the error `why`. Queued items are left to
    /// the next run.
    pub(in crate::runner) async fn release_lease(&mut self, why: &str, intake: &mut Intake, queue: &mut CommitQueue) {
        let finished = self.driver.clock.now();
        let end = RunEnd {
            finished,
            cause: EndCause::CannotContinue(why.to_owned()),
            repeated: None,
            next_due: NextDue::Unknown,
        };
        if self.is_busy() {
            let outcome = self.wait_for_commit().await;
            if self.on_commit_end(outcome, intake, queue, &end).await.is_err() || self.is_busy() {
                return;
            }
        }
        for with_its_row in [true, false] {
            if !self.may_release_lease() {
                return;
            }
            self.chain.allow_release();
            let was_written = self.is_run_row_written;
            self.is_run_row_written |= !with_its_row;
            if self.send_commit(Vec::new(), intake, Some(&end)).is_err() {
                return;
            }
            let outcome = self.wait_for_commit().await;
            self.commit_future = None;
            match outcome.end {
                CommitEnd::Applied(id) => {
                    let applied = self.on_applied(id, outcome.commit.to, outcome.took_ms, intake, queue);
                    tracing::debug!(event = "lease.released", ?applied, with_its_row, "the lease was given back");
                    return;
                }
                CommitEnd::Refused(_) => self.is_run_row_written = was_written,
                _ => return,
            }
        }
    }

    /// Not with misplaced rows, whose undo records belong to the present head. Not during a
    /// rollover, because every commit of that records where the job is active.
    fn may_release_lease(&self) -> bool {
        self.chain.has_claimed() && !self.is_closed() && !self.needs_repair() && self.rollover.is_none()
    }
}
