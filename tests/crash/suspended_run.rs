//! A machine that is stopped for longer than its lease, and then resumes.

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::running_command::RunningCommand;
use crate::sheet_checks::{check_runs, expect_each_key_once};
use crate::temp_project::{CommandOutput, TempProject, make_feed};

const ID: &str = "1StoppedSpreadsheet000000000000000000000000";
const RECORDS: usize = 12;
/// Attempts of the machine that waits for the lease; each takes as long as a process start and a
/// load.
const TRIES: usize = 500;

#[test]
fn a_run_stopped_longer_than_its_lease_adds_no_row() {
    let project = TempProject::with_few_quakes(RECORDS).with_small_commits(4);
    project.replace_in("quakes.toml", "[commit]", "[lease]\nttl = \"1s\"\n\n[commit]");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let whole = project.read("usgs-all-week.geojson");
    let mut sleeper =
        RunningCommand::start(emulator.command(&project, ID, &["run", "quakes.toml", "--input", "-", "-v"]));
    let name = sleeper.wait_for_line("started").replace("quakes: run ", "").replace(" started", "");
    sleeper.wait_for_line("claimed");
    sleeper.send_signal("-STOP");

    let other = || -> CommandOutput {
        let mut command = emulator.command(&project, ID, &["run", "quakes.toml"]);
        command.env("XDG_STATE_HOME", project.path("state of another machine"));
        RunningCommand::start(command).close_and_wait()
    };
    let first = other();
    if first.code == Some(75) {
        first.stderr_has(&name).stderr_has("is running it");
    }
    let took_over = std::iter::once(first).chain((0..TRIES).map(|_| other())).find(|ended| ended.code != Some(75));
    took_over.expect("a lease of one second runs out").exits(0).stdout_has("new 12");

    // The pipe holds all of it, so it does not matter whether the run reads or first sees that it lost its lease.
    sleeper.write_input(&whole);
    sleeper.send_signal("-CONT");
    sleeper.close_and_wait().exits(75).stderr_has("this run changed nothing after that");

    let client = ApiClient::of(emulator, ID);
    let all: serde_json::Value = serde_json::from_str(&make_feed(0..RECORDS)).expect("the feed is JSON");
    let records = all["features"].as_array().expect("records");
    let ids: Vec<String> = records.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect();
    expect_each_key_once(&client, "Quakes", "Processed quakes", &ids);
    assert_eq!(check_runs(&client, "Processed quakes"), (1, 1));
    assert_eq!(client.column("Runs", "run").first(), Some(&name), "the sleeper is recorded as crashed");
}
