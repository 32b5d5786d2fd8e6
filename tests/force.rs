//! Forced runs and resets: what was done is forgotten and done again, each key once, however often they vanish and are asked for again.

#![cfg(feature = "emulator")]

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[path = "hands/front.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod front;

#[path = "hands/person.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod person;

#[path = "house/mod.rs"]
mod house;

use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::item::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::run::event::RunReport;
use sheetkeep::maintain::reprocess::{ReprocessPlan, plan_reprocess};
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::runner::input_queue::RetryScope;
use sheetkeep::runner::run_config::PreparedChanges;
use sheetkeep::store::scan::rows::ScannedTabs;

use crate::house::House;
use crate::support::{ById, Values};

impl House {
    async fn would(&self, items: &[Value]) -> (ScannedTabs, ReprocessPlan) {
        let listing = self.listing().await;
        let found =
            plan_reprocess(&listing, self.again, &mut Values::of(items.to_vec()), &ById).await.expect("a source");
        (listing, found)
    }

    /// What `run --force --yes` does.
    async fn force(&self, items: &[Value]) -> RunReport {
        let (listing, found) = self.would(items).await;
        if !found.settled.is_empty() {
            let errands = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
            self.run(items, RetryScope::Reprocess, Some(errands)).await.expect("the keys are forgotten");
        }
        self.usual(items).await
    }

    /// The same, by a process that is gone after so many answers; whether it came to its end before that.
    async fn force_for(&self, answers: u64, items: &[Value]) -> bool {
        let ended = tokio::select! {
            _ = self.force(items) => true,
            () = self.front.after_calls(answers) => false,
        };
        self.clock.sleep(Duration::from_mins(10)).await;
        ended
    }

    /// What `reset --yes` does: how many keys and failures it found to forget and to close.
    async fn reset(&self) -> (u64, u64) {
        let listing = self.listing().await;
        let found = plan_reset(&listing, self.again, self.clock.now());
        if !found.settled.is_empty() {
            let errands = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
            self.run(&[], RetryScope::None, Some(errands)).await.expect("it is forgotten");
        }
        (found.keys, found.failures)
    }
}

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn items(note: &str) -> Vec<Value> {
    KEYS.map(|id| json!({"id": id, "v": "1", "note": note})).to_vec()
}

fn each(note: &str) -> Vec<String> {
    KEYS.map(|_| note.to_owned()).to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_appends_each_key_once_more_or_writes_its_row_over() {
    for nth in [0, 7] {
        for (mode, again) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let house = House::new(mode, again, nth);
            house.usual(&items("first")).await;
            let report = house.force(&items("second")).await;
            assert_eq!((report.run.counts.new, report.run.counts.skipped), (5, 0), "{mode:?} {again:?}");
            let notes = house.column("Data", "note").await;
            match mode {
                WriteMode::Append => assert_eq!(notes, [each("first"), each("second")].concat()),
                WriteMode::Upsert => assert_eq!(notes, each("second"), "{again:?}"),
            }
            assert_eq!(house.usual(&items("third")).await.run.counts.new, 0);
            assert!(house.listing().await.snapshot.state.forced.is_empty(), "it is over");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_forced_run_would_do_is_told_beforehand_and_nothing_is_written() {
    let house = House::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    house.usual(&items("first")[..3]).await;
    let before = house.front.tab("Processed j").await;
    let (_, found) = house.would(&items("second")[1..]).await;
    assert_eq!((found.again, found.fresh, found.over, found.settled.len()), (2, 2, 0, 2));
    assert_eq!(house.front.tab("Processed j").await, before);
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_that_vanished_anywhere_and_is_forced_again_does_each_key_once_more_and_no_key_twice() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let house = House::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth);
            house.usual(&items("first")).await;
            if house.force_for(answers, &items("second")).await {
                break;
            }
            // It may vanish a second time, somewhere else.
            house.force_for(answers / 2, &items("second")).await;
            let (_, found) = house.would(&items("second")).await;
            if !house.listing().await.snapshot.state.forced.is_empty() {
                assert_eq!((found.again + found.over, found.fresh), (5, 0), "after {answers}");
            }
            if house.column("Data", "note").await.len() < 10 {
                house.force(&items("second")).await;
            }
            let notes = house.column("Data", "note").await;
            let count = |note: &str| notes.iter().filter(|found| *found == note).count();
            assert_eq!((count("first"), count("second")), (5, 5), "after {answers} answers");
        }
        assert!(answers > 12, "it vanished in many places: {answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_run_after_a_forced_one_that_vanished_does_what_was_forgotten_and_ends_it() {
    for answers in 1..12 {
        let house = House::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        house.usual(&items("first")).await;
        house.force_for(answers, &items("second")).await;
        house.usual(&items("second")).await;
        let forgotten = house.column("Processed j", "state").await.iter().filter(|state| *state == "forgotten").count();
        assert_eq!(house.column("Data", "note").await.len(), 5 + forgotten, "after {answers} answers");
        assert!(house.listing().await.snapshot.state.forced.is_empty());
    }
}

fn with_failures(note: &str) -> Vec<Value> {
    [items(note), vec![json!({"id": "x", "v": "1", "bad": "no"}), json!({"id": "y", "v": "1", "bad": "no"})]].concat()
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_everything_is_done_again_once_and_failures_begin_anew() {
    for (mode, again) in
        [(WriteMode::Append, ReprocessPolicy::EachVersion), (WriteMode::Upsert, ReprocessPolicy::OnChange)]
    {
        let house = House::new(mode, again, 0);
        house.usual(&with_failures("first")).await;
        let report = house.usual(&with_failures("first")).await;
        assert_eq!((report.open_failures, report.run.counts.new), (2, 0));
        assert_eq!(house.reset().await, (5, 2));
        let listing = house.listing().await;
        assert_eq!((listing.snapshot.book.keys(), listing.snapshot.book.open_failures()), (0, 0));
        assert_eq!(house.column("Data", "note").await, each("first"), "rows of data stay");
        assert_eq!(house.reset().await, (0, 0), "there is nothing left");
        let report = house.usual(&with_failures("second")).await;
        assert_eq!((report.run.counts.new, report.run.counts.failed), (5, 2), "{mode:?}");
        assert_eq!(house.column("Failures j", "attempts").await.last().map(String::as_str), Some("1"));
        assert_eq!(house.usual(&with_failures("third")).await.run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_vanished_anywhere_is_gone_on_with_and_takes_nothing_back_twice() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let house = House::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth);
            house.usual(&with_failures("first")).await;
            let ended = tokio::select! {
                _ = house.reset() => true,
                () = house.front.after_calls(answers) => false,
            };
            house.clock.sleep(Duration::from_mins(10)).await;
            house.reset().await;
            let states = house.column("Processed j", "state").await;
            let count = |word: &str| states.iter().filter(|state| *state == word).count();
            assert_eq!((count("done"), count("forgotten")), (5, 5), "after {answers} answers");
            let closed = house.column("Failures j", "state").await;
            assert_eq!(closed.iter().filter(|state| *state == "recovered").count(), 2, "after {answers} answers");
            assert_eq!(house.usual(&items("second")).await.run.counts.new, 5);
            assert_eq!(house.usual(&items("third")).await.run.counts.new, 0);
            if ended {
                break;
            }
        }
        assert!(answers > 6, "it vanished in many places: {answers}");
    }
}
