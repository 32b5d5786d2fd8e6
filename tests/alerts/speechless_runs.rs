//! Runs that could not speak through their sheet: how people hear of them.

use std::fs;
use std::path::PathBuf;

use crate::emulator_process::EmulatorProcess;
use crate::receiver::{Receiver, ReceiverAnswer};
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const SLACK: &str = "SLACK_WEBHOOK_URL";
const ID: &str = "1AbC";
const SCHEDULE: &str = "schedule = { cron = \"every 7d\", timezone = \"Europe/Berlin\", misfire_grace = \"7d\" }\n";

/// A job that is due, and whose source is missing.
fn due_without_source() -> TempProject {
    let project = TempProject::orders("", "a,1\n");
    project.write("orders.toml", &format!("{SCHEDULE}{}", project.read("orders.toml")));
    fs::remove_file(project.path("orders.csv")).expect("it is there");
    project
}

/// Calls `run --due` on this machine, which may have a channel.
fn call_due(project: &TempProject, machine: &str, slack: Option<&Receiver>) -> CommandOutput {
    let mut command = project.command(&["run", "--due", "orders.toml"]);
    command.env("XDG_STATE_HOME", project.path(machine));
    command.envs(slack.map(|slack| (SLACK, &slack.url)));
    run_to_end(command)
}

#[test]
fn of_two_machines_the_one_with_a_channel_reports() {
    for order in [["mute", "speaks"], ["speaks", "mute"]] {
        let slack = Receiver::start_slack();
        let project = due_without_source();
        for machine in order.iter().cycle().take(6) {
            call_due(&project, machine, (*machine == "speaks").then_some(&slack)).exits(66).stderr_has("orders.csv");
        }
        assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed"], "{order:?}");
        let texts = slack.texts();
        assert!(texts.len() == 1 && texts[0].starts_with("FAILED: orders failed"), "{order:?}: {texts:?}");
        project.write("orders.csv", "id,price\na,1\n");
        call_due(&project, "speaks", Some(&slack)).exits(0);
        let texts = slack.texts();
        assert!(texts.len() == 2 && texts[1].starts_with("OK: orders works again"), "{order:?}: {texts:?}");
        assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed", "succeeded"], "{order:?}");
    }
}

#[test]
fn two_machines_with_channels_make_one_row_and_one_message() {
    let slack = Receiver::start_slack();
    let project = due_without_source();
    for machine in ["a", "b", "a", "b"] {
        call_due(&project, machine, Some(&slack)).exits(66);
    }
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed"]);
    assert_eq!(slack.texts().len(), 1, "{:?}", slack.texts());
}

/// Moves the time since when the job can't be read two hours back, in what this machine remembers.
fn age_last_run(project: &TempProject) {
    let folder = project.path("state/sheetkeep/alerts");
    let files: Vec<PathBuf> =
        fs::read_dir(folder).expect("it remembers").map(|entry| entry.expect("a file").path()).collect();
    let json = files.iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
    for path in json {
        let mut memory: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).expect("a file")).expect("it is JSON");
        if let Some(since) = memory["unreadable_since_s"].as_i64() {
            memory["unreadable_since_s"] = (since - 7_200).into();
            fs::write(path, memory.to_string()).expect("it can be written");
        }
    }
}

#[test]
fn a_clock_that_can_not_ask_its_sheet_reports_after_an_hour() {
    let slack = Receiver::start_slack();
    let project = TempProject::orders("", "a,1\n");
    project.write("orders.toml", &format!("{SCHEDULE}{}", project.read("orders.toml")));
    project.write("broken.json", "{}");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let call_due = |credentials: Option<&str>| {
        let mut command = emulator.command(&project, ID, &["run", "--due", "orders.toml"]);
        command.env(SLACK, &slack.url).envs(credentials.map(|file| ("GOOGLE_APPLICATION_CREDENTIALS", file)));
        run_to_end(command)
    };
    call_due(None).exits(0);
    for _ in 0..2 {
        call_due(Some("broken.json")).exits(77);
    }
    assert_eq!(slack.texts(), [""; 0], "nothing is known for less than an hour");
    age_last_run(&project);
    for _ in 0..2 {
        call_due(Some("broken.json")).exits(77);
    }
    assert_eq!(slack.texts(), ["WARNING: orders can't be read: whether its rows are in is not known"]);
    for _ in 0..2 {
        call_due(None).exits(0).stdout_has("nothing is due");
    }
    assert_eq!(slack.texts()[1..], ["OK: orders works again"]);
    call_due(Some("broken.json")).exits(77);
    assert_eq!(slack.texts().len(), 2, "the hour begins anew");
}

