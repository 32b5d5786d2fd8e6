//! People's hands: a person who edits the data tab between any two calls of a run, and what is left of everybody's work at the end.
//!
//! `HANDS=10000 cargo test --release --test hands -- --nocapture` plays so many games; `HANDS_SEED=n` plays one and tells it.

#![cfg(feature = "emulator")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[path = "hands/front.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod front;

#[path = "hands/person.rs"]
mod person;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::emulator::batch::context::Doubts;
use sheetkeep::ledger::mode::{Again, Mode};
use sheetkeep::port::chance::Chance;
use sheetkeep::port::clock::Clock;
use sheetkeep::runner::plan::PassError;
use sheetkeep::store::sheets::SheetsStore;
use sheetkeep::system::{SeededChance, SteeredClock};
use sheetkeep::time::Timestamp;

use crate::front::{Front, Tampering, View};
use crate::person::{ALL, Act, MARK, ROWS};
use crate::support::{Job, Values};

/// What a game came to.
#[derive(Default)]
struct Played {
    runs: u32,
    acts: BTreeMap<Act, u32>,
    mends: u32,
    crashes: u32,
    lost: u32,
}

/// One game: a source that changes, runs over it, a person, now and then a crash or a lost answer.
struct Game {
    front: Front,
    clock: Arc<dyn Clock>,
    chance: SeededChance,
    seed: u64,
    source: BTreeMap<String, u64>,
    played: Played,
}

impl Game {
    fn new(seed: u64, tampering: Option<Tampering>) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SteeredClock::starting_at(Timestamp(1_790_000_000_000)));
        let doubts = Doubts::all().nth(usize::try_from(seed % 8).expect("few")).expect("there are eight");
        let front = Front::new(doubts, seed, &clock, tampering);
        Self { front, clock, chance: SeededChance::new(seed), seed, source: BTreeMap::new(), played: Played::default() }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.bits() % bound
    }

    /// New keys, and newer versions of some.
    fn evolve(&mut self) {
        for _ in 0..=self.below(6) {
            let key = format!("k{:02}", self.below(20));
            *self.source.entry(key).or_default() += 1;
        }
    }

    fn items(&self) -> Values {
        Values::of(
            self.source
                .iter()
                .map(|(key, version)| json!({"id": key, "a": word(key, *version), "b": version * 7, "v": version})),
        )
    }

    async fn run(&mut self, crash: bool) -> Result<(), PassError> {
        self.played.runs += 1;
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value: &Value, _| {
            let mut row = value.clone();
            row.as_object_mut().expect("an object").remove("v");
            Ok(vec![row])
        });
        job.seed = self.seed.wrapping_mul(1_000).wrapping_add(u64::from(self.played.runs));
        job.plan.max_rows = 1 + usize::try_from(self.below(6)).expect("few");
        job.plan.mode = Mode::Upsert;
        job.plan.definition.mode = Mode::Upsert.word().into();
        job.plan.steal = true;
        let store =
            SheetsStore::new(Arc::new(self.front.sheets(job.seed)), Front::id(), "j", "Data", Arc::clone(&self.clock))
                .keeping(Mode::Upsert, Again::Other);
        let running = job.run(store, self.items());
        let ended = if crash {
            self.played.crashes += 1;
            let calls = 4 + self.below(30);
            tokio::select! {
                ended = running => ended.map(|_| ()),
                () = self.front.after_calls(calls) => Ok(()),
            }
        } else {
            running.await.map(|_| ())
        };
        let told = job.events.lock().expect("nobody panics in it");
        let mended = told.iter().filter(|event| format!("{event:?}").contains("where they belong")).count();
        self.played.mends += u32::try_from(mended).expect("few");
        ended
    }

    fn lose_an_answer(&mut self) {
        self.played.lost += 1;
        let loss = (self.below(6), self.below(2) == 0);
        self.front.lose(Some(loss));
    }

    fn eagerness(&self, eagerness: f64) {
        self.front.person.lock().expect("nobody panics in it").eagerness = eagerness;
    }

    async fn play(&mut self) -> Result<(), String> {
        let acts = if self.below(2) == 0 { ROWS } else { ALL };
        self.front.person.lock().expect("nobody panics in it").acts = acts;
        for _ in 0..2 + self.below(3) {
            self.evolve();
            let crash = self.below(4) == 0;
            if self.below(4) == 0 {
                self.lose_an_answer();
            }
            let eagerness = [0.1, 0.3, 0.6][usize::try_from(self.below(3)).expect("few")];
            self.eagerness(eagerness);
            let ended = self.run(crash).await;
            self.eagerness(0.0);
            self.front.lose(None);
            match ended {
                Ok(()) => {}
                Err(error)
                    if error.to_string().contains("moved as fast") || error.to_string().contains("refuses a batch") => {
                }
                Err(error) if error.fault().passes() => {}
                Err(error) => return Err(format!("run {}: {error}", self.played.runs)),
            }
            // All is quiet, what went wrong is put right; then the person marks the rows that are there.
            self.run(false).await.map_err(|error| format!("the quiet run {}: {error}", self.played.runs))?;
            let view = self.front.view().await.ok_or("there is no data tab")?;
            self.check(&view)?;
            let marks = self.front.person.lock().expect("nobody panics in it").mark_rows(&view);
            if !marks.is_empty() {
                self.front.hands(json!(marks)).await;
            }
            for _ in 0..self.below(3) {
                self.front.act_now().await;
            }
        }
        self.run(false).await.map_err(|error| format!("the last run: {error}"))?;
        let view = self.front.view().await.ok_or("there is no data tab")?;
        self.check(&view)?;
        for (act, _) in &self.front.person.lock().expect("nobody panics in it").diary {
            *self.played.acts.entry(*act).or_default() += 1;
        }
        Ok(())
    }

    /// Each key of the source has one row with its latest values; each thing of the person's is where it was put; nothing else is there.
    fn check(&self, view: &View) -> Result<(), String> {
        let person = self.front.person.lock().expect("nobody panics in it");
        let column = |name: &str| view.column(person.name(name)).ok_or(format!("column {name} is gone"));
        let (id, a, b) = (column("id")?, column("a")?, column("b")?);
        let mark = view.column(MARK);
        let (mut keys, mut own, mut marked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for row in 1..view.rows.len() {
            let (key, word_there, number) = (view.text(row, id), view.text(row, a), view.text(row, b));
            let mine = mark.map(|mark| (view.text(row, mark), view.note(row, mark))).unwrap_or_default();
            let at = row + 1;
            if let Some(version) = self.source.get(&key) {
                if !keys.insert(key.clone()) {
                    return Err(format!("row {at}: key {key} has a second row"));
                }
                if (word_there.as_str(), number.as_str()) != (&word(&key, *version), &(version * 7).to_string()) {
                    return Err(format!(
                        "row {at}: {key} is at version {version}, and the row says {word_there:?}, {number}"
                    ));
                }
                if !mine.0.is_empty() || !mine.1.is_empty() {
                    if mine != (format!("mine {key}"), format!("note of {key}")) {
                        return Err(format!("row {at}: {key} has the mark {mine:?}"));
                    }
                    marked.insert(key);
                }
            } else if let Some(number_of) = mine.0.strip_prefix("own ").and_then(|number| number.parse::<u64>().ok()) {
                let Some(put) = person.own_rows.get(&number_of) else {
                    return Err(format!("row {at}: {mine:?} was deleted"));
                };
                if !key.is_empty()
                    || (&word_there, &number) != (&put.0, &put.1)
                    || mine.1 != format!("note of own {number_of}")
                {
                    return Err(format!(
                        "row {at}: own row {number_of} says {key:?}, {word_there:?}, {number:?}, {mine:?}"
                    ));
                }
                if !own.insert(number_of) {
                    return Err(format!("row {at}: own row {number_of} is there twice"));
                }
            } else if !(key.is_empty() && word_there.is_empty() && number.is_empty() && mine == Default::default()) {
                return Err(format!("row {at}: nobody knows {key:?}, {word_there:?}, {number:?}, {mine:?}"));
            }
        }
        let lost: Vec<_> =
            self.source.keys().filter(|key| !keys.contains(*key) && !person.deleted.contains(*key)).collect();
        if !lost.is_empty() {
            return Err(format!("lost keys: {lost:?}"));
        }
        let lost: Vec<_> = person.own_rows.keys().filter(|number| !own.contains(number)).collect();
        if !lost.is_empty() {
            return Err(format!("lost own rows: {lost:?}"));
        }
        let lost: Vec<_> =
            person.marked.iter().filter(|key| !marked.contains(*key) && !person.deleted.contains(*key)).collect();
        if !lost.is_empty() {
            return Err(format!("lost marks: {lost:?}"));
        }
        Ok(())
    }
}

