//! Sources that return to an earlier version, users who sort and delete rows in the machine tabs,
//! and users who correct records. The sheet shows the source's state, and no program runs
//! needlessly.

mod idempotency_keys;

mod processed_edits;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::RowAge;
use sheetkeep::port::store::Store as _;

use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::time::Timestamp;

use crate::job_fixture::{JobFixture, row_unless_bad};

const TABS: [&str; 2] = ["Processed j", "Failures j"];

/// A job whose program records the idempotency keys that it was called with.
struct IdempotentJob {
    fixture: JobFixture,
    max_attempts: u64,
    called_keys: Arc<Mutex<Vec<String>>>,
}

impl IdempotentJob {
    fn new(mode: WriteMode, policy: ReprocessPolicy, max_rows: usize) -> Self {
        let fixture = JobFixture { max_rows, ..JobFixture::new(mode, policy, 0) };
        Self { fixture, max_attempts: 1_000, called_keys: Arc::default() }
    }

    async fn run(&self, retrying: RunScope, items: &[Value]) -> RunReport {
        let called_keys = Arc::clone(&self.called_keys);
        let mut run = self.fixture.job_on(&self.fixture.clock, retrying).with_outside_step(move |value, context| {
            called_keys.lock().expect("no thread panics while it holds it").push(context.idempotency_key.clone());
            row_unless_bad(value, json!({"id": value["id"], "text": value["text"]}))
        });
        run.plan.max_attempts = self.max_attempts;
        self.fixture.run_job(&run, self.fixture.store(run.seed), items).await.expect("a run")
    }

    async fn run_items(&self, items: &[Value]) -> RunReport {
        self.run(RunScope::Default, items).await
    }

    /// Returns the keys that programs were called with since the last call.
    fn take_called_keys(&self) -> Vec<String> {
        std::mem::take(&mut *self.called_keys.lock().expect("no thread panics while it holds it"))
    }

    async fn data_texts(&self) -> Vec<String> {
        self.fixture.column("Data", "text").await
    }

    /// Corrects, as the user, the record in the nth row of Failures, from 0.
    async fn correct_record(&self, nth: usize, record: &Value) {
        let at = self.fixture.proxy.tab_rows("Failures j").await[0]
            .iter()
            .position(|name| name == "payload")
            .expect("it is there");
        self.fixture.proxy.type_text("Failures j", nth + 1, at, &record.to_string()).await;
    }

    /// Deletes, as the user, the one row of a tab with these values in these columns.
    async fn delete_row(&self, title: &str, reads: &[(&str, &str)]) {
        let id = self.fixture.proxy.tab_id(title).await;
        let rows = self.fixture.proxy.tab_rows(title).await;
        let at = |name: &str| rows[0].iter().position(|cell| cell == name).expect("a column");
        let is_it =
            |row: &Vec<String>| reads.iter().all(|(name, text)| row.get(at(name)).is_some_and(|cell| cell == text));
        let row = rows.iter().position(is_it).expect("a row");
        let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
        self.fixture.proxy.edit_sheet(json!([{"deleteDimension": {"range": range}}])).await;
    }

    /// Types, as the user, this row of Processed over the one with these values, or below all rows.
    async fn type_processed_row(&self, over: &[(&str, &str)], texts: [&str; 4]) {
        let rows = self.fixture.proxy.tab_rows("Processed j").await;
        let at = |name: &str| rows[0].iter().position(|cell| cell == name).expect("a column");
        let is_it =
            |row: &Vec<String>| over.iter().all(|(name, text)| row.get(at(name)).is_some_and(|cell| cell == text));
        let below = rows.iter().rposition(|row| row.iter().any(|cell| !cell.is_empty())).expect("a header") + 1;
        let row = if over.is_empty() { below } else { rows.iter().position(is_it).expect("a row") };
        for (column, text) in ["key", "version", "state", "run"].iter().zip(texts) {
            self.fixture.proxy.type_text("Processed j", row, at(column), text).await;
        }
    }

    /// Deletes obsolete rows, but no keys.
    async fn prune(&self) {
        let age = RowAge { before: Timestamp(self.fixture.clock.now().0 - 3_600_000), deletes_keys: false };
        let (found, prepared) = self.fixture.find_prunable(age).await;
        assert!(found.settled_rows > 0);
        self.fixture.run(&[], RunScope::None, Some(prepared)).await.expect("a run");
    }

