//! Sources that return to an earlier version, users who sort and delete rows in the machine tabs,
//! and users who correct records. The sheet shows the source's state, and no program runs
//! needlessly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::items::key::{Key, Version, make_idempotency_key};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::RowAge;
use sheetkeep::port::store::Store as _;

use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::time::Timestamp;

use crate::job_fixture::{JobFixture, row_unless_bad};

const TABS: [&str; 2] = ["Processed j", "Failures j"];

/// A job whose program records the idempotency keys that it was called with.
struct Shop {
    fixture: JobFixture,
    max_attempts: u64,
    called: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn new(mode: WriteMode, again: ReprocessPolicy, max_rows: usize) -> Self {
        let fixture = JobFixture { max_rows, ..JobFixture::new(mode, again, 0) };
        Self { fixture, max_attempts: 1_000, called: Arc::default() }
    }

    async fn run(&self, scope: RunScope, items: &[Value]) -> RunReport {
        let called = Arc::clone(&self.called);
        let mut job = self.fixture.job_on(&self.fixture.clock, scope).outside_step(move |value, context| {
            called.lock().expect("no thread panics while it holds it").push(context.idempotency_key.clone());
            row_unless_bad(value, json!({"id": value["id"], "text": value["text"]}))
        });
        job.plan.max_attempts = self.max_attempts;
        self.fixture.run_job(&job, self.fixture.store(job.seed), items).await.expect("a run")
    }

    async fn usual(&self, items: &[Value]) -> RunReport {
        self.run(RunScope::Default, items).await
    }

    /// Returns the keys that programs were called with since the last call.
    fn called(&self) -> Vec<String> {
        std::mem::take(&mut *self.called.lock().expect("no thread panics while it holds it"))
    }

    async fn texts(&self) -> Vec<String> {
        self.fixture.column("Data", "text").await
    }

    /// Corrects, as the user, the record in the nth row of Failures, from 0.
    async fn correct(&self, nth: usize, record: &Value) {
        let at = self.fixture.proxy.tab("Failures j").await[0]
            .iter()
            .position(|name| name == "payload")
            .expect("it is there");
        self.fixture.proxy.type_in("Failures j", nth + 1, at, &record.to_string()).await;
    }

    /// Deletes, as the user, the one row of a tab with these values in these columns.
    async fn delete_row(&self, title: &str, reads: &[(&str, &str)]) {
        let id = self.fixture.proxy.id_of(title).await;
        let rows = self.fixture.proxy.tab(title).await;
        let at = |name: &str| rows[0].iter().position(|cell| cell == name).expect("a column");
        let is_it =
            |row: &Vec<String>| reads.iter().all(|(name, text)| row.get(at(name)).is_some_and(|cell| cell == text));
        let row = rows.iter().position(is_it).expect("a row");
        let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
        self.fixture.proxy.hands(json!([{"deleteDimension": {"range": range}}])).await;
    }

    /// Types, as the user, this row of Processed over the one with these values, or below all rows.
    async fn type_row(&self, over: &[(&str, &str)], texts: [&str; 4]) {
        let rows = self.fixture.proxy.tab("Processed j").await;
        let at = |name: &str| rows[0].iter().position(|cell| cell == name).expect("a column");
        let is_it =
            |row: &Vec<String>| over.iter().all(|(name, text)| row.get(at(name)).is_some_and(|cell| cell == text));
        let below = rows.iter().rposition(|row| row.iter().any(|cell| !cell.is_empty())).expect("a header") + 1;
        let row = if over.is_empty() { below } else { rows.iter().position(is_it).expect("a row") };
        for (column, text) in ["key", "version", "state", "run"].iter().zip(texts) {
            self.fixture.proxy.type_in("Processed j", row, at(column), text).await;
        }
    }

