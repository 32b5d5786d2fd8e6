//! Whole runs by two runners over a service that fails in every way that services fail: each key's
//! rows exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::emulator::{FaultAction, FaultRule, FaultTarget, UnknownBehaviors};
use sheetkeep::fault::Fault;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::port::step::StepError;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::system::SeededRng;

use crate::contract::emulator_fixture::EmulatorFixture;
use crate::contract::store_fixture::{StoreContents, StoreFixture};
use crate::test_job::{TestJob, ValueSource};

/// Items of the source; one of them never works.
const ITEMS: u64 = 10;
/// The one that fails.
const BAD: u64 = 3;
/// Runs in a row that may end badly before the faults are used up.
const MAX_RUNS: u64 = 12;

fn make_items() -> ValueSource {
    ValueSource::of((0..ITEMS).map(|n| json!({"id": format!("k{n}"), "n": n})))
}

/// A runner on a machine of its own; every run of it draws other ids.
fn make_job(fixture: &EmulatorFixture, seed: u64, is_elsewhere: bool) -> TestJob {
    let mut job = TestJob::new(fixture.clock()).with_step(|value: &Value, _| match value["n"].as_u64() {
        Some(BAD) => Err(StepError::Rejected("it never works".to_owned())),
        _ => Ok(vec![value.clone()]),
    });
    if is_elsewhere {
        job = job.on_other_machine();
    }
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

async fn run_job(fixture: &EmulatorFixture, seed: u64, is_elsewhere: bool) -> Result<RunReport, RunError> {
    Box::pin(make_job(fixture, seed, is_elsewhere).run(fixture.store_of("j", "Data"), make_items())).await
}

/// An end that a run may come to while the service is out of order or another run is at work.
fn is_temporary(error: &RunError) -> bool {
    matches!(error.fault(), Fault::Transient | Fault::Throttled | Fault::Fenced)
}

/// Two runners at once, then again until the work is done. Then checks what is on the sheet.
async fn check_two_runners(case: &str, behaviors: UnknownBehaviors, seed: u64, faults: Vec<FaultRule>) {
    let fixture = EmulatorFixture::new(behaviors, seed);
    fixture.emulator.set_faults(faults);
    let mut ends = Vec::new();
    let (first, second) = tokio::join!(run_job(&fixture, seed * 100, false), run_job(&fixture, seed * 100 + 1, true));
    ends.extend([first, second]);
    for n in 2..MAX_RUNS {
        if matches!(ends.last(), Some(Ok(_))) {
            break;
        }
        fixture.clock().sleep(Duration::from_secs(301)).await;
        ends.push(run_job(&fixture, seed * 100 + n, n % 2 == 0).await);
    }
    for end in &ends {
        if let Err(error) = end {
            assert!(is_temporary(error), "{case}: {error}");
        }
    }
    fixture.emulator.set_faults(Vec::new());
    fixture.clock().sleep(Duration::from_secs(301)).await;
    let last = run_job(&fixture, seed * 100 + 99, false).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(last.keys, ITEMS - 1, "{case}");
    check_reported_once(case, &fixture.contents().await);
}

fn check_reported_once(case: &str, contents: &StoreContents) {
    let expected: Vec<_> = (0..ITEMS).filter(|n| *n != BAD).map(|n| format!("k{n}")).collect();
    assert_eq!(StoreContents::sorted(&contents.data, "id"), expected, "{case}: rows");
    assert_eq!(
        StoreContents::column(&contents.data, "id"),
        StoreContents::column(&contents.processed, "key"),
        "{case}: keys"
    );
    assert_eq!(StoreContents::column(&contents.failures, "key"), [format!("k{BAD}")], "{case}: failures");
    let runs = StoreContents::column(&contents.runs, "run");
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len(), "{case}: a run is recorded twice: {runs:?}");
    let new: f64 = StoreContents::column(&contents.runs, "new").iter().filter_map(|n| n.parse::<f64>().ok()).sum();
    assert_eq!(new.to_string(), (ITEMS - 1).to_string(), "{case}: what Runs says: {:?}", contents.runs);
    let by = StoreContents::column(&contents.processed, "run").into_iter();
    let by: BTreeSet<_> = by.filter_map(|run| run.split(" #").next().map(str::to_owned)).collect();
    assert!(by.iter().all(|run| runs.contains(run)), "{case}: a run wrote rows and is not recorded: {by:?} {runs:?}");
    assert_eq!(contents.runs.last().and_then(|run| run.get("status")).map(String::as_str), Some("partial"), "{case}");
}

