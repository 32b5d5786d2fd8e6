//! Every document that `--json` prints, as a snapshot in `tests/snapshots/json`; and the
//! tables of
//! the local file.
//!
//! Times, run ids, the folder, the host and addresses are replaced, because they differ each time;
//! everything else is compared.

use regex::Regex;
use serde_json::{Value, json};

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject};

const FIRST: &str = "1FirstSpreadsheet0000000000000000000000000";

const JOB: &str = r#"
name = "orders"

[source]
jsonl = "orders.jsonl"

[item]
key = ".id"
version = ".v"

[[step]]
name = "price"
map = '{id, price: (.price | tonumber), note}'

[commit]
every = "1h"

[sheet]
tab = "Orders"
"#;

const ORDERS: &str = r#"{"id": "a", "v": 1, "price": "1.5", "note": "first"}
{"id": "b", "v": 1, "price": "2", "note": null}
{"id": "c", "v": 1, "price": "dear"}
{"id": "d", "v": 1, "price": "cheap"}
{"v": 1}
"#;

fn make_orders() -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", JOB);
    project.write("orders.jsonl", ORDERS);
    project
}

/// Returns a job that has run once: two items are done and three have failed.
fn make_orders_after_run() -> TempProject {
    let project = make_orders();
    project.run(&["run", "orders.toml"]).exits(3);
    project
}

/// Compares a document, or the error in its place, with the snapshot of this name.
#[track_caller]
fn assert_frozen(name: &str, project: &TempProject, ended: &CommandOutput, code: i32) {
    ended.exits(code);
    let text = if ended.stdout.is_empty() { &ended.stderr } else { &ended.stdout };
    let mut document: Value = serde_json::from_str(text).expect("one document");
    hide_seconds(&mut document);
    let text = redact(&serde_json::to_string_pretty(&document).expect("it is JSON"), project);
    assert_snapshot("../../snapshots/json", name, &text);
}

fn assert_snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path(folder);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Replaces the cells of a shown column `seconds`.
fn hide_seconds(document: &mut Value) {
    let columns = document["columns"].as_array().map(Vec::as_slice).unwrap_or_default();
    let at = columns.iter().position(|name| name == "seconds");
    for row in document.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(cell) = at.and_then(|at| row.get_mut(at)) {
            *cell = "[seconds]".into();
        }
    }
}

