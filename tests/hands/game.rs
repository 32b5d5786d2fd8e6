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

use crate::edits::{Hand, PersonEdit};
use crate::front::{EmulatorProxy, Tampering};
use crate::model::{JOB_COLUMNS, value};
use crate::shared_sheet::SharedSheet;
use crate::support::{Job, Values};

/// Keys of a game's source.
const KEYS: u64 = 14;
/// How often a message's advice is followed before a run counts as stuck.
const ADVICE: u32 = 6;
/// A call's time where the person does not wait for calls.
const LATENCY: Duration = Duration::from_millis(300);
const FAST: Duration = Duration::from_millis(50);

/// How the person keeps time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Now and then between two calls.
    Person,
    /// An edit each 50 ms, while calls take 300 ms.
    Fast,
}

/// What games came to.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub runs: u64,
    pub crashes: u64,
    pub lost: u64,
    pub failed_items: u64,
    pub went_back: u64,
    /// Runs that said that they repaired rows.
    pub repairs: u64,
    pub edits: BTreeMap<PersonEdit, u64>,
    /// Stops with 65 that the document allows, by their reason.
    pub stops: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.lost += other.lost;
        self.failed_items += other.failed_items;
        self.went_back += other.went_back;
        self.repairs += other.repairs;
        for (edit, times) in &other.edits {
            *self.edits.entry(*edit).or_default() += times;
        }
        for (why, times) in &other.stops {
            *self.stops.entry(why).or_default() += times;
        }
    }
}

/// A stop with 65 that the document names.
const MOVED: &str = "rows moved as fast as they were repaired";
const EITHER: &str = "rows that could each be the one";

/// One game.
pub struct Game {
    shared_sheet: SharedSheet,
    clock: Arc<dyn Clock>,
    rng: SeededRng,
    seed: u64,
    pace: Pace,
    /// The key whose step fails in the next run.
    fails: Option<String>,
    pub tally: Tally,
}

impl Game {
    pub fn new(seed: u64, pace: Pace, tampering: Option<Tampering>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let doubts = UnknownBehaviors::all().nth(usize::try_from(seed % 8).expect("few")).expect("there are eight");
        let proxy = EmulatorProxy::new(doubts, seed, &clock, None);
        let latency = (pace == Pace::Fast).then_some(LATENCY);
        let shared_sheet = SharedSheet::new(proxy, seed, &clock, latency, tampering);
        let rng = SeededRng::new(seed);
        Self { shared_sheet, clock, rng, seed, pace, fails: None, tally: Tally::default() }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.next_u64() % bound
    }

    /// New keys, further versions of some, and earlier ones of others.
    async fn evolve(&mut self) {
        let table = Arc::clone(&self.shared_sheet.table);
        let model = &mut table.lock().await.model;
        for _ in 0..=self.below(6) {
            let key = format!("k{:02}", self.below(KEYS));
            let goes_back = self.below(4) == 0;
            let now = model.source.get(&key).copied().unwrap_or(0);
            let highest = model.highest.entry(key.clone()).or_default();
            let version = if goes_back && now > 1 { now - 1 } else { *highest + 1 };
            self.tally.went_back += u64::from(version < now);
            *highest = version.max(*highest);
            model.source.insert(key, version);
        }
    }