    /// Deletes obsolete rows, but no keys.
    async fn prune(&self) {
        let age = RowAge { before: Timestamp(self.fixture.clock.now().0 - 3_600_000), deletes_keys: false };
        let (found, prepared) = self.fixture.prunable(age).await;
        assert!(found.settled_rows > 0);
        self.fixture.run(&[], RunScope::None, Some(prepared)).await.expect("a run");
    }

    /// Returns whether a scan of the sheet finds manual edits of Processed, as fsck does.
    async fn edited(&self) -> bool {
        let loaded = self.fixture.store(7).load().await.expect("a load").snapshot.expect("it has run");
        loaded.stored_checksum != loaded.state.processed || !loaded.state.keys_to_reprocess.is_empty()
    }

    /// Runs as usual. Returns the report and its notes.
    async fn run_with_notes(&self, items: &[Value]) -> (RunReport, Vec<String>) {
        let loaded = self.fixture.store(7).load().await.expect("a load").snapshot.expect("it has run");
        let notes = loaded.anomalies.into_iter().map(|anomaly| anomaly.message).collect();
        (self.usual(items).await, notes)
    }
}

fn item(version: &str) -> Value {
    json!({"id": "a", "v": version, "text": format!("text {version}")})
}

fn bad(version: &str) -> Value {
    json!({"id": "a", "v": version, "bad": "it is bad"})
}

/// All combinations of write mode and reprocess policy, except appending each version once.
const ORDERED: [(WriteMode, ReprocessPolicy); 4] = [
    (WriteMode::Upsert, ReprocessPolicy::OnChange),
    (WriteMode::Upsert, ReprocessPolicy::OnNewer),
    (WriteMode::Append, ReprocessPolicy::OnChange),
    (WriteMode::Append, ReprocessPolicy::OnNewer),
];

