//! The library, as a program uses it: jobs with closures, over memory and over a local file.

#[path = "library/items.rs"]
mod items;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
#[cfg(feature = "emulator")]
use sheetkeep::job::Fault;
use sheetkeep::job::{
    ItemContext, Job, JobError, JobSource, RetryClass, RetryPolicy, RunStatus, StepError, flaky, memory_store, retry,
};

/// Retries without waits.
const AT_ONCE: RetryPolicy = RetryPolicy { max_attempts: 3, base_ms: 1, cap_ms: 1, max_elapsed_ms: 60_000 };

fn make_orders(ids: &[&str]) -> Vec<Value> {
    ids.iter().map(|id| json!({"id": id})).collect()
}

/// Compares the list with the source. `UPDATE_LIBRARY_ITEMS=1` writes it.
#[test]
fn the_list_of_public_items_is_that_of_the_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (found, path) = (items::public_items(root), root.join("docs/library-items.txt"));
    if std::env::vars_os().any(|(name, _)| name == "UPDATE_LIBRARY_ITEMS") {
        std::fs::write(&path, &found).expect("the list can be written");
    }
    let listed = std::fs::read_to_string(&path).expect("docs/library-items.txt");
    assert_eq!(found, listed, "the library changed: see that it is meant, then UPDATE_LIBRARY_ITEMS=1");
}

#[tokio::test]
async fn a_failing_item_fails_alone_and_recovers_later() {
    let store = memory_store();
    let job = |is_fixed: bool| {
        Job::builder("orders")
            .source(make_orders(&["a", "b", "c"]))
            .step(move |order, _| async move {
                if order["id"] == "b" && !is_fixed {
                    return Err(StepError::rejected("b is bad"));
                }
                Ok(json!({"id": order["id"]}))
            })
            .in_memory(&store)
    };
    let first = job(false).run().await.expect("a run");
    assert_eq!((first.read, first.new, first.failed, first.status), (3, 2, 1, RunStatus::Partial));
    assert_eq!(store.open_failures(), [("b".to_owned(), "step".to_owned(), "b is bad".to_owned())]);
    let second = job(true).run().await.expect("a run");
    assert_eq!((second.new, second.recovered, second.skipped, second.is_clean()), (1, 1, 2, true));
    assert_eq!((store.rows("orders").len(), store.open_failures()), (3, Vec::new()));
}

#[test]
fn a_job_of_stages_is_left_to_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prices.toml");
    std::fs::write(&file, "name = \"prices\"\n[[stage]]\nname = \"fetch\"\ncommand = [\"true\"]\n").expect("written");
    let refused = Job::from_file(&file).in_memory(&memory_store()).build().expect_err("it has stages");
    assert!(refused.to_string().contains("a job of stages, which the command line runs: sheetkeep run"), "{refused}");
}

#[tokio::test]
async fn a_panic_of_a_step_is_the_failure_of_one_item() {
    let store = memory_store();
    let job = Job::builder("orders").source(make_orders(&["a", "b"])).in_memory(&store).step(|order, _| async move {
        assert_ne!(order["id"], "a", "this step panics on purpose");
        Ok(order)
    });
    let report = job.run().await.expect("a run");
    assert_eq!((report.new, report.failed), (1, 1));
    assert!(store.open_failures()[0].2.contains("panicked"));
}

#[tokio::test]
async fn a_step_gets_one_key_for_all_attempts_and_runs() {
    let seen: Arc<Mutex<Vec<(String, u32, String)>>> = Arc::default();
    for store in [memory_store(), memory_store()] {
        let (seen, service) = (Arc::clone(&seen), flaky(2, "busy"));
        let step = move |order: Value, ctx: ItemContext| {
            let answer = service();
            let now = (ctx.idempotency_key().to_owned(), ctx.attempt(), ctx.logical_date().to_owned());
            seen.lock().expect("no test panics in it").push(now);
            async move { answer.await.map(|_| order).map_err(StepError::transient) }
        };
        let job = Job::builder("orders").source(make_orders(&["a"])).in_memory(&store).retry(AT_ONCE).step(step);
        let report = job.logical_date("2026-11-29").run().await.expect("a run");
        assert_eq!((report.new, report.retries), (1, 2));
    }
    let seen = seen.lock().expect("no test panics in it");
    let key = &seen[0].0;
    assert!(key.starts_with("sk1_") && seen.iter().all(|one| one.0 == *key && one.2 == "2026-11-29"), "{seen:?}");
    assert_eq!(seen.iter().map(|one| one.1).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);
}

