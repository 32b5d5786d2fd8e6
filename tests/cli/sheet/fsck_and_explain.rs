//! fsck and explain, with the real binary: manual edits are found, reported and repaired.

use serde_json::json;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::TempProject;

const ID: &str = "1UpkeepSpreadsheet0000000000000000000000000";

/// A job that has run, and a client that edits its tabs.
struct MaintenanceFixture {
    project: TempProject,
    client: ApiClient,
}

impl MaintenanceFixture {
    fn with(count: usize) -> Self {
        let project = TempProject::with_few_quakes(count);
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
        Self { project, client: ApiClient::of(emulator, ID) }
    }

    fn run(&self, args: &[&str]) -> crate::temp_project::CommandOutput {
        self.client.emulator.run(&self.project, ID, args)
    }

    fn delete_row(&self, tab: &str, row: u32) {
        let range =
            json!({"sheetId": self.client.tab_id(tab), "dimension": "ROWS", "startIndex": row - 1, "endIndex": row});
        self.client.edit_sheet(&json!([{"deleteDimension": {"range": range}}]));
    }
}

#[test]
fn fsck_is_quiet_about_an_untouched_sheet() {
    let fixture = MaintenanceFixture::with(12);
    fixture.run(&["fsck", "quakes.toml"]).exits(0).stdout_has("12 keys, 12 data rows; consistent");
    let document = fixture.run(&["fsck", "quakes.toml", "--json"]);
    assert_eq!(document.exits(0).document()["consistent"], true);
}

/// What docs/sheet.md says that it does not see.
#[test]
fn fsck_sees_keys_and_not_cells() {
    let fixture = MaintenanceFixture::with(12);
    let places = fixture.client.column("Quakes", "place");
    let at = fixture.client.rows("Quakes")[2].iter().position(|cell| *cell == json!(places[2])).expect("its place");
    let start = json!({"sheetId": fixture.client.tab_id("Quakes"), "rowIndex": 3, "columnIndex": at});
    let cell = json!({"values": [{"userEnteredValue": {"stringValue": "elsewhere"}}]});
    fixture
        .client
        .edit_sheet(&json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}]));
    let changed = fixture.client.column("Quakes", "place");
    assert_eq!((changed[2].as_str(), &changed[3..]), ("elsewhere", &places[3..]));
    fixture.run(&["fsck", "quakes.toml"]).exits(0).stdout_has("12 keys, 12 data rows; consistent");
    let help = fixture.run(&["fsck", "--help"]);
    help.exits(0).stdout_has("It compares keys, not cells: it does not see that a cell of a row was changed");
}

#[test]
fn fsck_finds_a_deleted_row_and_repair_redoes_its_key() {
    let fixture = MaintenanceFixture::with(12);
    let key = fixture.client.column("Quakes", "id")[3].clone();
    fixture.delete_row("Quakes", 5);
    let before = fixture.client.emulator.stats()["writes"].clone();
    let found = fixture.run(&["fsck", "quakes.toml"]);
    found.exits(4).stdout_has("missing: 1 key").stdout_has(&format!("{key}  (Processed quakes row 5)"));
    fixture.run(&["fsck", "quakes.toml", "--repair"]).exits(4).stdout_has("would revoke 1 key in Processed");
    assert_eq!(fixture.client.emulator.stats()["writes"], before, "looking writes nothing");

    fixture
        .run(&["fsck", "quakes.toml", "--repair=reprocess", "--yes"])
        .exits(0)
        .stdout_has("11 keys, 11 data rows; consistent");
    fixture
        .run(&["explain", "quakes.toml", &key])
        .exits(0)
        .stdout_has("forgotten by run")
        .stdout_has("processed again as soon as");
    fixture.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 1 · skipped 11");
    fixture.run(&["fsck", "quakes.toml"]).exits(0).stdout_has("12 keys, 12 data rows; consistent");
    assert!(fixture.client.column("Runs", "trigger").contains(&"fsck".to_owned()));
}

#[test]
fn the_plan_of_a_repair_is_in_the_json_and_not_executed() {
    let fixture = MaintenanceFixture::with(4);
    fixture.delete_row("Quakes", 3);
    let plan = fixture.run(&["fsck", "quakes.toml", "--repair", "--json"]);
    let document = plan.exits(4).document();
    assert_eq!(document["repair"], json!({"how": "reprocess", "keys": 1}));
    assert_eq!((&document["repaired"], &document["missing"]), (&json!(0), &json!(1)));
    assert_eq!(fixture.run(&["fsck", "quakes.toml", "--json"]).exits(4).document()["repair"], json!(null));
}

