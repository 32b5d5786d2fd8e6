//! One game: a source that changes, several machines that run one job over it, a person, and
//! everything that can happen to them.

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

use crate::front::{EmulatorProxy, View};
use crate::lane::{FaultPlan, Halt, Machine};
use crate::memory::InMemory;
use crate::person::{ALL, Act, ROWS};
use crate::place::{Meddling, Place};
use crate::record::{Poison, Record};
use crate::seen::{CheckLevel, NAMED, Whole, parts, word};
use crate::sheet::OnSheet;
use crate::support::{Job, Slow, Values};

/// Runs of one machine in a round at most.
const TRIES: u64 = 2;
/// Runs until one finds the lease free when all is quiet.
const QUIET_TRIES: u32 = 8;
/// What a person does beside moving rows, and short of moving columns, which `tests/hands.rs`
/// plays.
const CALM: &[Act] = &[
    Act::Sort,
    Act::InsertOwnRow,
    Act::InsertBlankRows,
    Act::DeleteOwnRow,
    Act::DeleteKeyedRow,
    Act::MoveRows,
    Act::RenameTab,
    Act::Filter,
];
/// What a failing step says.
const WRONG: &str = "it is one of the wrong ones";
/// What a machine that has no room for a step says.
const REFUSED: &str = "too many open files";

/// How a machine's run ended.
enum Ended {
    Well(Box<RunReport>),
    Crashed,
    Badly(RunError),
}

/// A game.
pub struct Game {
    pub record: Arc<Record>,
    place: Arc<dyn Place>,
    /// Where there is a person: the way to them.
    proxy: Option<EmulatorProxy>,
    clock: Arc<dyn Clock>,
    rng: SeededRng,
    /// A random source of its own for them, so that they change no other part of a game.
    twins_rng: SeededRng,
    lanes: Vec<Arc<Machine>>,
    mode: WriteMode,
    ttl_ms: u64,
    source: BTreeMap<String, u64>,
    failing: BTreeMap<String, u64>,
    /// Keys that the source yields twice.
    twins: BTreeSet<String>,
    due: BTreeSet<(String, u64)>,
}

impl Game {
    /// A game on the emulated sheet or in memory, as the seed has it; a meddled one where there is
    /// something to meddle with.
    pub fn new(seed: u64, meddling: Option<Meddling>, columns_move: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let rng = SeededRng::new(seed);
        let below = |bound: u64| rng.next_u64() % bound;
        let mode = [WriteMode::Append, WriteMode::Upsert][usize::try_from(below(2)).expect("few")];
        let is_kept = meddling == Some(Meddling::NothingKept);
        let mode = if is_kept { WriteMode::Append } else { mode };
        let record = Arc::new(Record::new(mode));
        let on_sheet = match meddling {
            None => below(8) < 5,
            Some(meddling) => matches!(meddling, Meddling::NoGuardOnLate | Meddling::NothingKept),
        };
        let acts =
            [None, Some(ROWS), Some(if columns_move { ALL } else { CALM })][usize::try_from(below(3)).expect("few")];
        let acts = if is_kept { Some(ROWS) } else { acts };
        let ttl_ms = [5_000, 30_000, 300_000][usize::try_from(below(3)).expect("few")];
        let (place, proxy): (Arc<dyn Place>, _) = if on_sheet {
            let place = OnSheet::new(below(8), seed, &record, &clock, meddling);
            let proxy = acts.map(|acts| with_person(&place.proxy, acts));
            (Arc::new(place), proxy)
        } else {
            (Arc::new(InMemory::new(&record, &clock, meddling)), None)
        };
        record.look_with(match acts.filter(|_| proxy.is_some()) {
            None => CheckLevel::Closely,
            // New rows are written by position where the person has something below the last key.
            Some(acts) if acts == ROWS && mode == WriteMode::Append => CheckLevel::Kept,
            Some(acts) if acts == ROWS => CheckLevel::Keys,
            Some(_) => CheckLevel::Closed,
        });
        let lanes = (0..4).map(|number| Machine::new(number, seed, &clock, &record)).collect();
        let (source, failing, twins, due) = Default::default();
        let twins_rng = SeededRng::new(seed ^ 0x7717);
        Self { record, place, proxy, clock, rng, twins_rng, lanes, mode, ttl_ms, source, failing, twins, due }
    }

