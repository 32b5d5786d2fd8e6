//! `sheetkeep once` without `--files`: the mark is in the spreadsheet.

use std::process::Command;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const ID: &str = "1AbC";
const DATE: [&str; 2] = ["--date", "2026-11-29"];
/// Applies the next write and answers 503, as a proxy does that loses an answer.
const LOST_WRITES: &str = r#"[{"on": "writes", "do": "applied-fail", "status": 503, "times": 1},
    {"on": "writes", "do": "applied-fail", "status": 503, "times": 1, "skip": 1}]"#;

/// Two machines, and a spreadsheet that both know.
struct Machines {
    project: TempProject,
    emulator: EmulatorProcess,
}

impl Machines {
    fn new() -> Self {
        let project = TempProject::empty();
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        Self { project, emulator }
    }

    fn command(&self, machine: &str, flags: &[&str], script: &str) -> Command {
        let args = [&["once", "daily"], flags, &["--", "sh", "-c", script]].concat();
        let mut command = self.emulator.command(&self.project, ID, &args);
        command.env("XDG_STATE_HOME", self.project.path(machine));
        command
    }

    fn run(&self, machine: &str, flags: &[&str], script: &str) -> CommandOutput {
        run_to_end(self.command(machine, flags, script))
    }

    /// Starts a command that waits until `go` is called, and waits until it runs.
    fn start(&self, machine: &str) -> RunningCommand {
        let gate = self.project.path("gate");
        assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo can be run").success());
        let script = "echo up >&2; read line < gate; echo x >> ran";
        let mut live = RunningCommand::start(self.command(machine, &[&DATE[..], &["--no-stdin"]].concat(), script));
        live.wait_for_line("up");
        live
    }

    fn go(&self) {
        self.project.write("gate", "go\n");
    }
}

#[test]
fn the_sheet_knows_on_every_machine_what_is_done() {
    let machines = Machines::new();
    let script = "echo $SHEETKEEP_LOGICAL_DATE >> ran; echo out";
    let first = machines.run("one", &DATE, script);
    first.exits(0);
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("out\n", ""));
    machines.emulator.reset_stats();
    let second = machines.run("two", &DATE, script);
    assert_eq!(second.exits(0).stderr, "daily: already done, skipping\n");
    let stats = machines.emulator.stats();
    assert_eq!(stats["writes"], 0, "nothing is written about what is done: {stats}");
    machines.run("two", &["--date", "2026-11-30"], script).exits(0);
    assert_eq!(machines.project.read("ran"), "2026-11-29\n2026-11-30\n");
    let client = ApiClient::of(machines.emulator, ID);
    assert_eq!(client.column("Processed daily", "key"), ["2026-11-29", "2026-11-30"]);
    assert_eq!(client.column("Runs", "status"), ["succeeded", "succeeded"]);
    assert_eq!(client.column("Runs", "message"), ["", ""], "a command makes no rows, which is nothing to report");
    assert!(!client.tabs().contains(&"once daily".to_owned()));
}

#[test]
fn of_two_machines_at_once_one_runs_it() {
    let machines = Machines::new();
    let mut live = machines.start("one");
    let other = machines.run("two", &DATE, "echo y >> ran");
    other.exits(75).stderr_has("daily is being done by run").stderr_has("its claim ends");
    machines.run("one", &DATE, "echo z >> ran").exits(75).stderr_has("daily is being done by run");
    machines.go();
    live.wait_for_end().exits(0);
    assert_eq!(machines.run("two", &DATE, "echo y >> ran").exits(0).stderr, "daily: already done, skipping\n");
    assert_eq!(machines.project.read("ran"), "x\n");
}

#[test]
fn machines_that_start_together_run_it_at_most_once() {
    let machines = Machines::new();
    let names = ["one", "two", "three"];
    let all: Vec<RunningCommand> =
        names.map(|name| RunningCommand::start(machines.command(name, &DATE, "echo x >> ran"))).into_iter().collect();
    let codes: Vec<_> = all.into_iter().map(|live| live.close_and_wait().code).collect();
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 75))), "{codes:?}");
    assert_eq!(machines.project.read("ran"), "x\n");
}

