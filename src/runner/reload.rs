//! Reloads during a run: after a concurrent commit, a moved tab, or when the lease validity ran
//! out.
//!
//! In scope: which of the run's own work the load contains, what is drafted again.
//! Out of scope: when to reload (`runner::committer`).

use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::commit::commit_chain::{HaltReason as Halt, NextAction};
use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::item::failure::failure_mark;
use crate::ledger::lease::lease::LeaseValidity;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::rows::table_header::{Header, KeyColumn};
use crate::port::store::StoreError;
use crate::runner::commit_queue::{CommitQueue, PendingItem};
use crate::runner::committer::{ClosingRun, Committer, head_gone, taken_over, unfinished};
use crate::runner::intake::Intake;
use crate::runner::run_config::RunError;
use crate::runner::startup::{ServiceClock, allowed, unblocked};

/// The title and the columns of a data tab.
type Table = (String, Vec<String>);

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
        let loaded = self.settler.store.load().await?;
        self.service = ServiceClock::new(loaded.service_time, self.now_ms());
        let Some(snapshot) = loaded.snapshot else {
            self.begin_again(refused)?;
            return self.stand_on(&loaded.tables, &[], intake, queue);
        };
        unblocked(&snapshot)?;
        if self.chain.drafted().doubts(snapshot.head) {
            // A draft of this run was applied between the last head read and the load.
            let newest = refused.map_or(snapshot.head, |commit| commit.to);
            let took_ms = self.now_ms().saturating_sub(began_ms);
            self.applied(snapshot.head, newest, took_ms, intake, queue)?;
            // Rows that wait for a restore count, and so do manual edits.
            self.chain.update_state(|state| {
                state.processed = snapshot.state.processed;
                state.key_sums = snapshot.state.key_sums;
                state.gaps = snapshot.state.gaps.clone();
            });
            intake.book.rebase(snapshot.book);
            self.stand_on(&snapshot.tables, &snapshot.gone, intake, queue)?;
            return self.check_misplaced_writes().await;
        }
        if let Err(halt) = self.chain.reloaded(&snapshot) {
            if self.told && halt == Halt::Fenced {
                self.left_to_others();
                return Ok(());
            }
            return Err(if halt == Halt::Fenced { taken_over(&snapshot.state) } else { head_gone() });
        }
        // A claim of this run that was applied has closed the earlier run. One that was not has to
        // check the lease as it is now.
        self.buried = if self.chain.claimed() {
            Vec::new()
        } else {
            allowed(&snapshot, &self.claimant, loaded.service_time)?.into_iter().collect()
        };
        self.blame.start_over();
        // A draft of this run that was applied before the foreign commit left its number in the
        // state. Other items are another run's.
        let mine = snapshot.state.run.as_ref().filter(|run| run.id == self.run.id);
        let sent = self.outstanding.clear(mine.map(|run| run.last_commit));
        queue.put_back(items, self.now_ms());
        let there = queue.take_out(|waiting| is_there(&snapshot.book, &waiting.settled));
        self.stand_on(&snapshot.tables, &snapshot.gone, intake, queue)?;
        let (mine, theirs): (Vec<_>, Vec<_>) = there.into_iter().partition(|waiting| sent.contains(&waiting.place));
        intake.applied(&mine);
        intake.passed_over(&theirs);
        intake.book.rebase(snapshot.book);
        for waiting in queue.all_mut() {
            intake.close_failures_of(&mut waiting.settled, loaded.service_time);
        }
        self.forced.stands(&snapshot.state);
        self.trust = LeaseValidity::from(began_ms, self.ttl_ms);
        self.closing = ClosingRun::No;
        self.check_misplaced_writes().await
    }

    /// Starts over after the first commit was refused and the job still does not exist: another job
    /// created a shared tab.
    fn begin_again(&mut self, refused: Option<&Commit>) -> Result<(), RunError> {
        let Some(init) = refused.filter(|commit| commit.from.is_none()) else { return Err(head_gone()) };
        if self.chain.ended(init, &CommitEnd::Redraft) != NextAction::Redraft {
            return Err(unfinished("its tabs could not be made".into(), Fault::Transient));
        }
        self.outstanding.clear(None);
        self.closing = ClosingRun::No;
        Ok(())
    }

    /// Takes the data tab's present header, and checks that queued rows still fit.
    fn stand_on(
        &mut self,
        tables: &[Table],
        gone: &[String],
        intake: &mut Intake,
        queue: &CommitQueue,
    ) -> Result<(), RunError> {
        let Some((tab, columns)) = tables.iter().find(|(tab, _)| *tab == intake.tab) else { return Ok(()) };
        self.table_exists = true;
        self.chain.update_state(|state| state.deleted = gone.to_vec());
        intake.header = Header::closed(tab.clone(), columns.clone()).with(intake.columns.new_columns, gone);
        let key = intake.key_column.as_ref().map(KeyColumn::name);
        if let Some(key) = key.filter(|key| !columns.iter().any(|column| column == key)) {
            return Err(column_gone(tab, key));
        }
        for name in queue.columns() {
            if !intake.header.find_again(name) {
                return Err(column_gone(tab, name));
            }
        }
        Ok(())
    }
}

/// True if a load contains the item's result: a draft of this run was applied after all, or another
/// run did it.
fn is_there(book: &ProcessedIndex, settled: &ItemResult) -> bool {
    match settled {
        ItemResult::Done { key, version, .. } => book.is_done(key, version),
        ItemResult::Revoked { key, version } => !book.is_done(key, version),
        // Its row may have moved by now; the next prune scans again.
        ItemResult::Removed(_) => true,
        ItemResult::Failed(failure) => book.shows(failure, failure_mark(&failure.step, &failure.error)),
    }
}

fn column_gone(tab: &str, name: &str) -> RunError {
    let why = format!("tab {tab} lost its column \"{name}\" during the run: write that word back into its header row");
    RunError::Store(StoreError::Corrupt { why })
}
