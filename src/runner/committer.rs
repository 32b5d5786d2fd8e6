//! The commits of a run, one in flight at a time: drafts them, starts them, and handles their end.
//!
//! In scope: the chain and its drafts, the validity of the lease, the run's row, counts of applied
//! rows.
//! Out of scope: when to commit (`runner::run_loop`), one commit's outcome
//! (`runner::commit_driver`), what the items are (`runner::intake`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::fault::Fault;
use crate::ledger::commit::bisection::Bisection;
use crate::ledger::commit::changes::{Changes, CommitPart, ItemResult, NewTable};
use crate::ledger::commit::commit_chain::{CommitChain, CommitMetadata, HaltReason as Halt, NextAction};
use crate::ledger::commit::commit_machine::CommitEnd;
use crate::ledger::commit::commit_resolution::Resolution;
use crate::ledger::lease::head::HeadId;
use crate::ledger::lease::lease::LeaseValidity;
use crate::ledger::run::event::Event;
use crate::ledger::run::run::{Counts, Run};
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::State;
use crate::port::chance::Chance;
use crate::port::store::{MisplacedWrites, StoreError};
use crate::runner::commit_driver::{CommitDriver, CommitOutcome};
use crate::runner::commit_queue::{CommitQueue, InFlight, PendingItem, places};
use crate::runner::intake::Intake;
use crate::runner::reprocess_state::ReprocessState;
use crate::runner::run_config::{RunConfig, RunError};
use crate::runner::start_markers::StartMarker;
use crate::runner::startup::{LeaseRequest, RunContext, ServiceClock, unblocked};
use crate::time::Timestamp;

/// The run's side of the commit chain, with its I/O.
pub struct Committer {
    /// Sends commits and reads the head.
    pub settler: CommitDriver,
    /// Random source for ids.
    pub chance: Arc<dyn Chance>,
    /// The commit chain.
    pub chain: CommitChain,
    /// Abandoned runs, closed by the next commit.
    pub buried: Vec<Run>,
    /// This run, as of its last commit.
    pub run: Run,
    /// The service's clock.
    pub service: ServiceClock,
    /// True if the data tab exists.
    pub table_exists: bool,
    /// Length of the lease, in milliseconds.
    pub ttl_ms: u64,
    /// The lease request of this run.
    pub claimant: LeaseRequest,
    pub(super) trust: LeaseValidity,
    pub(super) outstanding: InFlight,
    pub(super) in_flight: Option<BoxFuture<'static, CommitOutcome>>,
    pub(super) closing: ClosingRun,
    /// Items that the last applied commit shows as begun.
    pub begun: Vec<StartMarker>,
    /// The state's marker of a reprocess.
    pub(super) forced: ReprocessState,
    /// The rollover, if this run performs one; a reload keeps it.
    pub(super) rollover: Option<Rollover>,
    /// True if the run's row is applied.
    pub(super) told: bool,
    /// The bisection, and the service's last refusal of an item.
    pub(super) blame: Bisection,
    pub(super) refusal: String,
    /// Misplaced rows, and consecutive commits that tried to repair them.
    astray: u64,
    mends: u32,
    last_commit_ms: u64,
    throttled: u64,
    stretched: bool,
    rows: u64,
    commits: u64,
}

/// Maximum length of the repair messages in the run's row, in bytes.
const MAX_MESSAGE: usize = 1_000;

/// Consecutive repairs that may find that users moved rows again.
pub const MAX_MENDS: u32 = 5;

/// Whether the commit in flight is the run's last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClosingRun {
    No,
    UnderWay,
    Done,
}

impl Committer {
    /// Creates a committer without commits from the startup context; returns the intake beside it.
    pub fn new(settler: CommitDriver, chance: Arc<dyn Chance>, plan: &RunConfig, opened: RunContext) -> (Self, Intake) {
        let RunContext { chain, intake, table_exists, buried, run, service, began_ms, claimant, .. } = opened;
        let ttl_ms = plan.ttl_ms;
        let forced = ReprocessState::of(&plan.retrying, &run.id, chain.state());
        let committer = Self {
            trust: LeaseValidity::from(began_ms, ttl_ms),
            last_commit_ms: settler.clock.monotonic_ms(),
            settler,
            chance,
            chain,
            buried,
            run,
            service,
            table_exists,
            ttl_ms,
            claimant,
            outstanding: InFlight::default(),
            in_flight: None,
            closing: ClosingRun::No,
            begun: Vec::new(),
            forced,
            rollover: plan.rollover.clone(),
            told: false,
            blame: Bisection::default(),
            refusal: String::new(),
            astray: 0,
            mends: 0,
            throttled: 0,
            stretched: false,
            rows: 0,
            commits: 0,
        };
        (committer, intake)
    }

