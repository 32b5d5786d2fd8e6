//! A job moves to a new spreadsheet: earlier results count there, and at any time it is active in
//! exactly one spreadsheet.

#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

mod refused_rollovers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::state::rollover::{Predecessors, Rollover};
use sheetkeep::maintain::reprocess::plan_reprocess;
use sheetkeep::maintain::reset::plan_reset;
use sheetkeep::maintain::rollover::{RolloverPlan, RolloverRefusal, RolloverStage, plan_rollover};
use sheetkeep::port::store::Store;
use sheetkeep::runner::run_config::{PreparedChanges, RunError};
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::store::scan::scanned_tabs::ScannedTabs;
use sheetkeep::store::scan::scanner::ScanScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;

use crate::emulator_proxy::proxy::{EmulatorProxy, SPREADSHEET_ID};
use crate::job_fixture::{JobFixture, row_unless_bad};
use crate::test_job::{IdKeyFinder, ValueSource};

const DAY: Duration = Duration::from_hours(24);

/// A job with several spreadsheets that it can be active in.
struct RolloverFixture {
    job: JobFixture,
    /// Their ids, in the order in which the job uses them.
    ids: Vec<String>,
    /// The idempotency keys that steps received.
    received_keys: Arc<Mutex<Vec<String>>>,
}

impl RolloverFixture {
    async fn new(mode: WriteMode, policy: ReprocessPolicy, nth: usize) -> Self {
        let fixture = JobFixture::new(mode, policy, nth);
        let mut ids = vec![SPREADSHEET_ID.to_owned()];
        for title in ["second", "third"] {
            ids.push(create_spreadsheet(&fixture.proxy, title).await);
        }
        Self { job: fixture, ids, received_keys: Arc::default() }
    }

    fn store(&self, at: usize, seed: u64) -> SheetsStore {
        let id = SpreadsheetId::parse(&self.ids[at]).expect("an id");
        let (sheets, clock) = (Arc::new(self.job.proxy.sheets(seed)), Arc::clone(&self.job.clock));
        SheetsStore::new(sheets, id, "j", "Data", clock).with_mode(self.job.mode, self.job.policy)
    }

    async fn run_for(
        &self,
        at: usize,
        items: &[Value],
        retrying: RunScope,
        prepared: Option<PreparedChanges>,
        rollover: Option<Rollover>,
    ) -> Result<RunReport, RunError> {
        let received_keys = Arc::clone(&self.received_keys);
        let mut job = self.job.job_on(&self.job.clock, retrying).with_step(move |item, context| {
            received_keys.lock().expect("no thread panics while it holds it").push(context.idempotency_key.clone());
            row_unless_bad(item, item.clone())
        });
        job.seed += at as u64;
        (job.prepared, job.plan.rollover) = (prepared, rollover);
        self.job.run_job(&job, self.store(at, job.seed), items).await
    }

    async fn run(&self, at: usize, items: &[Value]) -> Result<RunReport, RunError> {
        self.run_for(at, items, RunScope::Default, None, None).await
    }