    /// Returns whether a scan of the sheet finds manual edits of Processed, as fsck does.
    async fn has_manual_edits(&self) -> bool {
        let loaded = self.fixture.store(7).load().await.expect("a load").snapshot.expect("it has run");
        loaded.stored_checksum != loaded.state.processed || !loaded.state.keys_to_reprocess.is_empty()
    }

    /// Runs as usual. Returns the report and its notes.
    async fn run_with_anomalies(&self, items: &[Value]) -> (RunReport, Vec<String>) {
        let loaded = self.fixture.store(7).load().await.expect("a load").snapshot.expect("it has run");
        let notes = loaded.anomalies.into_iter().map(|anomaly| anomaly.message).collect();
        (self.run_items(items).await, notes)
    }
}

fn make_item(version: &str) -> Value {
    json!({"id": "a", "v": version, "text": format!("text {version}")})
}

fn make_item_with_id(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "text": format!("{id} {version}")})
}

fn make_bad_item(version: &str) -> Value {
    json!({"id": "a", "v": version, "bad": "it is bad"})
}

/// All combinations of write mode and reprocess policy, except appending each version once.
const MODES_WITH_ONE_VERSION: [(WriteMode, ReprocessPolicy); 4] = [
    (WriteMode::Upsert, ReprocessPolicy::OnChange),
    (WriteMode::Upsert, ReprocessPolicy::OnNewer),
    (WriteMode::Append, ReprocessPolicy::OnChange),
    (WriteMode::Append, ReprocessPolicy::OnNewer),
];

