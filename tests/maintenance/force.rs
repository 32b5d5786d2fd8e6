//! Forced runs and resets: processed keys are revoked and processed again, each once, however often
//! a run dies and is forced again.

use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::reprocess::{ReprocessPlan, plan_reprocess};
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::runner::run_config::PreparedChanges;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::scan::scanned_tabs::ScannedTabs;

use crate::job_fixture::JobFixture;
use crate::test_job::{IdKeyFinder, ValueSource};

impl JobFixture {
    async fn plan_force(&self, items: &[Value]) -> (ScannedTabs, ReprocessPlan) {
        let listing = self.listing().await;
        let found = plan_reprocess(&listing, self.policy, &mut ValueSource::of(items.to_vec()), &IdKeyFinder)
            .await
            .expect("a source");
        (listing, found)
    }

    /// Does what `run --force --yes` does.
    async fn force(&self, items: &[Value]) -> RunReport {
        let (listing, found) = self.plan_force(items).await;
        if !found.settled.is_empty() {
            let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
            self.run(items, RunScope::Reprocess, Some(prepared)).await.expect("the keys are forgotten");
        }
        self.run_items(items).await
    }

    /// Does the same in a process that dies after this many responses. Returns whether it finished
    /// before.
    async fn force_until_killed(&self, answers: u64, items: &[Value]) -> bool {
        let ended = tokio::select! {
            _ = Box::pin(self.force(items)) => true,
            () = self.proxy.wait_for_calls(answers) => false,
        };
        self.clock.sleep(Duration::from_mins(10)).await;
        ended
    }

    /// Does what `reset --yes` does. Returns how many keys and failures it revoked and closed.
    async fn reset(&self) -> (u64, u64) {
        let listing = self.listing().await;
        let found = plan_reset(&listing, self.policy, self.clock.now());
        if !found.settled.is_empty() {
            let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
            self.run(&[], RunScope::None, Some(prepared)).await.expect("it is forgotten");
        }
        (found.keys, found.failures)
    }
}

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn make_items(note: &str) -> Vec<Value> {
    KEYS.map(|id| json!({"id": id, "v": "1", "note": note})).to_vec()
}