    async fn listing(&self, at: usize) -> ScannedTabs {
        let wanted = ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() };
        self.store(at, 7).scan_rows(wanted).await.expect("a listing").expect("it has run")
    }

    async fn plan_move(
        &self,
        from: usize,
    ) -> Result<(ScannedTabs, Option<PreparedChanges>, RolloverPlan), RolloverRefusal> {
        let old = self.listing(from).await;
        let new = self.store(from + 1, 8).load().await.expect("a load").snapshot;
        let found = plan_rollover(&old, new.as_ref(), &self.ids[from], &self.ids[from + 1], self.job.clock.now())?;
        let prepared = PreparedChanges { from: new.map(|new| new.head), settled: found.settled.clone() };
        Ok((old, Some(prepared), found))
    }

    /// Does the first half of a move.
    async fn begin_move(&self, from: usize) -> ScannedTabs {
        let (old, prepared, _) = self.plan_move(from).await.expect("nothing is against it");
        let into = Rollover::FirstRun(Predecessors::from_state(&old.snapshot.state, &self.ids[from]));
        self.run_for(from + 1, &[], RunScope::None, prepared, Some(into)).await.expect("a beginning");
        old
    }

    /// Does the second half of a move.
    async fn finish_move(&self, from: usize, old: &ScannedTabs) -> Result<RunReport, RunError> {
        let prepared = PreparedChanges { from: Some(old.snapshot.head), settled: Vec::new() };
        let out = Rollover::LastRun(self.ids[from + 1].clone());
        self.run_for(from, &[], RunScope::None, Some(prepared), Some(out)).await
    }

    /// Does what `rollover --yes` does.
    async fn roll_over(&self, from: usize) {
        if self.plan_move(from).await.expect("nothing is against it").2.stage != RolloverStage::Complete {
            let old = self.begin_move(from).await;
            self.finish_move(from, &old).await.expect("it leaves");
        }
        assert_eq!(self.plan_move(from).await.expect("nothing is against it").2.stage, RolloverStage::Complete);
    }

    /// Returns a column of a tab of one of the spreadsheets; empty if the tab does not exist.
    async fn column(&self, at: usize, tab: &str, name: &str) -> Vec<String> {
        let path = format!("/v4/spreadsheets/{}/values/{}", self.ids[at], tab.replace(' ', "%20"));
        let (status, answer) = self.job.proxy.call_path(&path, Method::GET, "", Value::Null).await;
        if status != 200 {
            return Vec::new();
        }
        let rows: Vec<Vec<String>> = serde_json::from_value(answer["values"].clone()).expect("texts");
        let column = rows[0].iter().position(|cell| cell == name).expect("a column");
        rows.iter().skip(1).map(|row| row.get(column).cloned().unwrap_or_default()).collect()
    }
}

async fn create_spreadsheet(proxy: &EmulatorProxy, title: &str) -> String {
    let (status, answer) =
        proxy.call_path("/v4/spreadsheets", Method::POST, "", json!({"properties": {"title": title}})).await;
    assert_eq!(status, 200, "{answer}");
    answer["spreadsheetId"].as_str().expect("an id").to_owned()
}

fn make_item(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version})
}

fn make_bad_item(id: &str) -> Value {
    json!({"id": id, "v": "1", "bad": "no"})
}

