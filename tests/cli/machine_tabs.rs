//! Deleted machine tabs, with the real binary: what can still be reported, and how they are
//! restored.

use serde_json::{Value, json};

use crate::wire::{ApiClient, EMBEDDED, Emulator};
use crate::workshop::{Ended, TempProject};

const ID: &str = "1DeletedTabsSpreadsheet0000000000000000000000";
const REPAIR: [&str; 4] = ["fsck", "--repair=tabs", "--yes", "j.toml"];

struct MachineTabFixture {
    shop: TempProject,
    outside: ApiClient,
}

impl MachineTabFixture {
    /// Returns a job that has run over three records, one of which fails.
    fn begun() -> Self {
        let shop = TempProject::empty();
        write(&shop, "j", 3);
        let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
        let house = Self { shop, outside: ApiClient::of(emulator, ID) };
        house.say(&["run", "j.toml"]).exits(3);
        house
    }

    fn say(&self, args: &[&str]) -> Ended {
        self.outside.emulator.run(&self.shop, ID, args)
    }

    fn delete(&self, tabs: &[&str]) {
        for tab in tabs {
            self.outside.hands(&json!([{"deleteSheet": {"sheetId": self.outside.tab_id(tab)}}]));
        }
    }
}

fn write(shop: &TempProject, name: &str, count: u64) {
    let map = "if .n == 1 then error(\"one is bad\") else {id, n} end";
    let job = format!(
        "name = \"{name}\"\n[source]\njsonl = \"in.jsonl\"\n[item]\nkey = \".id\"\n[[step]]\nmap = '{map}'\n[sheet]\ntab = \"Data {name}\"\nmode = \"append\"\n"
    );
    shop.write(&format!("{name}.toml"), &job);
    let lines: Vec<String> = (0..count).map(|n| json!({"id": format!("k{n}"), "n": n}).to_string()).collect();
    shop.write("in.jsonl", &lines.join("\n"));
}

#[test]
fn status_and_failures_list_say_unknown_where_they_can_not_tell() {
    let house = MachineTabFixture::begun();
    house.delete(&["Failures j"]);
    house.say(&["status", "j.toml"]).exits(0).shows("failures    unknown").shows("keys        2");
    let status = house.say(&["status", "j.toml", "--json"]).exits(0).document();
    assert_eq!(
        [&status["open_failures"], &status["dead_failures"], &status["keys"]],
        [&Value::Null, &Value::Null, &json!(2)]
    );
    house.say(&["failures", "list", "j.toml"]).exits(0).shows("unknown").says("is gone");
    let listed = house.say(&["failures", "list", "j.toml", "--json"]).exits(0).document();
    assert_eq!((&listed["total"], &listed["rows"]), (&Value::Null, &json!([])));
    let house = MachineTabFixture::begun();
    house.delete(&["Runs"]);
    house.say(&["status", "j.toml"]).exits(0).shows("last run    unknown").shows("1 open");
    house.delete(&["Processed j"]);
    house.say(&["status", "j.toml"]).exits(0).shows("keys        unknown").shows("failures    unknown");
}

#[test]
fn a_header_that_can_not_be_read_is_unknown_too() {
    let house = MachineTabFixture::begun();
    let cell = json!({"values": [{"userEnteredValue": {"stringValue": "oops"}}]});
    let start = json!({"sheetId": house.outside.tab_id("Failures j"), "rowIndex": 0, "columnIndex": 0});
    house.outside.hands(&json!([{"updateCells": {"start": start, "rows": [cell], "fields": "userEnteredValue"}}]));
    house.say(&["status", "j.toml"]).exits(0).shows("failures    unknown").shows("last run    ▲ partial");
    house.say(&["failures", "list", "j.toml"]).exits(0).shows("unknown");
}

