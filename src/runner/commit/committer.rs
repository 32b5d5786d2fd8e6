//! The commits of a run, one in flight at a time: drafts them and starts them.
//!
//! In scope: the chain and its drafts, the validity of the lease, the run's row.
//! Out of scope: when to commit (`runner::run_loop`), one commit's outcome
//! (`runner::commit::commit_driver`), what follows it (`runner::commit::commit_end`), what the items
//! are (`runner::records::intake`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::fault::Fault;
use crate::ledger::commit::bisection::Bisection;
use crate::ledger::commit::changes::{Changes, ItemResult, NewTab};
use crate::ledger::commit::commit_chain::{CommitChain, CommitMetadata};
use crate::ledger::leases::lease::LeaseValidity;
use crate::ledger::processed::keys_to_reprocess::KeysToReprocess;
use crate::ledger::runs::end_state::RunEndState;
use crate::ledger::runs::event::Event;
use crate::ledger::runs::reported_messages::ReportedMessages;
use crate::ledger::runs::run::{Counts, Run};
use crate::ledger::state::rollover::Rollover;
use crate::port::store::MisplacedWrites;
use crate::rng::Rng;
use crate::runner::alert_recorder::AlertRecorder;
use crate::runner::commit::commit_driver::{CommitDriver, FinishedCommit, LastError};
use crate::runner::commit::halt_errors::describe_unfinished_commit;
use crate::runner::commit::misplaced_rows::MisplacedRows;
use crate::runner::commit::run_row::{convert_to_service_clock, count_after_changes, with_end_state};
use crate::runner::input::reprocess_state::ReprocessState;
use crate::runner::queue::commit_queue::{InFlightDrafts, PendingItem, collect_sequence_numbers};
use crate::runner::queue::start_markers::StartMarker;
use crate::runner::records::intake::Intake;
use crate::runner::run_config::{RunConfig, RunError};
use crate::runner::run_end::RunEnd;
use crate::runner::schedule::schedule_recorder::ScheduleRecorder;
use crate::runner::startup::preconditions::LeaseRequest;
use crate::runner::startup::{RunContext, ServiceClock};
use crate::runner::warning_memory::WarningMemory;
use crate::time::Timestamp;

/// The run's side of the commit chain, with its I/O.
pub struct Committer {
    /// Sends commits and reads the head.
    pub driver: CommitDriver,
    /// Random source for ids.
    pub rng: Arc<dyn Rng>,
    /// The lasting warnings, which the state remembers.
    pub warnings: Arc<WarningMemory>,
    /// The commit chain.
    pub chain: CommitChain,
    /// Abandoned runs, closed by the next commit.
    pub abandoned_runs: Vec<Run>,
    /// The history of the job's schedule; `None` for a job without one.
    pub(in crate::runner) schedule: Option<ScheduleRecorder>,
    /// Cells of people in Jobs that this run answers, and those answered before it.
    pub(super) answered_cells: ReportedMessages,
    /// The alerts of the job; `None` for a job without a channel.
    pub(super) alerts: Option<AlertRecorder>,
    /// This run, as of its last commit.
    pub run: Run,
    /// The service's clock.
    pub service_clock: ServiceClock,
    /// True if the data tab exists.
    pub has_data_tab: bool,
    /// Length of the lease, in milliseconds.
    pub ttl_ms: u64,
    /// The lease request of this run.
    pub lease_request: LeaseRequest,
    pub(super) lease_validity: LeaseValidity,
    pub(super) drafts: InFlightDrafts,
    pub(super) commit_future: Option<BoxFuture<'static, FinishedCommit>>,
    pub(super) final_commit: FinalCommitState,
    /// Items that the last applied commit shows as begun.
    pub begun: Vec<StartMarker>,
    /// The state's marker of a reprocess.
    pub(super) reprocess: ReprocessState,
    /// The rollover, if this run performs one; a reload keeps it.
    pub(super) rollover: Option<Rollover>,
    /// True if the run's row is applied.
    pub(super) is_run_row_written: bool,
    /// The bisection, and the service's last refusal of an item.
    pub(super) bisection: Bisection,
    pub(super) refusal: String,
    pub(super) misplaced: MisplacedRows,
    pub(super) last_commit_ms: u64,
    pub(super) throttled: u64,
    pub(super) is_throttled: bool,
    pub(super) rows: u64,
    pub(super) commits: u64,
}

/// Whether the commit in flight is the run's last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FinalCommitState {
    NotSent,
    InFlight,
    Done,
}

