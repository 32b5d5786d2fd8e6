//! The run loop: one pass over the source that takes in, queues, commits and ends.
//!
//! In scope: which event is next.
//! Out of scope: startup (`runner::startup`), admission (`runner::records::intake`), commits
//! (`runner::commit::committer`), the row of an ended run (`runner::run_end`).
//!
//! | question | file |
//! |---|---|
//! | Which event is handled next? | this one |
//! | When is a batch due, and what follows when it is committed? | `commits` |
//! | What follows when an input is read, or when an item's steps end? | `items` |
//! | What happens to the failures of the first records? | `first_records` |
//! | How are the changes found before any is made? | `forecast` |
//! | How does the loop stop before the end of its source? | `early_stop` |
//! | What does the loop report about a run, and with which result does it end? | `reports` |

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ledger::items::write_mode::Delivery;
use crate::ledger::runs::event::{Event, RunReport};
use crate::ledger::runs::journal::JournalHead;
use crate::machine::MachineError;
use crate::port::journal::JournalFileError;
use crate::port::source::{Source, SourceError};
use crate::port::store::{Store, StoreError};
use crate::runner::commit::commit_driver::{CommitDriver, FinishedCommit};
use crate::runner::commit::committer::Committer;
use crate::runner::input::input_queue::{InputQueue, RunInput};
use crate::runner::input::source_passes::SourcePasses;
use crate::runner::lease_questions::{LeaseQuestion, LeaseQuestions};
use crate::runner::queue::commit_queue::CommitQueue;
use crate::runner::queue::start_markers::{MAX_MARKED, StartMarkers};
use crate::runner::records::change_forecast::{ForecastPass, ForecastRows};
use crate::runner::records::failure_records::FailureRecords;
use crate::runner::records::intake::Intake;
use crate::runner::run_config::{Dependencies, RunConfig, RunError};
use crate::runner::schedule_claim::ScheduleClaim;
use crate::runner::shutdown::{StopHandle, StopReason};
use crate::runner::source_checks::check_source;
use crate::runner::startup::{RunContext, StartupParts, open};
use crate::runner::steps::journal_replay::{JournalTarget, Replay};
use crate::runner::steps::step_executor::{StepExecutor, StepOutcome};

mod commits;
mod early_stop;
mod forecast;
mod items;
mod first_records;
mod reports;

/// Runs a job once over its source. Returns when everything that was taken in is committed or
/// reported. On an error, earlier commits remain.
pub async fn run_job(mut parts: Dependencies, config: RunConfig, stop: StopHandle) -> Result<RunReport, RunError> {
    // Loading may take minutes while the service is down. Nothing is written yet, so it may be
    // cancelled anywhere.
    let startup = StartupParts::new(&parts);
    let mut opened = tokio::select! {
        opened = Box::pin(open(&startup, &config)) => opened?,
        reason = stop.wait_for_reason() => return Err(RunError::Stopped { reason }),
    };
    let reads_once = parts.source.as_ref().is_some_and(|source| !source.is_rereadable());
    check_source(&mut parts, &config, &stop, &mut opened).await?;
    // Box the future: it is large, and callers should not embed it.
    match Box::pin(RunLoop::new(parts, config, stop, opened)?.run()).await {
        // A source that can be read once has lost its header by now, so the caller can't wait for
        // the lease and start over.
        Err(RunError::LeaseHeld { holder, .. }) if reads_once => {
            let by = format!("run {} on {} has taken the lease meanwhile", holder.run, holder.host);
            Err(RunError::Fenced { by })
        }
        ended => ended,
    }
}

struct RunLoop {
    config: RunConfig,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    inputs: Option<InputQueue>,
    source_error: Option<SourceError>,
    /// The first error of this machine, for example a full disk. After it nothing more is taken in.
    machine_error: Option<MachineError>,
    executor: StepExecutor,
    active_steps: FuturesOrdered<BoxFuture<'static, StepOutcome>>,
    forecast: ForecastPass,
    start_markers: StartMarkers,
    replay: Replay,
    /// True if items were abandoned in their steps: their results may still be journalled.
    has_abandoned_items: bool,
    /// Deadline for steps that were asked to end, in monotonic milliseconds.
    abandon_at_ms: Option<u64>,
    intake: Intake,
    queue: CommitQueue,
    committer: Committer,
    claims_first: bool,
    /// Start of the run, in monotonic milliseconds.
    began_ms: u64,
    /// The last report of progress, in monotonic milliseconds.
    progress_at_ms: u64,
    /// The spreadsheet's time zone.
    sheet_zone: TimeZone,
    stop_reason: Option<StopReason>,
    is_stopping: bool,
    lease_questions: LeaseQuestions,
}

