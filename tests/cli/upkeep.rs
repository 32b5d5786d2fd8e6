//! fsck and explain, with the real binary: manual edits are found, reported and repaired.

use serde_json::json;

use crate::wire::{ApiClient, Emulator};
use crate::workshop::TempProject;

const ID: &str = "1UpkeepSpreadsheet0000000000000000000000000";

struct MaintenanceFixture {
    shop: TempProject,
    outside: ApiClient,
}

impl MaintenanceFixture {
    fn with(count: usize) -> Self {
        let shop = TempProject::few_quakes(count);
        let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
        emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0);
        Self { shop, outside: ApiClient::of(emulator, ID) }
    }

    fn run(&self, args: &[&str]) -> crate::workshop::Ended {
        self.outside.emulator.run(&self.shop, ID, args)
    }

    fn delete_row(&self, tab: &str, row: u32) {
        let range =
            json!({"sheetId": self.outside.tab_id(tab), "dimension": "ROWS", "startIndex": row - 1, "endIndex": row});
        self.outside.hands(&json!([{"deleteDimension": {"range": range}}]));
    }
}

#[test]
fn fsck_is_quiet_about_a_sheet_that_nobody_touched() {
    let house = MaintenanceFixture::with(12);
    house.run(&["fsck", "quakes.toml"]).exits(0).shows("12 keys, 12 data rows; consistent");
    let document = house.run(&["fsck", "quakes.toml", "--json"]);
    assert_eq!(document.exits(0).document()["consistent"], true);
}

#[test]
fn fsck_finds_a_row_that_was_deleted_and_repair_has_its_key_done_again() {
    let house = MaintenanceFixture::with(12);
    let key = house.outside.column("Quakes", "id")[3].clone();
    house.delete_row("Quakes", 5);
    let before = house.outside.emulator.stats()["writes"].clone();
    let found = house.run(&["fsck", "quakes.toml"]);
    found.exits(4).shows("missing: 1 key").shows(&format!("{key}  (Processed quakes row 5)"));
    house.run(&["fsck", "quakes.toml", "--repair"]).exits(4).shows("would revoke 1 key in Processed");
    assert_eq!(house.outside.emulator.stats()["writes"], before, "looking writes nothing");

    house
        .run(&["fsck", "quakes.toml", "--repair=reprocess", "--yes"])
        .exits(0)
        .shows("11 keys, 11 data rows; consistent");
    house.run(&["explain", "quakes.toml", &key]).exits(0).shows("forgotten by run").shows("processed again as soon as");
    house.run(&["run", "quakes.toml"]).exits(0).shows("new 1 · skipped 11");
    house.run(&["fsck", "quakes.toml"]).exits(0).shows("12 keys, 12 data rows; consistent");
    assert!(house.outside.column("Runs", "trigger").contains(&"fsck".to_owned()));
}

#[test]
fn the_plan_of_a_repair_is_in_the_json_too_and_is_not_carried_out() {
    let house = MaintenanceFixture::with(4);
    house.delete_row("Quakes", 3);
    let plan = house.run(&["fsck", "quakes.toml", "--repair", "--json"]);
    let document = plan.exits(4).document();
    assert_eq!(document["repair"], json!({"how": "reprocess", "keys": 1}));
    assert_eq!((&document["repaired"], &document["missing"]), (&json!(0), &json!(1)));
    assert_eq!(house.run(&["fsck", "quakes.toml", "--json"]).exits(4).document()["repair"], json!(null));
}

#[test]
fn fsck_finds_that_processed_has_other_rows_than_were_written_though_every_key_is_there() {
    let house = MaintenanceFixture::with(4);
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": house.outside.tab_id("Processed quakes"), "rowIndex": 1, "columnIndex": 3}});
    house.outside.hands(&json!([{"updateCells": typed}]));
    let document = house.run(&["fsck", "quakes.toml", "--json"]).exits(4).document();
    assert_eq!(document["processed_checksum"], json!({"tab": "Processed quakes", "written": 4, "found": 4}));
    assert_eq!((&document["consistent"], &document["findings"]), (&json!(false), &json!([])));
}

#[test]
fn rows_that_a_forced_run_has_written_once_more_are_not_doubled() {
    let house = MaintenanceFixture::with(3);
    house.run(&["run", "quakes.toml", "--force", "--yes"]).exits(0);
    house.run(&["fsck", "quakes.toml"]).exits(0).shows("3 keys, 6 data rows; consistent");
}

