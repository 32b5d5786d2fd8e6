//! Kills at every named point of a run: the first run of a job, and a run that overwrites rows.

use std::fs;

use crate::emulator_process::ApiClient;
use crate::sheet_checks::{check_runs, expect_each_key_once};
use crate::temp_project::{TempProject, make_feed};

/// Maximum number of times that a run reaches one point.
const MAX_POINTS: u32 = 60;
/// Records of the feed.
const RECORDS: usize = 8;

/// Kills a run of `prepared` at the first, second, … time that it reaches `point`, until it
/// survives. After each kill one run ends well and the result is checked. Returns the number of
/// kills.
fn kill_at_each(point: &str, job: &str, prepared: impl Fn() -> TempProject, check: impl Fn(&TempProject)) -> u32 {
    for nth in 1.. {
        assert!(nth <= MAX_POINTS, "a run passes {point} more than {MAX_POINTS} times");
        let project = prepared();
        let armed = format!("{point}:{nth}");
        let ended = project.run_with(&[("SHEETKEEP_FAILPOINT", &armed)], &["run", job]);
        if ended.code.is_some() {
            ended.exits(0);
            check(&project);
            return nth - 1;
        }
        project.run(&["run", job]).exits(0);
        check(&project);
    }
    0
}

fn read_feed_keys(project: &TempProject) -> Vec<String> {
    let feed: serde_json::Value =
        serde_json::from_str(&project.read("usgs-all-week.geojson")).expect("the feed is JSON");
    let features = feed["features"].as_array().expect("records");
    features.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
}

fn check_first_run(point: &str, least: u32) {
    let prepared = || TempProject::with_few_quakes(RECORDS).with_small_commits(3);
    let kills = kill_at_each(point, "quakes.toml", prepared, |project| {
        let client = ApiClient::of_file(project, "quakes.sheet");
        expect_each_key_once(&client, "Quakes", "Processed quakes", &read_feed_keys(project));
        check_runs(&client, "Processed quakes");
    });
    assert!(kills >= least, "only {kills} kills at {point}");
}

const UPSERT: &str = "quakes-upsert.toml";
const SHEET: &str = "quakes upsert.sheet";

/// Returns a sheet with the first records in an older version, and a feed with newer versions of
/// some and with new records.
fn make_project_to_overwrite(base: &TempProject) -> TempProject {
    let project = TempProject::with(&[UPSERT]);
    fs::copy(base.path(SHEET), project.path(SHEET)).expect("the sheet is there");
    project.write("usgs-all-week.geojson", &make_revised_feed());
    project
}

/// Returns the feed with every second record in a newer version.
fn make_revised_feed() -> String {
    let mut revised: serde_json::Value = serde_json::from_str(&make_feed(0..RECORDS)).expect("the feed is JSON");
    for record in revised["features"].as_array_mut().expect("records").iter_mut().step_by(2) {
        let updated = record["properties"]["updated"].as_u64().expect("a moment") + 60_000;
        record["properties"]["updated"] = updated.into();
        record["properties"]["place"] = "revised".into();
    }
    revised.to_string()
}

fn check_overwriting_run(point: &str, least: u32) {
    let base = TempProject::with(&[UPSERT]);
    base.write("usgs-all-week.geojson", &make_feed(0..RECORDS - 3));
    base.replace_in(UPSERT, "[sheet]", "[commit]\nmax_rows = 2\nevery = \"1h\"\n\n[sheet]");
    base.run(&["run", UPSERT]).exits(0);
    let kills = kill_at_each(
        point,
        UPSERT,
        || make_project_to_overwrite(&base),
        |project| {
            let client = ApiClient::of_file(project, SHEET);
            let mut there = client.column("Earthquakes", "id");
            there.sort();
            let mut expected = read_feed_keys(project);
            expected.sort();
            assert_eq!(there, expected, "one row a key");
            let places = client.column("Earthquakes", "place");
            assert_eq!(places.iter().filter(|place| *place == "revised").count(), RECORDS / 2, "{places:?}");
            // Of the five processed before, three now have a newer version.
            assert_eq!(client.column("Processed quakes upsert", "key").len(), RECORDS + 3);
            check_runs(&client, "Processed quakes upsert");
        },
    );
    assert!(kills >= least, "only {kills} kills at {point}");
}

#[test]
fn killed_before_any_request_of_a_first_run_a_job_recovers() {
    check_first_run("request", 6);
}

#[test]
fn killed_after_any_reply_of_a_first_run_a_job_recovers() {
    check_first_run("response-read", 6);
}

