//! One pass over the source: the loop that takes in, gathers, commits, and ends.
//!
//! In scope: what happens next, and when a batch leaves. Out of scope: the beginning (`runner::opening`), what a record becomes
//! (`runner::intake`), one commit's fate (`runner::settle`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::fault::Fault;
use crate::ledger::chain::{After, Chain, Stop as Halt, Terms};
use crate::ledger::commit::{Changes, Commit, NewTable, Settled};
use crate::ledger::event::{Event, Report};
use crate::ledger::failure::failure_mark;
use crate::ledger::head::HeadId;
use crate::ledger::header::Header;
use crate::ledger::judge::Verdict;
use crate::ledger::lease::Trust;
use crate::ledger::run::{Counts, Run, RunStatus};
use crate::ledger::settlement::End;
use crate::port::source::{Record, Source, SourceError};
use crate::port::store::StoreError;
use crate::runner::batch::{Outstanding, Queue, Waiting};
use crate::runner::intake::{Intake, Taken};
use crate::runner::opening::{Opened, ServiceClock, allowed, open, unblocked};
use crate::runner::plan::{Parts, PassError, Plan};
use crate::runner::settle::{Ending, Settler};
use crate::runner::stop::{Stop, StopReason};
use crate::runner::work::{Worked, Worker};

/// Results wait this long for a commit after the service has throttled a call, in milliseconds.
const STRETCHED_MS: u64 = 30_000;
/// Records between two progress events.
const PROGRESS_EVERY: u64 = 32;

/// Runs a job once over its source. Returns when everything that was taken in is committed or told;
/// an error tells why that could not be, and what was committed before stays.
pub async fn pass(parts: Parts, plan: Plan, stop: Stop) -> Result<Report, PassError> {
    let opened = open(&parts, &plan).await?;
    Pass::new(parts, plan, stop, opened).run().await
}

struct Pass {
    plan: Plan,
    parts: Reach,
    stop: Stop,
    source: Option<Box<dyn Source>>,
    source_error: Option<SourceError>,
    worker: Worker,
    works: FuturesUnordered<BoxFuture<'static, Worked>>,
    intake: Intake,
    table_exists: bool,
    queue: Queue,
    chain: Chain,
    outstanding: Outstanding,
    in_flight: Option<BoxFuture<'static, Ending>>,
    closing: Closing,
    buried: Vec<Run>,
    run: Run,
    service: ServiceClock,
    trust: Trust,
    last_commit_ms: u64,
    throttled: u64,
    stretched: bool,
    rows: u64,
    commits: u64,
    claim_first: bool,
}

/// Clock, chance, store and events, once more by name.
struct Reach {
    settler: Settler,
    chance: Arc<dyn crate::port::chance::Chance>,
}

/// Whether the commit under way is the run's last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    No,
    UnderWay,
    Done,
}

/// What happened next.
enum Happening {
    Record(Result<Option<Record>, SourceError>),
    Worked(Worked),
    Ended(Ending),
    Asked,
    Tick,
}

impl Pass {
    fn new(parts: Parts, plan: Plan, stop: Stop, opened: Opened) -> Self {
        let Parts { store, source, steps, clock, chance, events, .. } = parts;
        let outside = steps.iter().any(|step| step.has_outside_effects());
        // The very first commit carries no item: nothing is written to a place before its guard is proved.
        let first = opened.chain.drafted().base().is_none();
        let claim_first = first || outside || !source.rereadable();
        let now_ms = clock.monotonic_ms();
        let worker = Worker {
            steps: steps.into(),
            retry: plan.retry,
            clock: Arc::clone(&clock),
            chance: Arc::clone(&chance),
            spreadsheet: opened.spreadsheet,
            job: plan.job.clone(),
            fence: opened.chain.fence(),
            cancel: tokio_util::sync::CancellationToken::new(),
        };
        Self {
            queue: Queue::new(plan.max_bytes, plan.max_rows),
            parts: Reach { settler: Settler { store, clock, events }, chance },
            stop,
            source: Some(source),
            source_error: None,
            worker,
            works: FuturesUnordered::new(),
            intake: opened.intake,
            table_exists: opened.table_exists,
            chain: opened.chain,
            outstanding: Outstanding::default(),
            in_flight: None,
            closing: Closing::No,
            buried: opened.buried,
            run: opened.run,
            service: opened.service,
            trust: Trust::from(opened.began_ms, plan.ttl_ms),
            last_commit_ms: now_ms,
            throttled: 0,
            stretched: false,
            rows: 0,
            commits: 0,
            claim_first,
            plan,
        }
    }

