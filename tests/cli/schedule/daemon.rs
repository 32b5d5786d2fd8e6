//! `sheetkeep schedule run`: the real daemon, with a process for each job, changed job files,
//! signals and the service manager's socket.

use std::fs::OpenOptions;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::running_command::RunningCommand;
use crate::temp_project::TempProject;

/// Its times are every hour, so one of them is within `misfire_grace` and due at the start.
const HOURLY: &str = "schedule = { cron = \"0 * * * *\", timezone = \"UTC\" }";

/// A job whose items go through `worker.sh`.
fn make_work_project(name: &str) -> String {
    format!(
        "name = \"{name}\"\n{HOURLY}\n[source]\njsonl = \"{name}.jsonl\"\n[item]\nkey = \".id\"\n\
         [[step]]\ncommand = [\"sh\", \"{name}.sh\"]\n[sheet]\ntab = \"Work\"\n"
    )
}

/// Three earthquakes, due now.
fn make_quakes_project() -> TempProject {
    let project = TempProject::with_few_quakes(3);
    let text = project.read("quakes.toml");
    let line = text.lines().find(|line| line.starts_with("schedule")).expect("it has a schedule");
    project.replace_in("quakes.toml", line, HOURLY);
    project
}

/// Adds a job of one item, due now, with this program.
fn add_work(project: &TempProject, name: &str, program: &str) {
    project.write(&format!("{name}.toml"), &make_work_project(name));
    project.write(&format!("{name}.sh"), program);
    project.write(&format!("{name}.jsonl"), "{\"id\": \"a\"}\n");
}

/// Waits for a file that a program writes.
fn await_file(project: &TempProject, name: &str) {
    while !project.list_entries().contains(&name.to_owned()) {
        std::thread::yield_now();
    }
}

/// Sends SIGTERM until the process has ended: signals within a second are one request.
fn end_at_once(live: &mut RunningCommand) {
    while !live.has_ended() {
        live.send_signal("-TERM");
    }
}

#[test]
fn a_daemon_runs_what_is_due_and_ends_with_0() {
    let project = make_quakes_project();
    let mut daemon = project.start(&["schedule", "run", "quakes.toml"]);
    daemon.wait_for_line("succeeded: new 3, failed 0");
    daemon.send_signal("-TERM");
    daemon.wait_for_end().exits(0);
    project.expect_each_quake_once(3);
    assert_eq!(project.column("quakes.toml", "Runs", "trigger")[0], "schedule");
}

#[test]
fn jobs_that_crash_or_fail_touch_no_other() {
    let project = make_quakes_project();
    add_work(&project, "crashes", "kill -9 $PPID");
    project.write("missing.toml", &make_work_project("missing"));
    let mut daemon = project.start(&["schedule", "run", "crashes.toml", "missing.toml", "quakes.toml"]);
    let (mut is_killed, mut is_missing, mut is_done) = (false, false, false);
    while !(is_killed && is_missing && is_done) {
        let line = daemon.wait_for_line("job=");
        is_killed |= line.contains("its process was killed") && line.contains("crashes");
        is_missing |= line.contains("missing.jsonl") && line.contains("exit_code=66");
        is_done |= line.contains("succeeded: new 3") && line.contains("quakes");
    }
    daemon.send_signal("-INT");
    daemon.wait_for_end().exits(0).stderr_has("it is called again in ");
    project.expect_each_quake_once(3);
}

#[test]
fn a_broken_edit_is_reported_and_the_last_good_form_used() {
    let project = make_quakes_project();
    let good = project.read("quakes.toml");
    let mut daemon = project.start(&["schedule", "run", "quakes.toml", "-v"]);
    daemon.wait_for_line("succeeded: new 3");
    project.write("quakes.toml", &good.replace("[sheet]", "[sheet]\ntabb = 1"));
    // Without it, or under nohup, the file is read within ten seconds.
    daemon.send_signal("-HUP");
    let line = daemon.wait_for_line("ERROR");
    assert!(line.contains("quakes.toml:") && line.contains("did you mean"), "{line}");
    daemon.wait_for_line("keeps the last good form");
    daemon.wait_for_line("nothing ran");
    project.write("quakes.toml", &good);
    daemon.send_signal("-HUP");
    daemon.wait_for_line("was read again");
    daemon.send_signal("-TERM");
    daemon.wait_for_end().exits(0);
}

#[test]
fn a_run_can_use_a_form_in_place_of_its_broken_file() {
    let project = make_quakes_project();
    let form = json!({ "text": project.read("quakes.toml"), "env_file": {} }).to_string();
    project.write("quakes.toml", "broken");
    let mut live = project.start(&["run", "--due", "--for-daemon", "--json", "quakes.toml"]);
    live.write_input(&form);
    let ended = live.close_and_wait();
    let documents: Vec<Value> =
        ended.exits(0).stdout.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect();
    // In the last minute before an occurrence, that one runs too.
    let last = &documents[documents.len() - 1];
    assert_eq!((&documents[0]["counts"]["new"], &last["active_run"]), (&json!(3), &Value::Null));
    assert!(last["next"].as_str().is_some_and(|next| next.ends_with("00:00.000Z")), "{documents:?}");
    project.run(&["run", "--due", "--for-daemon", "quakes.toml"]).exits(78);
}

