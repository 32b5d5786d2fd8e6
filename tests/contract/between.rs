//! What happens on the spreadsheet between two commits of one run: people's hands, other jobs,
//! other runners.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::fault::Fault as Kind;
use sheetkeep::ledger::commit::changes::{Changes, Commit, CommitResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::port::store::{MisplacedWrites, Store};
use sheetkeep::port::store_layer::StoreLayer;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::store::spreadsheet::store::SheetsStore;

use crate::contract::emulated::{Emulated, both};
use crate::contract::ground::{Contents, Loss, StoreFixture};
use crate::contract::writer::{Writer, all_done};
use crate::support::{Job, Values};

/// A store before whose n-th commit something happens.
pub struct InterruptedStore {
    inner: SheetsStore,
    commits: AtomicU32,
    nth: u32,
    meddling: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl StoreLayer for InterruptedStore {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            if self.commits.fetch_add(1, Ordering::Relaxed) == self.nth {
                let meddling = self.meddling.lock().expect("no thread panics while it holds it").take();
                if let Some(meddling) = meddling {
                    meddling.await;
                }
            }
            self.inner.commit(commit).await
        })
    }
}

fn items(count: u64) -> Values {
    Values::of((0..count).map(|n| json!({"id": format!("k{n}"), "n": n})))
}

