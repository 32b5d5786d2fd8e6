//! Stages whose files change, whose inputs are made anew, and whose machine is overtaken.

use std::process::Command;

use serde_json::json;

use crate::live::Live;
use crate::programs::stages::{BAD_FEED, DAY, ID, SLOW_TRANSFORM, Team, skipped};
use crate::temp_project::ended;
use crate::wire::{ApiClient, Emulator};

/// A run of the job on this machine, on the spreadsheet of the emulator.
fn on(team: &Team, emulator: &Emulator, machine: &str, args: &[&str]) -> Command {
    let mut command = emulator.command(&team.project, ID, &[&["run", "prices.toml"], args].concat());
    command.env("XDG_STATE_HOME", team.project.path(machine)).env("SHEETKEEP_LOGICAL_DATE", DAY);
    command
}

/// Opens a stage as a person does: its row in Processed is deleted.
fn delete_checkpoint(team: &Team, key: &str) {
    let client = ApiClient::of_file(&team.project, "prices.sheet");
    let at = client.column("Processed prices", "key").iter().position(|known| known == key).expect("its row") + 1;
    client.hands(&json!([{"deleteDimension": {"range": {
        "sheetId": client.tab_id("Processed prices"), "dimension": "ROWS", "startIndex": at, "endIndex": at + 1}}}]));
}

#[test]
fn a_run_that_was_overtaken_puts_no_file_in_its_place() {
    let team = Team::new();
    let emulator = Emulator::start(&team.project, &["--spreadsheet-id", ID]);
    // While the first machine transforms, a person lets the second one take over, which does it all.
    let script = r#"
        if [ "$MACHINE" = one ]; then
            MACHINE=two XDG_STATE_HOME="$PWD/two" "$SHEETKEEP" run prices.toml --take-over >&2 || exit 9
            echo loser > "$SHEETKEEP_STAGE_OUTPUT"
        else
            echo winner > "$SHEETKEEP_STAGE_OUTPUT"
        fi
    "#;
    team.project.write("transform.sh", script);
    let mut first = on(&team, &emulator, "one", &[]);
    first.env("MACHINE", "one").env("SHEETKEEP", env!("CARGO_BIN_EXE_sheetkeep")).env("PATH", "/usr/bin:/bin");
    ended(first).exits(75).says("prices").says("this run changed nothing after that");
    assert_eq!(team.project.read("data/2026-11-29/clean.csv"), "winner\n");
    assert_eq!(team.files("data/2026-11-29"), ["clean.csv", "raw.csv"], "what it had made is gone");
    assert_eq!(team.project.read("outbox/2026-11-29.csv"), "winner\n");
    assert_eq!(skipped(&ended(on(&team, &emulator, "two", &[]))), ["fetch", "transform", "upload"]);
}

#[test]
fn a_dead_machines_stages_go_on_elsewhere_when_its_lease_ends() {
    let team = Team::new();
    team.project.change("prices.toml", "name = \"prices\"", "name = \"prices\"\nlease = { ttl = \"1s\" }");
    let emulator = Emulator::start(&team.project, &["--spreadsheet-id", ID]);
    team.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = Live::start(on(&team, &emulator, "one", &[]));
    live.hears("up");
    drop(live);
    team.restore("transform.sh");
    let second = loop {
        let second = ended(on(&team, &emulator, "two", &[]));
        if second.code != Some(75) {
            break second;
        }
    };
    second.exits(0).says("died");
    assert_eq!(skipped(&second), ["fetch"]);
    let client = ApiClient::of(emulator, ID);
    assert_eq!(client.column("Runs", "status"), ["crashed", "succeeded"]);
}

#[test]
fn what_was_made_of_an_input_made_anew_is_made_again() {
    let team = Team::new();
    team.run(&[]).exits(0);
    delete_checkpoint(&team, "2026-11-29 fetch");
    team.project.write("feed.csv", BAD_FEED);
    let failed = team.run(&[]);
    failed.exits(1).says("transform failed: ended with 1: ValueError");
    // The old file of transform is there still, and so is its checkpoint.
    let states = team.project.run(&["plan", "prices.toml"]);
    states.shows("now: not done yet");
    let again = team.run(&[]);
    again.exits(1).says("transform failed: ended with 1: ValueError");
    assert_eq!(skipped(&again), ["fetch"]);
    team.project.write("transform.sh", "cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n");
    let third = team.run(&[]);
    third.exits(0).shows("new 2 · skipped 1");
    assert_eq!(team.project.read("outbox/2026-11-29.csv"), BAD_FEED);
    assert_eq!(skipped(&team.run(&[])), ["fetch", "transform", "upload"]);
}

#[test]
fn a_file_that_changed_by_hand_stops_the_run_after_all_that() {
    let team = Team::new();
    team.run(&[]).exits(0);
    delete_checkpoint(&team, "2026-11-29 fetch");
    team.run(&[]).exits(0);
    team.project.write("data/2026-11-29/clean.csv", "edited\n");
    team.run(&[]).exits(65).says("transform failed: data/2026-11-29/clean.csv is not what its checkpoint says");
}

#[test]
fn an_input_that_another_machine_replaced_is_not_read() {
    let team = Team::new();
    // Between the check of raw.csv and its use, someone who shares the folder replaces it.
    let replaces = "\n[[stage]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"echo other > data/$SHEETKEEP_LOGICAL_DATE/raw.csv\"]\n";
    team.project.change(
        "prices.toml",
        "\n[[stage]]\nname = \"transform\"",
        &format!("{replaces}\n[[stage]]\nname = \"transform\""),
    );
    let ended = team.run(&[]);
    ended.exits(65).says("transform failed: data/2026-11-29/raw.csv, which it reads, is not what its checkpoint says");
    assert_eq!(team.files("data/2026-11-29"), ["raw.csv"], "nothing was made of it");
}

#[test]
fn output_that_could_not_be_kept_is_no_success() {
    let team = Team::new();
    team.project.write("fetch.sh", "rm -r data\nexec cat feed.csv\n");
    team.run(&[]).exits(1).says("fetch failed: its standard output can't be kept");
    assert_eq!(team.files("data"), Vec::<String>::new());
    assert_eq!(team.column("Processed prices", "key"), Vec::<String>::new());
    team.restore("fetch.sh");
    team.run(&[]).exits(0).shows("new 3");
}
