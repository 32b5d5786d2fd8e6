//! One row per key: the real binary updates rows to newer versions in place, whatever other
//! programs and users do in the tab. It updates nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::running_command::RunningCommand;
use crate::temp_project::{QUAKES, TempProject};

const JOB: &str = "quakes-upsert.toml";
const TAB: &str = "Earthquakes";
const ID: &str = "1UpsertSpreadsheet0000000000000000000000000";
/// Records of the feed that get a newer version.
const REVISED: [usize; 3] = [4, 700, 1_706];

fn make_quakes() -> TempProject {
    TempProject::with(&[JOB, "usgs-all-week.geojson"])
}

/// Revises three records of the feed. Returns their ids, in the order of the feed.
fn revise_quakes(project: &TempProject) -> Vec<String> {
    let mut feed: Value = serde_json::from_str(&project.read("usgs-all-week.geojson")).expect("the feed is JSON");
    let ids = REVISED.map(|at| {
        let record = &mut feed["features"][at];
        record["properties"]["updated"] = json!(record["properties"]["updated"].as_u64().expect("a moment") + 60_000);
        record["properties"]["place"] = json!(format!("revised {at}"));
        record["id"].as_str().expect("an id").to_owned()
    });
    project.write("usgs-all-week.geojson", &feed.to_string());
    ids.to_vec()
}

/// Returns the positions of the rows in which any cell differs.
fn list_differing(before: &[Vec<Value>], after: &[Vec<Value>]) -> Vec<usize> {
    assert_eq!(before.len(), after.len(), "rows came or went");
    (0..before.len()).filter(|&at| before[at] != after[at]).collect()
}

#[test]
fn three_newer_versions_are_exactly_three_rows_updated_in_place() {
    let project = make_quakes();
    project.run(&["run", JOB]).exits(0).stdout_has("1,707 rows added · 1,707 keys in all");
    let before = ApiClient::of_file(&project, "quakes upsert.sheet").entered_values(TAB);
    revise_quakes(&project);
    // On a slow machine the interval of commits would split the run.
    project.replace_in(JOB, "[sheet]", "[commit]\nevery = \"1h\"\n\n[sheet]");
    project
        .run(&["run", JOB])
        .exits(0)
        .stdout_has("new 3 · skipped 1,704")
        .stdout_has("0 rows added · 3 rows updated · 1,707 keys in all · 1 write, 2 reads");
    let client = ApiClient::of_file(&project, "quakes upsert.sheet");
    let after = client.entered_values(TAB);
    assert_eq!(list_differing(&before, &after), REVISED);
    for at in REVISED {
        assert_eq!(after[at][3], json!({"stringValue": format!("revised {at}")}));
        assert_eq!((&after[at][..3], &after[at][4..6]), (&before[at][..3], &before[at][4..6]));
    }
    let processed = client.column("Processed quakes upsert", "key").len();
    assert_eq!(processed, QUAKES + 3, "each version that was done has its row in Processed");
    project
        .run(&["run", JOB])
        .exits(0)
        .stdout_has("new 0 · skipped 1,707")
        .stdout_has("0 rows added · 1,707 keys in all");
}

#[test]
fn an_older_version_is_skipped_if_only_newer_ones_count() {
    for (order, new) in [("newer", 0), ("any", 3)] {
        let project = make_quakes();
        project.replace_in(JOB, "order = \"newer\"", &format!("order = \"{order}\""));
        let old = project.read("usgs-all-week.geojson");
        revise_quakes(&project);
        project.run(&["run", JOB]).exits(0).stdout_has("1,707 rows added");
        project.write("usgs-all-week.geojson", &old);
        project.run(&["run", JOB]).exits(0).stdout_has(&format!("new {new} · ")).stdout_has("0 rows added");
        let places = ApiClient::of_file(&project, "quakes upsert.sheet").column(TAB, "place");
        let revised = places.iter().filter(|place| place.starts_with("revised")).count();
        assert_eq!((places.len(), revised), (QUAKES, 3 - new), "{order}");
    }
}

