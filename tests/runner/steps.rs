//! Steps that fail for a time, are cut off, or are begun once at most; and the progress of a run.

use crate::test_job::{TestJob, ValueSource};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use sheetkeep::clock::Clock;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::items::write_mode::Delivery;
use sheetkeep::ledger::runs::event::Event;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::machine::MachineError;
use sheetkeep::port::step::{Step, StepContext, StepError};
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::shutdown::{StopHandle, StopReason};
use sheetkeep::store::memory::MemoryStore;
use std::sync::Arc;
use std::time::Duration;

use super::{make_clock, make_items, read_done_keys};

#[tokio::test(start_paused = true)]
async fn a_run_asked_to_stop_twice_leaves_its_steps_to_the_next() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let job = TestJob::new(Arc::clone(&clock)).with_step(move |value, _| Ok(vec![value.clone()]));
    let source = ValueSource::of([json!({"id": "a"}), json!({"id": "b", "hangs": true}), json!({"id": "c"})]);
    let hands = async {
        clock.sleep(Duration::from_secs(30)).await;
        asked.request_stop(StopReason::Interrupt);
        clock.sleep(Duration::from_secs(30)).await;
        asked.force_stop(Duration::ZERO);
    };
    let (report, ()) = tokio::join!(job.run_until_stopped(store.clone(), source, stop), hands);
    let report = report.expect("a run that ends");
    assert_eq!((report.run.status, read_done_keys(&store)), (RunStatus::Interrupted, vec!["a".to_owned()]));
    let next = job
        .run(store.clone(), ValueSource::of(["a", "b", "c"].map(|id| json!({"id": id}))))
        .await
        .expect("a clean run");
    assert_eq!((next.run.counts.new, read_done_keys(&store).len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_stop_between_two_attempts_leaves_the_item_untried() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let stop = StopHandle::default();
    let asked = stop.clone();
    let busy = || StepError::Transient { why: "busy".into(), retry_after_ms: Some(60_000) };
    let job = TestJob::new(Arc::clone(&clock)).with_step(move |value, _| match value["id"].as_str() {
        Some("b") => Err(busy()),
        _ => Ok(vec![value.clone()]),
    });
    let source = || ValueSource::of(["a", "b"].map(|id| json!({"id": id})));
    // The source is read by then, and the second attempt is due half a minute later.
    let hands = async {
        clock.sleep(Duration::from_secs(30)).await;
        asked.request_stop(StopReason::Interrupt);
    };
    let (report, ()) = tokio::join!(job.run_until_stopped(store.clone(), source(), stop), hands);
    let report = report.expect("a run that ends");
    assert_eq!((report.run.status, report.run.counts.new, report.run.counts.failed), (RunStatus::Interrupted, 1, 0));
    assert_eq!((store.contents().failures.len(), read_done_keys(&store)), (0, vec!["a".to_owned()]));
    let next = TestJob::new(clock).run(store.clone(), source()).await.expect("a clean run");
    assert_eq!((next.run.counts.new, next.run.status), (1, RunStatus::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn retries_cut_off_by_the_deadline_are_a_failure() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let busy = || StepError::Transient { why: "busy".into(), retry_after_ms: Some(60_000) };
    let job = TestJob::new(Arc::clone(&clock)).with_step(move |value, _| match value["id"].as_str() {
        Some("a") => Err(busy()),
        _ => Ok(vec![value.clone()]),
    });
    let source = || ValueSource::of(["a", "b"].map(|id| json!({"id": id})));
    for failed in [1, 0] {
        let stop = StopHandle::default();
        let asked = stop.clone();
        let deadline = async {
            clock.sleep(Duration::from_secs(30)).await;
            asked.request_stop(StopReason::Deadline);
        };
        let (report, ()) = tokio::join!(job.run_until_stopped(store.clone(), source(), stop), deadline);
        let report = report.expect("a run that ends");
        assert_eq!((report.run.status, store.contents().failures.len()), (RunStatus::TimedOut, 1), "{failed}");
    }
}

/// A step that takes two seconds.
struct SlowStep(Arc<dyn Clock>);

impl Step for SlowStep {
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
    let clock = make_clock();
    let mut job = TestJob::new(Arc::clone(&clock));
    job.steps = vec![Arc::new(SlowStep(Arc::clone(&clock)))];
    job.plan.concurrency = 4;
    job.run(MemoryStore::new(clock), ValueSource::of(make_items(0..12))).await.expect("a clean run");
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
async fn a_transient_step_is_tried_again_within_the_run_and_counted() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let job = TestJob::new(clock).with_step(|value, context| match context.attempt {
        1 | 2 => Err(StepError::Transient { why: "busy".into(), retry_after_ms: None }),
        _ => Ok(vec![value.clone()]),
    });
    let report = job.run(store, ValueSource::of(make_items(0..1))).await.expect("a clean run");
    assert_eq!((report.run.counts.new, report.run.counts.retries), (1, 2));
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
        let clock = make_clock();
        let store = MemoryStore::new(Arc::clone(&clock));
        let mut job = TestJob::new(Arc::clone(&clock)).with_outside_step(refused_for("k2"));
        (job.plan.delivery, job.plan.concurrency, job.plan.max_attempts) = (delivery, hands, 1);
        let refused =
            job.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect_err("the machine is in the way");
        let RunError::Machine { report, .. } = refused else { unreachable!("{refused}") };
        assert_eq!((report.run.status, report.run.counts.failed), (RunStatus::Failed, 0));
        assert!(report.run.message.contains("no processes are left"), "{}", report.run.message);
        assert!(store.contents().failures.is_empty() && store.contents().state.start_markers.is_empty());
        assert!(store.contents().state.lease.holder.is_none(), "the next run may begin at once");
        job = TestJob::new(clock).with_outside_step(|value, _| Ok(vec![value.clone()]));
        (job.plan.delivery, job.plan.max_attempts) = (delivery, 1);
        let next = job.run(store.clone(), ValueSource::of(make_items(0..6))).await.expect("a clean run");
        assert_eq!((next.keys, next.run.counts.failed), (6, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_once_an_item_whose_first_program_had_run_is_in_doubt() {
    let clock = make_clock();
    let store = MemoryStore::new(Arc::clone(&clock));
    let twice = |clock, second: &'static str| {
        let mut job = TestJob::new(clock)
            .with_outside_step(|value, _| Ok(vec![value.clone()]))
            .with_outside_step(refused_for(second));
        (job.plan.delivery, job.plan.max_attempts) = (Delivery::AtMostOnce, 1);
        job
    };
    twice(Arc::clone(&clock), "k2")
        .run(store.clone(), ValueSource::of(make_items(0..6)))
        .await
        .expect_err("it is in the way");
    let begun: Vec<_> = store.contents().state.start_markers.iter().map(|(key, _)| key.as_str().to_owned()).collect();
    assert_eq!(begun, ["k2"], "those that were marked beside it had not begun");
    let next =
        twice(clock, "nobody").run(store.clone(), ValueSource::of(make_items(0..6))).await.expect("a run that ends");
    assert_eq!((next.keys, next.exhausted_failures), (5, 1));
    assert!(store.contents().failures.iter().all(|failure| failure.error.contains("in doubt")));
}

#[tokio::test(start_paused = true)]
async fn each_retry_of_a_step_is_an_event_with_its_cause() {
    let clock = make_clock();
    let job = TestJob::new(Arc::clone(&clock)).with_step(|value, context| match context.attempt {
        1 => Err(StepError::Transient { why: "busy".into(), retry_after_ms: Some(7_000) }),
        _ => Ok(vec![value.clone()]),
    });
    job.run(MemoryStore::new(clock), ValueSource::of(make_items(0..1))).await.expect("a clean run");
    let events = job.events.lock().expect("no test panics while it holds this");
    let recorded: Vec<_> = events.iter().filter(|event| matches!(event, Event::Retrying { .. })).collect();
    let [Event::Retrying { step, key, attempt: 2, of: 6, delay_ms: 7_000.., fault: Fault::Throttled, cause }] =
        recorded.as_slice()
    else {
        unreachable!("{recorded:?}")
    };
    assert_eq!((step.as_str(), key.as_str(), cause.as_str()), ("does", "k0", "busy"));
}
