//! What is printed, and for which reader: the user, programs, and pipes that close early.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::temp_project::{CommandOutput, TempProject};

fn list_keys(document: &Value) -> Vec<&str> {
    document.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn list_names(list: &'static str) -> Vec<&'static str> {
    list.split(' ').collect()
}

#[test]
fn a_run_for_machines_prints_one_document_with_frozen_keys() {
    let project = TempProject::with_few_quakes(3);
    let ended = project.run(&["run", "quakes.toml", "--json"]);
    assert_eq!(ended.exits(0).stderr, "");
    let document = ended.document();
    let all = "schema_version job run status message counts rows updated keys open_failures dead_failures skipped_by tried_again rowless commits calls started finished seconds tab \
               spreadsheet failures failures_omitted exit_code";
    assert_eq!(list_keys(&document), list_names(all));
    assert_eq!(list_keys(&document["counts"]), list_names("read new skipped failed recovered retries"));
    assert_eq!(list_keys(&document["calls"]), list_names("reads writes throttled quota_shared"));
    assert_eq!((&document["rows"], &document["exit_code"]), (&3.into(), &0.into()));
}

#[test]
fn failed_items_are_in_the_document_each_with_its_place() {
    let project = TempProject::with(&["hard/hard-csv.toml", "hard/hard.csv"]);
    let ended = project.run(&["run", "hard-csv.toml", "--json"]);
    let document = ended.exits(3).document();
    assert_eq!((&document["status"], &document["exit_code"]), (&"partial".into(), &3.into()));
    let failures = document["failures"].as_array().expect("failures");
    assert_eq!(failures.len(), 5);
    assert_eq!(list_keys(&failures[0]), list_names("key place step error"));
}

#[test]
fn a_quiet_run_says_nothing_unless_something_failed() {
    let project = TempProject::with(&["hard/hard-csv.toml", "hard/hard.csv"]);
    project.write("fine.csv", "id,note,amount\nfine,nothing is wrong,1\n");
    let first = project.run(&["run", "hard-csv.toml", "--input", "fine.csv", "-q"]);
    let place = "in local file hard csv.sheet, because no spreadsheet is set";
    assert!(
        first.exits(0).stdout.is_empty() && first.stderr_has(place).stderr.lines().count() == 1,
        "{}",
        first.stderr
    );
    let fine = project.run(&["run", "hard-csv.toml", "--input", "fine.csv", "-q"]);
    assert_eq!((fine.exits(0).stdout.as_str(), fine.stderr.as_str()), ("", ""));
    let failed = project.run(&["run", "hard-csv.toml", "-q"]);
    failed.exits(3).stderr_has("hard.csv:9 (record 8)").stdout_has("failed 5");
    project.run(&["run", "hard-csv.toml", "-q", "-v"]).exits(2);
}

#[test]
fn status_reports_run_failures_keys_and_cells() {
    let project = TempProject::quakes();
    project.run(&["run", "quakes.toml"]).exits(0);
    let text = project.run(&["status", "quakes.toml"]);
    text.exits(0)
        .stdout_has("✔ succeeded")
        .stdout_has("1,707")
        .stdout_has("none open")
        .stdout_has("of 10,000,000")
        .stdout_has("quakes.sheet");
    let ended = project.run(&["status", "quakes.toml", "--json"]);
    let status = ended.exits(0).document();
    let all = "schema_version job tab spreadsheet last_run running keys open_failures dead_failures \
               skipped_failures cells anomalies";
    assert_eq!(list_keys(&status), list_names(all));
    assert_eq!(
        list_keys(&status["last_run"]),
        list_names("run status started finished seconds read new skipped failed recovered message")
    );
    assert_eq!((&status["keys"], &status["running"]), (&1_707.into(), &Value::Null));
    assert_eq!(status["last_run"]["new"], 1_707);
}

#[test]
fn status_names_the_run_that_is_active() {
    let project = TempProject::with_few_quakes(3);
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.wait_for_line("claimed");
    let status = project.run(&["status", "quakes.toml", "--json"]).exits(0).document();
    assert!(status["running"]["lease_until"].is_string(), "{status}");
    live.write_input(&project.read("usgs-all-week.geojson"));
    live.close_and_wait().exits(0);
    assert_eq!(project.run(&["status", "quakes.toml", "--json"]).document()["running"], Value::Null);
}

#[test]
fn show_has_the_last_rows_of_any_tab() {
    let project = TempProject::with_few_quakes(8);
    project.run(&["run", "quakes.toml"]).exits(0);
    let shown = project.run(&["show", "quakes.toml", "--last", "3"]);
    let lines: Vec<&str> = shown.exits(0).stdout.lines().collect();
    assert_eq!((lines.len(), lines[0].split('\t').next()), (4, Some("id")));
    assert!(lines.iter().all(|line| line.split('\t').count() == 8), "{lines:?}");
    let document = project.run(&["show", "quakes.toml", "--last", "3", "--json"]).document();
    assert_eq!(list_keys(&document), list_names("schema_version tab columns rows first total spreadsheet"));
    assert_eq!((&document["first"], &document["total"]), (&6.into(), &8.into()));
    project.run(&["show", "quakes.toml", "--tab", "Runs"]).exits(0).stdout_has("first_commit").stdout_has("succeeded");
}

#[test]
fn how_to_see_the_rows_names_the_sheet_that_was_chosen() {
    let project = TempProject::with_few_quakes(2);
    let ended = project.run(&["run", "quakes.toml", "--embedded", "other.sheet"]);
    ended.exits(0).stdout_has("see it:  sheetkeep show quakes.toml --embedded other.sheet");
    assert!(
        project.list_entries().contains(&"other.sheet".to_owned())
            && !project.list_entries().contains(&"quakes.sheet".to_owned())
    );
}

#[test]
fn twice_verbose_logs_every_call_and_logs_can_be_json() {
    let project = TempProject::with_few_quakes(2);
    let ended = project.run(&["run", "quakes.toml", "-vv"]);
    ended
        .exits(0)
        .stderr_has("commit 1: 2 rows, 2 keys")
        .stderr_has("spreadsheets.batchUpdate")
        .stderr_has("outcome=Done");
    let ended = project.run(&["run", "quakes.toml", "-vv", "--json", "--log-format", "json"]);
    assert!(!ended.stderr.is_empty());
    for line in ended.stderr.lines() {
        let read: Result<Value, _> = serde_json::from_str(line);
        let log = read.expect("each line is a document");
        assert!(log["severity"].is_string() && log["message"].is_string(), "{log}");
    }
}

#[test]
fn with_json_logs_every_line_of_standard_error_is_a_document() {
    let project = TempProject::with(&["hard/hard-csv.toml", "hard/hard.csv"]);
    let run = project.run(&["run", "hard-csv.toml", "-v", "--log-format", "json"]);
    let missing = project.run(&["run", "hard-csv.toml", "--input", "nowhere.csv", "--log-format", "json"]);
    run.exits(3).stderr_has(r#""severity":"WARNING""#).stderr_has("commit 1").stdout_has("failed 5");
    missing.exits(66).stderr_has("nowhere.csv was not found");
    for line in run.stderr.lines().chain(missing.stderr.lines()) {
        let read: Result<Value, _> = serde_json::from_str(line);
        assert!(read.is_ok(), "{line}");
    }
}

#[test]
fn a_type_for_a_column_that_no_row_has_is_reported() {
    let project = TempProject::with_few_quakes(2);
    project.replace_in("quakes.toml", "magnitude = \"number\"", "magnitud = \"number\"");
    project.run(&["run", "quakes.toml"]).exits(0).stderr_has("\"magnitud\"").stderr_has("misspelt");
}

#[test]
fn what_a_run_leaves_is_one_file_that_can_be_copied() {
    let project = TempProject::with_few_quakes(3);
    for job in [&["run", "quakes.toml"][..], &["run", "quakes.toml", "--input", "cut.geojson"]] {
        project.write("cut.geojson", "{\"features\": [{");
        project.run(job);
        let sheets: Vec<_> = project.list_entries().into_iter().filter(|name| name.contains(".sheet")).collect();
        assert_eq!(sheets, ["quakes.sheet"]);
    }
}

#[test]
fn colours_are_for_terminals_unless_they_are_asked_for() {
    let project = TempProject::with_few_quakes(2);
    let coloured = |ended: &CommandOutput| ended.stdout.contains('\u{1b}') || ended.stderr.contains('\u{1b}');
    assert!(!coloured(project.run(&["run", "quakes.toml"]).exits(0)));
    assert!(coloured(project.run(&["run", "quakes.toml", "--color", "always"]).exits(0)));
    assert!(!coloured(project.run_with(&[("NO_COLOR", "1")], &["run", "quakes.toml", "--nonsense"]).exits(2)));
}

/// Runs the same command with a reader that is closed before the first byte.
fn read_nothing(project: &TempProject, args: &[&str]) -> (Option<i32>, String) {
    let mut command = project.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be run");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it is our child");
    (ended.status.code(), String::from_utf8(ended.stderr).expect("it speaks UTF-8"))
}

#[test]
fn a_reader_that_closes_early_is_no_error() {
    let project = TempProject::with_few_quakes(200);
    let (code, said) = read_nothing(&project, &["run", "quakes.toml"]);
    assert!(code == Some(0) && !said.contains("panic"), "{code:?} {said}");
    project.expect_each_quake_once(200);
    for args in [
        &["show", "quakes.toml", "--last", "1000"] as &[&str],
        &["show", "quakes.toml", "--last", "1000", "--json"],
        &["status", "quakes.toml"],
        &["--help"],
        &["--version"],
    ] {
        let (code, said) = read_nothing(&project, args);
        assert!(code == Some(0) && said.is_empty(), "{args:?}: {code:?} {said}");
    }
}

#[test]
fn output_that_can_not_be_written_exits_with_74() {
    let project = TempProject::with_few_quakes(2);
    project.run(&["run", "quakes.toml"]).exits(0);
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut command: Command = project.command(&["show", "quakes.toml"]);
    let ended = command.stdout(full).output().expect("the binary can be run");
    assert_eq!(ended.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("standard output"));
}