#[test]
fn fsck_finds_other_rows_in_processed_than_were_written() {
    let fixture = MaintenanceFixture::with(4);
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": fixture.client.tab_id("Processed quakes"), "rowIndex": 1, "columnIndex": 3}});
    fixture.client.edit_sheet(&json!([{"updateCells": typed}]));
    let document = fixture.run(&["fsck", "quakes.toml", "--json"]).exits(4).document();
    assert_eq!(document["processed_checksum"], json!({"tab": "Processed quakes", "written": 4, "found": 4}));
    assert_eq!((&document["consistent"], &document["findings"]), (&json!(false), &json!([])));
}

#[test]
fn rows_that_a_forced_run_has_written_once_more_are_not_doubled() {
    let fixture = MaintenanceFixture::with(3);
    fixture.run(&["run", "quakes.toml", "--force", "--yes"]).exits(0);
    fixture.run(&["fsck", "quakes.toml"]).exits(0).stdout_has("3 keys, 6 data rows; consistent");
}

#[test]
fn fsck_finds_copied_rows_and_rows_of_no_item() {
    let fixture = MaintenanceFixture::with(6);
    let width = fixture.client.rows("Quakes")[0].len();
    let tab = fixture.client.tab_id("Quakes");
    let source =
        json!({"sheetId": tab, "startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": width});
    let below =
        json!({"sheetId": tab, "startRowIndex": 7, "endRowIndex": 8, "startColumnIndex": 0, "endColumnIndex": width});
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": tab, "rowIndex": 9, "columnIndex": 0}});
    fixture
        .client
        .edit_sheet(&json!([{"copyPaste": {"source": source, "destination": below}}, {"updateCells": typed}]));
    let found = fixture.run(&["fsck", "quakes.toml"]);
    found
        .exits(4)
        .stdout_has("duplicate rows: 1 key")
        .stdout_has("(Quakes row 2, 8)")
        .stdout_has("unknown rows: 1 key")
        .stdout_has("mine  (Quakes row 10)");
    fixture.project.replace_in("quakes.toml", "key = \".id\"", "key = \".id\"\nversion = \".properties.updated\"");
    fixture.run(&["fsck", "quakes.toml", "--repair=accept"]).exits(2).stderr_has("a row for each version");
}

#[test]
fn a_typed_row_is_adopted_and_its_item_is_not_repeated() {
    let fixture = MaintenanceFixture::with(6);
    let coming: serde_json::Value = serde_json::from_str(&crate::temp_project::make_feed(0..7)).expect("a feed");
    let key = coming["features"][6]["id"].clone();
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": key}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": fixture.client.tab_id("Quakes"), "rowIndex": 7, "columnIndex": 0}});
    fixture.client.edit_sheet(&json!([{"updateCells": typed}]));
    fixture
        .run(&["fsck", "quakes.toml", "--repair=accept"])
        .exits(4)
        .stdout_has("would record 1 key in Processed as done");
    fixture
        .run(&["fsck", "quakes.toml", "--repair=accept", "--yes"])
        .exits(0)
        .stdout_has("7 keys, 7 data rows; consistent");
    fixture.project.write("usgs-all-week.geojson", &coming.to_string());
    fixture.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 7");
}

#[test]
fn a_row_is_adopted_in_the_version_that_the_source_has() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "mode = \"append\"", "mode = \"upsert\"");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    let client = ApiClient::of(emulator, ID);
    let row =
        json!({"sheetId": client.tab_id("Processed quakes"), "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    client.edit_sheet(&json!([{"deleteDimension": {"range": row}}]));
    let run = |args: &[&str]| client.emulator.run(&project, ID, args);
    run(&["fsck", "quakes.toml", "--repair=adopt", "--yes"]).exits(0).stdout_has("3 keys, 3 data rows; consistent");
    run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 3");
}

#[test]
fn explain_shows_failures_runs_and_what_comes_next() {
    let project = TempProject::with(&["hard/hard-jsonl.toml"]);
    project.write("hard.jsonl", "{\"id\": \"a\", \"amount\": \"1,5\"}\n{\"id\": \"b\", \"amount\": 3}\n");
    project.run(&["run", "hard-jsonl.toml"]).exits(3);
    project
        .run(&["explain", "hard-jsonl.toml", "a"])
        .exits(0)
        .stdout_has("open after 1 attempt")
        .stdout_has("open after 1 run:")
        .stdout_has("each run tries it again");
    project.run(&["run", "hard-jsonl.toml"]).exits(3);
    project.run(&["explain", "hard-jsonl.toml", "a"]).exits(0).stdout_has("open after 2 runs");
    project
        .run(&["explain", "hard-jsonl.toml", "b"])
        .exits(0)
        .stdout_has("done")
        .stdout_has("at row 2")
        .stdout_has("done; later runs skip it");
    project.write("hard.jsonl", "{\"id\": \"a\", \"amount\": 1.5}\n");
    project.run(&["run", "hard-jsonl.toml"]).exits(0);
    let document = project.run(&["explain", "hard-jsonl.toml", "a", "--json"]).exits(0).document();
    let states: Vec<_> =
        document["failures"].as_array().expect("rows").iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["open", "recovered"]);
    assert_eq!((document["rows"].clone(), document["runs"].as_array().map(Vec::len)), (json!([3]), Some(2)));
    project.run(&["explain", "hard-jsonl.toml", "nobody"]).exits(5).stderr_has("not found in any tab of job");
}

