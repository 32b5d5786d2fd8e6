//! A job moves to a new spreadsheet: earlier results count there, and at any time it is active in
//! exactly one spreadsheet.

#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use sheetkeep::emulator::{ApiRequest, QueryParams, ResponseContent};
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

use crate::front::{EmulatorProxy, ID};
use crate::job_fixture::{JobFixture, row_unless_bad};
use crate::support::{ById, Job, Values};

const DAY: Duration = Duration::from_hours(24);

/// A job with several spreadsheets that it can be active in.
struct Estate {
    fixture: JobFixture,
    /// Their ids, in the order in which the job uses them.
    ids: Vec<String>,
    /// The idempotency keys that steps received.
    given: Arc<Mutex<Vec<String>>>,
}

impl Estate {
    async fn new(mode: WriteMode, again: ReprocessPolicy, nth: usize) -> Self {
        let fixture = JobFixture::new(mode, again, nth);
        let mut ids = vec![ID.to_owned()];
        for title in ["second", "third"] {
            ids.push(made(&fixture.proxy, title).await);
        }
        Self { fixture, ids, given: Arc::default() }
    }

    fn store(&self, at: usize, seed: u64) -> SheetsStore {
        let id = SpreadsheetId::parse(&self.ids[at]).expect("an id");
        let (sheets, clock) = (Arc::new(self.fixture.proxy.sheets(seed)), Arc::clone(&self.fixture.clock));
        SheetsStore::new(sheets, id, "j", "Data", clock).with_mode(self.fixture.mode, self.fixture.again)
    }

    async fn run_for(
        &self,
        at: usize,
        items: &[Value],
        scope: RunScope,
        prepared: Option<PreparedChanges>,
        rollover: Option<Rollover>,
    ) -> Result<RunReport, RunError> {
        let given = Arc::clone(&self.given);
        let mut job = self.fixture.job_on(&self.fixture.clock, scope).step(move |item, context| {
            given.lock().expect("no thread panics while it holds it").push(context.idempotency_key.clone());
            row_unless_bad(item, item.clone())
        });
        job.seed += at as u64;
        (job.prepared, job.plan.rollover) = (prepared, rollover);
        self.fixture.run_job(&job, self.store(at, job.seed), items).await
    }

    async fn run(&self, at: usize, items: &[Value]) -> Result<RunReport, RunError> {
        self.run_for(at, items, RunScope::Default, None, None).await
    }

    async fn listing(&self, at: usize) -> ScannedTabs {
        let wanted = ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() };
        self.store(at, 7).scan_rows(wanted).await.expect("a listing").expect("it has run")
    }

    async fn would(
        &self,
        from: usize,
    ) -> Result<(ScannedTabs, Option<PreparedChanges>, RolloverPlan), RolloverRefusal> {
        let old = self.listing(from).await;
        let new = self.store(from + 1, 8).load().await.expect("a load").snapshot;
        let found = plan_rollover(&old, new.as_ref(), &self.ids[from], &self.ids[from + 1], self.fixture.clock.now())?;
        let prepared = PreparedChanges { from: new.map(|new| new.head), settled: found.settled.clone() };
        Ok((old, Some(prepared), found))
    }

    /// Does the first half of a move.
    async fn begin(&self, from: usize) -> ScannedTabs {
        let (old, prepared, _) = self.would(from).await.expect("nothing is against it");
        let into = Rollover::FirstRun(Predecessors::from_state(&old.snapshot.state, &self.ids[from]));
        self.run_for(from + 1, &[], RunScope::None, prepared, Some(into)).await.expect("a beginning");
        old
    }

    /// Does the second half of a move.
    async fn leave(&self, from: usize, old: &ScannedTabs) -> Result<RunReport, RunError> {
        let prepared = PreparedChanges { from: Some(old.snapshot.head), settled: Vec::new() };
        let out = Rollover::LastRun(self.ids[from + 1].clone());
        self.run_for(from, &[], RunScope::None, Some(prepared), Some(out)).await
    }

    /// Does what `rollover --yes` does.
    async fn roll_over(&self, from: usize) {
        if self.would(from).await.expect("nothing is against it").2.stage != RolloverStage::Complete {
            let old = self.begin(from).await;
            self.leave(from, &old).await.expect("it leaves");
        }
        assert_eq!(self.would(from).await.expect("nothing is against it").2.stage, RolloverStage::Complete);
    }

    /// Returns a column of a tab of one of the spreadsheets; empty if the tab does not exist.
    async fn column(&self, at: usize, tab: &str, name: &str) -> Vec<String> {
        let path = format!("/v4/spreadsheets/{}/values/{}", self.ids[at], tab.replace(' ', "%20"));
        let (status, answer) = asked(&self.fixture.proxy, Method::GET, &path, Value::Null).await;
        if status != 200 {
            return Vec::new();
        }
        let rows: Vec<Vec<String>> = serde_json::from_value(answer["values"].clone()).expect("texts");
        let column = rows[0].iter().position(|cell| cell == name).expect("a column");
        rows.iter().skip(1).map(|row| row.get(column).cloned().unwrap_or_default()).collect()
    }
}

