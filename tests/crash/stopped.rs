//! A machine that is stopped for longer than its lease, and then resumes.

use crate::live::Live;
use crate::story::{check_runs_are_true, holds_each_once};
use crate::temp_project::{Ended, TempProject, feed};
use crate::wire::{ApiClient, Emulator};

const ID: &str = "1StoppedSpreadsheet000000000000000000000000";
const RECORDS: usize = 12;
/// Attempts of the machine that waits for the lease; each takes as long as a process start and a
/// load.
const TRIES: usize = 500;

#[test]
fn a_run_stopped_longer_than_its_lease_adds_no_row() {
    let project = TempProject::few_quakes(RECORDS).in_small_commits(4);
    project.change("quakes.toml", "[commit]", "[lease]\nttl = \"1s\"\n\n[commit]");
    let emulator = Emulator::start(&project, &["--spreadsheet-id", ID]);
    let whole = project.read("usgs-all-week.geojson");
    let mut sleeper = Live::start(emulator.command(&project, ID, &["run", "quakes.toml", "--input", "-", "-v"]));
    let name = sleeper.hears("started").replace("quakes: run ", "").replace(" started", "");
    sleeper.hears("claimed");
    sleeper.signal("-STOP");

    let other = || -> Ended {
        let mut command = emulator.command(&project, ID, &["run", "quakes.toml"]);
        command.env("XDG_STATE_HOME", project.path("state of another machine"));
        Live::start(command).ends()
    };
    let first = other();
    if first.code == Some(75) {
        first.says(&name).says("is running it");
    }
    let took_over = std::iter::once(first).chain((0..TRIES).map(|_| other())).find(|ended| ended.code != Some(75));
    took_over.expect("a lease of one second runs out").exits(0).shows("new 12");

    // The pipe holds all of it, so it does not matter whether the run reads or first sees that it lost its lease.
    sleeper.feed(&whole);
    sleeper.signal("-CONT");
    sleeper.ends().exits(75).says("this run changed nothing after that");

    let client = ApiClient::of(emulator, ID);
    let all: serde_json::Value = serde_json::from_str(&feed(0..RECORDS)).expect("the feed is JSON");
    let records = all["features"].as_array().expect("records");
    let ids: Vec<String> = records.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect();
    holds_each_once(&client, "Quakes", "Processed quakes", &ids);
    assert_eq!(check_runs_are_true(&client, "Processed quakes"), (1, 1));
    assert_eq!(client.column("Runs", "run").first(), Some(&name), "the sleeper is recorded as crashed");
}
