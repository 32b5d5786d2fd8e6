//! Data tabs as users leave them: too narrow, prepared with formulas, with another header, or with
//! another table.

use serde_json::{Value, json};

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject};

const ID: &str = "1PreparedSpreadsheet0000000000000000000000000";
const TAB: i64 = 77;
const MODES: [&str; 2] = ["append", "upsert"];

/// A job over a few records, and a spreadsheet with a tab that the user made for it.
struct PreparedTabFixture {
    project: TempProject,
    client: ApiClient,
}

impl PreparedTabFixture {
    fn with(mode: &str, rows: u32, columns: u32) -> Self {
        let project = TempProject::empty();
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        let fixture = Self { project, client: ApiClient::of(emulator, ID) };
        fixture.job(mode, "{id, name, n}");
        fixture.source(0..3);
        let grid = json!({"rowCount": rows, "columnCount": columns});
        let tab = json!({"sheetId": TAB, "title": "Data", "gridProperties": grid});
        fixture.client.edit_sheet(&json!([{"addSheet": {"properties": tab}}]));
        fixture
    }

    fn job(&self, mode: &str, map: &str) {
        let job = format!(
            "name = \"j\"\n[source]\njsonl = \"in.jsonl\"\n[item]\nkey = \".id\"\n[[step]]\nmap = '{map}'\n[sheet]\ntab = \"Data\"\nmode = \"{mode}\"\n"
        );
        self.project.write("j.toml", &job);
    }

    fn records(&self, records: &[Value]) {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        self.project.write("in.jsonl", &lines.join("\n"));
    }

    fn source(&self, keys: std::ops::Range<u64>) {
        let record = |n: u64| json!({"id": format!("k{n}"), "name": format!("name {n}"), "n": n});
        self.records(&keys.map(record).collect::<Vec<_>>());
    }

    fn say(&self, args: &[&str]) -> CommandOutput {
        self.client.emulator.run(&self.project, ID, args)
    }

    fn run(&self) -> CommandOutput {
        self.say(&["run", "j.toml"])
    }

    /// Types as the user into cells from this one on; a text that begins with `=` is a formula.
    fn type_in(&self, row: usize, column: usize, rows: &[Vec<Value>]) {
        let cell = |value: &Value| match value {
            Value::String(text) if text.starts_with('=') => json!({"userEnteredValue": {"formulaValue": text}}),
            Value::String(text) => json!({"userEnteredValue": {"stringValue": text}}),
            Value::Object(_) => value.clone(),
            number => json!({"userEnteredValue": {"numberValue": number}}),
        };
        let rows: Vec<Value> =
            rows.iter().map(|row| json!({"values": row.iter().map(cell).collect::<Vec<_>>()})).collect();
        let start = json!({"sheetId": TAB, "rowIndex": row, "columnIndex": column});
        let fields = "userEnteredValue,userEnteredFormat";
        self.client.edit_sheet(&json!([{"updateCells": {"start": start, "rows": rows, "fields": fields}}]));
    }

    fn header(&self, names: &[&str]) {
        self.type_in(0, 0, &[names.iter().map(|name| json!(name)).collect()]);
    }

    fn insert_above(&self, tab: &str) {
        let range = json!({"sheetId": self.client.tab_id(tab), "dimension": "ROWS", "startIndex": 0, "endIndex": 1});
        self.client.edit_sheet(&json!([{"insertDimension": {"range": range}}]));
    }

    /// Checks two runs, of three keys and then of five; each key is there once.
    fn takes_five_keys(&self) {
        self.run().exits(0).stdout_has("3 rows added");
        self.source(0..5);
        self.run().exits(0).stdout_has("2 rows added");
        self.run().exits(0).stdout_has("0 rows added");
        self.say(&["fsck", "j.toml"]).exits(0).stdout_has("5 keys, 5 data rows; consistent");
    }

    /// Checks that `check` and `run` stop with 65, report why, and create nothing.
    fn stops(&self, words: &str) {
        let before = self.client.tabs();
        self.say(&["check", "j.toml"]).exits(65).stdout_has(words);
        self.run().exits(65).stderr_has(words);
        assert_eq!(self.client.tabs(), before);
    }
}

#[test]
fn an_empty_tab_that_is_too_narrow_is_widened() {
    for mode in MODES {
        for (rows, columns) in [(1_000, 2), (1, 1), (2, 3)] {
            let fixture = PreparedTabFixture::with(mode, rows, columns);
            fixture.takes_five_keys();
            assert_eq!(fixture.client.column("Data", "n"), ["0", "1", "2", "3", "4"], "{mode} {rows} {columns}");
        }
    }
}