    /// True if a commit is in flight.
    pub fn is_busy(&self) -> bool {
        self.in_flight.is_some()
    }

    /// True if the run's last commit is applied.
    pub fn is_closed(&self) -> bool {
        self.closing == ClosingRun::Done
    }

    /// True if the last commit met more than one 429. Commits should then come less often.
    pub fn is_stretched(&self) -> bool {
        self.stretched
    }

    /// Returns when the lease has to be renewed, in monotonic milliseconds; `None` before it is
    /// claimed.
    pub fn renewal_ms(&self) -> Option<u64> {
        self.chain.claimed().then(|| self.last_commit_ms.saturating_add(self.ttl_ms / 3))
    }

    /// Returns the numbers of applied rows and commits.
    pub fn made(&self) -> (u64, u64) {
        (self.rows, self.commits)
    }

    /// Waits for the end of the commit in flight; never resolves if there is none.
    pub async fn commit_finished(&mut self) -> CommitOutcome {
        match &mut self.in_flight {
            Some(flight) => flight.await,
            None => std::future::pending().await,
        }
    }

    /// Returns how many queued items the next commit carries, while a bisection is under way.
    pub fn portion(&self) -> Option<usize> {
        self.blame.portion()
    }

    /// True if misplaced rows have to be repaired before anything else is written.
    pub fn has_to_mend(&self) -> bool {
        self.astray > 0
    }

    /// True if the run's row is applied, so that only repairs are left.
    pub fn has_told(&self) -> bool {
        self.told
    }

    /// Gets the misplaced rows from the store; called after a load and after each applied commit.
    pub async fn check_misplaced_writes(&mut self) -> Result<(), RunError> {
        let MisplacedWrites { rows, checksum_correction, left } = self.settler.store.astray().await?;
        let before = std::mem::replace(&mut self.astray, rows);
        self.chain.update_state(|state| state.processed.add_all(checksum_correction));
        self.mends = if self.astray > 0 { self.mends + 1 } else { 0 };
        if self.mends > MAX_MENDS {
            let why = format!(
                "rows are moved as fast as they are written: {} are misplaced, and the next run repairs them; leave \
                 the tabs alone for a moment, then run again",
                self.astray
            );
            return Err(StoreError::Corrupt { why }.into());
        }
        if before > 0 && self.astray == 0 {
            let message = if left.is_empty() {
                format!("{before} rows that people moved while they were written are where they belong")
            } else {
                format!("{before} rows that people moved while they were written were repaired, but not in all cells")
            };
            self.note_repair(message);
        }
        for message in left {
            self.note_repair(message);
        }
        if self.astray > 0 && self.closing == ClosingRun::Done {
            self.closing = ClosingRun::No;
        }
        Ok(())
    }

    /// Reports a repair, in an event and in the run's row.
    fn note_repair(&mut self, message: String) {
        if self.run.message.len() + message.len() < MAX_MESSAGE {
            let separator = if self.run.message.is_empty() { "" } else { "; " };
            self.run.message.push_str(separator);
            self.run.message.push_str(&message);
        }
        self.emit(Event::Anomaly { message });
    }

    /// Returns the service's time now.
    pub fn moment(&self) -> Timestamp {
        self.service.at(self.now_ms())
    }

    /// Invariant 5: after the validity window, the head is read before anything is drafted.
    pub async fn ensure_lease_valid(&mut self, intake: &mut Intake, queue: &mut CommitQueue) -> Result<(), RunError> {
        let now_ms = self.now_ms();
        if !self.chain.claimed() || self.trust.holds(now_ms) {
            return Ok(());
        }
        let sighting = self.settler.store.sight().await?;
        match self.chain.drafted().judge(sighting) {
            Resolution::NotApplied => self.trust = LeaseValidity::from(now_ms, self.ttl_ms),
            Resolution::Fenced => return Err(self.fenced().await),
            Resolution::HeadMissing => return Err(head_gone()),
            Resolution::ConcurrentCommit | Resolution::Stale | Resolution::Applied(_) => {
                self.reload(Vec::new(), None, intake, queue).await?;
            }
        }
        Ok(())
    }