/// An event of the loop.
enum LoopEvent {
    Input(Result<Option<RunInput>, SourceError>),
    StepsDone(StepOutcome),
    Forecast(ForecastRows),
    CommitEnded(FinishedCommit),
    StopRequested,
    ForceStop(Duration),
    LeaseAsked(LeaseQuestion),
    AbandonTimeout,
    Tick,
}

impl RunLoop {
    #[expect(clippy::too_many_lines, reason = "a list: one line for each part of a run")]
    fn new(parts: Dependencies, config: RunConfig, stop: StopHandle, opened: RunContext) -> Result<Self, RunError> {
        let Dependencies {
            store,
            source,
            key_finder,
            steps,
            clock,
            rng,
            journal: parts_journal,
            prepared,
            events,
            warnings,
            ..
        } = parts;
        let outside = steps.iter().any(|step| step.has_outside_effects());
        let rereadable = source.as_ref().is_none_or(|source| source.is_rereadable());
        // The first commit carries no item: its guard has to be proved before anything is written.
        let first = opened.chain.draft_ids().base().is_none();
        let claims = config.claim.as_ref().is_some_and(ScheduleClaim::is_claim);
        let claim_first = first || outside || claims || !rereadable;
        let target = parts_journal.filter(|_| outside && config.scope.processes_items()).map(|journal| {
            let head = JournalHead::new(&config.job, &opened.spreadsheet, &config.definition.hash, &opened.run.id);
            JournalTarget { journal, head }
        });
        let (replay, results) = Replay::open(target, &opened.intake.index, Arc::clone(&events))
            .map_err(|JournalFileError(machine_error)| RunError::Store(StoreError::Machine { error: machine_error }))?;
        let executor = StepExecutor {
            steps: steps.into(),
            retry: config.retry,
            clock: Arc::clone(&clock),
            rng: Arc::clone(&rng),
            spreadsheet: opened.first_spreadsheet.clone(),
            job: config.job.clone(),
            fence: opened.chain.fence(),
            events: Arc::clone(&events),
            journal: replay.target().cloned(),
            cancel: CancellationToken::new(),
            stop,
        };
        let driver = CommitDriver { store: Arc::clone(&store), clock: Arc::clone(&clock), events };
        let mut opened = opened;
        let (began_ms, sheet_zone) = (opened.began_ms, opened.sheet_zone.clone());
        let prepared = prepared.map(|prepared| prepared.due_changes(&opened.intake.index)).unwrap_or_default();
        for result in &results {
            opened.intake.clear_doubt(&result.key, &result.version);
        }
        let source = if config.scope.filters_source() {
            let (key_finder, events) = (Arc::clone(&key_finder), Arc::clone(&opened.intake.events));
            source.map(|inner| -> Box<dyn Source> {
                Box::new(FailureRecords::new(inner, &opened.intake.index, key_finder, events))
            })
        } else {
            source.filter(|_| config.scope.reads_source())
        };
        let passes = source.map(|source| {
            let passes = SourcePasses::new(source, Arc::clone(&key_finder), opened.intake.index.policy());
            if opened.intake.hold.needs_forecast() { passes.with_forecast() } else { passes }
        });
        let (inputs, left_out) =
            InputQueue::new(std::mem::take(&mut opened.failures), passes, &opened.intake.index, key_finder);
        let (committer, intake) = Committer::new(driver, (rng, warnings), &config, opened);
        if left_out > 0 {
            let message = format!(
                "{left_out} failures are not tried again automatically, because their records are too large; run --retry-failures"
            );
            (committer.driver.events)(Event::LastingAnomaly { message, is_known: false });
        }
        let queue = CommitQueue::new(config.max_bytes, config.max_rows);
        Ok(Self {
            config,
            clock,
            store,
            inputs: Some(inputs.with_results(results).with_prepared(prepared)),
            source_error: None,
            machine_error: None,
            executor,
            active_steps: FuturesOrdered::new(),
            forecast: ForecastPass::default(),
            start_markers: StartMarkers::default(),
            replay,
            has_abandoned_items: false,
            abandon_at_ms: None,
            intake,
            queue,
            committer,
            claims_first: claim_first,
            began_ms,
            progress_at_ms: began_ms,
            sheet_zone,
            stop_reason: None,
            is_stopping: false,
            lease_questions: LeaseQuestions::default(),
        })
    }

    async fn run(mut self) -> Result<RunReport, RunError> {
        let closed = self.handle_events().await;
        self.cancel_steps().await;
        let closed = match closed {
            Err(error)
                if matches!(error, RunError::Refused { .. } | RunError::EditedWhileRead { .. })
                    || self.intake.output.foreign_tab.is_some() =>
            {
                self.release_lease(&error).await;
                Err(error)
            }
            closed => closed,
        };
        self.into_result(closed)
    }

