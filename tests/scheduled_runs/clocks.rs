//! Machines with wrong clocks: the sheet decides which row of a key counts, and no clock leaves an
//! unusable sheet.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::maintain::prune::RowAge;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::time::Timestamp;

use crate::job_fixture::{JobFixture, row_unless_bad};
use crate::skewed_clock::SkewedClock;
use crate::test_job::{TestJob, ValueSource};

const MINUTES: i64 = 60_000;
/// The offsets of the machines' clocks, in milliseconds: minutes, and to the years 1970 and 9999.
const CLOCK_OFFSETS_MS: [i64; 4] = [4 * MINUTES, -7 * MINUTES, -1_789_999_990_000, 251_612_300_740_000];

impl JobFixture {
    /// Runs on a machine whose clock is off by this much.
    async fn run_with_clock(&self, offset_ms: i64, items: &[Value]) -> RunReport {
        let clock: Arc<dyn Clock> = SkewedClock::new(&self.clock, offset_ms);
        let mut job = self.job_on(&clock, RunScope::Default).with_step(|item, _| row_unless_bad(item, item.clone()));
        job.plan.max_attempts = 2;
        self.run_job(&job, self.store(job.seed), items).await.expect("a run")
    }

    /// Rewrites the rows of a machine tab as an earlier version wrote them: the run alone, without
    /// an order.
    async fn remove_row_orders(&self, tab: &str) {
        let cells = self.proxy.tab_rows(tab).await;
        let at = cells[0].iter().position(|name| name == "run").expect("a column");
        for (row, cells) in cells.iter().enumerate().skip(1).filter(|(_, cells)| cells.len() > at) {
            let run = cells[at].split(" #").next().unwrap_or_default().to_owned();
            self.proxy.type_text(tab, row, at, &run).await;
        }
    }
}

fn make_upsert_fixture() -> JobFixture {
    JobFixture::new(WriteMode::Upsert, ReprocessPolicy::OnChange, 0)
}

