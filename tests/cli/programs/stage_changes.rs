//! Stages whose files change, whose inputs are made anew, and whose machine is overtaken.

use std::process::Command;

use serde_json::json;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::programs::stages::{BAD_FEED, DAY, ID, SLOW_TRANSFORM, StagedProject, list_skipped};
use crate::running_command::RunningCommand;
use crate::temp_project::run_to_end;

/// A run of the job on this machine, on the spreadsheet of the emulator.
fn run_stages_on(staged: &StagedProject, emulator: &EmulatorProcess, machine: &str, args: &[&str]) -> Command {
    let mut command = emulator.command(&staged.project, ID, &[&["run", "prices.toml"], args].concat());
    command.env("XDG_STATE_HOME", staged.project.path(machine)).env("SHEETKEEP_LOGICAL_DATE", DAY);
    command
}

/// Opens a stage as a person does: its row in Processed is deleted.
fn delete_checkpoint(staged: &StagedProject, key: &str) {
    let client = ApiClient::of_file(&staged.project, "prices.sheet");
    let at = client.column("Processed prices", "key").iter().position(|known| known == key).expect("its row") + 1;
    client.edit_sheet(&json!([{"deleteDimension": {"range": {
        "sheetId": client.tab_id("Processed prices"), "dimension": "ROWS", "startIndex": at, "endIndex": at + 1}}}]));
}

#[test]
fn a_run_that_was_overtaken_puts_no_file_in_its_place() {
    let staged = StagedProject::new();
    let emulator = EmulatorProcess::start(&staged.project, &["--spreadsheet-id", ID]);
    // While the first machine transforms, a person lets the second one take over, which does it all.
    let script = r#"
        if [ "$MACHINE" = one ]; then
            MACHINE=two XDG_STATE_HOME="$PWD/two" "$SHEETKEEP" run prices.toml --take-over >&2 || exit 9
            echo loser > "$SHEETKEEP_STAGE_OUTPUT"
        else
            echo winner > "$SHEETKEEP_STAGE_OUTPUT"
        fi
    "#;
    staged.project.write("transform.sh", script);
    let mut first = run_stages_on(&staged, &emulator, "one", &[]);
    first.env("MACHINE", "one").env("SHEETKEEP", env!("CARGO_BIN_EXE_sheetkeep")).env("PATH", "/usr/bin:/bin");
    run_to_end(first).exits(75).stderr_has("prices").stderr_has("this run changed nothing after that");
    assert_eq!(staged.project.read("data/2026-11-29/clean.csv"), "winner\n");
    assert_eq!(staged.files("data/2026-11-29"), ["clean.csv", "raw.csv"], "what it had made is gone");
    assert_eq!(staged.project.read("outbox/2026-11-29.csv"), "winner\n");
    assert_eq!(
        list_skipped(&run_to_end(run_stages_on(&staged, &emulator, "two", &[]))),
        ["fetch", "transform", "upload"]
    );
}

#[test]
fn a_dead_machines_stages_go_on_elsewhere_when_its_lease_ends() {
    let staged = StagedProject::new();
    staged.project.replace_in("prices.toml", "name = \"prices\"", "name = \"prices\"\nlease = { ttl = \"1s\" }");
    let emulator = EmulatorProcess::start(&staged.project, &["--spreadsheet-id", ID]);
    staged.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = RunningCommand::start(run_stages_on(&staged, &emulator, "one", &[]));
    live.wait_for_line("up");
    drop(live);
    staged.restore("transform.sh");
    let second = loop {
        let second = run_to_end(run_stages_on(&staged, &emulator, "two", &[]));
        if second.code != Some(75) {
            break second;
        }
    };
    second.exits(0).stderr_has("died");
    assert_eq!(list_skipped(&second), ["fetch"]);
    let client = ApiClient::of(emulator, ID);
    assert_eq!(client.column("Runs", "status"), ["crashed", "succeeded"]);
}

#[test]
fn what_was_made_of_an_input_made_anew_is_made_again() {
    let staged = StagedProject::new();
    staged.run(&[]).exits(0);
    delete_checkpoint(&staged, "2026-11-29 fetch");
    staged.project.write("feed.csv", BAD_FEED);
    let failed = staged.run(&[]);
    failed.exits(1).stderr_has("transform failed: ended with 1: ValueError");
    // The old file of transform is there still, and so is its checkpoint.
    let states = staged.project.run(&["plan", "prices.toml"]);
    states.stdout_has("now: not done yet");
    let again = staged.run(&[]);
    again.exits(1).stderr_has("transform failed: ended with 1: ValueError");
    assert_eq!(list_skipped(&again), ["fetch"]);
    staged.project.write("transform.sh", "cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n");
    let third = staged.run(&[]);
    third.exits(0).stdout_has("new 2 · skipped 1");
    assert_eq!(staged.project.read("outbox/2026-11-29.csv"), BAD_FEED);
    assert_eq!(list_skipped(&staged.run(&[])), ["fetch", "transform", "upload"]);
}

#[test]
fn a_file_that_changed_by_hand_stops_the_run_after_all_that() {
    let staged = StagedProject::new();
    staged.run(&[]).exits(0);
    delete_checkpoint(&staged, "2026-11-29 fetch");
    staged.run(&[]).exits(0);
    staged.project.write("data/2026-11-29/clean.csv", "edited\n");
    staged.run(&[]).exits(65).stderr_has("transform failed: data/2026-11-29/clean.csv is not what its checkpoint says");
}

#[test]
fn an_input_that_another_machine_replaced_is_not_read() {
    let staged = StagedProject::new();
    // Between the check of raw.csv and its use, someone who shares the folder replaces it.
    let replaces = "\n[[stage]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"echo other > data/$SHEETKEEP_LOGICAL_DATE/raw.csv\"]\n";
    staged.project.replace_in(
        "prices.toml",
        "\n[[stage]]\nname = \"transform\"",
        &format!("{replaces}\n[[stage]]\nname = \"transform\""),
    );
    let ended = staged.run(&[]);
    ended
        .exits(65)
        .stderr_has("transform failed: data/2026-11-29/raw.csv, which it reads, is not what its checkpoint says");
    assert_eq!(staged.files("data/2026-11-29"), ["raw.csv"], "nothing was made of it");
}

#[test]
fn output_that_could_not_be_kept_is_no_success() {
    let staged = StagedProject::new();
    staged.project.write("fetch.sh", "rm -r data\nexec cat feed.csv\n");
    staged.run(&[]).exits(1).stderr_has("fetch failed: its standard output can't be kept");
    assert_eq!(staged.files("data"), Vec::<String>::new());
    assert_eq!(staged.column("Processed prices", "key"), Vec::<String>::new());
    staged.restore("fetch.sh");
    staged.run(&[]).exits(0).stdout_has("new 3");
}
