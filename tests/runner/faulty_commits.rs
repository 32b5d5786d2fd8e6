//! Whole runs over a store in memory, to one of whose commits something happens on its way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::fault::Fault;
use sheetkeep::grid::{Cell, Row};
use sheetkeep::ledger::commit::changes::{Commit, CommitPart, CommitResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::key::{Key, Version};
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::processed::processed_index::ProcessedIndex;
use sheetkeep::ledger::state::snapshot::LoadReport;
use sheetkeep::port::lease_check::LeaseCheck;
use sheetkeep::port::source::{Record, Source, SourceError};
use sheetkeep::port::step::StepError;
use sheetkeep::port::store::{Store, StoreError};
use sheetkeep::port::store_layer::StoreLayer;
use sheetkeep::store::memory::{MemoryContents, MemoryStore};
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::test_job::{SlowSource, TestJob, ValueSource};

/// What happens to the n-th commit (from 0) before it arrives; a reply is given in the store's
/// place.
type CommitFault = dyn Fn(u32, &Commit, &MemoryStore) -> Option<CommitResult> + Send + Sync;

/// A store whose commits take a moment, so that results gather meanwhile.
struct FaultyStore {
    inner: MemoryStore,
    clock: Arc<dyn Clock>,
    commits: AtomicU32,
    fault: Box<CommitFault>,
    /// A copy that arrives right before the next load.
    late: Arc<Mutex<Option<Commit>>>,
    /// Whether reads of the head fail.
    is_head_unreadable: bool,
}

impl StoreLayer for FaultyStore {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn load_in_layer(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        Box::pin(async {
            let late = self.late.lock().expect("no thread panics while it holds it").take();
            if let Some(late) = late {
                self.inner.commit(&late).await;
            }
            self.inner.load().await
        })
    }

    fn read_head_in_layer(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        if self.is_head_unreadable {
            let error = StoreError::Unavailable { why: "it is out of order".to_owned(), fault: Fault::Transient };
            return Box::pin(async { Err(error) });
        }
        self.inner.read_head()
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            self.clock.sleep(Duration::from_millis(10)).await;
            let nth = self.commits.fetch_add(1, Ordering::Relaxed);
            match (self.fault)(nth, commit, &self.inner) {
                Some(reply) => reply,
                None => self.inner.commit(commit).await,
            }
        })
    }
}

fn make_store_and_job() -> (Arc<dyn Clock>, MemoryStore, TestJob) {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
    let store = MemoryStore::new(Arc::clone(&clock));
    let mut job = TestJob::new(Arc::clone(&clock));
    job.plan.max_rows = 2;
    (clock, store, job)
}

fn make_faulty_store(
    clock: &Arc<dyn Clock>,
    store: &MemoryStore,
    fault: impl Fn(u32, &Commit, &MemoryStore) -> Option<CommitResult> + Send + Sync + 'static,
) -> FaultyStore {
    let (inner, clock) = (store.clone(), Arc::clone(clock));
    FaultyStore {
        inner,
        clock,
        commits: AtomicU32::new(0),
        fault: Box::new(fault),
        late: Arc::default(),
        is_head_unreadable: false,
    }
}

fn make_items(count: u64) -> ValueSource {
    ValueSource::of((0..count).map(|n| json!({"id": format!("k{n}")})))
}

/// A commit of a person's command, within the lease of the active run: it processes these keys.
fn commit_user_command(held: &mut MemoryContents, keys: &[&str]) {
    let next = HeadId { nonce: 77, ..held.head.expect("the job exists") }.next(77);
    held.head = Some(next);
    held.state.head = Some(next);
    for text in keys {
        let key = Key::new(*text).expect("a usable key");
        let row = Row { cells: vec![("id".to_owned(), Cell::text(*text))] };
        held.data_tabs.entry("Data".to_owned()).or_default().1.push(row);
        held.processed.push((key, Version::default(), "a command".to_owned()));
    }
}

/// Ids of the rows in the data tab, sorted.
fn read_row_ids(store: &MemoryStore) -> Vec<String> {
    let data_tabs = store.contents().data_tabs;
    let rows = data_tabs.get("Data").map(|(_, rows)| rows.clone()).unwrap_or_default();
    let mut ids: Vec<_> = rows.iter().map(|row| format!("{:?}", row.get("id"))).collect();
    ids.sort();
    ids
}