fn make_items(version: &str) -> Vec<Value> {
    vec![json!({"id": "a", "v": version}), json!({"id": "b", "v": "1"})]
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_repeats_nothing_and_loses_nothing() {
    for offset_ms in CLOCK_OFFSETS_MS {
        let fixture = make_upsert_fixture();
        fixture.run_with_clock(0, &make_items("1")).await;
        fixture.run_with_clock(offset_ms, &make_items("2")).await;
        assert_eq!(fixture.run_with_clock(0, &make_items("3")).await.run.counts.new, 1);
        for offset_ms in [0, offset_ms, -offset_ms / 2] {
            assert_eq!(fixture.run_with_clock(offset_ms, &make_items("3")).await.run.counts.new, 0, "{offset_ms}");
        }
        // A source that goes back is followed, once.
        assert_eq!(fixture.run_with_clock(0, &make_items("2")).await.run.counts.new, 1, "{offset_ms}");
        assert_eq!(fixture.run_with_clock(0, &make_items("2")).await.run.counts.new, 0, "{offset_ms}");
        assert_eq!(fixture.column("Data", "v").await, ["2", "1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn sorting_processed_changes_nothing_whatever_clocks_said() {
    let fixture = make_upsert_fixture();
    for (offset_ms, version) in [(0, "1"), (4 * MINUTES, "2"), (-4 * MINUTES, "3")] {
        fixture.run_with_clock(offset_ms, &make_items(version)).await;
    }
    for _ in 0..2 {
        fixture.proxy.reverse_rows("Processed j").await;
        assert_eq!(fixture.run_with_clock(0, &make_items("3")).await.run.counts.new, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn versions_of_one_commit_keep_their_order() {
    let fixture = JobFixture { max_rows: 10, ..make_upsert_fixture() };
    fixture.run_with_clock(0, &[make_items("1"), make_items("2")].concat()).await;
    let runs = fixture.column("Processed j", "run").await;
    assert!(runs.iter().any(|run| run.ends_with(".1")), "{runs:?}");
    fixture.proxy.reverse_rows("Processed j").await;
    assert_eq!(fixture.run_with_clock(0, &make_items("2")).await.run.counts.new, 0);
}

#[tokio::test(start_paused = true)]
async fn a_sheet_that_wrong_clocks_disturbed_is_read_right() {
    for offset_ms in CLOCK_OFFSETS_MS {
        let fixture = make_upsert_fixture();
        for (offset_ms, version) in [(0, "1"), (offset_ms, "2"), (0, "3")] {
            fixture.run_with_clock(offset_ms, &make_items(version)).await;
        }
        fixture.remove_row_orders("Processed j").await;
        assert_eq!(fixture.run_with_clock(0, &make_items("3")).await.run.counts.new, 0, "{offset_ms}: as it is");
        fixture.proxy.reverse_rows("Processed j").await;
        assert_eq!(fixture.run_with_clock(0, &make_items("3")).await.run.counts.new, 0, "{offset_ms}: sorted");
        assert_eq!(fixture.run_with_clock(0, &make_items("2")).await.run.counts.new, 1, "{offset_ms}");
        assert_eq!(fixture.run_with_clock(0, &make_items("2")).await.run.counts.new, 0, "{offset_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_failure_recorded_last_counts_whatever_clocks_said() {
    for offset_ms in CLOCK_OFFSETS_MS {
        let fixture = JobFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0);
        let bad = |why: &str| vec![json!({"id": "a", "bad": why})];
        fixture.run_with_clock(0, &bad("first")).await;
        let report = fixture.run_with_clock(offset_ms, &bad("second")).await;
        assert_eq!((report.open_failures, report.exhausted_failures), (0, 1), "{offset_ms}");
        fixture.proxy.reverse_rows("Failures j").await;
        let report = fixture.run_with_clock(0, &bad("second")).await;
        assert_eq!(
            (report.run.counts.failed, report.exhausted_failures),
            (0, 1),
            "{offset_ms}: it is dead and left alone"
        );
        fixture.run_with_clock(offset_ms, &[json!({"id": "a"})]).await;
        assert_eq!(fixture.run_with_clock(0, &[json!({"id": "a"})]).await.run.counts.skipped, 1, "{offset_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_meanwhile_takes_no_time() {
    let fixture = make_upsert_fixture();
    let clock = SkewedClock::new(&fixture.clock, 0);
    let set = Arc::clone(&clock);
    let job = TestJob::new(clock).with_step(move |value, _| {
        set.set_ahead_ms(-3_600_000);
        Ok(vec![value.clone()])
    });
    let report = job.run(fixture.store(1), ValueSource::of(make_items("1"))).await.expect("a run");
    let (started, finished) = (report.run.started, report.run.finished.expect("it ended"));
    assert!(finished >= started && report.run.seconds() < 60.0, "{started} {finished}");
}

#[tokio::test(start_paused = true)]
async fn prune_keeps_the_version_of_the_last_commit() {
    for offset_ms in CLOCK_OFFSETS_MS {
        let fixture = make_upsert_fixture();
        for (offset_ms, version) in [(0, "1"), (offset_ms, "2"), (0, "3")] {
            fixture.run_with_clock(offset_ms, &make_items(version)).await;
        }
        fixture.clock.sleep(Duration::from_hours(24 * 100)).await;
        let age = RowAge { before: Timestamp(fixture.clock.now().0 - 3_600_000), deletes_keys: false };
        let (found, _) = fixture.find_prunable(age).await;
        let gone: Vec<u32> = found
            .changes
            .iter()
            .flat_map(sheetkeep::ledger::commit::changes::ItemResult::removals)
            .map(|row| row.row)
            .collect();
        let versions = fixture.column("Processed j", "version").await;
        let row_of_the_last = 2 + versions.iter().rposition(|version| version == "3").expect("it is there");
        assert!(!gone.contains(&u32::try_from(row_of_the_last).expect("few")), "{offset_ms}: {gone:?} {versions:?}");
    }
}
