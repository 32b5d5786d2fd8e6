//! `run --due`: what the schedule says, for any number of simple clocks.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::json;
use sheetkeep::store::tabs::jobs::JOBS;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::TempProject;

/// A job that is due at its first call, and then not for days.
const JOB: &str = r#"
name = "NAME"
schedule = { cron = "every 7d", timezone = "Europe/Berlin", misfire_grace = "7d" }

[source]
csv = "orders.csv"

[item]
key = ".id"

[sheet]
tab = "NAME"
"#;

fn make_project(names: &[&str]) -> TempProject {
    let project = TempProject::empty();
    project.write("orders.csv", "id,price\na,1\nb,2\n");
    for name in names {
        project.write(&format!("{name}.toml"), &JOB.replace("NAME", name));
    }
    project
}

#[test]
fn what_is_due_runs_once_and_then_nothing_is_due() {
    let project = make_project(&["orders"]);
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("✔ succeeded").stdout_has("2 rows added");
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("orders: nothing is due; next ");
    let quiet = project.run(&["run", "--due", "orders.toml", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()), (Some(0), "", ""));
    let document = project.run(&["run", "--due", "orders.toml", "--json"]).document();
    assert_eq!((&document["job"], &document["due"]), (&"orders".into(), &false.into()));
    assert!(document["next"].as_str().is_some_and(|next| next.ends_with('Z')), "{document}");
    assert_eq!(project.column("orders.toml", "Runs", "trigger"), ["schedule"]);
}

#[test]
fn each_of_several_jobs_is_on_its_own() {
    let project = make_project(&["orders", "people", "broken"]);
    project.replace_in("broken.toml", "csv = ", "cvs = ");
    let ended = project.run(&["run", "--due", "orders.toml", "broken.toml", "people.toml"]);
    ended.exits(78).stderr_has("broken.toml").stdout_has("orders  ✔ succeeded").stdout_has("people  ✔ succeeded");
    project.run(&["run", "--due", "orders.toml", "people.toml"]).exits(0).stdout_has("people: nothing is due");
}

