//! `sheetkeep once`: a command runs once for a name and a date.

use crate::temp_project::{CommandOutput, TempProject};

fn run_once(project: &TempProject, line: &str, script: &str) -> CommandOutput {
    let mut args: Vec<&str> = ["once", "--files", "state/done"].to_vec();
    args.extend(line.split_whitespace());
    args.extend(["--", "sh", "-c", script]);
    project.run(&args)
}

fn done_files(project: &TempProject) -> Vec<String> {
    let entries = std::fs::read_dir(project.path("state/done")).expect("the folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_second_call_for_the_same_date_runs_nothing() {
    let project = TempProject::empty();
    let script = "echo $SHEETKEEP_LOGICAL_DATE >> ran; echo out";
    let first = run_once(&project, "daily --date 2026-11-29", script);
    first.exits(0);
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("out\n", ""));
    let second = run_once(&project, "daily --date 2026-11-29", script);
    second.exits(0).stderr_has("daily: already done, skipping");
    assert_eq!(second.stdout, "");
    run_once(&project, "daily --date 2026-11-30", script).exits(0);
    run_once(&project, "other --date 2026-11-29", script).exits(0);
    assert_eq!(project.read("ran"), "2026-11-29\n2026-11-30\n2026-11-29\n");
    assert_eq!(done_files(&project), ["daily_2026-11-29.done", "daily_2026-11-30.done", "other_2026-11-29.done"]);
}

#[test]
fn a_command_that_fails_is_not_done_and_passes_its_code_on() {
    let project = TempProject::empty();
    run_once(&project, "daily --date 2026-11-29", "echo 'no route' >&2; exit 7")
        .exits(7)
        .stderr_has("not done for 2026-11-29");
    assert_eq!(done_files(&project), Vec::<String>::new());
    run_once(&project, "daily --date 2026-11-29", "exit 0").exits(0);
}

#[test]
fn force_does_it_again_and_a_failure_then_leaves_it_undone() {
    let project = TempProject::empty();
    run_once(&project, "daily --date 2026-11-29", "echo 1 >> ran").exits(0);
    run_once(&project, "daily --date 2026-11-29 --force", "echo 2 >> ran").exits(0);
    run_once(&project, "daily --date 2026-11-29 --force", "exit 3").exits(3);
    run_once(&project, "daily --date 2026-11-29", "echo 4 >> ran").exits(0);
    assert_eq!(project.read("ran"), "1\n2\n4\n");
}

#[test]
fn two_calls_at_once_do_it_once() {
    let project = TempProject::empty();
    let args = ["once", "daily", "--date", "2026-11-29", "--files", "state/done", "--no-stdin", "--"];
    let script = ["sh", "-c", "echo up >&2; read line < gate; echo x >> ran"];
    let made = std::process::Command::new("mkfifo").arg(project.path("gate")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut live = project.start(&[&args[..], &script[..]].concat());
    live.wait_for_line("up");
    project
        .run(&[&args[..], &script[..]].concat())
        .exits(75)
        .stderr_has("is being done for 2026-11-29 by another process");
    project.write("gate", "go\n");
    live.wait_for_end().exits(0);
    assert_eq!(project.read("ran"), "x\n");
    assert_eq!(done_files(&project), ["daily_2026-11-29.done"], "no lock is left");
}

#[test]
fn a_killed_call_leaves_it_undone_and_unlocked() {
    let project = TempProject::empty();
    let args = ["once", "daily", "--date", "2026-11-29", "--files", "state/done", "--no-stdin", "--"];
    let mut live = project.start(&[&args[..], &["sh", "-c", "echo up >&2; exec sleep 600"]].concat());
    live.wait_for_line("up");
    live.send_signal("-TERM");
    live.wait_for_end().exits(143).stderr_has("interrupted by SIGTERM");
    run_once(&project, "daily --date 2026-11-29", "echo x >> ran").exits(0);
    assert_eq!(project.read("ran"), "x\n");
}

#[test]
fn names_dates_and_zones_that_make_no_sense_are_refused() {
    let project = TempProject::empty();
    run_once(&project, "a/b", "true").exits(2).stderr_has("a name has letters");
    run_once(&project, "a --date 2026-11-31", "true").exits(2).stderr_has("is not a valid date");
    run_once(&project, "a --tz Mars", "true").exits(2).stderr_has("is not in the IANA database");
    project.run(&["once", "a", "--", "true"]).exits(78).stderr_has("--files");
    for words in [&["once", "a", "--", ""][..], &["retry", "--", "", "x"]] {
        project.run(words).exits(2).stderr_has("begins with an empty word, which names no program");
    }
}
