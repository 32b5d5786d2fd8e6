//! Two concurrent runs of one job on one embedded file: one works, the other names it.
//!
//! On one machine (one state directory) the lock file separates them; on two, the lease on the
//! sheet does.

use crate::emulator_process::EmulatorProcess;
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, make_feed, run_to_end};

const ROUNDS: usize = 20;
const RECORDS: usize = 12;

/// Returns the id in `quakes: run <id> started`.
fn run_id(line: &str) -> String {
    line.split(' ').nth(2).expect("a run's id").to_owned()
}

/// While one run has the lease, because its input is open, a second one exits with 75 and names the
/// first.
#[test]
fn while_one_run_holds_the_lease_a_second_ends_with_75() {
    for round in 0..ROUNDS {
        let project = TempProject::with_few_quakes(RECORDS);
        let whole = project.read("usgs-all-week.geojson");
        let (head, tail) = whole.split_at(whole.len() / 2);
        let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
        let name = run_id(&first.wait_for_line("started"));
        first.wait_for_line("claimed");
        first.write_input(head);

        let args = ["run", "quakes.toml"];
        let two_machines = round % 2 == 1;
        let second = if two_machines { project.start_on_other_machine(&args) } else { project.start(&args) };
        let second = second.close_and_wait();
        second.exits(75).stderr_has(&name).stderr_has("is running it");
        assert_eq!(second.stdout, "", "a run that did nothing has no summary");

        first.write_input(tail);
        first.close_and_wait().exits(0).stdout_has("new 12");
        project.expect_each_quake_once(RECORDS);
        assert_eq!(project.column("quakes.toml", "Runs", "run"), [name], "the second one left no trace");
    }
}

#[test]
fn a_waiting_run_begins_after_the_other_or_ends_with_75() {
    let project = TempProject::with_few_quakes(RECORDS);
    let whole = project.read("usgs-all-week.geojson");
    let (head, tail) = whole.split_at(whole.len() / 2);
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    first.write_input(head);
    project
        .start(&["run", "quakes.toml", "--wait", "300ms"])
        .close_and_wait()
        .exits(75)
        .stderr_has("waiting: ")
        .stderr_has("is running it");
    let mut second = project.start(&["run", "quakes.toml", "--wait"]);
    second.wait_for_line("waiting: ");
    first.write_input(tail);
    first.close_and_wait().exits(0).stdout_has("new 12");
    second.close_and_wait().exits(0).stdout_has("skipped 12");
    project.expect_each_quake_once(RECORDS);
}

/// The test delays neither run: the later one finds the other working (75) or finished (0, nothing
/// new).
#[test]
fn of_two_runs_that_start_at_once_one_does_all_the_work() {
    let project = TempProject::with_few_quakes(0);
    for round in 1..=ROUNDS {
        let records = round * RECORDS;
        project.write("usgs-all-week.geojson", &make_feed(0..records));
        let args = ["run", "quakes.toml", "--json"];
        let one = project.start(&args);
        let two = if round % 2 == 1 { project.start_on_other_machine(&args) } else { project.start(&args) };
        let both = [one, two].map(RunningCommand::close_and_wait);
        let new: Vec<u64> = both.iter().filter_map(list_done_by).collect();
        assert!(!new.is_empty(), "round {round}: no run worked: {both:?}");
        assert_eq!(new.iter().sum::<u64>(), RECORDS as u64, "round {round}: {both:?}");
        assert!(new.contains(&(RECORDS as u64)), "round {round}: the work was shared: {both:?}");
        project.expect_each_quake_once(records);
    }
    let statuses = project.column("quakes.toml", "Runs", "status");
    assert!(statuses.iter().all(|status| status == "succeeded"), "{statuses:?}");
}

/// Returns what a run that worked has done; `None` for one that was rejected.
fn list_done_by(ended: &CommandOutput) -> Option<u64> {
    if ended.code == Some(0) {
        return ended.document()["counts"]["new"].as_u64();
    }
    ended.exits(75);
    let error = ended.error();
    assert_eq!((&error["code"], &error["retryable"]), (&"tempfail".into(), &true.into()));
    None
}

#[test]
fn a_dead_lease_can_be_stolen_and_its_run_counts_as_crashed() {
    let project = TempProject::with_few_quakes(RECORDS);
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    let name = run_id(&first.wait_for_line("started"));
    first.wait_for_line("claimed");
    first.kill();
    drop(first);
    let held = project.start_on_other_machine(&["run", "quakes.toml"]).close_and_wait();
    held.exits(75).stderr_has(&name).stderr_has("--take-over");
    project
        .start_on_other_machine(&["run", "quakes.toml", "--take-over"])
        .close_and_wait()
        .exits(0)
        .stdout_has("new 12");
    let shown = project.show_tab("quakes.toml", "Runs");
    assert_eq!((&shown["rows"][0][0], &shown["rows"][0][7]), (&name.into(), &"crashed".into()));
    project.expect_each_quake_once(RECORDS);
}

#[test]
fn a_run_whose_lease_was_stolen_changes_nothing_more() {
    let project = TempProject::with_few_quakes(RECORDS);
    let whole = project.read("usgs-all-week.geojson");
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    project.start_on_other_machine(&["run", "quakes.toml", "--steal"]).close_and_wait().exits(0).stdout_has("new 12");
    first.write_input(&whole);
    first.close_and_wait().exits(75).stderr_has("this run changed nothing after that");
    project.expect_each_quake_once(RECORDS);
}

/// The state's tab changes with every claim. So a load may request a tab that existed a moment ago.
#[test]
fn a_load_that_another_run_overtakes_is_made_again() {
    let project = TempProject::with_few_quakes(RECORDS);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    emulator.run(&project, "1AbC", &["run", "quakes.toml"]).exits(0);
    let fault = r#"[{"method": "spreadsheets.values.batchGet", "status": 503, "retry_after": 3}]"#;
    emulator.inject_faults(fault);
    let mut first = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "quakes.toml"]));
    first.wait_for_line("made again");
    let mut second = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
    second.env("XDG_STATE_HOME", project.path("state of another machine"));
    run_to_end(second).exits(0).stdout_has("skipped 12");
    first.close_and_wait().exits(0).stdout_has("new 0 · skipped 12");
}
