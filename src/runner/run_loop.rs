//! The run loop: one pass over the source that takes in, queues, commits and ends.
//!
//! In scope: which event is next, and when a batch is due.
//! Out of scope: startup (`runner::startup`), admission (`runner::records::intake`), commits
//! (`runner::commit::committer`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ledger::items::item::Item;
use crate::ledger::items::write_mode::Delivery;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::runs::event::{Event, RunReport};
use crate::ledger::runs::journal::{JournalHead, StepResult};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::machine::MachineTrouble;
use crate::port::journal::JournalFault;
use crate::port::source::{Source, SourceError};
use crate::port::step::{IdentifyError, StepError};
use crate::port::store::{Store, StoreError};
use crate::runner::commit::commit_driver::{CommitDriver, CommitOutcome};
use crate::runner::commit::committer::Committer;
use crate::runner::header_row::check_header;
use crate::runner::input::input_queue::{InputQueue, RetryScope, RunInput};
use crate::runner::input::source_passes::SourcePasses;
use crate::runner::queue::commit_queue::CommitQueue;
use crate::runner::queue::first_records::Cause;
use crate::runner::queue::start_markers::{MAX_MARKED, StartMarkers};
use crate::runner::records::failure_records::FailureRecords;
use crate::runner::records::intake::{Intake, IntakeResult};
use crate::runner::run_config::{Dependencies, RunConfig, RunError};
use crate::runner::schedule_claim::ScheduleClaim;
use crate::runner::shutdown::{Stop, StopReason};
use crate::runner::startup::{RunContext, open};
use crate::runner::steps::journal_replay::{JournalTarget, Replay, item_of};
use crate::runner::steps::step_executor::{PriorState, StepExecutor, StepFailure, StepOutcome};

mod first;

/// Maximum age of queued results after the service has throttled calls, in milliseconds.
const THROTTLED_COMMIT_MS: u64 = 30_000;
/// How long an ended run waits for its cancelled steps. Programs are killed earlier.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(6);
/// Records between two progress events.
const PROGRESS_EVERY: u64 = 32;

/// Runs a job once over its source. Returns when everything that was taken in is committed or
/// reported. On an error, earlier commits remain.
pub async fn pass(mut parts: Dependencies, plan: RunConfig, stop: Stop) -> Result<RunReport, RunError> {
    // Loading may take minutes while the service is down. Nothing is written yet, so it may be
    // cancelled anywhere.
    let opened = tokio::select! {
        opened = Box::pin(open(&parts, &plan)) => opened?,
        reason = stop.reason() => return Err(RunError::Stopped { reason }),
    };
    let reads_once = parts.source.as_ref().is_some_and(|source| !source.rereadable());
    if let Some(source) = parts.source.as_mut().filter(|_| reads_once && plan.retrying.reads_source()) {
        check_header(source.as_mut(), parts.identify.as_ref(), &parts.events, &stop).await?;
    }
    // Box the future: it is large, and callers should not embed it.
    match Box::pin(RunLoop::new(parts, plan, stop, opened)?.run()).await {
        // A source that can be read once has lost its header by now, so the caller can't wait for
        // the lease and start over.
        Err(RunError::Held { holder, .. }) if reads_once => {
            let by = format!("run {} on {} has taken the lease meanwhile", holder.run, holder.host);
            Err(RunError::Fenced { by })
        }
        ended => ended,
    }
}

struct RunLoop {
    plan: RunConfig,
    stop: Stop,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    inputs: Option<InputQueue>,
    source_error: Option<SourceError>,
    /// The first error of this machine, for example a full disk. After it nothing more is taken in.
    trouble: Option<MachineTrouble>,
    executor: StepExecutor,
    active_steps: FuturesOrdered<BoxFuture<'static, StepOutcome>>,
    start_markers: StartMarkers,
    replay: Replay,
    /// True if items were abandoned in their steps: their results may still be journalled.
    has_abandoned_items: bool,
    /// Deadline for steps that were asked to end, in monotonic milliseconds.
    abandon_at_ms: Option<u64>,
    intake: Intake,
    queue: CommitQueue,
    committer: Committer,
    claim_first: bool,
    /// Start of the run, in monotonic milliseconds.
    began_ms: u64,
    stop_reason: Option<StopReason>,
}

/// An event of the loop.
enum LoopEvent {
    Input(Result<Option<RunInput>, SourceError>),
    StepsDone(StepOutcome),
    CommitEnded(CommitOutcome),
    StopRequested,
    ForceStop(Duration),
    AbandonTimeout,
    Tick,
}

