//! `max_changed`: changes of existing rows beyond the limit wait for a person.

use serde_json::json;

use crate::temp_project::{CommandOutput, TempProject};

const JOB: &str = r#"
name = "orders"

[source]
csv = "orders.csv"

[item]
key = ".id"

[sheet]
tab = "Orders"
mode = "upsert"
max_changed = { rows = 10, share = "10%" }
"#;

const NEVER_STOP: &str = "\n[failures]\nstop_after = 0\n";

/// Rows `0` to `count`, each with a price that grows by `more`.
fn read_rows(count: u32, more: u32) -> String {
    (0..count).fold("id,price\n".to_owned(), |rows, n| rows + &format!("k{n},{}\n", n + more))
}

/// A project with 100 rows on its sheet.
fn make_project() -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", JOB);
    project.write("orders.csv", &read_rows(100, 0));
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("new 100");
    project
}

fn make_prices(project: &TempProject) -> Vec<String> {
    project.column("orders.toml", "Orders", "price")
}

fn make_first_prices(project: &TempProject) -> Vec<String> {
    make_prices(project)[..3].to_vec()
}

/// The code that a run has named.
fn read_plan_code(ended: &CommandOutput) -> String {
    let after = ended.stdout.split("--approve=").nth(1).expect("a code is named");
    after.chars().take_while(char::is_ascii_lowercase).collect()
}

#[test]
fn changes_beyond_the_limit_wait_and_new_rows_are_written() {
    let project = make_project();
    project.write("orders.csv", &read_rows(103, 7));
    let held = project.run(&["run", "orders.toml"]);
    held.exits(3)
        .stdout_has("▲ degraded")
        .stdout_has("100 of 100 rows would change; max_changed is 10 rows and 10 %; 100 changed rows are held back")
        .stdout_has("read 103 · new 3 · skipped 0 · failed 0")
        .stdout_has("3 rows added · 103 keys in all");
    assert_eq!(
        (make_first_prices(&project), make_prices(&project).len()),
        (vec!["0".into(), "1".into(), "2".into()], 103)
    );
    let again = project.run(&["run", "orders.toml"]);
    again.exits(3).stdout_has("100 of 103 rows would change").stdout_has("new 0 · skipped 3");
    assert_eq!(read_plan_code(&again), read_plan_code(&held), "the same changes have the same code");
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["succeeded", "degraded", "degraded"]);
    let in_runs = format!("100 of 103 rows would change: write {} in approve", read_plan_code(&held));
    assert_eq!(project.column("orders.toml", "Runs", "held")[2], in_runs);
    assert_eq!(project.column("orders.toml", "Jobs", "held"), [in_runs]);
    project.run(&["fsck", "orders.toml"]).exits(0).stdout_has("consistent");
}

#[test]
fn a_run_within_one_of_both_bounds_is_not_held() {
    let project = make_project();
    let mut few = read_rows(100, 0);
    for n in 0..10 {
        few = few.replace(&format!("k{n},{n}\n"), &format!("k{n},{}\n", n + 1_000));
    }
    project.write("orders.csv", &few);
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("10 rows updated");
    assert_eq!(project.column("orders.toml", "Jobs", "held"), ["no"]);
    project.replace_in("orders.toml", "{ rows = 10, share = \"10%\" }", "\"9%\"");
    project.write("orders.csv", &few.replace(",1", ",2"));
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("max_changed is 9 %");
    project.replace_in("orders.toml", "\"9%\"", "1000");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("succeeded");
}

#[test]
fn approve_on_the_command_line_applies_what_was_held() {
    let project = make_project();
    project.write("orders.csv", &read_rows(100, 7));
    let held = read_plan_code(project.run(&["run", "orders.toml"]).exits(3));
    project.write("orders.csv", &read_rows(100, 8));
    let moved = project.run(&["run", "orders.toml", &format!("--approve={held}")]);
    moved.exits(3).stdout_has("100 of 100 rows would change");
    assert_ne!(read_plan_code(&moved), held, "other changes are another plan");
    let applied = project.run(&["run", "orders.toml", &format!("--approve={}", read_plan_code(&moved))]);
    applied.exits(0).stdout_has("succeeded").stdout_has("new 100").stdout_has("100 rows updated");
    assert_eq!(make_first_prices(&project), ["8", "9", "10"]);
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("skipped 100");
    assert_eq!(project.column("orders.toml", "Jobs", "held"), ["no"]);
    project.write("orders.csv", &read_rows(100, 9));
    project.run(&["run", "orders.toml", "--approve"]).exits(0).stdout_has("100 rows updated");
    project
        .run(&["run", "orders.toml", "--approve=abcdef"])
        .exits(2)
        .stderr_has("a code has six letters without vowels");
    project.run(&["fsck", "orders.toml"]).exits(0).stdout_has("consistent");
}

#[test]
fn an_approval_without_effect_is_reported() {
    let project = make_project();
    project.run(&["run", "orders.toml", "--approve=bcdfgh"]).exits(0).stderr_has("--approve=bcdfgh had no effect");
    let nothing = project.run(&["run", "orders.toml", "--approve"]);
    assert!(!nothing.exits(0).stderr.contains("had no effect"), "{}", nothing.stderr);
    project.replace_in("orders.toml", "max_changed = { rows = 10, share = \"10%\" }\n", "");
    for approve in ["--approve", "--approve=bcdfgh"] {
        let never = project.run(&["run", "orders.toml", approve]);
        never.exits(0).stderr_has("the job never holds changes back").stderr_has("max_changed");
    }
}