    fn below(&self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    /// Plays it to its end, or to the first thing that is wrong.
    pub async fn play(&mut self) -> Result<(), String> {
        for round in 0..2 + u32::from(self.below(3) == 0) {
            self.evolve();
            self.record.note(format!("round {round}: {:?}, failing {:?}", self.source, self.failing));
            self.eagerness([0.05, 0.2, 0.4]);
            self.record.poison_with(self.poison());
            self.noise().await;
            self.record.poison_with(None);
            self.eagerness([0.0; 3]);
            self.record.wrong()?;
            if self.below(2) == 0 {
                self.place.deliver().await;
            }
            self.quiet().await?;
            self.place.deliver().await;
            self.record.wrong()?;
            self.person_between().await;
        }
        if !self.twins.is_empty() {
            self.unchanged().await?;
        }
        let acts = self
            .proxy
            .as_ref()
            .map_or(0, |proxy| proxy.editor.lock().expect("no thread panics while it holds it").diary.len());
        self.record.count(|tally| tally.acts += acts as u64);
        Ok(())
    }

    /// The story so far, and beside it what the person did.
    pub fn diary(&self) -> String {
        let mut lines = vec![self.record.diary()];
        if let Some(proxy) = &self.proxy {
            let editor = proxy.editor.lock().expect("no thread panics while it holds it");
            lines.extend(editor.diary.iter().map(|(act, result_text)| format!("the person: {act:?} {result_text}")));
        }
        lines.join("\n")
    }

    /// New keys, newer versions of some, and some that fail for now.
    fn evolve(&mut self) {
        for _ in 0..2 + self.below(8) {
            let key = format!("k{:02}", self.below(20));
            // A version that failed stays until it is fixed: its record is kept, and both would be
            // done.
            if !self.failing.contains_key(&key) {
                *self.source.entry(key).or_default() += 1;
            }
        }
        self.failing = self.source.iter().filter(|_| self.below(7) == 0).map(|(k, v)| (k.clone(), *v)).collect();
        // A version that is done can't fail any more.
        self.failing.retain(|key, version| !self.due.contains(&(key.clone(), *version)));
        self.twins = self.source.keys().filter(|_| self.twins_rng.next_u64().is_multiple_of(4)).cloned().collect();
        let works = self.source.iter().filter(|(key, _)| !self.failing.contains_key(*key));
        self.due.extend(works.map(|(key, version)| (key.clone(), *version)));
    }

    /// The rows of one of the keys, which the service takes for poison as long as there is noise.
    fn poison(&self) -> Option<Poison> {
        let at = usize::try_from(self.below(3 * self.source.len() as u64)).expect("few");
        let key = self.source.keys().nth(at)?;
        let status = if self.below(4) == 0 { 500 } else { 400 };
        self.record.note(format!("poison: {key}, answered {status}"));
        Some(Poison { text: format!("{key} at "), status })
    }

    fn eagerness(&self, choice: [f64; 3]) {
        let eagerness = choice[usize::try_from(self.below(3)).expect("few")];
        if let Some(proxy) = &self.proxy {
            proxy.editor.lock().expect("no thread panics while it holds it").eagerness = eagerness;
        }
    }

    /// One to three machines at once, each with its own fault plan.
    async fn noise(&self) {
        let faults = [0.0, 0.05, 0.15, 0.3][usize::try_from(self.below(4)).expect("few")];
        let machines = 1 + usize::try_from(self.below(3)).expect("few");
        let all = self.lanes[1..=machines].iter().map(|lane| self.machine(lane, faults));
        futures_util::future::join_all(all).await;
    }

    async fn machine(&self, lane: &Arc<Machine>, faults: f64) {
        self.wait(lane.below(2_000)).await;
        for _ in 0..=lane.below(TRIES) {
            let halt = match lane.below(4) {
                0 => Some(Halt::Crash),
                1 => Some(Halt::Pause(self.ttl_ms / 2 + lane.below(self.ttl_ms * 2))),
                _ => None,
            };
            let halt = halt.map(|halt| (1 + lane.below(10), halt));
            let refuses = (lane.below(6) == 0).then(|| lane.below(6));
            let ended = self.run(lane, FaultPlan { faults, latency_ms: 200, halt, refuses }).await;
            match ended {
                Ended::Well(_) => {}
                Ended::Crashed if lane.below(3) == 0 => return,
                Ended::Crashed => self.wait(lane.below(5_000)).await,
                Ended::Badly(error) => {
                    if !self.is_usual(&error) {
                        self.record.is_wrong(format!("machine {}: {error}", lane.number));
                    }
                    self.wait(lane.below(self.ttl_ms)).await;
                }
            }
        }
    }

    /// Whether such an end is one that the next run makes good.
    fn is_usual(&self, error: &RunError) -> bool {
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
    async fn run(&self, lane: &Arc<Machine>, fortune: FaultPlan) -> Ended {
        lane.begin(fortune);
        self.record.count(|tally| tally.runs += 1);
        let job = self.job(lane, fortune.refuses);
        let store = self.place.store(lane, lane.below(u64::MAX));
        let values = Values::of(self.records());
        let values = if lane.below(4) == 0 { values.once_only() } else { values };
        let every = Duration::from_millis(lane.below(self.ttl_ms / 3));
        let running = if lane.below(4) == 0 {
            job.run_all(store, Box::new(Slow::new(values, Arc::clone(&self.clock), every)), StopHandle::default())
        } else {
            job.run_all(store, Box::new(values), StopHandle::default())
        };
        let mut running = Box::pin(running);
        let ended = loop {
            tokio::select! {
                biased;
                halt = lane.halts() => match halt {
                    Halt::Crash => break Ended::Crashed,
                    // Nothing of the run moves meanwhile; its clock does.
                    Halt::Pause(ms) => {
                        self.record.count(|tally| tally.pauses += 1);
                        self.record.note(format!("machine {} sleeps for {ms} ms", lane.number));
                        self.wait(ms).await;
                    }
                },
                ended = &mut running => break match ended {
                    Ok(report) => Ended::Well(Box::new(report)),
                    Err(error) => Ended::Badly(error),
                },
            }
        };
        drop(running);
        let result_text = match &ended {
            Ended::Well(report) => {
                self.record.finished(report);
                format!("{} ended {:?}", report.run.id, report.run.status)
            }
            Ended::Crashed => {
                self.record.count(|tally| tally.crashes += 1);
                "crashed".to_owned()
            }
            Ended::Badly(error) => error.to_string(),
        };
        for event in
            job.events.lock().expect("no thread panics while it holds it").iter().filter(|event| is_last_bad(event))
        {
            if matches!(event, Event::ItemFailed { error, .. } if error.contains(REFUSED)) {
                self.record.is_wrong(format!("machine {}: an item is blamed for its machine", lane.number));
            }
            self.record.note(format!("    {event:?}"));
        }
        self.record.note(format!("{} machine {}: {result_text}", self.clock.now(), lane.number));
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
        let twins = self.twins.iter().map(twin);
        if one_counts { twins.chain(counting).collect() } else { counting.chain(twins).collect() }
    }

    /// A run over what was done already does nothing.
    async fn unchanged(&self) -> Result<(), String> {
        for _ in 0..QUIET_TRIES {
            match self.run(&self.lanes[0], FaultPlan { latency_ms: 20, ..FaultPlan::default() }).await {
                Ended::Well(report) if report.run.counts.new == 0 && report.repeats.keys == self.twins.len() as u64 => {
                    return self.record.wrong();
                }
                Ended::Well(report) => {
                    return Err(format!("an unchanged source, and {:?}, {:?}", report.run.counts, report.repeats));
                }
                Ended::Badly(RunError::LeaseHeld { .. }) => self.wait(self.ttl_ms / 2 + 1_000).await,
                Ended::Badly(error) => return Err(format!("the run over an unchanged source: {error}")),
                Ended::Crashed => return Err("no crash was asked for".to_owned()),
            }
        }
        Err("the lease is never free".to_owned())
    }

    fn job(&self, lane: &Machine, refuses: Option<u64>) -> Job {
        let (failing, mode, record) = (self.failing.clone(), self.mode, Arc::clone(&self.record));
        let begun = AtomicU64::new(0);
        let mut job = Job::new(lane.own_clock()).step(move |value: &Value, _| {
            if refuses == Some(begun.fetch_add(1, Ordering::Relaxed)) {
                record.count(|tally| tally.machine_errors += 1);
                let error = MachineError::resource(REFUSED);
                return Err(StepError::Machine { error, has_begun: false });
            }
            let key = value["id"].as_str().expect("a key");
            let version = value["v"].as_u64().expect("a version");
            if value["twin"] == true && !failing.contains_key(key) && record.poison().is_none() {
                record.is_wrong(format!("the record of {key} that does not count was processed"));
            }
            if failing.contains_key(key) {
                return Err(StepError::Rejected(WRONG.into()));
            }
            Ok((0..parts(key, mode))
                .map(|part| json!({"id": key, "a": word(key, version, part), "b": version * 7}))
                .collect())
        });
        job.seed = lane.below(u64::MAX);
        let plan = &mut job.plan;
        let machine = format!("machine {}", lane.number);
        plan.holder = Holder { installation: machine.clone(), run: String::new(), host: machine, process: None };
        plan.max_rows = 1 + usize::try_from(lane.below(8)).expect("few");
        plan.commit_every_ms = lane.below(2_000);
        plan.concurrency = 1 + usize::try_from(lane.below(3)).expect("few");
        plan.ttl_ms = self.ttl_ms;
        plan.takes_over = lane.below(10) == 0;
        plan.mode = self.mode;
        plan.definition.mode = self.mode.as_str().into();
        job
    }

    /// Nothing happens any more: one run ends well, and what is there is all that should be.
    async fn quiet(&self) -> Result<(), String> {
        let lane = &self.lanes[0];
        for _ in 0..QUIET_TRIES {
            match self.run(lane, FaultPlan { latency_ms: 20, ..FaultPlan::default() }).await {
                Ended::Well(report) => {
                    self.clear_named_rows().await;
                    return self.at_rest(&report).await;
                }
                Ended::Badly(RunError::LeaseHeld { .. }) => self.wait(self.ttl_ms / 2 + 1_000).await,
                Ended::Badly(error) => {
                    self.name_equal_row(&error.to_string())
                        .await
                        .map_err(|why| format!("the quiet run: {why}: {error}"))?;
                }
                Ended::Crashed => return Err("no crash was asked for".to_owned()),
            }
        }
        Err("the lease is never free".to_owned())
    }

    /// The person does what a stop asks for: of two rows that show the same she keeps one, by a
    /// text in the key's column.
    async fn name_equal_row(&self, said: &str) -> Result<(), String> {
        let proxy = self.proxy.as_ref().ok_or("this game has no editor")?;
        let (shown, _) = said.split_once(" could each be one that a write filled").ok_or("no advice")?;
        let numbers = shown.rsplit("rows ").next().unwrap_or_default().split(" and ");
        let rows: Vec<usize> = numbers.filter_map(|number| number.parse::<usize>().ok()?.checked_sub(1)).collect();
        let view = proxy.view().await.ok_or("there is no data tab")?;
        let texts = |row: usize| (0..view.width()).map(|column| view.text(row, column)).collect::<Vec<_>>();
        let ([one, other], Some(key)) = (rows.as_slice(), view.column("id")) else { return Err("no two rows".into()) };
        if texts(*one) != texts(*other) {
            return Err(format!("{:?} and {:?} are not alike", texts(*one), texts(*other)));
        }
        proxy.hands(json!([type_in(&view, *one, key, &json!({"stringValue": NAMED}))])).await;
        Ok(())
    }

    /// Once the run has gone on, she takes the text away again.
    async fn clear_named_rows(&self) {
        let Some(proxy) = &self.proxy else { return };
        let Some((view, key)) = proxy.view().await.and_then(|view| view.column("id").map(|key| (view, key))) else {
            return;
        };
        let named = (1..view.rows.len()).filter(|&row| view.text(row, key) == NAMED);
        let requests: Vec<Value> = named.map(|row| type_in(&view, row, key, &Value::Null)).collect();
        if !requests.is_empty() {
            proxy.hands(json!(requests)).await;
        }
    }

    async fn at_rest(&self, report: &RunReport) -> Result<(), String> {
        let seen = self.place.look().await;
        let deleted = self
            .proxy
            .as_ref()
            .map(|proxy| proxy.editor.lock().expect("no thread panics while it holds it").deleted.clone());
        let whole = Whole {
            due: &self.due,
            failing: &self.failing,
            deleted: &deleted.unwrap_or_default(),
            last_run: &report.run.id,
        };
        self.record.check_at_rest(&seen, &whole);
        self.record.wrong()
    }

    /// Between rounds the person marks rows and does this and that.
    async fn person_between(&self) {
        let Some(proxy) = &self.proxy else { return };
        let Some(view) = proxy.view().await else { return };
        let marks = proxy.editor.lock().expect("no thread panics while it holds it").mark_rows(&view);
        if !marks.is_empty() {
            proxy.hands(json!(marks)).await;
        }
        for _ in 0..self.below(3) {
            proxy.act_now().await;
        }
    }
}

/// Whether an event belongs into the story of a run.
fn is_last_bad(event: &Event) -> bool {
    !matches!(event, Event::Progress { .. } | Event::Finished(_))
}

fn with_person(proxy: &EmulatorProxy, acts: &'static [Act]) -> EmulatorProxy {
    proxy.editor.lock().expect("no thread panics while it holds it").acts = acts;
    proxy.clone()
}

/// What a person types into one cell; nothing empties it.
fn type_in(view: &View, row: usize, column: usize, value: &Value) -> Value {
    let start = json!({"sheetId": view.id, "rowIndex": row, "columnIndex": column});
    let cell = if value.is_null() { json!({}) } else { json!({"userEnteredValue": value}) };
    json!({"updateCells": {"start": start, "rows": [{"values": [cell]}], "fields": "userEnteredValue"}})
}