async fn asked(proxy: &EmulatorProxy, method: Method, path: &str, body: Value) -> (u16, Value) {
    let call = ApiRequest {
        method,
        path: path.to_owned(),
        query: QueryParams::parse(""),
        host: "sheets.googleapis.com".to_owned(),
        authorization: Some("Bearer a-token-of-this-test".to_owned()),
        content: sheetkeep::emulator::ContentHeaders::default(),
        body: if body.is_null() { bytes::Bytes::new() } else { body.to_string().into() },
    };
    let answer = proxy.emulator.handle(call).await.expect("no fault is pending");
    let value = match answer.content {
        ResponseContent::Json(value) => value,
        ResponseContent::Text(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
        ResponseContent::Html(_) | ResponseContent::File(..) | ResponseContent::Empty => Value::Null,
    };
    (answer.status, value)
}

async fn made(proxy: &EmulatorProxy, title: &str) -> String {
    let (status, answer) =
        asked(proxy, Method::POST, "/v4/spreadsheets", json!({"properties": {"title": title}})).await;
    assert_eq!(status, 200, "{answer}");
    answer["spreadsheetId"].as_str().expect("an id").to_owned()
}

fn item(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version})
}

fn bad(id: &str) -> Value {
    json!({"id": id, "v": "1", "bad": "no"})
}

