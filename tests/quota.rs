//! Runs that receive 429: the real client and the emulator, on a paused clock.

#![cfg(feature = "emulator")]
#![expect(clippy::panic, reason = "the helpers of a test are part of the test")]

#[path = "support/test_job.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod test_job;

#[path = "contract/store_on_emulator.rs"]
mod contract;

use std::time::Duration;

use crate::test_job::{SlowSource, TestJob, ValueSource};
use serde_json::{Value, json};
use sheetkeep::emulator::{FaultRule, FaultTarget};
use sheetkeep::ledger::runs::event::RunReport;

use crate::contract::emulator_fixture::{EmulatorFixture, both_guards};
use crate::contract::store_fixture::StoreFixture;

fn make_items(count: u32) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("k{n}")})).collect()
}

/// Answers the writes whose numbers `meets` selects (the first is 0) with 429, without
/// `Retry-After`.
fn refused_writes(meets: impl Fn(u32) -> bool) -> Vec<FaultRule> {
    let met = (0..200).filter(|n| meets(*n));
    // A call that matches one fault of the list is not counted by the faults after it.
    met.enumerate()
        .map(|(before, n)| {
            let skip = n - u32::try_from(before).expect("a small number");
            FaultRule { on: FaultTarget::Writes, status: 429, skip, ..FaultRule::default() }
        })
        .collect()
}

/// Runs a job whose source yields one record per second. Returns its report and its duration in
/// seconds.
async fn run_slowly(fixture: &EmulatorFixture, records: u32) -> (RunReport, u64) {
    let began_ms = fixture.clock().monotonic_ms();
    let source = SlowSource::new(ValueSource::of(make_items(records)), fixture.clock(), Duration::from_secs(1));
    let job = TestJob::new(fixture.clock()).with_step(|value, _| Ok(vec![value.clone()]));
    let report = job.run_source(fixture.store_of("j", "Data"), Box::new(source)).await.expect("a clean run");
    (report, (fixture.clock().monotonic_ms() - began_ms) / 1_000)
}

#[tokio::test(start_paused = true)]
async fn a_single_429_does_not_make_commits_rarer() {
    let fixture = EmulatorFixture::new(both_guards()[0], 1);
    let (undisturbed, _) = run_slowly(&fixture, 60).await;
    let fixture = EmulatorFixture::new(both_guards()[0], 1);
    fixture.emulator.set_faults(refused_writes(|n| n == 6));
    let (report, seconds) = run_slowly(&fixture, 60).await;
    assert_eq!((report.run.counts.new, report.throttled, report.is_quota_shared), (60, 1, false));
    assert!(report.commits + 1 >= undisturbed.commits, "{} of {}", report.commits, undisturbed.commits);
    assert!(seconds <= 64, "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn commits_are_rarer_only_while_429s_go_on() {
    let fixture = EmulatorFixture::new(both_guards()[0], 1);
    fixture.emulator.set_faults(refused_writes(|n| (6..8).contains(&n)));
    let (report, _) = run_slowly(&fixture, 120).await;
    assert_eq!((report.run.counts.new, report.throttled, report.is_quota_shared), (120, 2, true));
    // One commit waits for 30 s; all others follow every two or three seconds.
    assert!((30..=50).contains(&report.commits), "{}", report.commits);
}

#[tokio::test(start_paused = true)]
async fn every_4th_write_answered_429_costs_five_seconds_at_most() {
    for behaviors in both_guards() {
        let fixture = EmulatorFixture::new(behaviors, 1);
        fixture.emulator.set_faults(refused_writes(|n| n % 4 == 3));
        let began_ms = fixture.clock().monotonic_ms();
        let mut job = TestJob::new(fixture.clock()).with_step(|value, _| Ok(vec![value.clone()]));
        job.plan.max_rows = 100;
        let report =
            job.run(fixture.store_of("j", "Data"), ValueSource::of(make_items(1_000))).await.expect("a clean run");
        let took_ms = fixture.clock().monotonic_ms() - began_ms;
        assert_eq!(report.run.counts.new, 1_000);
        assert!(report.throttled >= 3 && took_ms <= 5_000, "{} × 429, {took_ms} ms", report.throttled);
    }
}