#[tokio::test]
async fn what_a_step_returns_is_none_one_or_several_rows() {
    let store = memory_store();
    let job = Job::builder("lines").source(make_orders(&["none", "one", "two"])).in_memory(&store);
    let job = job.step(|order, _| async move {
        Ok(match order["id"].as_str() {
            Some("none") => json!(null),
            Some("one") => json!({"of": "one"}),
            _ => json!([{"of": "two"}, {"of": "two"}]),
        })
    });
    let report = job.run().await.expect("a run");
    assert_eq!((report.new, report.rows), (3, 3));
    // Rows that do not name their key get a column for it.
    let row = |of: &str| json!({"_key": of, "of": of});
    assert_eq!(store.rows("lines"), [row("one"), row("two"), row("two")]);
}

#[tokio::test]
async fn a_watermark_is_stored_and_given_to_the_next_run() {
    let store = memory_store();
    let asked: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    for _ in 0..2 {
        let asked = Arc::clone(&asked);
        let source = JobSource::with_watermark("updated", move |since: Option<String>| {
            asked.lock().expect("no test panics in it").push(since);
            async move {
                Ok::<_, String>(vec![json!({"id": "a", "updated": "09:00"}), json!({"id": "b", "updated": "09:30"})])
            }
        });
        let job = Job::builder("orders").source(source).in_memory(&store).build().expect("valid settings");
        job.run().await.expect("a run");
        assert_eq!(job.read_watermark().await.expect("a store").as_deref(), Some("09:30"));
    }
    assert_eq!(*asked.lock().expect("no test panics in it"), [None, Some("09:30".to_owned())]);
    assert_eq!(store.rows("orders").len(), 2);
}

#[tokio::test]
async fn all_wrong_settings_are_reported_together() {
    let built = Job::builder("two/parts").source(make_orders(&["a"])).key(".id |").build();
    let Err(JobError::Settings { problems }) = built else { panic!("built: {built:?}") };
    assert!(problems.len() >= 2, "{problems:?}");
    let without = Job::builder("orders").build().expect_err("there is no source");
    assert!(without.to_string().contains("has no source"), "{without}");
    let dated = Job::builder("orders").source(make_orders(&["a"])).logical_date("yesterday").build();
    assert!(dated.expect_err("no date").to_string().contains("2026-11-29"));
}