#[test]
fn a_run_dropped_at_its_deadline_is_reported_at_once_and_once() {
    let (slack, ping) = (Receiver::start_slack(), Receiver::start(vec![ReceiverAnswer::Reply(200, "OK")]));
    let project = TempProject::with_few_quakes(3);
    let whole = project.read("usgs-all-week.geojson");
    let heartbeat = "\n[heartbeat]\nurl = \"${PING}\"\n";
    project.write("quakes.toml", &(project.read("quakes.toml") + heartbeat));
    project.write(".env", &format!("{SLACK}={}\nPING={}\n", slack.url, ping.url));
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let args = ["run", "quakes.toml", "--input", "-", "-v", "--deadline", "4s"];
    let mut live = RunningCommand::start(emulator.command(&project, ID, &args));
    live.wait_for_line("claimed");
    emulator.suspend();
    live.write_input(&whole);
    live.wait_for_end().exits(124).stderr_has("failed to finish by the deadline").stderr_has("nothing is doubled");
    assert_eq!(slack.texts(), ["FAILED: quakes ran out of time: today's rows are not in"]);
    let pinged: Vec<String> = ping.requests().iter().map(|hit| hit.line.clone()).collect();
    assert!(pinged.last().is_some_and(|last| last.contains("/fail")), "{pinged:?}");
    emulator.resume();
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 3");
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    assert_eq!(slack.texts()[1..], ["OK: quakes works again: its rows are in"]);
}

#[test]
fn a_dropped_run_that_no_channel_took_is_said_by_the_next() {
    let slack = Receiver::start(vec![
        ReceiverAnswer::Reply(500, "no"),
        ReceiverAnswer::Reply(500, "no"),
        ReceiverAnswer::Reply(500, "no"),
        ReceiverAnswer::Reply(200, "ok"),
    ]);
    let project = TempProject::with_few_quakes(3);
    let whole = project.read("usgs-all-week.geojson");
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let args = ["run", "quakes.toml", "--input", "-", "-v", "--deadline", "4s"];
    let mut live = RunningCommand::start(emulator.command(&project, ID, &args));
    live.wait_for_line("claimed");
    emulator.suspend();
    live.write_input(&whole);
    live.wait_for_end().exits(124).stderr_has("an alert was not taken");
    let dropped = "FAILED: quakes ran out of time: today's rows are not in";
    assert_eq!(slack.texts(), [dropped; 3], "three tries, and none is taken");
    emulator.resume();
    for _ in 0..3 {
        emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    }
    let texts = slack.texts();
    assert!(texts.len() == 4 && texts[3].starts_with("OK: quakes ran out of time ("), "{texts:?}");
    assert!(texts[3].ends_with("), and that is over: its rows are in"), "{texts:?}");
}

#[test]
fn a_job_file_that_broke_is_reported_by_the_environment() {
    let slack = Receiver::start_slack();
    let project = TempProject::orders("", "a,1\n");
    let whole = project.read("orders.toml");
    let run_with_slack = || project.run_with(&[(SLACK, &slack.url)], &["run", "orders.toml"]);
    project.write("orders.toml", "name = ");
    run_with_slack().exits(78);
    assert_eq!(slack.texts(), [""; 0], "a person writes it: it never made a run");
    project.write("orders.toml", &whole);
    run_with_slack().exits(0);
    project.replace_in("orders.toml", "csv = ", "cvs = ");
    run_with_slack().exits(78);
    project.run_with(&[(SLACK, &slack.url)], &["run", "--due", "orders.toml"]).exits(78);
    let title = "FAILED: orders could not start, its job file can't be read: today's rows are not in";
    assert_eq!(slack.texts(), [title]);
    let body = slack.requests()[0].body.clone();
    assert!(body.contains("orders.toml:5:1: unknown key `cvs`"), "{body}");
    assert!(body.contains("sheetkeep check orders.toml"), "{body}");
    project.write("orders.toml", &whole);
    for _ in 0..2 {
        run_with_slack().exits(0);
    }
    assert_eq!(slack.texts()[1..], ["OK: orders works again: its rows are in"]);
}