#[test]
fn a_header_as_wide_as_its_tab_leaves_room_for_new_fields() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 1, 1);
        fixture.header(&["id"]);
        fixture.takes_five_keys();
    }
}

#[test]
fn a_run_that_is_refused_gives_its_lease_back() {
    let fixture = PreparedTabFixture::with("append", 1_000, 5);
    let body = json!({"requests": [{"addProtectedRange": {"protectedRange": {"range": {"sheetId": TAB}}}}]});
    fixture.client.emulator.edit_as_owner(ID, &body);
    fixture.run().exits(65).stderr_has("protected");
    let status = fixture.say(&["status", "j.toml", "--json"]).exits(0).document();
    assert_eq!((&status["running"], &status["last_run"]["status"]), (&Value::Null, &json!("failed")));
}

#[test]
fn rows_fill_what_people_prepared_with_formulas() {
    let down = |last: usize| (2..=last).map(|row| vec![json!(format!("=C{row}*2"))]).collect::<Vec<_>>();
    for mode in MODES {
        for prepared in [down(1_000), down(500), vec![vec![json!("=ARRAYFORMULA(C2:C*2)")]]] {
            let fixture = PreparedTabFixture::with(mode, 1_000, 8);
            fixture.header(&["id", "name", "n", "double"]);
            fixture.type_in(1, 3, &prepared);
            fixture.takes_five_keys();
            let doubled = fixture.client.column("Data", "double");
            assert_eq!(&doubled[..5], ["0", "2", "4", "6", "8"], "{mode} {}", prepared.len());
            assert_eq!(&fixture.client.column("Data", "id")[..5], ["k0", "k1", "k2", "k3", "k4"], "{mode}");
        }
    }
}

#[test]
fn an_array_formula_in_the_header_row_stays_right() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.type_in(
            0,
            0,
            &[vec![json!("id"), json!("name"), json!("n"), json!("={\"double\";ARRAYFORMULA(C2:C*2)}")]],
        );
        fixture.takes_five_keys();
        assert_eq!(&fixture.client.column("Data", "double")[..5], ["0", "2", "4", "6", "8"], "{mode}");
    }
}

#[test]
fn more_rows_than_were_prepared_go_below_them() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 5, 8);
        fixture.header(&["no", "id", "name", "n"]);
        fixture.type_in(1, 0, &(1..5).map(|n| vec![json!(n)]).collect::<Vec<_>>());
        fixture.takes_five_keys();
        assert_eq!(fixture.client.column("Data", "id"), ["k0", "k1", "k2", "k3", "k4"], "{mode}");
    }
}

#[test]
fn a_total_in_the_last_row_stays_below_the_rows() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 5, 8);
        fixture.header(&["id", "name", "n"]);
        fixture.type_in(4, 2, &[vec![json!("=SUM(C2:C4)")]]);
        fixture.takes_five_keys();
        assert_eq!(fixture.client.column("Data", "id"), ["k0", "k1", "k2", "k3", "k4", ""], "{mode}");
    }
}

#[test]
fn blanks_around_a_fields_name_cost_no_column() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.job(mode, ".");
        let record = |n: u64| json!({"id": format!("k{n}"), " name": "x", "n ": n});
        for count in 1..4 {
            fixture.records(&(0..count).map(record).collect::<Vec<_>>());
            let ended = fixture.run();
            ended.exits(0);
            assert!(!ended.stderr.contains("is now called"), "{}", ended.stderr);
        }
        assert_eq!(fixture.client.column("Data", "name"), ["x", "x", "x"], "{mode}");
    }
}

#[test]
fn fields_that_differ_only_in_blanks_are_refused_at_once() {
    for (twin, why) in [(" name", "differ only in the blanks"), ("  ", "only blanks")] {
        let fixture = PreparedTabFixture::with("append", 100, 8);
        fixture.job("append", ".");
        fixture.records(&[json!({"id": "k", "name": "x", twin: "y"}), json!({"id": "l", "name": "z"})]);
        fixture.run().exits(3).stderr_has(why);
        fixture.run().exits(3).stderr_has(why);
        assert_eq!(fixture.client.column("Data", "id"), ["l"]);
    }
}

#[test]
fn fields_that_differ_in_case_are_two_columns_for_good() {
    let fixture = PreparedTabFixture::with("upsert", 100, 8);
    fixture.job("upsert", ".");
    for version in 0..3 {
        fixture.records(&[json!({"id": "k", "Name": version, "name": "y", "cafe\u{301}": 1, "caf\u{e9}": 2})]);
        fixture.run().exits(0);
    }
    let row = ["Name", "name", "cafe\u{301}", "caf\u{e9}"].map(|name| fixture.client.column("Data", name).join(","));
    assert_eq!(row, ["2", "y", "1", "2"]);
}