#[tokio::test(start_paused = true)]
async fn a_corrected_record_beside_the_sources_own_survives_sorting() {
    for (mode, again) in
        [(WriteMode::Append, ReprocessPolicy::EachVersion), ORDERED[0], ORDERED[1], ORDERED[2], ORDERED[3]]
    {
        for max_rows in [1, 10] {
            for (corrected, own) in [("1", "2"), ("2", "1"), ("2", "2"), ("1", "1"), ("2", "3"), ("3", "2")] {
                for tabs in [&TABS[..0], &TABS[..1], &TABS[1..], &TABS[..]] {
                    let case = format!("{mode:?} {again:?} {max_rows} {corrected} {own} {tabs:?}");
                    let shop = Shop::new(mode, again, max_rows);
                    shop.usual(&[bad("1")]).await;
                    shop.correct(0, &item(corrected)).await;
                    // In one run, and in one commit if a commit may have many rows: the corrected
                    // record, then the source's.
                    shop.usual(&[item(own)]).await;
                    let texts = shop.texts().await;
                    shop.called();
                    for nth in 0..3 {
                        for tab in tabs {
                            shop.fixture.proxy.sort_upside_down(tab).await;
                        }
                        let report = shop.usual(&[item(own)]).await;
                        assert_eq!(shop.called(), [""; 0], "{case} {nth}");
                        assert_eq!((report.run.counts.new, report.open_failures), (0, 0), "{case} {nth}");
                        assert_eq!(shop.texts().await, texts, "{case} {nth}");
                    }
                    // The bad record may recur for as long as its version counts.
                    if again == ReprocessPolicy::EachVersion || corrected == own {
                        shop.usual(&[bad("1")]).await;
                        assert_eq!(shop.called(), [""; 0], "{case}: what was corrected stays done");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_over_when_its_source_goes_back() {
    for (mode, again) in ORDERED {
        for state in ["open", "dead"] {
            let case = format!("{mode:?} {again:?} {state}");
            let shop = Shop { max_attempts: if state == "dead" { 1 } else { 5 }, ..Shop::new(mode, again, 10) };
            shop.usual(&[item("1")]).await;
            shop.usual(&[bad("2")]).await;
            let report = shop.usual(&[item("1")]).await;
            assert_eq!((report.open_failures, report.run.counts.new, report.run.counts.failed), (0, 0, 0), "{case}");
            let states = shop.fixture.column("Failures j", "state").await;
            let errors = shop.fixture.column("Failures j", "error").await;
            assert_eq!(states, [state, "recovered"], "{case}");
            assert_eq!(errors[1], "over: the source is back at version \"1\", which is done", "{case}");
            shop.called();
            shop.run(RunScope::FailuresOnly, &[item("1")]).await;
            shop.usual(&[item("1")]).await;
            assert_eq!((shop.called(), shop.texts().await), (vec![], vec!["text 1".to_owned()]), "{case}");
            // The version may recur, and is tried again.
            let report = shop.usual(&[item("2")]).await;
            assert_eq!((report.run.counts.new, report.open_failures), (1, 0), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_writes_nothing_over_a_source_that_went_back() {
    for (mode, again) in ORDERED {
        let shop = Shop::new(mode, again, 10);
        shop.usual(&[item("1")]).await;
        shop.usual(&[bad("2")]).await;
        shop.correct(0, &bad("2")).await;
        shop.called();
        let report = shop.run(RunScope::FailuresOnly, &[item("1")]).await;
        assert_eq!((report.open_failures, shop.called()), (0, vec![]), "{mode:?} {again:?}");
        assert_eq!(shop.texts().await, ["text 1"], "{mode:?} {again:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_back_has_an_idempotency_key_of_its_own() {
    for mode in [WriteMode::Upsert, WriteMode::Append] {
        let shop = Shop::new(mode, ReprocessPolicy::OnChange, 10);
        let mut seen = Vec::new();
        for version in ["1", "2", "1", "2", "1", "3", "3", "1"] {
            shop.usual(&[item(version)]).await;
            for tab in TABS {
                shop.fixture.proxy.sort_upside_down(tab).await;
            }
            seen.extend(shop.called());
        }
        assert_eq!(seen.len(), 7, "an unchanged source changes nothing");
        assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), 7, "{seen:?}");
        // The first times do not change.
        let first = |version: &str| {
            let (key, version) = (Key::new("a").expect("a key"), Version(version.to_owned()));
            make_idempotency_key(crate::front::ID, "j", "does", &key, &version)
        };
        assert_eq!([&seen[0], &seen[1], &seen[5]], [&first("1"), &first("2"), &first("3")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_change_tried_again_has_the_same_key() {
    let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        shop.usual(&[item(version)]).await;
    }
    shop.called();
    // The service loses what a run writes, so that other machines and later runs try it again.
    let back = [json!({"id": "a", "v": "1", "text": "text 1", "bad": "not yet"})];
    shop.usual(&back).await;
    shop.usual(&back).await;
    shop.fixture.proxy.sort_upside_down("Processed j").await;
    shop.usual(&[item("1")]).await;
    let tried = shop.called();
    assert_eq!((tried.len(), &tried[0], &tried[1]), (3, &tried[1], &tried[2]));
    let report = shop.usual(&[item("1")]).await;
    assert_eq!((report.run.counts.new, report.open_failures), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn rows_that_prune_took_out_give_no_key_away_again() {
    let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        shop.usual(&[item(version)]).await;
    }
    shop.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
    shop.prune().await;
    assert_eq!(shop.fixture.column("Processed j", "version").await, ["2"]);
    shop.usual(&[item("1")]).await;
    let called = shop.called();
    assert_eq!(called.len(), 3);
    assert_ne!(called[0], called[2], "version 1 came before");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_goes_back_after_a_row_was_deleted_is_followed() {
    for (mode, again) in ORDERED {
        for gone in ["1", "2"] {
            for sorted in [false, true] {
                let case = format!("{mode:?} {again:?}, version {gone} deleted, sorted: {sorted}");
                let shop = Shop::new(mode, again, 10);
                let beside = json!({"id": "b", "v": "1", "text": "beside"});
                for version in ["1", "2"] {
                    shop.usual(&[item(version), beside.clone()]).await;
                }
                if sorted {
                    shop.fixture.proxy.sort_upside_down("Processed j").await;
                }
                shop.delete_row("Processed j", &[("key", "a"), ("version", gone)]).await;
                let before = shop.called();
                assert!(shop.edited().await, "{case}: fsck sees it");
                // A run whose source does not yield the item keeps the failure, and reports it.
                let (report, notes) = shop.run_with_notes(std::slice::from_ref(&beside)).await;
                assert_eq!(report.run.counts.new, 0, "{case}");
                assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
                assert!(shop.edited().await, "{case}: fsck sees it until it is done");
                let mut back = "1";
                if again == ReprocessPolicy::OnNewer && gone == "1" {
                    // The remaining row is of a newer version.
                    assert_eq!(shop.usual(&[item(back), beside.clone()]).await.run.counts.new, 0, "{case}");
                    back = "2";
                }
                let report = shop.usual(&[item(back), beside.clone()]).await;
                assert_eq!(report.run.counts.new, 1, "{case}");
                let (texts, shown) = (shop.texts().await, format!("text {back}"));
                match mode {
                    WriteMode::Upsert => assert_eq!(texts, [&shown, "beside"], "{case}"),
                    WriteMode::Append => assert_eq!(texts, ["text 1", "beside", "text 2", &shown], "{case}"),
                }
                let called = shop.called();
                assert_eq!(called.len(), 1, "{case}");
                assert!(!before.contains(&called[0]), "{case}: a service has seen this key");
                assert!(!shop.edited().await, "{case}: all is well again");
                assert_eq!(shop.usual(&[item(back), beside.clone()]).await.run.counts.new, 0, "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_version_once_is_left_alone_when_rows_are_deleted() {
    let shop = Shop::new(WriteMode::Append, ReprocessPolicy::EachVersion, 10);
    for version in ["1", "2"] {
        shop.usual(&[item(version)]).await;
    }
    shop.delete_row("Processed j", &[("version", "2")]).await;
    assert_eq!(shop.usual(&[item("1")]).await.run.counts.new, 0, "its row is there");
    assert_eq!(shop.usual(&[item("2")]).await.run.counts.new, 1);
}

#[tokio::test(start_paused = true)]
async fn many_deleted_rows_are_identified_or_reported() {
    for (newer, whole) in [(3, 40), (20, 0)] {
        let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 1_000);
        let items = |version: &str| -> Vec<Value> {
            (0..60).map(|n| json!({"id": format!("k{n}"), "v": version, "text": version})).collect()
        };
        shop.usual(&items("1")).await;
        shop.usual(&items("2")[..newer]).await;
        for n in 0..newer {
            shop.delete_row("Processed j", &[("key", &format!("k{n}")), ("version", "2")]).await;
        }
        for n in 60 - whole..60 {
            shop.delete_row("Processed j", &[("key", &format!("k{n}"))]).await;
        }
        let (report, notes) = shop.run_with_notes(&items("1")).await;
        let case = format!("{newer} {whole}: {notes:?}");
        if whole > 0 {
            assert_eq!(report.run.counts.new, (newer + whole) as u64, "{case}");
            assert_eq!(shop.texts().await, ["1"; 60], "{case}");
            assert!(!shop.edited().await, "{case}");
        } else {
            // Too many: what can't be repaired is reported, and again by each later run.
            assert!(
                notes.iter().any(|note| note.contains("20 rows were deleted") && note.contains("--force")),
                "{case}"
            );
            assert!(shop.edited().await, "{case}");
            let (_, notes) = shop.run_with_notes(&items("1")).await;
            assert!(notes.iter().any(|note| note.contains("--force")), "{notes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_people_type_into_processed_count_as_they_stand() {
    let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    shop.usual(&[item("1")]).await;
    for (column, text) in ["b", "1", "done", "typed"].iter().enumerate() {
        shop.fixture.proxy.type_in("Processed j", 2, column, text).await;
    }
    let beside = json!({"id": "b", "v": "1", "text": "beside"});
    assert_eq!(shop.usual(&[item("1"), beside]).await.run.counts.new, 0);
}

fn other(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "text": format!("{id} {version}")})
}

#[tokio::test(start_paused = true)]
async fn typed_rows_do_not_hide_a_deleted_one() {
    for (mode, again) in ORDERED {
        for typed in [1, 2, 9, 30] {
            let case = format!("{mode:?} {again:?}, {typed} typed in");
            let shop = Shop::new(mode, again, 10);
            for version in ["1", "2"] {
                shop.usual(&[item(version)]).await;
            }
            shop.delete_row("Processed j", &[("key", "a"), ("version", "2")]).await;
            for n in 0..typed {
                shop.type_row(&[], [&format!("x{n}"), "1", "done", "me"]).await;
            }
            let back = [item("1"), other("x0", "1")];
            let (report, notes) = shop.run_with_notes(&back).await;
            assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
            assert_eq!(report.run.counts.new, 1, "{case}: the key that has lost a row, and not the typed one");
            assert_eq!(shop.texts().await.last().map(String::as_str), Some("text 1"), "{case}");
            assert!(!shop.edited().await, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_typed_over_a_row_of_another_is_not_done() {
    for (mode, again) in ORDERED {
        let case = format!("{mode:?} {again:?}");
        let shop = Shop::new(mode, again, 10);
        for version in ["1", "2"] {
            shop.usual(&[item(version)]).await;
        }
        shop.type_row(&[("key", "a"), ("version", "2")], ["x", "1", "done", ""]).await;
        let (report, notes) = shop.run_with_notes(&[other("x", "1")]).await;
        assert_eq!(report.run.counts.new, 0, "{case}: she has typed that it is done");
        assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{case}: {notes:?}");
        let report = shop.usual(&[item("2"), other("x", "1")]).await;
        assert_eq!(report.run.counts.new, 1, "{case}: the key over whose row she typed");
    }
}

#[tokio::test(start_paused = true)]
async fn many_rows_typed_in_alone_are_no_deletion() {
    for typed in [1, 11, 40] {
        let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
        shop.usual(&[item("1")]).await;
        for n in 0..typed {
            shop.type_row(&[], [&format!("x{n}"), "1", "done", ""]).await;
        }
        let (report, notes) = shop.run_with_notes(&[item("1"), other("x0", "1")]).await;
        assert_eq!(report.run.counts.new, 0);
        assert!(!notes.iter().any(|note| note.contains("deleted")), "{typed}: {notes:?}");
        assert!(!shop.edited().await, "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_deleted_after_prune_is_noticed() {
    for again in [ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer] {
        let shop = Shop::new(WriteMode::Upsert, again, 10);
        shop.usual(&[item("1"), other("b", "1")]).await;
        shop.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        for version in ["2", "3"] {
            shop.usual(&[item(version), other("b", "2")]).await;
        }
        shop.prune().await;
        shop.delete_row("Processed j", &[("key", "a"), ("version", "3")]).await;
        let (report, notes) = shop.run_with_notes(&[item("2"), other("b", "2")]).await;
        assert!(notes.iter().any(|note| note.contains("a row of 1 key was deleted")), "{again:?}: {notes:?}");
        assert!(!notes.iter().any(|note| note.contains("too many")), "{again:?}: {notes:?}");
        assert_eq!((report.run.counts.new, shop.edited().await), (1, false), "{again:?}");
        assert_eq!(shop.texts().await[0], "text 2", "{again:?}");
    }
}

/// Returns an item of this key that a program can't process in this version.
fn bad_other(id: &str, version: &str) -> Value {
    json!({"id": id, "v": version, "bad": "not yet"})
}

#[tokio::test(start_paused = true)]
async fn prune_changes_no_key_of_what_is_tried_again() {
    for (versions, to) in [(&["1"][..], "2"), (&["1", "2"], "3"), (&["1", "2"], "1"), (&["1", "2", "1"], "2")] {
        let case = format!("{versions:?}, then {to}");
        let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
        for (at, version) in versions.iter().enumerate() {
            shop.usual(&[item(version), other("b", &format!("{at}")), other("c", "1")]).await;
        }
        shop.usual(&[item(versions.last().expect("one")), other("b", "9"), other("c", "1")]).await;
        shop.fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        shop.called();
        let failing = [bad_other("a", to), other("b", "9"), other("c", "1")];
        shop.usual(&failing).await;
        shop.prune().await;
        shop.usual(&failing).await;
        shop.usual(&[item(to), other("b", "9"), other("c", "1")]).await;
        let called = shop.called();
        assert_eq!((called.len(), &called[0], &called[1]), (3, &called[1], &called[2]), "{case}");
        // A key that has lost no row and has no failure: its next version is a first time.
        shop.usual(&[item(to), other("b", "9"), other("c", "2")]).await;
        let first = make_idempotency_key(
            crate::front::ID,
            "j",
            "does",
            &Key::new("c").expect("a key"),
            &Version("2".to_owned()),
        );
        assert_eq!(shop.called(), [first], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_run_that_sees_a_deletion_gives_the_keys_of_the_next() {
    // Deletions of rows whose keys are known, and too many of them.
    for many in [1, 20] {
        let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 1_000);
        let keys: Vec<String> = (0..many).map(|n| format!("k{n}")).collect();
        let of = |version: &str| keys.iter().map(|key| other(key, version)).collect::<Vec<_>>();
        shop.usual(&[of("1"), vec![item("1")]].concat()).await;
        shop.usual(&[of("2"), vec![item("1")]].concat()).await;
        for key in &keys {
            shop.delete_row("Processed j", &[("key", key), ("version", "2")]).await;
        }
        shop.called();
        for _ in 0..2 {
            shop.usual(&[bad_other("a", "2"), bad_other("k0", "3")]).await;
        }
        shop.usual(&[item("2"), other("k0", "3")]).await;
        let called = shop.called();
        assert_eq!(called.len(), 6, "{many}");
        for of_key in [[0, 2, 4], [1, 3, 5]] {
            assert!(of_key.iter().all(|at| called[*at] == called[of_key[0]]), "{many}: {called:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_row_was_deleted_has_another_key() {
    let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        shop.usual(&[item(version)]).await;
    }
    shop.delete_row("Processed j", &[("version", "2")]).await;
    for version in ["1", "2"] {
        shop.usual(&[item(version)]).await;
    }
    let called = shop.called();
    assert_eq!(called.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn a_total_in_the_data_tab_hides_no_deleted_row() {
    let shop = Shop::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 10);
    for version in ["1", "2"] {
        shop.usual(&[item(version), other("b", "1")]).await;
    }
    // The state as an earlier version of sheetkeep wrote it.
    let (_, metadata) =
        shop.fixture.proxy.ask(hyper::Method::GET, "", "fields=sheets.properties.title", Value::Null).await;
    let titles = metadata["sheets"].as_array().expect("tabs").iter().map(|tab| &tab["properties"]["title"]);
    let title = titles.filter_map(Value::as_str).find(|title| title.starts_with("sheetkeep ")).expect("the state");
    let fields = shop.fixture.proxy.tab(title).await;
    let at = fields.iter().position(|row| row.first().is_some_and(|name| name == "processed keys")).expect("the sums");
    shop.fixture.proxy.type_in(title, at, 1, "").await;
    shop.fixture.proxy.type_in("Data", 4, 0, "Total").await;
    shop.delete_row("Processed j", &[("key", "a"), ("version", "2")]).await;
    let (_, notes) = shop.run_with_notes(&[item("1"), other("b", "1")]).await;
    assert!(notes.iter().any(|note| note.contains("1 rows were deleted or changed")), "{notes:?}");
}