    /// Drafts a commit of these items and sends it. `close` closes the run's row in the last
    /// commit.
    pub fn begin(
        &mut self,
        items: Vec<PendingItem>,
        intake: &mut Intake,
        close: Option<&dyn Fn(Run) -> Run>,
    ) -> Result<(), RunError> {
        let settled: Vec<ItemResult> = items.iter().map(|waiting| waiting.settled.clone()).collect();
        let mut changes = Changes { settled, runs: self.buried.clone(), ..Changes::default() };
        if !self.table_exists && changes.rows() > 0 {
            intake.header.close();
            let columns = intake.header.columns().to_vec();
            changes.tables.push(NewTable { tab: intake.tab.clone(), columns });
        } else if changes.rows() > 0 {
            changes.columns = intake.header.pending().to_vec();
        }
        let so_far = self.run_with(&changes, intake.counts);
        let run = close.map_or_else(|| so_far.clone(), |close| close(so_far.clone()));
        if close.is_some() && !self.told {
            changes.runs.push(run.clone());
        }
        let forced = self.forced.after(close.is_some(), run.status);
        let key_column = intake.key_column.as_ref().map(|column| column.name().to_owned());
        let begun = intake.begun_beside(&items);
        let done = items.iter().flat_map(|waiting| waiting.settled.done().map(|(key, _)| key));
        let mut redo = intake.book.redo_after(done);
        if forced.is_empty() && !self.chain.state().forced.is_empty() {
            // The reprocessing run has processed all that the source yields.
            redo.unknown = 0;
        }
        let rollover = &self.rollover;
        self.chain.update_state(|state| {
            state.key_column = key_column.or(state.key_column.take());
            state.tries = intake.book.tries().clone();
            state.redo = redo;
            state.begun = begun;
            state.forced = forced;
            if let Some(rollover) = rollover {
                rollover.mark(state);
            }
        });
        let cursor = intake.low.watermark_after(&places(&items)).map(str::to_owned);
        let terms = CommitMetadata { now: self.moment(), ttl_ms: self.ttl_ms, release: close.is_some(), run, cursor };
        let drafted = self.chain.draft(self.chance.bits(), changes, &terms);
        let commit = Arc::new(drafted.map_err(|error| unfinished(error.to_string(), Fault::Transient))?);
        self.outstanding.note(Arc::clone(&commit), items);
        self.closing = if close.is_some() { ClosingRun::UnderWay } else { ClosingRun::No };
        let settling = self.settler.clone().settle(commit, self.chain.drafted().clone());
        self.in_flight = Some(Box::pin(settling));
        Ok(())
    }

    /// Handles the end of a commit: continues, redrafts, reloads or stops. `close` closes the run
    /// in a last commit.
    pub async fn ended(
        &mut self,
        ending: CommitOutcome,
        intake: &mut Intake,
        queue: &mut CommitQueue,
        close: &dyn Fn(Run) -> Run,
    ) -> Result<(), RunError> {
        self.in_flight = None;
        self.note_throttling();
        if let CommitEnd::Applied(id) = ending.end {
            self.applied(id, ending.commit.to, ending.took_ms, intake, queue)?;
            self.set_rejected_item_aside(intake, queue)?;
            return self.check_misplaced_writes().await;
        }
        if self.told && ending.end == CommitEnd::Fenced {
            self.left_to_others();
            return Ok(());
        }
        let close = Some(close).filter(|_| self.closing == ClosingRun::UnderWay);
        match self.chain.ended(&ending.commit, &ending.end) {
            NextAction::GoOn => Ok(()),
            NextAction::Redraft => self.begin(self.outstanding.newest_items(), intake, close),
            NextAction::Halve => {
                let mut items = self.outstanding.newest_items();
                let rest = items.split_off(items.len().div_ceil(2));
                queue.put_back(rest, self.now_ms());
                self.begin(items, intake, None)
            }
            NextAction::Suspect(how) => self.suspect(how, ending, intake, queue),
            NextAction::Reload => {
                self.reload(self.outstanding.newest_items(), Some(&ending.commit), intake, queue).await
            }
            NextAction::Stop(halt) => Err(self.halted(halt, ending).await),
        }
    }

    /// Ends this run: its results are applied, and the run that has taken over found the repairs
    /// that are left.
    pub(super) fn left_to_others(&mut self) {
        (self.closing, self.astray) = (ClosingRun::Done, 0);
    }