#[test]
fn fsck_finds_rows_that_were_copied_and_rows_that_nobody_has_done() {
    let house = MaintenanceFixture::with(6);
    let width = house.outside.rows("Quakes")[0].len();
    let tab = house.outside.tab_id("Quakes");
    let source =
        json!({"sheetId": tab, "startRowIndex": 1, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": width});
    let below =
        json!({"sheetId": tab, "startRowIndex": 7, "endRowIndex": 8, "startColumnIndex": 0, "endColumnIndex": width});
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": "mine"}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": tab, "rowIndex": 9, "columnIndex": 0}});
    house.outside.hands(&json!([{"copyPaste": {"source": source, "destination": below}}, {"updateCells": typed}]));
    let found = house.run(&["fsck", "quakes.toml"]);
    found
        .exits(4)
        .shows("duplicate rows: 1 key")
        .shows("(Quakes row 2, 8)")
        .shows("unknown rows: 1 key")
        .shows("mine  (Quakes row 10)");
    house.shop.change("quakes.toml", "key = \".id\"", "key = \".id\"\nversion = \".properties.updated\"");
    house.run(&["fsck", "quakes.toml", "--repair=accept"]).exits(2).says("a row for each version");
}

#[test]
fn a_row_that_somebody_typed_is_adopted_and_its_item_is_not_done_again() {
    let house = MaintenanceFixture::with(6);
    let coming: serde_json::Value = serde_json::from_str(&crate::workshop::feed(0..7)).expect("a feed");
    let key = coming["features"][6]["id"].clone();
    let typed = json!({"rows": [{"values": [{"userEnteredValue": {"stringValue": key}}]}], "fields": "userEnteredValue",
                       "start": {"sheetId": house.outside.tab_id("Quakes"), "rowIndex": 7, "columnIndex": 0}});
    house.outside.hands(&json!([{"updateCells": typed}]));
    house.run(&["fsck", "quakes.toml", "--repair=accept"]).exits(4).shows("would record 1 key in Processed as done");
    house.run(&["fsck", "quakes.toml", "--repair=accept", "--yes"]).exits(0).shows("7 keys, 7 data rows; consistent");
    house.shop.write("usgs-all-week.geojson", &coming.to_string());
    house.run(&["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 7");
}

#[test]
fn a_row_is_adopted_in_the_version_that_the_source_yields_so_that_it_is_not_written_over() {
    let shop = TempProject::few_quakes(3);
    shop.change("quakes.toml", "mode = \"append\"", "mode = \"upsert\"");
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
    emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0);
    let outside = ApiClient::of(emulator, ID);
    let row =
        json!({"sheetId": outside.tab_id("Processed quakes"), "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    outside.hands(&json!([{"deleteDimension": {"range": row}}]));
    let run = |args: &[&str]| outside.emulator.run(&shop, ID, args);
    run(&["fsck", "quakes.toml", "--repair=adopt", "--yes"]).exits(0).shows("3 keys, 3 data rows; consistent");
    run(&["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 3");
}

#[test]
fn explain_tells_of_failures_and_runs_and_what_comes_next() {
    let shop = TempProject::with(&["hard/hard-jsonl.toml"]);
    shop.write("hard.jsonl", "{\"id\": \"a\", \"amount\": \"1,5\"}\n{\"id\": \"b\", \"amount\": 3}\n");
    shop.run(&["run", "hard-jsonl.toml"]).exits(3);
    shop.run(&["explain", "hard-jsonl.toml", "a"])
        .exits(0)
        .shows("open after 1 attempt")
        .shows("open after 1 run:")
        .shows("each run tries it again");
    shop.run(&["run", "hard-jsonl.toml"]).exits(3);
    shop.run(&["explain", "hard-jsonl.toml", "a"]).exits(0).shows("open after 2 runs");
    shop.run(&["explain", "hard-jsonl.toml", "b"])
        .exits(0)
        .shows("done")
        .shows("at row 2")
        .shows("done; later runs skip it");
    shop.write("hard.jsonl", "{\"id\": \"a\", \"amount\": 1.5}\n");
    shop.run(&["run", "hard-jsonl.toml"]).exits(0);
    let document = shop.run(&["explain", "hard-jsonl.toml", "a", "--json"]).exits(0).document();
    let states: Vec<_> =
        document["failures"].as_array().expect("rows").iter().map(|row| row["state"].clone()).collect();
    assert_eq!(states, ["open", "recovered"]);
    assert_eq!((document["rows"].clone(), document["runs"].as_array().map(Vec::len)), (json!([3]), Some(2)));
    shop.run(&["explain", "hard-jsonl.toml", "nobody"]).exits(5).says("not found in any tab of job");
}

#[test]
fn a_version_that_is_restored_from_history_is_gone_on_from() {
    let shop = TempProject::few_quakes(5);
    shop.run(&["run", "quakes.toml"]).exits(0);
    std::fs::copy(shop.path("quakes.sheet"), shop.path("history")).expect("a copy");
    shop.write("usgs-all-week.geojson", &crate::workshop::feed(0..12));
    shop.run(&["run", "quakes.toml"]).exits(0).shows("new 7");
    std::fs::copy(shop.path("history"), shop.path("quakes.sheet")).expect("a copy");
    shop.run(&["run", "quakes.toml"]).exits(0).shows("new 7 · skipped 5");
    shop.holds_each_quake_once(12);
}

#[test]
fn a_job_moves_to_a_new_spreadsheet_and_each_place_says_where_it_is() {
    const ID: &str = "1FirstSpreadsheet0000000000000000000000000";
    let shop = TempProject::few_quakes(4);
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
    let second = emulator.makes("the second one");
    let run = |id: &str, args: &[&str]| emulator.run(&shop, id, args);
    run(ID, &["run", "quakes.toml"]).exits(0).shows("new 4");
    run(ID, &["rollover", "quakes.toml", "--to", ID]).exits(2).says("the spreadsheet in which it is");
    run(ID, &["rollover", "quakes.toml", "--to", &second])
        .exits(0)
        .shows("would continue in spreadsheet")
        .shows("4 keys stay in")
        .shows("nothing was written");
    run(ID, &["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 4");

    run(ID, &["rollover", "quakes.toml", "--to", &second, "--yes"])
        .exits(0)
        .shows("from now on")
        .shows("set SHEETKEEP_SPREADSHEET_ID")
        .shows(&second);
    run(ID, &["rollover", "quakes.toml", "--to", &second]).exits(0).shows("already");
    for command in [
        &["run", "quakes.toml"][..],
        &["reset", "quakes.toml"],
        &["prune", "quakes.toml"],
        &["run", "quakes.toml", "--force"],
    ] {
        run(ID, command).exits(78).says(&format!("it continues in spreadsheet {second}"));
    }
    run(ID, &["check", "quakes.toml"]).exits(78).shows(&format!("it continues in spreadsheet {second}"));
    run(ID, &["status", "quakes.toml"]).exits(0).shows(&format!("it continues in spreadsheet {second}"));
    shop.write("usgs-all-week.geojson", &crate::workshop::feed(0..6));
    run(&second, &["run", "quakes.toml"]).exits(0).shows("new 2 · skipped 4");
    let document = run(&second, &["status", "quakes.toml", "--json"]).exits(0).document();
    assert_eq!(document["keys"], 6);
    run(&second, &["fsck", "quakes.toml"]).exits(0);
    run(&second, &["check", "quakes.toml"]).exits(0);
    let outside = ApiClient::of(emulator, ID);
    let key = outside.column("Quakes", "id")[0].clone();
    let emulator = outside.emulator;
    emulator
        .run(&shop, &second, &["explain", "quakes.toml", &key])
        .exits(0)
        .shows("of the earlier spreadsheet")
        .shows(ID);
}

#[test]
fn a_job_in_a_local_file_is_not_moved() {
    let shop = TempProject::few_quakes(2);
    shop.run(&["run", "quakes.toml"]).exits(0);
    shop.run(&["rollover", "quakes.toml", "--to", "1Other00000000000000000000000000000000000000"])
        .exits(2)
        .says("in a local file")
        .says("--spreadsheet");
    shop.run(&[
        "rollover",
        "quakes.toml",
        "--spreadsheet",
        "1Some0000000000000000000000000000000000000000",
        "--to",
        "?",
    ])
    .exits(2)
    .says("--to names no spreadsheet's id");
}