#[tokio::test(start_paused = true)]
async fn keys_and_failures_of_before_a_move_count_after_it() {
    for nth in [0, 7] {
        for (mode, policy) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let fixture = RolloverFixture::new(mode, policy, nth).await;
            fixture.run(0, &[make_item("a", "1"), make_item("b", "1"), make_bad_item("x")]).await.expect("a run");
            let (_, _, plan_move) = fixture.plan_move(0).await.expect("nothing is against it");
            assert_eq!((plan_move.stage, plan_move.keys, plan_move.failures), (RolloverStage::NotStarted, 2, 1));
            Box::pin(fixture.roll_over(0)).await;
            let report = fixture
                .run(1, &[make_item("a", "1"), make_item("b", "1"), make_item("c", "1"), make_bad_item("x")])
                .await
                .expect("a run");
            let counts = report.run.counts;
            assert_eq!((counts.new, counts.skipped, counts.failed), (1, 2, 1), "{mode:?} {policy:?}");
            assert_eq!((report.keys, report.open_failures), (3, 1));
            assert_eq!(fixture.column(1, "Failures j", "attempts").await.last().map(String::as_str), Some("1"));
            assert_eq!(fixture.column(0, "Data", "id").await, ["a", "b"]);
            assert_eq!(fixture.column(1, "Data", "id").await, ["c"]);
            // A changed item gets a row in the current spreadsheet.
            let report = fixture.run(1, &[make_item("a", "2"), make_item("x", "1")]).await.expect("a run");
            assert_eq!((report.run.counts.new, report.run.counts.recovered, report.open_failures), (2, 1, 0));
            assert_eq!(fixture.column(1, "Data", "id").await, ["c", "a", "x"]);
            let second =
                fixture.run(1, &[make_item("a", "2"), make_item("b", "1"), make_item("x", "1")]).await.expect("a run");
            assert_eq!((second.run.counts.new, second.run.counts.skipped), (0, 3));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_in_one_place_at_every_moment_of_a_move() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1")]).await.expect("a run");
    let old = fixture.begin_move(0).await;
    let ended = fixture.run(1, &[make_item("b", "1")]).await;
    assert!(
        matches!(&ended, Err(RunError::RolloverIncomplete { previous }) if *previous == fixture.ids[0]),
        "{ended:?}"
    );
    fixture.finish_move(0, &old).await.expect("it leaves");
    let ended = fixture.run(0, &[make_item("b", "1")]).await;
    assert!(matches!(&ended, Err(RunError::RolledOver { next }) if *next == fixture.ids[1]), "{ended:?}");
    assert_eq!(fixture.run(1, &[make_item("a", "1"), make_item("b", "1")]).await.expect("a run").run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_comes_between_the_halves_of_a_move_is_not_lost() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1"), make_bad_item("x"), make_bad_item("y")]).await.expect("a run");
    let old = fixture.begin_move(0).await;
    fixture.run(0, &[make_item("b", "1"), make_item("x", "1"), make_bad_item("z")]).await.expect("it still runs there");
    assert!(matches!(fixture.finish_move(0, &old).await, Err(RunError::SheetChanged)));
    Box::pin(fixture.roll_over(0)).await;
    let report = fixture.run(1, &[make_item("a", "1"), make_item("b", "1"), make_item("x", "1")]).await.expect("a run");
    assert_eq!((report.run.counts.new, report.keys, report.open_failures), (0, 3, 2), "y and z are open, x is done");
}

#[tokio::test(start_paused = true)]
async fn a_move_that_vanished_anywhere_is_gone_on_with() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth).await;
            fixture
                .run(
                    0,
                    &[
                        make_item("a", "1"),
                        make_item("b", "1"),
                        make_bad_item("x"),
                        make_bad_item("y"),
                        make_bad_item("z"),
                    ],
                )
                .await
                .expect("a run");
            let ended = tokio::select! {
                () = fixture.roll_over(0) => true,
                () = fixture.job.proxy.wait_for_calls(answers) => false,
            };
            fixture.job.clock.sleep(Duration::from_mins(10)).await;
            let before = fixture.run(0, &[make_item("a", "1"), make_item("c", "1")]).await;
            Box::pin(fixture.roll_over(0)).await;
            let items = [make_item("a", "1"), make_item("b", "1"), make_item("c", "1")];
            let report = fixture.run(1, &items).await.expect("a run");
            let new = u64::from(before.is_err());
            assert_eq!((report.run.counts.new, report.keys, report.open_failures), (new, 3, 3), "after {answers}");
            let rows = [fixture.column(0, "Data", "id").await, fixture.column(1, "Data", "id").await].concat();
            assert_eq!(rows, ["a", "b", "c"], "after {answers} answers");
            if ended {
                break;
            }
        }
        assert!(answers > 14, "it vanished in many places: {answers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_moved_twice_knows_the_keys_of_both() {
    for policy in [ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        let fixture = RolloverFixture::new(WriteMode::Upsert, policy, 0).await;
        fixture.run(0, &[make_item("a", "1"), make_item("b", "1")]).await.expect("a run");
        Box::pin(fixture.roll_over(0)).await;
        fixture.run(1, &[make_item("a", "2"), make_item("c", "1")]).await.expect("a run");
        Box::pin(fixture.roll_over(1)).await;
        let report =
            fixture.run(2, &[make_item("a", "2"), make_item("b", "1"), make_item("c", "1")]).await.expect("a run");
        assert_eq!((report.run.counts.new, report.keys), (0, 3), "{policy:?}: of a the version done last counts");
        let changed = fixture.run(2, &[make_item("b", "2")]).await.expect("a run");
        assert_eq!((changed.run.counts.new, changed.rows), (1, 1));
        assert_eq!(fixture.run(2, &[make_item("b", "2")]).await.expect("a run").run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn steps_get_the_same_idempotency_key_after_a_move() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_bad_item("x")]).await.expect("a run");
    Box::pin(fixture.roll_over(0)).await;
    fixture.run(1, &[make_bad_item("x")]).await.expect("a run");
    let received_keys = fixture.received_keys.lock().expect("no thread panics while it holds it").clone();
    assert_eq!((received_keys.len(), &received_keys[0]), (2, &received_keys[1]));
}