#[tokio::test(start_paused = true)]
async fn a_corrected_record_beside_the_sources_own_survives_sorting() {
    for (mode, policy) in [
        (WriteMode::Append, ReprocessPolicy::EachVersion),
        MODES_WITH_ONE_VERSION[0],
        MODES_WITH_ONE_VERSION[1],
        MODES_WITH_ONE_VERSION[2],
        MODES_WITH_ONE_VERSION[3],
    ] {
        for max_rows in [1, 10] {
            for (corrected, own) in [("1", "2"), ("2", "1"), ("2", "2"), ("1", "1"), ("2", "3"), ("3", "2")] {
                for tabs in [&TABS[..0], &TABS[..1], &TABS[1..], &TABS[..]] {
                    let case = format!("{mode:?} {policy:?} {max_rows} {corrected} {own} {tabs:?}");
                    let job = IdempotentJob::new(mode, policy, max_rows);
                    job.run_items(&[make_bad_item("1")]).await;
                    job.correct_record(0, &make_item(corrected)).await;
                    // In one run, and in one commit if a commit may have many rows: the corrected
                    // record, then the source's.
                    job.run_items(&[make_item(own)]).await;
                    let texts = job.data_texts().await;
                    job.take_called_keys();
                    for nth in 0..3 {
                        for tab in tabs {
                            job.fixture.proxy.reverse_rows(tab).await;
                        }
                        let report = job.run_items(&[make_item(own)]).await;
                        assert_eq!(job.take_called_keys(), [""; 0], "{case} {nth}");
                        assert_eq!((report.run.counts.new, report.open_failures), (0, 0), "{case} {nth}");
                        assert_eq!(job.data_texts().await, texts, "{case} {nth}");
                    }
                    // The bad record may recur for as long as its version counts.
                    if policy == ReprocessPolicy::EachVersion || corrected == own {
                        job.run_items(&[make_bad_item("1")]).await;
                        assert_eq!(job.take_called_keys(), [""; 0], "{case}: what was corrected stays done");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_over_when_its_source_goes_back() {
    for (mode, policy) in MODES_WITH_ONE_VERSION {
        for state in ["open", "dead"] {
            let case = format!("{mode:?} {policy:?} {state}");
            let job = IdempotentJob {
                max_attempts: if state == "dead" { 1 } else { 5 },
                ..IdempotentJob::new(mode, policy, 10)
            };
            job.run_items(&[make_item("1")]).await;
            job.run_items(&[make_bad_item("2")]).await;
            let report = job.run_items(&[make_item("1")]).await;
            assert_eq!((report.open_failures, report.run.counts.new, report.run.counts.failed), (0, 0, 0), "{case}");
            let states = job.fixture.column("Failures j", "state").await;
            let errors = job.fixture.column("Failures j", "error").await;
            assert_eq!(states, [state, "recovered"], "{case}");
            assert_eq!(errors[1], "over: the source is back at version \"1\", which is done", "{case}");
            job.take_called_keys();
            job.run(RunScope::FailuresOnly, &[make_item("1")]).await;
            job.run_items(&[make_item("1")]).await;
            assert_eq!((job.take_called_keys(), job.data_texts().await), (vec![], vec!["text 1".to_owned()]), "{case}");
            // The version may recur, and is tried again.
            let report = job.run_items(&[make_item("2")]).await;
            assert_eq!((report.run.counts.new, report.open_failures), (1, 0), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_writes_nothing_over_a_source_that_went_back() {
    for (mode, policy) in MODES_WITH_ONE_VERSION {
        let job = IdempotentJob::new(mode, policy, 10);
        job.run_items(&[make_item("1")]).await;
        job.run_items(&[make_bad_item("2")]).await;
        job.correct_record(0, &make_bad_item("2")).await;
        job.take_called_keys();
        let report = job.run(RunScope::FailuresOnly, &[make_item("1")]).await;
        assert_eq!((report.open_failures, job.take_called_keys()), (0, vec![]), "{mode:?} {policy:?}");
        assert_eq!(job.data_texts().await, ["text 1"], "{mode:?} {policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_goes_back_after_a_row_was_deleted_is_followed() {
    for (mode, policy) in MODES_WITH_ONE_VERSION {
        for gone in ["1", "2"] {
            for sorted in [false, true] {
                let case = format!("{mode:?} {policy:?}, version {gone} deleted, sorted: {sorted}");
                let job = IdempotentJob::new(mode, policy, 10);
                let beside = json!({"id": "b", "v": "1", "text": "beside"});
                for version in ["1", "2"] {
                    job.run_items(&[make_item(version), beside.clone()]).await;
                }
                if sorted {
                    job.fixture.proxy.reverse_rows("Processed j").await;
                }
                job.delete_row("Processed j", &[("key", "a"), ("version", gone)]).await;
                let before = job.take_called_keys();
                assert!(job.has_manual_edits().await, "{case}: fsck sees it");
                // A run whose source does not yield the item keeps the failure, and reports it.
                let (report, notes) = job.run_with_anomalies(std::slice::from_ref(&beside)).await;
                assert_eq!(report.run.counts.new, 0, "{case}");
                assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
                assert!(job.has_manual_edits().await, "{case}: fsck sees it until it is done");
                let mut back = "1";
                if policy == ReprocessPolicy::OnNewer && gone == "1" {
                    // The remaining row is of a newer version.
                    assert_eq!(job.run_items(&[make_item(back), beside.clone()]).await.run.counts.new, 0, "{case}");
                    back = "2";
                }
                let report = job.run_items(&[make_item(back), beside.clone()]).await;
                assert_eq!(report.run.counts.new, 1, "{case}");
                let (texts, shown) = (job.data_texts().await, format!("text {back}"));
                match mode {
                    WriteMode::Upsert => assert_eq!(texts, [&shown, "beside"], "{case}"),
                    WriteMode::Append => assert_eq!(texts, ["text 1", "beside", "text 2", &shown], "{case}"),
                }
                let called_keys = job.take_called_keys();
                assert_eq!(called_keys.len(), 1, "{case}");
                assert!(!before.contains(&called_keys[0]), "{case}: a service has seen this key");
                assert!(!job.has_manual_edits().await, "{case}: all is well again");
                assert_eq!(job.run_items(&[make_item(back), beside.clone()]).await.run.counts.new, 0, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_total_in_the_data_tab_hides_no_deleted_row() {
    let job = IdempotentJob::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        job.run_items(&[make_item(version), make_item_with_id("b", "1")]).await;
    }
    // The state as an earlier version of sheetkeep wrote it.
    let (_, metadata) =
        job.fixture.proxy.call(hyper::Method::GET, "", "fields=sheets.properties.title", Value::Null).await;
    let titles = metadata["sheets"].as_array().expect("tabs").iter().map(|tab| &tab["properties"]["title"]);
    let title = titles.filter_map(Value::as_str).find(|title| title.starts_with("sheetkeep ")).expect("the state");
    let fields = job.fixture.proxy.tab_rows(title).await;
    let at = fields.iter().position(|row| row.first().is_some_and(|name| name == "processed keys")).expect("the sums");
    job.fixture.proxy.type_text(title, at, 1, "").await;
    job.fixture.proxy.type_text("Data", 4, 0, "Total").await;
    job.delete_row("Processed j", &[("key", "a"), ("version", "2")]).await;
    let (_, notes) = job.run_with_anomalies(&[make_item("1"), make_item_with_id("b", "1")]).await;
    assert!(notes.iter().any(|note| note.contains("1 rows were deleted or changed")), "{notes:?}");
}