    /// Handles an applied draft `id`; `newest` is the draft that was sent last.
    pub(super) fn applied(
        &mut self,
        id: HeadId,
        newest: HeadId,
        took_ms: u64,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        let Some((commit, items, left)) = self.outstanding.applied(id) else {
            return Err(unfinished("a commit was applied that this run did not draft".into(), Fault::Corrupt));
        };
        self.chain.ended(&commit, &CommitEnd::Applied(id));
        let now_ms = self.now_ms();
        // If its items were suspected meanwhile, they are in the queue once more.
        if commit.to != newest || self.outstanding.take_returned() {
            let held = places(&items);
            queue.take_out(|waiting| held.contains(&waiting.place));
        }
        queue.put_back(left, now_ms);
        self.blame.applied(items.len());
        self.begun.clone_from(&commit.state.begun);
        let keys = intake.applied(&items);
        intake.book.wrote(commit.processed().map(|(key, _, _, run_cell)| (key, run_cell)));
        let rows = commit.changes.kept_rows(intake.mode) as u64;
        if self.commits == 0 {
            self.run.first_commit = id.commit;
            self.emit(Event::Claimed { fence: commit.state.lease.fence });
        }
        self.run.last_commit = id.commit;
        self.commits += 1;
        self.rows += rows;
        self.table_exists |= !commit.changes.tables.is_empty();
        intake.header.written(&commit.changes.columns);
        self.buried.clear();
        self.trust = LeaseValidity::from(now_ms.saturating_sub(took_ms), self.ttl_ms);
        self.last_commit_ms = now_ms;
        self.emit(Event::Committed { number: id.commit, rows, keys, took_ms });
        let released = commit.state.lease.holder.is_none();
        self.closing = if released { ClosingRun::Done } else { ClosingRun::No };
        if released && !self.told {
            self.run = commit.changes.runs.last().cloned().unwrap_or_else(|| self.run.clone());
            self.told = true;
        }
        Ok(())
    }

    async fn halted(&self, halt: Halt, ending: CommitOutcome) -> RunError {
        match halt {
            Halt::Fenced => self.fenced().await,
            Halt::Corrupt => head_gone(),
            Halt::Unsafe => RunError::Store(StoreError::Unsafe { why: ending.why }),
            Halt::Unclear | Halt::NotExecuted => unfinished(ending.why, ending.fault),
            Halt::Refused(part) => self.refused(part, ending.why).await,
            Halt::TooLarge => RunError::Refused { why: "one record alone is too large for a batch".into() },
        }
    }

    /// Returns the error for a refused batch. If a tab is missing, one more load names it and the
    /// fix. If users changed tabs between each load and the batch, neither is wrong. Only such
    /// conflicts make a store answer `CommitPart::Layout` repeatedly.
    async fn refused(&self, part: CommitPart, why: String) -> RunError {
        let loaded = self.settler.store.load().await;
        let explained = loaded.ok().and_then(|loaded| loaded.snapshot).map(|snapshot| unblocked(&snapshot));
        match explained {
            Some(Err(error)) => error,
            _ if part == CommitPart::Layout => RunError::Restless { why },
            _ => RunError::Refused { why },
        }
    }

    /// Returns the error that names the run that has taken over, if one more load finds it.
    async fn fenced(&self) -> RunError {
        match self.settler.store.load().await {
            Ok(loaded) => loaded.snapshot.map(|snapshot| taken_over(&snapshot.state)),
            Err(_) => None,
        }
        .unwrap_or_else(|| RunError::Fenced { by: "another run has taken over".to_owned() })
    }

    /// Returns the run as it will be once a commit with these changes is applied.
    fn run_with(&self, changes: &Changes, counts: Counts) -> Run {
        let recovered =
            changes.settled.iter().filter(|one| matches!(one, ItemResult::Done { closes: Some(_), .. })).count();
        let counts = Counts {
            new: counts.new + changes.keys() as u64,
            recovered: counts.recovered + recovered as u64,
            ..counts
        };
        let number = self.chain.drafted().base().map_or(0, |head| head.next(0).commit);
        let usage = self.settler.store.usage();
        let first_commit = if self.commits == 0 { number } else { self.run.first_commit };
        let calls = usage.reads + usage.writes + 1;
        Run { counts, calls, first_commit, last_commit: number, ..self.run.clone() }
    }

    fn note_throttling(&mut self) {
        let throttled = self.settler.store.usage().throttled;
        // One 429 alone proves nothing about a quota: calls between pass.
        self.stretched = throttled > self.throttled + 1;
        self.throttled = throttled;
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.settler.clock.monotonic_ms()
    }

    pub(super) fn emit(&self, event: Event) {
        (self.settler.events)(event);
    }
}

/// Returns the error of a run that another run has replaced.
pub(super) fn taken_over(state: &State) -> RunError {
    let by = match (&state.lease.holder, &state.lease.fence) {
        (Some(holder), fence) => format!("run {} on {} holds the lease (term {fence})", holder.run, holder.host),
        (None, fence) => format!("another run took the lease (term {fence}) and has released it"),
    };
    RunError::Fenced { by }
}

/// Returns the error for a deleted head marker.
pub(super) fn head_gone() -> RunError {
    let why = "the job's state marker is missing from the spreadsheet although its tabs exist: restore an earlier version from the file's version history, or see docs/runbook.md";
    RunError::Store(StoreError::Corrupt { why: why.into() })
}

/// Returns the error for a batch with unknown outcome, or that could not be sent.
pub(super) fn unfinished(why: String, fault: Fault) -> RunError {
    RunError::Unfinished { why, fault }
}
