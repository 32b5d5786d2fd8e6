//! What happens on the spreadsheet between two commits of one run: people's edits, other jobs,
//! other runners.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::port::store::{MisplacedWrites, Store};
use sheetkeep::port::store_layer::StoreLayer;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::spreadsheet::store::SheetsStore;

use crate::contract::commit_writer::{CommitWriter, make_done_changes};
use crate::contract::emulator_fixture::{EmulatorFixture, both_guards};
use crate::contract::store_fixture::{CommitLoss, StoreContents, StoreFixture};
use crate::test_job::{TestJob, ValueSource};

/// A store before whose n-th commit something happens.
pub struct InterruptedStore {
    inner: SheetsStore,
    commits: AtomicU32,
    nth: u32,
    interruption: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl StoreLayer for InterruptedStore {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            if self.commits.fetch_add(1, Ordering::Relaxed) == self.nth {
                let interruption = self.interruption.lock().expect("no thread panics while it holds it").take();
                if let Some(interruption) = interruption {
                    interruption.await;
                }
            }
            self.inner.commit(commit).await
        })
    }
}

fn make_items(count: u64) -> ValueSource {
    ValueSource::of((0..count).map(|n| json!({"id": format!("k{n}"), "n": n})))
}

fn make_job(fixture: &EmulatorFixture, seed: u64) -> TestJob {
    let mut job = TestJob::new(fixture.clock());
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

impl InterruptedStore {
    /// The store of the job, before whose n-th commit (from 0) this happens.
    pub fn at(fixture: &EmulatorFixture, nth: u32, interruption: BoxFuture<'static, ()>) -> Self {
        Self::over(fixture.store_of("j", "Data"), nth, interruption)
    }

    /// This store, before whose n-th commit (from 0) this happens.
    pub fn over(inner: SheetsStore, nth: u32, interruption: BoxFuture<'static, ()>) -> Self {
        Self { inner, commits: AtomicU32::new(0), nth, interruption: Mutex::new(Some(interruption)) }
    }
}

/// A run of twelve items, four a commit, before whose n-th commit (from 0) something happens.
async fn run_interrupted(
    fixture: &Arc<EmulatorFixture>,
    seed: u64,
    nth: u32,
    interruption: BoxFuture<'static, ()>,
) -> Result<RunReport, RunError> {
    make_job(fixture, seed).run(InterruptedStore::at(fixture, nth, interruption), make_items(12)).await
}

async fn make_fixture_after_run(behaviors: UnknownBehaviors, count: u64) -> Arc<EmulatorFixture> {
    let fixture = Arc::new(EmulatorFixture::new(behaviors, 9));
    make_job(&fixture, 1).run(fixture.store_of("j", "Data"), make_items(count)).await.expect("a clean run");
    fixture
}

async fn write_first_cell(fixture: &EmulatorFixture, title: &str, row: u32, text: &str) {
    let start = json!({"sheetId": fixture.tab_id(title).await, "rowIndex": row, "columnIndex": 0});
    let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
    fixture.edit_sheet(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}])).await;
}

/// A person's command within the lease of the active run.
pub async fn commit_user_command(fixture: &EmulatorFixture, keys: &[&str]) {
    let mut command = CommitWriter::open(fixture, "command").await;
    let state = command.chain.state().clone();
    let holder = state.lease.holder.clone().expect("a run is active");
    command.run = state.run.clone().expect("a run is active");
    let snapshot = command.store.load().await.expect("it can be read").snapshot;
    command.chain = sheetkeep::ledger::commit::commit_chain::CommitChain::new(snapshot.as_ref(), state, holder);
    let snapshot = snapshot.expect("the job exists");
    command.chain.on_reload(&snapshot).expect("it is of the same term");
    let changes = if keys.is_empty() { Changes::default() } else { make_done_changes(&command, keys) };
    command.put(changes).await;
}

async fn read_keys(fixture: &EmulatorFixture) -> Vec<String> {
    StoreContents::sorted(&fixture.contents().await.data, "id")
}