#[test]
fn jobs_of_one_spreadsheet_run_at_once() {
    let names: Vec<String> = (0..6).map(|n| format!("job{n}")).collect();
    let files: Vec<String> = names.iter().map(|name| format!("{name}.toml")).collect();
    let project = make_project(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut args = vec!["run", "--due", "--embedded", "all.sheet"];
    args.extend(files.iter().map(String::as_str));
    project.run(&args).exits(0).stdout_has("job0  ✔ succeeded").stdout_has("job5  ✔ succeeded");
    let shown = project.run(&["show", "job0.toml", "--embedded", "all.sheet", "--tab", "Runs"]);
    shown.exits(0).stdout_has("job5");
}

#[test]
fn a_job_without_a_schedule_is_refused_with_the_line_to_add() {
    let project = make_project(&["orders"]);
    project.replace_in("orders.toml", "schedule = ", "# schedule = ");
    let ended = project.run(&["run", "--due", "orders.toml"]);
    ended
        .exits(78)
        .stderr_has("job orders: it has no schedule")
        .stderr_has("[schedule]")
        .stderr_has("cron = \"0 9 * * *\"");
    project.run(&["run", "orders.toml"]).exits(0);
}

#[cfg(unix)]
#[test]
fn job_files_and_programs_get_the_logical_date() {
    let project = make_project(&["orders"]);
    project.replace_in("orders.toml", "orders.csv", "${SHEETKEEP_LOGICAL_DATE}/orders.csv");
    let script = r#"read -r item; echo "{\"id\": 1, \"date\": \"$SHEETKEEP_LOGICAL_DATE\", \"at\": \"$SHEETKEEP_SCHEDULED_FOR\"}""#;
    let step = format!("[[step]]\ncommand = [\"sh\", \"-c\", '''{script}''']\n\n[sheet]");
    project.replace_in("orders.toml", "[sheet]", &step);
    // A person names the date; a scheduled run has its own.
    std::fs::create_dir(project.path("2020-02-02")).expect("a folder");
    project.write("2020-02-02/orders.csv", "id,price\na,1\n");
    project.run_with(&[("SHEETKEEP_LOGICAL_DATE", "2020-02-02")], &["run", "orders.toml"]).exits(0);
    assert_eq!(project.column("orders.toml", "orders", "date"), ["2020-02-02"]);
    let ended = project.run(&["run", "--due", "orders.toml"]);
    ended.exits(66).stderr_has("/orders.csv");
    let date = ended.stderr.split("/orders.csv").next().and_then(|text| text.get(text.len() - 10..)).expect("a date");
    std::fs::create_dir(project.path(date)).expect("a folder");
    project.write(&format!("{date}/orders.csv"), "id,price\nb,1\n");
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("1 row added");
    let at = project.column("orders.toml", "orders", "at");
    assert!(at[1].starts_with("20") && at[1].ends_with('Z'), "{at:?}");
    assert_eq!(project.column("orders.toml", "orders", "date")[1], date);
}

#[test]
fn an_occurrence_that_cannot_start_has_its_row_in_runs() {
    let project = make_project(&["orders"]);
    std::fs::remove_file(project.path("orders.csv")).expect("it was there");
    for _ in 0..3 {
        project.run(&["run", "--due", "orders.toml"]).exits(66).stderr_has("orders.csv");
    }
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed"], "one row, however many calls");
    assert_eq!(project.column("orders.toml", "Runs", "trigger"), ["schedule"]);
    let message = project.column("orders.toml", "Runs", "message");
    assert!(message[0].contains("orders.csv"), "{message:?}");
    project.run(&["late", "orders.toml"]).exits(6).stdout_has("failed runs in a row: 1");
    // A call that finds the file in time makes the run.
    project.write("orders.csv", "id,price\na,1\n");
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("1 row added");
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("orders: nothing is due");
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed", "succeeded"]);
}

#[test]
fn occurrences_that_cannot_start_pause_the_schedule() {
    let project = make_project(&["orders"]);
    project.replace_in("orders.toml", "every 7d\"", "every 1m\"");
    project.replace_in("orders.toml", "misfire_grace = \"7d\"", "pause_after = 1");
    project.replace_in("orders.toml", "[sheet]", "[[step]]\ncommand = [\"/no/such/program\"]\n\n[sheet]");
    let failed = project.run(&["run", "--due", "orders.toml"]);
    failed.exits(78).stderr_has("/no/such/program");
    project.run(&["late", "orders.toml"]).exits(6).stdout_has("failed runs in a row: 1, so the schedule pauses");
}

const ID: &str = "1DueSpreadsheet00000000000000000000000000000";

#[test]
fn a_moved_job_runs_no_occurrence_twice() {
    let project = make_project(&["orders"]);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let new = emulator.create_spreadsheet("the next one");
    emulator.run(&project, ID, &["run", "--due", "orders.toml"]).exits(0).stdout_has("2 rows added");
    emulator.run(&project, ID, &["rollover", "orders.toml", "--to", &new, "--yes"]).exits(0);
    emulator.run(&project, &new, &["run", "--due", "orders.toml"]).exits(0).stdout_has("nothing is due");
    emulator.run(&project, ID, &["run", "--due", "orders.toml"]).exits(78).stderr_has(&new);
}

#[test]
fn a_job_at_most_once_runs_its_programs_once_when_due() {
    let project = make_project(&["orders"]);
    let step = "[[step]]\ncommand = [\"/bin/sh\", \"-c\", \"tee -a seen\"]\ndelivery = \"at-most-once\"\n\n[sheet]";
    project.replace_in("orders.toml", "[sheet]", step);
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("2 rows added");
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("nothing is due");
    assert_eq!(project.read("seen").lines().count(), 2);
    assert_eq!(project.column("orders.toml", "Runs", "trigger"), ["schedule"]);
}

#[test]
fn a_request_by_a_formula_makes_one_run_a_call() {
    let project = make_project(&["orders"]);
    project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("2 rows added");
    let client = ApiClient::of_file(&project, "orders.sheet");
    let tab = client.tab_id("Jobs");
    let at = JOBS.iter().position(|name| *name == "run now").expect("a column");
    client.edit_sheet(&json!([{"updateCells": {"start": {"sheetId": tab, "rowIndex": 1, "columnIndex": at},
        "fields": "userEnteredValue", "rows": [{"values": [{"userEnteredValue": {"formulaValue": "=NOW()"}}]}]}}]));
    drop(client);
    for runs in 2..4 {
        project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("✔ succeeded");
        let triggers = project.column("orders.toml", "Runs", "trigger");
        assert_eq!((triggers.len(), triggers[runs - 1].as_str()), (runs, "run now"));
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the real binary runs by the real clock")]
fn a_job_that_is_to_be_ready_by_a_time_starts_before_it() {
    let (now, utc) = (Timestamp::now(), TimeZone::UTC);
    // Without runs to judge by, it starts ten minutes before the time.
    for (minutes, is_due) in [(5, true), (180, false)] {
        let project = make_project(&["orders"]);
        let ready = (now + minutes.minutes()).to_zoned(utc.clone()).strftime("%H:%M").to_string();
        let schedule = format!("schedule = {{ ready_by = \"{ready}\", timezone = \"UTC\", misfire_grace = \"10m\" }}");
        let text = project.read("orders.toml");
        let line = text.lines().find(|line| line.starts_with("schedule")).expect("it has one");
        project.replace_in("orders.toml", line, &schedule);
        let call = project.run(&["run", "--due", "orders.toml"]);
        call.exits(0);
        assert_eq!(call.stdout.contains("succeeded"), is_due, "{ready}: {call:?}");
        if is_due {
            project.run(&["run", "--due", "orders.toml"]).exits(0).stdout_has("nothing is due");
            project.run(&["late", "orders.toml"]).exits(0).stdout_has("ok ");
            let scheduled = project.column("orders.toml", "Runs", "scheduled_for");
            assert!(scheduled.len() == 1 && scheduled[0].ends_with(&format!("{ready}:00")), "{ready}: {scheduled:?}");
        }
    }
}