fn word(key: &str, version: u64) -> String {
    format!("{key} at {version}")
}

/// Plays one game on a clock of its own.
fn play(seed: u64, tampering: Option<Tampering>) -> Result<Played, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut game = Game::new(seed, tampering);
        let ended = game.play().await;
        let person = game.front.person.lock().expect("nobody panics in it");
        let diary: Vec<String> = person.diary.iter().map(|(act, told)| format!("{act:?} {told}")).collect();
        ended.map_err(|why| format!("HANDS_SEED={seed}: {why}\n{}", diary.join("\n")))?;
        drop(person);
        Ok(game.played)
    })
}

/// A switch of this test.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_person_who_edits_between_any_two_calls_loses_nothing_and_costs_nothing() {
    let seeds = match (number("HANDS_SEED"), number("HANDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(games)) => 0..games,
        (None, None) => 0..160,
    };
    let mut all = Played::default();
    for seed in seeds.clone() {
        let played = play(seed, None).unwrap_or_else(|why| panic!("{why}"));
        all.runs += played.runs;
        all.mends += played.mends;
        all.crashes += played.crashes;
        all.lost += played.lost;
        for (act, times) in played.acts {
            *all.acts.entry(act).or_default() += times;
        }
    }
    println!(
        "hands: seeds {}..{}, {} runs, {} crashes, {} lost answers, {} mends, acts {:?}",
        seeds.start, seeds.end, all.runs, all.crashes, all.lost, all.mends, all.acts
    );
    assert!(seeds.end - seeds.start < 100 || all.mends > 20, "the person was never in the way: {} mends", all.mends);
}

/// Takes out of a batch whatever copies cells: no row is noted before and after it is written.
fn without_copies(body: &mut Value) {
    if let Some(requests) = body.get_mut("requests").and_then(Value::as_array_mut) {
        requests.retain(|request| request.get("copyPaste").is_none());
    }
}

#[test]
fn the_simulation_notices_when_nothing_is_noted_of_a_write() {
    let failed = (0..40).filter(|seed| play(*seed, Some(without_copies)).is_err()).count();
    assert!(failed > 0, "forty games went well without any witness: the simulation sees nothing");
}
