//! The runner over the reference store: what one pass promises, without a network and on a paused
//! clock.

#[path = "runner/steps.rs"]
mod steps;

#[path = "runner/faulty_commits.rs"]
mod faulty_commits;

#[path = "support/test_job.rs"]
mod test_job;

use std::sync::Arc;
use std::time::Duration;

use crate::test_job::{TestJob, ValueSource};
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::ledger::items::failure::FailureState;
use sheetkeep::ledger::runs::event::Event;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::shutdown::{StopHandle, StopReason};
use sheetkeep::store::memory::{InjectedFault, MemoryStore};
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

fn make_clock() -> Arc<dyn Clock> {
    Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)))
}

fn make_items(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| json!({"id": format!("k{n}"), "n": n})).collect()
}

fn read_done_keys(store: &MemoryStore) -> Vec<String> {
    store.contents().processed.iter().map(|(key, ..)| key.to_string()).collect()
}

fn read_rows(store: &MemoryStore) -> usize {
    store.contents().data_tabs.get("Data").map_or(0, |(_, rows)| rows.len())
}

#[tokio::test(start_paused = true)]
async fn every_item_becomes_done_once_and_a_second_run_skips_them_all() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock);
    let first = job.run(store.clone(), ValueSource::of(make_items(0..10))).await.expect("a clean run");
    assert_eq!((first.run.counts.new, first.run.counts.skipped, first.commits), (10, 0, 2));
    let second = job.run(store.clone(), ValueSource::of(make_items(0..12))).await.expect("a clean run");
    assert_eq!((second.run.counts.new, second.run.counts.skipped), (2, 10));
    assert_eq!((read_rows(&store), read_done_keys(&store).len()), (12, 12));
    let runs = store.contents().runs;
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.status == RunStatus::Succeeded && run.finished.is_some()));
}

