//! One game: a source that changes and goes back, runs over it, and a person. Now and then there is
//! a crash, a lost answer or a step that fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::port::step::StepError;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::{EmulatorProxy, PlannedLoss, RequestMutation};
use crate::model::{JOB_COLUMNS, job_value};
use crate::random_editor::{PersonEdit, RandomEditor};
use crate::shared_sheet::SharedSheet;
use crate::test_job::{TestJob, ValueSource};

/// Keys of a game's source.
const KEY_COUNT: u64 = 14;
/// How often a message's advice is followed before a run counts as stuck.
const MAX_ADVICE: u32 = 6;
/// A call's time where the person does not wait for calls.
const CALL_LATENCY: Duration = Duration::from_millis(300);
const EDIT_INTERVAL: Duration = Duration::from_millis(50);

/// How the person keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Now and then between two calls.
    Person,
    /// An edit each 50 ms, while calls take 300 ms.
    Fast,
}

/// Counts of games.
#[derive(Debug, Default, Clone)]
pub struct GameCounts {
    pub runs: u64,
    pub crashes: u64,
    pub lost_responses: u64,
    pub failed_items: u64,
    pub reverted_versions: u64,
    /// Runs that said that they repaired rows.
    pub runs_with_repairs: u64,
    pub edit_counts: BTreeMap<PersonEdit, u64>,
    /// Stops with 65 that the document allows, by their reason.
    pub stops: BTreeMap<&'static str, u64>,
}

impl GameCounts {
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.lost_responses += other.lost_responses;
        self.failed_items += other.failed_items;
        self.reverted_versions += other.reverted_versions;
        self.runs_with_repairs += other.runs_with_repairs;
        for (edit, times) in &other.edit_counts {
            *self.edit_counts.entry(*edit).or_default() += times;
        }
        for (why, times) in &other.stops {
            *self.stops.entry(why).or_default() += times;
        }
    }
}

/// A stop with 65 that the document names: its first reason.
const MOVED_TOO_FAST: &str = "rows moved as fast as they were repaired";
/// The second reason.
const AMBIGUOUS_ROWS: &str = "rows that could each be the one";

/// One game.
pub struct Game {
    shared_sheet: SharedSheet,
    clock: Arc<dyn Clock>,
    rng: SeededRng,
    seed: u64,
    pace: Pace,
    /// The key whose step fails in the next run.
    failing_key: Option<String>,
    pub counts: GameCounts,
}

impl Game {
    pub fn new(seed: u64, pace: Pace, mutation: Option<RequestMutation>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let behaviors = UnknownBehaviors::all().nth(usize::try_from(seed % 8).expect("few")).expect("there are eight");
        let proxy = EmulatorProxy::new(behaviors, seed, &clock, None);
        let latency = (pace == Pace::Fast).then_some(CALL_LATENCY);
        let shared_sheet = SharedSheet::new(proxy, seed, &clock, latency, mutation);
        let rng = SeededRng::new(seed);
        Self { shared_sheet, clock, rng, seed, pace, failing_key: None, counts: GameCounts::default() }
    }

    fn draw_below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    /// New keys, further versions of some, and earlier ones of others.
    async fn change_source(&mut self) {
        let state = Arc::clone(&self.shared_sheet.state);
        let model = &mut state.lock().await.model;
        for _ in 0..=self.draw_below(6) {
            let key = format!("k{:02}", self.draw_below(KEY_COUNT));
            let is_earlier = self.draw_below(4) == 0;
            let now = model.source.get(&key).copied().unwrap_or(0);
            let highest = model.highest.entry(key.clone()).or_default();
            let version = if is_earlier && now > 1 { now - 1 } else { *highest + 1 };
            self.counts.reverted_versions += u64::from(version < now);
            *highest = version.max(*highest);
            model.source.insert(key, version);
        }
    }