#[tokio::test(start_paused = true)]
async fn keys_of_an_earlier_spreadsheet_can_be_forgotten() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1"), make_item("b", "1")]).await.expect("a run");
    Box::pin(fixture.roll_over(0)).await;
    let listing = fixture.listing(1).await;
    let items = [make_item("a", "1"), make_item("c", "1")];
    let found =
        plan_reprocess(&listing, ReprocessPolicy::EachVersion, &mut ValueSource::of(items.to_vec()), &IdKeyFinder)
            .await
            .expect("a source");
    assert_eq!((found.again, found.fresh), (1, 1));
    let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
    fixture.run_for(1, &[], RunScope::Reprocess, Some(prepared), None).await.expect("a is forgotten");
    let report = fixture.run(1, &items).await.expect("a run");
    assert_eq!((report.run.counts.new, report.keys), (2, 3));
    assert_eq!(fixture.run(1, &items).await.expect("a run").run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_in_an_earlier_spreadsheet_is_done_again() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1"), make_item("b", "1")]).await.expect("a run");
    Box::pin(fixture.roll_over(0)).await;
    let id = fixture.job.proxy.tab_id("Processed j").await;
    let row = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.job.proxy.edit_sheet(json!([{"deleteDimension": {"range": row}}])).await;
    let listing = fixture.listing(1).await;
    let reported = listing.snapshot.anomalies.iter().filter(|one| one.message.contains(&fixture.ids[0])).count();
    assert_eq!((reported, listing.snapshot.anomalies.len()), (1, 1));
    assert_eq!(fixture.run(1, &[make_item("a", "1"), make_item("b", "1")]).await.expect("a run").run.counts.new, 1);
}

impl RolloverFixture {
    async fn find_prunable(&self, at: usize, keys: bool) -> PreparedChanges {
        self.job.find_prunable_in(&self.store(at, 7), self.job.age_limit(5, keys)).await.1
    }

    /// Returns a job whose run deleted an open failure that the user had moved, and died before it
    /// was restored.
    async fn with_failure_to_restore(nth: usize) -> Self {
        for answers in 1..20 {
            let fixture = Self::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth).await;
            fixture.run(0, &[make_item("a", "1"), make_bad_item("x")]).await.expect("a run");
            fixture.run(0, &[make_item("a", "1"), make_item("x", "1")]).await.expect("a run");
            fixture.job.clock.sleep(10 * DAY).await;
            fixture.run(0, &[make_bad_item("y")]).await.expect("a run");
            let prepared = fixture.find_prunable(0, false).await;
            fixture.job.proxy.reverse_rows("Failures j").await;
            tokio::select! {
                _ = fixture.run_for(0, &[], RunScope::None, Some(prepared), None) => {},
                () = fixture.job.proxy.wait_for_calls(answers) => {},
            }
            fixture.job.clock.sleep(Duration::from_mins(10)).await;
            let snapshot = fixture.listing(0).await.snapshot;
            if snapshot.anomalies.iter().any(|one| one.message.contains("restored below")) {
                assert_eq!(snapshot.processed_index.open_failures(), 1);
                return fixture;
            }
        }
        panic!("there is no such moment");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_waits_to_be_put_back_goes_along() {
    for nth in [0, 7] {
        let fixture = RolloverFixture::with_failure_to_restore(nth).await;
        let (_, _, plan_move) = fixture.plan_move(0).await.expect("nothing is against it");
        assert_eq!(plan_move.failures, 1);
        Box::pin(fixture.roll_over(0)).await;
        assert_eq!(fixture.run(1, &[]).await.expect("a run").open_failures, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_restored_under_a_header_that_was_moved() {
    for nth in [0, 7] {
        let fixture = RolloverFixture::with_failure_to_restore(nth).await;
        fixture.job.proxy.move_column("Failures j", 0, 3).await;
        fixture.run(0, &[]).await.expect("a run");
        let mut keys = fixture.column(0, "Failures j", "key").await;
        keys.sort();
        assert_eq!(keys, ["x", "x", "y"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_forgotten_after_a_move_stays_forgotten_after_prune() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1")]).await.expect("a run");
    Box::pin(fixture.roll_over(0)).await;
    let listing = fixture.listing(1).await;
    let settled = plan_reset(&listing, ReprocessPolicy::EachVersion, fixture.job.clock.now()).settled;
    let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled };
    fixture.run_for(1, &[], RunScope::None, Some(prepared), None).await.expect("a reset");
    assert_eq!(fixture.listing(1).await.snapshot.processed_index.count_keys(), 0);
    fixture.job.clock.sleep(10 * DAY).await;
    let prepared = fixture.find_prunable(1, true).await;
    fixture.run_for(1, &[], RunScope::None, Some(prepared), None).await.expect("rows are taken out");
    assert_eq!(fixture.run(1, &[make_item("a", "1")]).await.expect("a run").run.counts.new, 1);
}
