//! SIGINT and SIGTERM: processed items are committed, the lease is released, and Runs records it.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;

use crate::live::Live;
use crate::temp_project::{Ended, TempProject, feed};
use crate::wire::Emulator;

const RECORDS: usize = 15;

/// Returns a feed that stays open after fifteen records and one without a key. The failure is
/// reported as soon as it is read. So a test that sees it knows that the fifteen records before it
/// are in progress.
fn open_feed() -> String {
    let whole = feed(0..RECORDS);
    let records = whole.strip_suffix("\n]}\n").expect("the feed ends so");
    format!("{records},\n{{\"no\": \"key\"}},\n")
}

/// Returns a job that does not commit by itself for a long time.
fn patient() -> TempProject {
    TempProject::few_quakes(RECORDS).in_small_commits(1_000)
}

fn is_stopped_cleanly(project: &TempProject, ended: &Ended, code: i32, signal: &str) {
    ended.exits(code).says("finishing the items in progress").shows("interrupted").shows("new 15").shows(signal);
    project.holds_each_quake_once(RECORDS);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["interrupted"]);
    assert_eq!(project.column("quakes.toml", "Failures quakes", "step"), ["item"]);
    let next = project.start_elsewhere(&["run", "quakes.toml"]).ends();
    next.exits(0).shows("new 0 · skipped 15");
}

#[test]
fn sigint_during_standard_input_commits_and_exits_with_130() {
    let project = patient();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.feed(&open_feed());
    live.hears(": failed ");
    live.signal("-INT");
    let ended = live.ends_by_itself();
    is_stopped_cleanly(&project, &ended, 130, "SIGINT");
}

#[test]
fn sigterm_during_a_named_pipe_commits_and_exits_with_143() {
    let project = patient();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut live = project.start(&["run", "quakes.toml", "--input", "pipe", "-v"]);
    let mut pipe = OpenOptions::new().write(true).open(project.path("pipe")).expect("the run reads it");
    pipe.write_all(open_feed().as_bytes()).expect("it reads on");
    live.hears(": failed ");
    live.signal("-TERM");
    let ended = live.ends_by_itself();
    is_stopped_cleanly(&project, &ended, 143, "SIGTERM");
    drop(pipe);
}

#[test]
fn a_run_that_waits_for_its_first_record_can_be_stopped_too() {
    let project = patient();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.hears("claimed");
    live.signal("-TERM");
    live.ends_by_itself().exits(143).shows("new 0");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["interrupted"]);
    project.start_elsewhere(&["run", "quakes.toml"]).ends().exits(0).shows("new 15");
}

#[test]
fn a_deadline_commits_what_is_in_hand_and_exits_with_124() {
    let project = patient();
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v", "--deadline", "3s"]);
    live.feed(&open_feed());
    live.hears("the deadline");
    live.ends_by_itself().exits(124).shows("timed out").shows("new 15");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["timed out"]);
    project.holds_each_quake_once(RECORDS);
}

#[test]
fn an_emulator_ends_well_when_it_is_asked_to() {
    let project = TempProject::empty();
    let mut live = project.start(&["emulate", "--file", "x.sheet"]);
    while !project.listed().contains(&"x.sheet".to_owned()) {
        std::thread::yield_now();
    }
    live.signal("-TERM");
    let ended = live.ends_by_itself();
    ended.exits(0).shows("http://127.0.0.1:");
}

#[test]
fn a_run_whose_named_pipe_has_no_writer_can_be_stopped() {
    let project = patient();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut live = project.start(&["run", "quakes.toml", "--input", "pipe", "-v"]);
    live.hears("claimed");
    live.signal("-TERM");
    live.ends_by_itself().exits(143).shows("new 0");
}

#[test]
fn a_run_that_still_reads_its_state_stops_at_the_first_signal() {
    let project = patient();
    let emulator = Emulator::start(&project, &["--spreadsheet-id", "1AbC"]);
    emulator.falls_silent();
    let mut live = Live::start(emulator.command(&project, "1AbC", &["run", "quakes.toml"]));
    live.hears("started");
    live.signal("-INT");
    live.ends().exits(130).says("stopped by SIGINT").says("nothing was written");
}

#[test]
fn a_third_signal_means_at_once() {
    let project = patient();
    let emulator = Emulator::start(&project, &["--spreadsheet-id", "1AbC"]);
    let mut live = Live::start(emulator.command(&project, "1AbC", &["run", "quakes.toml", "--input", "-", "-v"]));
    live.hears("claimed");
    emulator.falls_silent();
    live.signal("-TERM");
    live.hears("finishing the items in progress");
    // Each signal counts that comes a second after the last one that counted.
    while !live.is_over() {
        live.signal("-INT");
    }
    live.ends_by_itself().exits(143).says("third signal");
    emulator.speaks_again();
    emulator.run(&project, "1AbC", &["run", "quakes.toml"]).exits(0).shows("new 15");
}