#[tokio::test(start_paused = true)]
async fn after_the_first_one_a_small_sync_costs_one_write() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock);
    for (to, writes) in [(5, 2), (5, 3), (7, 4)] {
        let report = job.run(store.clone(), ValueSource::of(make_items(0..to))).await.expect("a clean run");
        assert_eq!(report.writes, writes);
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_fails_is_kept_in_failures_and_the_run_goes_on() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock).with_step(|value, _| match value["n"].as_u64() {
        Some(3) => Err(StepError::Rejected("three is bad".into())),
        _ => Ok(vec![value.clone()]),
    });
    let report = job.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect("a run that ends");
    assert_eq!((report.run.counts.new, report.run.counts.failed, report.run.status), (5, 1, RunStatus::Partial));
    let failure = store.contents().failures.remove(0);
    assert_eq!((failure.key.as_str(), failure.step.as_str(), failure.error.as_str()), ("k3", "does", "three is bad"));
    assert_eq!((failure.attempts, failure.payload.concat()), (1, json!({"id": "k3", "n": 3}).to_string()));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_failure_is_reported_once_and_recovers_once() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let fails = TestJob::new(Arc::clone(&clock)).with_step(|_, _| Err(StepError::Rejected("bad".into())));
    let works = TestJob::new(clock);
    for _ in 0..2 {
        let report = fails.run(store.clone(), ValueSource::of(make_items(0..1))).await.expect("a run that ends");
        assert_eq!((report.run.counts.failed, report.open_failures), (1, 1));
    }
    assert_eq!(store.contents().failures.len(), 1);
    for recovered in [1, 0] {
        let report = works.run(store.clone(), ValueSource::of(make_items(0..1))).await.expect("a clean run");
        assert_eq!((report.run.counts.recovered, report.open_failures), (recovered, 0));
    }
    let last = store.contents().failures.pop().expect("the closing row");
    assert_eq!(last.state, FailureState::Recovered);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_key_and_an_unreadable_one_are_failures() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let source = ValueSource::of([json!({"id": "a"}), json!({"x": 1}), json!({"id": ""})])
        .with_bad_record(b"\xff", "no valid UTF-8");
    let report = TestJob::new(clock).run(store.clone(), source).await.expect("a run that ends");
    assert_eq!((report.run.counts.read, report.run.counts.new, report.run.counts.failed), (4, 1, 3));
    let held = store.contents();
    assert!(held.failures.iter().all(|failure| failure.key.as_str().starts_with('#')));
    let steps: Vec<_> = held.failures.iter().map(|failure| failure.step.as_str()).collect();
    assert_eq!(steps, ["item", "item", "source"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_judged_by_the_head_and_nothing_is_doubled() {
    for mishap in [InjectedFault::AppliedThenLost, InjectedFault::LostBefore] {
        let clock = make_clock();
        let store = MemoryStore::new(Arc::clone(&clock));
        store.inject_faults([Some(mishap), Some(mishap)]);
        let mut job = TestJob::new(clock);
        job.plan.max_rows = 4;
        let report = job.run(store.clone(), ValueSource::of(make_items(0..10))).await.expect("a clean run");
        assert_eq!(
            (report.run.counts.new, read_rows(&store), read_done_keys(&store).len()),
            (10, 10, 10),
            "{mishap:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_load_at_the_same_moment_never_double_a_row() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let (here, there) = (TestJob::new(Arc::clone(&clock)), TestJob::new(clock).on_other_machine());
    let (a, b) = tokio::join!(
        here.run(store.clone(), ValueSource::of(make_items(0..9))),
        there.run(store.clone(), ValueSource::of(make_items(0..9)))
    );
    assert_eq!(read_rows(&store), 9);
    assert!(a.is_ok() != b.is_ok());
    let loser = a.err().or(b.err()).expect("one of them lost");
    assert!(matches!(loser, RunError::Fenced { .. } | RunError::LeaseHeld { .. }), "{loser}");
}

#[tokio::test(start_paused = true)]
async fn a_held_lease_stops_another_machine_until_it_expires() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let crashing = TestJob::new(Arc::clone(&clock));
    store.inject_faults([None, None, Some(InjectedFault::Throttled)]);
    let mut small = crashing;
    small.plan.max_rows = 2;
    small.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect_err("it could not finish");
    let other = TestJob::new(Arc::clone(&clock)).on_other_machine();
    let refused =
        other.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect_err("another run holds the lease");
    assert!(refused.to_string().contains("host-a"), "{refused}");
    clock.sleep(Duration::from_mins(5)).await;
    let report = other.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect("the lease is over");
    assert_eq!((report.run.counts.skipped, report.run.counts.new, read_rows(&store)), (2, 4, 6));
    let recorded: Vec<_> = store.contents().runs.iter().map(|run| run.status).collect();
    assert_eq!(recorded, [RunStatus::Crashed, RunStatus::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn a_runner_takes_over_its_own_dead_sibling_at_once() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    store.inject_faults([None, None, Some(InjectedFault::Throttled)]);
    let mut job = TestJob::new(clock);
    job.plan.max_rows = 2;
    job.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect_err("it could not finish");
    let report = job.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect("its own lease");
    assert_eq!((report.run.counts.new, read_rows(&store)), (4, 6));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_keeps_what_came_before() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock);
    let broken = job
        .run(store.clone(), ValueSource::of(make_items(0..3)).with_broken_end("it ends in the middle of a record"))
        .await;
    let Err(RunError::Source { error, report }) = broken else { panic!("the source broke off") };
    assert!(error.to_string().contains("feed:3"));
    assert_eq!((report.run.status, read_rows(&store)), (RunStatus::Failed, 3));
    let whole = job.run(store.clone(), ValueSource::of(make_items(0..5))).await.expect("a clean run");
    assert_eq!((whole.run.counts.new, read_rows(&store)), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn a_run_asked_to_stop_finishes_what_is_in_hand() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let job = TestJob::new(clock).with_step(move |value, _| {
        if value["n"] == 2 {
            asked.request_stop(StopReason::Terminate);
        }
        Ok(vec![value.clone()])
    });
    let report =
        job.run_until_stopped(store.clone(), ValueSource::of(make_items(0..100)), stop).await.expect("a run that ends");
    assert_eq!((report.run.status, report.run.counts.new, read_rows(&store)), (RunStatus::Interrupted, 3, 3));
    assert!(store.contents().state.lease.holder.is_none());
}

#[tokio::test(start_paused = true)]
async fn stdin_and_outside_effects_claim_the_lease_first() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let seen = store.clone();
    let job = TestJob::new(Arc::clone(&clock)).with_outside_step(move |value, context| {
        assert!(seen.contents().state.lease.holder.is_some());
        assert_eq!(context.fence, seen.contents().state.lease.fence);
        assert!(context.idempotency_key.starts_with("sk1_"));
        Ok(vec![value.clone()])
    });
    job.run(store.clone(), ValueSource::of(make_items(0..2))).await.expect("a clean run");
    let stdin = TestJob::new(clock)
        .run(store.clone(), ValueSource::of(make_items(2..4)).without_rewind())
        .await
        .expect("a clean run");
    assert_eq!((stdin.commits, stdin.run.counts.new), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_changed_key_expression_stops_unless_adopted() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let mut job = TestJob::new(clock);
    job.run(store.clone(), ValueSource::of(make_items(0..3))).await.expect("a clean run");
    job.plan.definition.key = ".other".into();
    let refused = job.run(store.clone(), ValueSource::of(make_items(0..3))).await.expect_err("the key changed");
    assert!(refused.to_string().contains("would process 3 keys again"), "{refused}");
    job.plan.accepts_changes = true;
    job.run(store.clone(), ValueSource::of(make_items(0..3))).await.expect("adopted");
    job.plan.accepts_changes = false;
    job.run(store.clone(), ValueSource::of(make_items(0..3))).await.expect("adopted for good");
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_key_is_processed_and_the_same_is_not() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock);
    for (version, new) in [(1, 1), (1, 0), (2, 1)] {
        let source = ValueSource::of([json!({"id": "a", "v": version})]);
        assert_eq!(job.run(store.clone(), source).await.expect("a clean run").run.counts.new, new);
    }
}

#[tokio::test(start_paused = true)]
async fn the_cursor_in_the_state_is_the_last_settled_record() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    TestJob::new(clock).run(store.clone(), ValueSource::of(make_items(0..7))).await.expect("a clean run");
    assert_eq!(store.contents().state.low_watermark.as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn every_failed_item_is_an_event_and_the_report_is_the_last_one() {
    let clock = make_clock();
    let job = TestJob::new(Arc::clone(&clock)).with_step(|_, _| Err(StepError::Rejected("no".into())));
    job.run(MemoryStore::new(clock), ValueSource::of(make_items(0..3))).await.expect("a run that ends");
    let events = job.events.lock().expect("no test panics while it holds this");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::ItemFailed { .. })).count(), 3);
    assert!(matches!(events.last(), Some(Event::Finished(_))));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_that_fails_alike_has_its_own_payload() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock).with_step(|_, _| Err(StepError::Rejected("bad".into())));
    for version in [1, 2, 2] {
        let source = ValueSource::of([json!({"id": "a", "v": version})]);
        job.run(store.clone(), source).await.expect("a run that ends");
    }
    let recorded: Vec<_> = store.contents().failures.iter().map(|failure| failure.payload.concat()).collect();
    assert_eq!(recorded, [1, 2].map(|version| json!({"id": "a", "v": version}).to_string()));
}
