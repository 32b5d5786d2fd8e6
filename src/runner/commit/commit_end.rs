//! What follows the end of a commit.
//!
//! In scope: the applied commit, and the choice of what follows one that was not applied.
//! Out of scope: the bisection (`runner::commit::bisect`), the reload (`runner::commit::reload`).

use crate::fault::Fault;
use crate::ledger::commit::commit_chain::NextAction;
use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::leases::head::HeadId;
use crate::ledger::leases::lease::LeaseValidity;
use crate::ledger::runs::event::Event;
use crate::runner::commit::commit_driver::{FinishedCommit, LastError};
use crate::runner::commit::committer::{Committer, FinalCommitState};
use crate::runner::commit::halt_errors::{describe_halt, describe_unfinished_commit};
use crate::runner::queue::commit_queue::{CommitQueue, collect_sequence_numbers};
use crate::runner::records::intake::Intake;
use crate::runner::run_config::RunError;
use crate::runner::run_end::RunEnd;

impl Committer {
    /// Handles the end of a commit: continues, redrafts, reloads or stops. `end` is that of the run,
    /// for a last commit that has to be drafted again.
    pub async fn on_commit_end(
        &mut self,
        outcome: FinishedCommit,
        intake: &mut Intake,
        queue: &mut CommitQueue,
        end: &RunEnd,
    ) -> Result<(), RunError> {
        self.commit_future = None;
        self.report_throttling();
        if let CommitEnd::Applied(id) = outcome.end {
            self.on_applied(id, outcome.commit.to, outcome.took_ms, intake, queue)?;
            self.fail_rejected_item(intake, queue)?;
            return self.check_misplaced_writes().await;
        }
        if self.is_run_row_written && outcome.end == CommitEnd::Fenced {
            self.end_after_takeover();
            return Ok(());
        }
        let end = Some(end).filter(|_| self.final_commit == FinalCommitState::InFlight);
        match self.chain.on_end(&outcome.commit, &outcome.end) {
            NextAction::Continue => Ok(()),
            NextAction::Redraft => self.send_commit(self.drafts.newest_items(), intake, end),
            NextAction::Halve => {
                let mut items = self.drafts.newest_items();
                let rest = items.split_off(items.len().div_ceil(2));
                queue.put_back(rest, self.now_ms());
                self.send_commit(items, intake, None)
            }
            NextAction::Bisect(confidence) => self.start_bisection(confidence, outcome, intake, queue),
            NextAction::Reload => self.reload(self.drafts.newest_items(), Some(&outcome.commit), intake, queue).await,
            NextAction::Stop(halt) => {
                Err(describe_halt(self.driver.store.as_ref(), self.schedule.as_ref(), halt, outcome.error).await)
            }
        }
    }

    /// Ends this run: its results are applied, and the run that has taken over found the repairs
    /// that are left.
    pub(super) fn end_after_takeover(&mut self) {
        self.final_commit = FinalCommitState::Done;
        self.misplaced.clear();
    }

    /// Handles an applied draft `id`; `newest` is the draft that was sent last.
    pub(super) fn on_applied(
        &mut self,
        id: HeadId,
        newest: HeadId,
        took_ms: u64,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        let Some((commit, items, left)) = self.drafts.take_applied(id) else {
            return Err(describe_unfinished_commit(LastError::new(
                "a commit was applied that this run did not draft",
                Fault::Inconsistent,
            )));
        };
        self.chain.on_end(&commit, &CommitEnd::Applied(id));
        let now_ms = self.now_ms();
        // If its items were suspected meanwhile, they are in the queue once more.
        if commit.to != newest || self.drafts.take_requeued() {
            let held = collect_sequence_numbers(&items);
            queue.remove_matching(|waiting| held.contains(&waiting.sequence));
        }
        queue.put_back(left, now_ms);
        self.bisection.on_applied(items.len());
        self.begun.clone_from(&commit.state.start_markers);
        let keys = intake.on_applied(&items);
        intake.index.on_rows_written(commit.processed_entries().map(|(key, _, _, run_cell)| (key, run_cell)));
        let rows = commit.changes.remaining_rows(intake.output.mode) as u64;
        if self.commits == 0 {
            self.run.first_commit = id.commit;
            self.emit(Event::Claimed { fence: commit.state.lease.fence });
        }
        self.run.last_commit = id.commit;
        self.commits += 1;
        self.rows += rows;
        self.has_data_tab |= !commit.changes.new_tabs.is_empty();
        intake.output.header.on_columns_added(&commit.changes.columns);
        let released = commit.state.lease.holder.is_none();
        self.record_alerts(released);
        if let Some(recorder) = &mut self.schedule {
            recorder.on_applied(&self.abandoned_runs);
        }
        self.abandoned_runs.clear();
        self.lease_validity = LeaseValidity::new(now_ms.saturating_sub(took_ms), self.ttl_ms);
        self.last_commit_ms = now_ms;
        self.emit(Event::Committed { number: id.commit, rows, keys, took_ms });
        self.final_commit = if released { FinalCommitState::Done } else { FinalCommitState::NotSent };
        if released && !self.is_run_row_written {
            self.run = commit.changes.runs.last().cloned().unwrap_or_else(|| self.run.clone());
            self.is_run_row_written = true;
        }
        Ok(())
    }

    fn report_throttling(&mut self) {
        let throttled = self.driver.store.usage().throttled;
        // One 429 alone proves nothing about a quota: calls between pass.
        self.is_throttled = throttled > self.throttled + 1;
        self.throttled = throttled;
    }
}