    /// The loop: until the end of the source, or until the run has to stop.
    async fn handle_events(&mut self) -> Result<(), RunError> {
        self.committer.check_misplaced_writes().await?;
        self.drop_stale_deletions();
        while !self.committer.is_closed() {
            self.commit_if_due().await?;
            match self.next().await {
                LoopEvent::Input(Ok(Some(input))) => self.take_input(input),
                LoopEvent::Input(Ok(None)) => self.on_input_end(),
                LoopEvent::Input(Err(error)) => {
                    self.inputs = None;
                    self.source_error = Some(error);
                    self.release_first_records();
                }
                LoopEvent::StepsDone(steps_outcome) => {
                    self.on_steps_done(steps_outcome);
                    self.check_tab_ownership()?;
                }
                LoopEvent::Forecast(rows) => self.on_forecast_rows(rows),
                LoopEvent::CommitEnded(outcome) => self.on_commit_end(outcome).await?,
                LoopEvent::StopRequested => self.on_stop_requested(),
                LoopEvent::ForceStop(grace_period) => self.abandon_steps(grace_period),
                LoopEvent::AbandonTimeout => self.active_steps.clear(),
                LoopEvent::LeaseAsked(question) => self.on_lease_asked(question).await?,
                LoopEvent::Tick => {}
            }
        }
        self.replay.remove_used_journals(self.has_abandoned_items);
        self.report_added_columns();
        self.report_unused_approval();
        self.report_unusual_counts();
        self.emit(Event::Finished(Box::new(self.report())));
        Ok(())
    }

    async fn next(&mut self) -> LoopEvent {
        let due = self.due_ms().map(|at| at.saturating_sub(self.clock.monotonic_ms()));
        let wait = Duration::from_millis(due.unwrap_or(0));
        self.start_marked_items();
        self.pass_on_claim();
        let room = self.items_in_hand() < self.max_items_in_hand() && !self.queue.is_full() && !self.forecast.is_read;
        let unclaimed = self.claims_first && !self.committer.chain.has_claimed();
        let may_answer = self.committer.can_confirm_lease();
        let Self {
            inputs,
            active_steps,
            forecast,
            committer,
            executor,
            clock,
            abandon_at_ms,
            is_stopping,
            lease_questions,
            ..
        } = self;
        let (reading, working) = (inputs.is_some(), !active_steps.is_empty());
        let forecasting = reading && !forecast.steps.is_empty();
        let left = abandon_at_ms.map(|until| Duration::from_millis(until.saturating_sub(clock.monotonic_ms())));
        let (may_force, leaving) = (left.is_none(), left.is_some() && working);
        let left = left.unwrap_or_default();
        tokio::select! {
            biased;
            outcome = committer.wait_for_commit() => LoopEvent::CommitEnded(outcome),
            Some(steps_outcome) = active_steps.next(), if working => LoopEvent::StepsDone(steps_outcome),
            Some(rows) = forecast.steps.next(), if forecasting => LoopEvent::Forecast(rows),
            () = executor.stop.wait(), if (reading || working) && !*is_stopping => LoopEvent::StopRequested,
            grace_period = executor.stop.wait_for_force(), if working && !reading && may_force => LoopEvent::ForceStop(grace_period),
            () = clock.sleep(left), if leaving => LoopEvent::AbandonTimeout,
            question = lease_questions.next(), if may_answer => LoopEvent::LeaseAsked(question),
            input = receive_input(inputs), if reading && room && !unclaimed => LoopEvent::Input(input),
            () = clock.sleep(wait), if due.is_some() => LoopEvent::Tick,
        }
    }

    fn items_in_hand(&self) -> usize {
        self.active_steps.len() + self.forecast.steps.len() + self.start_markers.len()
    }

    fn is_at_most_once(&self) -> bool {
        self.config.delivery == Delivery::AtMostOnce
    }

    fn max_items_in_hand(&self) -> usize {
        if self.is_at_most_once() { MAX_MARKED } else { self.config.concurrency.max(1) }
    }

    fn check_tab_ownership(&self) -> Result<(), RunError> {
        self.intake.output.foreign_tab.clone().map_or(Ok(()), |why| Err(StoreError::Inconsistent { why }.into()))
    }

    fn is_drained(&self) -> bool {
        self.inputs.is_none() && self.active_steps.is_empty() && self.start_markers.is_empty()
    }

    fn emit(&self, event: Event) {
        (self.committer.driver.events)(event);
    }
}

async fn receive_input(inputs: &mut Option<InputQueue>) -> Result<Option<RunInput>, SourceError> {
    match inputs {
        Some(inputs) => inputs.next().await,
        None => std::future::pending().await,
    }
}