impl RunLoop {
    #[expect(clippy::too_many_lines, reason = "a list: one line for each part of a run")]
    fn new(parts: Dependencies, plan: RunConfig, stop: Stop, opened: RunContext) -> Result<Self, RunError> {
        let Dependencies {
            store,
            source,
            identify,
            steps,
            clock,
            chance,
            journal: parts_journal,
            prepared,
            events,
            ..
        } = parts;
        let outside = steps.iter().any(|step| step.has_outside_effects());
        let rereadable = source.as_ref().is_none_or(|source| source.rereadable());
        // The first commit carries no item: its guard has to be proved before anything is written.
        let first = opened.chain.draft_ids().base().is_none();
        let claims = plan.schedule.as_ref().is_some_and(ScheduleClaim::is_claim);
        let claim_first = first || outside || claims || !rereadable;
        let target = parts_journal.filter(|_| outside && plan.retrying.processes_items()).map(|journal| {
            let head = JournalHead::new(&plan.job, &opened.spreadsheet, &plan.definition.hash, &opened.run.id);
            JournalTarget { journal, head }
        });
        let (replay, results) = Replay::open(target, &opened.intake.index, Arc::clone(&events))
            .map_err(|JournalFault(trouble)| RunError::Store(StoreError::Machine { trouble }))?;
        let worker = StepExecutor {
            steps: steps.into(),
            retry: plan.retry,
            clock: Arc::clone(&clock),
            chance: Arc::clone(&chance),
            spreadsheet: opened.first_spreadsheet.clone(),
            job: plan.job.clone(),
            fence: opened.chain.fence(),
            events: Arc::clone(&events),
            journal: replay.target().cloned(),
            cancel: CancellationToken::new(),
        };
        let driver = CommitDriver { store: Arc::clone(&store), clock: Arc::clone(&clock), events };
        let mut opened = opened;
        let began_ms = opened.began_ms;
        let prepared = prepared.map(|prepared| prepared.due(&opened.intake.index)).unwrap_or_default();
        for result in &results {
            opened.intake.clear_doubt(&result.key, &result.version);
        }
        let source = if plan.retrying.filters_source() {
            let (identify, events) = (Arc::clone(&identify), Arc::clone(&opened.intake.events));
            source.map(|inner| -> Box<dyn Source> {
                Box::new(FailureRecords::new(inner, &opened.intake.index, identify, events))
            })
        } else {
            source.filter(|_| plan.retrying.reads_source())
        };
        let passes =
            source.map(|source| SourcePasses::new(source, Arc::clone(&identify), opened.intake.index.policy()));
        let (feed, left_out) =
            InputQueue::new(std::mem::take(&mut opened.failures), passes, &opened.intake.index, identify);
        let (committer, intake) = Committer::new(driver, chance, &plan, opened);
        if left_out > 0 {
            let message = format!(
                "{left_out} failures are not tried again automatically, because their records are too large; run --retry-failures"
            );
            (committer.driver.events)(Event::Anomaly { message });
        }
        let queue = CommitQueue::new(plan.max_bytes, plan.max_rows);
        let works = FuturesOrdered::new();
        Ok(Self {
            plan,
            stop,
            clock,
            store,
            inputs: Some(feed.with_results(results).with_prepared(prepared)),
            source_error: None,
            trouble: None,
            executor: worker,
            active_steps: works,
            start_markers: StartMarkers::default(),
            replay,
            has_abandoned_items: false,
            abandon_at_ms: None,
            intake,
            queue,
            committer,
            claim_first,
            began_ms,
            stop_reason: None,
        })
    }

    async fn run(mut self) -> Result<RunReport, RunError> {
        let closed = self.handle_events().await;
        self.cancel_steps().await;
        let closed = match closed {
            Err(error)
                if matches!(error, RunError::Refused { .. } | RunError::Restless { .. })
                    || self.intake.foreign_tab.is_some() =>
            {
                self.release_lease(&error).await;
                Err(error)
            }
            closed => closed,
        };
        let (report, trouble, all_alike) = (self.report(), self.trouble, self.intake.probation.take_end());
        match (closed, trouble, self.source_error) {
            (Ok(()), Some(trouble), _) => Err(RunError::Machine { trouble, report: Box::new(report) }),
            // The earlier error is the one to fix. The next run writes what this one could not.
            (Err(error), Some(MachineTrouble { refused, why }), _) => {
                let trouble = MachineTrouble { refused, why: format!("{why}; nor could it {error}") };
                Err(RunError::Machine { trouble, report: Box::new(report) })
            }
            (Err(error), None, _) => Err(error),
            (Ok(()), None, source_error) => match (all_alike, source_error) {
                (Some(cause), _) => Err(RunError::AllAlike { cause: Box::new(cause), report: Some(Box::new(report)) }),
                (None, Some(error)) => Err(RunError::Source { error, report: Box::new(report) }),
                (None, None) => Ok(report),
            },
        }
    }