#[tokio::test(start_paused = true)]
async fn a_waiting_key_that_another_run_does_is_not_doubled() {
    for other_key in ["k3", "k4", "k5", "k6"] {
        let (clock, store, job) = make_store_and_job();
        let faulty_store = make_faulty_store(&clock, &store, move |nth, _, store| {
            if nth == 2 {
                store.edit_contents(|held| commit_user_command(held, &[other_key]));
            }
            None
        });
        let report = job.run(faulty_store, make_items(8)).await.expect("a clean run");
        assert_eq!(read_row_ids(&store).len(), 8, "{other_key}: {:?}", read_row_ids(&store));
        assert_eq!((report.run.counts.new + report.run.counts.skipped, report.run.counts.read), (8, 8));
    }
}

#[tokio::test(start_paused = true)]
async fn work_of_another_run_during_a_batch_is_not_counted_as_own() {
    for (nth, other_key) in [(2, "k2"), (2, "k3"), (2, "k5"), (3, "k4")] {
        let (clock, store, job) = make_store_and_job();
        let faulty_store = make_faulty_store(&clock, &store, move |n, _, store| {
            if n == nth {
                store.edit_contents(|held| commit_user_command(held, &[other_key]));
            }
            None
        });
        let report = job.run(faulty_store, make_items(8)).await.expect("a clean run");
        assert_eq!(
            (report.run.counts.new, report.run.counts.skipped, read_row_ids(&store).len()),
            (7, 1, 8),
            "{nth} {other_key}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_batch_that_arrives_before_a_load_is_counted_once() {
    for nth in 1..=2 {
        let (clock, store, mut job) = make_store_and_job();
        job.plan.max_rows = 8;
        let late = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&late);
        let faulty_store = make_faulty_store(&clock, &store, move |n, commit, _| match n.checked_sub(nth) {
            Some(0) => Some(CommitResult::ResponseLost { why: "it is on its way".to_owned() }),
            Some(1) => {
                *kept.lock().expect("no thread panics while it holds it") = Some(commit.clone());
                Some(CommitResult::Refused { part: CommitPart::Layout, why: "a tab moved".to_owned() })
            }
            _ => None,
        });
        let report = job.run(FaultyStore { late, ..faulty_store }, make_items(12)).await.expect("a clean run");
        let held = store.contents();
        assert_eq!((report.run.counts.new, report.rows, read_row_ids(&store).len()), (12, 12, 12), "commit {nth}");
        let last = held.head.expect("the job exists").commit;
        assert_eq!((report.commits, report.run.last_commit, held.runs.len()), (last + 1, last, 1), "commit {nth}");
        assert_eq!(held.runs, [report.run]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_during_an_outage_is_a_temporary_error() {
    let (clock, store, job) = make_store_and_job();
    let faulty_store = make_faulty_store(&clock, &store, |nth, _, _| {
        (nth == 2)
            .then(|| CommitResult::Refused { part: CommitPart::Guard, why: "another writer committed".to_owned() })
    });
    let error = job
        .run(FaultyStore { is_head_unreadable: true, ..faulty_store }, make_items(8))
        .await
        .expect_err("it is unclear");
    assert_eq!((error.fault(), error.to_string().contains("out of order")), (Fault::Transient, true), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_overtaken_at_each_commit_ends_with_a_temporary_error() {
    let (clock, store, job) = make_store_and_job();
    let faulty_store = make_faulty_store(&clock, &store, |nth, _, store| {
        if nth > 1 {
            store.edit_contents(|held| commit_user_command(held, &[]));
        }
        None
    });
    let error = job.run(faulty_store, make_items(8)).await.expect_err("another run is always faster");
    assert!(error.fault().passes(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_cursor_of_half_a_batch_does_not_pass_the_other_half() {
    let (clock, store, mut job) = make_store_and_job();
    job.plan.max_rows = 8;
    let checking_store = make_faulty_store(&clock, &store, |_, commit, _| {
        let cursor: usize = commit.state.low_watermark.as_deref().map_or(0, |text| text.parse().expect("a number"));
        if commit.changes.settled.len() > 3 {
            return Some(CommitResult::TooLarge);
        }
        let done = usize::try_from(commit.state.processed.count).expect("few");
        assert!(cursor <= done, "invariant 8: the cursor says {cursor}, and {done} items are done");
        None
    });
    let report = job.run(checking_store, make_items(20)).await.expect("a clean run");
    assert_eq!((report.run.counts.new, read_row_ids(&store).len()), (20, 20));
    assert_eq!(store.contents().state.low_watermark.as_deref(), Some("20"));
}

#[tokio::test(start_paused = true)]
async fn two_versions_of_a_key_in_one_source_are_done_once_each() {
    let (_, store, job) = make_store_and_job();
    let source = || ValueSource::of([1, 2, 1].map(|v| json!({"id": "a", "v": v})));
    for _ in 0..4 {
        job.run(store.clone(), source()).await.expect("a clean run");
    }
    let mut done: Vec<_> = store.contents().processed.iter().map(|(_, version, _)| version.to_string()).collect();
    done.sort();
    assert_eq!((done, read_row_ids(&store).len()), (vec!["1".to_owned(), "2".to_owned()], 2));
}

#[tokio::test(start_paused = true)]
async fn after_a_reload_the_report_keeps_failures_not_yet_stored() {
    let (clock, store, job) = make_store_and_job();
    let job = job.with_step(|value: &Value, _| match value["id"].as_str() {
        Some("k3" | "k5") => Err(StepError::Rejected("bad".into())),
        _ => Ok(vec![value.clone()]),
    });
    let faulty_store = make_faulty_store(&clock, &store, |nth, _, store| {
        if nth == 2 {
            store.edit_contents(|held| commit_user_command(held, &[]));
        }
        None
    });
    let report = job.run(faulty_store, make_items(8)).await.expect("a run that ends");
    assert_eq!((report.run.counts.failed, store.contents().failures.len(), report.open_failures), (2, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_its_source_writes_only_renewals() {
    let (clock, store, job) = make_store_and_job();
    let slow = SlowSource::new(make_items(3).without_rewind(), Arc::clone(&clock), Duration::from_secs(290));
    let report = job.run_source(store.clone(), Box::new(slow)).await.expect("a clean run");
    // The claim, three items, and the end. Also two renewals of a lease of 300 s in each of the
    // four waits of 290 s at most.
    assert!(report.commits <= 5 + 8, "{} commits", report.commits);
    assert_eq!(read_row_ids(&store).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_rows_and_not_items() {
    let (clock, store, job) = make_store_and_job();
    let mut job = job.with_step(|value: &Value, _| Ok(vec![value.clone(), value.clone(), value.clone()]));
    job.plan.max_rows = 7;
    let checking_store = make_faulty_store(&clock, &store, |_, commit, _| {
        assert!(commit.changes.count_rows() <= 7, "{} rows in one commit", commit.changes.count_rows());
        None
    });
    job.run(checking_store, make_items(10)).await.expect("a clean run");
    assert_eq!(read_row_ids(&store).len(), 30);
}

/// A store of which one commit is applied, and its response comes 90 s later and is lost.
struct SlowToRespond {
    inner: MemoryStore,
    clock: Arc<dyn Clock>,
    /// The first commit from this moment on, in monotonic milliseconds.
    from_ms: u64,
    is_over: AtomicU32,
}

impl StoreLayer for SlowToRespond {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            let reply = self.inner.commit(commit).await;
            if self.clock.monotonic_ms() < self.from_ms || self.is_over.fetch_add(1, Ordering::Relaxed) > 0 {
                return reply;
            }
            self.clock.sleep(Duration::from_secs(90)).await;
            CommitResult::ResponseLost { why: "no complete response came within 90 s".to_owned() }
        })
    }
}

/// A source that asks after its records whether the run holds the lease, as a stage does before its
/// file is put in its place.
struct AskingSource {
    records: ValueSource,
    clock: Arc<dyn Clock>,
    asked: Option<tokio::task::JoinHandle<bool>>,
    answers: Arc<Mutex<Vec<bool>>>,
}

impl Source for AskingSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            if let Some(record) = self.records.next().await? {
                return Ok(Some(record));
            }
            if let Some(asked) = &mut self.asked {
                let answer = asked.await.expect("the question does not panic");
                self.answers.lock().expect("no thread panics while it holds it").push(answer);
                self.asked = None;
            }
            Ok(None)
        })
    }

    fn is_rereadable(&self) -> bool {
        false
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.records.rewind()
    }

    fn on_claimed(&mut self, _: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        let (lease, clock) = (Arc::clone(lease), Arc::clone(&self.clock));
        let asking = async move {
            clock.sleep(Duration::from_secs(15)).await;
            lease.is_held().await
        };
        self.asked.get_or_insert_with(|| tokio::spawn(asking));
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_about_the_lease_waits_for_a_renewal() {
    let (clock, store, mut job) = make_store_and_job();
    job.plan.ttl_ms = 10_000;
    let from_ms = clock.monotonic_ms() + 3_000;
    let slow =
        SlowToRespond { inner: store.clone(), clock: Arc::clone(&clock), from_ms, is_over: AtomicU32::default() };
    let answers = Arc::default();
    let source =
        AskingSource { records: make_items(3).without_rewind(), clock, asked: None, answers: Arc::clone(&answers) };
    let report = job.run_source(slow, Box::new(source)).await.expect("a clean run");
    assert_eq!((report.run.counts.new, read_row_ids(&store).len()), (3, 3));
    assert_eq!(*answers.lock().expect("no thread panics while it holds it"), [true]);
}
