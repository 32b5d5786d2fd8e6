//! How programs of steps end, with all processes that they started, and how signals and retries are
//! reported.

use std::process::Command;

use crate::emulator_process::EmulatorProcess;
use crate::running_command::RunningCommand;
use crate::temp_project::TempProject;

/// What follows the step: how long its program may take, and how often it is tried.
const LIMITS: &str = "timeout = \"1s\"\n[retry]\nattempts = 2\nbase = \"1ms\"\n";

/// Returns a job of one item, with this program.
fn make_project(worker: &str) -> TempProject {
    TempProject::worker(LIMITS, worker)
}

/// Returns the processes that the program recorded, one per line.
fn read_note(project: &TempProject) -> Vec<String> {
    project.read("pids").lines().map(str::to_owned).collect()
}

/// Returns whether a process is alive, and not a zombie.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn wait_for_file(project: &TempProject, name: &str) {
    while !project.path(name).exists() {
        std::thread::yield_now();
    }
}

#[test]
fn a_program_that_is_too_slow_is_ended_with_its_children() {
    let project = make_project("sleep 600 & echo $! >> pids; sh -c 'sleep 600 & echo $! >> pids; wait'");
    project.run(&["run", "work.toml"]).exits(3).stderr_has("was stopped after 1 s");
    let pids = read_note(&project);
    assert_eq!(pids.len(), 4, "two children in each of two attempts");
    assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
}

#[test]
fn children_that_do_not_listen_are_killed() {
    let project =
        make_project("trap '' TERM; sh -c \"trap '' TERM; while :; do sleep 1; done\" & echo $! >> pids; wait");
    project.replace_in("work.toml", "attempts = 2", "attempts = 1");
    project.run(&["run", "work.toml"]).exits(3).stderr_has("was stopped after 1 s");
    assert!(!is_alive(&read_note(&project)[0]));
}

#[test]
fn a_program_that_fails_leaves_no_children_behind() {
    let project = make_project("sleep 600 & echo $! >> pids; exit 3");
    project.run(&["run", "work.toml"]).exits(3).stderr_has("sh ended with 3");
    assert!(!is_alive(&read_note(&project)[0]));
}

#[test]
fn a_program_that_is_done_but_left_a_child_is_done() {
    for (with, left) in [("", "0"), (" 2>/dev/null", "1"), (" >/dev/null", "2")] {
        // The child holds both pipes, or one of them. The program may have more time than the child
        // takes.
        let project =
            make_project(&format!("echo x >> begun; sleep 600{with} & echo $! >> pids; echo '{{\"left\": {left}}}'"));
        project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
        project.replace_in("worker.sh", "echo '{", "echo '{\"id\": \"a\", ");
        let ended = project.run(&["run", "work.toml", "--deadline", "30s"]);
        ended.exits(0).stdout_has("new 1");
        assert_eq!(project.column("work.toml", "Work", "left"), [left]);
        assert_eq!(project.read("begun"), "x\n", "it ran once");
        // A process that it left running on purpose is not touched.
        let pid = &read_note(&project)[0];
        assert!(is_alive(pid));
        Command::new("kill").arg(pid).status().expect("kill can be run");
    }
}

#[test]
fn what_a_child_still_says_after_the_program_is_heard() {
    let project = make_project("(sleep 0.1; echo '{\"id\": \"a\", \"late\": true}') & exit 0");
    project.run(&["run", "work.toml"]).exits(0);
    assert_eq!(project.column("work.toml", "Work", "late"), ["TRUE"]);
}

#[test]
fn two_signals_within_a_second_are_one() {
    let project = make_project("echo > begun; while [ ! -e go ]; do sleep 0.01; done");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    let mut live = project.start(&["run", "work.toml"]);
    wait_for_file(&project, "begun");
    // As coreutils' timeout does: one signal to the process, another to its group.
    live.send_signals(&["-TERM", "-TERM", "-TERM"]);
    live.wait_for_line("finishing the items in progress");
    project.write("go", "");
    live.close_and_wait().exits(143).stdout_has("new 1");
}

#[test]
fn a_second_signal_ends_a_program_with_its_children() {
    let project = make_project("sleep 600 & echo $! >> pids; trap 'echo > asked; exit 1' TERM; echo > begun; wait");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    let mut live = project.start(&["run", "work.toml"]);
    wait_for_file(&project, "begun");
    live.send_signal("-INT");
    live.wait_for_line("stopping (SIGINT): finishing the items in progress; press Ctrl-C again to end their programs");
    // Repeated Ctrl-C counts once per second.
    while !project.path("asked").exists() && !live.has_ended() {
        live.send_signal("-INT");
    }
    let ended = live.close_and_wait();
    ended
        .exits(130)
        .stdout_has("new 0")
        .stderr_has("stopping (asked again): ending")
        .stderr_has("left to the next run: 1");
    assert!(!ended.stderr.contains("out of time"), "{}", ended.stderr);
    assert!(project.path("asked").exists(), "the program was asked to end");
    assert!(!is_alive(&read_note(&project)[0]));
    assert_eq!(project.column("work.toml", "Failures work", "key"), [""; 0]);
}