impl Committer {
    /// Creates a committer without commits from the startup context; returns the intake beside it.
    pub fn new(
        driver: CommitDriver,
        (rng, warnings): (Arc<dyn Rng>, Arc<WarningMemory>),
        config: &RunConfig,
        opened: RunContext,
    ) -> (Self, Intake) {
        let RunContext {
            chain,
            intake,
            has_data_tab,
            abandoned_runs,
            schedule,
            alerts,
            answered_cells,
            run,
            service_clock,
            began_ms,
            lease_request,
            ..
        } = opened;
        let ttl_ms = config.ttl_ms;
        let reprocess = ReprocessState::new(&config.scope, &run.id, chain.state());
        let committer = Self {
            lease_validity: LeaseValidity::new(began_ms, ttl_ms),
            last_commit_ms: driver.clock.monotonic_ms(),
            driver,
            rng,
            warnings,
            chain,
            abandoned_runs,
            schedule,
            alerts,
            answered_cells,
            run,
            service_clock,
            has_data_tab,
            ttl_ms,
            lease_request,
            drafts: InFlightDrafts::default(),
            commit_future: None,
            final_commit: FinalCommitState::NotSent,
            begun: Vec::new(),
            reprocess,
            rollover: config.rollover.clone(),
            is_run_row_written: false,
            bisection: Bisection::default(),
            refusal: String::new(),
            misplaced: MisplacedRows::default(),
            throttled: 0,
            is_throttled: false,
            rows: 0,
            commits: 0,
        };
        (committer, intake)
    }

    /// True if a commit is in flight.
    pub fn is_busy(&self) -> bool {
        self.commit_future.is_some()
    }

    /// True if the run's last commit is applied.
    pub fn is_closed(&self) -> bool {
        self.final_commit == FinalCommitState::Done
    }

    /// True if the last commit met more than one 429. Commits should then come less often.
    pub fn is_throttled(&self) -> bool {
        self.is_throttled
    }

    /// Returns when the lease has to be renewed, in monotonic milliseconds; `None` before it is
    /// claimed.
    pub fn renewal_ms(&self) -> Option<u64> {
        self.chain.has_claimed().then(|| self.last_commit_ms.saturating_add(self.ttl_ms / 3))
    }

    /// Returns the numbers of applied rows and commits.
    pub fn applied_counts(&self) -> (u64, u64) {
        (self.rows, self.commits)
    }

    /// Waits for the end of the commit in flight; never resolves if there is none.
    pub async fn wait_for_commit(&mut self) -> FinishedCommit {
        match &mut self.commit_future {
            Some(flight) => flight.await,
            None => std::future::pending().await,
        }
    }

    /// Returns how many queued items the next commit carries, while a bisection is under way.
    pub fn batch_limit(&self) -> Option<usize> {
        self.bisection.batch_limit()
    }

    /// True if misplaced rows have to be repaired before anything else is written.
    pub fn needs_repair(&self) -> bool {
        self.misplaced.is_any()
    }

    /// True if the run's row is applied, so that only repairs are left.
    pub fn is_run_row_written(&self) -> bool {
        self.is_run_row_written
    }

    /// Gets the misplaced rows from the store; called after a load and after each applied commit.
    pub async fn check_misplaced_writes(&mut self) -> Result<(), RunError> {
        let MisplacedWrites { rows, checksum_correction, left } = self.driver.store.misplaced_writes().await?;
        self.chain.update_state(|state| state.processed.add_all(checksum_correction));
        for message in self.misplaced.update(rows, left)? {
            self.record_repair(message);
        }
        if self.misplaced.is_any() && self.final_commit == FinalCommitState::Done {
            self.final_commit = FinalCommitState::NotSent;
        }
        Ok(())
    }

    /// Reports a repair, in an event and in the run's row.
    fn record_repair(&mut self, message: String) {
        self.run.add_remark(&message);
        self.emit(Event::Anomaly { message });
    }

    /// Returns the service's time now.
    pub fn service_time(&self) -> Timestamp {
        self.service_clock.time_at(self.now_ms())
    }