#[test]
fn killed_before_a_durable_write_a_job_recovers() {
    check_first_run("sync", 4);
}

#[test]
fn killed_after_a_durable_write_a_job_recovers() {
    check_first_run("synced", 4);
}

#[test]
fn killed_at_any_call_of_an_upsert_a_job_recovers() {
    check_overwriting_run("request", 3);
    check_overwriting_run("response-read", 3);
}

#[test]
fn killed_at_any_commit_of_an_upsert_a_job_recovers() {
    check_overwriting_run("sync", 1);
    check_overwriting_run("synced", 1);
}

/// A job whose program records the items that it runs for.
const LETTERS: &str = r#"
name = "letters"
[source]
jsonl = "people.jsonl"
[item]
key = ".id"
[[step]]
command = ["sh", "-c", "echo $SHEETKEEP_KEY >> sent.txt"]
[commit]
max_rows = 2
every = "1h"
[sheet]
tab = "Letters"
"#;
const LETTER_KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[test]
fn killed_at_any_moment_of_programs_each_item_has_one_row() {
    for (point, least) in [
        ("journal-write", 6),
        ("journal-written", 6),
        ("journal-synced", 6),
        ("request", 8),
        ("response-read", 8),
        ("sync", 5),
        ("synced", 5),
    ] {
        let prepared = || {
            let project = TempProject::empty();
            project.write("letters.toml", LETTERS);
            project.write("people.jsonl", &LETTER_KEYS.map(|id| format!("{{\"id\": \"{id}\"}}")).join("\n"));
            project
        };
        let kills = kill_at_each(point, "letters.toml", prepared, |project| {
            let client = ApiClient::of_file(project, "letters.sheet");
            expect_each_key_once(&client, "Letters", "Processed letters", &LETTER_KEYS.map(str::to_owned));
            let sent = project.read("sent.txt");
            let twice = LETTER_KEYS.iter().filter(|id| sent.lines().filter(|line| line == *id).count() > 1).count();
            // A commit may be in flight while the next program is running.
            assert!(twice <= usize::from(point != "journal-synced"), "{point}: {sent}");
        });
        assert!(kills >= least, "only {kills} kills at {point}");
    }
}

/// Returns the number of rows of each key of the feed.
fn count_rows_of_keys(project: &TempProject) -> Vec<usize> {
    let there = ApiClient::of_file(project, "quakes.sheet").column("Quakes", "id");
    read_feed_keys(project).iter().map(|id| there.iter().filter(|one| *one == id).count()).collect()
}

#[test]
fn a_forced_run_killed_and_repeated_adds_one_row_a_key() {
    const FORCE: [&str; 4] = ["run", "quakes.toml", "--force", "--yes"];
    for (point, least) in [("request", 8), ("response-read", 8), ("sync", 4), ("synced", 4), ("cleanup", 1)] {
        for nth in 1.. {
            assert!(nth <= MAX_POINTS, "a forced run passes {point} more than {MAX_POINTS} times");
            let project = TempProject::with_few_quakes(RECORDS).with_small_commits(3);
            project.run(&["run", "quakes.toml"]).exits(0);
            let ended = project.run_with(&[("SHEETKEEP_FAILPOINT", &format!("{point}:{nth}"))], &FORCE);
            let is_killed = ended.code.is_none();
            if is_killed {
                project.run(&FORCE).exits(0);
            }
            assert_eq!(count_rows_of_keys(&project), [2; RECORDS], "killed at {point}:{nth}: {is_killed}");
            if !is_killed {
                assert!(nth > least, "only {nth} kills at {point}");
                project.run(&FORCE).exits(0);
                assert_eq!(
                    count_rows_of_keys(&project),
                    [3; RECORDS],
                    "asked once more after a success that was shown"
                );
                break;
            }
        }
    }
}

#[test]
fn a_first_run_that_was_forced_and_killed_adds_one_row_a_key() {
    const FORCE: [&str; 4] = ["run", "quakes.toml", "--force", "--yes"];
    for (point, nth) in [("response-read", 5), ("synced", 3), ("cleanup", 1)] {
        let project = TempProject::with_few_quakes(RECORDS).with_small_commits(3);
        let ended = project.run_with(&[("SHEETKEEP_FAILPOINT", &format!("{point}:{nth}"))], &FORCE);
        assert_eq!(ended.code, None, "{point}:{nth}");
        project.run(&FORCE).exits(0);
        assert_eq!(count_rows_of_keys(&project), [1; RECORDS], "killed at {point}:{nth}");
    }
}
