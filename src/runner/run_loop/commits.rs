//! Commits of the run loop: when a batch is due, and what follows when its commit ends.
//!
//! In scope: due times, the portion of the queue that is committed, the lease on request. Out of
//! scope: the commit itself (`runner::commit::committer`).

use crate::runner::commit::commit_driver::FinishedCommit;
use crate::runner::input::input_queue::InputQueue;
use crate::runner::lease_questions::LeaseQuestion;
use crate::runner::run_config::RunError;
use crate::runner::run_loop::RunLoop;

/// Maximum age of queued results after the service has throttled calls, in milliseconds.
const THROTTLED_COMMIT_MS: u64 = 30_000;

impl RunLoop {
    /// Returns when the loop has to act without an event: results are due, or the lease has to be
    /// renewed.
    pub(super) fn due_ms(&self) -> Option<u64> {
        if self.committer.is_busy() {
            return None;
        }
        let every = self.config.commit_every_ms;
        let every = if self.committer.is_throttled() { every.max(THROTTLED_COMMIT_MS) } else { every };
        let results = self.queue.waiting_since_ms().map(|opened| opened.saturating_add(every));
        let alone = self.inputs.is_none() || self.items_in_hand() >= self.max_items_in_hand();
        let start_markers = self.start_markers.due_ms(alone);
        results.into_iter().chain(self.committer.renewal_ms()).chain(start_markers).min()
    }

    pub(super) async fn commit_if_due(&mut self) -> Result<(), RunError> {
        if self.committer.is_busy() {
            return Ok(());
        }
        if self.committer.needs_repair() {
            // Repairs come before any other write. After the run's row was written, only repairs
            // are left.
            let end = self.committer.is_run_row_written().then(|| self.end_so_far());
            return self.committer.send_commit(Vec::new(), &mut self.intake, end.as_ref());
        }
        let claim = self.claims_first && !self.committer.chain.has_claimed();
        let due = self.due_ms().is_some_and(|at| at <= self.clock.monotonic_ms());
        let portion = if claim { Some(0) } else { self.committer.batch_limit() };
        if !(portion.is_some() || due || self.queue.is_full() || self.is_drained()) {
            return Ok(());
        }
        self.committer.ensure_lease_valid(&mut self.intake, &mut self.queue).await?;
        // A reload may have ended the bisection.
        let portion = portion.and(if claim { Some(0) } else { self.committer.batch_limit() });
        let items = self.queue.cut_at_most(portion.unwrap_or(usize::MAX), self.clock.monotonic_ms());
        let last = self.is_drained() && self.queue.is_empty() && !claim;
        if last && self.is_source_interrupted() {
            self.committer.leave_end_unreported();
        }
        if last {
            self.report_unknown_columns();
        }
        let end = last.then(|| self.end_so_far());
        self.committer.send_commit(items, &mut self.intake, end.as_ref())
    }

    pub(super) async fn on_commit_end(&mut self, outcome: FinishedCommit) -> Result<(), RunError> {
        let end = self.end_so_far();
        self.committer.on_commit_end(outcome, &mut self.intake, &mut self.queue, &end).await?;
        self.drop_stale_deletions();
        self.start_markers.record_begun(&self.committer.begun);
        self.executor.fence = self.committer.chain.fence();
        self.report_progress();
        Ok(())
    }

    /// Answers whether this run holds the lease. If it does not, the run ends. If the lease may
    /// have expired meanwhile, the question waits for the end of a commit that is under way. The
    /// head may show that commit, whose outcome this run does not have yet.
    pub(super) async fn on_lease_asked(&mut self, question: LeaseQuestion) -> Result<(), RunError> {
        if !self.committer.can_confirm_lease() {
            self.lease_questions.postpone(question);
            return Ok(());
        }
        let confirmed = self.committer.confirm_lease(&mut self.intake, &mut self.queue).await;
        // Who asked may be gone.
        let _ = question.send(confirmed.is_ok());
        confirmed
    }

    /// Drops queued row deletions: their row numbers are stale after a user has moved rows.
    pub(super) fn drop_stale_deletions(&mut self) {
        if self.committer.needs_repair() {
            self.queue.remove_matching(|waiting| !waiting.settled.removals().is_empty());
            self.inputs.iter_mut().for_each(InputQueue::drop_deletions);
        }
    }
}