#[tokio::test(start_paused = true)]
async fn a_tab_renamed_or_sorted_during_a_run_does_not_matter() {
    for behaviors in both_guards() {
        for title in ["Data", "Processed j", "Failures j", "Runs"] {
            let fixture = make_fixture_after_run(behaviors, 2).await;
            let user = Arc::clone(&fixture);
            let interruption = Box::pin(async move {
                let tab = user.tab_id(title).await;
                let rename = json!({"properties": {"sheetId": tab, "title": "Renamed"}, "fields": "title"});
                let by = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
                let sort = json!({"range": {"sheetId": tab, "startRowIndex": 1}, "sortSpecs": by});
                user.edit_sheet(json!([{"updateSheetProperties": rename}, {"sortRange": sort}])).await;
            });
            let report =
                run_interrupted(&fixture, 2, 1, interruption).await.unwrap_or_else(|error| panic!("{title}: {error}"));
            assert_eq!(report.run.counts.new, 10);
            let data = fixture.rows(if title == "Data" { "Renamed" } else { "Data" }).await;
            assert_eq!(data.len(), 12, "{behaviors:?}, {title}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_a_person_in_the_middle_of_a_run_is_built_upon() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors, 2).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move { commit_user_command(&user, &["k7", "theirs"]).await });
        let report = run_interrupted(&fixture, 2, 1, interruption)
            .await
            .unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        let mut expected: Vec<String> = (0..12).map(|n| format!("k{n}")).chain(["theirs".to_owned()]).collect();
        expected.sort();
        assert_eq!(read_keys(&fixture).await, expected, "{behaviors:?}: {report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_finds_a_column_gone_stops_the_run() {
    for behaviors in both_guards() {
        let (title, column) = ("Processed j", "key");
        let fixture = make_fixture_after_run(behaviors, 6).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move {
            commit_user_command(&user, &[]).await;
            write_first_cell(&user, title, 0, "renamed").await;
        });
        let error = run_interrupted(&fixture, 2, 1, interruption).await.expect_err("it must stop");
        assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
        assert!(error.to_string().contains(&format!("\"{column}\"")), "{error}");
        write_first_cell(&fixture, title, 0, column).await;
        fixture.clock().sleep(Duration::from_secs(301)).await;
        make_job(&fixture, 3).run(fixture.store_of("j", "Data"), make_items(12)).await.expect("a clean run");
        assert_eq!(read_keys(&fixture).await.len(), 12, "{behaviors:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_continues_under_a_renamed_key_header() {
    for behaviors in both_guards() {
        let fixture = make_fixture_after_run(behaviors, 6).await;
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move {
            commit_user_command(&user, &[]).await;
            write_first_cell(&user, "Data", 0, "renamed").await;
        });
        run_interrupted(&fixture, 2, 1, interruption).await.expect("a clean run");
        let mut keys = StoreContents::column(&fixture.rows("Data").await, "renamed");
        keys.sort();
        assert_eq!(keys.len(), 12, "{behaviors:?}");
        keys.dedup();
        assert!(keys.len() == 12 && keys.iter().all(|key| key.starts_with('k')), "{behaviors:?}: {keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_deleted_in_the_middle_of_a_run_stops_it() {
    let [by_name, _] = both_guards();
    let fixture = make_fixture_after_run(by_name, 2).await;
    let user = Arc::clone(&fixture);
    let interruption = Box::pin(async move {
        let metadata = user.metadata().await;
        let id = &metadata["namedRanges"][0]["namedRangeId"];
        user.edit_sheet(json!([{"deleteNamedRange": {"namedRangeId": id}}])).await;
    });
    let error = run_interrupted(&fixture, 2, 1, interruption).await.expect_err("it must stop");
    assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
    assert!(error.to_string().contains("state marker is missing"), "{error}");
    assert_eq!(fixture.contents().await.data.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_tab_deleted_during_a_run_stops_it_and_rejects_no_item() {
    for behaviors in both_guards() {
        for title in ["Data", "Processed j"] {
            let fixture = make_fixture_after_run(behaviors, 2).await;
            let user = Arc::clone(&fixture);
            let interruption = Box::pin(async move {
                let tab = user.tab_id(title).await;
                user.edit_sheet(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            });
            let error = run_interrupted(&fixture, 2, 1, interruption).await.expect_err("it must stop");
            assert_eq!(error.fault(), Fault::Inconsistent, "{error}");
            assert!(error.to_string().contains(&format!("tab {title} is gone")), "{error}");
            assert_eq!(fixture.contents().await.failures.len(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_job_that_makes_runs_first_does_not_stop_an_init() {
    for behaviors in UnknownBehaviors::all() {
        let fixture = Arc::new(EmulatorFixture::new(behaviors, 4));
        let user = Arc::clone(&fixture);
        let interruption = Box::pin(async move {
            let requests: Value = json!([{"addSheet": {"properties": {"title": "Runs", "sheetId": 77, "gridProperties": {"rowCount": 9, "columnCount": 30}}}}]);
            user.edit_sheet(requests).await;
            let header =
                sheetkeep::ledger::rows::row_codec::RUNS.map(|name| json!({"userEnteredValue": {"stringValue": name}}));
            let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
            let rows = json!([{"values": header}]);
            user.edit_sheet(json!([{"updateCells": {"start": start, "rows": rows, "fields": "userEnteredValue"}}]))
                .await;
        });
        let report = run_interrupted(&fixture, 2, 0, interruption)
            .await
            .unwrap_or_else(|error| panic!("{behaviors:?}: {error}"));
        assert_eq!((report.run.counts.new, read_keys(&fixture).await.len()), (12, 12));
        assert_eq!(fixture.rows("Runs").await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_wakes_up_before_its_lease_is_claimed_keeps_it() {
    for behaviors in both_guards() {
        let fixture = Arc::new(EmulatorFixture::new(behaviors, 4));
        let mut sleeper = CommitWriter::open_initialized(&*fixture, "sleeper").await;
        sleeper.put(make_done_changes(&sleeper, &["s"])).await;
        fixture.clock().sleep(Duration::from_secs(301)).await;
        // The other loads a lease that is over; before its claim arrives, the holder commits and
        // renews.
        let wakes = Arc::new(tokio::sync::Mutex::new(sleeper));
        let waking = Arc::clone(&wakes);
        let interruption = Box::pin(async move {
            let mut sleeper = waking.lock().await;
            let changes = make_done_changes(&sleeper, &["t"]);
            sleeper.put(changes).await;
        });
        let mut job = make_job(&fixture, 2).on_other_machine();
        job.seed = 7;
        job.plan.accepts_changes = true;
        let store = InterruptedStore::at(&fixture, 0, interruption);
        let texts = ValueSource::of((0..3).map(|n| json!({"id": format!("k{n}"), "text": "x"})));
        let error = job.run(store, texts).await.expect_err("the lease is held");
        assert!(matches!(error, RunError::LeaseHeld { .. }), "{behaviors:?}: {error}");
        assert_eq!(read_keys(&fixture).await, ["s", "t"]);
    }
}

/// Whatever people do to the columns of Processed while a run appends to it, no key is done twice.
#[tokio::test(start_paused = true)]
async fn columns_of_processed_moved_during_a_run_double_nothing() {
    let columns = |tab: i64, start: u32, end: u32| json!({"sheetId": tab, "dimension": "COLUMNS", "startIndex": start, "endIndex": end});
    let moved = move |tab: i64, from: u32, to: u32| json!([{"moveDimension": {"source": columns(tab, from, from + 1), "destinationIndex": to}}]);
    for behaviors in both_guards() {
        for edit in 0..5 {
            let fixture = make_fixture_after_run(behaviors, 2).await;
            let user = Arc::clone(&fixture);
            let interruption = Box::pin(async move {
                let tab = user.tab_id("Processed j").await;
                let requests = match edit {
                    0 => json!([{"insertDimension": {"range": columns(tab, 0, 1)}}]),
                    1 => json!([{"insertDimension": {"range": columns(tab, 0, 5)}}]),
                    2 => moved(tab, 0, 2),
                    3 => moved(tab, 3, 0),
                    _ => moved(tab, 2, 0),
                };
                user.edit_sheet(requests).await;
            });
            run_interrupted(&fixture, 2, 1, interruption).await.expect("the run does not notice");
            for round in 0..2 {
                let job = make_job(&fixture, 3 + round);
                let report = job.run(fixture.store_of("j", "Data"), make_items(12)).await.expect("it continues");
                assert_eq!((report.run.counts.new, report.run.counts.skipped), (0, 12), "{behaviors:?} {edit}");
                let events = job.events.lock().expect("no thread panics while it holds it").clone();
                let is_reported = |event: &Event| {
                    matches!(event, Event::LastingAnomaly { message, is_known }
                        if message.contains("6 rows have their cells") && *is_known == (round > 0))
                };
                assert!(events.iter().any(is_reported), "{behaviors:?} {edit} {events:?}");
            }
            assert_eq!(read_keys(&fixture).await.len(), 12, "{behaviors:?} {edit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_name_that_differs_only_in_case_is_reported() {
    let fixture = make_fixture_after_run(UnknownBehaviors::default(), 2).await;
    let store = fixture.store_of("J", "Other");
    let error = store.load().await.expect_err("its tabs could not be made");
    assert!(error.to_string().contains("\"Processed J\" differs from it only in case"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_after_foreign_cleanup_is_left_to_that_run() {
    for behaviors in both_guards() {
        let fixture = EmulatorFixture::new(behaviors, 9);
        let mut first = CommitWriter::open_initialized(&fixture, "a").await;
        let changes = make_done_changes(&first, &["k"]);
        let last = first.draft_with_release(changes, true);
        fixture.lose_next_commit(CommitLoss::Answer);
        let reply = first.send(&last).await;
        assert!(matches!(reply, CommitResult::ResponseLost { .. }), "{behaviors:?}: {reply:?}");
        let head_status = first.store.read_head().await;
        assert!(
            matches!(head_status, Ok(HeadStatus::At { head, .. }) if head == last.to),
            "{behaviors:?}: {head_status:?}"
        );
        CommitWriter::open(&fixture, "b").await.put(Changes::default()).await;
        assert_eq!(first.store.misplaced_writes().await, Ok(MisplacedWrites::default()), "{behaviors:?}");
    }
}
