//! What happens to failures: retried from the record that the sheet stores, skipped, given up; and
//! what the user types there.

use std::sync::Arc;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::failure::RequestedAction;
use sheetkeep::ledger::items::key::Key;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

const TAB: &str = "Failures j";

/// A spreadsheet, and a job whose items fail on request.
struct FailureFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    max_attempts: u64,
}

impl FailureFixture {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let behaviors = UnknownBehaviors::all().next().expect("there are eight");
        Self { proxy: EmulatorProxy::new(behaviors, 1, &clock, None), clock, max_attempts: 3 }
    }

    async fn run(&self, retrying: RunScope, items: &[Value]) -> Result<RunReport, RunError> {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value: &Value, _| match value["bad"].as_str() {
            Some(why) => Err(StepError::Rejected(why.to_owned())),
            None => Ok(vec![json!({"id": value["id"], "n": value["n"]})]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0);
        (job.plan.scope, job.plan.max_attempts) = (retrying, self.max_attempts);
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let report = job.run(store, ValueSource::of(items.to_vec())).await;
        self.clock.sleep(std::time::Duration::from_mins(1)).await;
        report
    }

    async fn run_items(&self, items: &[Value]) -> RunReport {
        self.run(RunScope::Default, items).await.expect("a run that ends")
    }

    /// Returns the rows of a tab, each as its cells under these headers.
    async fn rows(&self, tab: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let rows = self.proxy.tab_rows(tab).await;
        let at: Vec<_> =
            columns.iter().map(|name| rows[0].iter().position(|cell| cell == name).expect("a column")).collect();
        rows.iter().skip(1).map(|row| at.iter().map(|&at| row.get(at).cloned().unwrap_or_default()).collect()).collect()
    }

    async fn failure_rows(&self) -> Vec<Vec<String>> {
        self.rows(TAB, &["key", "state", "attempts", "answered"]).await
    }

    /// Types as the user into a row of Failures, counted from 0 below the header.
    async fn type_into_failure(&self, row: usize, column: &str, text: &str) {
        let header = self.proxy.tab_rows(TAB).await.swap_remove(0);
        let at = header.iter().position(|cell| cell == column).expect("a column");
        self.proxy.type_text(TAB, row + 1, at, text).await;
    }
}

fn make_bad_item(id: &str) -> Value {
    json!({"id": id, "n": 1, "bad": "it is bad"})
}

fn make_good_item(id: &str) -> Value {
    json!({"id": id, "n": 2})
}

fn make_key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

fn to_rows(rows: &[[&str; 4]]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_in_each_run_until_it_is_dead() {
    let fixture = FailureFixture::new();
    let failed = [1, 1, 1, 0, 0];
    for (n, failed) in failed.into_iter().enumerate() {
        let report = fixture.run_items(&[make_bad_item("a"), make_good_item("b")]).await;
        assert_eq!(report.run.counts.failed, failed, "run {n}");
        let status = if failed > 0 { RunStatus::Partial } else { RunStatus::Succeeded };
        assert_eq!((report.run.status, report.exhausted_failures), (status, u64::from(n >= 2)), "run {n}");
    }
    assert_eq!(fixture.failure_rows().await, to_rows(&[["a", "open", "1", ""], ["a", "dead", "3", ""]]));
}

#[tokio::test(start_paused = true)]
async fn a_failure_missing_from_the_source_is_retried_from_its_record() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_good_item("b")]).await;
    let report = fixture.run_items(&[make_good_item("b")]).await;
    assert_eq!((report.run.counts.read, report.run.counts.failed, report.open_failures), (2, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_old_version_that_failed_is_not_retried_after_a_newer_one() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[json!({"id": "a", "n": 1, "v": "1", "bad": "it is bad"})]).await;
    let report = fixture.run_items(&[json!({"id": "a", "n": 2, "v": "2"})]).await;
    assert_eq!((report.run.counts.new, report.run.counts.failed, report.open_failures), (1, 0, 0));
    assert_eq!(fixture.run_items(&[]).await.run.counts.read, 0);
}