#[test]
fn a_header_below_row_1_and_a_foreign_table_stop_the_job() {
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.type_in(2, 0, &[vec![json!("id"), json!("name"), json!("n")]]);
        fixture.stops("nothing in row 1");
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.type_in(0, 0, &[vec![json!("Report of May")], vec![], vec![json!("id"), json!("name"), json!("n")]]);
        fixture.stops("row 3 looks like the header");
        let above = json!({"sheetId": TAB, "dimension": "ROWS", "startIndex": 0, "endIndex": 2});
        fixture.client.edit_sheet(&json!([{"deleteDimension": {"range": above}}]));
        fixture.takes_five_keys();
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.type_in(0, 0, &[vec![json!("km"), json!("day")], vec![json!(5), json!("Monday")]]);
        fixture.stops("tab Data has \"km\", \"day\" in row 1");
        fixture.project.replace_in("j.toml", "tab = \"Data\"", "tab = \"Other\"");
        fixture.takes_five_keys();
        assert_eq!(fixture.client.rows("Data").len(), 1);
    }
}

#[test]
fn a_foreign_table_stops_a_job_that_can_not_look_ahead() {
    let fixture = PreparedTabFixture::with("append", 100, 8);
    fixture.type_in(0, 0, &[vec![json!("km"), json!("day")], vec![json!(5), json!("Monday")]]);
    let step = "[[step]]\ncommand = [\"cat\"]\n[[step]]\n";
    fixture.project.replace_in("j.toml", "[[step]]\n", step);
    for _ in 0..2 {
        fixture.run().exits(65).stderr_has("tab Data has \"km\", \"day\" in row 1");
    }
    assert_eq!(
        (fixture.client.rows("Data").len(), fixture.client.column("Runs", "status")),
        (1, vec!["failed".into(); 2])
    );
}

#[test]
fn a_row_above_the_header_is_reported_with_the_header() {
    for mode in MODES {
        for tab in ["Data", "Runs", "Processed j", "Failures j"] {
            let fixture = PreparedTabFixture::with(mode, 100, 8);
            fixture.run().exits(0);
            fixture.insert_above(tab);
            let words = format!("the header of tab {tab} is in row 2 now");
            fixture.say(&["check", "j.toml"]).exits(65).stdout_has(&words);
            fixture.run().exits(65).stderr_has(&words);
            let id = fixture.client.tab_id(tab);
            let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
            fixture.client.edit_sheet(&json!([{"moveDimension": {"source": source, "destinationIndex": 0}}]));
            fixture.source(0..5);
            fixture.run().exits(0).stdout_has("2 rows added");
        }
    }
}

#[test]
fn a_title_typed_above_the_header_is_no_new_header() {
    let fixture = PreparedTabFixture::with("append", 100, 8);
    fixture.run().exits(0);
    fixture.insert_above("Data");
    fixture.header(&["Report", "of", "May"]);
    fixture.source(0..5);
    fixture.run().exits(65).stderr_has("the header of tab Data is in row 2 now");
}

#[test]
fn headers_that_show_a_day_a_share_an_amount_are_found() {
    let typed = |value: f64, kind: &str, pattern: &str| {
        let format = json!({"numberFormat": {"type": kind, "pattern": pattern}});
        json!({"userEnteredValue": {"numberValue": value}, "userEnteredFormat": format})
    };
    for mode in MODES {
        let fixture = PreparedTabFixture::with(mode, 100, 8);
        fixture.job(mode, ".");
        let header = vec![
            json!("id"),
            typed(45_413.0, "DATE", "yyyy-mm-dd"),
            typed(0.1, "PERCENT", "0%"),
            typed(5.0, "CURRENCY", "\"$\"0"),
            typed(0.4375, "TIME", "hh:mm"),
        ];
        fixture.type_in(0, 0, &[header]);
        let record =
            |n: u64, day: &str| json!({"id": format!("k{n}"), "2024-05-01": day, "10%": 1, "$5": 2, "10:30": 3});
        fixture.records(&[record(0, "a"), record(1, "b")]);
        fixture.run().exits(0);
        fixture.records(&[record(0, "a"), record(1, "c"), record(2, "d")]);
        let ended = fixture.run();
        ended.exits(0);
        assert!(!ended.stderr.contains("note"), "{}", ended.stderr);
        let rows = fixture.client.rows("Data");
        assert!(rows.iter().all(|row| row.len() == 5), "{mode}: a column was added: {rows:?}");
        let changed = if mode == "upsert" { "c" } else { "b" };
        assert_eq!(rows.iter().map(|row| row[1].clone()).collect::<Vec<_>>(), ["a", changed, "d"], "{mode}");
    }
}