#[tokio::test(start_paused = true)]
async fn keys_and_failures_of_before_a_move_count_after_it() {
    for nth in [0, 7] {
        for (mode, again) in [
            (WriteMode::Append, ReprocessPolicy::EachVersion),
            (WriteMode::Upsert, ReprocessPolicy::OnChange),
            (WriteMode::Upsert, ReprocessPolicy::OnNewer),
        ] {
            let estate = Estate::new(mode, again, nth).await;
            estate.run(0, &[item("a", "1"), item("b", "1"), bad("x")]).await.expect("a run");
            let (_, _, would) = estate.would(0).await.expect("nothing is against it");
            assert_eq!((would.stage, would.keys, would.failures), (RolloverStage::NotStarted, 2, 1));
            Box::pin(estate.roll_over(0)).await;
            let report =
                estate.run(1, &[item("a", "1"), item("b", "1"), item("c", "1"), bad("x")]).await.expect("a run");
            let counts = report.run.counts;
            assert_eq!((counts.new, counts.skipped, counts.failed), (1, 2, 1), "{mode:?} {again:?}");
            assert_eq!((report.keys, report.open_failures), (3, 1));
            assert_eq!(estate.column(1, "Failures j", "attempts").await.last().map(String::as_str), Some("1"));
            assert_eq!(estate.column(0, "Data", "id").await, ["a", "b"]);
            assert_eq!(estate.column(1, "Data", "id").await, ["c"]);
            // A changed item gets a row in the current spreadsheet.
            let report = estate.run(1, &[item("a", "2"), item("x", "1")]).await.expect("a run");
            assert_eq!((report.run.counts.new, report.run.counts.recovered, report.open_failures), (2, 1, 0));
            assert_eq!(estate.column(1, "Data", "id").await, ["c", "a", "x"]);
            let again = estate.run(1, &[item("a", "2"), item("b", "1"), item("x", "1")]).await.expect("a run");
            assert_eq!((again.run.counts.new, again.run.counts.skipped), (0, 3));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_in_one_place_at_every_moment_of_a_move() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1")]).await.expect("a run");
    let old = estate.begin(0).await;
    let ended = estate.run(1, &[item("b", "1")]).await;
    assert!(
        matches!(&ended, Err(RunError::RolloverIncomplete { previous }) if *previous == estate.ids[0]),
        "{ended:?}"
    );
    estate.leave(0, &old).await.expect("it leaves");
    let ended = estate.run(0, &[item("b", "1")]).await;
    assert!(matches!(&ended, Err(RunError::RolledOver { next }) if *next == estate.ids[1]), "{ended:?}");
    assert_eq!(estate.run(1, &[item("a", "1"), item("b", "1")]).await.expect("a run").run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_comes_between_the_halves_of_a_move_is_not_lost() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1"), bad("x"), bad("y")]).await.expect("a run");
    let old = estate.begin(0).await;
    estate.run(0, &[item("b", "1"), item("x", "1"), bad("z")]).await.expect("it still runs there");
    assert!(matches!(estate.leave(0, &old).await, Err(RunError::SheetChanged)));
    Box::pin(estate.roll_over(0)).await;
    let report = estate.run(1, &[item("a", "1"), item("b", "1"), item("x", "1")]).await.expect("a run");
    assert_eq!((report.run.counts.new, report.keys, report.open_failures), (0, 3, 2), "y and z are open, x is done");
}

#[tokio::test(start_paused = true)]
async fn a_move_that_vanished_anywhere_is_gone_on_with() {
    for nth in [0, 7] {
        let mut answers = 0;
        loop {
            answers += 1;
            let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth).await;
            estate.run(0, &[item("a", "1"), item("b", "1"), bad("x"), bad("y"), bad("z")]).await.expect("a run");
            let ended = tokio::select! {
                () = estate.roll_over(0) => true,
                () = estate.fixture.proxy.after_calls(answers) => false,
            };
            estate.fixture.clock.sleep(Duration::from_mins(10)).await;
            let before = estate.run(0, &[item("a", "1"), item("c", "1")]).await;
            Box::pin(estate.roll_over(0)).await;
            let items = [item("a", "1"), item("b", "1"), item("c", "1")];
            let report = estate.run(1, &items).await.expect("a run");
            let new = u64::from(before.is_err());
            assert_eq!((report.run.counts.new, report.keys, report.open_failures), (new, 3, 3), "after {answers}");
            let rows = [estate.column(0, "Data", "id").await, estate.column(1, "Data", "id").await].concat();
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
    for again in [ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        let estate = Estate::new(WriteMode::Upsert, again, 0).await;
        estate.run(0, &[item("a", "1"), item("b", "1")]).await.expect("a run");
        Box::pin(estate.roll_over(0)).await;
        estate.run(1, &[item("a", "2"), item("c", "1")]).await.expect("a run");
        Box::pin(estate.roll_over(1)).await;
        let report = estate.run(2, &[item("a", "2"), item("b", "1"), item("c", "1")]).await.expect("a run");
        assert_eq!((report.run.counts.new, report.keys), (0, 3), "{again:?}: of a the version done last counts");
        let changed = estate.run(2, &[item("b", "2")]).await.expect("a run");
        assert_eq!((changed.run.counts.new, changed.rows), (1, 1));
        assert_eq!(estate.run(2, &[item("b", "2")]).await.expect("a run").run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn steps_get_the_same_idempotency_key_after_a_move() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[bad("x")]).await.expect("a run");
    Box::pin(estate.roll_over(0)).await;
    estate.run(1, &[bad("x")]).await.expect("a run");
    let given = estate.given.lock().expect("no thread panics while it holds it").clone();
    assert_eq!((given.len(), &given[0]), (2, &given[1]));
}

#[tokio::test(start_paused = true)]
async fn keys_of_an_earlier_spreadsheet_can_be_forgotten() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1"), item("b", "1")]).await.expect("a run");
    Box::pin(estate.roll_over(0)).await;
    let listing = estate.listing(1).await;
    let items = [item("a", "1"), item("c", "1")];
    let found = plan_reprocess(&listing, ReprocessPolicy::EachVersion, &mut Values::of(items.to_vec()), &ById)
        .await
        .expect("a source");
    assert_eq!((found.again, found.fresh), (1, 1));
    let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled: found.settled };
    estate.run_for(1, &[], RunScope::Reprocess, Some(prepared), None).await.expect("a is forgotten");
    let report = estate.run(1, &items).await.expect("a run");
    assert_eq!((report.run.counts.new, report.keys), (2, 3));
    assert_eq!(estate.run(1, &items).await.expect("a run").run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_in_an_earlier_spreadsheet_is_done_again() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1"), item("b", "1")]).await.expect("a run");
    Box::pin(estate.roll_over(0)).await;
    let id = estate.fixture.proxy.id_of("Processed j").await;
    let row = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    estate.fixture.proxy.hands(json!([{"deleteDimension": {"range": row}}])).await;
    let listing = estate.listing(1).await;
    let reported = listing.snapshot.anomalies.iter().filter(|one| one.message.contains(&estate.ids[0])).count();
    assert_eq!((reported, listing.snapshot.anomalies.len()), (1, 1));
    assert_eq!(estate.run(1, &[item("a", "1"), item("b", "1")]).await.expect("a run").run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn what_prevents_a_move_is_reported() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1"), bad("x")]).await.expect("a run");
    let at =
        estate.fixture.proxy.tab("Failures j").await[0].iter().position(|name| name == "action").expect("a column");
    estate.fixture.proxy.type_in("Failures j", 1, at, "retry").await;
    assert_eq!(estate.would(0).await.map(|_| ()), Err(RolloverRefusal::ActionPending));
    estate.run(0, &[item("x", "1")]).await.expect("a run");
    estate.run(1, &[item("q", "1")]).await.expect("another life of its own");
    assert_eq!(estate.would(0).await.map(|_| ()), Err(RolloverRefusal::NameTaken(estate.ids[1].clone())));
    let old = estate.listing(0).await;
    let (from, other) = (&estate.ids[0], &estate.ids[2]);
    let out = PreparedChanges { from: Some(old.snapshot.head), settled: Vec::new() };
    let order = Some(Rollover::LastRun(other.clone()));
    estate.run_for(0, &[], RunScope::None, Some(out), order).await.expect("it names a place that was emptied since");
    let now = estate.fixture.clock.now();
    let found = plan_rollover(&estate.listing(0).await, None, from, other, now).map(|_| ());
    assert_eq!(found, Err(RolloverRefusal::NothingLeft(other.clone())));
}

impl Estate {
    async fn prunable(&self, at: usize, keys: bool) -> PreparedChanges {
        self.fixture.prunable_in(&self.store(at, 7), self.fixture.older_than(5, keys)).await.1
    }

    /// Returns a job whose run deleted an open failure that the user had moved, and died before it
    /// was restored.
    async fn with_a_failure_that_waits(nth: usize) -> Self {
        for answers in 1..20 {
            let estate = Self::new(WriteMode::Append, ReprocessPolicy::EachVersion, nth).await;
            estate.run(0, &[item("a", "1"), bad("x")]).await.expect("a run");
            estate.run(0, &[item("a", "1"), item("x", "1")]).await.expect("a run");
            estate.fixture.clock.sleep(10 * DAY).await;
            estate.run(0, &[bad("y")]).await.expect("a run");
            let prepared = estate.prunable(0, false).await;
            estate.fixture.proxy.sort_upside_down("Failures j").await;
            tokio::select! {
                _ = estate.run_for(0, &[], RunScope::None, Some(prepared), None) => {},
                () = estate.fixture.proxy.after_calls(answers) => {},
            }
            estate.fixture.clock.sleep(Duration::from_mins(10)).await;
            let snapshot = estate.listing(0).await.snapshot;
            if snapshot.anomalies.iter().any(|one| one.message.contains("restored below")) {
                assert_eq!(snapshot.processed_index.open_failures(), 1);
                return estate;
            }
        }
        panic!("there is no such moment");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_waits_to_be_put_back_goes_along() {
    for nth in [0, 7] {
        let estate = Estate::with_a_failure_that_waits(nth).await;
        let (_, _, would) = estate.would(0).await.expect("nothing is against it");
        assert_eq!(would.failures, 1);
        Box::pin(estate.roll_over(0)).await;
        assert_eq!(estate.run(1, &[]).await.expect("a run").open_failures, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_restored_under_a_header_that_was_moved() {
    for nth in [0, 7] {
        let estate = Estate::with_a_failure_that_waits(nth).await;
        estate.fixture.proxy.move_column("Failures j", 0, 3).await;
        estate.run(0, &[]).await.expect("a run");
        let mut keys = estate.column(0, "Failures j", "key").await;
        keys.sort();
        assert_eq!(keys, ["x", "x", "y"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_forgotten_after_a_move_stays_forgotten_after_prune() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1")]).await.expect("a run");
    Box::pin(estate.roll_over(0)).await;
    let listing = estate.listing(1).await;
    let settled = plan_reset(&listing, ReprocessPolicy::EachVersion, estate.fixture.clock.now()).settled;
    let prepared = PreparedChanges { from: Some(listing.snapshot.head), settled };
    estate.run_for(1, &[], RunScope::None, Some(prepared), None).await.expect("a reset");
    assert_eq!(estate.listing(1).await.snapshot.processed_index.count_keys(), 0);
    estate.fixture.clock.sleep(10 * DAY).await;
    let prepared = estate.prunable(1, true).await;
    estate.run_for(1, &[], RunScope::None, Some(prepared), None).await.expect("rows are taken out");
    assert_eq!(estate.run(1, &[item("a", "1")]).await.expect("a run").run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_own_move_has_not_come_to_its_end_is_not_moved_on() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1")]).await.expect("a run");
    estate.begin(0).await;
    assert_eq!(estate.would(1).await.map(|_| ()), Err(RolloverRefusal::RolloverIncomplete(estate.ids[0].clone())));
}

#[tokio::test(start_paused = true)]
async fn a_missing_earlier_spreadsheet_stops_the_job() {
    let estate = Estate::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    estate.run(0, &[item("a", "1")]).await.expect("a run");
    Box::pin(estate.roll_over(0)).await;
    estate.run(1, &[item("b", "1")]).await.expect("a run");
    Box::pin(estate.roll_over(1)).await;
    estate.run(2, &[item("c", "1")]).await.expect("a run");
    let path = format!("/drive/v3/files/{}", estate.ids[1]);
    assert_eq!(asked(&estate.fixture.proxy, Method::DELETE, &path, Value::Null).await.0, 204);
    let items = [item("a", "1"), item("b", "1"), item("c", "1")];
    let ended = estate.run(2, &items).await;
    assert!(matches!(&ended, Err(error) if error.to_string().contains(&estate.ids[1])), "{ended:?}");
    let left =
        estate.store(2, 9).allow_missing_predecessors(true).load().await.expect("a load").snapshot.expect("it has run");
    assert!(left.state.predecessors.is_empty() && left.anomalies.iter().any(|one| one.message.contains("left behind")));
    let job = Job::new(Arc::clone(&estate.fixture.clock)).step(|value, _| Ok(vec![value.clone()]));
    let report =
        job.run(estate.store(2, 9).allow_missing_predecessors(true), Values::of(items.to_vec())).await.expect("a run");
    assert_eq!((report.run.counts.new, report.run.counts.skipped), (2, 1));
    assert_eq!(estate.run(2, &items).await.expect("a run").run.counts.new, 0);
}
