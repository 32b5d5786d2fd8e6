//! The runner over the reference store: what one pass promises, without a network and on a paused
//! clock.

mod faulty_commits;
mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::failure::FailureState;
use sheetkeep::ledger::items::write_mode::Delivery;
use sheetkeep::ledger::runs::event::Event;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::machine::MachineError;
use sheetkeep::port::step::{Step, StepContext, StepError};
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::shutdown::{StopHandle, StopReason};
use sheetkeep::store::memory::{InjectedFault, MemoryStore};
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;
use support::{Job, Values};

fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)))
}

fn items(range: std::ops::Range<u32>) -> Vec<Value> {
    range.map(|n| json!({"id": format!("k{n}"), "n": n})).collect()
}

fn keys(store: &MemoryStore) -> Vec<String> {
    store.contents().processed.iter().map(|(key, ..)| key.to_string()).collect()
}

fn rows(store: &MemoryStore) -> usize {
    store.contents().data_tabs.get("Data").map_or(0, |(_, rows)| rows.len())
}

#[tokio::test(start_paused = true)]
async fn every_item_becomes_done_once_and_a_second_run_skips_them_all() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock);
    let first = job.run(store.clone(), Values::of(items(0..10))).await.expect("a clean run");
    assert_eq!((first.run.counts.new, first.run.counts.skipped, first.commits), (10, 0, 2));
    let second = job.run(store.clone(), Values::of(items(0..12))).await.expect("a clean run");
    assert_eq!((second.run.counts.new, second.run.counts.skipped), (2, 10));
    assert_eq!((rows(&store), keys(&store).len()), (12, 12));
    let runs = store.contents().runs;
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.status == RunStatus::Succeeded && run.finished.is_some()));
}