    async fn run(&mut self, crash: bool) -> Result<(), RunError> {
        self.tally.runs += 1;
        let fails = self.fails.clone();
        let mut job = Job::new(Arc::clone(&self.clock)).step(move |value: &Value, _| {
            if fails.as_deref() == value["id"].as_str() {
                return Err(StepError::Rejected("its program was killed".into()));
            }
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = self.seed.wrapping_mul(1_000).wrapping_add(self.tally.runs);
        job.plan.max_rows = 1 + usize::try_from(self.below(6)).expect("few");
        job.plan.mode = WriteMode::Upsert;
        job.plan.columns.order = JOB_COLUMNS.map(str::to_owned).into();
        job.plan.definition.mode = WriteMode::Upsert.as_str().into();
        job.plan.takes_over = true;
        let items: Vec<_> = {
            let mut table = self.shared_sheet.table.lock().await;
            table.model.begin_run();
            let description =
                format!("run {}, crash {crash}, fails {:?}, {:?}", self.tally.runs, self.fails, table.model.source);
            table.diary.push(description);
            table.model.source.iter().map(|(key, version)| item(key, *version)).collect()
        };
        let sheets = Arc::new(self.shared_sheet.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::id(), "j", "Data", Arc::clone(&self.clock));
        let running = job.run(store.with_mode(WriteMode::Upsert, ReprocessPolicy::OnChange), Values::of(items));
        let calls = if crash { 4 + self.below(30) } else { u64::MAX / 2 };
        self.tally.crashes += u64::from(crash);
        let is_fast = self.pace == Pace::Fast && self.shared_sheet.table.lock().await.eagerness > 0.0;
        let pace = if is_fast { FAST } else { Duration::from_hours(1_000_000) };
        let ended = tokio::select! {
            ended = running => ended.map(|_| ()),
            () = self.shared_sheet.after_calls(calls) => Ok(()),
            () = self.shared_sheet.act_every(pace) => Ok(()),
        };
        let said: Vec<_> = {
            let events = job.events.lock().expect("no thread panics while it holds it");
            events.iter().map(|event| format!("{event:?}")).filter(|said| !said.contains("Progress")).collect()
        };
        self.tally.repairs += u64::from(said.iter().any(|said| said.contains("moved")));
        let mut table = self.shared_sheet.table.lock().await;
        table.diary.extend(said);
        table.diary.push(format!("it ended with {ended:?}"));
        ended
    }

    /// The reason of a stop that the document names.
    fn allowed(error: &RunError) -> Option<&'static str> {
        let said = error.to_string();
        match () {
            () if error.fault() != Fault::Inconsistent => None,
            () if said.contains("moved as fast") => Some(MOVED),
            () if said.contains("could each be the one of key") => Some(EITHER),
            () if said.contains("could be the one of key") => Some(EITHER),
            () if said.contains("could be one of several") => Some(EITHER),
            () if said.contains("could each be") => Some(EITHER),
            () => None,
        }
    }

    /// A run without edits; where it asks for a key, she writes it.
    async fn quiet(&mut self) -> Result<(), String> {
        for _ in 0..ADVICE {
            let error = match Box::pin(self.run(false)).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Self::allowed(&error) != Some(EITHER) {
                return Err(format!("run {} was quiet: {error} ({:?})", self.tally.runs, error.fault()));
            }
            *self.tally.stops.entry(EITHER).or_default() += 1;
            self.check_stop(&error.to_string()).await?;
            self.follow(&error.to_string()).await?;
        }
        Err(format!("run {}: stuck, though she did {ADVICE} times what it said", self.tally.runs))
    }

    /// She does what the message says: `rows 3 and 4 could each be the one of key "k1": write it into column "id" of the right one`, or
    /// `clear column "id" of that other row`; `row 3 could be the one of key "k1" or of key "k2"`.
    async fn follow(&mut self, said: &str) -> Result<(), String> {
        let table = Arc::clone(&self.shared_sheet.table);
        let mut table = table.lock().await;
        let table = &mut *table;
        let sight = self.shared_sheet.sight().await.ok_or("there is no data tab")?;
        let (rows, advice) = Self::shown_in(said)?;
        let keys: Vec<_> = advice.split("of key \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let done = if advice.contains("write a text") {
            table.hand.name_row(&mut table.model, &sight, &rows)
        } else if keys.is_empty() {
            Hand::restore_rows(&table.model, &sight, &rows)
        } else if advice.contains("clear column") {
            Hand::clear_other(&mut table.model, &sight, keys[0], &rows)
        } else {
            let own = keys.iter().find_map(|key| Hand::restore_key(&table.model, &sight, key, &rows));
            let is_known = |key: &&str| Hand::has_row(&table.model, &sight, key);
            let is_other = advice.contains("or clear that cell") && keys.iter().any(is_known);
            let model = &mut table.model;
            let mut done = own;
            if done.is_none() && is_other {
                done = Hand::clear_other(model, &sight, keys[0], &rows);
            }
            done.or_else(|| Hand::choose_row(model, &sight, keys[0], *rows.iter().max()?))
        };
        let (requests, description) = done.ok_or(format!("what it says can't be done: {said}"))?;
        table.diary.push(format!("as it says: {description}"));
        self.shared_sheet.proxy.hands(json!(requests)).await;
        Ok(())
    }

    /// The rows that the first of the messages shows, and what it advises.
    fn shown_in(said: &str) -> Result<(Vec<usize>, &str), String> {
        let said = said.split("; ").next().unwrap_or_default();
        let (shown, advice) = said.split_once(" could ").ok_or(format!("no rows in {said:?}"))?;
        let shown = shown.rsplit(" and ").take(2).flat_map(|text| text.split(' '));
        Ok((shown.filter_map(|text| text.parse::<usize>().ok()?.checked_sub(1)).collect(), advice))
    }

    /// A stop is right only where the sheet shows no more: rows that show the same, or of which she changed or deleted some.
    async fn check_stop(&self, said: &str) -> Result<(), String> {
        let (rows, _) = Self::shown_in(said)?;
        let sight = self.shared_sheet.sight().await.ok_or("there is no data tab")?;
        let table = self.shared_sheet.table.lock().await;
        if table.model.may_stop_for(&sight, &rows) {
            return Ok(());
        }
        Err(format!("run {}: it stopped, though rows show which is which: {said}\n{}", self.tally.runs, sight.text()))
    }

    async fn settle(&mut self) -> Result<(), String> {
        Box::pin(self.quiet()).await?;
        let sight = self.shared_sheet.sight().await.ok_or("there is no data tab")?;
        let mut table = self.shared_sheet.table.lock().await;
        table.diary.push("all is quiet".into());
        table
            .model
            .check_quiet_tab(&sight)
            .map_err(|why| format!("after run {}: {why}\n{}", self.tally.runs, sight.text()))
    }

    pub async fn play(&mut self) -> Result<(), String> {
        let is_on_rows = self.below(2) == 0;
        self.shared_sheet.table.lock().await.is_on_rows = is_on_rows;
        for _ in 0..2 + self.below(3) {
            self.evolve().await;
            let crash = self.below(4) == 0;
            let loss = (self.below(4) == 0).then(|| (self.below(6), self.below(2) == 0));
            self.tally.lost += u64::from(loss.is_some());
            let failing = self.below(KEYS * 3);
            self.fails = (failing < KEYS).then(|| format!("k{failing:02}"));
            self.tally.failed_items += u64::from(self.fails.is_some());
            let eagerness = [0.1, 0.3, 0.6][usize::try_from(self.below(3)).expect("few")];
            {
                let mut table = self.shared_sheet.table.lock().await;
                // At the fast pace she does not wait for calls.
                table.eagerness = if self.pace == Pace::Fast { f64::MIN_POSITIVE } else { eagerness };
                table.loss = loss;
            }
            let ended = Box::pin(self.run(crash)).await;
            {
                let mut table = self.shared_sheet.table.lock().await;
                (table.eagerness, table.loss) = (0.0, None);
            }
            self.fails = None;
            match ended {
                Ok(()) => {}
                Err(error) if error.fault().passes() => {}
                Err(error) => match Self::allowed(&error) {
                    // Rows that were shown may have moved since; the next run is quiet and shows them again.
                    Some(why) => *self.tally.stops.entry(why).or_default() += 1,
                    None => return Err(format!("run {}: {error} ({:?})", self.tally.runs, error.fault())),
                },
            }
            // What a run left behind waits until the next one, and she may be there first.
            for _ in 0..self.below(4) {
                self.shared_sheet.act_now().await;
            }
            Box::pin(self.settle()).await?;
            self.dress().await?;
            for _ in 0..self.below(3) {
                self.shared_sheet.act_now().await;
            }
        }
        Box::pin(self.settle()).await?;
        self.tally.edits.clone_from(&self.shared_sheet.table.lock().await.edits);
        Ok(())
    }

    async fn dress(&mut self) -> Result<(), String> {
        let sight = self.shared_sheet.sight().await.ok_or("there is no data tab")?;
        let mut table = self.shared_sheet.table.lock().await;
        let table = &mut *table;
        let requests = table.hand.dress(&mut table.model, &sight);
        if !requests.is_empty() {
            self.shared_sheet.proxy.hands(json!(requests)).await;
        }
        Ok(())
    }

    pub async fn diary(&self) -> String {
        self.shared_sheet.table.lock().await.diary.join("\n")
    }
}

fn item(key: &str, version: u64) -> Value {
    let number: u64 = value(key, "b", version).parse().expect("a number");
    json!({"id": key, "a": value(key, "a", version), "b": number, "c": value(key, "c", version), "v": version})
}
