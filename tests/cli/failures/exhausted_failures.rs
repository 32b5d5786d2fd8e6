//! Exhausted failures: they are retried when the source is fixed, and every run reports them until
//! then.

use crate::emulator_process::ApiClient;
use crate::temp_project::TempProject;

const JOB: &str = r#"
name = "j"
[source]
jsonl = "in.jsonl"
[item]
key = ".id"
[[step]]
map = "{id, n: (.n | if type == \"number\" then . else error(\"no number\") end)}"
[sheet]
tab = "T"
[failures]
max_attempts = 2
"#;
const FAILURES: &str = "Failures j";

/// Returns a job of which one record failed in as many runs as are allowed.
fn make_project(record: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("j.toml", JOB);
    project.write("in.jsonl", record);
    project.run(&["run", "j.toml"]).exits(3);
    project.run(&["run", "j.toml"]).exits(3).stdout_has("1 exhausted");
    project
}

fn make_bad_item() -> TempProject {
    make_project("{\"id\": \"a\", \"n\": \"x\"}\n{\"id\": \"b\", \"n\": 1}\n")
}

#[test]
fn a_record_fixed_in_the_source_comes_in_by_itself() {
    let project = make_bad_item();
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 0 · skipped 2").stdout_has("1 exhausted");
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 7}\n{\"id\": \"b\", \"n\": 1}\n");
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 1 · skipped 1 · failed 0 · recovered 1");
    assert_eq!(project.column("j.toml", "T", "id"), ["b", "a"]);
    project.run(&["run", "j.toml", "-q"]).exits(0).stdout_has("");
    assert_eq!(project.run(&["run", "j.toml", "-q"]).stdout, "");
}

#[test]
fn another_bad_record_is_open_again_and_has_all_its_runs() {
    let project = make_bad_item();
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": \"y\"}\n");
    project.run(&["run", "j.toml"]).exits(3).stdout_has("1 failure open:");
    project.run(&["explain", "j.toml", "a"]).exits(0).stdout_has("open after 1 run");
    project.run(&["run", "j.toml"]).exits(3).stdout_has("0 failures open, 1 exhausted");
    // That record is now the stored one.
    project.run(&["run", "j.toml"]).exits(0).stdout_has("failed 0");
}

#[test]
fn a_fixed_record_comes_in_where_failures_keep_no_hash() {
    for upsert in [false, true] {
        let project = make_bad_item();
        if upsert {
            project.replace_in("j.toml", "tab = \"T\"", "tab = \"T\"\nmode = \"upsert\"");
            project.run(&["run", "j.toml", "--adopt"]).exits(3);
            project.run(&["run", "j.toml"]).exits(3).stdout_has("1 exhausted");
        }
        let client = ApiClient::of_file(&project, "j.sheet");
        let tab = client.tab_id(FAILURES);
        // As in a tab of an earlier version: its last column is missing.
        let range = serde_json::json!({"sheetId": tab, "dimension": "COLUMNS", "startIndex": 23, "endIndex": 24});
        client.edit_sheet(&serde_json::json!([{"deleteDimension": {"range": range}}]));
        drop(client);
        project.write("in.jsonl", "{\"id\": \"a\", \"n\": 7}\n{\"id\": \"b\", \"n\": 1}\n");
        project.run(&["run", "j.toml"]).exits(0).stdout_has("recovered 1");
    }
}

#[test]
fn a_record_too_long_to_keep_comes_in_when_it_is_fixed() {
    let long = "x".repeat(500_000);
    let project = make_project(&format!("{{\"id\": \"a\", \"n\": \"x\", \"long\": \"{long}\"}}\n"));
    project.run(&["run", "j.toml"]).exits(0).stdout_has("failed 0");
    project.write("in.jsonl", &format!("{{\"id\": \"a\", \"n\": 1, \"long\": \"{long}\"}}\n"));
    project.run(&["run", "j.toml"]).exits(0).stdout_has("recovered 1");
}

#[test]
fn a_skipped_failure_is_left_alone_until_its_record_changes() {
    let project = make_bad_item();
    project.run(&["failures", "skip", "j.toml", "a"]).exits(0);
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 0 · skipped 2");
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 7}\n");
    project.run(&["run", "j.toml"]).exits(0).stdout_has("recovered 1");
}