#[tokio::test(start_paused = true)]
async fn after_the_first_one_a_small_sync_costs_one_write() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock);
    for (to, writes) in [(5, 2), (5, 3), (7, 4)] {
        let report = job.run(store.clone(), Values::of(items(0..to))).await.expect("a clean run");
        assert_eq!(report.writes, writes);
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_fails_is_kept_in_failures_and_the_run_goes_on() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock).step(|value, _| match value["n"].as_u64() {
        Some(3) => Err(StepError::Rejected("three is bad".into())),
        _ => Ok(vec![value.clone()]),
    });
    let report = job.run(store.clone(), Values::of(items(0..6))).await.expect("a run that ends");
    assert_eq!((report.run.counts.new, report.run.counts.failed, report.run.status), (5, 1, RunStatus::Partial));
    let failure = store.contents().failures.remove(0);
    assert_eq!((failure.key.as_str(), failure.step.as_str(), failure.error.as_str()), ("k3", "does", "three is bad"));
    assert_eq!((failure.attempts, failure.payload.concat()), (1, json!({"id": "k3", "n": 3}).to_string()));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_failure_is_reported_once_and_recovers_once() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let fails = Job::new(Arc::clone(&clock)).step(|_, _| Err(StepError::Rejected("bad".into())));
    let works = Job::new(clock);
    for _ in 0..2 {
        let report = fails.run(store.clone(), Values::of(items(0..1))).await.expect("a run that ends");
        assert_eq!((report.run.counts.failed, report.open_failures), (1, 1));
    }
    assert_eq!(store.contents().failures.len(), 1);
    for recovered in [1, 0] {
        let report = works.run(store.clone(), Values::of(items(0..1))).await.expect("a clean run");
        assert_eq!((report.run.counts.recovered, report.open_failures), (recovered, 0));
    }
    let last = store.contents().failures.pop().expect("the closing row");
    assert_eq!(last.state, FailureState::Recovered);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_key_and_an_unreadable_one_are_failures() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let source =
        Values::of([json!({"id": "a"}), json!({"x": 1}), json!({"id": ""})]).then_bad(b"\xff", "no valid UTF-8");
    let report = Job::new(clock).run(store.clone(), source).await.expect("a run that ends");
    assert_eq!((report.run.counts.read, report.run.counts.new, report.run.counts.failed), (4, 1, 3));
    let held = store.contents();
    assert!(held.failures.iter().all(|failure| failure.key.as_str().starts_with('#')));
    let steps: Vec<_> = held.failures.iter().map(|failure| failure.step.as_str()).collect();
    assert_eq!(steps, ["item", "item", "source"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_judged_by_the_head_and_nothing_is_doubled() {
    for mishap in [InjectedFault::AppliedThenLost, InjectedFault::LostBefore] {
        let clock = clock();
        let store = MemoryStore::new(Arc::clone(&clock));
        store.inject_faults([Some(mishap), Some(mishap)]);
        let mut job = Job::new(clock);
        job.plan.max_rows = 4;
        let report = job.run(store.clone(), Values::of(items(0..10))).await.expect("a clean run");
        assert_eq!((report.run.counts.new, rows(&store), keys(&store).len()), (10, 10, 10), "{mishap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_that_load_at_the_same_moment_never_double_a_row() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let (here, there) = (Job::new(Arc::clone(&clock)), Job::new(clock).elsewhere());
    let (a, b) = tokio::join!(
        here.run(store.clone(), Values::of(items(0..9))),
        there.run(store.clone(), Values::of(items(0..9)))
    );
    assert_eq!(rows(&store), 9);
    assert!(a.is_ok() != b.is_ok());
    let loser = a.err().or(b.err()).expect("one of them lost");
    assert!(matches!(loser, RunError::Fenced { .. } | RunError::LeaseHeld { .. }), "{loser}");
}

#[tokio::test(start_paused = true)]
async fn a_held_lease_stops_another_machine_until_it_expires() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let crashing = Job::new(Arc::clone(&clock));
    store.inject_faults([None, None, Some(InjectedFault::Throttled)]);
    let mut small = crashing;
    small.plan.max_rows = 2;
    small.run(store.clone(), Values::of(items(0..6))).await.expect_err("it could not finish");
    let other = Job::new(Arc::clone(&clock)).elsewhere();
    let refused = other.run(store.clone(), Values::of(items(0..6))).await.expect_err("somebody else holds the lease");
    assert!(refused.to_string().contains("host-a"), "{refused}");
    clock.sleep(Duration::from_mins(5)).await;
    let report = other.run(store.clone(), Values::of(items(0..6))).await.expect("the lease is over");
    assert_eq!((report.run.counts.skipped, report.run.counts.new, rows(&store)), (2, 4, 6));
    let recorded: Vec<_> = store.contents().runs.iter().map(|run| run.status).collect();
    assert_eq!(recorded, [RunStatus::Crashed, RunStatus::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn a_runner_takes_over_its_own_dead_sibling_at_once() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    store.inject_faults([None, None, Some(InjectedFault::Throttled)]);
    let mut job = Job::new(clock);
    job.plan.max_rows = 2;
    job.run(store.clone(), Values::of(items(0..6))).await.expect_err("it could not finish");
    let report = job.run(store.clone(), Values::of(items(0..6))).await.expect("its own lease");
    assert_eq!((report.run.counts.new, rows(&store)), (4, 6));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_breaks_off_keeps_what_came_before() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock);
    let broken = job.run(store.clone(), Values::of(items(0..3)).then_broken("it ends in the middle of a record")).await;
    let Err(RunError::Source { error, report }) = broken else { panic!("the source broke off") };
    assert!(error.to_string().contains("feed:3"));
    assert_eq!((report.run.status, rows(&store)), (RunStatus::Failed, 3));
    let whole = job.run(store.clone(), Values::of(items(0..5))).await.expect("a clean run");
    assert_eq!((whole.run.counts.new, rows(&store)), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn a_run_asked_to_stop_finishes_what_is_in_hand() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let job = Job::new(clock).step(move |value, _| {
        if value["n"] == 2 {
            asked.request_stop(StopReason::Terminate);
        }
        Ok(vec![value.clone()])
    });
    let report = job.run_until(store.clone(), Values::of(items(0..100)), stop).await.expect("a run that ends");
    assert_eq!((report.run.status, report.run.counts.new, rows(&store)), (RunStatus::Interrupted, 3, 3));
    assert!(store.contents().state.lease.holder.is_none());
}

#[tokio::test(start_paused = true)]
async fn stdin_and_outside_effects_claim_the_lease_first() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let seen = store.clone();
    let job = Job::new(Arc::clone(&clock)).outside_step(move |value, context| {
        assert!(seen.contents().state.lease.holder.is_some());
        assert_eq!(context.fence, seen.contents().state.lease.fence);
        assert!(context.idempotency_key.starts_with("sk1_"));
        Ok(vec![value.clone()])
    });
    job.run(store.clone(), Values::of(items(0..2))).await.expect("a clean run");
    let stdin = Job::new(clock).run(store.clone(), Values::of(items(2..4)).once_only()).await.expect("a clean run");
    assert_eq!((stdin.commits, stdin.run.counts.new), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_asked_to_stop_twice_leaves_its_steps_to_the_next() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let job = Job::new(Arc::clone(&clock)).step(move |value, _| Ok(vec![value.clone()]));
    let source = Values::of([json!({"id": "a"}), json!({"id": "b", "hangs": true}), json!({"id": "c"})]);
    let hands = async {
        clock.sleep(Duration::from_secs(30)).await;
        asked.request_stop(StopReason::Interrupt);
        clock.sleep(Duration::from_secs(30)).await;
        asked.force_stop(Duration::ZERO);
    };
    let (report, ()) = tokio::join!(job.run_until(store.clone(), source, stop), hands);
    let report = report.expect("a run that ends");
    assert_eq!((report.run.status, keys(&store)), (RunStatus::Interrupted, vec!["a".to_owned()]));
    let next =
        job.run(store.clone(), Values::of(["a", "b", "c"].map(|id| json!({"id": id})))).await.expect("a clean run");
    assert_eq!((next.run.counts.new, keys(&store).len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_two_attempts_leaves_the_item_untried() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let busy = || StepError::Transient { why: "busy".into(), retry_after_ms: Some(60_000) };
    let job = Job::new(Arc::clone(&clock)).step(move |value, _| match value["id"].as_str() {
        Some("b") => Err(busy()),
        _ => Ok(vec![value.clone()]),
    });
    let source = || Values::of(["a", "b"].map(|id| json!({"id": id})));
    // The source is read by then, and the second attempt is due half a minute later.
    let hands = async {
        clock.sleep(Duration::from_secs(30)).await;
        asked.request_stop(StopReason::Interrupt);
    };
    let (report, ()) = tokio::join!(job.run_until(store.clone(), source(), stop), hands);
    let report = report.expect("a run that ends");
    assert_eq!((report.run.status, report.run.counts.new, report.run.counts.failed), (RunStatus::Interrupted, 1, 0));
    assert_eq!((store.contents().failures.len(), keys(&store)), (0, vec!["a".to_owned()]));
    let next = Job::new(clock).run(store.clone(), source()).await.expect("a clean run");
    assert_eq!((next.run.counts.new, next.run.status), (1, RunStatus::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn retries_cut_off_by_the_deadline_are_a_failure() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let busy = || StepError::Transient { why: "busy".into(), retry_after_ms: Some(60_000) };
    let job = Job::new(Arc::clone(&clock)).step(move |value, _| match value["id"].as_str() {
        Some("a") => Err(busy()),
        _ => Ok(vec![value.clone()]),
    });
    let source = || Values::of(["a", "b"].map(|id| json!({"id": id})));
    for failed in [1, 0] {
        let stop = StopHandle::default();
        let asked = stop.clone();
        let deadline = async {
            clock.sleep(Duration::from_secs(30)).await;
            asked.request_stop(StopReason::Deadline);
        };
        let (report, ()) = tokio::join!(job.run_until(store.clone(), source(), stop), deadline);
        let report = report.expect("a run that ends");
        assert_eq!((report.run.status, store.contents().failures.len()), (RunStatus::TimedOut, 1), "{failed}");
    }
}

/// A step that takes two seconds.
struct Slow(Arc<dyn Clock>);

impl Step for Slow {
    fn run<'a>(&'a self, input: Value, _: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>> {
        Box::pin(async move {
            self.0.sleep(Duration::from_secs(2)).await;
            Ok(vec![input])
        })
    }

    fn name(&self) -> &'static str {
        "slow"
    }

    fn has_outside_effects(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn progress_counts_records_that_have_been_through_their_steps() {
    let clock = clock();
    let mut job = Job::new(Arc::clone(&clock));
    job.steps = vec![Arc::new(Slow(Arc::clone(&clock)))];
    job.plan.concurrency = 4;
    job.run(MemoryStore::new(clock), Values::of(items(0..12))).await.expect("a clean run");
    let events = job.events.lock().expect("no test panics while it holds this");
    let shares: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Progress { source: Some(share), .. } => Some(*share),
            _ => None,
        })
        .collect();
    // Four at a time are in their steps: when the first has been through, at least four are read.
    let first = shares.iter().find(|(done, _)| *done > 0);
    assert!(first.is_some_and(|(done, _)| *done < 4), "{shares:?}");
    assert!(shares.iter().any(|(done, _)| (5..8).contains(done)), "{shares:?}");
    assert!(shares.is_sorted() && shares.iter().all(|(_, all)| *all == 12), "{shares:?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_key_expression_stops_unless_adopted() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let mut job = Job::new(clock);
    job.run(store.clone(), Values::of(items(0..3))).await.expect("a clean run");
    job.plan.definition.key = ".other".into();
    let refused = job.run(store.clone(), Values::of(items(0..3))).await.expect_err("the key changed");
    assert!(refused.to_string().contains("would process 3 keys again"), "{refused}");
    job.plan.accepts_changes = true;
    job.run(store.clone(), Values::of(items(0..3))).await.expect("adopted");
    job.plan.accepts_changes = false;
    job.run(store.clone(), Values::of(items(0..3))).await.expect("adopted for good");
}

#[tokio::test(start_paused = true)]
async fn a_transient_step_is_tried_again_within_the_run_and_counted() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock).step(|value, context| match context.attempt {
        1 | 2 => Err(StepError::Transient { why: "busy".into(), retry_after_ms: None }),
        _ => Ok(vec![value.clone()]),
    });
    let report = job.run(store, Values::of(items(0..1))).await.expect("a clean run");
    assert_eq!((report.run.counts.new, report.run.counts.retries), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_key_is_processed_and_the_same_is_not() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock);
    for (version, new) in [(1, 1), (1, 0), (2, 1)] {
        let source = Values::of([json!({"id": "a", "v": version})]);
        assert_eq!(job.run(store.clone(), source).await.expect("a clean run").run.counts.new, new);
    }
}

#[tokio::test(start_paused = true)]
async fn the_cursor_in_the_state_is_the_last_settled_record() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    Job::new(clock).run(store.clone(), Values::of(items(0..7))).await.expect("a clean run");
    assert_eq!(store.contents().state.low_watermark.as_deref(), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn every_failed_item_is_an_event_and_the_report_is_the_last_one() {
    let clock = clock();
    let job = Job::new(Arc::clone(&clock)).step(|_, _| Err(StepError::Rejected("no".into())));
    job.run(MemoryStore::new(clock), Values::of(items(0..3))).await.expect("a run that ends");
    let events = job.events.lock().expect("no test panics while it holds this");
    assert_eq!(events.iter().filter(|event| matches!(event, Event::ItemFailed { .. })).count(), 3);
    assert!(matches!(events.last(), Some(Event::Finished(_))));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_that_fails_alike_has_its_own_payload() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = Job::new(clock).step(|_, _| Err(StepError::Rejected("bad".into())));
    for version in [1, 2, 2] {
        let source = Values::of([json!({"id": "a", "v": version})]);
        job.run(store.clone(), source).await.expect("a run that ends");
    }
    let recorded: Vec<_> = store.contents().failures.iter().map(|failure| failure.payload.concat()).collect();
    assert_eq!(recorded, [1, 2].map(|version| json!({"id": "a", "v": version}).to_string()));
}

/// Returns a step that this machine refuses to start for one key.
fn refused_for(key: &'static str) -> impl Fn(&Value, &StepContext) -> Result<Vec<Value>, StepError> {
    move |value, context| {
        if context.key.as_str() == key {
            return Err(StepError::Machine {
                error: MachineError::resource("no processes are left"),
                has_begun: false,
            });
        }
        Ok(vec![value.clone()])
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_the_machine_refused_to_begin_is_as_it_was() {
    for (delivery, hands) in [(Delivery::AtLeastOnce, 1), (Delivery::AtLeastOnce, 3), (Delivery::AtMostOnce, 1)] {
        let clock = clock();
        let store = MemoryStore::new(Arc::clone(&clock));
        let mut job = Job::new(Arc::clone(&clock)).outside_step(refused_for("k2"));
        (job.plan.delivery, job.plan.concurrency, job.plan.max_attempts) = (delivery, hands, 1);
        let refused = job.run(store.clone(), Values::of(items(0..6))).await.expect_err("the machine is in the way");
        let RunError::Machine { report, .. } = refused else { unreachable!("{refused}") };
        assert_eq!((report.run.status, report.run.counts.failed), (RunStatus::Failed, 0));
        assert!(report.run.message.contains("no processes are left"), "{}", report.run.message);
        assert!(store.contents().failures.is_empty() && store.contents().state.start_markers.is_empty());
        assert!(store.contents().state.lease.holder.is_none(), "the next run may begin at once");
        job = Job::new(clock).outside_step(|value, _| Ok(vec![value.clone()]));
        (job.plan.delivery, job.plan.max_attempts) = (delivery, 1);
        let next = job.run(store.clone(), Values::of(items(0..6))).await.expect("a clean run");
        assert_eq!((next.keys, next.run.counts.failed), (6, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_once_an_item_whose_first_program_had_run_is_in_doubt() {
    let clock = clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let twice = |clock, second: &'static str| {
        let mut job =
            Job::new(clock).outside_step(|value, _| Ok(vec![value.clone()])).outside_step(refused_for(second));
        (job.plan.delivery, job.plan.max_attempts) = (Delivery::AtMostOnce, 1);
        job
    };
    twice(Arc::clone(&clock), "k2").run(store.clone(), Values::of(items(0..6))).await.expect_err("it is in the way");
    let begun: Vec<_> = store.contents().state.start_markers.iter().map(|(key, _)| key.as_str().to_owned()).collect();
    assert_eq!(begun, ["k2"], "those that were marked beside it had not begun");
    let next = twice(clock, "nobody").run(store.clone(), Values::of(items(0..6))).await.expect("a run that ends");
    assert_eq!((next.keys, next.exhausted_failures), (5, 1));
    assert!(store.contents().failures.iter().all(|failure| failure.error.contains("in doubt")));
}

#[tokio::test(start_paused = true)]
async fn each_retry_of_a_step_is_an_event_with_its_cause() {
    let clock = clock();
    let job = Job::new(Arc::clone(&clock)).step(|value, context| match context.attempt {
        1 => Err(StepError::Transient { why: "busy".into(), retry_after_ms: Some(7_000) }),
        _ => Ok(vec![value.clone()]),
    });
    job.run(MemoryStore::new(clock), Values::of(items(0..1))).await.expect("a clean run");
    let events = job.events.lock().expect("no test panics while it holds this");
    let recorded: Vec<_> = events.iter().filter(|event| matches!(event, Event::Retrying { .. })).collect();
    let [Event::Retrying { step, key, attempt: 2, of: 6, delay_ms: 7_000.., fault: Fault::Throttled, cause }] =
        recorded.as_slice()
    else {
        unreachable!("{recorded:?}")
    };
    assert_eq!((step.as_str(), key.as_str(), cause.as_str()), ("does", "k0", "busy"));
}