    /// Drafts a commit of these items and sends it. The last commit has an `end`, with which it
    /// closes the run's row.
    pub fn send_commit(
        &mut self,
        items: Vec<PendingItem>,
        intake: &mut Intake,
        end: Option<&RunEnd>,
    ) -> Result<(), RunError> {
        let settled: Vec<ItemResult> = items.iter().map(|waiting| waiting.settled.clone()).collect();
        let mut changes = Changes { settled, runs: self.abandoned_runs.clone(), ..Changes::default() };
        changes.runs.extend(self.schedule.iter().flat_map(ScheduleRecorder::closed_rows).cloned());
        if !self.has_data_tab && changes.count_rows() > 0 {
            intake.output.header.close();
            let columns = intake.output.header.columns().to_vec();
            changes.new_tabs.push(NewTab { tab: intake.output.tab.clone(), columns });
        } else if changes.count_rows() > 0 {
            changes.columns = intake.output.header.missing_columns().to_vec();
        }
        let so_far = self.run_after(&changes, intake.counts);
        let held = intake.hold.plan_after(&items);
        let run = match end {
            Some(end) => {
                let run = with_end_state(end.close(so_far), &changes, intake, self.driver.store.usage().cells_left);
                Run {
                    end_state: RunEndState { held: intake.hold.make_held_rows(held.as_ref()), ..run.end_state },
                    ..run
                }
            }
            None => so_far,
        };
        if end.is_some() && !self.is_run_row_written {
            changes.runs.push(run.clone());
        }
        let reprocess_runs = self.reprocess.next_marker(end.is_some(), run.status);
        let key_column = intake.output.key_column.as_ref().map(|column| column.name().to_owned());
        let begun = intake.list_begun(&items);
        let left = self.find_keys_to_reprocess(&items, intake, reprocess_runs.is_empty());
        let ahead_ms = self.service_time().0.saturating_sub(self.driver.clock.now().0);
        let ended = end.map(|_| convert_to_service_clock(&run, ahead_ms));
        let schedule = self.schedule.as_ref().map(|one| one.next_history(&self.abandoned_runs, ended.as_ref()));
        self.draft_alerts(ended.as_ref());
        let warnings = self.warnings.next_reported(ended.as_ref());
        let rollover = &self.rollover;
        self.chain.update_state(|state| {
            state.schedule = schedule.or(state.schedule.take());
            state.key_column = key_column.or(state.key_column.take());
            state.suppressed_failures = intake.index.suppressed_counts().clone();
            state.keys_to_reprocess = left;
            state.held = held;
            state.field_fill_shares = intake.fields.shares().clone();
            state.warnings = warnings;
            state.start_markers = begun;
            state.reprocess_runs = reprocess_runs;
            if let Some(rollover) = rollover {
                rollover.apply(state);
            }
        });
        let low_watermark = intake.watermark.watermark_after(&collect_sequence_numbers(&items)).map(str::to_owned);
        let (now, ttl_ms, releases_lease) = (self.service_time(), self.ttl_ms, end.is_some());
        let metadata = CommitMetadata { now, ttl_ms, releases_lease, run, low_watermark };
        let drafted = self.chain.draft(self.rng.next_u64(), changes, &metadata);
        let to_error = |why: String| describe_unfinished_commit(LastError::new(why, Fault::Transient));
        let commit = Arc::new(drafted.map_err(|error| to_error(error.to_string()))?);
        self.drafts.record_draft(Arc::clone(&commit), items);
        self.final_commit = if end.is_some() { FinalCommitState::InFlight } else { FinalCommitState::NotSent };
        let driving = self.driver.clone().drive_commit(commit, self.chain.draft_ids().clone());
        self.commit_future = Some(Box::pin(driving));
        Ok(())
    }

    /// Returns what is to be done again once these items are committed. `is_all_read`: the
    /// reprocessing run, if this is one, has processed all that the source yields.
    fn find_keys_to_reprocess(&self, items: &[PendingItem], intake: &Intake, is_all_read: bool) -> KeysToReprocess {
        let done = items.iter().flat_map(|waiting| waiting.settled.done_versions().map(|(key, _)| key));
        let mut left = intake.index.keys_to_reprocess_after(done);
        if is_all_read && !self.chain.state().reprocess_runs.is_empty() {
            left.unknown = 0;
        }
        left
    }

    /// Returns the run as it will be once a commit with these changes is applied.
    fn run_after(&self, changes: &Changes, counts: Counts) -> Run {
        let number = self.chain.draft_ids().base().map_or(0, |head| head.next(0).commit);
        let usage = self.driver.store.usage();
        let first_commit = if self.commits == 0 { number } else { self.run.first_commit };
        let (counts, calls) = (count_after_changes(changes, counts), usage.reads + usage.writes + 1);
        Run { counts, calls, first_commit, last_commit: number, ..self.run.clone() }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.driver.clock.monotonic_ms()
    }

    pub(super) fn emit(&self, event: Event) {
        (self.driver.events)(event);
    }
}