#[test]
fn without_a_version_any_other_content_is_another_version() {
    let project = make_quakes();
    project.replace_in(JOB, "version = \".properties.updated\"", "#");
    project.replace_in(JOB, "order = \"newer\"", "");
    project.run(&["run", JOB]).exits(0).stdout_has("1,707 rows added");
    revise_quakes(&project);
    project.run(&["run", JOB]).exits(0).stdout_has("new 3 · skipped 1,704").stdout_has("3 rows updated");
}

/// Returns the values of one column by the id of the row.
fn index_by_id(rows: &[Vec<Value>], column: usize) -> BTreeMap<String, Value> {
    let with_id = rows.iter().filter_map(|row| Some((row.first()?.as_str()?.to_owned(), row.get(column)?.clone())));
    with_id.filter(|(id, _)| !id.is_empty()).collect()
}

#[test]
fn a_user_who_sorts_between_read_and_write_costs_no_row() {
    let project = make_quakes();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["run", JOB]).exits(0).stdout_has("1,707 rows added");
    let client = ApiClient::of(emulator, ID);
    let tab = client.tab_id(TAB);
    client.edit_sheet(&json!([
        {"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}},
        {"updateCells": {"start": {"sheetId": tab, "rowIndex": 0, "columnIndex": 7}, "fields": "userEnteredValue",
            "rows": [{"values": [{"userEnteredValue": {"stringValue": "mine"}}]},
                     {"values": [{"userEnteredValue": {"stringValue": "a remark"}}]}]}},
        {"updateCells": {"start": {"sheetId": tab, "rowIndex": 1, "columnIndex": 2}, "fields": "note",
            "rows": [{"values": [{"note": "look again"}]}]}},
    ]));
    let before = client.rows(TAB);
    let mut ids = revise_quakes(&project);
    // The run has read the position of every row, and waits for its records; meanwhile the user
    // edits.
    let mut runner = RunningCommand::start(client.emulator.command(&project, ID, &["run", JOB, "--input", "-", "-v"]));
    runner.wait_for_line("claimed");
    let whole = json!({"sheetId": tab, "startRowIndex": 1, "startColumnIndex": 0});
    client.edit_sheet(&json!([
        {"sortRange": {"range": whole, "sortSpecs": [{"dimensionIndex": 2, "sortOrder": "ASCENDING"}]}},
        {"insertDimension": {"range": {"sheetId": tab, "dimension": "ROWS", "startIndex": 1, "endIndex": 2}}},
        {"moveDimension": {"source": {"sheetId": tab, "dimension": "COLUMNS", "startIndex": 3, "endIndex": 4},
            "destinationIndex": 1}},
    ]));
    runner.write_input(&project.read("usgs-all-week.geojson"));
    runner
        .close_and_wait()
        .exits(0)
        .stderr_has("where they belong")
        .stdout_has("0 rows added · 3 rows updated · 1,707 keys in all");

    let after = client.rows(TAB);
    assert_eq!(after.len(), QUAKES + 1, "the person's empty row is there, and no other");
    let (was, is) = (index_by_id(&before, 3), index_by_id(&after, 1));
    assert_eq!((was.len(), is.len()), (QUAKES, QUAKES));
    let changed: Vec<_> = was.keys().filter(|id| was[*id] != is[*id]).cloned().collect();
    ids.sort();
    assert_eq!(changed, ids);
    for (was, is) in [(1, 2), (2, 3), (4, 4), (5, 5), (7, 7)] {
        assert_eq!(index_by_id(&before, was), index_by_id(&after, is), "column {was} went to other rows");
    }
    let noted = client.cell_notes(TAB);
    let remarked = after.iter().position(|row| row.get(7).is_some()).expect("the remark is there");
    assert_eq!(noted, [(remarked + 1, 3, "look again".to_owned())]);
}