#[test]
fn a_version_that_is_restored_from_history_is_gone_on_from() {
    let project = TempProject::with_few_quakes(5);
    project.run(&["run", "quakes.toml"]).exits(0);
    std::fs::copy(project.path("quakes.sheet"), project.path("history")).expect("a copy");
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(0..12));
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 7");
    std::fs::copy(project.path("history"), project.path("quakes.sheet")).expect("a copy");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 7 · skipped 5");
    project.expect_each_quake_once(12);
}

#[test]
fn a_job_moves_and_both_spreadsheets_name_each_other() {
    const ID: &str = "1FirstSpreadsheet0000000000000000000000000";
    let project = TempProject::with_few_quakes(4);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let second = emulator.create_spreadsheet("the second one");
    let run = |id: &str, args: &[&str]| emulator.run(&project, id, args);
    run(ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 4");
    run(ID, &["rollover", "quakes.toml", "--to", ID]).exits(2).stderr_has("the spreadsheet in which it is");
    run(ID, &["rollover", "quakes.toml", "--to", &second])
        .exits(0)
        .stdout_has("would continue in spreadsheet")
        .stdout_has("4 keys stay in")
        .stdout_has("nothing was written");
    run(ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 4");

    run(ID, &["rollover", "quakes.toml", "--to", &second, "--yes"])
        .exits(0)
        .stdout_has("from now on")
        .stdout_has("set SHEETKEEP_SPREADSHEET_ID")
        .stdout_has(&second);
    run(ID, &["rollover", "quakes.toml", "--to", &second]).exits(0).stdout_has("already");
    for command in [
        &["run", "quakes.toml"][..],
        &["reset", "quakes.toml"],
        &["prune", "quakes.toml"],
        &["run", "quakes.toml", "--force"],
    ] {
        run(ID, command).exits(78).stderr_has(&format!("it continues in spreadsheet {second}"));
    }
    run(ID, &["check", "quakes.toml"]).exits(78).stdout_has(&format!("it continues in spreadsheet {second}"));
    run(ID, &["status", "quakes.toml"]).exits(0).stdout_has(&format!("it continues in spreadsheet {second}"));
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(0..6));
    run(&second, &["run", "quakes.toml"]).exits(0).stdout_has("new 2 · skipped 4");
    let document = run(&second, &["status", "quakes.toml", "--json"]).exits(0).document();
    assert_eq!(document["keys"], 6);
    run(&second, &["fsck", "quakes.toml"]).exits(0);
    run(&second, &["check", "quakes.toml"]).exits(0);
    let client = ApiClient::of(emulator, ID);
    let key = client.column("Quakes", "id")[0].clone();
    let emulator = client.emulator;
    emulator
        .run(&project, &second, &["explain", "quakes.toml", &key])
        .exits(0)
        .stdout_has("of the earlier spreadsheet")
        .stdout_has(ID);
}

#[test]
fn a_job_in_a_local_file_is_not_moved() {
    let project = TempProject::with_few_quakes(2);
    project.run(&["run", "quakes.toml"]).exits(0);
    project
        .run(&["rollover", "quakes.toml", "--to", "1Other00000000000000000000000000000000000000"])
        .exits(2)
        .stderr_has("in a local file")
        .stderr_has("--spreadsheet");
    project
        .run(&[
            "rollover",
            "quakes.toml",
            "--spreadsheet",
            "1Some0000000000000000000000000000000000000000",
            "--to",
            "?",
        ])
        .exits(2)
        .stderr_has("--to names no spreadsheet's id");
}
