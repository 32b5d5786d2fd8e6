//! The run loop: one pass over the source that takes in, queues, commits and ends.
//!
//! In scope: which event is next, and when a batch is due.
//! Out of scope: startup (`runner::startup`), admission (`runner::intake`), commits
//! (`runner::committer`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::ledger::item::item::Item;
use crate::ledger::item::write_mode::Delivery;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::run::event::{Event, RunReport};
use crate::ledger::run::journal::{JournalHead, StepResult};
use crate::ledger::run::run::{Run, RunStatus};
use crate::machine::MachineTrouble;
use crate::port::clock::Clock;
use crate::port::journal::JournalFault;
use crate::port::source::{Source, SourceError};
use crate::port::step::{IdentifyError, StepError};
use crate::port::store::{Store, StoreError};
use crate::runner::commit_driver::{CommitDriver, CommitOutcome};
use crate::runner::commit_queue::CommitQueue;
use crate::runner::committer::Committer;
use crate::runner::failure_records::FailureRecords;
use crate::runner::first_records::Cause;
use crate::runner::header_row::see_header;
use crate::runner::input_queue::{InputQueue, RetryScope, RunInput};
use crate::runner::intake::{Intake, IntakeResult};
use crate::runner::journal_replay::{JournalTarget, Replay, item_of};
use crate::runner::run_config::{Dependencies, RunConfig, RunError};
use crate::runner::shutdown::{Stop, StopReason};
use crate::runner::source_passes::SourcePasses;
use crate::runner::start_markers::{MAX_MARKED, StartMarkers};
use crate::runner::startup::{RunContext, open};
use crate::runner::step_executor::{PriorState, StepExecutor, StepFailure, StepOutcome};

mod first;

/// Maximum age of queued results after the service has throttled calls, in milliseconds.
const STRETCHED_MS: u64 = 30_000;
/// How long an ended run waits for its cancelled steps. Programs are killed earlier.
const END_WITHIN: Duration = Duration::from_secs(6);
/// Records between two progress events.
const PROGRESS_EVERY: u64 = 32;

