//! SIGINT and SIGTERM: processed items are committed, the lease is released, and Runs records it.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

use crate::emulator_process::EmulatorProcess;
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, make_feed};

const RECORDS: usize = 15;

/// Returns a feed that stays open after fifteen records and one without a key. The failure is
/// reported as soon as it is read. So a test that sees it knows that the fifteen records before it
/// are in progress.
fn open_feed() -> String {
    let whole = make_feed(0..RECORDS);
    let records = whole.strip_suffix("\n]}\n").expect("the feed ends so");
    format!("{records},\n{{\"no\": \"key\"}},\n")
}

/// Returns a job that does not commit by itself for a long time.
fn start_patient_run() -> TempProject {
    TempProject::with_few_quakes(RECORDS).with_small_commits(1_000)
}

fn expect_clean_stop(project: &TempProject, ended: &CommandOutput, code: i32, signal: &str) {
    ended
        .exits(code)
        .stderr_has("finishing the items in progress")
        .stdout_has("interrupted")
        .stdout_has("new 15")
        .stdout_has(signal);
    project.expect_each_quake_once(RECORDS);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["interrupted"]);
    assert_eq!(project.column("quakes.toml", "Failures quakes", "step"), ["item"]);
    let next = project.start_on_other_machine(&["run", "quakes.toml"]).close_and_wait();
    next.exits(0).stdout_has("new 0 · skipped 15");
}

#[test]
fn sigint_during_standard_input_commits_and_exits_with_130() {
    let project = start_patient_run();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.write_input(&open_feed());
    live.wait_for_line(": failed ");
    live.send_signal("-INT");
    let ended = live.wait_for_end();
    expect_clean_stop(&project, &ended, 130, "SIGINT");
}

#[test]
fn sigterm_during_a_named_pipe_commits_and_exits_with_143() {
    let project = start_patient_run();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut live = project.start(&["run", "quakes.toml", "--input", "pipe", "-v"]);
    let mut pipe = OpenOptions::new().write(true).open(project.path("pipe")).expect("the run reads it");
    pipe.write_all(open_feed().as_bytes()).expect("it reads on");
    live.wait_for_line(": failed ");
    live.send_signal("-TERM");
    let ended = live.wait_for_end();
    expect_clean_stop(&project, &ended, 143, "SIGTERM");
    drop(pipe);
}

#[test]
fn a_run_that_waits_for_its_first_record_can_be_stopped_too() {
    let project = start_patient_run();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.wait_for_line("claimed");
    live.send_signal("-TERM");
    live.wait_for_end().exits(143).stdout_has("new 0");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["interrupted"]);
    project.start_on_other_machine(&["run", "quakes.toml"]).close_and_wait().exits(0).stdout_has("new 15");
}

#[test]
fn a_deadline_commits_what_is_in_hand_and_exits_with_124() {
    let project = start_patient_run();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v", "--deadline", "3s"]);
    live.write_input(&open_feed());
    live.wait_for_line("the deadline");
    live.wait_for_end().exits(124).stdout_has("timed out").stdout_has("new 15");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["timed out"]);
    project.expect_each_quake_once(RECORDS);
}

#[test]
fn an_emulator_ends_well_when_it_is_asked_to() {
    let project = TempProject::empty();
    let mut live = project.start(&["emulate", "--file", "x.sheet"]);
    while !project.list_entries().contains(&"x.sheet".to_owned()) {
        std::thread::yield_now();
    }
    live.send_signal("-TERM");
    let ended = live.wait_for_end();
    ended.exits(0).stdout_has("http://127.0.0.1:");
}

#[test]
fn a_run_whose_named_pipe_has_no_writer_can_be_stopped() {
    let project = start_patient_run();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut live = project.start(&["run", "quakes.toml", "--input", "pipe", "-v"]);
    live.wait_for_line("claimed");
    live.send_signal("-TERM");
    live.wait_for_end().exits(143).stdout_has("new 0");
}

#[test]
fn a_run_that_still_reads_its_state_stops_at_the_first_signal() {
    let project = start_patient_run();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    emulator.suspend();
    let mut live = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "quakes.toml"]));
    live.wait_for_line("started");
    live.send_signal("-INT");
    live.close_and_wait().exits(130).stderr_has("stopped by SIGINT").stderr_has("nothing was written");
}

#[test]
fn a_third_signal_means_at_once() {
    let project = start_patient_run();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    let mut live =
        RunningCommand::start(emulator.command(&project, "1AbC", &["run", "quakes.toml", "--input", "-", "-v"]));
    live.wait_for_line("claimed");
    emulator.suspend();
    live.send_signal("-TERM");
    live.wait_for_line("finishing the items in progress");
    // Each signal counts that comes a second after the last one that counted.
    while !live.has_ended() {
        live.send_signal("-INT");
    }
    live.wait_for_end().exits(143).stderr_has("third signal");
    emulator.resume();
    emulator.run(&project, "1AbC", &["run", "quakes.toml"]).exits(0).stdout_has("new 15");
}
