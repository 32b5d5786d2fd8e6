//! Machines with wrong clocks: the sheet decides which row of a key counts, and no clock leaves an
//! unusable sheet.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::RowAge;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::time::Timestamp;

use crate::job_fixture::{JobFixture, row_unless_bad};
use crate::support::{Job, Values};

const MINUTES: i64 = 60_000;
/// The offsets of the machines' clocks, in milliseconds: minutes, and to the years 1970 and 9999.
const OFF: [i64; 4] = [4 * MINUTES, -7 * MINUTES, -1_789_999_990_000, 251_612_300_740_000];

/// A clock that advances like another one and shows another time.
struct Off {
    inner: Arc<dyn Clock>,
    by_ms: AtomicI64,
}

impl Clock for Off {
    fn now(&self) -> Timestamp {
        Timestamp(self.inner.now().0.saturating_add(self.by_ms.load(Ordering::SeqCst)))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}

impl JobFixture {
    /// Runs on a machine whose clock is off by this much.
    async fn off(&self, by_ms: i64, items: &[Value]) -> RunReport {
        let clock: Arc<dyn Clock> = Arc::new(Off { inner: Arc::clone(&self.clock), by_ms: AtomicI64::new(by_ms) });
        let mut job = self.job_on(&clock, RunScope::Default).step(|item, _| row_unless_bad(item, item.clone()));
        job.plan.max_attempts = 2;
        self.run_job(&job, self.store(job.seed), items).await.expect("a run")
    }

    /// Rewrites the rows of a machine tab as an earlier version wrote them: the run alone, without
    /// an order.
    async fn forget_orders(&self, tab: &str) {
        let cells = self.proxy.tab(tab).await;
        let at = cells[0].iter().position(|name| name == "run").expect("a column");
        for (row, cells) in cells.iter().enumerate().skip(1).filter(|(_, cells)| cells.len() > at) {
            let run = cells[at].split(" #").next().unwrap_or_default().to_owned();
            self.proxy.type_in(tab, row, at, &run).await;
        }
    }
}

fn upsert() -> JobFixture {
    JobFixture::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 0)
}

fn at(version: &str) -> Vec<Value> {
    vec![json!({"id": "a", "v": version}), json!({"id": "b", "v": "1"})]
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_repeats_nothing_and_loses_nothing() {
    for by_ms in OFF {
        let fixture = upsert();
        fixture.off(0, &at("1")).await;
        fixture.off(by_ms, &at("2")).await;
        assert_eq!(fixture.off(0, &at("3")).await.run.counts.new, 1);
        for by_ms in [0, by_ms, -by_ms / 2] {
            assert_eq!(fixture.off(by_ms, &at("3")).await.run.counts.new, 0, "{by_ms}");
        }
        // A source that goes back is followed, once.
        assert_eq!(fixture.off(0, &at("2")).await.run.counts.new, 1, "{by_ms}");
        assert_eq!(fixture.off(0, &at("2")).await.run.counts.new, 0, "{by_ms}");
        assert_eq!(fixture.column("Data", "v").await, ["2", "1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn sorting_processed_changes_nothing_whatever_clocks_said() {
    let fixture = upsert();
    for (by_ms, version) in [(0, "1"), (4 * MINUTES, "2"), (-4 * MINUTES, "3")] {
        fixture.off(by_ms, &at(version)).await;
    }
    for _ in 0..2 {
        fixture.proxy.sort_upside_down("Processed j").await;
        assert_eq!(fixture.off(0, &at("3")).await.run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn versions_of_one_commit_keep_their_order() {
    let fixture = JobFixture { max_rows: 10, ..upsert() };
    fixture.off(0, &[at("1"), at("2")].concat()).await;
    let runs = fixture.column("Processed j", "run").await;
    assert!(runs.iter().any(|run| run.ends_with(".1")), "{runs:?}");
    fixture.proxy.sort_upside_down("Processed j").await;
    assert_eq!(fixture.off(0, &at("2")).await.run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sheet_that_wrong_clocks_disturbed_is_read_right() {
    for by_ms in OFF {
        let fixture = upsert();
        for (by_ms, version) in [(0, "1"), (by_ms, "2"), (0, "3")] {
            fixture.off(by_ms, &at(version)).await;
        }
        fixture.forget_orders("Processed j").await;
        assert_eq!(fixture.off(0, &at("3")).await.run.counts.new, 0, "{by_ms}: as it is");
        fixture.proxy.sort_upside_down("Processed j").await;
        assert_eq!(fixture.off(0, &at("3")).await.run.counts.new, 0, "{by_ms}: sorted");
        assert_eq!(fixture.off(0, &at("2")).await.run.counts.new, 1, "{by_ms}");
        assert_eq!(fixture.off(0, &at("2")).await.run.counts.new, 0, "{by_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_failure_recorded_last_counts_whatever_clocks_said() {
    for by_ms in OFF {
        let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        let bad = |why: &str| vec![json!({"id": "a", "bad": why})];
        fixture.off(0, &bad("first")).await;
        let report = fixture.off(by_ms, &bad("second")).await;
        assert_eq!((report.open_failures, report.exhausted_failures), (0, 1), "{by_ms}");
        fixture.proxy.sort_upside_down("Failures j").await;
        let report = fixture.off(0, &bad("second")).await;
        assert_eq!((report.run.counts.failed, report.exhausted_failures), (0, 1), "{by_ms}: it is dead and left alone");
        fixture.off(by_ms, &[json!({"id": "a"})]).await;
        assert_eq!(fixture.off(0, &[json!({"id": "a"})]).await.run.counts.skipped, 1, "{by_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_meanwhile_takes_no_time() {
    let fixture = upsert();
    let clock = Arc::new(Off { inner: Arc::clone(&fixture.clock), by_ms: AtomicI64::new(0) });
    let set = Arc::clone(&clock);
    let job = Job::new(clock).step(move |value, _| {
        set.by_ms.store(-3_600_000, Ordering::SeqCst);
        Ok(vec![value.clone()])
    });
    let report = job.run(fixture.store(1), Values::of(at("1"))).await.expect("a run");
    let (started, finished) = (report.run.started, report.run.finished.expect("it ended"));
    assert!(finished >= started && report.run.seconds() < 60.0, "{started} {finished}");
}

#[tokio::test(start_paused = true)]
async fn prune_keeps_the_version_of_the_last_commit() {
    for by_ms in OFF {
        let fixture = upsert();
        for (by_ms, version) in [(0, "1"), (by_ms, "2"), (0, "3")] {
            fixture.off(by_ms, &at(version)).await;
        }
        fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        let age = RowAge { before: Timestamp(fixture.clock.now().0 - 3_600_000), deletes_keys: false };
        let (found, _) = fixture.prunable(age).await;
        let gone: Vec<u32> = found
            .changes
            .iter()
            .flat_map(sheetkeep::ledger::commit::changes::ItemResult::removals)
            .map(|row| row.row)
            .collect();
        let versions = fixture.column("Processed j", "version").await;
        let row_of_the_last = 2 + versions.iter().rposition(|version| version == "3").expect("it is there");
        assert!(!gone.contains(&u32::try_from(row_of_the_last).expect("few")), "{by_ms}: {gone:?} {versions:?}");
    }
}