/// What may happen to a write.
fn list_faults() -> Vec<(&'static str, FaultRule)> {
    let fault = |action, status| FaultRule { on: FaultTarget::Writes, action, status, ..FaultRule::default() };
    vec![
        ("applied, but 503", fault(FaultAction::AppliedFail, 503)),
        ("reset before it is applied", fault(FaultAction::Reset, 0)),
        ("reset after it was applied", fault(FaultAction::AppliedReset, 0)),
        ("429", fault(FaultAction::Fail, 429)),
        ("429 with Retry-After", FaultRule { retry_after: Some(7), ..fault(FaultAction::Fail, 429) }),
        ("500", fault(FaultAction::Fail, 500)),
        ("hangs before it is applied", fault(FaultAction::Hang, 0)),
        ("hangs after it was applied", fault(FaultAction::AppliedHang, 0)),
    ]
}

async fn check_every_fault(behaviors: UnknownBehaviors) {
    for (at, (word, fault)) in (1..).zip(list_faults()) {
        for skip in 0..6 {
            let case = format!("{behaviors:?}, write {skip} {word}");
            check_two_runners(&case, behaviors, at * 10 + u64::from(skip), vec![FaultRule { skip, ..fault.clone() }])
                .await;
        }
    }
}

/// One test for every behaviour, so that they run beside each other.
macro_rules! under_every_behavior {
    ($($name:ident: $nth:expr),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            check_every_fault(UnknownBehaviors::all().nth($nth).expect("there are eight")).await;
        }
    )* };
}

under_every_behavior! {
    faults_of_a_write_double_and_lose_nothing_under_behavior_0: 0,
    faults_of_a_write_double_and_lose_nothing_under_behavior_1: 1,
    faults_of_a_write_double_and_lose_nothing_under_behavior_2: 2,
    faults_of_a_write_double_and_lose_nothing_under_behavior_3: 3,
    faults_of_a_write_double_and_lose_nothing_under_behavior_4: 4,
    faults_of_a_write_double_and_lose_nothing_under_behavior_5: 5,
    faults_of_a_write_double_and_lose_nothing_under_behavior_6: 6,
    faults_of_a_write_double_and_lose_nothing_under_behavior_7: 7,
}

/// Seeds of random errors under each behaviour.
const SEEDS: u64 = 6;

#[tokio::test(start_paused = true)]
async fn under_random_faults_nothing_is_doubled_or_lost() {
    for behaviors in UnknownBehaviors::all() {
        for seed in 1..=SEEDS {
            let rng = SeededRng::new(seed);
            let faults = (0..8).map(|_| {
                let list_faults = list_faults();
                let (_, fault) = &list_faults[usize::try_from(rng.next_u64() % 8).expect("small")];
                let on = if rng.next_u64().is_multiple_of(3) { FaultTarget::Reads } else { FaultTarget::Writes };
                let skip = u32::try_from(rng.next_u64() % 9).expect("small");
                FaultRule { on, skip, probability: 0.6, ..fault.clone() }
            });
            let faults = faults.collect();
            check_two_runners(&format!("{behaviors:?}, seed {seed}, {faults:?}"), behaviors, 1_000 + seed, faults)
                .await;
        }
    }
}