fn runner(world: &Emulated, seed: u64) -> Job {
    let mut job = Job::new(world.clock());
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

impl InterruptedStore {
    /// The store of the job, before whose n-th commit (from 0) this happens.
    pub fn at(world: &Emulated, nth: u32, meddling: BoxFuture<'static, ()>) -> Self {
        Self::over(world.store_of("j", "Data"), nth, meddling)
    }

    /// This store, before whose n-th commit (from 0) this happens.
    pub fn over(inner: SheetsStore, nth: u32, meddling: BoxFuture<'static, ()>) -> Self {
        Self { inner, commits: AtomicU32::new(0), nth, meddling: Mutex::new(Some(meddling)) }
    }
}

/// A run of twelve items, four a commit, before whose n-th commit (from 0) something happens.
async fn meddled(
    world: &Arc<Emulated>,
    seed: u64,
    nth: u32,
    meddling: BoxFuture<'static, ()>,
) -> Result<RunReport, RunError> {
    runner(world, seed).run(InterruptedStore::at(world, nth, meddling), items(12)).await
}

async fn world_after_a_run(doubts: UnknownBehaviors, count: u64) -> Arc<Emulated> {
    let world = Arc::new(Emulated::new(doubts, 9));
    runner(&world, 1).run(world.store_of("j", "Data"), items(count)).await.expect("a clean run");
    world
}

async fn retitled(world: &Emulated, title: &str, row: u32, text: &str) {
    let start = json!({"sheetId": world.tab_id(title).await, "rowIndex": row, "columnIndex": 0});
    let cells = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
    world.hands(json!([{"updateCells": {"start": start, "rows": cells, "fields": "userEnteredValue"}}])).await;
}

/// A person's command within the lease of the active run.
pub async fn command(world: &Emulated, keys: &[&str]) {
    let mut command = Writer::open(world, "command").await;
    let state = command.chain.state().clone();
    let holder = state.lease.holder.clone().expect("a run is active");
    command.run = state.run.clone().expect("a run is active");
    let snapshot = command.store.load().await.expect("it can be read").snapshot;
    command.chain = sheetkeep::ledger::commit::commit_chain::CommitChain::new(snapshot.as_ref(), state, holder);
    let snapshot = snapshot.expect("the job exists");
    command.chain.on_reload(&snapshot).expect("it is of the same term");
    let changes = if keys.is_empty() { Changes::default() } else { all_done(&command, keys) };
    command.put(changes).await;
}

async fn keys(world: &Emulated) -> Vec<String> {
    Contents::sorted(&world.contents().await.data, "id")
}

#[tokio::test(start_paused = true)]
async fn a_tab_renamed_or_sorted_during_a_run_does_not_matter() {
    for doubts in both() {
        for title in ["Data", "Processed j", "Failures j", "Runs"] {
            let world = world_after_a_run(doubts, 2).await;
            let hands = Arc::clone(&world);
            let meddling = Box::pin(async move {
                let tab = hands.tab_id(title).await;
                let rename = json!({"properties": {"sheetId": tab, "title": "Renamed"}, "fields": "title"});
                let by = json!([{"dimensionIndex": 0, "sortOrder": "DESCENDING"}]);
                let sort = json!({"range": {"sheetId": tab, "startRowIndex": 1}, "sortSpecs": by});
                hands.hands(json!([{"updateSheetProperties": rename}, {"sortRange": sort}])).await;
            });
            let report = meddled(&world, 2, 1, meddling).await.unwrap_or_else(|error| panic!("{title}: {error}"));
            assert_eq!(report.run.counts.new, 10);
            let data = world.rows(if title == "Data" { "Renamed" } else { "Data" }).await;
            assert_eq!(data.len(), 12, "{doubts:?}, {title}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_a_person_in_the_middle_of_a_run_is_built_upon() {
    for doubts in both() {
        let world = world_after_a_run(doubts, 2).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move { command(&hands, &["k7", "theirs"]).await });
        let report = meddled(&world, 2, 1, meddling).await.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        let mut expected: Vec<String> = (0..12).map(|n| format!("k{n}")).chain(["theirs".to_owned()]).collect();
        expected.sort();
        assert_eq!(keys(&world).await, expected, "{doubts:?}: {report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_finds_a_column_gone_stops_the_run() {
    for doubts in both() {
        let (title, column) = ("Processed j", "key");
        let world = world_after_a_run(doubts, 6).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move {
            command(&hands, &[]).await;
            retitled(&hands, title, 0, "renamed").await;
        });
        let error = meddled(&world, 2, 1, meddling).await.expect_err("it must stop");
        assert_eq!(error.fault(), Kind::Inconsistent, "{error}");
        assert!(error.to_string().contains(&format!("\"{column}\"")), "{error}");
        retitled(&world, title, 0, column).await;
        world.clock().sleep(Duration::from_secs(301)).await;
        runner(&world, 3).run(world.store_of("j", "Data"), items(12)).await.expect("a clean run");
        assert_eq!(keys(&world).await.len(), 12, "{doubts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_continues_under_a_renamed_key_header() {
    for doubts in both() {
        let world = world_after_a_run(doubts, 6).await;
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move {
            command(&hands, &[]).await;
            retitled(&hands, "Data", 0, "renamed").await;
        });
        meddled(&world, 2, 1, meddling).await.expect("a clean run");
        let mut there = Contents::column(&world.rows("Data").await, "renamed");
        there.sort();
        assert_eq!(there.len(), 12, "{doubts:?}");
        there.dedup();
        assert!(there.len() == 12 && there.iter().all(|key| key.starts_with('k')), "{doubts:?}: {there:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_deleted_in_the_middle_of_a_run_stops_it() {
    let [by_name, _] = both();
    let world = world_after_a_run(by_name, 2).await;
    let hands = Arc::clone(&world);
    let meddling = Box::pin(async move {
        let metadata = hands.metadata().await;
        let id = &metadata["namedRanges"][0]["namedRangeId"];
        hands.hands(json!([{"deleteNamedRange": {"namedRangeId": id}}])).await;
    });
    let error = meddled(&world, 2, 1, meddling).await.expect_err("it must stop");
    assert_eq!(error.fault(), Kind::Inconsistent, "{error}");
    assert!(error.to_string().contains("state marker is missing"), "{error}");
    assert_eq!(world.contents().await.data.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_tab_deleted_during_a_run_stops_it_and_rejects_no_item() {
    for doubts in both() {
        for title in ["Data", "Processed j"] {
            let world = world_after_a_run(doubts, 2).await;
            let hands = Arc::clone(&world);
            let meddling = Box::pin(async move {
                let tab = hands.tab_id(title).await;
                hands.hands(json!([{"deleteSheet": {"sheetId": tab}}])).await;
            });
            let error = meddled(&world, 2, 1, meddling).await.expect_err("it must stop");
            assert_eq!(error.fault(), Kind::Inconsistent, "{error}");
            assert!(error.to_string().contains(&format!("tab {title} is gone")), "{error}");
            assert_eq!(world.contents().await.failures.len(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_job_that_makes_runs_first_does_not_stop_an_init() {
    for doubts in UnknownBehaviors::all() {
        let world = Arc::new(Emulated::new(doubts, 4));
        let hands = Arc::clone(&world);
        let meddling = Box::pin(async move {
            let requests: Value = json!([{"addSheet": {"properties": {"title": "Runs", "sheetId": 77, "gridProperties": {"rowCount": 9, "columnCount": 30}}}}]);
            hands.hands(requests).await;
            let header =
                sheetkeep::ledger::rows::row_codec::RUNS.map(|name| json!({"userEnteredValue": {"stringValue": name}}));
            let start = json!({"sheetId": 77, "rowIndex": 0, "columnIndex": 0});
            let rows = json!([{"values": header}]);
            hands.hands(json!([{"updateCells": {"start": start, "rows": rows, "fields": "userEnteredValue"}}])).await;
        });
        let report = meddled(&world, 2, 0, meddling).await.unwrap_or_else(|error| panic!("{doubts:?}: {error}"));
        assert_eq!((report.run.counts.new, keys(&world).await.len()), (12, 12));
        assert_eq!(world.rows("Runs").await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_wakes_up_before_its_lease_is_claimed_keeps_it() {
    for doubts in both() {
        let world = Arc::new(Emulated::new(doubts, 4));
        let mut sleeper = Writer::settled_in(&*world, "sleeper").await;
        sleeper.put(all_done(&sleeper, &["s"])).await;
        world.clock().sleep(Duration::from_secs(301)).await;
        // The other loads a lease that is over; before its claim arrives, the holder commits and
        // renews.
        let wakes = Arc::new(tokio::sync::Mutex::new(sleeper));
        let waking = Arc::clone(&wakes);
        let meddling = Box::pin(async move {
            let mut sleeper = waking.lock().await;
            let changes = all_done(&sleeper, &["t"]);
            sleeper.put(changes).await;
        });
        let mut job = runner(&world, 2).elsewhere();
        job.seed = 7;
        job.plan.accepts_changes = true;
        let store = InterruptedStore::at(&world, 0, meddling);
        let texts = Values::of((0..3).map(|n| json!({"id": format!("k{n}"), "text": "x"})));
        let error = job.run(store, texts).await.expect_err("the lease is held");
        assert!(matches!(error, RunError::LeaseHeld { .. }), "{doubts:?}: {error}");
        assert_eq!(keys(&world).await, ["s", "t"]);
    }
}

/// Whatever people do to the columns of Processed while a run appends to it, no key is done twice.
#[tokio::test(start_paused = true)]
async fn columns_of_processed_moved_during_a_run_double_nothing() {
    let columns = |tab: i64, start: u32, end: u32| json!({"sheetId": tab, "dimension": "COLUMNS", "startIndex": start, "endIndex": end});
    let moved = move |tab: i64, from: u32, to: u32| json!([{"moveDimension": {"source": columns(tab, from, from + 1), "destinationIndex": to}}]);
    for doubts in both() {
        for edit in 0..5 {
            let world = world_after_a_run(doubts, 2).await;
            let hands = Arc::clone(&world);
            let meddling = Box::pin(async move {
                let tab = hands.tab_id("Processed j").await;
                let requests = match edit {
                    0 => json!([{"insertDimension": {"range": columns(tab, 0, 1)}}]),
                    1 => json!([{"insertDimension": {"range": columns(tab, 0, 5)}}]),
                    2 => moved(tab, 0, 2),
                    3 => moved(tab, 3, 0),
                    _ => moved(tab, 2, 0),
                };
                hands.hands(requests).await;
            });
            meddled(&world, 2, 1, meddling).await.expect("the run does not notice");
            for round in 0..2 {
                let job = runner(&world, 3 + round);
                let report = job.run(world.store_of("j", "Data"), items(12)).await.expect("it continues");
                assert_eq!((report.run.counts.new, report.run.counts.skipped), (0, 12), "{doubts:?} {edit}");
                let events = job.events.lock().expect("no thread panics while it holds it").clone();
                let is_reported = |event: &Event| {
                    matches!(event, Event::LastingAnomaly { message, is_known }
                        if message.contains("6 rows have their cells") && *is_known == (round > 0))
                };
                assert!(events.iter().any(is_reported), "{doubts:?} {edit} {events:?}");
            }
            assert_eq!(keys(&world).await.len(), 12, "{doubts:?} {edit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_name_that_differs_only_in_case_is_reported() {
    let world = world_after_a_run(UnknownBehaviors::default(), 2).await;
    let store = world.store_of("J", "Other");
    let error = store.load().await.expect_err("its tabs could not be made");
    assert!(error.to_string().contains("\"Processed J\" differs from it only in case"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_after_foreign_cleanup_is_left_to_that_run() {
    for doubts in both() {
        let world = Emulated::new(doubts, 9);
        let mut first = Writer::settled_in(&world, "a").await;
        let changes = all_done(&first, &["k"]);
        let last = first.draft_that(changes, true);
        world.lose(Loss::Answer);
        let reply = first.send(&last).await;
        assert!(matches!(reply, CommitResult::ResponseLost { .. }), "{doubts:?}: {reply:?}");
        let head_status = first.store.read_head().await;
        assert!(
            matches!(head_status, Ok(HeadStatus::At { head, .. }) if head == last.to),
            "{doubts:?}: {head_status:?}"
        );
        Writer::open(&world, "b").await.put(Changes::default()).await;
        assert_eq!(first.store.misplaced_writes().await, Ok(MisplacedWrites::default()), "{doubts:?}");
    }
}