#[test]
fn after_a_signal_no_further_attempt_starts() {
    let project = make_project("echo $SHEETKEEP_ATTEMPT >> attempts; while [ ! -e go ]; do sleep 0.01; done; exit 75");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    project.replace_in("work.toml", "attempts = 2", "attempts = 6");
    let mut live = project.start(&["run", "work.toml"]);
    wait_for_file(&project, "attempts");
    live.send_signal("-TERM");
    live.wait_for_line("a second signal ends their programs");
    project.write("go", "");
    // The next run tries it: what a signal cut off has not failed.
    live.close_and_wait().exits(143).stdout_has("new 0").stdout_has("interrupted");
    assert_eq!(project.read("attempts"), "1\n");
    assert_eq!(project.column("work.toml", "Runs", "status"), ["interrupted"]);
    assert_eq!(project.column("work.toml", "Failures work", "key"), [""; 0]);
}

#[test]
fn a_closed_terminal_ends_a_run_and_a_second_time_its_program() {
    let project = make_project("sleep 600 & echo $! >> pids; trap 'echo > asked; exit 1' TERM; echo > begun; wait");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    let mut live = project.start(&["run", "work.toml"]);
    wait_for_file(&project, "begun");
    live.send_signal("-HUP");
    live.wait_for_line("finishing the items in progress");
    while !project.path("asked").exists() && !live.has_ended() {
        live.send_signal("-HUP");
    }
    live.close_and_wait().exits(129).stdout_has("new 0").stderr_has("left to the next run: 1");
    assert!(project.path("asked").exists(), "the program was asked to end");
    assert!(!is_alive(&read_note(&project)[0]));
    assert_eq!(project.column("work.toml", "Runs", "status"), ["interrupted"]);
}

#[test]
fn under_nohup_a_closed_terminal_ends_no_run() {
    let project = make_project("echo > begun; while [ ! -e go ]; do sleep 0.01; done");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    let live = project.start_under_nohup(&["run", "work.toml"]);
    wait_for_file(&project, "begun");
    live.send_signal("-HUP");
    project.write("go", "");
    live.close_and_wait().exits(0).stdout_has("new 1");
}

#[test]
fn a_deadline_ends_a_program_with_its_children_and_says_so() {
    let project = make_project("trap '' TERM; sh -c \"trap '' TERM; sleep 600\" & echo $! >> pids; wait");
    project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
    project.run(&["run", "work.toml", "--deadline", "3s"]).exits(124).stdout_has("timed out").stdout_has("new 0");
    assert!(!is_alive(&read_note(&project)[0]));
    assert_eq!(project.column("work.toml", "Runs", "status"), ["timed out"]);
}

#[test]
fn a_retry_of_a_step_is_a_line_of_the_log() {
    let project = make_project("echo try later >&2; [ $SHEETKEEP_ATTEMPT = 3 ] || exit 75");
    project.replace_in("work.toml", "attempts = 2", "attempts = 6");
    let ended = project.run(&["run", "work.toml"]);
    ended.exits(0).stderr_has("step worker of a: attempt 2 of 6 starts in ").stderr_has("attempt 3 of 6");
    ended.stderr_has("sh asks to be tried again: try later");
    project.write("items.jsonl", "{\"id\": \"b\"}\n");
    let ended = project.run(&["run", "work.toml", "--log-format", "json"]);
    let lines = ended.exits(0).stderr.lines().map(|line| serde_json::from_str(line).expect("JSON lines"));
    let retries: Vec<serde_json::Value> = lines.filter(|line: &serde_json::Value| line["attempt"].is_u64()).collect();
    let attempts: Vec<_> =
        retries.iter().map(|line| (&line["key"], &line["step"], &line["attempt"], &line["of"])).collect();
    let (key, step) = (&"b".into(), &"worker".into());
    assert_eq!(attempts, [(key, step, &2.into(), &6.into()), (key, step, &3.into(), &6.into())]);
    assert!(
        retries.iter().all(|line| line["delay_ms"].is_u64() && line["cause"] == "sh asks to be tried again: try later")
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_leaves_no_program_a_part_of_its_item() {
    for size in [10, 300_000] {
        let project =
            make_project("echo > begun; while [ ! -e go ]; do sleep 0.01; done; cat > got.part; mv got.part got");
        project.replace_in("work.toml", "timeout = \"1s\"", "timeout = \"60s\"");
        let item = format!("{{\"id\":\"a\",\"text\":\"{}\"}}\n", "x".repeat(size));
        project.write("items.jsonl", &item);
        let mut live = project.start(&["run", "work.toml"]);
        // The program has read nothing yet.
        wait_for_file(&project, "begun");
        live.kill();
        live.close_and_wait();
        project.write("go", "");
        wait_for_file(&project, "got");
        assert!(project.read("got") == item, "{size}: the program acted on {} bytes", project.read("got").len());
    }
}

#[test]
fn an_item_for_which_there_is_no_room_stops_the_run() {
    // The limit on the size of files applies to the item as well.
    let project = make_project("prlimit --pid $PPID --fsize=100000:unlimited; echo $SHEETKEEP_KEY >> done");
    project.write(
        "items.jsonl",
        &format!("{{\"id\": \"a\"}}\n{{\"id\": \"b\", \"text\": \"{}\"}}\n", "x".repeat(200_000)),
    );
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    let ended = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "work.toml"])).close_and_wait();
    ended
        .exits(74)
        .stderr_has("the item for the program sh can't be kept ready")
        .stderr_has("no record is to blame")
        .stdout_has("failed 0");
    project.write("worker.sh", "echo $SHEETKEEP_KEY >> done; echo '{\"id\": \"b\"}'");
    let next = RunningCommand::start(emulator.command(&project, "1AbC", &["run", "work.toml"])).close_and_wait();
    next.exits(0).stdout_has("new 1");
    assert_eq!(project.read("done"), "a\nb\n");
}
