//! What runs cost in calls: the budgets of `docs/evidence/scale.md`, under every unknown
//! behaviour.

use serde_json::json;
use sheetkeep::emulator::UnknownBehaviors;

use crate::contract::emulator_fixture::EmulatorFixture;
use crate::contract::store_fixture::StoreFixture;
use crate::test_job::{TestJob, ValueSource};

/// Reads and writes of a run over so many items.
async fn count_calls(fixture: &EmulatorFixture, seed: u64, count: u64) -> (u64, u64) {
    let mut job = TestJob::new(fixture.clock());
    job.seed = seed;
    let items = ValueSource::of((0..count).map(|n| json!({"id": format!("k{n}"), "n": n})));
    let report = job.run(fixture.store_of("j", "Data"), items).await.expect("a clean run");
    let stats = fixture.emulator.stats();
    assert_eq!((report.reads, report.writes), (stats.reads, stats.writes), "the report counts the calls");
    // A batch does not contain that it was refused by name and sent again by title.
    let unknown = u64::from(report.writes == 5);
    assert_eq!(report.run.calls + unknown, stats.reads + stats.writes, "and so does Runs");
    fixture.emulator.reset_stats();
    (report.reads, report.writes)
}

#[tokio::test(start_paused = true)]
async fn a_first_run_and_a_later_one_stay_within_their_calls() {
    for (nth, behaviors) in UnknownBehaviors::all().enumerate() {
        let fixture = EmulatorFixture::new(behaviors, 3);
        let first = count_calls(&fixture, 1, 10).await;
        let something_new = count_calls(&fixture, 2, 12).await;
        let nothing_new = count_calls(&fixture, 3, 12).await;
        let form = if fixture.guards_by_name().await { "name" } else { "title" };
        println!("{behaviors:?}: by {form}: first {first:?}, later {something_new:?}, nothing new {nothing_new:?}");
        assert!(first.0 <= 4 && first.1 <= 5, "{behaviors:?}: a first run cost {first:?}");
        assert_eq!((something_new, nothing_new), ((2, 1), (2, 1)), "{behaviors:?}");
        assert_eq!(form == "name", nth == 0, "{behaviors:?}: only where all of it is so may the name guard");
    }
}