/// Runs a job once over its source. Returns when everything that was taken in is committed or
/// reported. On an error, earlier commits remain.
pub async fn pass(mut parts: Dependencies, plan: RunConfig, stop: Stop) -> Result<RunReport, RunError> {
    // Loading may take minutes while the service is down. Nothing is written yet, so it may be
    // cancelled anywhere.
    let opened = tokio::select! {
        opened = open(&parts, &plan) => opened?,
        reason = stop.reason() => return Err(RunError::Stopped { reason }),
    };
    let reads_once = parts.source.as_ref().is_some_and(|source| !source.rereadable());
    if let Some(source) = parts.source.as_mut().filter(|_| reads_once && plan.retrying.reads_source()) {
        see_header(source.as_mut(), parts.identify.as_ref(), &parts.events, &stop).await?;
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
    feed: Option<InputQueue>,
    source_error: Option<SourceError>,
    /// The first error of this machine, for example a full disk. After it nothing more is taken in.
    trouble: Option<MachineTrouble>,
    worker: StepExecutor,
    works: FuturesOrdered<BoxFuture<'static, StepOutcome>>,
    marks: StartMarkers,
    replay: Replay,
    /// True if items were abandoned in their steps: their results may still be journalled.
    left: bool,
    /// Deadline for steps that were asked to end, in monotonic milliseconds.
    leaving_until_ms: Option<u64>,
    intake: Intake,
    queue: CommitQueue,
    committer: Committer,
    claim_first: bool,
    /// Start of the run, in monotonic milliseconds.
    began_ms: u64,
    asked: Option<StopReason>,
}

/// An event of the loop.
enum LoopEvent {
    Fed(Result<Option<RunInput>, SourceError>),
    Worked(StepOutcome),
    Ended(CommitOutcome),
    Asked,
    ForceStop(Duration),
    Abandoned,
    Tick,
}

impl RunLoop {
    #[expect(clippy::too_many_lines, reason = "a list: one line for each part of a run")]
    fn new(parts: Dependencies, plan: RunConfig, stop: Stop, opened: RunContext) -> Result<Self, RunError> {
        let Dependencies {
            store, source, identify, steps, clock, chance, journal: parts_journal, errands, events, ..
        } = parts;
        let outside = steps.iter().any(|step| step.has_outside_effects());
        let rereadable = source.as_ref().is_none_or(|source| source.rereadable());
        // The first commit carries no item: its guard has to be proved before anything is written.
        let first = opened.chain.drafted().base().is_none();
        let claim_first = first || outside || !rereadable;
        let keeping = parts_journal.filter(|_| outside && plan.retrying.brings_items()).map(|journal| {
            let head = JournalHead::new(&plan.job, &opened.spreadsheet, &plan.definition.hash, &opened.run.id);
            JournalTarget { journal, head }
        });
        let (replay, results) = Replay::open(keeping, &opened.intake.book, Arc::clone(&events))
            .map_err(|JournalFault(trouble)| RunError::Store(StoreError::Machine { trouble }))?;
        let worker = StepExecutor {
            steps: steps.into(),
            retry: plan.retry,
            clock: Arc::clone(&clock),
            chance: Arc::clone(&chance),
            spreadsheet: opened.origin.clone(),
            job: plan.job.clone(),
            fence: opened.chain.fence(),
            events: Arc::clone(&events),
            keeping: replay.keeping().cloned(),
            cancel: CancellationToken::new(),
        };
        let settler = CommitDriver { store: Arc::clone(&store), clock: Arc::clone(&clock), events };
        let mut opened = opened;
        let began_ms = opened.began_ms;
        let errands = errands.map(|errands| errands.due(&opened.intake.book)).unwrap_or_default();
        for result in &results {
            opened.intake.is_certain(&result.key, &result.version);
        }
        let source = if plan.retrying.looks_for_records() {
            let (identify, events) = (Arc::clone(&identify), Arc::clone(&opened.intake.events));
            source.map(|inner| -> Box<dyn Source> {
                Box::new(FailureRecords::of(inner, &opened.intake.book, identify, events))
            })
        } else {
            source.filter(|_| plan.retrying.reads_source())
        };
        let passes = source.map(|source| SourcePasses::new(source, Arc::clone(&identify), opened.intake.book.again()));
        let (feed, beyond) = InputQueue::new(std::mem::take(&mut opened.kept), passes, &opened.intake.book, identify);
        let (committer, intake) = Committer::new(settler, chance, &plan, opened);
        if beyond > 0 {
            let message = format!(
                "{beyond} failures are not tried again automatically, because their records are too large; run --retry-failures"
            );
            (committer.settler.events)(Event::Anomaly { message });
        }
        let queue = CommitQueue::new(plan.max_bytes, plan.max_rows);
        let works = FuturesOrdered::new();
        Ok(Self {
            plan,
            stop,
            clock,
            store,
            feed: Some(feed.after(results).after_errands(errands)),
            source_error: None,
            trouble: None,
            worker,
            works,
            marks: StartMarkers::default(),
            replay,
            left: false,
            leaving_until_ms: None,
            intake,
            queue,
            committer,
            claim_first,
            began_ms,
            asked: None,
        })
    }

    async fn run(mut self) -> Result<RunReport, RunError> {
        let closed = self.go_through().await;
        self.stop_items_in_hand().await;
        let closed = match closed {
            Err(error)
                if matches!(error, RunError::Refused { .. } | RunError::Restless { .. })
                    || self.intake.foreign.is_some() =>
            {
                self.give_back(&error).await;
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
    async fn give_back(&mut self, error: &RunError) {
        let given_up = self.marks.give_up();
        self.intake.not_begun(&given_up);
        self.works.clear();
        self.committer.give_back(&error.to_string(), &mut self.intake, &mut self.queue).await;
    }

    /// Cancels the steps under way, so that no program outlives the run.
    async fn stop_items_in_hand(&mut self) {
        if self.works.is_empty() {
            return;
        }
        self.worker.cancel.cancel();
        let Self { works, clock, .. } = self;
        tokio::select! {
            () = async { while works.next().await.is_some() {} } => {}
            () = clock.sleep(END_WITHIN) => {}
        }
    }

    /// The loop: until the end of the source, or until the run has to stop.
    async fn go_through(&mut self) -> Result<(), RunError> {
        self.committer.check_misplaced_writes().await?;
        self.forget_stale_removals();
        while !self.committer.is_closed() {
            self.commit_if_due().await?;
            match self.next().await {
                LoopEvent::Fed(Ok(Some(fed))) => self.take(fed),
                LoopEvent::Fed(Ok(None)) => self.on_input_end(),
                LoopEvent::Fed(Err(error)) => {
                    self.feed = None;
                    self.source_error = Some(error);
                    self.end_probation();
                }
                LoopEvent::Worked(worked) => {
                    self.worked(worked);
                    self.see_that_the_tab_is_ours()?;
                }
                LoopEvent::Ended(ending) => self.ended(ending).await?,
                LoopEvent::Asked => self.asked_to_stop(),
                LoopEvent::ForceStop(patience) => self.leave_items_in_hand(patience),
                LoopEvent::Abandoned => self.works.clear(),
                LoopEvent::Tick => {}
            }
        }
        self.replay.finish(self.left);
        self.report_unknown_columns();
        self.emit(Event::Finished(Box::new(self.report())));
        Ok(())
    }

    async fn next(&mut self) -> LoopEvent {
        let due = self.due_ms().map(|at| at.saturating_sub(self.clock.monotonic_ms()));
        let wait = Duration::from_millis(due.unwrap_or(0));
        self.begin_marked_items();
        let room = self.in_hand() < self.most_in_hand() && !self.queue.is_full();
        let unclaimed = self.claim_first && !self.committer.chain.claimed();
        let Self { feed, works, committer, stop, clock, leaving_until_ms, .. } = self;
        let (reading, working) = (feed.is_some(), !works.is_empty());
        let left = leaving_until_ms.map(|until| Duration::from_millis(until.saturating_sub(clock.monotonic_ms())));
        let (may_hurry, leaving) = (left.is_none(), left.is_some() && working);
        let left = left.unwrap_or_default();
        tokio::select! {
            biased;
            ending = committer.commit_finished() => LoopEvent::Ended(ending),
            Some(worked) = works.next(), if working => LoopEvent::Worked(worked),
            () = stop.wait(), if reading => LoopEvent::Asked,
            patience = stop.forced(), if working && !reading && may_hurry => LoopEvent::ForceStop(patience),
            () = clock.sleep(left), if leaving => LoopEvent::Abandoned,
            fed = next_input(feed), if reading && room && !unclaimed => LoopEvent::Fed(fed),
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
        let every = if self.committer.is_stretched() { every.max(STRETCHED_MS) } else { every };
        let results = self.queue.opened_ms().map(|opened| opened.saturating_add(every));
        let alone = self.feed.is_none() || self.in_hand() >= self.most_in_hand();
        let marks = self.marks.due_ms(alone);
        results.into_iter().chain(self.committer.renewal_ms()).chain(marks).min()
    }

    fn in_hand(&self) -> usize {
        self.works.len() + self.marks.len()
    }

    fn marks_first(&self) -> bool {
        self.plan.delivery == Delivery::AtMostOnce
    }

    fn most_in_hand(&self) -> usize {
        if self.marks_first() { MAX_MARKED } else { self.plan.concurrency.max(1) }
    }

    /// Starts the steps of marked items, up to the concurrency limit.
    fn begin_marked_items(&mut self) {
        while self.works.len() < self.plan.concurrency.max(1) {
            let Some((item, place)) = self.marks.pop() else { return };
            self.work(item, place);
        }
    }

    fn work(&mut self, item: Item, place: SequenceNumber) {
        let book = &self.intake.book;
        let known = PriorState { shown: book.shown(&item.key), change: book.change(&item.key, &item.version) };
        self.works.push_back(Box::pin(self.worker.clone().work(item, place, known)));
    }

    /// Input is exhausted: report the in-doubt items that the source did not yield (only if the
    /// source was read).
    fn on_input_end(&mut self) {
        self.feed = None;
        if !self.plan.retrying.reads_source() {
            return;
        }
        for doubt in self.intake.remaining_doubts(self.committer.moment()) {
            self.queue.push(doubt, self.clock.monotonic_ms());
        }
    }

    fn take(&mut self, fed: RunInput) {
        let now = self.committer.moment();
        let is_of_source = matches!(fed, RunInput::Record(..)) && self.plan.retrying.reads_source();
        self.intake.probation.watch(is_of_source);
        if is_of_source {
            self.intake.probation.read();
        }
        let taken = match fed {
            RunInput::Record(_, Some(Err(IdentifyError::Machine(trouble))))
            | RunInput::Kept(_, Some(Ok((_, Err(IdentifyError::Machine(trouble)))))) => return self.stop_for(trouble),
            RunInput::Record(record, identity) => self.intake.take(record, identity, now),
            RunInput::Kept(kept, again) => self.intake.take_kept(*kept, again, now),
            RunInput::Surveyed(survey) => return self.intake.sift_by(*survey),
            RunInput::SourceRead => return self.source_read(),
            RunInput::Compared(repeats) => return self.intake.compared(repeats),
            RunInput::Result(result) => return self.take_result(*result),
            RunInput::Errand(errand) => IntakeResult::Wait(self.intake.enqueue_prepared(*errand)),
        };
        match taken {
            IntakeResult::Work(item, place) if self.marks_first() => {
                self.intake.begins(&item, place);
                self.marks.push(item, place, self.clock.monotonic_ms());
            }
            IntakeResult::Work(item, place) => self.work(item, place),
            IntakeResult::Wait(waiting) => self.put(waiting, is_of_source),
            IntakeResult::Nothing => {}
        }
        self.see_what_the_first_show();
        if self.intake.counts.read.is_multiple_of(PROGRESS_EVERY) {
            self.progress();
        }
    }

    /// The source is exhausted. If it was read twice, both passes have to agree; otherwise records
    /// were confused.
    fn source_read(&mut self) {
        if !self.intake.source_is_same() {
            let (what, why) = ("the source".to_owned(), "it changed between two readings; run again".to_owned());
            self.source_error = Some(SourceError::Unavailable { what, why });
        }
        if self.plan.retrying.reads_source() {
            self.source_is_read();
        }
        if let (Some(comparison), Some(feed)) = (self.intake.source_read(), &mut self.feed) {
            feed.compare(comparison);
        }
    }

    fn take_result(&mut self, result: StepResult) {
        let Some((item, values)) = item_of(result) else { return };
        if let Some((item, place)) = self.intake.take_result(item) {
            self.worked(StepOutcome { item, place, result: Ok(values), retries: 0, begun: false, unkept: None });
        }
    }

    fn worked(&mut self, worked: StepOutcome) {
        if let Some(JournalFault(trouble)) = &worked.unkept {
            // The result itself still goes to the sheet. A further result could be lost by a crash.
            self.stop_for(trouble.clone());
        }
        if let Err(StepFailure { error: StepError::Machine { trouble, .. }, .. }) = &worked.result {
            self.stop_for(trouble.clone());
        }
        // Results of programs are written in any case, so that the attempt is counted.
        let is_of_source = worked.item.again.is_none() && self.plan.retrying.reads_source();
        self.intake.probation.watch(is_of_source);
        let may_be_held = is_of_source && !self.worker.has_outside_effects();
        if let Some(waiting) = self.intake.worked(worked, self.committer.moment()) {
            self.put(waiting, may_be_held);
        }
        self.see_what_the_first_show();
    }

    /// Stops because of an error of this machine: finished items are committed, the others are left
    /// untouched.
    fn stop_for(&mut self, trouble: MachineTrouble) {
        if self.trouble.is_some() {
            return;
        }
        self.take_nothing_more();
        self.emit(Event::Stopping { why: trouble.why.clone() });
        self.trouble = Some(trouble);
    }

    fn see_that_the_tab_is_ours(&self) -> Result<(), RunError> {
        self.intake.foreign.clone().map_or(Ok(()), |why| Err(StoreError::Corrupt { why }.into()))
    }

    fn take_nothing_more(&mut self) {
        self.feed = None;
        self.end_probation();
        let given_up = self.marks.give_up();
        self.intake.not_begun(&given_up);
    }

    fn asked_to_stop(&mut self) {
        self.take_nothing_more();
        self.asked = self.stop.asked();
        let why = self.asked.map_or("a request", StopReason::word).to_owned();
        self.emit(Event::Stopping { why });
    }

    /// Leaves items whose steps are under way to the next run: they are neither done nor failed,
    /// and the cursor stays before them. Their programs are asked to end and get some time. Until
    /// then the run keeps the lease, so that no other run repeats them.
    fn leave_items_in_hand(&mut self, patience: Duration) {
        self.worker.cancel.cancel();
        // The source may have ended before the stop was requested. With abandoned items the run is
        // still incomplete.
        self.asked = self.asked.or_else(|| self.stop.asked());
        let left = self.works.len();
        self.left |= left > 0;
        let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.leaving_until_ms = Some(self.clock.monotonic_ms().saturating_add(patience));
        self.emit(Event::Stopping {
            why: format!("out of time; items in progress that are left to the next run: {left}"),
        });
    }

    fn drained(&self) -> bool {
        self.feed.is_none() && self.works.is_empty() && self.marks.is_empty()
    }

    async fn commit_if_due(&mut self) -> Result<(), RunError> {
        if self.committer.is_busy() {
            return Ok(());
        }
        if self.committer.has_to_mend() {
            // Repairs come before any other write. After the run's row was written, only repairs
            // are left.
            let close = self.closing();
            let told = self.committer.has_told();
            return self.committer.begin(
                Vec::new(),
                &mut self.intake,
                Some(&close as &dyn Fn(Run) -> Run).filter(|_| told),
            );
        }
        let claim = self.claim_first && !self.committer.chain.claimed();
        let due = self.due_ms().is_some_and(|at| at <= self.clock.monotonic_ms());
        let portion = if claim { Some(0) } else { self.committer.portion() };
        if !(portion.is_some() || due || self.queue.is_full() || self.drained()) {
            return Ok(());
        }
        self.committer.ensure_lease_valid(&mut self.intake, &mut self.queue).await?;
        // A reload may have ended the bisection.
        let portion = portion.and(if claim { Some(0) } else { self.committer.portion() });
        let items = self.queue.cut_at_most(portion.unwrap_or(usize::MAX), self.clock.monotonic_ms());
        let last = self.drained() && self.queue.is_empty() && !claim;
        let close = self.closing();
        self.committer.begin(items, &mut self.intake, Some(&close as &dyn Fn(Run) -> Run).filter(|_| last))
    }

    async fn ended(&mut self, ending: CommitOutcome) -> Result<(), RunError> {
        let close = self.closing();
        self.committer.ended(ending, &mut self.intake, &mut self.queue, &close).await?;
        self.forget_stale_removals();
        self.marks.shown(&self.committer.begun);
        self.worker.fence = self.committer.chain.fence();
        self.progress();
        Ok(())
    }

    /// Drops queued row deletions: their row numbers are stale after a user has moved rows.
    fn forget_stale_removals(&mut self) {
        if self.committer.has_to_mend() {
            self.queue.take_out(|waiting| !waiting.settled.removals().is_empty());
            self.feed.iter_mut().for_each(InputQueue::forget_removals);
        }
    }

    /// Returns the function that closes the run's row with the reason for its end, as known by now.
    fn closing(&self) -> impl Fn(Run) -> Run + use<> {
        let trouble = self.trouble.as_ref().map(ToString::to_string);
        let all_alike = self.intake.probation.ended_by().map(Cause::sentence);
        let broken = trouble.or(all_alike).or_else(|| self.source_error.as_ref().map(ToString::to_string));
        let repeated = self.intake.sifting.repeats().sentence(self.intake.book.again());
        let (asked, job) = (self.asked, self.plan.job.clone());
        // The duration is measured monotonically, because the wall clock may have been set
        // meanwhile.
        let took_ms = self.clock.monotonic_ms().saturating_sub(self.began_ms);
        let finished = self.committer.run.started.plus(took_ms);
        let said = if self.plan.retrying == RetryScope::Reprocess {
            "forgot keys for a forced run".to_owned()
        } else {
            String::new()
        };
        let rowless = without_row(self.intake.rowless);
        move |run| {
            let (status, message) = match (&broken, asked) {
                (Some(error), _) => (RunStatus::Failed, error.clone()),
                (None, Some(StopReason::Deadline)) => {
                    (RunStatus::TimedOut, "stopped at its deadline; the next run goes on".to_owned())
                }
                (None, Some(reason)) => {
                    (RunStatus::Interrupted, format!("stopped by {}; the next run goes on", reason.word()))
                }
                (None, None) if run.counts.failed > 0 => {
                    (RunStatus::Partial, with(format!("{} failed; see Failures {job}", run.counts.failed), &rowless))
                }
                (None, None) => (RunStatus::Succeeded, with(said.clone(), &rowless)),
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
        let source = self.feed.as_ref().and_then(InputQueue::progress);
        self.emit(Event::Progress { counts: self.intake.counts, source });
    }

    fn report(&self) -> RunReport {
        let usage = self.store.usage();
        let (rows, commits) = self.committer.made();
        RunReport {
            run: self.committer.run.clone(),
            keys: self.intake.book.keys(),
            open_failures: (self.intake.book.open_failures() as u64).saturating_sub(self.intake.probation.unwritten()),
            dead_failures: self.intake.book.dead_failures() as u64,
            tried_again: self.intake.tried_again,
            rows: rows.saturating_sub(usage.updated),
            updated: usage.updated,
            commits,
            reads: usage.reads,
            writes: usage.writes,
            throttled: usage.throttled,
            is_quota_shared: usage.is_quota_shared,
            repeats: self.intake.sifting.repeats().clone(),
            again: self.intake.book.again(),
            rowless: self.intake.rowless,
        }
    }

    fn emit(&self, event: Event) {
        (self.committer.settler.events)(event);
    }
}

async fn next_input(feed: &mut Option<InputQueue>) -> Result<Option<RunInput>, SourceError> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

/// Returns the phrase about items that made no row; empty if there are none.
fn without_row(items: u64) -> String {
    match items {
        0 => String::new(),
        1 => "1 item made no row".to_owned(),
        _ => format!("{items} items made no row"),
    }
}

/// Joins two sentences, if both are there.
fn with(said: String, more: &str) -> String {
    match (said.is_empty(), more.is_empty()) {
        (_, true) => said,
        (true, false) => more.to_owned(),
        (false, false) => format!("{said}; {more}"),
    }
}
