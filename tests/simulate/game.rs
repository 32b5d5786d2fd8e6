//! One game: a source that changes, several machines that run one job over it, a person, and
//! everything that can happen to them.

mod game_at_rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::leases::lease::Holder;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::machine::MachineError;
use sheetkeep::port::step::StepError;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::shutdown::StopHandle;
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::backend::{Backend, Mutation};
use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::emulator_proxy::simulated_editor::{ALL_EDITS, EditKind, ROW_EDITS};
use crate::game_record::{GameRecord, RejectedContent};
use crate::machine::{FaultPlan, Halt, Machine};
use crate::memory_backend::MemoryBackend;
use crate::observation::{CheckLevel, count_rows, row_text};
use crate::sheet_backend::SheetBackend;
use crate::test_job::{SlowSource, TestJob, ValueSource};

/// Runs of one machine in a round at most.
const MAX_RUNS: u64 = 2;
/// Edits that leave columns in place. `tests/hands.rs` plays the others.
const EDITS_KEEPING_COLUMNS: &[EditKind] = &[
    EditKind::Sort,
    EditKind::InsertOwnRow,
    EditKind::InsertBlankRows,
    EditKind::DeleteOwnRow,
    EditKind::DeleteKeyedRow,
    EditKind::MoveRows,
    EditKind::RenameTab,
    EditKind::Filter,
];
/// The error of a failing step.
const STEP_ERROR: &str = "it is one of the wrong ones";
/// The error of a machine without resources for a step.
const MACHINE_ERROR: &str = "too many open files";

/// How a machine's run ended.
enum RunEnd {
    Finished(Box<RunReport>),
    Crashed,
    Failed(RunError),
}

/// A game.
pub struct Game {
    pub record: Arc<GameRecord>,
    backend: Arc<dyn Backend>,
    /// The proxy through which a person edits, if there is one.
    proxy: Option<EmulatorProxy>,
    clock: Arc<dyn Clock>,
    rng: SeededRng,
    /// The random source for repeated keys only, so that they change no other part of a game.
    repeats_rng: SeededRng,
    machines: Vec<Arc<Machine>>,
    mode: WriteMode,
    ttl_ms: u64,
    source: BTreeMap<String, u64>,
    failing_versions: BTreeMap<String, u64>,
    /// Keys that the source yields twice.
    repeated_keys: BTreeSet<String>,
    due_versions: BTreeSet<(String, u64)>,
}

impl Game {
    /// A game on the emulated sheet or in memory, as the seed has it; with a defect where there is
    /// one to plant.
    pub fn new(seed: u64, mutation: Option<Mutation>, columns_move: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let rng = SeededRng::new(seed);
        let below = |bound: u64| rng.next_u64() % bound;
        let mode = [WriteMode::Append, WriteMode::Upsert][usize::try_from(below(2)).expect("few")];
        let has_no_undo_log = mutation == Some(Mutation::NoUndoLog);
        let mode = if has_no_undo_log { WriteMode::Append } else { mode };
        let record = Arc::new(GameRecord::new(mode));
        let on_sheet = match mutation {
            None => below(8) < 5,
            Some(mutation) => matches!(mutation, Mutation::NoGuardOnLateBatch | Mutation::NoUndoLog),
        };
        let allowed_edits = [None, Some(ROW_EDITS), Some(if columns_move { ALL_EDITS } else { EDITS_KEEPING_COLUMNS })]
            [usize::try_from(below(3)).expect("few")];
        let allowed_edits = if has_no_undo_log { Some(ROW_EDITS) } else { allowed_edits };
        let ttl_ms = [5_000, 30_000, 300_000][usize::try_from(below(3)).expect("few")];
        let (backend, proxy): (Arc<dyn Backend>, _) = if on_sheet {
            let backend = SheetBackend::new(below(8), seed, &record, &clock, mutation);
            let proxy = allowed_edits.map(|allowed_edits| allow_edits(&backend.proxy, allowed_edits));
            (Arc::new(backend), proxy)
        } else {
            (Arc::new(MemoryBackend::new(&record, &clock, mutation)), None)
        };
        record.set_check_level(match allowed_edits.filter(|_| proxy.is_some()) {
            None => CheckLevel::Exact,
            // New rows are written by position where the person has something below the last key.
            Some(allowed_edits) if allowed_edits == ROW_EDITS && mode == WriteMode::Append => {
                CheckLevel::ExactOrInUndoLog
            }
            Some(allowed_edits) if allowed_edits == ROW_EDITS => CheckLevel::KeysOrInUndoLog,
            Some(_) => CheckLevel::Unchecked,
        });
        let machines = (0..4).map(|number| Machine::new(number, seed, &clock, &record)).collect();
        let (source, failing_versions, repeated_keys, due_versions) = Default::default();
        let repeats_rng = SeededRng::new(seed ^ 0x7717);
        Self {
            record,
            backend,
            proxy,
            clock,
            rng,
            repeats_rng,
            machines,
            mode,
            ttl_ms,
            source,
            failing_versions,
            repeated_keys,
            due_versions,
        }
    }

