//! The main job on the embedded sheet: once, again, and with a truncated feed.

use std::collections::HashSet;

use crate::emulator_process::ApiClient;
use crate::temp_project::{QUAKES, TempProject};

#[test]
fn the_main_job_writes_each_earthquake_once() {
    let project = TempProject::quakes();
    project
        .run(&["run", "quakes.toml"])
        .exits(0)
        .stdout_has("✔ succeeded")
        .stdout_has("new 1,707 · skipped 0 · failed 0")
        .stdout_has("1,707 rows added · 1,707 keys in all");
    project
        .run(&["run", "quakes.toml"])
        .exits(0)
        .stdout_has("new 0 · skipped 1,707")
        .stdout_has("0 rows added · 1,707 keys in all");

    let client = ApiClient::of_file(&project, "quakes.sheet");
    let (rows, keys) = (client.rows("Quakes"), client.column("Processed quakes", "key"));
    assert_eq!((rows.len(), keys.len()), (QUAKES, QUAKES));
    let distinct: HashSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), QUAKES);
    assert_eq!(client.column("Quakes", "id"), keys);
    assert!(rows.iter().all(|row| row[1].is_number()), "a time is a serial, not a text");
    let runs = ["status", "read", "new", "skipped", "failed"].map(|name| client.column("Runs", name));
    assert_eq!(runs[0], ["succeeded", "succeeded"]);
    assert_eq!(
        (&runs[1][0], &runs[2][0], &runs[3][0], &runs[4][0]),
        (&"1707".into(), &"1707".into(), &"0".into(), &"0".into())
    );
    assert_eq!((&runs[2][1], &runs[3][1]), (&"0".into(), &"1707".into()));
}

#[test]
fn after_the_first_run_there_is_one_row_in_runs_and_no_failure() {
    let project = TempProject::quakes();
    project.run(&["run", "quakes.toml"]).exits(0);
    project.expect_each_quake_once(QUAKES);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["succeeded"]);
    assert!(project.column("quakes.toml", "Failures quakes", "key").is_empty());
}

#[test]
fn a_feed_cut_off_in_a_record_keeps_what_came_before() {
    let project = TempProject::quakes();
    let whole = project.read("usgs-all-week.geojson");
    let cut = whole[..600_000].rfind("\"mag\":").expect("a record") + "\"mag\":".len();
    project.write("usgs-all-week.geojson", &whole[..cut]);
    let records = whole[..cut].matches("\"type\":\"Feature\",").count();

    let ended = project.run(&["run", "quakes.toml"]);
    let line = whole[..cut].matches('\n').count() + 1;
    ended
        .exits(65)
        .stderr_has(&format!("usgs-all-week.geojson:{line}:"))
        .stderr_has(&format!("(record {records}, byte {cut})"))
        .stderr_has("cut off")
        .stdout_has(&format!("new {}", records - 1));
    project.expect_each_quake_once(records - 1);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["failed"]);

    project.write("usgs-all-week.geojson", &whole);
    project
        .run(&["run", "quakes.toml"])
        .exits(0)
        .stdout_has("1,707 keys in all")
        .stdout_has(&format!("skipped {}", records - 1));
    project.expect_each_quake_once(QUAKES);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["failed", "succeeded"]);
}

#[test]
fn airports_come_from_csv_with_their_codes_to_the_letter() {
    let project = TempProject::with(&["airports.toml", "airports.csv"]);
    project.run(&["run", "airports.toml"]).exits(0).stdout_has("new 3,376");
    project.run(&["run", "airports.toml"]).exits(0).stdout_has("new 0 · skipped 3,376");
    let client = ApiClient::of_file(&project, "airports.sheet");
    let codes = client.column("Airports", "iata");
    assert_eq!((codes.len(), codes[0].as_str()), (3_376, "00M"));
    let first = &client.entered_values("Airports")[0];
    assert_eq!((&first[0]["stringValue"], first[5]["numberValue"].is_number()), (&"00M".into(), true));
}

#[test]
fn standard_input_and_another_file_take_the_place_of_the_source() {
    let project = TempProject::with_few_quakes(5);
    let whole = project.read("usgs-all-week.geojson");
    project.write("later.geojson", &crate::temp_project::make_feed(3..9));
    let mut live = project.start(&["run", "quakes.toml", "--input", "-"]);
    live.write_input(&whole);
    live.close_and_wait().exits(0).stdout_has("new 5 · skipped 0");
    project.run(&["run", "quakes.toml", "--input", "later.geojson"]).exits(0).stdout_has("new 4 · skipped 2");
    project.expect_each_quake_once(9);
}

#[test]
fn a_job_whose_source_is_a_dash_reads_standard_input() {
    let project = TempProject::with_few_quakes(5);
    project.replace_in("quakes.toml", "json = \"usgs-all-week.geojson\"", "json = \"-\"");
    let mut live = project.start(&["run", "quakes.toml"]);
    live.write_input(&project.read("usgs-all-week.geojson"));
    live.close_and_wait().exits(0).stdout_has("new 5");
    project.expect_each_quake_once(5);
}