fn redact(text: &str, project: &TempProject) -> String {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let mut text = text
        .replace(&*project.path("").to_string_lossy(), "[folder]/")
        .replace(&format!("\"{host}\""), "\"[host]\"")
        .replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"[version]\"");
    for (pattern, instead) in [
        (r"\b\d{8}-\d{6}-[0-9a-f]{5}\b", "[run]"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)?", "[time]"),
        (r"\b\d{4}-\d\d-\d\d\b", "[day]"),
        (r#""age_seconds": [0-9]+"#, r#""age_seconds": "[seconds]""#),
        (r#""seconds": [0-9.e-]+"#, r#""seconds": "[seconds]""#),
        (r"http://127\.0\.0\.1:\d+", "[address]"),
        (r"\b46\d{3}\.\d+\b", "[serial time]"),
        // Ids of what a probe creates are random.
        (r"\b((?i)id:? \[?)\d+", "$1[id]"),
        (r"((?i)sheetkeep probe |skprobe_)\d+[-_][0-9A-Fa-f]+", "$1[nonce]"),
        // Ids of spreadsheets that the emulator creates are random.
        (r"\b1[0-9A-Za-z_-]{43}", "[made spreadsheet]"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, instead).into_owned();
    }
    text
}

fn delete_row(client: &ApiClient, tab: &str, row: u32) {
    let range = json!({"sheetId": client.tab_id(tab), "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
    client.edit_sheet(&json!([{"deleteDimension": {"range": range}}]));
}

#[test]
fn the_documents_of_plans_are_frozen() {
    let project = make_orders_after_run();
    project.write(
        "orders.jsonl",
        "{\"id\": \"a\", \"v\": 2, \"price\": 3}\n{\"id\": \"d\", \"v\": 1, \"price\": \"cheap\"}\n",
    );
    assert_frozen("plan", &project, &project.run(&["plan", "orders.toml", "--json"]), 0);
    project.write("old.toml", &JOB.replace("note}", "note: .v}"));
    let args = ["plan", "orders.toml", "--against", "old.toml", "--json"];
    assert_frozen("plan_against", &project, &project.run(&args), 0);
}

#[test]
fn the_documents_of_runs_are_frozen() {
    let project = make_orders();
    assert_frozen("run", &project, &project.run(&["run", "orders.toml", "--json"]), 3);
    assert_frozen("run-again", &project, &project.run(&["run", "orders.toml", "--json"]), 3);
    assert_frozen("run-force", &project, &project.run(&["run", "orders.toml", "--force", "--json"]), 0);
    assert_frozen("run-force-yes", &project, &project.run(&["run", "orders.toml", "--force", "--yes", "--json"]), 3);
    project.write("orders.jsonl", &ORDERS.replace("dear", "3"));
    assert_frozen(
        "run-retry-failures",
        &project,
        &project.run(&["run", "orders.toml", "--retry-failures", "--json"]),
        3,
    );
}

#[test]
fn the_documents_of_errors_are_frozen() {
    let project = make_orders_after_run();
    assert_frozen("error-unknown-key", &project, &project.run(&["explain", "orders.toml", "nobody", "--json"]), 5);
    assert_frozen("error-no-tab", &project, &project.run(&["show", "orders.toml", "--tab", "None", "--json"]), 66);
    project.replace_in("orders.toml", "key = \".id\"", "key = \".v\"");
    assert_frozen("error-changed-key", &project, &project.run(&["run", "orders.toml", "--json"]), 78);
    project.replace_in("orders.toml", "tab = ", "tabb = ");
    assert_frozen("error-job-file", &project, &project.run(&["run", "orders.toml", "--json"]), 78);
    assert_frozen("error-no-job-file", &project, &project.run(&["run", "none.toml", "--json"]), 66);
}

#[test]
fn the_documents_of_status_are_frozen() {
    let project = make_orders();
    assert_frozen("status-before-the-first-run", &project, &project.run(&["status", "orders.toml", "--json"]), 66);
    project.run(&["run", "orders.toml"]).exits(3);
    let late = ["late", "orders.toml", "--max-age", "1000d", "--json"];
    assert_frozen("late", &project, &project.run(&late), 3);
    assert_frozen("status", &project, &project.run(&["status", "orders.toml", "--json"]), 0);
    let mut live = project.start(&["run", "orders.toml", "--input", "-", "-v"]);
    live.wait_for_line("claimed");
    assert_frozen("status-while-it-runs", &project, &project.run(&["status", "orders.toml", "--json"]), 0);
    live.write_input(ORDERS);
    live.close_and_wait().exits(3);
}

#[test]
fn the_documents_of_shown_tabs_are_frozen() {
    let project = make_orders_after_run();
    for (name, tab) in
        [("data", "Orders"), ("processed", "Processed orders"), ("failures", "Failures orders"), ("runs", "Runs")]
    {
        let ended = project.run(&["show", "orders.toml", "--tab", tab, "--json"]);
        assert_frozen(&format!("show-{name}"), &project, &ended, 0);
    }
}

#[test]
fn the_documents_about_failures_are_frozen() {
    let project = make_orders_after_run();
    assert_frozen("failures-list", &project, &project.run(&["failures", "list", "orders.toml", "--json"]), 0);
    let skip = ["failures", "skip", "orders.toml", "c", "--json"];
    assert_frozen("failures-skip", &project, &project.run(&skip), 0);
    let retry = ["failures", "retry", "orders.toml", "d", "--json"];
    assert_frozen("failures-retry", &project, &project.run(&retry), 3);
}

#[test]
fn the_documents_of_an_explained_item_are_frozen() {
    let project = make_orders_after_run();
    assert_frozen("explain-done", &project, &project.run(&["explain", "orders.toml", "a", "--json"]), 0);
    assert_frozen("explain-failed", &project, &project.run(&["explain", "orders.toml", "c", "--json"]), 0);
}

#[test]
fn the_documents_of_fsck_are_frozen() {
    let project = make_orders_after_run();
    assert_frozen("fsck", &project, &project.run(&["fsck", "orders.toml", "--json"]), 0);
    let client = ApiClient::of_file(&project, "orders.sheet");
    delete_row(&client, "Orders", 1);
    drop(client);
    assert_frozen("fsck-row-missing", &project, &project.run(&["fsck", "orders.toml", "--json"]), 4);
    assert_frozen("fsck-repair", &project, &project.run(&["fsck", "orders.toml", "--repair", "--json"]), 4);
    assert_frozen(
        "fsck-repair-yes",
        &project,
        &project.run(&["fsck", "orders.toml", "--repair", "--yes", "--json"]),
        0,
    );
}

#[test]
fn the_documents_of_reset_and_prune_are_frozen() {
    let project = make_orders_after_run();
    project.write("orders.jsonl", &ORDERS.replace("dear", "3"));
    project.run(&["run", "orders.toml"]).exits(3);
    assert_frozen("prune", &project, &project.run(&["prune", "orders.toml", "--older-than", "0s", "--json"]), 0);
    let prune = ["prune", "orders.toml", "--older-than", "0s", "--yes", "--json"];
    assert_frozen("prune-yes", &project, &project.run(&prune), 0);
    assert_frozen("reset", &project, &project.run(&["reset", "orders.toml", "--json"]), 0);
    assert_frozen("reset-yes", &project, &project.run(&["reset", "orders.toml", "--yes", "--json"]), 0);
}

#[test]
fn the_documents_of_check_are_frozen() {
    let project = make_orders();
    assert_frozen("check-before-the-first-run", &project, &project.run(&["check", "orders.toml", "--json"]), 0);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", FIRST]);
    emulator.run(&project, FIRST, &["run", "orders.toml"]).exits(3);
    assert_frozen("check", &project, &emulator.run(&project, FIRST, &["check", "orders.toml", "--json"]), 0);
    let probe = ["check", "orders.toml", "--probe", "--json"];
    assert_frozen("check-probe", &project, &emulator.run(&project, FIRST, &probe), 0);
}

#[test]
fn the_documents_of_a_rollover_are_frozen() {
    let project = make_orders();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", FIRST]);
    let second = emulator.create_spreadsheet("the second one");
    emulator.run(&project, FIRST, &["run", "orders.toml"]).exits(3);
    let rollover = ["rollover", "orders.toml", "--to", &second, "--json"];
    assert_frozen("rollover", &project, &emulator.run(&project, FIRST, &rollover), 0);
    let yes = ["rollover", "orders.toml", "--to", &second, "--yes", "--json"];
    assert_frozen("rollover-yes", &project, &emulator.run(&project, FIRST, &yes), 0);
    assert_frozen("rollover-over", &project, &emulator.run(&project, FIRST, &rollover), 0);
    let run = ["run", "orders.toml", "--json"];
    assert_frozen("error-after-a-rollover", &project, &emulator.run(&project, FIRST, &run), 78);
    assert_frozen("run-after-a-rollover", &project, &emulator.run(&project, &second, &run), 3);
}

/// The tables of the local file, which must remain compatible with files of earlier versions.
#[test]
fn the_schema_of_the_local_file_is_frozen() {
    let project = make_orders_after_run();
    let connection = rusqlite::Connection::open(project.path("orders.sheet")).expect("the local file");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    let mut query = connection
        .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .expect("a query");
    let rows = query.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    let tables: Vec<String> = rows.map(|row| row.expect("a text")).collect();
    let text = format!("version {version}\n{}", tables.join("\n"));
    assert_snapshot("../../snapshots/wire", "local-file-schema", &text);
}
