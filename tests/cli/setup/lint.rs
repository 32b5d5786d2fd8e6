//! `sheetkeep lint`: the report, the exit codes, and what it changes.

use serde_json::Value;

use crate::temp_project::TempProject;

const NAIVE: &str =
    "import requests\n\nif __name__ == '__main__':\n    print(requests.get('https://example.org').json())\n";
const BETTER: &str = "import logging\nimport requests\n\nif __name__ == '__main__':\n    \
                      answer = requests.get('https://example.org', timeout=60)\n    answer.raise_for_status()\n    \
                      logging.info('%s', answer.json())\n";

fn make_project(text: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("job.py", text);
    project
}

#[test]
fn errors_of_a_script_are_lines_a_score_and_exit_code_4() {
    let ended = make_project(NAIVE).run(&["lint", "job.py"]);
    ended.exits(4).stdout_has("job.py:4:11: error SK301 get waits for ever [--fix=safe]");
    ended
        .stdout_has("error SK302")
        .stdout_has("✗ every call has a time limit (SK301)")
        .stdout_has("Readiness: ")
        .stdout_has("(level none)");
    let ended = make_project(BETTER).run(&["lint", "job.py"]);
    ended.exits(0).stdout_has("✓ every call has a time limit").stdout_has("(level C)");
}

#[test]
fn the_gate_and_the_severities_are_the_users() {
    let project = make_project(BETTER);
    project.run(&["lint", "job.py", "--gate", "warning"]).exits(4);
    project.write("job.py", NAIVE);
    project.run(&["lint", "job.py", "--gate", "never"]).exits(0);
    let off = "SK301=off,SK302=info";
    project.run(&["lint", "job.py", "--severity", off]).exits(0).stdout_has("info SK302");
    project.run(&["lint", "job.py", "--severity", "SK999=off"]).exits(2).stderr_has("lint has no such code");
    project.run(&["lint", "job.py", "--severity", "SK301=bad"]).exits(2).stderr_has("a severity is");
}

#[test]
fn a_safe_fix_is_made_in_the_file_and_a_second_run_finds_it() {
    let project = make_project(NAIVE);
    project.run(&["lint", "job.py", "--fix=safe"]).exits(4).stderr_has("1 fix made\n");
    assert!(project.read("job.py").contains("get('https://example.org', timeout=60)"));
    assert_eq!(project.list_entries(), ["job.py"], "nothing is left beside it");
}

#[test]
fn a_fix_behind_a_byte_order_mark_is_in_its_place() {
    let project = make_project(&format!("\u{feff}{NAIVE}"));
    project.run(&["lint", "job.py", "--fix=safe"]).exits(4).stderr_has("1 fix made\n");
    let fixed = project.read("job.py");
    assert!(fixed.starts_with("\u{feff}import") && fixed.contains("org', timeout=60)"), "{fixed}");
    project.run(&["lint", "job.py", "--fix=safe"]).exits(4).stderr_has("0 fixes made\n");
    assert_eq!(project.read("job.py"), fixed);
}

/// A project with a script that is ready, and one that can't be read.
fn lint_half_file() -> TempProject {
    let project = TempProject::empty();
    project.write("after.py", include_str!("../../../examples/harden/after.py"));
    std::fs::write(project.path("latin.py"), b"name = 'M\xfcller'\n").expect("written");
    project
}

#[test]
fn what_was_not_read_is_never_called_ready() {
    let project = lint_half_file();
    let report = |more: &[&str]| project.run(&[&["lint", "."], more].concat());
    let ended = report(&[]);
    ended
        .exits(3)
        .stdout_has("latin.py: not read: is not UTF-8")
        .stdout_has("of what was read (level unknown: 1 path not read)");
    report(&["--gate", "never"]).exits(0).stdout_has("(level unknown: 1 path not read)");
    let note = report(&["--note"]);
    note.exits(3)
        .stdout_has("of what was read (level unknown: 1 path not read)")
        .stdout_has("This note is not about:\n\n- ");
    let json: Value = serde_json::from_str(&report(&["--format", "json"]).stdout).expect("one JSON document");
    assert_eq!((&json["readiness"]["level"], &json["readiness"]["is_complete"]), (&"unknown".into(), &false.into()));
    let sarif: Value = serde_json::from_str(&report(&["--format", "sarif"]).stdout).expect("one JSON document");
    let run = &sarif["runs"][0];
    assert_eq!(run["properties"]["readiness"]["level"], "unknown");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    report(&["--format", "github"]).exits(3).stdout_has("latin.py::not read: is not UTF-8");
    std::fs::remove_file(project.path("latin.py")).expect("it was there");
    report(&[]).exits(0).stdout_has("(level A)");
    project.run(&["lint", "after.py", "none.py"]).exits(3).stdout_has("none.py: not read");
}

