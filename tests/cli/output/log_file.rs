//! `--log-file`: what an unattended run did, also where standard error goes nowhere.

use crate::temp_project::TempProject;

/// Returns the contents of the one log file, whose name has a date.
fn read_log(project: &TempProject) -> String {
    let names: Vec<String> = project.list_entries().into_iter().filter(|name| name.starts_with("run.2")).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let date = names[0].strip_prefix("run.").and_then(|rest| rest.strip_suffix(".log"));
    assert_eq!(date.map(str::len), Some("2026-11-29".len()), "{names:?}");
    project.read(&names[0])
}

#[test]
fn a_quiet_run_leaves_its_summary_in_the_log_file() {
    let project = TempProject::with_few_quakes(3);
    let quiet = project.run(&["run", "quakes.toml", "-q", "--log-file", "run.log"]);
    assert_eq!((quiet.exits(0).stdout.as_str(), quiet.stderr.lines().count()), ("", 1), "{}", quiet.stderr);
    let first = read_log(&project);
    assert!(first.contains("succeeded in") && first.contains("tab Quakes: 3 rows added"), "{first}");
    project.run(&["run", "quakes.toml", "--json", "--log-file", "run.log"]).exits(0).document();
    let second = read_log(&project);
    assert!(second.starts_with(&first) && second.contains("new 0 · skipped 3"), "{second}");
    let is_dated = |line: &str| line.starts_with('[') && line.contains("] 20") && line.contains('Z');
    assert!(second.lines().all(is_dated), "{second}");
}

#[test]
fn errors_and_logs_of_every_command_are_in_the_log_file() {
    let project = TempProject::with_few_quakes(2);
    project.run(&["--log-file", "run.log", "status", "quakes.toml"]).exits(66);
    project.run(&["run", "none.toml", "--json", "--log-file", "run.log"]).exits(66);
    project.run(&["run", "quakes.toml", "-vv", "--color", "always", "--log-file", "run.log"]).exits(0);
    let all = read_log(&project);
    for words in ["error: failed to find the job", "{\"error\":{\"code\":\"noinput\"", " DEBUG ", "quakes: run "] {
        assert!(all.contains(words), "{words:?} is missing:\n{all}");
    }
    assert!(!all.contains('\u{1b}'), "no colours:\n{all}");
}

#[test]
fn a_log_file_that_can_not_be_made_ends_with_73() {
    let project = TempProject::with_few_quakes(2);
    let ended = project.run(&["run", "quakes.toml", "--log-file", "none/run.log"]);
    ended
        .exits(73)
        .stderr_has("failed to write the log file none/run.log")
        .stderr_has("name a file in a folder that exists");
    assert!(!project.path("quakes.sheet").exists(), "nothing was begun");
}
