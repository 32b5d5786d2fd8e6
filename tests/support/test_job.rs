//! What the tests of the runner share: a source of values, a step that can fail, and a run of a job
//! over a store.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, ready};
use serde_json::Value;
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::item::Position;
use sheetkeep::ledger::items::key::{Key, KeyError, Version};
use sheetkeep::ledger::items::write_mode::{Delivery, WriteMode};
use sheetkeep::ledger::leases::lease::Holder;
use sheetkeep::ledger::leases::process_id::ProcessId;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::ledger::runs::held_changes::HoldSettings;
use sheetkeep::ledger::runs::run::Trigger;
use sheetkeep::ledger::state::snapshot::Definition;
use sheetkeep::ledger::values::columns::Columns;
use sheetkeep::port::journal::Journal;
use sheetkeep::port::process::Processes;
use sheetkeep::port::source::{BadRecord, Record, Source, SourceError};
use sheetkeep::port::step::{Identity, KeyFinder, Step, StepContext, StepError};
use sheetkeep::port::store::Store;
use sheetkeep::retry::RetryPolicy;
use sheetkeep::runner::run_config::{Dependencies, PreparedChanges, RunConfig, RunError};
use sheetkeep::runner::run_loop::run_job;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::runner::shutdown::StopHandle;
use sheetkeep::runner::warning_memory::WarningMemory;
use sheetkeep::system::SeededRng;

/// A source of values given beforehand.
pub struct ValueSource {
    records: Vec<Result<Record, SourceError>>,
    is_rereadable: bool,
    read_count: usize,
}

impl ValueSource {
    /// Values as records, each with its number as cursor.
    pub fn of(values: impl IntoIterator<Item = Value>) -> Self {
        let mut source = Self { records: Vec::new(), is_rereadable: true, read_count: 0 };
        for value in values {
            source.push(Ok(value), Vec::new());
        }
        source
    }

    /// Then a record that can't be read.
    pub fn with_bad_record(mut self, bytes: &[u8], why: &str) -> Self {
        self.push(Err(BadRecord(why.into())), bytes.to_vec());
        self
    }

    /// Then the end of the source by an error.
    pub fn with_broken_end(mut self, why: &str) -> Self {
        let error = SourceError::InvalidContent { position: "feed:3".into(), why: why.into() };
        self.records.push(Err(error));
        self
    }

    /// As standard input would be.
    pub fn without_rewind(mut self) -> Self {
        self.is_rereadable = false;
        self
    }

    fn push(&mut self, body: Result<Value, BadRecord>, bytes: Vec<u8>) {
        let record = self.records.len() as u64 + 1;
        let position = Position { origin: "values".into(), record, line: None };
        self.records.push(Ok(Record { body, bytes, position, cursor: Some(record.to_string()) }));
    }
}

impl Source for ValueSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        let next = self.records.get(self.read_count).cloned().transpose();
        self.read_count += 1;
        Box::pin(async move { next })
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.read_count = 0;
        Ok(())
    }

    fn is_rereadable(&self) -> bool {
        self.is_rereadable
    }

    fn progress(&self) -> Option<(u64, u64)> {
        Some((self.read_count as u64, self.records.len() as u64))
    }
}

/// A source whose records come one every so often.
pub struct SlowSource {
    inner: ValueSource,
    clock: Arc<dyn Clock>,
    every: Duration,
    next: Option<BoxFuture<'static, ()>>,
}

impl SlowSource {
    /// These values, one every so often.
    pub fn new(inner: ValueSource, clock: Arc<dyn Clock>, every: Duration) -> Self {
        Self { inner, clock, every, next: None }
    }
}

impl Source for SlowSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            // What it waits for stays, because a caller may stop waiting at any point.
            self.next.get_or_insert_with(|| self.clock.sleep(self.every)).await;
            self.next = None;
            self.inner.next().await
        })
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = None;
        self.inner.rewind()
    }

    fn is_rereadable(&self) -> bool {
        self.inner.is_rereadable()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// Finds the key under `id` and the version under `v`.
pub struct IdKeyFinder;

impl KeyFinder for IdKeyFinder {
    fn identify<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        Box::pin(ready(find_identity(body)))
    }
}

fn find_identity(body: &Value) -> Identity {
    let text = |name: &str| match body.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Null) | None => None,
        Some(other) => Some(other.to_string()),
    };
    let key = Key::new(text("id").ok_or(KeyError::Missing)?)?;
    Ok((key, Version(text("v").unwrap_or_default())))
}

/// What a step does with an item.
pub type StepClosure = dyn Fn(&Value, &StepContext) -> Result<Vec<Value>, StepError> + Send + Sync;

/// A step made of a closure.
pub struct ClosureStep {
    closure: Box<StepClosure>,
    has_effects: bool,
}

impl Step for ClosureStep {
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        // An item that says so is never done.
        Box::pin(async move {
            if input["hangs"] == true {
                std::future::pending::<()>().await;
            }
            (self.closure)(&input, context)
        })
    }

    fn name(&self) -> &'static str {
        "does"
    }

    fn has_outside_effects(&self) -> bool {
        self.has_effects
    }
}