    async fn run(&mut self, is_killed: bool) -> Result<(), RunError> {
        self.counts.runs += 1;
        let failing_key = self.failing_key.clone();
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(move |value: &Value, _| {
            if failing_key.as_deref() == value["id"].as_str() {
                return Err(StepError::Rejected("its program was killed".into()));
            }
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = self.seed.wrapping_mul(1_000).wrapping_add(self.counts.runs);
        job.plan.max_rows = 1 + usize::try_from(self.draw_below(6)).expect("few");
        job.plan.mode = WriteMode::Upsert;
        job.plan.columns.order = JOB_COLUMNS.map(str::to_owned).into();
        job.plan.definition.mode = WriteMode::Upsert.as_str().into();
        job.plan.takes_over = true;
        let items: Vec<_> = {
            let mut state = self.shared_sheet.state.lock().await;
            state.model.begin_run();
            let description = format!(
                "run {}, crash {is_killed}, fails {:?}, {:?}",
                self.counts.runs, self.failing_key, state.model.source
            );
            state.event_log.push(description);
            state.model.source.iter().map(|(key, version)| make_item(key, *version)).collect()
        };
        let sheets = Arc::new(self.shared_sheet.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let running = job.run(store.with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange), ValueSource::of(items));
        let calls = if is_killed { 4 + self.draw_below(30) } else { u64::MAX / 2 };
        self.counts.crashes += u64::from(is_killed);
        let is_fast = self.pace == Pace::Fast && self.shared_sheet.state.lock().await.edit_probability > 0.0;
        let edit_interval = if is_fast { EDIT_INTERVAL } else { Duration::from_hours(1_000_000) };
        let ended = tokio::select! {
            ended = running => ended.map(|_| ()),
            () = self.shared_sheet.wait_for_calls(calls) => Ok(()),
            () = self.shared_sheet.edit_every(edit_interval) => Ok(()),
        };
        let events: Vec<_> = {
            let all = job.events.lock().expect("no thread panics while it holds it");
            all.iter().map(|event| format!("{event:?}")).filter(|event| !event.contains("Progress")).collect()
        };
        self.counts.runs_with_repairs += u64::from(events.iter().any(|event| event.contains("moved")));
        let mut state = self.shared_sheet.state.lock().await;
        state.event_log.extend(events);
        state.event_log.push(format!("it ended with {ended:?}"));
        ended
    }

    /// The reason of a stop that the document names.
    fn find_stop_reason(error: &RunError) -> Option<&'static str> {
        let message = error.to_string();
        match () {
            () if error.fault() != Fault::Inconsistent => None,
            () if message.contains("moved as fast") => Some(MOVED_TOO_FAST),
            () if message.contains("could each be the one of key") => Some(AMBIGUOUS_ROWS),
            () if message.contains("could be the one of key") => Some(AMBIGUOUS_ROWS),
            () if message.contains("could be one of several") => Some(AMBIGUOUS_ROWS),
            () if message.contains("could each be") => Some(AMBIGUOUS_ROWS),
            () => None,
        }
    }

    /// A run without edits; where it asks for a key, she writes it.
    async fn run_without_edits(&mut self) -> Result<(), String> {
        for _ in 0..MAX_ADVICE {
            let error = match Box::pin(self.run(false)).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Self::find_stop_reason(&error) != Some(AMBIGUOUS_ROWS) {
                return Err(format!("run {} without edits stopped: {error} ({:?})", self.counts.runs, error.fault()));
            }
            *self.counts.stops.entry(AMBIGUOUS_ROWS).or_default() += 1;
            self.check_stop(&error.to_string()).await?;
            self.follow_advice(&error.to_string()).await?;
        }
        Err(format!("run {}: stuck, though she did {MAX_ADVICE} times what it said", self.counts.runs))
    }

    /// She does what the message says: `rows 3 and 4 could each be the one of key "k1": write it into column "id" of the right one`, or
    /// `clear column "id" of that other row`; `row 3 could be the one of key "k1" or of key "k2"`.
    async fn follow_advice(&mut self, message: &str) -> Result<(), String> {
        let state = Arc::clone(&self.shared_sheet.state);
        let mut state = state.lock().await;
        let state = &mut *state;
        let snapshot = self.shared_sheet.take_snapshot().await.ok_or("there is no data tab")?;
        let (rows, advice) = Self::parse_advice(message)?;
        let keys: Vec<_> = advice.split("of key \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let done = if advice.contains("write a text") {
            state.editor.write_text_as_key(&mut state.model, &snapshot, &rows)
        } else if keys.is_empty() {
            RandomEditor::restore_rows(&state.model, &snapshot, &rows)
        } else if advice.contains("clear column") {
            RandomEditor::clear_key_of_other_row(&mut state.model, &snapshot, keys[0], &rows)
        } else {
            let own = keys.iter().find_map(|key| RandomEditor::write_key(&state.model, &snapshot, key, &rows));
            let is_known = |key: &&str| RandomEditor::has_row_of(&state.model, &snapshot, key);
            let is_other = advice.contains("or clear that cell") && keys.iter().any(is_known);
            let model = &mut state.model;
            let mut done = own;
            if done.is_none() && is_other {
                done = RandomEditor::clear_key_of_other_row(model, &snapshot, keys[0], &rows);
            }
            done.or_else(|| RandomEditor::give_key_to_row(model, &snapshot, keys[0], *rows.iter().max()?))
        };
        let (requests, description) = done.ok_or(format!("what it says can't be done: {message}"))?;
        state.event_log.push(format!("as it says: {description}"));
        self.shared_sheet.proxy.edit_sheet(json!(requests)).await;
        Ok(())
    }

    /// The rows that the first of the messages shows, and what it advises.
    fn parse_advice(message: &str) -> Result<(Vec<usize>, &str), String> {
        let message = message.split("; ").next().unwrap_or_default();
        let (shown, advice) = message.split_once(" could ").ok_or(format!("no rows in {message:?}"))?;
        let shown = shown.rsplit(" and ").take(2).flat_map(|text| text.split(' '));
        Ok((shown.filter_map(|text| text.parse::<usize>().ok()?.checked_sub(1)).collect(), advice))
    }

    /// A stop is right only where the sheet shows no more: rows that show the same, or of which she changed or deleted some.
    async fn check_stop(&self, message: &str) -> Result<(), String> {
        let (rows, _) = Self::parse_advice(message)?;
        let snapshot = self.shared_sheet.take_snapshot().await.ok_or("there is no data tab")?;
        let state = self.shared_sheet.state.lock().await;
        if state.model.may_stop_for(&snapshot, &rows) {
            return Ok(());
        }
        Err(format!(
            "run {}: it stopped, though rows show which is which: {message}\n{}",
            self.counts.runs,
            snapshot.text()
        ))
    }

    async fn run_and_check(&mut self) -> Result<(), String> {
        Box::pin(self.run_without_edits()).await?;
        let snapshot = self.shared_sheet.take_snapshot().await.ok_or("there is no data tab")?;
        let mut state = self.shared_sheet.state.lock().await;
        state.event_log.push("all is quiet".into());
        state
            .model
            .check_quiet_tab(&snapshot)
            .map_err(|why| format!("after run {}: {why}\n{}", self.counts.runs, snapshot.text()))
    }

    pub async fn play(&mut self) -> Result<(), String> {
        let keeps_columns = self.draw_below(2) == 0;
        self.shared_sheet.state.lock().await.keeps_columns = keeps_columns;
        for _ in 0..2 + self.draw_below(3) {
            self.change_source().await;
            let is_killed = self.draw_below(4) == 0;
            let planned_loss = (self.draw_below(4) == 0)
                .then(|| PlannedLoss { writes_before: self.draw_below(6), is_applied: self.draw_below(2) == 0 });
            self.counts.lost_responses += u64::from(planned_loss.is_some());
            let failing = self.draw_below(KEY_COUNT * 3);
            self.failing_key = (failing < KEY_COUNT).then(|| format!("k{failing:02}"));
            self.counts.failed_items += u64::from(self.failing_key.is_some());
            let edit_probability = [0.1, 0.3, 0.6][usize::try_from(self.draw_below(3)).expect("few")];
            {
                let mut state = self.shared_sheet.state.lock().await;
                // At the fast pace she does not wait for calls.
                state.edit_probability = if self.pace == Pace::Fast { f64::MIN_POSITIVE } else { edit_probability };
                state.planned_loss = planned_loss;
            }
            let ended = Box::pin(self.run(is_killed)).await;
            {
                let mut state = self.shared_sheet.state.lock().await;
                (state.edit_probability, state.planned_loss) = (0.0, None);
            }
            self.failing_key = None;
            match ended {
                Ok(()) => {}
                Err(error) if error.fault().passes() => {}
                Err(error) => match Self::find_stop_reason(&error) {
                    // Rows that were shown may have moved since; the next run is quiet and shows them again.
                    Some(why) => *self.counts.stops.entry(why).or_default() += 1,
                    None => return Err(format!("run {}: {error} ({:?})", self.counts.runs, error.fault())),
                },
            }
            // What a run left behind waits until the next one, and she may be there first.
            for _ in 0..self.draw_below(4) {
                self.shared_sheet.edit_now().await;
            }
            Box::pin(self.run_and_check()).await?;
            self.fill_own_columns().await?;
            for _ in 0..self.draw_below(3) {
                self.shared_sheet.edit_now().await;
            }
        }
        Box::pin(self.run_and_check()).await?;
        self.counts.edit_counts.clone_from(&self.shared_sheet.state.lock().await.edit_counts);
        Ok(())
    }

    async fn fill_own_columns(&mut self) -> Result<(), String> {
        let snapshot = self.shared_sheet.take_snapshot().await.ok_or("there is no data tab")?;
        let mut state = self.shared_sheet.state.lock().await;
        let state = &mut *state;
        let requests = state.editor.fill_own_columns(&mut state.model, &snapshot);
        if !requests.is_empty() {
            self.shared_sheet.proxy.edit_sheet(json!(requests)).await;
        }
        Ok(())
    }

    pub async fn event_log(&self) -> String {
        self.shared_sheet.state.lock().await.event_log.join("\n")
    }
}

fn make_item(key: &str, version: u64) -> Value {
    let number: u64 = job_value(key, "b", version).parse().expect("a number");
    json!({"id": key, "a": job_value(key, "a", version), "b": number, "c": job_value(key, "c", version), "v": version})
}
