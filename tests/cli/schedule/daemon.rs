//! `sheetkeep schedule run`: the real daemon, with a process for each job, changed job files,
//! signals and the service manager's socket.

use std::fs::OpenOptions;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::live::Live;
use crate::temp_project::TempProject;

/// Its times are every hour, so one of them is within `misfire_grace` and due at the start.
const HOURLY: &str = "schedule = { cron = \"0 * * * *\", timezone = \"UTC\" }";

/// A job whose items go through `worker.sh`.
fn work(name: &str) -> String {
    format!(
        "name = \"{name}\"\n{HOURLY}\n[source]\njsonl = \"{name}.jsonl\"\n[item]\nkey = \".id\"\n\
         [[step]]\ncommand = [\"sh\", \"{name}.sh\"]\n[sheet]\ntab = \"Work\"\n"
    )
}

/// Three earthquakes, due now.
fn quakes() -> TempProject {
    let project = TempProject::few_quakes(3);
    let text = project.read("quakes.toml");
    let line = text.lines().find(|line| line.starts_with("schedule")).expect("it has a schedule");
    project.change("quakes.toml", line, HOURLY);
    project
}

/// Adds a job of one item, due now, with this program.
fn add_work(project: &TempProject, name: &str, program: &str) {
    project.write(&format!("{name}.toml"), &work(name));
    project.write(&format!("{name}.sh"), program);
    project.write(&format!("{name}.jsonl"), "{\"id\": \"a\"}\n");
}

/// Waits for a file that a program writes.
fn await_file(project: &TempProject, name: &str) {
    while !project.listed().contains(&name.to_owned()) {
        std::thread::yield_now();
    }
}

/// Sends SIGTERM until the process has ended: signals within a second are one request.
fn end_at_once(live: &mut Live) {
    while !live.is_over() {
        live.signal("-TERM");
    }
}

#[test]
fn a_daemon_runs_what_is_due_and_ends_with_0() {
    let project = quakes();
    let mut daemon = project.start(&["schedule", "run", "quakes.toml"]);
    daemon.hears("succeeded: new 3, failed 0");
    daemon.signal("-TERM");
    daemon.ends_by_itself().exits(0);
    project.holds_each_quake_once(3);
    assert_eq!(project.column("quakes.toml", "Runs", "trigger")[0], "schedule");
}

#[test]
fn jobs_that_crash_or_fail_touch_no_other() {
    let project = quakes();
    add_work(&project, "crashes", "kill -9 $PPID");
    project.write("missing.toml", &work("missing"));
    let mut daemon = project.start(&["schedule", "run", "crashes.toml", "missing.toml", "quakes.toml"]);
    let (mut is_killed, mut is_missing, mut is_done) = (false, false, false);
    while !(is_killed && is_missing && is_done) {
        let line = daemon.hears("job=");
        is_killed |= line.contains("its process was killed") && line.contains("crashes");
        is_missing |= line.contains("missing.jsonl") && line.contains("exit_code=66");
        is_done |= line.contains("succeeded: new 3") && line.contains("quakes");
    }
    daemon.signal("-INT");
    daemon.ends_by_itself().exits(0).says("it is called again in ");
    project.holds_each_quake_once(3);
}

#[test]
fn a_broken_edit_is_reported_and_the_last_good_form_used() {
    let project = quakes();
    let good = project.read("quakes.toml");
    let mut daemon = project.start(&["schedule", "run", "quakes.toml", "-v"]);
    daemon.hears("succeeded: new 3");
    project.write("quakes.toml", &good.replace("[sheet]", "[sheet]\ntabb = 1"));
    // Without it, or under nohup, the file is read within ten seconds.
    daemon.signal("-HUP");
    let line = daemon.hears("ERROR");
    assert!(line.contains("quakes.toml:") && line.contains("did you mean"), "{line}");
    daemon.hears("keeps the last good form");
    daemon.hears("nothing ran");
    project.write("quakes.toml", &good);
    daemon.signal("-HUP");
    daemon.hears("was read again");
    daemon.signal("-TERM");
    daemon.ends_by_itself().exits(0);
}