    async fn run(mut self) -> Result<Report, PassError> {
        while self.closing != Closing::Done {
            self.commit_if_due().await?;
            match self.next().await {
                Happening::Record(Ok(Some(record))) => self.take(record),
                Happening::Record(Ok(None)) => self.source = None,
                Happening::Record(Err(error)) => {
                    self.source = None;
                    self.source_error = Some(error);
                }
                Happening::Worked(worked) => self.worked(worked),
                Happening::Ended(ending) => self.ended(ending).await?,
                Happening::Asked => self.asked_to_stop(),
                Happening::Tick => {}
            }
        }
        let report = self.report();
        self.emit(Event::Finished(Box::new(report.clone())));
        match self.source_error {
            Some(error) => Err(PassError::Source { error, report: Box::new(report) }),
            None => Ok(report),
        }
    }

    async fn next(&mut self) -> Happening {
        let due = self.due_ms().map(|at| at.saturating_sub(self.now_ms()));
        let room = self.works.len() < self.plan.concurrency.max(1) && !self.queue.is_full();
        let waits_for_claim = self.claim_first && !self.chain.claimed();
        let Self { source, works, in_flight, stop, parts, .. } = self;
        let reading = source.is_some();
        tokio::select! {
            biased;
            ending = flown(in_flight), if in_flight.is_some() => Happening::Ended(ending),
            Some(worked) = works.next(), if !works.is_empty() => Happening::Worked(worked),
            () = stop.wait(), if reading => Happening::Asked,
            record = drawn(source), if reading && room && !waits_for_claim => Happening::Record(record),
            () = parts.settler.clock.sleep(Duration::from_millis(due.unwrap_or(0))), if due.is_some() => Happening::Tick,
        }
    }

    /// When something has to happen though nothing else does: results have waited long enough, or the lease wants renewal.
    fn due_ms(&self) -> Option<u64> {
        if self.in_flight.is_some() {
            return None;
        }
        let every =
            if self.stretched { self.plan.commit_every_ms.max(STRETCHED_MS) } else { self.plan.commit_every_ms };
        let results = self.queue.opened_ms().map(|opened| opened.saturating_add(every));
        let renewal = self.chain.claimed().then(|| self.last_commit_ms.saturating_add(self.plan.ttl_ms / 3));
        results.into_iter().chain(renewal).min()
    }

    fn take(&mut self, record: Record) {
        let now = self.moment();
        match self.intake.take(record, now) {
            Taken::Work(item, place) => self.works.push(Box::pin(self.worker.clone().work(item, place))),
            Taken::Wait(waiting) => self.queue.push(waiting, self.now_ms()),
            Taken::Nothing => {}
        }
        if self.intake.counts.read.is_multiple_of(PROGRESS_EVERY) {
            self.progress();
        }
    }

    fn worked(&mut self, worked: Worked) {
        let now = self.moment();
        if let Some(waiting) = self.intake.worked(worked, now) {
            self.queue.push(waiting, self.now_ms());
        }
    }

    fn asked_to_stop(&mut self) {
        self.source = None;
        let why = self.stop.asked().map_or("a request", StopReason::word).to_owned();
        self.emit(Event::Stopping { why });
    }

    fn drained(&self) -> bool {
        self.source.is_none() && self.works.is_empty()
    }

