//! Deleted machine tabs, with the real binary: what can still be reported, and how they are
//! restored.

use serde_json::{Value, json};

use crate::emulator_process::{ApiClient, EMBEDDED, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject};

const ID: &str = "1DeletedTabsSpreadsheet0000000000000000000000";
const REPAIR: [&str; 4] = ["fsck", "--repair=tabs", "--yes", "j.toml"];

/// A job whose machine tabs people delete.
struct MachineTabFixture {
    project: TempProject,
    client: ApiClient,
}

impl MachineTabFixture {
    /// Returns a job that has run over three records, one of which fails.
    fn with_first_run() -> Self {
        let project = TempProject::empty();
        write(&project, "j", 3);
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        let fixture = Self { project, client: ApiClient::of(emulator, ID) };
        fixture.say(&["run", "j.toml"]).exits(3);
        fixture
    }

    fn say(&self, args: &[&str]) -> CommandOutput {
        self.client.emulator.run(&self.project, ID, args)
    }

    fn delete(&self, tabs: &[&str]) {
        for tab in tabs {
            self.client.edit_sheet(&json!([{"deleteSheet": {"sheetId": self.client.tab_id(tab)}}]));
        }
    }
}

fn write(project: &TempProject, name: &str, count: u64) {
    let map = "if .n == 1 then error(\"one is bad\") else {id, n} end";
    let job = format!(
        "name = \"{name}\"\n[source]\njsonl = \"in.jsonl\"\n[item]\nkey = \".id\"\n[[step]]\nmap = '{map}'\n[sheet]\ntab = \"Data {name}\"\nmode = \"append\"\n"
    );
    project.write(&format!("{name}.toml"), &job);
    let lines: Vec<String> = (0..count).map(|n| json!({"id": format!("k{n}"), "n": n}).to_string()).collect();
    project.write("in.jsonl", &lines.join("\n"));
}

#[test]
fn status_and_failures_list_say_unknown_without_a_source() {
    let fixture = MachineTabFixture::with_first_run();
    fixture.delete(&["Failures j"]);
    fixture.say(&["status", "j.toml"]).exits(0).stdout_has("failures    unknown").stdout_has("keys        2");
    let status = fixture.say(&["status", "j.toml", "--json"]).exits(0).document();
    assert_eq!(
        [&status["open_failures"], &status["dead_failures"], &status["keys"]],
        [&Value::Null, &Value::Null, &json!(2)]
    );
    fixture.say(&["failures", "list", "j.toml"]).exits(0).stdout_has("unknown").stderr_has("is gone");
    let listed = fixture.say(&["failures", "list", "j.toml", "--json"]).exits(0).document();
    assert_eq!((&listed["total"], &listed["rows"]), (&Value::Null, &json!([])));
    let fixture = MachineTabFixture::with_first_run();
    fixture.delete(&["Runs"]);
    fixture.say(&["status", "j.toml"]).exits(0).stdout_has("last run    unknown").stdout_has("1 open");
    fixture.delete(&["Processed j"]);
    fixture.say(&["status", "j.toml"]).exits(0).stdout_has("keys        unknown").stdout_has("failures    unknown");
}

#[test]
fn a_header_that_can_not_be_read_is_unknown_too() {
    let fixture = MachineTabFixture::with_first_run();
    let cell = json!({"values": [{"userEnteredValue": {"stringValue": "oops"}}]});
    let start = json!({"sheetId": fixture.client.tab_id("Failures j"), "rowIndex": 0, "columnIndex": 0});
    fixture
        .client
        .edit_sheet(&json!([{"updateCells": {"start": start, "rows": [cell], "fields": "userEnteredValue"}}]));
    fixture.say(&["status", "j.toml"]).exits(0).stdout_has("failures    unknown").stdout_has("last run    ▲ partial");
    fixture.say(&["failures", "list", "j.toml"]).exits(0).stdout_has("unknown");
}