#[test]
fn sigterm_lets_a_run_commit_what_is_in_progress() {
    let project = make_quakes_project();
    add_work(&project, "slow", "touch begun; cat pipe; echo '{\"id\": \"a\"}'");
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut daemon = project.start(&["schedule", "run", "slow.toml"]);
    await_file(&project, "begun");
    daemon.send_signal("-TERM");
    daemon.wait_for_line("waits for the jobs at work");
    // The program waits for this writer, and ends with it.
    drop(OpenOptions::new().write(true).open(project.path("pipe")).expect("the program reads it"));
    daemon.wait_for_end().exits(0);
    assert_eq!(project.column("slow.toml", "Work", "id"), ["a"]);
    assert_eq!(project.column("slow.toml", "Runs", "status").len(), 1);
}

#[test]
fn a_second_signal_kills_what_is_still_at_work() {
    let project = TempProject::empty();
    add_work(&project, "stuck", "trap '' TERM; touch begun; while kill -0 $PPID; do sleep 0.1; done");
    let mut daemon = project.start(&["schedule", "run", "stuck.toml"]);
    await_file(&project, "begun");
    end_at_once(&mut daemon);
    daemon.wait_for_end().exits(143).stderr_has("still at work, and killed");
}

#[test]
fn job_files_that_can_not_be_used_are_all_named_at_the_start() {
    let project = make_quakes_project();
    project.write("none.toml", &project.read("quakes.toml").replace(HOURLY, ""));
    project.write("stdin.toml", &make_work_project("stdin").replace("stdin.jsonl", "-"));
    project.write("broken.toml", "name = ");
    let files = ["none.toml", "stdin.toml", "broken.toml", "gone.toml"];
    let ended = project.run(&[&["schedule", "run", "quakes.toml"], &files[..]].concat());
    ended.exits(78).stderr_has("none.toml has no schedule").stderr_has("stdin.toml reads standard input");
    ended.stderr_has("broken.toml:1").stderr_has("the job file gone.toml was not found");
    assert!(!project.list_entries().contains(&"quakes.sheet".to_owned()), "nothing ran");
}

#[test]
fn the_service_manager_is_notified_of_ready_alive_and_stopping() {
    let project = make_quakes_project();
    let socket = UnixDatagram::bind(project.path("notify")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    let receive = || {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).expect("a notification");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut command = project.command(&["schedule", "run", "quakes.toml"]);
    command.env("NOTIFY_SOCKET", project.path("notify")).env("WATCHDOG_USEC", "200000");
    let mut daemon = RunningCommand::start(command);
    assert_eq!(receive(), "READY=1\nSTATUS=jobs: 1\n");
    assert_eq!([receive(), receive(), receive()], ["WATCHDOG=1\n"; 3]);
    daemon.send_signal("-TERM");
    let stopping = std::iter::repeat_with(receive).find(|text| text != "WATCHDOG=1\n");
    assert!(stopping.is_some_and(|text| text.starts_with("STOPPING=1\n")));
    daemon.wait_for_end().exits(0);
}

#[test]
fn logs_of_the_daemon_can_be_json() {
    let project = make_quakes_project();
    let mut daemon = project.start(&["--log-format", "json", "schedule", "run", "quakes.toml"]);
    let line: Value = serde_json::from_str(&daemon.wait_for_line("succeeded: new 3")).expect("a document");
    assert_eq!((&line["job"], &line["severity"]), (&json!("quakes"), &json!("INFO")));
    daemon.send_signal("-TERM");
    daemon.wait_for_end().exits(0);
}

#[test]
fn why_nothing_ran_is_in_the_log() {
    let project = make_quakes_project();
    // Due once a year: its first call comes later than the grace.
    let mut yearly = project.read("quakes.toml");
    let at = yearly.find("cron = ").expect("a schedule");
    let end = at + yearly[at..].find(['\n', ',']).expect("its end");
    yearly.replace_range(at..end, "cron = \"0 3 29 2 *\"");
    project.write("quakes.toml", &yearly);
    let mut daemon = project.start(&["schedule", "run", "quakes.toml"]);
    let reason = "skipped: no call of run --due came before this time";
    let line = daemon.wait_for_line(reason);
    assert!(line.contains("WARN") && line.contains("quakes"), "{line}");
    daemon.send_signal("-TERM");
    daemon.wait_for_end().exits(0);
    assert_eq!(project.column("quakes.toml", "Runs", "message"), [reason]);
}