    async fn commit_if_due(&mut self) -> Result<(), PassError> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let claim = self.claim_first && !self.chain.claimed();
        let due = self.due_ms().is_some_and(|at| at <= self.now_ms());
        if !(claim || due || self.queue.is_full() || self.drained()) {
            return Ok(());
        }
        self.see_that_trust_holds().await?;
        let now_ms = self.now_ms();
        let items = if claim { Vec::new() } else { self.queue.cut(now_ms) };
        let last = self.drained() && self.queue.is_empty() && !claim;
        self.begin(items, last)
    }

    /// Invariant 5: after the trust window nothing is drafted before the head was looked at.
    async fn see_that_trust_holds(&mut self) -> Result<(), PassError> {
        let now_ms = self.now_ms();
        if !self.chain.claimed() || self.trust.holds(now_ms) {
            return Ok(());
        }
        let sighting = self.parts.settler.store.sight().await?;
        match self.chain.drafted().judge(sighting) {
            Verdict::NotYet => {}
            Verdict::Fenced => return Err(self.fenced().await),
            Verdict::Corrupt => return Err(head_gone()),
            Verdict::Foreign | Verdict::Stale | Verdict::Applied(_) => self.reload(Vec::new(), None).await?,
        }
        self.trust = Trust::from(now_ms, self.plan.ttl_ms);
        Ok(())
    }

    /// Drafts a commit of these items and sends it off.
    fn begin(&mut self, items: Vec<Waiting>, last: bool) -> Result<(), PassError> {
        for waiting in &items {
            self.intake.low.settle(waiting.place);
        }
        let settled: Vec<Settled> = items.iter().map(|waiting| waiting.settled.clone()).collect();
        let mut changes = Changes { tables: Vec::new(), settled, runs: self.buried.clone() };
        if !self.table_exists && changes.rows() > 0 {
            self.intake.header.close();
            let columns = self.intake.header.columns().to_vec();
            changes.tables.push(NewTable { tab: self.plan.tab.clone(), columns });
        }
        let run = self.run_with(&changes, last);
        if last {
            changes.runs.push(run.clone());
        }
        let key_column = self.intake.key_column.as_ref().map(|column| column.name().to_owned());
        self.chain.amend(|state| state.key_column = key_column.or(state.key_column.take()));
        let cursor = self.intake.low.mark().map(str::to_owned);
        let terms = Terms { now: self.moment(), ttl_ms: self.plan.ttl_ms, release: last, run, cursor };
        let nonce = self.parts.chance.bits();
        let drafted = self.chain.draft(nonce, changes, &terms);
        let commit = Arc::new(drafted.map_err(|error| unfinished(error.to_string(), Fault::Transient))?);
        self.outstanding.note(Arc::clone(&commit), items);
        self.closing = if last { Closing::UnderWay } else { Closing::No };
        let settling = self.parts.settler.clone().settle(commit, self.chain.drafted().clone());
        self.in_flight = Some(Box::pin(settling));
        Ok(())
    }

    /// The run as it will be once a commit with these changes is applied.
    fn run_with(&self, changes: &Changes, last: bool) -> Run {
        let recovered =
            changes.settled.iter().filter(|one| matches!(one, Settled::Done { closes: Some(_), .. })).count();
        let counts = Counts {
            new: self.intake.counts.new + changes.keys() as u64,
            recovered: self.intake.counts.recovered + recovered as u64,
            ..self.intake.counts
        };
        let number = self.chain.drafted().base().map_or(0, |head| head.commit + 1);
        let usage = self.parts.settler.store.usage();
        let first_commit = if self.commits == 0 { number } else { self.run.first_commit };
        let calls = usage.reads + usage.writes + 1;
        let run = Run { counts, calls, first_commit, last_commit: number, ..self.run.clone() };
        if last { self.closed(run) } else { run }
    }

    fn closed(&self, run: Run) -> Run {
        let failed = run.counts.failed;
        let (status, message) = match (&self.source_error, self.stop.asked()) {
            (Some(error), _) => (RunStatus::Failed, error.to_string()),
            (None, Some(StopReason::Deadline)) => {
                (RunStatus::TimedOut, "stopped at its deadline; the next run goes on".to_owned())
            }
            (None, Some(reason)) => {
                (RunStatus::Interrupted, format!("stopped by {}; the next run goes on", reason.word()))
            }
            (None, None) if failed > 0 => {
                (RunStatus::Partial, format!("{failed} failed; see Failures {}", self.plan.job))
            }
            (None, None) => (RunStatus::Succeeded, String::new()),
        };
        Run { status, message, finished: Some(self.parts.settler.clock.now()), ..run }
    }

    async fn ended(&mut self, ending: Ending) -> Result<(), PassError> {
        self.in_flight = None;
        self.note_throttling();
        if let End::Applied(id) = ending.end {
            return self.applied(id, &ending);
        }
        let last = self.closing == Closing::UnderWay;
        match self.chain.ended(&ending.commit, &ending.end) {
            After::GoOn => Ok(()),
            After::Redraft => self.begin(self.outstanding.newest_items(), last),
            After::Halve => {
                let mut items = self.outstanding.newest_items();
                let rest = items.split_off(items.len().div_ceil(2));
                self.queue.put_back(rest, self.now_ms());
                self.begin(items, false)
            }
            After::Reload => self.reload(self.outstanding.newest_items(), Some(&ending.commit)).await,
            After::Stop(halt) => Err(self.halted(halt, ending).await),
        }
    }

    fn applied(&mut self, id: HeadId, ending: &Ending) -> Result<(), PassError> {
        let Some((commit, items, left)) = self.outstanding.applied(id) else {
            return Err(unfinished("a commit was applied that this run did not draft".into(), Fault::Corrupt));
        };
        self.chain.ended(&commit, &End::Applied(id));
        let now_ms = self.now_ms();
        if commit.to != ending.commit.to {
            let keys: HashSet<_> = items.iter().map(|waiting| waiting.settled.key().clone()).collect();
            self.queue.remove(&keys);
        }
        self.queue.put_back(left, now_ms);
        let keys = self.intake.applied(&items);
        let rows = commit.changes.rows() as u64;
        if self.commits == 0 {
            self.run.first_commit = id.commit;
            self.emit(Event::Claimed { fence: commit.state.lease.fence });
        }
        self.run.last_commit = id.commit;
        self.commits += 1;
        self.rows += rows;
        self.table_exists |= !commit.changes.tables.is_empty();
        self.buried.clear();
        self.trust = Trust::from(now_ms.saturating_sub(ending.took_ms), self.plan.ttl_ms);
        self.last_commit_ms = now_ms;
        self.worker.fence = self.chain.fence();
        self.emit(Event::Committed { number: id.commit, rows, keys, took_ms: ending.took_ms });
        self.progress();
        let released = commit.state.lease.holder.is_none();
        self.closing = if released { Closing::Done } else { Closing::No };
        if released {
            self.run = commit.changes.runs.last().cloned().unwrap_or_else(|| self.run.clone());
        }
        Ok(())
    }

    /// Loads anew and puts what is not there back in front of the queue. `refused` is the commit that asked for it, if one did.
    async fn reload(&mut self, items: Vec<Waiting>, refused: Option<&Commit>) -> Result<(), PassError> {
        let loaded = self.parts.settler.store.load().await?;
        self.service = ServiceClock::new(loaded.service_time, self.now_ms());
        let Some(snapshot) = loaded.snapshot else { return self.begin_again(refused, &loaded.tables) };
        unblocked(&snapshot)?;
        if let Err(halt) = self.chain.reloaded(&snapshot) {
            return Err(if halt == Halt::Fenced { self.fenced().await } else { head_gone() });
        }
        // A claim of this run that is on the store has told of the run before; one that is not meets the lease as it stands now.
        self.buried = match self.chain.claimed() {
            true => Vec::new(),
            false => allowed(&snapshot, &self.plan, loaded.service_time)?.into_iter().collect(),
        };
        self.outstanding.clear();
        let (there, missing): (Vec<_>, Vec<_>) = items.into_iter().partition(|waiting| match &waiting.settled {
            Settled::Done { key, version, .. } => snapshot.book.is_done(key, version),
            Settled::Failed(failure) => {
                let tried = snapshot.book.tried(&failure.key);
                tried.is_some_and(|tried| tried.error == failure_mark(&failure.step, &failure.error))
            }
        });
        let now_ms = self.now_ms();
        self.queue.put_back(missing, now_ms);
        self.stand_on(&snapshot.tables)?;
        self.intake.applied(&there);
        self.intake.book.rebase(snapshot.book);
        self.trust = Trust::from(now_ms, self.plan.ttl_ms);
        self.closing = Closing::No;
        Ok(())
    }

    /// The first commit was refused, and the job still does not exist: another job made a tab that both need.
    fn begin_again(&mut self, refused: Option<&Commit>, tables: &[(String, Vec<String>)]) -> Result<(), PassError> {
        let Some(init) = refused.filter(|commit| commit.from.is_none()) else { return Err(head_gone()) };
        match self.chain.ended(init, &End::Redraft) {
            After::Redraft => {}
            _ => return Err(unfinished("its tabs could not be made".into(), Fault::Transient)),
        }
        self.outstanding.clear();
        self.closing = Closing::No;
        self.stand_on(tables)
    }

    /// Takes the data tab's header as it is now; what waits was made for the one before.
    fn stand_on(&mut self, tables: &[(String, Vec<String>)]) -> Result<(), PassError> {
        let Some((tab, columns)) = tables.iter().find(|(tab, _)| *tab == self.plan.tab) else { return Ok(()) };
        self.table_exists = true;
        self.intake.header = Header::closed(tab.clone(), columns.clone());
        let lost = self.queue.columns().find(|name| !columns.iter().any(|column| column == name));
        lost.map_or(Ok(()), |name| Err(column_gone(tab, name)))
    }

    async fn halted(&self, halt: Halt, ending: Ending) -> PassError {
        match halt {
            Halt::Fenced => self.fenced().await,
            Halt::Corrupt => head_gone(),
            Halt::Unsafe => PassError::Store(StoreError::Unsafe { why: ending.why }),
            Halt::Unclear | Halt::NotExecuted => unfinished(ending.why, ending.fault),
            Halt::Refused(_) => self.refused(ending.why).await,
            Halt::TooLarge => PassError::Refused { why: "one record alone is too large for a batch".into() },
        }
    }

    /// A refused batch: where a tab that it needs is gone, one more load names it and the mend.
    async fn refused(&self, why: String) -> PassError {
        let loaded = self.parts.settler.store.load().await;
        let explained = loaded.ok().and_then(|loaded| loaded.snapshot).map(|snapshot| unblocked(&snapshot));
        match explained {
            Some(Err(error)) => error,
            _ => PassError::Refused { why },
        }
    }

    /// Says who has taken over, as far as one more load can tell.
    async fn fenced(&self) -> PassError {
        let by = match self.parts.settler.store.load().await {
            Ok(loaded) => loaded.snapshot.map(|snapshot| taken_over_by(&snapshot.state)),
            Err(_) => None,
        };
        PassError::Fenced { by: by.unwrap_or_else(|| "another run has taken over".to_owned()) }
    }

    fn note_throttling(&mut self) {
        let throttled = self.parts.settler.store.usage().throttled;
        self.stretched = throttled > self.throttled;
        self.throttled = throttled;
    }

    fn progress(&self) {
        let source = self.source.as_ref().and_then(|source| source.progress());
        self.emit(Event::Progress { counts: self.intake.counts, source });
    }

    fn report(&self) -> Report {
        let usage = self.parts.settler.store.usage();
        Report {
            run: self.run.clone(),
            keys: self.chain.state().processed.count,
            open_failures: self.intake.book.open_failures() as u64,
            rows: self.rows,
            commits: self.commits,
            reads: usage.reads,
            writes: usage.writes,
            throttled: usage.throttled,
        }
    }

    fn moment(&self) -> crate::time::Timestamp {
        self.service.at(self.now_ms())
    }

    fn now_ms(&self) -> u64 {
        self.parts.settler.clock.monotonic_ms()
    }

    fn emit(&self, event: Event) {
        (self.parts.settler.events)(event);
    }
}

async fn flown(in_flight: &mut Option<BoxFuture<'static, Ending>>) -> Ending {
    match in_flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    }
}

async fn drawn(source: &mut Option<Box<dyn Source>>) -> Result<Option<Record>, SourceError> {
    match source {
        Some(source) => source.next().await,
        None => std::future::pending().await,
    }
}

fn taken_over_by(state: &crate::ledger::snapshot::State) -> String {
    match (&state.lease.holder, &state.run) {
        (Some(holder), _) => {
            format!("run {} on {} holds the lease (term {})", holder.run, holder.host, state.lease.fence)
        }
        (None, _) => format!("another run took the lease (term {}) and has given it back", state.lease.fence),
    }
}

fn column_gone(tab: &str, name: &str) -> PassError {
    let why = format!("tab {tab} lost its column \"{name}\" during the run: write that word back into its header row");
    PassError::Store(StoreError::Corrupt { why })
}

fn head_gone() -> PassError {
    let why = "the job's head is gone from the spreadsheet although its tabs are there: restore the version before from the \
               file's history, or see docs/runbook.md";
    PassError::Store(StoreError::Corrupt { why: why.into() })
}

fn unfinished(why: String, fault: Fault) -> PassError {
    PassError::Unfinished { why, fault }
}