#[test]
fn a_deleted_tab_is_made_again_by_what_the_run_says() {
    for gone in [&["Failures j"][..], &["Runs"], &["Failures j", "Runs"]] {
        let fixture = MachineTabFixture::with_first_run();
        fixture.delete(gone);
        for command in ["run", "check"] {
            let ended = fixture.say(&[command, "j.toml"]);
            ended.exits(65);
            let printed = [&*ended.stdout, &*ended.stderr].concat();
            assert!(printed.contains("is gone") && printed.contains("sheetkeep fsck --repair=tabs --yes"), "{printed}");
        }
        fixture.say(&["fsck", "j.toml"]).exits(4).stdout_has("consistent, but a tab is gone");
        fixture.say(&["fsck", "j.toml", "--repair"]).exits(4).stdout_has("would recreate tab");
        fixture.say(&REPAIR).exits(0).stdout_has("was recreated, empty");
        fixture.client.emulator.reset_stats();
        fixture.say(&REPAIR).exits(0);
        fixture.say(&["fsck", "j.toml", "--repair", "--yes"]).exits(0);
        assert_eq!(fixture.client.emulator.stats()["writes"], 0, "a second repair does nothing");
        write(&fixture.project, "j", 5);
        fixture.say(&["run", "j.toml"]).exits(3).stdout_has("new 2").stdout_has("failed 1");
        fixture.say(&["failures", "list", "j.toml"]).exits(0).stdout_has("one is bad");
        fixture.say(&["fsck", "j.toml"]).exits(0).stdout_has("4 keys, 4 data rows; consistent");
    }
}

#[test]
fn a_repair_of_tabs_forgets_no_key() {
    let fixture = MachineTabFixture::with_first_run();
    let rows = json!({"sheetId": fixture.client.tab_id("Data j"), "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    fixture.client.edit_sheet(&json!([{"deleteDimension": {"range": rows}}]));
    fixture.delete(&["Failures j"]);
    fixture
        .say(&["fsck", "j.toml", "--repair", "--yes"])
        .exits(4)
        .stdout_has("missing: 1 key")
        .stdout_has("was recreated");
    fixture.say(&REPAIR).exits(4).stdout_has("missing: 1 key");
    assert_eq!(fixture.client.rows("Processed j").len(), 2);
}

#[test]
fn jobs_that_share_runs_continue_after_one_made_it_again() {
    let fixture = MachineTabFixture::with_first_run();
    write(&fixture.project, "k", 3);
    fixture.say(&["run", "k.toml"]).exits(3);
    fixture.delete(&["Runs"]);
    fixture.say(&["run", "k.toml"]).exits(65).stderr_has("tab Runs is gone");
    fixture.say(&REPAIR).exits(0);
    for job in ["k.toml", "j.toml", "k.toml"] {
        fixture.say(&["run", job]).exits(3);
    }
    assert_eq!(fixture.client.column("Runs", "job"), ["j", "k", "j", "k"]);
}

#[test]
fn a_tab_of_peoples_that_took_the_name_has_to_be_renamed() {
    let fixture = MachineTabFixture::with_first_run();
    fixture.delete(&["Runs"]);
    fixture.client.edit_sheet(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Runs"}}}]));
    fixture.say(&REPAIR).exits(65).stderr_has("another tab has its name");
    let properties = json!({"sheetId": 5, "title": "My runs"});
    fixture.client.edit_sheet(&json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}]));
    fixture.say(&REPAIR).exits(0);
    fixture.say(&["run", "j.toml"]).exits(3);
}

#[test]
fn a_foreign_tab_runs_is_named_before_the_first_run() {
    let project = TempProject::empty();
    write(&project, "j", 3);
    let client = ApiClient::of(EmulatorProcess::start(&project, &["--spreadsheet-id", ID]), ID);
    client.edit_sheet(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Runs"}}}]));
    for command in ["check", "run"] {
        let ended = client.emulator.run(&project, ID, &[command, "j.toml"]);
        assert!([&*ended.exits(65).stdout, &*ended.stderr].concat().contains("rename it, and the job makes its own"));
    }
}

#[test]
fn a_deleted_tab_of_a_local_file_is_made_again_too() {
    let project = TempProject::empty();
    write(&project, "j", 3);
    project.run(&["run", "j.toml"]).exits(3);
    let client = ApiClient::of_file(&project, "j.sheet");
    assert_eq!(EMBEDDED, "embedded");
    for tab in ["Failures j", "Runs"] {
        client.edit_sheet(&json!([{"deleteSheet": {"sheetId": client.tab_id(tab)}}]));
    }
    drop(client);
    project.run(&["run", "j.toml"]).exits(65).stderr_has("fsck --repair");
    project.run(&REPAIR).exits(0).stdout_has("was recreated, empty");
    project.run(&["run", "j.toml"]).exits(3);
    project.run(&["fsck", "j.toml"]).exits(0);
}