    fn draw_below(&self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    /// Plays it to its end, or to the first thing that is wrong.
    pub async fn play(&mut self) -> Result<(), String> {
        for round in 0..2 + u32::from(self.draw_below(3) == 0) {
            self.change_source();
            self.record.log_event(format!("round {round}: {:?}, failing {:?}", self.source, self.failing_versions));
            self.set_edit_probability([0.05, 0.2, 0.4]);
            self.record.set_rejected_content(self.draw_rejected_content());
            self.run_with_faults().await;
            self.record.set_rejected_content(None);
            self.set_edit_probability([0.0; 3]);
            self.record.check_no_violation()?;
            if self.draw_below(2) == 0 {
                self.backend.deliver_late_writes().await;
            }
            self.run_at_rest().await?;
            self.backend.deliver_late_writes().await;
            self.record.check_no_violation()?;
            self.edit_between_rounds().await;
        }
        if !self.repeated_keys.is_empty() {
            self.run_unchanged_source().await?;
        }
        let edits = self
            .proxy
            .as_ref()
            .map_or(0, |proxy| proxy.editor.lock().expect("no thread panics while it holds it").edit_log.len());
        self.record.count(|counts| counts.edits += edits as u64);
        Ok(())
    }

    /// The events so far, and beside them what the person did.
    pub fn event_log(&self) -> String {
        let mut lines = vec![self.record.event_log()];
        if let Some(proxy) = &self.proxy {
            let editor = proxy.editor.lock().expect("no thread panics while it holds it");
            lines.extend(editor.edit_log.iter().map(|(act, result_text)| format!("the person: {act:?} {result_text}")));
        }
        lines.join("\n")
    }

    /// New keys, newer versions of some, and some that fail for now.
    fn change_source(&mut self) {
        for _ in 0..2 + self.draw_below(8) {
            let key = format!("k{:02}", self.draw_below(20));
            // A version that failed stays until it is fixed: its record is kept, and both would be
            // done.
            if !self.failing_versions.contains_key(&key) {
                *self.source.entry(key).or_default() += 1;
            }
        }
        self.failing_versions =
            self.source.iter().filter(|_| self.draw_below(7) == 0).map(|(k, v)| (k.clone(), *v)).collect();
        // A version that is done can't fail any more.
        self.failing_versions.retain(|key, version| !self.due_versions.contains(&(key.clone(), *version)));
        self.repeated_keys =
            self.source.keys().filter(|_| self.repeats_rng.next_u64().is_multiple_of(4)).cloned().collect();
        let works = self.source.iter().filter(|(key, _)| !self.failing_versions.contains_key(*key));
        self.due_versions.extend(works.map(|(key, version)| (key.clone(), *version)));
    }

    /// The rows of one of the keys, which the service rejects as long as there are faults.
    fn draw_rejected_content(&self) -> Option<RejectedContent> {
        let at = usize::try_from(self.draw_below(3 * self.source.len() as u64)).expect("few");
        let key = self.source.keys().nth(at)?;
        let status = if self.draw_below(4) == 0 { 500 } else { 400 };
        self.record.log_event(format!("rejected content: {key}, answered {status}"));
        Some(RejectedContent { cell_prefix: format!("{key} at "), status })
    }

    fn set_edit_probability(&self, choice: [f64; 3]) {
        let edit_probability = choice[usize::try_from(self.draw_below(3)).expect("few")];
        if let Some(proxy) = &self.proxy {
            proxy.editor.lock().expect("no thread panics while it holds it").edit_probability = edit_probability;
        }
    }

    /// One to three machines at once, each with its own fault plan.
    async fn run_with_faults(&self) {
        let fault_probability = [0.0, 0.05, 0.15, 0.3][usize::try_from(self.draw_below(4)).expect("few")];
        let count = 1 + usize::try_from(self.draw_below(3)).expect("few");
        let all = self.machines[1..=count].iter().map(|machine| self.run_machine(machine, fault_probability));
        futures_util::future::join_all(all).await;
    }

    async fn run_machine(&self, machine: &Arc<Machine>, fault_probability: f64) {
        self.wait(machine.draw_below(2_000)).await;
        for _ in 0..=machine.draw_below(MAX_RUNS) {
            let halt = match machine.draw_below(4) {
                0 => Some(Halt::Crash),
                1 => Some(Halt::Pause(self.ttl_ms / 2 + machine.draw_below(self.ttl_ms * 2))),
                _ => None,
            };
            let halt = halt.map(|halt| (1 + machine.draw_below(10), halt));
            let refused_item = (machine.draw_below(6) == 0).then(|| machine.draw_below(6));
            let ended = self.run(machine, FaultPlan { fault_probability, latency_ms: 200, halt, refused_item }).await;
            match ended {
                RunEnd::Finished(_) => {}
                RunEnd::Crashed if machine.draw_below(3) == 0 => return,
                RunEnd::Crashed => self.wait(machine.draw_below(5_000)).await,
                RunEnd::Failed(error) => {
                    if !self.is_temporary_error(&error) {
                        self.record.report_violation(format!("machine {}: {error}", machine.number));
                    }
                    self.wait(machine.draw_below(self.ttl_ms)).await;
                }
            }
        }
    }

    /// Whether such an end is one that the next run makes good.
    fn is_temporary_error(&self, error: &RunError) -> bool {
        let text = error.to_string();
        let of_person = ["moved as fast", "refuses a batch", "can't be read: write that word"]
            .iter()
            .any(|words| text.contains(words));
        // A refusal whose body is lost is taken for something else than the service: the run ends,
        // and says so.
        let bodiless =
            text.contains("without reporting what it did") || text.contains("the next run reads what was written");
        error.fault().passes()
            || bodiless
            || matches!(error, RunError::LeaseHeld { .. } | RunError::Fenced { .. } | RunError::Machine { .. })
            || (self.proxy.is_some() && of_person)
    }

    async fn wait(&self, ms: u64) {
        self.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// One run of one machine, until it ends or the machine does.
    async fn run(&self, machine: &Arc<Machine>, fault_plan: FaultPlan) -> RunEnd {
        machine.set_fault_plan(fault_plan);
        self.record.count(|counts| counts.runs += 1);
        let job = self.job(machine, fault_plan.refused_item);
        let store = self.backend.store(machine, machine.draw_below(u64::MAX));
        let values = ValueSource::of(self.records());
        let values = if machine.draw_below(4) == 0 { values.without_rewind() } else { values };
        let every = Duration::from_millis(machine.draw_below(self.ttl_ms / 3));
        let running = if machine.draw_below(4) == 0 {
            job.run_boxed(
                store,
                Box::new(SlowSource::new(values, Arc::clone(&self.clock), every)),
                StopHandle::default(),
            )
        } else {
            job.run_boxed(store, Box::new(values), StopHandle::default())
        };
        let mut running = Box::pin(running);
        let ended = loop {
            tokio::select! {
                biased;
                halt = machine.wait_for_halt() => match halt {
                    Halt::Crash => break RunEnd::Crashed,
                    // Nothing of the run moves meanwhile; its clock does.
                    Halt::Pause(ms) => {
                        self.record.count(|counts| counts.pauses += 1);
                        self.record.log_event(format!("machine {} sleeps for {ms} ms", machine.number));
                        self.wait(ms).await;
                    }
                },
                ended = &mut running => break match ended {
                    Ok(report) => RunEnd::Finished(Box::new(report)),
                    Err(error) => RunEnd::Failed(error),
                },
            }
        };
        drop(running);
        let result_text = match &ended {
            RunEnd::Finished(report) => {
                self.record.record_finished_run(report);
                format!("{} ended {:?}", report.run.id, report.run.status)
            }
            RunEnd::Crashed => {
                self.record.count(|counts| counts.crashes += 1);
                "crashed".to_owned()
            }
            RunEnd::Failed(error) => error.to_string(),
        };
        for event in
            job.events.lock().expect("no thread panics while it holds it").iter().filter(|event| is_logged(event))
        {
            if matches!(event, Event::ItemFailed { error, .. } if error.contains(MACHINE_ERROR)) {
                self.record.report_violation(format!("machine {}: an item is blamed for its machine", machine.number));
            }
            self.record.log_event(format!("    {event:?}"));
        }
        self.record.log_event(format!("{} machine {}: {result_text}", self.clock.now(), machine.number));
        ended
    }

    /// What the source yields. Of two records of a key the first one counts where each version
    /// does, and the other follows it. Where one record of a key counts, it is the last one, and
    /// the other comes before.
    fn records(&self) -> Vec<Value> {
        let counting = self.source.iter().map(|(key, version)| json!({"id": key, "v": version}));
        let one_counts = self.mode == WriteMode::Upsert;
        let further = if one_counts { 1_000 } else { 0 };
        let twin = |key: &String| json!({"id": key, "v": self.source[key] + further, "twin": true});
        let repeated_keys = self.repeated_keys.iter().map(twin);
        if one_counts { repeated_keys.chain(counting).collect() } else { counting.chain(repeated_keys).collect() }
    }

    fn job(&self, machine: &Machine, refused_item: Option<u64>) -> TestJob {
        let (failing_versions, mode, record) = (self.failing_versions.clone(), self.mode, Arc::clone(&self.record));
        let begun = AtomicU64::new(0);
        let mut job = TestJob::new(machine.own_clock()).with_step(move |value: &Value, _| {
            if refused_item == Some(begun.fetch_add(1, Ordering::Relaxed)) {
                record.count(|counts| counts.machine_errors += 1);
                let error = MachineError::resource(MACHINE_ERROR);
                return Err(StepError::Machine { error, has_begun: false });
            }
            let key = value["id"].as_str().expect("a key");
            let version = value["v"].as_u64().expect("a version");
            if value["twin"] == true && !failing_versions.contains_key(key) && record.rejected_content().is_none() {
                record.report_violation(format!("the record of {key} that does not count was processed"));
            }
            if failing_versions.contains_key(key) {
                return Err(StepError::Rejected(STEP_ERROR.into()));
            }
            Ok((0..count_rows(key, mode))
                .map(|part| json!({"id": key, "a": row_text(key, version, part), "b": version * 7}))
                .collect())
        });
        job.seed = machine.draw_below(u64::MAX);
        let plan = &mut job.plan;
        let host = format!("machine {}", machine.number);
        plan.holder = Holder { installation: host.clone(), run: String::new(), host, process: None };
        plan.max_rows = 1 + usize::try_from(machine.draw_below(8)).expect("few");
        plan.commit_every_ms = machine.draw_below(2_000);
        plan.concurrency = 1 + usize::try_from(machine.draw_below(3)).expect("few");
        plan.ttl_ms = self.ttl_ms;
        plan.takes_over = machine.draw_below(10) == 0;
        plan.mode = self.mode;
        plan.definition.mode = self.mode.as_str().into();
        job
    }

    /// Between rounds the person marks rows and does this and that.
    async fn edit_between_rounds(&self) {
        let Some(proxy) = &self.proxy else { return };
        let Some(data_tab) = proxy.read_data_tab().await else { return };
        let marks = proxy.editor.lock().expect("no thread panics while it holds it").mark_rows(&data_tab);
        if !marks.is_empty() {
            proxy.edit_sheet(json!(marks)).await;
        }
        for _ in 0..self.draw_below(3) {
            proxy.edit_now().await;
        }
    }
}

/// Whether an event belongs into the log of a game.
fn is_logged(event: &Event) -> bool {
    !matches!(event, Event::Progress { .. } | Event::Finished(_))
}

fn allow_edits(proxy: &EmulatorProxy, allowed_edits: &'static [EditKind]) -> EmulatorProxy {
    proxy.editor.lock().expect("no thread panics while it holds it").allowed_edits = allowed_edits;
    proxy.clone()
}