#[tokio::test(start_paused = true)]
async fn retry_failures_processes_only_failures() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b"), make_good_item("c")]).await;
    fixture.type_into_failure(0, "payload", &make_good_item("a").to_string()).await;
    let report = fixture.run(RunScope::FailuresOnly, &[make_good_item("never read")]).await.expect("a run that ends");
    let counts = report.run.counts;
    assert_eq!((counts.read, counts.new, counts.recovered, counts.failed), (2, 1, 1, 1));
    let rows = fixture.failure_rows().await;
    assert_eq!(rows[2..], to_rows(&[["a", "recovered", "2", "retry"], ["b", "open", "2", "retry"]]));
    assert_eq!(fixture.rows("Data", &["id", "n"]).await, [["c", "2"], ["a", "2"]]);
    let second = fixture.run_items(&[make_bad_item("a"), make_good_item("c")]).await;
    assert_eq!(
        (second.run.counts.new, second.run.counts.skipped),
        (0, 2),
        "what was mended stays done, whatever the source says"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_person_writes_into_action_is_obeyed_once_and_recorded() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    fixture.type_into_failure(0, "action", "Skip").await;
    fixture.type_into_failure(1, "action", "retry").await;
    let report = fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    // The retried item is taken from the source, once.
    assert_eq!((report.run.counts.skipped, report.run.counts.failed), (2, 1));
    let rows = fixture.failure_rows().await;
    assert_eq!(rows[2..], to_rows(&[["a", "skipped", "1", "skip"], ["b", "open", "2", "retry"]]));
    let report = fixture.run_items(&[make_bad_item("a")]).await;
    assert_eq!((report.run.counts.skipped, report.run.counts.failed, fixture.failure_rows().await.len()), (1, 1, 5));
    let report = fixture.run_items(&[json!({"id": "a", "n": 3, "v": "2"})]).await;
    assert_eq!(report.run.counts.new, 1, "another version is another matter");
}

const NOT_UNDERSTOOD: &str = "not understood: write retry or skip";

#[tokio::test(start_paused = true)]
async fn a_text_that_is_not_an_action_is_answered_once() {
    let fixture = FailureFixture { max_attempts: 2, ..FailureFixture::new() };
    let source = [make_bad_item("a"), make_bad_item("b"), make_good_item("c")];
    fixture.run_items(&source).await;
    fixture.type_into_failure(0, "action", "try again please").await;
    let report = fixture.run_items(&source).await;
    assert_eq!((report.run.counts.read, report.run.counts.failed, report.run.counts.skipped), (3, 2, 1));
    let rows = fixture.failure_rows().await;
    // Answered as it was, and tried again like any open failure.
    assert_eq!(rows[2..4], to_rows(&[["a", "open", "1", NOT_UNDERSTOOD], ["a", "dead", "2", ""]]));
    assert_eq!(rows[4..], to_rows(&[["b", "dead", "2", ""]]));
    // Dead and answered: later runs leave it.
    for _ in 0..2 {
        fixture.run_items(&source).await;
    }
    assert_eq!(fixture.failure_rows().await, rows);
    // A dead one is answered, and neither tried nor brought back.
    fixture.type_into_failure(4, "action", "löschen").await;
    let report = fixture.run_items(&source).await;
    assert_eq!((report.run.counts.failed, report.exhausted_failures), (0, 2));
    assert_eq!(fixture.failure_rows().await[5..], to_rows(&[["b", "dead", "2", NOT_UNDERSTOOD]]));
    // The word that is meant works in either row.
    fixture.type_into_failure(4, "action", "retry").await;
    fixture.run_items(&source).await;
    assert_eq!(fixture.failure_rows().await[6..], to_rows(&[["b", "dead", "3", "retry"]]));
    let error = fixture.rows(TAB, &["error", "payload"]).await;
    assert_eq!(error[5], error[4], "the answer repeats the failure with its record");
}

#[tokio::test(start_paused = true)]
async fn a_recovered_failure_is_not_answered() {
    let fixture = FailureFixture { max_attempts: 9, ..FailureFixture::new() };
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    fixture.run_items(&[make_good_item("a"), make_bad_item("b")]).await;
    let rows = fixture.failure_rows().await;
    fixture.type_into_failure(0, "action", "thanks").await;
    fixture.run_items(&[make_good_item("a"), make_bad_item("b")]).await;
    assert_eq!(fixture.failure_rows().await, rows);
}