#[test]
fn a_deleted_tab_is_made_again_by_what_the_run_says() {
    for gone in [&["Failures j"][..], &["Runs"], &["Failures j", "Runs"]] {
        let house = MachineTabFixture::begun();
        house.delete(gone);
        for command in ["run", "check"] {
            let ended = house.say(&[command, "j.toml"]);
            ended.exits(65);
            let told = [&*ended.out, &*ended.err].concat();
            assert!(told.contains("is gone") && told.contains("sheetkeep fsck --repair=tabs --yes"), "{told}");
        }
        house.say(&["fsck", "j.toml"]).exits(4).shows("consistent, but a tab is gone");
        house.say(&["fsck", "j.toml", "--repair"]).exits(4).shows("would recreate tab");
        house.say(&REPAIR).exits(0).shows("was recreated, empty");
        house.outside.emulator.reset_stats();
        house.say(&REPAIR).exits(0);
        house.say(&["fsck", "j.toml", "--repair", "--yes"]).exits(0);
        assert_eq!(house.outside.emulator.stats()["writes"], 0, "a second repair does nothing");
        write(&house.shop, "j", 5);
        house.say(&["run", "j.toml"]).exits(3).shows("new 2").shows("failed 1");
        house.say(&["failures", "list", "j.toml"]).exits(0).shows("one is bad");
        house.say(&["fsck", "j.toml"]).exits(0).shows("4 keys, 4 data rows; consistent");
    }
}

#[test]
fn a_repair_of_tabs_forgets_no_key() {
    let house = MachineTabFixture::begun();
    let rows = json!({"sheetId": house.outside.tab_id("Data j"), "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    house.outside.hands(&json!([{"deleteDimension": {"range": rows}}]));
    house.delete(&["Failures j"]);
    house.say(&["fsck", "j.toml", "--repair", "--yes"]).exits(4).shows("missing: 1 key").shows("was recreated");
    house.say(&REPAIR).exits(4).shows("missing: 1 key");
    assert_eq!(house.outside.rows("Processed j").len(), 2);
}

#[test]
fn jobs_that_share_runs_go_on_after_one_of_them_has_made_it_again() {
    let house = MachineTabFixture::begun();
    write(&house.shop, "k", 3);
    house.say(&["run", "k.toml"]).exits(3);
    house.delete(&["Runs"]);
    house.say(&["run", "k.toml"]).exits(65).says("tab Runs is gone");
    house.say(&REPAIR).exits(0);
    for job in ["k.toml", "j.toml", "k.toml"] {
        house.say(&["run", job]).exits(3);
    }
    assert_eq!(house.outside.column("Runs", "job"), ["j", "k", "j", "k"]);
}

#[test]
fn a_tab_of_peoples_that_took_the_name_has_to_be_renamed() {
    let house = MachineTabFixture::begun();
    house.delete(&["Runs"]);
    house.outside.hands(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Runs"}}}]));
    house.say(&REPAIR).exits(65).says("another tab has its name");
    let properties = json!({"sheetId": 5, "title": "My runs"});
    house.outside.hands(&json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}]));
    house.say(&REPAIR).exits(0);
    house.say(&["run", "j.toml"]).exits(3);
}

#[test]
fn a_tab_runs_that_is_not_the_jobs_is_named_before_the_first_run() {
    let shop = TempProject::empty();
    write(&shop, "j", 3);
    let outside = ApiClient::of(Emulator::start(&shop, &["--spreadsheet-id", ID]), ID);
    outside.hands(&json!([{"addSheet": {"properties": {"sheetId": 5, "title": "Runs"}}}]));
    for command in ["check", "run"] {
        let ended = outside.emulator.run(&shop, ID, &[command, "j.toml"]);
        assert!([&*ended.exits(65).out, &*ended.err].concat().contains("rename it, and the job makes its own"));
    }
}

#[test]
fn a_deleted_tab_of_a_local_file_is_made_again_too() {
    let shop = TempProject::empty();
    write(&shop, "j", 3);
    shop.run(&["run", "j.toml"]).exits(3);
    let outside = ApiClient::of_file(&shop, "j.sheet");
    assert_eq!(EMBEDDED, "embedded");
    for tab in ["Failures j", "Runs"] {
        outside.hands(&json!([{"deleteSheet": {"sheetId": outside.tab_id(tab)}}]));
    }
    drop(outside);
    shop.run(&["run", "j.toml"]).exits(65).says("fsck --repair");
    shop.run(&REPAIR).exits(0).shows("was recreated, empty");
    shop.run(&["run", "j.toml"]).exits(3);
    shop.run(&["fsck", "j.toml"]).exits(0);
}
