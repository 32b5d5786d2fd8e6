//! Kills at every named point of a run: the first run of a job, and a run that overwrites rows.

use std::fs;

use crate::story::{holds_each_once, runs_tell_the_story};
use crate::wire::ApiClient;
use crate::workshop::{TempProject, feed};

/// Maximum number of times that a run reaches one point.
const MAX_POINTS: u32 = 60;
/// Records of the feed.
const RECORDS: usize = 8;

/// Kills a run of `prepared` at the first, second, … time that it reaches `point`, until it
/// survives. After each kill one run ends well and the result is checked. Returns the number of
/// kills.
fn killed_at_each(point: &str, job: &str, prepared: impl Fn() -> TempProject, check: impl Fn(&TempProject)) -> u32 {
    for nth in 1.. {
        assert!(nth <= MAX_POINTS, "a run passes {point} more than {MAX_POINTS} times");
        let shop = prepared();
        let armed = format!("{point}:{nth}");
        let ended = shop.run_with(&[("SHEETKEEP_FAILPOINT", &armed)], &["run", job]);
        if ended.code.is_some() {
            ended.exits(0);
            check(&shop);
            return nth - 1;
        }
        shop.run(&["run", job]).exits(0);
        check(&shop);
    }
    0
}

fn ids(shop: &TempProject) -> Vec<String> {
    let feed: serde_json::Value = serde_json::from_str(&shop.read("usgs-all-week.geojson")).expect("the feed is JSON");
    let features = feed["features"].as_array().expect("records");
    features.iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
}

fn at_first_contact(point: &str, least: u32) {
    let prepared = || TempProject::few_quakes(RECORDS).in_small_commits(3);
    let kills = killed_at_each(point, "quakes.toml", prepared, |shop| {
        let outside = ApiClient::of_file(shop, "quakes.sheet");
        holds_each_once(&outside, "Quakes", "Processed quakes", &ids(shop));
        runs_tell_the_story(&outside, "Processed quakes");
    });
    assert!(kills >= least, "only {kills} kills at {point}");
}

const UPSERT: &str = "quakes-upsert.toml";
const SHEET: &str = "quakes upsert.sheet";

/// Returns a sheet with the first records in an older version, and a feed with newer versions of
/// some and with new records.
fn to_be_written_over(base: &TempProject) -> TempProject {
    let shop = TempProject::with(&[UPSERT]);
    fs::copy(base.path(SHEET), shop.path(SHEET)).expect("the sheet is there");
    shop.write("usgs-all-week.geojson", &revised());
    shop
}

/// Returns the feed with every second record in a newer version.
fn revised() -> String {
    let mut revised: serde_json::Value = serde_json::from_str(&feed(0..RECORDS)).expect("the feed is JSON");
    for record in revised["features"].as_array_mut().expect("records").iter_mut().step_by(2) {
        let updated = record["properties"]["updated"].as_u64().expect("a moment") + 60_000;
        record["properties"]["updated"] = updated.into();
        record["properties"]["place"] = "revised".into();
    }
    revised.to_string()
}

fn in_a_run_that_writes_over(point: &str, least: u32) {
    let base = TempProject::with(&[UPSERT]);
    base.write("usgs-all-week.geojson", &feed(0..RECORDS - 3));
    base.change(UPSERT, "[sheet]", "[commit]\nmax_rows = 2\nevery = \"1h\"\n\n[sheet]");
    base.run(&["run", UPSERT]).exits(0);
    let kills = killed_at_each(
        point,
        UPSERT,
        || to_be_written_over(&base),
        |shop| {
            let outside = ApiClient::of_file(shop, SHEET);
            let mut there = outside.column("Earthquakes", "id");
            there.sort();
            let mut expected = ids(shop);
            expected.sort();
            assert_eq!(there, expected, "one row a key");
            let places = outside.column("Earthquakes", "place");
            assert_eq!(places.iter().filter(|place| *place == "revised").count(), RECORDS / 2, "{places:?}");
            // Of the five processed before, three now have a newer version.
            assert_eq!(outside.column("Processed quakes upsert", "key").len(), RECORDS + 3);
            runs_tell_the_story(&outside, "Processed quakes upsert");
        },
    );
    assert!(kills >= least, "only {kills} kills at {point}");
}

#[test]
fn killed_before_any_request_of_its_first_run_a_job_is_whole_after_the_next_one() {
    at_first_contact("request", 6);
}