#[test]
fn a_plan_predicts_the_hold_and_shows_the_changes() {
    let project = make_project();
    project.write("orders.csv", &read_rows(103, 7));
    let plan = project.run(&["plan", "orders.toml"]);
    plan.exits(0)
        .stdout_has("3 rows added · 100 updated")
        .stdout_has("the run would be degraded: 100 of 100 rows would change; max_changed is 10 rows and 10 %")
        .stdout_has("~ id: k0");
    let document = project.run(&["plan", "orders.toml", "--json"]).document();
    assert_eq!((&document["held"]["rows"], &document["held"]["of"]), (&json!(100), &json!(100)));
    project.run(&["plan", "orders.toml", "--approve"]).exits(2);
}

#[test]
fn a_source_from_standard_input_is_held_alike() {
    let project = make_project();
    let csv = read_rows(101, 7);
    let with_input = |args: &[&str]| {
        let mut run = project.start(args);
        run.write_input(&csv);
        run.close_and_wait()
    };
    let held = with_input(&["run", "orders.toml", "--input", "-"]);
    held.exits(3).stdout_has("100 of 100 rows would change").stdout_has("1 row added");
    let approve = format!("--approve={}", read_plan_code(&held));
    with_input(&["run", "orders.toml", "--input", "-", &approve]).exits(0).stdout_has("100 rows updated");
    assert_eq!(make_first_prices(&project), ["7", "8", "9"]);
}

#[test]
fn a_program_does_not_run_for_an_item_that_is_held() {
    let project = make_project();
    let step = "[[step]]\ncommand = [\"/bin/sh\", \"-c\", \"tee -a seen\"]\n\n[sheet]";
    for delivery in ["at-least-once", "at-most-once"] {
        project.write("seen", "");
        let step = step.replace("\n\n", &format!("\ndelivery = \"{delivery}\"\n\n"));
        project.write("orders.toml", &JOB.replace("[sheet]", &step));
        let more = if delivery == "at-least-once" { 7 } else { 8 };
        project.write("orders.csv", &read_rows(100, more));
        let held = project.run(&["run", "orders.toml"]);
        held.exits(3).stdout_has("100 of 100 rows would change");
        assert_eq!(project.read("seen"), "", "{delivery}");
        project.run(&["run", "orders.toml", &format!("--approve={}", read_plan_code(&held))]).exits(0);
        assert_eq!(project.read("seen").lines().count(), 100, "{delivery}");
    }
}

#[test]
fn a_retry_that_a_person_asks_for_is_not_held() {
    let project = make_project();
    let step = "[[step]]\nmap = 'if .price | startswith(\"7\") then error(\"no\") else . end'\n\n[sheet]";
    project.write("orders.toml", &(JOB.replace("[sheet]", step).replace("rows = 10", "rows = 200") + NEVER_STOP));
    project.write("orders.csv", &read_rows(100, 700));
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("failed 100");
    project.write("orders.toml", JOB);
    project
        .run(&["run", "orders.toml"])
        .exits(3)
        .stdout_has("100 of 100 rows would change")
        .stdout_has("100 failures open");
    project.run(&["run", "orders.toml", "--retry-failures"]).exits(0).stdout_has("recovered 100");
    assert_eq!(make_first_prices(&project), ["700", "701", "702"]);
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("skipped 100");
}

#[test]
fn exhausted_failures_are_no_changes() {
    let project = make_project();
    let step = "[[step]]\nmap = 'if .price | startswith(\"7\") then error(\"no\") else . end'\n\n[sheet]";
    project.write("orders.toml", &(JOB.replace("[sheet]", step) + NEVER_STOP + "max_attempts = 1\n"));
    project.write("orders.csv", &read_rows(100, 700));
    let held = project.run(&["run", "orders.toml"]);
    held.exits(3).stdout_has("100 of 100");
    project
        .run(&["run", "orders.toml", &format!("--approve={}", read_plan_code(&held))])
        .exits(3)
        .stdout_has("failed 100");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("skipped 100");
    assert_eq!(project.column("orders.toml", "Jobs", "held"), ["no"]);
}

#[test]
fn a_forced_run_is_not_held() {
    let project = make_project();
    project.run(&["run", "orders.toml", "--force", "--yes"]).exits(0).stdout_has("new 100");
}

#[test]
fn a_limit_that_is_none_is_refused_with_its_line() {
    let project = make_project();
    for (bad, message) in [
        ("\"10\"", "`sheet.max_changed` is not a share"),
        ("{ rows = -1 }", "`sheet.max_changed` has to be between 0"),
        ("{ row = 1 }", "did you mean"),
        ("true", "max_changed"),
    ] {
        project.write("orders.toml", &JOB.replace("{ rows = 10, share = \"10%\" }", bad));
        project.run(&["check", "orders.toml"]).exits(78).stderr_has(message);
    }
    project.write("orders.toml", &JOB.replace("upsert", "append"));
    project.run(&["check", "orders.toml"]).exits(78).stderr_has("in mode `append` no run changes a row");
}
