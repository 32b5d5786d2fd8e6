//! Resources that this machine refuses: no record fails for it, nothing is lost, and the next run
//! continues.
//!
//! The programs of the jobs take the run's own resources away, with util-linux' `prlimit`, and so
//! choose the time.

use std::fs::OpenOptions;
use std::process::Command;

use crate::emulator_process::EmulatorProcess;
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const JOB: &str = r#"
name = "letters"

[source]
jsonl = "people.jsonl"

[item]
key = ".id"

[[step]]
name = "letter"
command = ["./letter.sh"]
delivery = "at-least-once"

[commit]
every = "1h"

[sheet]
tab = "Letters"
"#;

/// Records the recipients, and does at c what the test requires.
const LETTER: &str = r#"#!/bin/sh
read -r person
echo "$SHEETKEEP_KEY" >> sent.txt
if [ "$SHEETKEEP_KEY" = c ] && [ ! -e well ]; then
    . ./at-c.sh
fi
"#;

const PEOPLE: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Returns a job with six recipients, whose program does `at_c` at the third.
fn make_project(at_c: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("letters.toml", JOB);
    project.write("letter.sh", LETTER);
    project.write("at-c.sh", at_c);
    write_executable(&project);
    project.write("people.jsonl", &PEOPLE.map(|id| format!("{{\"id\": \"{id}\"}}\n")).concat());
    project
}

fn write_executable(project: &TempProject) {
    let made = Command::new("chmod").arg("+x").arg(project.path("letter.sh")).status().expect("chmod can be run");
    assert!(made.success());
}

fn make_at_most_once_project(project: TempProject) -> TempProject {
    project.replace_in("letters.toml", "at-least-once", "at-most-once");
    project
}

fn read_sent(project: &TempProject) -> Vec<String> {
    project.read("sent.txt").lines().map(str::to_owned).collect()
}

/// Checks that the next run, on a machine without limits, does the rest without failures.
fn expect_next_run_completes(project: &TempProject) {
    project.write("well", "");
    project.run(&["run", "letters.toml"]).exits(0).stdout_has("failed 0");
    let mut there = project.column("letters.toml", "Letters", "id");
    there.sort();
    assert_eq!(there, PEOPLE);
    assert_eq!(project.column("letters.toml", "Failures letters", "key"), [""; 0]);
}

/// Runs the binary under a limit that the shell sets.
fn run_limited(project: &TempProject, limit: &str, args: &[&str]) -> CommandOutput {
    let plain = project.command(args);
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!("ulimit {limit}; exec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(plain.get_args());
    command.env_clear().current_dir(plain.get_current_dir().expect("the shop's folder"));
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run_to_end(command)
}

#[test]
fn no_open_files_left_stops_with_71_and_no_item_fails() {
    for once in [false, true] {
        // As many as are open but for what belongs to this program, which may be closed by now or
        // not. Two more are for the item and for half of the next program's pipes.
        let open = "$(( $(ls -l /proc/$PPID/fd | grep -c -v 'pipe:\\|memfd:\\|pidfd') + 2 ))";
        let project = make_project(&format!("prlimit --pid $PPID --nofile={open}:1024"));
        let project = if once { make_at_most_once_project(project) } else { project };
        let ended = project.run(&["run", "letters.toml"]);
        ended
            .exits(71)
            .stderr_has("./letter.sh can't be started: Too many open files")
            .stderr_has("no record is to blame");
        ended.stdout_has("failed 0");
        expect_next_run_completes(&project);
        assert_eq!(read_sent(&project), PEOPLE, "each is written to once");
    }
}

#[test]
fn a_program_that_is_deleted_while_it_is_used_stops_with_78() {
    for once in [false, true] {
        let project = make_project("rm letter.sh");
        let project = if once { make_at_most_once_project(project) } else { project };
        let ended = project.run(&["run", "letters.toml"]);
        ended
            .exits(78)
            .stderr_has("./letter.sh can't be started: No such file")
            .stderr_has("put the program back")
            .stdout_has("new 3");
        project.write("letter.sh", LETTER);
        write_executable(&project);
        expect_next_run_completes(&project);
        assert_eq!(read_sent(&project), PEOPLE);
    }
}

#[test]
fn a_program_that_may_not_be_executed_any_more_stops_too() {
    let project = make_project("chmod -x letter.sh");
    project.run(&["run", "letters.toml"]).exits(78).stderr_has("Permission denied").stdout_has("failed 0");
    write_executable(&project);
    expect_next_run_completes(&project);
    assert_eq!(read_sent(&project), PEOPLE);
}

#[test]
fn a_program_being_written_is_tried_again_then_stops() {
    let project = make_project("");
    project.replace_in("letters.toml", "[commit]", "[retry]\nattempts = 3\nbase = \"1ms\"\n\n[commit]");
    let writer = OpenOptions::new().append(true).open(project.path("letter.sh")).expect("the program");
    let ended = project.run(&["run", "letters.toml"]);
    ended
        .exits(75)
        .stderr_has("step letter of a: attempt 3 of 3")
        .stderr_has("Text file busy")
        .stderr_has("that program is being written");
    drop(writer);
    expect_next_run_completes(&project);
    assert_eq!(read_sent(&project), PEOPLE);
}

#[test]
fn a_full_disk_under_the_embedded_sheet_stops_with_74_at_once() {
    let project = make_project("prlimit --pid $PPID --fsize=100:unlimited");
    let ended = project.run(&["run", "letters.toml"]);
    ended.exits(74).stderr_has("File too large").stderr_has("check the disk");
    expect_next_run_completes(&project);
    // The item whose result could not be stored is processed again; those before it are not.
    assert_eq!(read_sent(&project), ["a", "b", "c", "c", "d", "e", "f"]);
}

#[test]
fn a_full_disk_under_the_journal_stops_with_74() {
    let project = make_project("prlimit --pid $PPID --fsize=100:unlimited");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    let ended = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "letters.toml"])).close_and_wait();
    ended
        .exits(74)
        .stderr_has("failed to keep a result")
        .stderr_has("File too large")
        .stdout_has("new 3")
        .stdout_has("failed 0");
    project.write("well", "");
    let next = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "letters.toml"])).close_and_wait();
    next.exits(0).stdout_has("new 3 · skipped 3 · failed 0");
    assert_eq!(read_sent(&project), PEOPLE);
}

