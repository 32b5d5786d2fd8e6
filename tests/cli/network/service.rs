//! The main job against a service in another process, with Google's latency: what it costs.

use serde_json::Value;

use crate::temp_project::{QUAKES, TempProject};
use crate::wire::{ApiClient, Emulator};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";

fn count(stats: &Value, name: &str) -> u64 {
    stats[name].as_u64().expect("a count")
}

/// With Google's quotas and 300 ms per call, a first run makes at most 4 reads and 5 writes. A
/// later one makes 2 reads and 1 write.
#[test]
fn a_run_under_googles_quotas_stays_within_its_budget() {
    let project = TempProject::quakes();
    // On a busy machine the run takes longer than the usual time between two commits.
    project.change("quakes.toml", "[item]", "[commit]\nevery = \"1m\"\n\n[item]");
    let emulator = Emulator::start(&project, &["--quota", "google", "--latency", "300ms", "--spreadsheet-id", ID]);

    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 1,707").shows("no 429");
    let first = emulator.stats();
    println!("first run, 1,707 new: {first}");
    assert!(count(&first, "reads") <= 4 && count(&first, "writes") <= 5, "{first}");
    assert_eq!((count(&first, "tokens"), count(&first, "throttled")), (1, 0), "{first}");

    emulator.reset_stats();
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 1,707").shows("no 429");
    let second = emulator.stats();
    println!("second run, nothing new: {second}");
    assert_eq!((count(&second, "reads"), count(&second, "writes")), (2, 1), "{second}");
    assert_eq!((count(&second, "tokens"), count(&second, "throttled")), (1, 0), "{second}");

    let client = ApiClient::of(emulator, ID);
    let keys = client.column("Processed quakes", "key");
    assert_eq!((client.rows("Quakes").len(), keys.len()), (QUAKES, QUAKES));
    assert_eq!(client.column("Quakes", "id"), keys);
    assert_eq!(client.column("Runs", "status"), ["succeeded", "succeeded"]);
}

#[test]
fn a_few_new_items_cost_two_reads_and_one_write() {
    let project = TempProject::few_quakes(20);
    let emulator = Emulator::start(&project, &["--quota", "google", "--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 20");
    emulator.reset_stats();
    project.write("usgs-all-week.geojson", &crate::temp_project::feed(0..25));
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 5 · skipped 20");
    let stats = emulator.stats();
    assert_eq!((count(&stats, "reads"), count(&stats, "writes"), count(&stats, "throttled")), (2, 1, 0), "{stats}");
}

#[test]
fn the_main_job_works_under_each_unproved_service_behaviour() {
    for missing_id in ["refuse", "ignore"] {
        for validate in ["sequential", "snapshot"] {
            for caller_ids in ["honour", "ignore"] {
                let project = TempProject::few_quakes(30).in_small_commits(10);
                let doubts = ["--missing-id", missing_id, "--validate", validate, "--caller-ids", caller_ids];
                let emulator = Emulator::start(&project, &[&["--spreadsheet-id", ID], doubts.as_slice()].concat());
                emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 30");
                emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 30");
                let client = ApiClient::of(emulator, ID);
                let keys = client.column("Processed quakes", "key");
                assert_eq!(client.column("Quakes", "id"), keys, "{doubts:?}");
                assert_eq!(keys.len(), 30, "{doubts:?}");
            }
        }
    }
}

#[test]
fn status_and_show_write_nothing_to_a_service() {
    let project = TempProject::few_quakes(3);
    let emulator = Emulator::start(&project, &["--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    emulator.reset_stats();
    emulator.run(&project, ID, &["status", "quakes.toml"]).exits(0).shows("3").shows(ID);
    emulator.run(&project, ID, &["show", "quakes.toml"]).exits(0).shows("magnitude");
    assert_eq!(count(&emulator.stats(), "writes"), 0);
}