#[test]
fn a_run_can_use_a_form_in_place_of_its_broken_file() {
    let project = quakes();
    let form = json!({ "text": project.read("quakes.toml"), "env_file": {} }).to_string();
    project.write("quakes.toml", "broken");
    let mut live = project.start(&["run", "--due", "--for-daemon", "--json", "quakes.toml"]);
    live.feed(&form);
    let ended = live.ends();
    let documents: Vec<Value> =
        ended.exits(0).out.lines().map(|line| serde_json::from_str(line).expect("a document a line")).collect();
    assert_eq!((&documents[0]["counts"]["new"], &documents[1]["active_run"]), (&json!(3), &Value::Null));
    assert!(documents[1]["next"].as_str().is_some_and(|next| next.ends_with("00:00.000Z")), "{documents:?}");
    project.run(&["run", "--due", "--for-daemon", "quakes.toml"]).exits(78);
}

#[test]
fn sigterm_lets_a_run_commit_what_is_in_progress() {
    let project = quakes();
    add_work(&project, "slow", "touch begun; cat pipe; echo '{\"id\": \"a\"}'");
    let made = Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo can be run");
    assert!(made.success());
    let mut daemon = project.start(&["schedule", "run", "slow.toml"]);
    await_file(&project, "begun");
    daemon.signal("-TERM");
    daemon.hears("waits for the jobs at work");
    // The program waits for this writer, and ends with it.
    drop(OpenOptions::new().write(true).open(project.path("pipe")).expect("the program reads it"));
    daemon.ends_by_itself().exits(0);
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
    daemon.ends_by_itself().exits(143).says("still at work, and killed");
}

#[test]
fn job_files_that_can_not_be_used_are_all_named_at_the_start() {
    let project = quakes();
    project.write("none.toml", &project.read("quakes.toml").replace(HOURLY, ""));
    project.write("stdin.toml", &work("stdin").replace("stdin.jsonl", "-"));
    project.write("broken.toml", "name = ");
    let files = ["none.toml", "stdin.toml", "broken.toml", "gone.toml"];
    let ended = project.run(&[&["schedule", "run", "quakes.toml"], &files[..]].concat());
    ended.exits(78).says("none.toml has no schedule").says("stdin.toml reads standard input");
    ended.says("broken.toml:1").says("the job file gone.toml was not found");
    assert!(!project.listed().contains(&"quakes.sheet".to_owned()), "nothing ran");
}

#[test]
fn the_service_manager_is_notified_of_ready_alive_and_stopping() {
    let project = quakes();
    let socket = UnixDatagram::bind(project.path("notify")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
    let receive = || {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).expect("a notification");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let mut command = project.command(&["schedule", "run", "quakes.toml"]);
    command.env("NOTIFY_SOCKET", project.path("notify")).env("WATCHDOG_USEC", "200000");
    let mut daemon = Live::start(command);
    assert_eq!(receive(), "READY=1\nSTATUS=jobs: 1\n");
    assert_eq!([receive(), receive(), receive()], ["WATCHDOG=1\n"; 3]);
    daemon.signal("-TERM");
    let stopping = std::iter::repeat_with(receive).find(|text| text != "WATCHDOG=1\n");
    assert!(stopping.is_some_and(|text| text.starts_with("STOPPING=1\n")));
    daemon.ends_by_itself().exits(0);
}

#[test]
fn logs_of_the_daemon_can_be_json() {
    let project = quakes();
    let mut daemon = project.start(&["--log-format", "json", "schedule", "run", "quakes.toml"]);
    let line: Value = serde_json::from_str(&daemon.hears("succeeded: new 3")).expect("a document");
    assert_eq!((&line["job"], &line["severity"]), (&json!("quakes"), &json!("INFO")));
    daemon.signal("-TERM");
    daemon.ends_by_itself().exits(0);
}

#[test]
fn why_nothing_ran_is_in_the_log() {
    let project = quakes();
    // Due once a year: its first call comes later than the grace.
    let mut yearly = project.read("quakes.toml");
    let at = yearly.find("cron = ").expect("a schedule");
    let end = at + yearly[at..].find(['\n', ',']).expect("its end");
    yearly.replace_range(at..end, "cron = \"0 3 29 2 *\"");
    project.write("quakes.toml", &yearly);
    let mut daemon = project.start(&["schedule", "run", "quakes.toml"]);
    let reason = "skipped: no call of run --due came before this time";
    let line = daemon.hears(reason);
    assert!(line.contains("WARN") && line.contains("quakes"), "{line}");
    daemon.signal("-TERM");
    daemon.ends_by_itself().exits(0);
    assert_eq!(project.column("quakes.toml", "Runs", "message"), [reason]);
}
