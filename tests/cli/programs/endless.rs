//! Expressions without end or limit: the record fails, the others are processed, and signals and
//! deadlines take effect.

use std::fs;

use crate::temp_project::TempProject;

const RECORDS: &str = r#"{"id":"a","p":1,"n":2,"total":10,"page":5}
{"id":"bad","p":0,"n":1e12,"total":10,"page":0}
{"id":"c","p":2,"n":3,"total":4,"page":2}
"#;

/// Returns a job whose expressions have little time and memory.
fn make_project(key: &str, map: &str) -> TempProject {
    let project = TempProject::empty();
    let job = format!(
        "name = \"j\"\n[source]\njsonl = \"r.jsonl\"\n[item]\nkey = '''{key}'''\n[jq]\ntimeout = \"1s\"\nmemory = 64\n\
         [[step]]\nmap = '''{map}'''\n[sheet]\ntab = \"T\"\n"
    );
    project.write("j.toml", &job);
    project.write("r.jsonl", RECORDS);
    project
}

#[test]
fn a_record_on_which_jq_never_ends_fails_alone() {
    for (map, why) in [
        (r#"if .id == "bad" then (def f: f; f) else {id} end"#, "stopped after 1 s"),
        (".p as $p | {id, x: (0 | until(. >= 10; . + $p))}", "stopped after 1 s"),
        ("{id, x: ([range(0; .total; .page)] | length)}", "by 0 never ends"),
        (r#"{id, x: ("x" * .n | length)}"#, "cannot repeat a text"),
        (r#"if .id == "bad" then (def f: 1 + f; f) else {id} end"#, "recurses without end"),
        (r#"if .id == "bad" then reduce range(99) as $i ("xxx"; . + .) else . end | {id: .id}"#, "more than 64 MB"),
        (r#"{id, x: (last(range(if .id == "bad" then 1e18 else 9 end)))}"#, "stopped after 1 s"),
    ] {
        let project = make_project(".id", map);
        if !why.contains("1 s") {
            project.replace_in("j.toml", "timeout = \"1s\"", "timeout = \"50s\"");
        }
        let ended = project.run(&["run", "j.toml"]);
        ended.exits(3).stdout_has("new 2").stdout_has("failed 1").stderr_has(why);
        assert_eq!(project.column("j.toml", "T", "id"), ["a", "c"], "{map}");
        assert_eq!(project.column("j.toml", "Failures j", "key"), ["bad"], "{map}");
    }
}

#[test]
fn a_step_may_have_a_time_of_its_own() {
    let project = make_project(".id", ".p as $p | {id, x: (0 | until(. >= 10; . + $p))}");
    project.replace_in("j.toml", "[sheet]", "timeout = \"300ms\"\n[sheet]");
    project.run(&["run", "j.toml"]).exits(3).stderr_has("stopped after 300 ms").stdout_has("new 2");
}

#[test]
fn a_key_or_a_version_without_end_fails_its_record_alone() {
    let endless = r#"if .id == "bad" then (def f: f; f) else .id end"#;
    let project = make_project(endless, "{id}");
    project
        .run(&["run", "j.toml"])
        .exits(3)
        .stdout_has("new 2")
        .stderr_has("r.jsonl:2 (record 2)")
        .stderr_has("stopped after 1 s");
    assert_eq!(project.column("j.toml", "T", "id"), ["a", "c"]);
    let project = make_project(".id", "{id}");
    project.replace_in("j.toml", "[jq]", &format!("version = '''{endless}'''\n[jq]"));
    project.run(&["run", "j.toml"]).exits(3).stdout_has("new 2").stderr_has("version").stderr_has("stopped after 1 s");
}

#[test]
fn items_without_end_stop_the_run_with_their_place() {
    let project = make_project(".id", "{id}");
    project.replace_in("j.toml", "jsonl = \"r.jsonl\"", "json = \"d.json\"\nitems = \"def f: f; f\"");
    project.write("d.json", r#"{"items": [{"id": "a"}]}"#);
    project.run(&["run", "j.toml"]).exits(65).stderr_has("d.json: items: it was stopped after 1 s");
    project.run(&["check", "j.toml"]).exits(65);
}

#[test]
fn a_check_ends_though_the_key_does_not() {
    let project = make_project("def f: f; f", "{id}");
    project.run(&["check", "j.toml"]).exits(0).stdout_has("stopped after 1 s");
}

#[test]
fn a_forced_run_passes_over_a_key_without_end() {
    let project = make_project(r#"if .id == "bad" then (def f: f; f) else .id end"#, "{id}");
    project.run(&["run", "j.toml"]).exits(3);
    project.run(&["run", "j.toml", "--force"]).exits(0).stdout_has("2 keys again");
}

/// Starts a run with a record on which jq never ends, and a minute for it.
fn make_stuck_project(arguments: &[&str]) -> (TempProject, crate::running_command::RunningCommand) {
    let project = make_project(".id", "def f: f; f");
    project.replace_in("j.toml", "timeout = \"1s\"", "timeout = \"1h\"");
    project.write("r.jsonl", "{\"id\":\"a\"}\n{\"no\":\"key\"}\n");
    let mut live = project.start(&[&["run", "j.toml"], arguments].concat());
    live.wait_for_line(": failed ");
    (project, live)
}

#[test]
fn signals_are_heard_while_jq_does_not_end() {
    let (project, mut live) = make_stuck_project(&[]);
    // A second signal counts after one second.
    while !live.has_ended() {
        live.send_signal("-TERM");
    }
    live.wait_for_end().exits(143).stderr_has("left to the next run: 1");
    assert_eq!(project.column("j.toml", "Runs", "status"), ["interrupted"]);
}

#[test]
fn a_deadline_is_kept_while_jq_does_not_end() {
    let (project, mut live) = make_stuck_project(&["--deadline", "3s"]);
    live.wait_for_end().exits(124);
    assert_eq!(project.column("j.toml", "Runs", "status"), ["timed out"]);
}

/// Returns the processes below this one, with their arguments and environment.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<(u32, String, String)> {
    let entries = fs::read_dir("/proc").expect("the system shows processes").map_while(Result::ok);
    let numbers = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let read = |pid: u32, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let is_child = |pid: &u32| {
        let stat = read(*pid, "stat");
        stat.rsplit(')').next().and_then(|rest| rest.split(' ').nth(2)?.parse().ok()) == Some(parent)
    };
    numbers.filter(is_child).map(|pid| (pid, read(pid, "cmdline"), read(pid, "environ"))).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_worker_shows_no_record_and_is_gone_after_the_run() {
    let (_shop, mut live) = make_stuck_project(&[]);
    let worker = loop {
        if let Some(worker) = children_of(live.id()).into_iter().find(|(_, words, _)| words.contains("evaluate-jq")) {
            break worker;
        }
        std::thread::yield_now();
    };
    assert_eq!((worker.1.as_str(), worker.2.as_str()), ("sheetkeep\0evaluate-jq\0", ""));
    live.kill();
    while fs::read_to_string(format!("/proc/{}/cmdline", worker.0)).is_ok_and(|words| words.contains("evaluate-jq")) {
        std::thread::yield_now();
    }
}

#[test]
fn an_expression_of_900_operators_runs_and_of_30000_is_refused() {
    let chain = |operators: usize| format!("{{id, x: (.p{})}}", "+1".repeat(operators));
    let project = make_project(".id", &chain(900));
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 3");
    assert_eq!(project.column("j.toml", "T", "x"), ["901", "900", "902"]);
    let project = make_project(".id", &chain(30_000));
    project.run(&["run", "j.toml"]).exits(78).stderr_has("more than 1000 operators");
}