#[test]
fn a_full_disk_at_the_very_beginning_stops_with_74() {
    let project = make_project("");
    run_limited(&project, "-f 8", &["run", "letters.toml"]).exits(74);
    assert!(!project.path("sent.txt").exists(), "nothing was begun");
    expect_next_run_completes(&project);
}

#[test]
fn a_damaged_line_of_a_journal_costs_one_item_and_no_more() {
    for damage in ["", "\0\0\0\0", "torn"] {
        let project = make_project("while [ ! -e well ]; do sleep 0.01; done");
        project.replace_in("people.jsonl", "{\"id\": \"c\"}\n{\"id\": \"d\"}\n", "{\"id\": \"d\"}\n");
        project.replace_in("people.jsonl", "{\"id\": \"f\"}\n", "{\"id\": \"f\"}\n{\"id\": \"c\"}\n");
        let mut live = project.start(&["run", "letters.toml"]);
        while !project.path("sent.txt").exists() || read_sent(&project).len() < PEOPLE.len() {
            assert!(!live.has_ended(), "it waits at the last one");
            std::thread::yield_now();
        }
        live.kill();
        live.close_and_wait();
        let found =
            Command::new("find").arg(project.path("state")).args(["-name", "*.journal"]).output().expect("find");
        let journal = String::from_utf8(found.stdout).expect("a path");
        let text = std::fs::read_to_string(journal.trim()).expect("a journal");
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = lines.iter().position(|line| line.contains("\"key\":\"d\"")).expect("its line");
        lines[at] = match damage {
            // Half a line, and the next one directly after it.
            "torn" => lines[at][..60].to_owned(),
            other => other.to_owned() + &lines[at][20..],
        };
        std::fs::write(journal.trim(), lines.concat()).expect("a disk");
        project.write("well", "");
        let next = project.run(&["run", "letters.toml"]);
        next.exits(0)
            .stderr_has("4 results that an earlier run kept")
            .stderr_has("1 line of the journal")
            .stdout_has("new 6");
        assert_eq!(read_sent(&project), ["a", "b", "d", "e", "f", "c", "d", "c"], "{damage:?}");
    }
}

#[test]
fn too_few_files_or_threads_stop_before_anything_begins() {
    let project = make_project("");
    run_limited(&project, "-n 12", &["run", "letters.toml"])
        .exits(71)
        .stderr_has("too few files")
        .stderr_has("ulimit -a");
    let ended = run_limited(&project, "-v 70000", &["run", "letters.toml", "--json"]);
    let error = ended.exits(71).error();
    assert!(error["message"].as_str().is_some_and(|message| message.contains("threads are needed")), "{error}");
    assert_eq!((&error["code"], &error["exit_code"]), (&"oserr".into(), &71.into()));
    assert!(!project.list_entries().iter().any(|name| name == "letters.sheet" || name == "state"), "nothing was made");
    expect_next_run_completes(&project);
}

#[test]
fn without_a_home_a_run_says_what_it_can_not_promise() {
    let project = make_project("");
    let mut command = project.command(&["run", "letters.toml"]);
    command.env_remove("HOME").env_remove("XDG_STATE_HOME");
    let ended = run_to_end(command);
    ended
        .exits(0)
        .stderr_has("warning: no state directory is known")
        .stderr_has("only the sheet keeps overlapping runs apart");
    ended.stderr_has("the programs of all items that are not on the sheet run again");
    assert_eq!(ended.stderr.matches("no state directory").count(), 1);
}

#[test]
fn a_copy_of_the_state_directory_is_not_a_living_run() {
    let project = make_at_most_once_project(make_project("while [ ! -e well ]; do sleep 0.01; done"));
    let live = project.start(&["run", "letters.toml"]);
    while !project.path("sent.txt").exists() || read_sent(&project).len() < 3 {
        std::thread::yield_now();
    }
    let copied =
        Command::new("cp").arg("-r").arg(project.path("state")).arg(project.path("copy")).status().expect("cp");
    assert!(copied.success());
    let mut beside = project.command(&["run", "letters.toml"]);
    beside.env("XDG_STATE_HOME", project.path("copy"));
    run_to_end(beside).exits(75).stderr_has("is running it on");
    project.write("well", "");
    live.close_and_wait().exits(0).stdout_has("new 6").stdout_has("failed 0");
    assert_eq!(read_sent(&project), PEOPLE);
    assert_eq!(
        project.column("letters.toml", "Failures letters", "key"),
        [""; 0],
        "no item of the living run is in doubt"
    );
}
