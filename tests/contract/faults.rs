//! Whole runs by two runners over a service that fails in every way that services fail: each key's
//! rows exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::emulator::{FaultAction, FaultRule, FaultTarget, UnknownBehaviors};
use sheetkeep::fault::Fault as Kind;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::port::step::StepError;
use sheetkeep::rng::Rng;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::system::SeededRng;

use crate::contract::emulated::Emulated;
use crate::contract::ground::{Contents, StoreFixture};
use crate::support::{Job, Values};

/// Items of a story; one of them never works.
const ITEMS: u64 = 10;
/// The one that fails.
const BAD: u64 = 3;
/// Runs in a row that may end badly before the faults are used up.
const PATIENCE: u64 = 12;

fn items() -> Values {
    Values::of((0..ITEMS).map(|n| json!({"id": format!("k{n}"), "n": n})))
}

/// A runner on a machine of its own; every run of it draws other ids.
fn runner(world: &Emulated, seed: u64, elsewhere: bool) -> Job {
    let mut job = Job::new(world.clock()).step(|value: &Value, _| match value["n"].as_u64() {
        Some(BAD) => Err(StepError::Rejected("it never works".to_owned())),
        _ => Ok(vec![value.clone()]),
    });
    if elsewhere {
        job = job.elsewhere();
    }
    job.seed = seed;
    job.plan.max_rows = 4;
    job
}

async fn run(world: &Emulated, seed: u64, elsewhere: bool) -> Result<RunReport, RunError> {
    Box::pin(runner(world, seed, elsewhere).run(world.store_of("j", "Data"), items())).await
}

/// An end that a run may come to while the service is out of order or another run is at work.
fn passes(error: &RunError) -> bool {
    matches!(error.fault(), Kind::Transient | Kind::Throttled | Kind::Fenced)
}

/// Two runners at once, then again until the work is done; then what is on the sheet is held
/// against what should be.
async fn story(case: &str, doubts: UnknownBehaviors, seed: u64, faults: Vec<FaultRule>) {
    let world = Emulated::new(doubts, seed);
    world.emulator.set_faults(faults);
    let mut ends = Vec::new();
    let (here, there) = tokio::join!(run(&world, seed * 100, false), run(&world, seed * 100 + 1, true));
    ends.extend([here, there]);
    for n in 2..PATIENCE {
        if matches!(ends.last(), Some(Ok(_))) {
            break;
        }
        world.clock().sleep(Duration::from_secs(301)).await;
        ends.push(run(&world, seed * 100 + n, n % 2 == 0).await);
    }
    for end in &ends {
        if let Err(error) = end {
            assert!(passes(error), "{case}: {error}");
        }
    }
    world.emulator.set_faults(Vec::new());
    world.clock().sleep(Duration::from_secs(301)).await;
    let last = run(&world, seed * 100 + 99, false).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(last.keys, ITEMS - 1, "{case}");
    check_reported_once(case, &world.contents().await);
}

fn check_reported_once(case: &str, there: &Contents) {
    let expected: Vec<_> = (0..ITEMS).filter(|n| *n != BAD).map(|n| format!("k{n}")).collect();
    assert_eq!(Contents::sorted(&there.data, "id"), expected, "{case}: rows");
    assert_eq!(Contents::column(&there.data, "id"), Contents::column(&there.processed, "key"), "{case}: keys");
    assert_eq!(Contents::column(&there.failures, "key"), [format!("k{BAD}")], "{case}: failures");
    let runs = Contents::column(&there.runs, "run");
    assert_eq!(runs.iter().collect::<BTreeSet<_>>().len(), runs.len(), "{case}: a run is recorded twice: {runs:?}");
    let new: f64 = Contents::column(&there.runs, "new").iter().filter_map(|n| n.parse::<f64>().ok()).sum();
    assert_eq!(new.to_string(), (ITEMS - 1).to_string(), "{case}: what Runs says: {:?}", there.runs);
    let by = Contents::column(&there.processed, "run").into_iter();
    let by: BTreeSet<_> = by.filter_map(|run| run.split(" #").next().map(str::to_owned)).collect();
    assert!(by.iter().all(|run| runs.contains(run)), "{case}: a run wrote rows and is not recorded: {by:?} {runs:?}");
    assert_eq!(there.runs.last().and_then(|run| run.get("status")).map(String::as_str), Some("partial"), "{case}");
}

/// What may happen to a write.
fn mishaps() -> Vec<(&'static str, FaultRule)> {
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

async fn every_mishap(doubts: UnknownBehaviors) {
    for (at, (word, mishap)) in (1..).zip(mishaps()) {
        for skip in 0..6 {
            let case = format!("{doubts:?}, write {skip} {word}");
            story(&case, doubts, at * 10 + u64::from(skip), vec![FaultRule { skip, ..mishap.clone() }]).await;
        }
    }
}

/// One test for every doubt, so that they run beside each other.
macro_rules! under_every_doubt {
    ($($name:ident: $nth:expr),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            every_mishap(UnknownBehaviors::all().nth($nth).expect("there are eight")).await;
        }
    )* };
}

under_every_doubt! {
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_0: 0,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_1: 1,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_2: 2,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_3: 3,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_4: 4,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_5: 5,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_6: 6,
    whatever_befalls_a_write_nothing_is_doubled_or_lost_under_doubt_7: 7,
}

/// Seeds of random errors under each doubt.
const SEEDS: u64 = 6;

#[tokio::test(start_paused = true)]
async fn in_random_trouble_nothing_is_doubled_or_lost() {
    for doubts in UnknownBehaviors::all() {
        for seed in 1..=SEEDS {
            let rng = SeededRng::new(seed);
            let faults = (0..8).map(|_| {
                let mishaps = mishaps();
                let (_, mishap) = &mishaps[usize::try_from(rng.next_u64() % 8).expect("small")];
                let on = if rng.next_u64().is_multiple_of(3) { FaultTarget::Reads } else { FaultTarget::Writes };
                let skip = u32::try_from(rng.next_u64() % 9).expect("small");
                FaultRule { on, skip, probability: 0.6, ..mishap.clone() }
            });
            let faults = faults.collect();
            story(&format!("{doubts:?}, seed {seed}, {faults:?}"), doubts, 1_000 + seed, faults).await;
        }
    }
}
