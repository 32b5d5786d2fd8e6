//! Reloads during a run: after a concurrent commit, after a moved tab, or when a check of the lease
//! finds another head.
//!
//! In scope: which of the run's own work the load contains, what is drafted again.
//! Out of scope: when to reload (`runner::commit::commit_end`, `held_lease` beside it).

use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::commit::commit_chain::{HaltReason as Halt, NextAction};
use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::items::failure::hash_failure;
use crate::ledger::leases::lease::LeaseValidity;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::rows::table_header::{Header, KeyColumn};
use crate::port::store::StoreError;
use crate::runner::commit::commit_driver::LastError;
use crate::runner::commit::committer::{Committer, FinalCommitState};
use crate::runner::commit::halt_errors::{describe_missing_head, describe_take_over, describe_unfinished_commit};
use crate::runner::queue::commit_queue::{CommitQueue, PendingItem};
use crate::runner::records::intake::Intake;
use crate::runner::run_config::RunError;
use crate::runner::startup::ServiceClock;
use crate::runner::startup::preconditions::{check_lease, check_not_blocked};

/// The title and the columns of a data tab.
type TitledColumns = (String, Vec<String>);

impl Committer {
    /// Loads again and puts missing items back in front of the queue. `refused` is the commit that
    /// caused the reload, if one did.
    pub(super) async fn reload(
        &mut self,
        items: Vec<PendingItem>,
        refused: Option<&Commit>,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        let began_ms = self.now_ms();
        let loaded = self.driver.store.load().await?;
        self.service_clock = ServiceClock::new(loaded.service_time, self.now_ms());
        let Some(snapshot) = loaded.snapshot else {
            self.restart_first_commit(refused)?;
            return self.use_tabs(&loaded.data_tabs, &[], intake, queue);
        };
        check_not_blocked(&snapshot)?;
        if self.chain.draft_ids().is_in_doubt(snapshot.head) {
            // A draft of this run was applied between the last head read and the load.
            let newest = refused.map_or(snapshot.head, |commit| commit.to);
            let took_ms = self.now_ms().saturating_sub(began_ms);
            self.on_applied(snapshot.head, newest, took_ms, intake, queue)?;
            // Rows that wait for a restore count, and so do manual edits.
            self.chain.update_state(|state| {
                state.processed = snapshot.state.processed;
                state.key_sums = snapshot.state.key_sums;
                state.gaps = snapshot.state.gaps.clone();
            });
            intake.index.rebase(snapshot.processed_index);
            self.use_tabs(&snapshot.data_tabs, &snapshot.deleted_columns, intake, queue)?;
            return self.check_misplaced_writes().await;
        }
        if let Err(halt) = self.chain.on_reload(&snapshot) {
            if self.is_run_row_written && halt == Halt::Fenced {
                self.end_after_takeover();
                return Ok(());
            }
            return Err(if halt == Halt::Fenced {
                describe_take_over(self.schedule.as_ref(), &snapshot.state)
            } else {
                describe_missing_head()
            });
        }
        if intake.hold.depends_on_load() && !self.chain.has_claimed() {
            // Another run may have applied or held these changes meanwhile.
            return Err(RunError::SheetChanged);
        }
        // A claim of this run that was applied has closed the earlier run. One that was not has to
        // check the lease as it is now.
        self.abandoned_runs = if self.chain.has_claimed() {
            Vec::new()
        } else {
            check_lease(&snapshot, &self.lease_request, loaded.service_time)?.into_iter().collect()
        };
        self.reload_recorders(&snapshot.state, &loaded.requests)?;
        self.bisection.reset();
        // A draft of this run that was applied before the foreign commit left its number in the
        // state. Other items are another run's.
        let mine = snapshot.state.run.as_ref().filter(|run| run.id == self.run.id);
        let sent = self.drafts.discard_drafts_and_list_applied(mine.map(|run| run.last_commit));
        queue.put_back(items, self.now_ms());
        let there = queue.remove_matching(|waiting| is_applied(&snapshot.processed_index, &waiting.settled));
        self.use_tabs(&snapshot.data_tabs, &snapshot.deleted_columns, intake, queue)?;
        let (mine, theirs): (Vec<_>, Vec<_>) = there.into_iter().partition(|waiting| sent.contains(&waiting.sequence));
        intake.on_applied(&mine);
        intake.on_settled_elsewhere(&theirs);
        intake.index.rebase(snapshot.processed_index);
        for waiting in queue.all_mut() {
            intake.close_failures_of(&mut waiting.settled, loaded.service_time);
        }
        self.reprocess.reload(&snapshot.state);
        self.lease_validity = LeaseValidity::new(began_ms, self.ttl_ms);
        self.final_commit = FinalCommitState::NotSent;
        self.check_misplaced_writes().await
    }

    /// Starts over after the first commit was refused and the job still does not exist: another job
    /// created a shared tab.
    fn restart_first_commit(&mut self, refused: Option<&Commit>) -> Result<(), RunError> {
        let Some(init) = refused.filter(|commit| commit.from.is_none()) else { return Err(describe_missing_head()) };
        if self.chain.on_end(init, &CommitEnd::Redraft) != NextAction::Redraft {
            return Err(describe_unfinished_commit(LastError::new("its tabs could not be made", Fault::Transient)));
        }
        self.drafts.discard_drafts_and_list_applied(None);
        self.final_commit = FinalCommitState::NotSent;
        Ok(())
    }

    /// Takes the data tab's present header, and checks that queued rows still fit.
    fn use_tabs(
        &mut self,
        data_tabs: &[TitledColumns],
        deleted: &[String],
        intake: &mut Intake,
        queue: &CommitQueue,
    ) -> Result<(), RunError> {
        let Some((tab, columns)) = data_tabs.iter().find(|(tab, _)| *tab == intake.output.tab) else { return Ok(()) };
        self.has_data_tab = true;
        self.chain.update_state(|state| state.deleted_columns = deleted.to_vec());
        intake.output.header =
            Header::from_existing(tab.clone(), columns.clone()).with(intake.output.columns.new_columns, deleted);
        let key = intake.output.key_column.as_ref().map(KeyColumn::name);
        if let Some(key) = key.filter(|key| !columns.iter().any(|column| column == key)) {
            return Err(describe_missing_column(tab, key));
        }
        for name in queue.columns() {
            if !intake.output.header.restore_column(name) {
                return Err(describe_missing_column(tab, name));
            }
        }
        Ok(())
    }
}

/// True if a load contains the item's result: a draft of this run was applied after all, or another
/// run did it.
fn is_applied(index: &ProcessedIndex, settled: &ItemResult) -> bool {
    match settled {
        ItemResult::Done { key, version, .. } => index.is_done(key, version),
        ItemResult::Revoked { key, version } => !index.is_done(key, version),
        // Its row may have moved by now; the next prune scans again.
        ItemResult::Removed(_) => true,
        ItemResult::Failed(failure) => index.has_row_of(failure, hash_failure(&failure.step, &failure.error)),
    }
}

fn describe_missing_column(tab: &str, name: &str) -> RunError {
    let why = format!("tab {tab} lost its column \"{name}\" during the run: write that word back into its header row");
    RunError::Store(StoreError::Inconsistent { why })
}