#[tokio::test]
async fn a_stop_commits_the_items_in_hand() {
    let store = memory_store();
    let (begun, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (count, notify) = (Arc::clone(&begun), Arc::clone(&stop));
    let job = Job::builder("orders").source(make_orders(&["a", "b", "c"])).in_memory(&store).step(move |order, _| {
        count.fetch_add(1, Ordering::Relaxed);
        notify.notify_one();
        async move {
            tokio::task::yield_now().await;
            Ok(order)
        }
    });
    let job = job.build().expect("valid settings");
    let report = job.run_until(async move { stop.notified().await }).await.expect("a run");
    assert_eq!(report.status, RunStatus::Interrupted);
    assert_eq!(u64::from(begun.load(Ordering::Relaxed)), report.new);
    assert_eq!(job.run().await.expect("a run").new + report.new, 3);
}

#[tokio::test]
async fn an_error_that_does_not_pass_is_not_retried() {
    let calls = AtomicU32::new(0);
    let error = retry(
        AT_ONCE,
        |_: &&str| RetryClass::Permanent,
        || async {
            calls.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>("404")
        },
    );
    let error = error.run().await.expect_err("it always fails");
    assert_eq!((error.attempts, error.is_exhausted, calls.into_inner()), (1, false, 1));
}

#[tokio::test(start_paused = true)]
async fn equal_seeds_give_equal_delays_and_each_is_reported() {
    let policy = RetryPolicy::default();
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut delays = Vec::new();
        let ended = retry(policy, |_: &&str| RetryClass::Transient, flaky(4, "reset"))
            .on_retry(|retry| delays.push((retry.attempt, retry.delay)))
            .seed(7)
            .run()
            .await;
        assert_eq!(ended, Ok(5));
        both.push(delays);
    }
    assert_eq!(both[0], both[1]);
    assert_eq!(both[0].iter().map(|delay| delay.0).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_named_pause_is_a_least_one_and_costs_no_attempt() {
    let policy = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    let pause = Duration::from_secs(30);
    let mut delays = Vec::new();
    let ended = retry(policy, |_: &&str| RetryClass::Throttled { retry_after: Some(pause) }, flaky(2, "429"))
        .on_retry(|retry| delays.push(retry.delay))
        .run()
        .await;
    assert_eq!(ended, Ok(3));
    assert!(delays.iter().all(|delay| *delay >= pause), "{delays:?}");
}

#[cfg(feature = "emulator")]
#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_a_local_file_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = |ids: &[&str]| {
        Job::builder("orders")
            .source(make_orders(ids))
            .step(|order, _| async move { Ok(order) })
            .embedded(folder.path().join("orders.sheet"))
            .state_dir(folder.path().join("state"))
            .build()
            .expect("valid settings")
    };
    let first = job(&["a", "b"]).run().await.expect("a run");
    let second = job(&["a", "b", "c"]).run().await.expect("a run");
    assert_eq!((first.new, second.new, second.skipped), (2, 1, 2));
    let broken = Job::builder("orders").source(JobSource::csv("nowhere.csv")).embedded(folder.path().join("o.sheet"));
    let broken = broken.state_dir(folder.path().join("state")).run().await.expect_err("there is no file");
    assert!(broken.fault() == Fault::Inconsistent && broken.to_string().contains("nowhere.csv"), "{broken}");
}

#[cfg(feature = "emulator")]
mod scenarios {
    use sheetkeep::job::Scenario;

    use super::*;

    fn make_numbers() -> Job {
        let job = Job::builder("numbers").source((1..=30).map(|id| json!({"id": id}))).upsert("id");
        job.step(|number, _| async move { Ok(number) }).build().expect("valid settings")
    }

    #[test]
    fn a_scenario_with_every_mishap_ends_with_each_row_once() {
        let scenario = Scenario::new(&make_numbers()).kill_at_record(11).kill_before_commit(2).kill_after_commit(4);
        let scenario = scenario.throttle(3, 2).lose_reply(5).second_runner(1).sort(3);
        let outcome = scenario.play().expect("an undisturbed run works");
        assert!(outcome.is_exact() && outcome.kills == 3, "{outcome:#?}");
        assert_eq!((outcome.throttled_calls, outcome.lost_replies, outcome.second_runs), (2, 1, 1));
    }

    #[test]
    fn a_step_killed_after_its_effect_runs_twice_for_one_item() {
        let outcome = Scenario::new(&make_numbers()).kill_after_step(13).play().expect("an undisturbed run works");
        let step = &outcome.steps[0];
        assert_eq!((step.runs, step.items, step.repeated_items, step.most_repeats), (31, 30, 1, 1));
        assert_eq!((step.example.as_deref(), outcome.is_exact()), (Some("13"), true));
    }

    #[test]
    fn a_take_over_fences_the_first_run_and_nothing_is_doubled() {
        let outcome = Scenario::new(&make_numbers()).take_over(3).play().expect("an undisturbed run works");
        assert!(outcome.is_exact(), "{outcome:#?}");
        assert_eq!(outcome.second_runs, 1);
    }

    #[test]
    fn the_job_of_a_scenario_keeps_its_own_store() {
        let store = memory_store();
        let job = Job::builder("orders").source(make_orders(&["a"])).in_memory(&store).build().expect("valid settings");
        let outcome = Scenario::new(&job).kill_after_commit(1).play().expect("an undisturbed run works");
        assert!(outcome.is_exact() && store.rows("orders").is_empty(), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_be_spawned_onto_another_thread() {
    let store = memory_store();
    let job = Job::builder("orders").source(make_orders(&["a"])).in_memory(&store).build().expect("valid settings");
    let report = tokio::spawn(async move { job.run().await }).await.expect("no panic").expect("a run");
    assert_eq!(report.new, 1);
}
