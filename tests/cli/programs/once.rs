//! `sheetkeep once`: a command runs once for a name and a date.

use crate::temp_project::{Ended, TempProject};

fn once(project: &TempProject, line: &str, script: &str) -> Ended {
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
    let first = once(&project, "daily --date 2026-11-29", script);
    first.exits(0);
    assert_eq!((first.out.as_str(), first.err.as_str()), ("out\n", ""));
    let second = once(&project, "daily --date 2026-11-29", script);
    second.exits(0).says("daily: already done, skipping");
    assert_eq!(second.out, "");
    once(&project, "daily --date 2026-11-30", script).exits(0);
    once(&project, "other --date 2026-11-29", script).exits(0);
    assert_eq!(project.read("ran"), "2026-11-29\n2026-11-30\n2026-11-29\n");
    assert_eq!(done_files(&project), ["daily_2026-11-29.done", "daily_2026-11-30.done", "other_2026-11-29.done"]);
}

#[test]
fn a_command_that_fails_is_not_done_and_passes_its_code_on() {
    let project = TempProject::empty();
    once(&project, "daily --date 2026-11-29", "echo 'no route' >&2; exit 7").exits(7).says("not done for 2026-11-29");
    assert_eq!(done_files(&project), Vec::<String>::new());
    once(&project, "daily --date 2026-11-29", "exit 0").exits(0);
}

#[test]
fn force_does_it_again_and_a_failure_then_leaves_it_undone() {
    let project = TempProject::empty();
    once(&project, "daily --date 2026-11-29", "echo 1 >> ran").exits(0);
    once(&project, "daily --date 2026-11-29 --force", "echo 2 >> ran").exits(0);
    once(&project, "daily --date 2026-11-29 --force", "exit 3").exits(3);
    once(&project, "daily --date 2026-11-29", "echo 4 >> ran").exits(0);
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
    live.hears("up");
    project.run(&[&args[..], &script[..]].concat()).exits(75).says("is being done for 2026-11-29 by another process");
    project.write("gate", "go\n");
    live.ends_by_itself().exits(0);
    assert_eq!(project.read("ran"), "x\n");
    assert_eq!(done_files(&project), ["daily_2026-11-29.done"], "no lock is left");
}

#[test]
fn a_killed_call_leaves_it_undone_and_unlocked() {
    let project = TempProject::empty();
    let args = ["once", "daily", "--date", "2026-11-29", "--files", "state/done", "--no-stdin", "--"];
    let mut live = project.start(&[&args[..], &["sh", "-c", "echo up >&2; exec sleep 600"]].concat());
    live.hears("up");
    live.signal("-TERM");
    live.ends_by_itself().exits(143).says("interrupted by SIGTERM");
    once(&project, "daily --date 2026-11-29", "echo x >> ran").exits(0);
    assert_eq!(project.read("ran"), "x\n");
}

#[test]
fn names_dates_and_zones_that_make_no_sense_are_refused() {
    let project = TempProject::empty();
    once(&project, "a/b", "true").exits(2).says("a name has letters");
    once(&project, "a --date 2026-11-31", "true").exits(2).says("is not a valid date");
    once(&project, "a --tz Mars", "true").exits(2).says("is not in the IANA database");
    project.run(&["once", "a", "--", "true"]).exits(78).says("--files");
}