/// A job under test.
pub struct TestJob {
    pub plan: RunConfig,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub seed: u64,
    pub steps: Vec<Arc<dyn Step>>,
    pub journal: Option<Arc<dyn Journal>>,
    pub prepared: Option<PreparedChanges>,
    clock: Arc<dyn Clock>,
}

impl TestJob {
    /// A job named `j` that writes to tab `Data`, on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let plan = RunConfig {
            job: "j".into(),
            tab: "Data".into(),
            columns: Columns::default(),
            key_column: None,
            mode: WriteMode::Append,
            definition: Definition {
                tab: "Data".into(),
                key: ".id".into(),
                mode: "append".into(),
                ..Definition::default()
            },
            holder: Holder { installation: "here".into(), run: String::new(), host: "host-a".into(), process: None },
            has_lock: true,
            takes_over: false,
            accepts_changes: false,
            schedule: None,
            claim: None,
            trigger: Trigger { kind: "test".into(), ..Trigger::default() },
            alerts: None,
            recorded_end: None,
            ttl_ms: 300_000,
            commit_every_ms: 2_000,
            max_rows: 1_000,
            max_bytes: 2_000_000,
            concurrency: 1,
            retry: RetryPolicy::default(),
            scope: RunScope::Default,
            rollover: None,
            max_attempts: 1_000,
            stop_after: 0,
            expectations: Arc::default(),
            hold: HoldSettings::default(),
            delivery: Delivery::AtLeastOnce,
            is_rowless: false,
            version: "0".into(),
        };
        Self { plan, events: Arc::default(), seed: 1, steps: Vec::new(), journal: None, prepared: None, clock }
    }

    /// Adds a step.
    pub fn with_step(
        self,
        closure: impl Fn(&Value, &StepContext) -> Result<Vec<Value>, StepError> + Send + Sync + 'static,
    ) -> Self {
        self.add_step(Box::new(closure), false)
    }

    /// Adds a step with effects outside.
    pub fn with_outside_step(
        self,
        closure: impl Fn(&Value, &StepContext) -> Result<Vec<Value>, StepError> + Send + Sync + 'static,
    ) -> Self {
        self.add_step(Box::new(closure), true)
    }

    fn add_step(mut self, closure: Box<StepClosure>, has_effects: bool) -> Self {
        self.steps.push(Arc::new(ClosureStep { closure, has_effects }));
        self
    }

    /// Another machine's runner of the same job.
    pub fn on_other_machine(mut self) -> Self {
        self.plan.holder =
            Holder { installation: "there".into(), run: String::new(), host: "host-b".into(), process: None };
        self.seed = 2;
        self
    }

    /// Runs it.
    pub async fn run(&self, store: impl Store + 'static, source: ValueSource) -> Result<RunReport, RunError> {
        self.run_until_stopped(store, source, StopHandle::default()).await
    }

    /// Runs it, and stops it through this handle.
    pub async fn run_until_stopped(
        &self,
        store: impl Store + 'static,
        source: ValueSource,
        stop: StopHandle,
    ) -> Result<RunReport, RunError> {
        self.run_boxed(Arc::new(store), Box::new(source), stop).await
    }

    /// Runs it over any source.
    pub async fn run_source(
        &self,
        store: impl Store + 'static,
        source: Box<dyn Source>,
    ) -> Result<RunReport, RunError> {
        self.run_boxed(Arc::new(store), source, StopHandle::default()).await
    }

    /// Runs it over any store and any source.
    pub async fn run_boxed(
        &self,
        store: Arc<dyn Store>,
        source: Box<dyn Source>,
        stop: StopHandle,
    ) -> Result<RunReport, RunError> {
        let events = Arc::clone(&self.events);
        let mut plan = self.plan.clone();
        plan.holder.process = Some(next_process());
        let warnings = WarningMemory::new(Arc::new(move |event| {
            events.lock().expect("no test panics while it holds this").push(event);
        }));
        let parts = Dependencies {
            store,
            source: Some(source),
            key_finder: Arc::new(IdKeyFinder),
            steps: self.steps.clone(),
            clock: Arc::clone(&self.clock),
            rng: Arc::new(SeededRng::new(self.seed)),
            journal: self.journal.clone(),
            prepared: self.prepared.clone(),
            processes: Arc::new(NoOtherProcess),
            events: warnings.make_event_sink(),
            warnings,
        };
        Box::pin(run_job(parts, plan, stop)).await
    }
}

/// A machine on which no process is left but the one that asks: each run of a test is a process of its own.
struct NoOtherProcess;

impl Processes for NoOtherProcess {
    fn own_process(&self) -> Option<ProcessId> {
        Some(next_process())
    }

    fn find_start(&self, _: u32) -> Option<u64> {
        None
    }
}

fn next_process() -> ProcessId {
    // As many digits each, so that what a seed plays has the same size whatever was played before.
    static NUMBERS: AtomicU32 = AtomicU32::new(1_000_000);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    ProcessId { boot: "boot".into(), namespace: "1".into(), number, started: u64::from(number) }
}