#[test]
fn killed_after_any_answer_of_its_first_run_a_job_is_whole_after_the_next_one() {
    at_first_contact("answer", 6);
}

#[test]
fn killed_before_the_embedded_sheet_makes_anything_durable_a_job_is_whole_after_the_next_run() {
    at_first_contact("sync", 4);
}

#[test]
fn killed_after_the_embedded_sheet_made_anything_durable_a_job_is_whole_after_the_next_run() {
    at_first_contact("synced", 4);
}

#[test]
fn killed_at_any_call_while_it_writes_over_rows_a_job_is_whole_after_the_next_run() {
    in_a_run_that_writes_over("request", 3);
    in_a_run_that_writes_over("answer", 3);
}

#[test]
fn killed_at_any_commit_of_the_sheet_while_it_writes_over_rows_a_job_is_whole_after_the_next_run() {
    in_a_run_that_writes_over("sync", 1);
    in_a_run_that_writes_over("synced", 1);
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
const PEOPLE: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[test]
fn killed_at_any_moment_of_a_job_with_programs_each_item_has_its_row_once_and_only_the_one_in_hand_is_done_twice() {
    for (point, least) in
        [("keep", 6), ("kept", 6), ("kept-durably", 6), ("request", 8), ("answer", 8), ("sync", 5), ("synced", 5)]
    {
        let prepared = || {
            let shop = TempProject::empty();
            shop.write("letters.toml", LETTERS);
            shop.write("people.jsonl", &PEOPLE.map(|id| format!("{{\"id\": \"{id}\"}}")).join("\n"));
            shop
        };
        let kills = killed_at_each(point, "letters.toml", prepared, |shop| {
            let outside = ApiClient::of_file(shop, "letters.sheet");
            holds_each_once(&outside, "Letters", "Processed letters", &PEOPLE.map(str::to_owned));
            let sent = shop.read("sent.txt");
            let twice = PEOPLE.iter().filter(|id| sent.lines().filter(|line| line == *id).count() > 1).count();
            // A commit may be in flight while the next program is running.
            assert!(twice <= usize::from(point != "kept-durably"), "{point}: {sent}");
        });
        assert!(kills >= least, "only {kills} kills at {point}");
    }
}

/// Returns the number of rows of each key of the feed.
fn times(shop: &TempProject) -> Vec<usize> {
    let there = ApiClient::of_file(shop, "quakes.sheet").column("Quakes", "id");
    ids(shop).iter().map(|id| there.iter().filter(|one| *one == id).count()).collect()
}

#[test]
fn a_forced_run_killed_anywhere_and_asked_again_adds_one_row_a_key() {
    const FORCE: [&str; 4] = ["run", "quakes.toml", "--force", "--yes"];
    for (point, least) in [("request", 8), ("answer", 8), ("sync", 4), ("synced", 4), ("leave", 1)] {
        for nth in 1.. {
            assert!(nth <= MAX_POINTS, "a forced run passes {point} more than {MAX_POINTS} times");
            let shop = TempProject::few_quakes(RECORDS).in_small_commits(3);
            shop.run(&["run", "quakes.toml"]).exits(0);
            let ended = shop.run_with(&[("SHEETKEEP_FAILPOINT", &format!("{point}:{nth}"))], &FORCE);
            let is_killed = ended.code.is_none();
            if is_killed {
                shop.run(&FORCE).exits(0);
            }
            assert_eq!(times(&shop), [2; RECORDS], "killed at {point}:{nth}: {is_killed}");
            if !is_killed {
                assert!(nth > least, "only {nth} kills at {point}");
                shop.run(&FORCE).exits(0);
                assert_eq!(times(&shop), [3; RECORDS], "asked once more after a success that was shown");
                break;
            }
        }
    }
}

#[test]
fn a_first_run_that_was_forced_and_killed_adds_one_row_a_key() {
    const FORCE: [&str; 4] = ["run", "quakes.toml", "--force", "--yes"];
    for (point, nth) in [("answer", 5), ("synced", 3), ("leave", 1)] {
        let shop = TempProject::few_quakes(RECORDS).in_small_commits(3);
        let ended = shop.run_with(&[("SHEETKEEP_FAILPOINT", &format!("{point}:{nth}"))], &FORCE);
        assert_eq!(ended.code, None, "{point}:{nth}");
        shop.run(&FORCE).exits(0);
        assert_eq!(times(&shop), [1; RECORDS], "killed at {point}:{nth}");
    }
}