#[test]
fn a_script_read_in_part_is_never_called_ready() {
    let project = TempProject::empty();
    project.write("old.py", "import logging\nprint 'start'\n");
    let ended = project.run(&["lint", "old.py", "--severity", "SK601=off"]);
    ended.exits(0).stdout_has("old.py: is Python 2 (line 2)").stdout_has("(level unknown: 1 file read in part)");
    let json = project.run(&["lint", "old.py", "--format", "json"]);
    project.write("before.json", &json.stdout);
    project.write("old.py", "import logging\nlogging.info('start')\n");
    project.run(&["lint", "old.py", "--before", "before.json"]).exits(0).stdout_has(" (before: of what was read)\n");
    project.write("old.py", "import requests\nprint 'start'\nrequests.get(u).raise_for_status()\n");
    project.run(&["lint", "old.py"]).exits(4).stdout_has("of what was read (level none; 1 file read in part)");
}

#[test]
fn nothing_that_was_read_is_no_readiness() {
    let project = TempProject::empty();
    let ended = project.run(&["lint", ".", "--format", "json"]);
    ended.exits(66).stdout_has("\"level\": \"unknown\"");
}

#[test]
fn a_report_is_compared_with_the_one_before() {
    let project = make_project(NAIVE);
    let before = project.run(&["lint", "job.py", "--format", "json"]);
    let document: Value = serde_json::from_str(&before.stdout).expect("one JSON document");
    let is_there =
        |code: &str| document["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["code"] == code));
    assert!(is_there("SK301") && is_there("SK302"), "{document}");
    project.write("before.json", &before.stdout);
    project.write("job.py", BETTER);
    let score = document["readiness"]["score"].as_str().expect("a score");
    let ended = project.run(&["lint", "job.py", "--before", "before.json"]);
    ended.exits(0).stdout_has(&format!("{score} → ")).stdout_has("  + every answer is checked");
    let other = project.run(&["lint", "job.py", "--before", "job.py"]);
    other.exits(65).stderr_has("is not a report").stderr_has("make one of the scripts as they were");
}

#[test]
fn a_baseline_leaves_what_is_new() {
    let project = make_project(NAIVE);
    project.run(&["lint", "job.py", "--write-baseline", "base.json"]).exits(4);
    project.run(&["lint", "job.py", "--baseline", "base.json"]).exits(0).stdout_has("in the baseline");
}

#[test]
fn every_code_is_explained() {
    let project = TempProject::empty();
    let all = project.run(&["lint", "explain"]);
    all.exits(0).stdout_has("SK301  error    a call without a time limit");
    project
        .run(&["lint", "explain", "sk301"])
        .exits(0)
        .stdout_has("# SK301: a call without a time limit")
        .stdout_has("**Instead:**");
    project.run(&["lint", "explain", "SK999"]).exits(2).stderr_has("lint has no code SK999");
}

#[test]
fn paths_without_a_script_end_with_66() {
    let project = TempProject::empty();
    project.write("notes.md", "curl https://example.org");
    project.run(&["lint", "notes.md"]).exits(66).stdout_has("notes.md: not read").stderr_has("no script was read");
    project.run(&["lint", "none.py"]).exits(66);
}

#[test]
fn the_hardened_example_is_ready_and_the_naive_one_is_not() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/harden/");
    let project = TempProject::empty();
    let before = project.run(&["lint", &format!("{examples}before.py")]);
    before.exits(4).stdout_has("(level none)");
    let after = project.run(&["lint", &format!("{examples}after.py"), "--gate", "warning"]);
    after.exits(0).stdout_has("(level A)");
}