#[test]
fn a_lost_answer_neither_repeats_nor_forgets_it() {
    let machines = Machines::new();
    machines.emulator.inject_faults(LOST_WRITES);
    machines.run("one", &DATE, "echo x >> ran").exits(0);
    machines.run("two", &DATE, "echo y >> ran").exits(0).stderr_has("already done, skipping");
    assert_eq!(machines.project.read("ran"), "x\n");
}

#[test]
fn a_success_that_the_sheet_did_not_take_is_recorded_later() {
    let machines = Machines::new();
    machines.run("one", &["--date", "2026-11-28"], "true").exits(0);
    machines.emulator.inject_faults(r#"[{"on": "writes", "do": "fail", "status": 403, "skip": 1}]"#);
    let lost = machines.run("one", &DATE, "echo x >> ran");
    lost.exits(77).stderr_has("the next call on this machine records it and runs nothing");
    machines.run("one", &DATE, "echo y >> ran").exits(0);
    machines.run("two", &DATE, "echo z >> ran").exits(0).stderr_has("already done, skipping");
    assert_eq!(machines.project.read("ran"), "x\n");
}

#[test]
fn a_killed_call_is_taken_over_at_once_on_its_machine_only() {
    let machines = Machines::new();
    let live = machines.start("one");
    // Killed and reaped; its command has the pipes still.
    drop(live);
    machines.run("two", &DATE, "echo y >> ran").exits(75).stderr_has("if that has died, its claim ends");
    machines.run("one", &DATE, "echo z >> ran").exits(0).stderr_has("died before it was done");
    assert!(machines.project.read("ran").contains("z\n"));
    // The command of the killed call waits still.
    machines.go();
}

#[test]
fn a_failure_or_a_signal_leaves_it_undone_in_the_sheet() {
    let machines = Machines::new();
    let failed = machines.run("one", &DATE, "echo out; echo 'no route' >&2; exit 7");
    failed.exits(7).stderr_has("daily: not done for 2026-11-29: ended with 7: no route");
    assert_eq!(failed.stdout, "out\n");
    let mut live = machines.start("one");
    live.send_signal("-TERM");
    live.wait_for_end().exits(143).stderr_has("interrupted by SIGTERM");
    machines.run("two", &DATE, "cat >> ran; echo x >> ran").exits(0);
    assert_eq!(machines.project.read("ran"), "x\n");
}

#[test]
fn force_in_the_sheet_does_it_again_or_leaves_it_undone() {
    let machines = Machines::new();
    machines.run("one", &[&DATE[..], &["--force"]].concat(), "echo 1 >> ran").exits(0);
    machines.run("two", &[&DATE[..], &["--force"]].concat(), "echo 2 >> ran").exits(0);
    machines.run("one", &[&DATE[..], &["--force"]].concat(), "exit 3").exits(3);
    machines.run("one", &DATE, "echo 4 >> ran").exits(0);
    assert_eq!(machines.project.read("ran"), "1\n2\n4\n");
}

#[test]
fn a_mark_needs_a_place_that_a_person_has_named() {
    let project = TempProject::empty();
    project
        .run(&["once", "a", "--", "true"])
        .exits(78)
        .stderr_has("no spreadsheet is set")
        .stderr_has("SHEETKEEP_SPREADSHEET_ID");
    project.run(&["once", "a", "--embedded", "a.sheet", "--", "true"]).exits(0);
    project.run(&["once", "a", "--embedded", "a.sheet", "--", "false"]).exits(0).stderr_has("already done, skipping");
    let long = "x".repeat(51);
    project.run(&["once", &long, "--embedded", "a.sheet", "--", "true"]).exits(2).stderr_has("at most 50 characters");
    project.run(&["once", "a", "--embedded", "a.sheet", "--files", "d", "--", "true"]).exits(2);
}

#[test]
fn a_job_of_the_same_name_is_left_alone() {
    let project = TempProject::orders("", "1,2\n");
    project.run(&["run", "orders.toml", "--embedded", "all.sheet"]).exits(0);
    let once = project.run(&["once", "orders", "--embedded", "all.sheet", "--", "true"]);
    once.exits(78).stderr_has("orders is the name of a job in this spreadsheet");
}