fn repeat_note(note: &str) -> Vec<String> {
    KEYS.map(|_| note.to_owned()).to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_appends_each_key_again_or_overwrites_its_row() {
    for nth in [0, 7] {
        for (mode, policy) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let fixture = JobFixture::new(mode, policy, nth);
            fixture.run_items(&make_items("first")).await;
            let report = fixture.force(&make_items("second")).await;
            assert_eq!((report.run.counts.new, report.run.counts.skipped), (5, 0), "{mode:?} {policy:?}");
            let notes = fixture.column("Data", "note").await;
            match mode {
                WriteMode::Append => assert_eq!(notes, [repeat_note("first"), repeat_note("second")].concat()),
                WriteMode::Upsert => assert_eq!(notes, repeat_note("second"), "{policy:?}"),
            }
            assert_eq!(fixture.run_items(&make_items("third")).await.run.counts.new, 0);
            assert!(fixture.listing().await.snapshot.state.reprocess_runs.is_empty(), "it is over");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_reports_its_effect_and_writes_nothing_before() {
    let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
    fixture.run_items(&make_items("first")[..3]).await;
    let before = fixture.proxy.tab_rows("Processed j").await;
    let (_, found) = fixture.plan_force(&make_items("second")[1..]).await;
    assert_eq!((found.again, found.fresh, found.over, found.settled.len()), (2, 2, 0, 2));
    assert_eq!(fixture.proxy.tab_rows("Processed j").await, before);
}

#[tokio::test(start_paused = true)]
async fn a_forced_run_killed_and_repeated_does_each_key_once_more() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth);
            fixture.run_items(&make_items("first")).await;
            if Box::pin(fixture.force_until_killed(answers, &make_items("second"))).await {
                break;
            }
            // It may die a second time, at another point.
            Box::pin(fixture.force_until_killed(answers / 2, &make_items("second"))).await;
            let (_, found) = fixture.plan_force(&make_items("second")).await;
            if !fixture.listing().await.snapshot.state.reprocess_runs.is_empty() {
                assert_eq!((found.again + found.over, found.fresh), (5, 0), "after {answers}");
            }
            if fixture.column("Data", "note").await.len() < 10 {
                fixture.force(&make_items("second")).await;
            }
            let notes = fixture.column("Data", "note").await;
            let count = |note: &str| notes.iter().filter(|found| *found == note).count();
            assert_eq!((count("first"), count("second")), (5, 5), "after {answers} answers");
        }
        assert!(answers > 12, "it vanished in many places: {answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_run_completes_a_forced_one_that_was_killed() {
    for answers in 1..12 {
        let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        fixture.run_items(&make_items("first")).await;
        Box::pin(fixture.force_until_killed(answers, &make_items("second"))).await;
        fixture.run_items(&make_items("second")).await;
        let forgotten =
            fixture.column("Processed j", "state").await.iter().filter(|state| *state == "forgotten").count();
        assert_eq!(fixture.column("Data", "note").await.len(), 5 + forgotten, "after {answers} answers");
        assert!(fixture.listing().await.snapshot.state.reprocess_runs.is_empty());
    }
}

fn make_items_with_failures(note: &str) -> Vec<Value> {
    [make_items(note), vec![json!({"id": "x", "v": "1", "bad": "no"}), json!({"id": "y", "v": "1", "bad": "no"})]]
        .concat()
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_everything_is_done_again_once() {
    for (mode, policy) in
        [(WriteMode::Append, ReprocessPolicy::EachVersion), (WriteMode::Upsert, ReprocessPolicy::OnChange)]
    {
        let fixture = JobFixture::new(mode, policy, 0);
        fixture.run_items(&make_items_with_failures("first")).await;
        let report = fixture.run_items(&make_items_with_failures("first")).await;
        assert_eq!((report.open_failures, report.run.counts.new), (2, 0));
        assert_eq!(fixture.reset().await, (5, 2));
        let listing = fixture.listing().await;
        assert_eq!(
            (listing.snapshot.processed_index.count_keys(), listing.snapshot.processed_index.open_failures()),
            (0, 0)
        );
        assert_eq!(fixture.column("Data", "note").await, repeat_note("first"), "rows of data stay");
        assert_eq!(fixture.reset().await, (0, 0), "there is nothing left");
        let report = fixture.run_items(&make_items_with_failures("second")).await;
        assert_eq!((report.run.counts.new, report.run.counts.failed), (5, 2), "{mode:?}");
        assert_eq!(fixture.column("Failures j", "attempts").await.last().map(String::as_str), Some("1"));
        assert_eq!(fixture.run_items(&make_items_with_failures("third")).await.run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_reset_is_continued_and_reverts_nothing_twice() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth);
            fixture.run_items(&make_items_with_failures("first")).await;
            let ended = tokio::select! {
                _ = fixture.reset() => true,
                () = fixture.proxy.wait_for_calls(answers) => false,
            };
            fixture.clock.sleep(Duration::from_mins(10)).await;
            fixture.reset().await;
            let states = fixture.column("Processed j", "state").await;
            let count = |word: &str| states.iter().filter(|state| *state == word).count();
            assert_eq!((count("done"), count("forgotten")), (5, 5), "after {answers} answers");
            let closed = fixture.column("Failures j", "state").await;
            assert_eq!(closed.iter().filter(|state| *state == "recovered").count(), 2, "after {answers} answers");
            assert_eq!(fixture.run_items(&make_items("second")).await.run.counts.new, 5);
            assert_eq!(fixture.run_items(&make_items("third")).await.run.counts.new, 0);
            if ended {
                break;
            }
        }
        assert!(answers > 6, "it vanished in many places: {answers}");
    }
}