#[test]
fn a_quiet_run_names_exhausted_failures_and_ends_with_0() {
    let project = make_bad_item();
    let ended = project.run(&["run", "j.toml", "-q"]);
    ended.exits(0).stdout_has("0 failures open, 1 exhausted").stdout_has("sheetkeep failures retry j.toml KEY");
    project.run(&["run", "j.toml", "-q", "--fail-on", "any"]).exits(3);
    let document = project.run(&["run", "j.toml", "--json"]).exits(0).document();
    assert_eq!(document["dead_failures"], 1);
    // Runs of other commands do not count as runs of the job.
    assert!(!project.run(&["run", "j.toml", "--force", "--yes", "-q"]).exits(0).stdout.matches("dead").count() > 2);
}

#[test]
fn retry_takes_the_record_of_the_source_and_says_so() {
    let project = make_bad_item();
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 7}\n{\"id\": \"c\", \"n\": 1}\n");
    let ended = project.run(&["failures", "retry", "j.toml", "a"]);
    ended
        .exits(0)
        .stderr_has("trying a again, from the source's record")
        .stdout_has("1 from the source · 0 from the record stored");
    assert_eq!(project.column("j.toml", "T", "id"), ["b", "a"], "others are left to the next run");
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 1 · skipped 1");
}

#[test]
fn retry_takes_the_kept_record_where_the_source_has_none() {
    for gone in [false, true] {
        let project = make_bad_item();
        project.write("in.jsonl", "{\"id\": \"c\", \"n\": 1}\n");
        if gone {
            std::fs::remove_file(project.path("in.jsonl")).expect("it was there");
        }
        project.replace_in("j.toml", "then . else error(\\\"no number\\\") end", "then . else 0 end");
        let ended = project.run(&["run", "j.toml", "--retry-failures", "--json"]).exits(0).document();
        let expected = serde_json::json!({"from_source": 0, "from_kept": 1});
        assert_eq!((&ended["tried_again"], &ended["counts"]["read"]), (&expected, &1.into()));
        assert_eq!(project.column("j.toml", "T", "n"), ["1", "0"]);
    }
}

#[test]
fn an_action_in_the_sheet_takes_the_record_of_the_source() {
    let project = make_bad_item();
    let client = ApiClient::of_file(&project, "j.sheet");
    let rows = client.column(FAILURES, "state");
    let dead = rows.iter().position(|state| state == "dead").expect("it is dead");
    let cell = serde_json::json!({"userEnteredValue": {"stringValue": "retry"}});
    let start = serde_json::json!({"sheetId": client.tab_id(FAILURES), "rowIndex": dead + 1, "columnIndex": 10});
    let update = serde_json::json!({"rows": [{"values": [cell]}], "fields": "userEnteredValue", "start": start});
    client.edit_sheet(&serde_json::json!([{"updateCells": update}]));
    drop(client);
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 7}\n{\"id\": \"b\", \"n\": 1}\n");
    project
        .run(&["run", "j.toml"])
        .exits(0)
        .stderr_has("trying a again, from the source's record")
        .stdout_has("recovered 1");
    assert_eq!(project.column("j.toml", "T", "n"), ["1", "7"]);
}

#[test]
fn an_item_in_doubt_stays_so_though_its_record_changes() {
    let project = TempProject::empty();
    project.write(
        "j.toml",
        &JOB.replace("map = ", "delivery = \"at-most-once\"\ncommand = [\"sh\", \"-c\", \"kill -9 $PPID\"]\n#"),
    );
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 1}\n");
    assert_eq!(project.run(&["run", "j.toml"]).code, None);
    project.replace_in("j.toml", "kill -9 $PPID", "true");
    // Its result was not stored, so it is unknown.
    project.run(&["run", "j.toml"]).exits(3).stderr_has("in doubt");
    project.write("in.jsonl", "{\"id\": \"a\", \"n\": 2}\n");
    project.run(&["run", "j.toml"]).exits(0).stdout_has("skipped 1").stdout_has("1 exhausted");
    project.run(&["explain", "j.toml", "a"]).exits(0).stdout_has("it is unknown whether it was done");
    project
        .run(&["failures", "retry", "j.toml", "a"])
        .exits(0)
        .stderr_has("from the source's record")
        .stdout_has("recovered 1");
}
