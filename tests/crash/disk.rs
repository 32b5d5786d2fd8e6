//! Kills inside the library that stores the embedded sheet: at each call that makes its file
//! durable, and between the writes to it. After each kill the file alone is copied first, and must
//! contain everything that was reported as committed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::emulator_process::ApiClient;
use crate::sheet_checks::{check_runs, expect_each_key_once};
use crate::temp_project::{CommandOutput, TempProject};

/// Records of the feed.
const RECORDS: usize = 8;
/// Maximum number of calls of one kind in one run.
const MAX_CALLS: u32 = 2_000;

/// Returns the library that kills the process, compiled once.
pub fn compile_killer() -> &'static PathBuf {
    static KILLER: OnceLock<PathBuf> = OnceLock::new();
    KILLER.get_or_init(|| {
        let made = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("killer-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/killer.c");
        let compiled =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made).args([source, "-ldl"]).status();
        assert!(compiled.expect("the compiler that builds the crate can be run").success());
        made
    })
}

/// Returns the keys of the feed.
fn read_feed_keys(project: &TempProject) -> Vec<String> {
    let feed: serde_json::Value =
        serde_json::from_str(&project.read("usgs-all-week.geojson")).expect("the feed is JSON");
    let records = feed["features"].as_array().expect("records").iter();
    records.map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
}

/// Returns the distance between two writes that are tried.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn write_step() -> usize {
    std::env::var("DISK").ok().and_then(|step| step.parse().ok()).unwrap_or(7)
}

/// Returns how many keys a run has reported as committed.
fn count_committed_keys(ended: &CommandOutput) -> u64 {
    let keys = |line: &str| line.split_once(" rows, ")?.1.split_once(" keys")?.0.parse::<u64>().ok();
    ended.stderr.lines().filter(|line| line.contains(": commit ")).filter_map(keys).sum()
}

/// Copies the file alone to a folder and a machine of its own. It must contain what was reported as
/// committed, and the next run does the rest.
fn check_copy_of_file(project: &TempProject, killed: &CommandOutput, ids: &[String]) {
    let elsewhere = TempProject::with_few_quakes(RECORDS).with_small_commits(3);
    if fs::copy(project.path("quakes.sheet"), elsewhere.path("quakes.sheet")).is_err() {
        assert_eq!(count_committed_keys(killed), 0, "the file is not there");
    }
    let ended = elsewhere.run(&["run", "quakes.toml", "--take-over", "--json"]);
    let new = ended.exits(0).document()["counts"]["new"].as_u64().expect("a number");
    assert!(new + count_committed_keys(killed) <= RECORDS as u64, "{new} were missing in the copy: {}", killed.stderr);
    let client = ApiClient::of_file(&elsewhere, "quakes.sheet");
    expect_each_key_once(&client, "Quakes", "Processed quakes", ids);
    drop(client);
}

/// Kills a first run at the calls `first`, `first + step`, …, until it survives. After each kill
/// one run ends well and every key is there once. Returns the number of kills.
fn check_kill_at(what: &str, first: u32, step: u32) -> u32 {
    let preload = compile_killer().to_string_lossy();
    let mut kills = 0;
    for nth in (first..).step_by(step as usize) {
        assert!(nth <= MAX_CALLS, "a run makes more than {MAX_CALLS} calls");
        let project = TempProject::with_few_quakes(RECORDS).with_small_commits(3);
        let nth = nth.to_string();
        let ended = project.run_with(&[("LD_PRELOAD", &preload), (what, &nth)], &["run", "quakes.toml", "-v"]);
        let survived = ended.code.is_some();
        let ids = read_feed_keys(&project);
        if survived {
            ended.exits(0);
        } else {
            kills += 1;
            check_copy_of_file(&project, &ended, &ids);
            project.run(&["run", "quakes.toml"]).exits(0);
        }
        assert!(
            !project.list_entries().iter().any(|name| name.starts_with("quakes.sheet-")),
            "{:?}",
            project.list_entries()
        );
        let client = ApiClient::of_file(&project, "quakes.sheet");
        expect_each_key_once(&client, "Quakes", "Processed quakes", &ids);
        check_runs(&client, "Processed quakes");
        if survived {
            return kills;
        }
    }
    kills
}

/// Tries every seventh write; `DISK=1` tries each.
#[test]
fn a_full_disk_ends_a_run_with_74_at_once_and_loses_nothing() {
    let preload = compile_killer().to_string_lossy();
    for nth in (1..).step_by(write_step()) {
        let project = TempProject::with_few_quakes(RECORDS).with_small_commits(3);
        let nth = nth.to_string();
        let ended =
            project.run_with(&[("LD_PRELOAD", &preload), ("FULL_FROM_WRITE", &nth)], &["run", "quakes.toml", "-v"]);
        if ended.code == Some(0) {
            return;
        }
        ended.exits(74).stderr_has("check the disk, and the room on it");
        check_copy_of_file(&project, &ended, &read_feed_keys(&project));
        let new = project.run(&["run", "quakes.toml", "--json"]).exits(0).document()["counts"]["new"].as_u64();
        assert!(
            new.is_some_and(|new| new + count_committed_keys(&ended) <= RECORDS as u64),
            "{new:?} were missing: {}",
            ended.stderr
        );
        let client = ApiClient::of_file(&project, "quakes.sheet");
        expect_each_key_once(&client, "Quakes", "Processed quakes", &read_feed_keys(&project));
    }
}

#[test]
fn killed_around_a_sync_of_the_embedded_file_a_job_recovers() {
    for what in ["KILL_BEFORE_SYNC", "KILL_AFTER_SYNC"] {
        let kills = check_kill_at(what, 1, 1);
        println!("{kills} kills, {what}");
        assert!(kills >= 8, "only {kills} kills, {what}");
    }
}

/// Tries every seventh write; `DISK=1` tries each.
#[test]
fn killed_between_writes_to_the_embedded_file_a_job_recovers() {
    let step = write_step();
    let kills = check_kill_at("KILL_BEFORE_WRITE", 1, u32::try_from(step).expect("a small step"));
    println!("{kills} kills between writes");
    assert!(kills as usize >= 60 / step, "only {kills} kills");
}
