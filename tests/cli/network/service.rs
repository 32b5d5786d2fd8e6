//! The main job against a service in another process, with Google's latency: what it costs.

use serde_json::Value;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{QUAKES, TempProject};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";

fn count_calls(stats: &Value, name: &str) -> u64 {
    stats[name].as_u64().expect("a count")
}

/// With Google's quotas and 300 ms per call, a first run makes at most 4 reads and 5 writes. A
/// later one makes 2 reads and 1 write.
#[test]
fn a_run_under_googles_quotas_stays_within_its_budget() {
    let project = TempProject::quakes();
    // On a busy machine the run takes longer than the usual time between two commits.
    project.replace_in("quakes.toml", "[item]", "[commit]\nevery = \"1m\"\n\n[item]");
    let emulator =
        EmulatorProcess::start(&project, &["--quota", "google", "--latency", "300ms", "--spreadsheet-id", ID]);

    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 1,707").stdout_has("no 429");
    let first = emulator.stats();
    println!("first run, 1,707 new: {first}");
    assert!(count_calls(&first, "reads") <= 4 && count_calls(&first, "writes") <= 5, "{first}");
    assert_eq!((count_calls(&first, "tokens"), count_calls(&first, "throttled")), (1, 0), "{first}");

    emulator.reset_stats();
    emulator
        .run(&project, ID, &["run", "quakes.toml"])
        .exits(0)
        .stdout_has("new 0 · skipped 1,707")
        .stdout_has("no 429");
    let second = emulator.stats();
    println!("second run, nothing new: {second}");
    assert_eq!((count_calls(&second, "reads"), count_calls(&second, "writes")), (2, 1), "{second}");
    assert_eq!((count_calls(&second, "tokens"), count_calls(&second, "throttled")), (1, 0), "{second}");

    let client = ApiClient::of(emulator, ID);
    let keys = client.column("Processed quakes", "key");
    assert_eq!((client.rows("Quakes").len(), keys.len()), (QUAKES, QUAKES));
    assert_eq!(client.column("Quakes", "id"), keys);
    assert_eq!(client.column("Runs", "status"), ["succeeded", "succeeded"]);
}

#[test]
fn a_few_new_items_cost_two_reads_and_one_write() {
    let project = TempProject::with_few_quakes(20);
    let emulator = EmulatorProcess::start(&project, &["--quota", "google", "--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 20");
    emulator.reset_stats();
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(0..25));
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 5 · skipped 20");
    let stats = emulator.stats();
    assert_eq!(
        (count_calls(&stats, "reads"), count_calls(&stats, "writes"), count_calls(&stats, "throttled")),
        (2, 1, 0),
        "{stats}"
    );
}

#[test]
fn the_main_job_works_under_each_unproved_service_behaviour() {
    for missing_id in ["refuse", "ignore"] {
        for validate in ["sequential", "snapshot"] {
            for caller_ids in ["honour", "ignore"] {
                let project = TempProject::with_few_quakes(30).with_small_commits(10);
                let behaviors = ["--missing-id", missing_id, "--validate", validate, "--caller-ids", caller_ids];
                let emulator =
                    EmulatorProcess::start(&project, &[&["--spreadsheet-id", ID], behaviors.as_slice()].concat());
                emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 30");
                emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 30");
                let client = ApiClient::of(emulator, ID);
                let keys = client.column("Processed quakes", "key");
                assert_eq!(client.column("Quakes", "id"), keys, "{behaviors:?}");
                assert_eq!(keys.len(), 30, "{behaviors:?}");
            }
        }
    }
}

#[test]
fn status_and_show_write_nothing_to_a_service() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    emulator.reset_stats();
    emulator.run(&project, ID, &["status", "quakes.toml"]).exits(0).stdout_has("3").stdout_has(ID);
    emulator.run(&project, ID, &["show", "quakes.toml"]).exits(0).stdout_has("magnitude");
    assert_eq!(count_calls(&emulator.stats(), "writes"), 0);
}