    /// Releases the lease of a run that can't continue although the sheet is writable, so that the
    /// next run need not wait.
    async fn release_lease(&mut self, error: &RunError) {
        let given_up = self.start_markers.give_up();
        self.intake.unmark_begun(&given_up);
        self.active_steps.clear();
        self.committer.release_lease(&error.to_string(), &mut self.intake, &mut self.queue).await;
    }

    /// Cancels the steps under way, so that no program outlives the run.
    async fn cancel_steps(&mut self) {
        if self.active_steps.is_empty() {
            return;
        }
        self.executor.cancel.cancel();
        let Self { active_steps: works, clock, .. } = self;
        tokio::select! {
            () = async { while works.next().await.is_some() {} } => {}
            () = clock.sleep(CANCEL_TIMEOUT) => {}
        }
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
                    self.end_probation();
                }
                LoopEvent::StepsDone(steps_outcome) => {
                    self.on_steps_done(steps_outcome);
                    self.check_tab_ownership()?;
                }
                LoopEvent::CommitEnded(outcome) => self.on_commit_end(outcome).await?,
                LoopEvent::StopRequested => self.on_stop_requested(),
                LoopEvent::ForceStop(patience) => self.abandon_steps(patience),
                LoopEvent::AbandonTimeout => self.active_steps.clear(),
                LoopEvent::Tick => {}
            }
        }
        self.replay.finish(self.has_abandoned_items);
        self.report_unknown_columns();
        self.emit(Event::Finished(Box::new(self.report())));
        Ok(())
    }

    async fn next(&mut self) -> LoopEvent {
        let due = self.due_ms().map(|at| at.saturating_sub(self.clock.monotonic_ms()));
        let wait = Duration::from_millis(due.unwrap_or(0));
        self.start_marked_items();
        let room = self.items_in_hand() < self.max_items_in_hand() && !self.queue.is_full();
        let unclaimed = self.claim_first && !self.committer.chain.has_claimed();
        let Self { inputs: feed, active_steps: works, committer, stop, clock, abandon_at_ms: leaving_until_ms, .. } =
            self;
        let (reading, working) = (feed.is_some(), !works.is_empty());
        let left = leaving_until_ms.map(|until| Duration::from_millis(until.saturating_sub(clock.monotonic_ms())));
        let (may_force, leaving) = (left.is_none(), left.is_some() && working);
        let left = left.unwrap_or_default();
        tokio::select! {
            biased;
            outcome = committer.commit_finished() => LoopEvent::CommitEnded(outcome),
            Some(steps_outcome) = works.next(), if working => LoopEvent::StepsDone(steps_outcome),
            () = stop.wait(), if reading => LoopEvent::StopRequested,
            patience = stop.forced(), if working && !reading && may_force => LoopEvent::ForceStop(patience),
            () = clock.sleep(left), if leaving => LoopEvent::AbandonTimeout,
            input = next_input(feed), if reading && room && !unclaimed => LoopEvent::Input(input),
            () = clock.sleep(wait), if due.is_some() => LoopEvent::Tick,
        }
    }

    /// Returns when the loop has to act without an event: results are due, or the lease has to be
    /// renewed.
    fn due_ms(&self) -> Option<u64> {
        if self.committer.is_busy() {
            return None;
        }
        let every = self.plan.commit_every_ms;
        let every = if self.committer.is_throttled() { every.max(THROTTLED_COMMIT_MS) } else { every };
        let results = self.queue.waiting_since_ms().map(|opened| opened.saturating_add(every));
        let alone = self.inputs.is_none() || self.items_in_hand() >= self.max_items_in_hand();
        let marks = self.start_markers.due_ms(alone);
        results.into_iter().chain(self.committer.renewal_ms()).chain(marks).min()
    }

    fn items_in_hand(&self) -> usize {
        self.active_steps.len() + self.start_markers.len()
    }

    fn is_at_most_once(&self) -> bool {
        self.plan.delivery == Delivery::AtMostOnce
    }

    fn max_items_in_hand(&self) -> usize {
        if self.is_at_most_once() { MAX_MARKED } else { self.plan.concurrency.max(1) }
    }

    /// Starts the steps of marked items, up to the concurrency limit.
    fn start_marked_items(&mut self) {
        while self.active_steps.len() < self.plan.concurrency.max(1) {
            let Some((item, place)) = self.start_markers.pop() else { return };
            self.start_steps(item, place);
        }
    }

    fn start_steps(&mut self, item: Item, place: SequenceNumber) {
        let book = &self.intake.index;
        let known = PriorState {
            state_digest: book.state_digest(&item.key),
            change_id: book.change_id(&item.key, &item.version),
        };
        self.active_steps.push_back(Box::pin(self.executor.clone().run(item, place, known)));
    }

    /// Input is exhausted: report the in-doubt items that the source did not yield (only if the
    /// source was read).
    fn on_input_end(&mut self) {
        self.inputs = None;
        if !self.plan.retrying.reads_source() {
            return;
        }
        for doubt in self.intake.remaining_doubts(self.committer.service_time()) {
            self.queue.push(doubt, self.clock.monotonic_ms());
        }
    }

    fn take_input(&mut self, input: RunInput) {
        let now = self.committer.service_time();
        let is_of_source = matches!(input, RunInput::Record(..)) && self.plan.retrying.reads_source();
        self.intake.probation.watch(is_of_source);
        if is_of_source {
            self.intake.probation.read();
        }
        let taken = match input {
            RunInput::Record(_, Some(Err(IdentifyError::Machine(trouble))))
            | RunInput::Failure(_, Some(Ok((_, Err(IdentifyError::Machine(trouble)))))) => {
                return self.stop_for_machine(trouble);
            }
            RunInput::Record(record, identity) => self.intake.take(record, identity, now),
            RunInput::Failure(kept, again) => self.intake.take_failure(*kept, again, now),
            RunInput::Surveyed(survey) => return self.intake.use_survey(*survey),
            RunInput::SourceRead => return self.on_source_read(),
            RunInput::Compared(repeats) => return self.intake.on_compared(repeats),
            RunInput::Result(result) => return self.take_result(*result),
            RunInput::Prepared(change) => IntakeResult::Pending(self.intake.enqueue_prepared(*change)),
        };
        match taken {
            IntakeResult::Work(item, place) if self.is_at_most_once() => {
                self.intake.mark_begun(&item, place);
                self.start_markers.push(item, place, self.clock.monotonic_ms());
            }
            IntakeResult::Work(item, place) => self.start_steps(item, place),
            IntakeResult::Pending(waiting) => self.enqueue(waiting, is_of_source),
            IntakeResult::Skip => {}
        }
        self.check_first_records();
        if self.intake.counts.read.is_multiple_of(PROGRESS_EVERY) {
            self.progress();
        }
    }

    /// The source is exhausted. If it was read twice, both passes have to agree; otherwise records
    /// were confused.
    fn on_source_read(&mut self) {
        if !self.intake.source_is_same() {
            let (what, why) = ("the source".to_owned(), "it changed between two readings; run again".to_owned());
            self.source_error = Some(SourceError::Unavailable { what, why });
        }
        if self.plan.retrying.reads_source() {
            self.check_whole_source();
        }
        if let (Some(comparison), Some(feed)) = (self.intake.on_source_read(), &mut self.inputs) {
            feed.compare(comparison);
        }
    }

    fn take_result(&mut self, result: StepResult) {
        let Some((item, values)) = item_of(result) else { return };
        if let Some((item, place)) = self.intake.take_result(item) {
            self.on_steps_done(StepOutcome {
                item,
                place,
                result: Ok(values),
                retries: 0,
                begun: false,
                journal_error: None,
            });
        }
    }

    fn on_steps_done(&mut self, steps_outcome: StepOutcome) {
        if let Some(JournalFault(trouble)) = &steps_outcome.journal_error {
            // The result itself still goes to the sheet. A further result could be lost by a crash.
            self.stop_for_machine(trouble.clone());
        }
        if let Err(StepFailure { error: StepError::Machine { trouble, .. }, .. }) = &steps_outcome.result {
            self.stop_for_machine(trouble.clone());
        }
        // Results of programs are written in any case, so that the attempt is counted.
        let is_of_source = steps_outcome.item.again.is_none() && self.plan.retrying.reads_source();
        self.intake.probation.watch(is_of_source);
        let may_be_held = is_of_source && !self.executor.has_outside_effects();
        if let Some(waiting) = self.intake.on_steps_done(steps_outcome, self.committer.service_time()) {
            self.enqueue(waiting, may_be_held);
        }
        self.check_first_records();
    }

    /// Stops because of an error of this machine: finished items are committed, the others are left
    /// untouched.
    fn stop_for_machine(&mut self, trouble: MachineTrouble) {
        if self.trouble.is_some() {
            return;
        }
        self.stop_intake();
        self.emit(Event::Stopping { why: trouble.why.clone() });
        self.trouble = Some(trouble);
    }

    fn check_tab_ownership(&self) -> Result<(), RunError> {
        self.intake.foreign_tab.clone().map_or(Ok(()), |why| Err(StoreError::Corrupt { why }.into()))
    }

    fn stop_intake(&mut self) {
        self.inputs = None;
        self.end_probation();
        let given_up = self.start_markers.give_up();
        self.intake.unmark_begun(&given_up);
    }

    fn on_stop_requested(&mut self) {
        self.stop_intake();
        self.stop_reason = self.stop.requested();
        let why = self.stop_reason.map_or("a request", StopReason::as_str).to_owned();
        self.emit(Event::Stopping { why });
    }

    /// Leaves items whose steps are under way to the next run: they are neither done nor failed,
    /// and the cursor stays before them. Their programs are asked to end and get some time. Until
    /// then the run keeps the lease, so that no other run repeats them.
    fn abandon_steps(&mut self, patience: Duration) {
        self.executor.cancel.cancel();
        // The source may have ended before the stop was requested. With abandoned items the run is
        // still incomplete.
        self.stop_reason = self.stop_reason.or_else(|| self.stop.requested());
        let left = self.active_steps.len();
        self.has_abandoned_items |= left > 0;
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.abandon_at_ms = Some(self.clock.monotonic_ms().saturating_add(patience));
        self.emit(Event::Stopping {
            why: format!("out of time; items in progress that are left to the next run: {left}"),
        });
    }

    fn is_drained(&self) -> bool {
        self.inputs.is_none() && self.active_steps.is_empty() && self.start_markers.is_empty()
    }

    async fn commit_if_due(&mut self) -> Result<(), RunError> {
        if self.committer.is_busy() {
            return Ok(());
        }
        if self.committer.needs_repair() {
            // Repairs come before any other write. After the run's row was written, only repairs
            // are left.
            let close = self.run_closer();
            let is_written = self.committer.is_run_row_written();
            return self.committer.begin(
                Vec::new(),
                &mut self.intake,
                Some(&close as &dyn Fn(Run) -> Run).filter(|_| is_written),
            );
        }
        let claim = self.claim_first && !self.committer.chain.has_claimed();
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
        let close = self.run_closer();
        self.committer.begin(items, &mut self.intake, Some(&close as &dyn Fn(Run) -> Run).filter(|_| last))
    }

    async fn on_commit_end(&mut self, outcome: CommitOutcome) -> Result<(), RunError> {
        let close = self.run_closer();
        self.committer.on_commit_end(outcome, &mut self.intake, &mut self.queue, &close).await?;
        self.drop_stale_deletions();
        self.start_markers.shown(&self.committer.begun);
        self.executor.fence = self.committer.chain.fence();
        self.progress();
        Ok(())
    }

    /// Drops queued row deletions: their row numbers are stale after a user has moved rows.
    fn drop_stale_deletions(&mut self) {
        if self.committer.needs_repair() {
            self.queue.remove_matching(|waiting| !waiting.settled.removals().is_empty());
            self.inputs.iter_mut().for_each(InputQueue::drop_deletions);
        }
    }

    /// Returns the function that closes the run's row with the reason for its end, as known by now.
    fn run_closer(&self) -> impl Fn(Run) -> Run + use<> {
        let trouble = self.trouble.as_ref().map(ToString::to_string);
        let all_alike = self.intake.probation.ended_by().map(Cause::sentence);
        let broken = trouble.or(all_alike).or_else(|| self.source_error.as_ref().map(ToString::to_string));
        let repeated = self.intake.selection.repeats().sentence(self.intake.index.policy());
        let verdict = self.plan.schedule.as_ref().and_then(|claim| claim.verdict.clone());
        let (asked, job) = (self.stop_reason, self.plan.job.clone());
        // The duration is measured monotonically, because the wall clock may have been set
        // meanwhile.
        let took_ms = self.clock.monotonic_ms().saturating_sub(self.began_ms);
        let finished = self.committer.run.started.add_ms(took_ms);
        let note = if self.plan.retrying == RetryScope::Reprocess {
            "forgot keys for a forced run".to_owned()
        } else {
            String::new()
        };
        let rowless = rowless_phrase(self.intake.rowless);
        let (expected, filled) = (Arc::clone(&self.plan.expectations), self.intake.filled.1.clone());
        move |run| {
            let (status, message) = match (&broken, asked) {
                _ if verdict.is_some() => verdict.clone().unwrap_or((RunStatus::Skipped, String::new())),
                (Some(error), _) => (RunStatus::Failed, error.clone()),
                (None, Some(StopReason::Deadline)) => {
                    (RunStatus::TimedOut, "stopped at its deadline; the next run goes on".to_owned())
                }
                (None, Some(reason)) => {
                    (RunStatus::Interrupted, format!("stopped by {}; the next run goes on", reason.as_str()))
                }
                (None, None) => {
                    let short = expected.violations(&run.counts, &filled).join("; ");
                    let failed = match run.counts.failed {
                        0 => note.clone(),
                        failed => format!("{failed} failed; see Failures {job}"),
                    };
                    let status = match (short.is_empty(), run.counts.failed) {
                        (false, _) => RunStatus::Degraded,
                        (true, 0) => RunStatus::Succeeded,
                        (true, _) => RunStatus::Partial,
                    };
                    (status, join_sentences(join_sentences(short, &failed), &rowless))
                }
            };
            let repaired = Some(run.message.clone());
            let message =
                [Some(message), repeated.clone(), repaired].into_iter().flatten().filter(|part| !part.is_empty());
            let message = message.collect::<Vec<_>>().join("; ");
            Run { status, message, finished: Some(finished), ..run }
        }
    }

    /// Warns about types for columns that the tab lacks (most often a typing error), and about
    /// fields that were left out.
    fn report_unknown_columns(&self) {
        let header = self.intake.header.columns();
        let tab = &self.plan.tab;
        let named = self.plan.columns.types.iter().map(|(name, _)| name);
        for name in named.filter(|&name| !header.is_empty() && !header.contains(name)) {
            self.emit(Event::Anomaly {
                message: format!("[sheet] columns names \"{name}\", and tab {tab} has no such column: is it misspelt?"),
            });
        }
        for name in self.intake.header.ignored() {
            self.emit(Event::Anomaly {
                message: format!("field \"{name}\" was left out: tab {tab} has no column for it"),
            });
        }
    }

    fn progress(&self) {
        let source = self.inputs.as_ref().and_then(InputQueue::progress);
        self.emit(Event::Progress { counts: self.intake.counts, source });
    }

    fn report(&self) -> RunReport {
        let usage = self.store.usage();
        let (rows, commits) = self.committer.applied_counts();
        RunReport {
            run: self.committer.run.clone(),
            keys: self.intake.index.keys(),
            open_failures: (self.intake.index.open_failures() as u64).saturating_sub(self.intake.probation.unwritten()),
            dead_failures: self.intake.index.dead_failures() as u64,
            tried_again: self.intake.retry_counts,
            rows: rows.saturating_sub(usage.updated),
            updated: usage.updated,
            commits,
            reads: usage.reads,
            writes: usage.writes,
            throttled: usage.throttled,
            is_quota_shared: usage.is_quota_shared,
            repeats: self.intake.selection.repeats().clone(),
            again: self.intake.index.policy(),
            rowless: self.intake.rowless,
        }
    }

    fn emit(&self, event: Event) {
        (self.committer.driver.events)(event);
    }
}

async fn next_input(feed: &mut Option<InputQueue>) -> Result<Option<RunInput>, SourceError> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

/// Returns the phrase about items that made no row; empty if there are none.
fn rowless_phrase(items: u64) -> String {
    match items {
        0 => String::new(),
        1 => "1 item made no row".to_owned(),
        _ => format!("{items} items made no row"),
    }
}

/// Joins two sentences, if both are there.
fn join_sentences(note: String, more: &str) -> String {
    match (note.is_empty(), more.is_empty()) {
        (_, true) => note,
        (true, false) => more.to_owned(),
        (false, false) => format!("{note}; {more}"),
    }
}