#[tokio::test(start_paused = true)]
async fn an_open_failure_is_answered_and_retried_from_its_record() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_good_item("b")]).await;
    fixture.type_into_failure(0, "action", "?").await;
    let report = fixture.run_items(&[make_good_item("b")]).await;
    assert_eq!((report.run.counts.failed, report.open_failures), (1, 1));
    assert_eq!(fixture.failure_rows().await[1..], to_rows(&[["a", "open", "1", NOT_UNDERSTOOD]]));
    fixture.run_items(&[make_good_item("b")]).await;
    assert_eq!(
        fixture.failure_rows().await[2..],
        to_rows(&[["a", "dead", "3", ""]]),
        "the attempt after the answer counts"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_failure_is_retried_on_request_or_as_a_new_version() {
    let fixture = FailureFixture { max_attempts: 1, ..FailureFixture::new() };
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    assert_eq!(fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await.run.counts.failed, 0);
    fixture.type_into_failure(0, "action", "retry").await;
    let report = fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    assert_eq!(
        (report.run.counts.failed, fixture.failure_rows().await[2].clone()),
        (1, to_rows(&[["a", "dead", "2", "retry"]])[0].clone())
    );
    let open = FailureFixture::new();
    open.run_items(&[json!({"n": 1})]).await;
    open.type_into_failure(0, "payload", &make_good_item("now it has one").to_string()).await;
    let report = open.run_items(&[json!({"n": 1})]).await;
    assert_eq!((report.run.counts.recovered, report.run.counts.failed, report.open_failures), (1, 0, 0));
    assert_eq!(
        open.run_items(&[json!({"n": 1})]).await.run.counts.failed,
        0,
        "the source may yield the bad record for ever"
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_of_mind_while_a_run_answers_is_answered_by_the_next() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a")]).await;
    fixture.type_into_failure(0, "action", "retry").await;
    fixture.run_items(&[make_bad_item("a")]).await;
    fixture.type_into_failure(0, "action", "skip").await;
    fixture.run_items(&[make_bad_item("a")]).await;
    let rows = fixture.failure_rows().await;
    assert_eq!(rows[1..], to_rows(&[["a", "open", "2", "retry"], ["a", "skipped", "2", "skip"]]));
    fixture.run_items(&[make_bad_item("a")]).await;
    assert_eq!(fixture.failure_rows().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn failures_may_be_sorted_and_their_columns_moved() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    fixture.type_into_failure(1, "action", "skip").await;
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    fixture.proxy.reverse_rows(TAB).await;
    fixture.proxy.move_column(TAB, 0, 9).await;
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    let report = fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    assert_eq!(
        (report.exhausted_failures, report.run.counts.skipped),
        (1, 2),
        "a has failed in three runs, b is left alone"
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_or_skipped_by_name() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a"), make_bad_item("b")]).await;
    let report = fixture
        .run(RunScope::Selected(vec![make_key("a")], RequestedAction::Skip), &[])
        .await
        .expect("a run that ends");
    assert_eq!((report.run.counts.read, report.run.counts.skipped), (1, 1));
    let report = fixture
        .run(RunScope::Selected(vec![make_key("b")], RequestedAction::Retry), &[])
        .await
        .expect("a run that ends");
    assert_eq!((report.run.counts.read, report.run.counts.failed), (1, 1));
    let rows = fixture.failure_rows().await;
    assert_eq!(rows[2..], to_rows(&[["a", "skipped", "1", "skip"], ["b", "open", "2", "retry"]]));
    let error = fixture
        .run(RunScope::Selected(vec![make_key("zzz")], RequestedAction::Retry), &[])
        .await
        .expect_err("no such failure");
    assert!(matches!(error, RunError::NoFailure { .. }) && error.to_string().contains("\"zzz\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failures_tab_without_marks_of_records_is_continued() {
    let fixture = FailureFixture::new();
    fixture.run_items(&[make_bad_item("a")]).await;
    let header = fixture.proxy.tab_rows(TAB).await.swap_remove(0);
    let at = header.iter().position(|cell| cell == "payload_hash").expect("a column");
    fixture.proxy.type_text(TAB, 0, at, "").await;
    let report = fixture.run_items(&[make_good_item("a"), make_bad_item("b")]).await;
    assert_eq!((report.run.counts.recovered, report.run.counts.failed), (1, 1));
    assert_eq!(fixture.failure_rows().await.len(), 3);
}
