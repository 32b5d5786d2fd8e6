//! What runs cost in calls: the budgets of `docs/architecture.md`, under every doubt.

use serde_json::json;
use sheetkeep::emulator::UnknownBehaviors;

use crate::contract::emulated::Emulated;
use crate::contract::ground::StoreFixture;
use crate::support::{Job, Values};

/// Reads and writes of a run over so many items.
async fn cost(world: &Emulated, seed: u64, count: u64) -> (u64, u64) {
    let mut job = Job::new(world.clock());
    job.seed = seed;
    let items = Values::of((0..count).map(|n| json!({"id": format!("k{n}"), "n": n})));
    let report = job.run(world.store_of("j", "Data"), items).await.expect("a clean run");
    let stats = world.emulator.stats();
    assert_eq!((report.reads, report.writes), (stats.reads, stats.writes), "the report counts the calls");
    // A batch does not contain that it was refused by name and sent again by title.
    let unknown = u64::from(report.writes == 5);
    assert_eq!(report.run.calls + unknown, stats.reads + stats.writes, "and so does Runs");
    world.emulator.reset_stats();
    (report.reads, report.writes)
}

#[tokio::test(start_paused = true)]
async fn a_first_run_and_a_later_one_stay_within_their_calls() {
    for (nth, doubts) in UnknownBehaviors::all().enumerate() {
        let world = Emulated::new(doubts, 3);
        let first = cost(&world, 1, 10).await;
        let something_new = cost(&world, 2, 12).await;
        let nothing_new = cost(&world, 3, 12).await;
        let form = if world.guards_by_name().await { "name" } else { "title" };
        println!("{doubts:?}: by {form}: first {first:?}, later {something_new:?}, nothing new {nothing_new:?}");
        assert!(first.0 <= 4 && first.1 <= 5, "{doubts:?}: a first run cost {first:?}");
        assert_eq!((something_new, nothing_new), ((2, 1), (2, 1)), "{doubts:?}");
        assert_eq!(form == "name", nth == 0, "{doubts:?}: only where all of it is so may the name guard");
    }
}
