//! `sheetkeep drill`: the jobs of the fixtures recover, a job that is not idempotent is found, and
//! nothing of the user's is touched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::temp_project::{CommandOutput, TempProject};

/// A job whose program sends a letter for each person.
const LETTERS: &str = r#"
name = "letters"
[source]
jsonl = "people.jsonl"
[item]
key = ".id"
[[step]]
name = "send"
command = ["sh", "-c", "echo $SHEETKEEP_KEY >> sent.txt"]
[sheet]
tab = "Letters"
"#;

fn read_letters(job: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("letters.toml", job);
    let people: Vec<String> = (1..=12).map(|id| format!("{{\"id\": \"p{id}\"}}")).collect();
    project.write("people.jsonl", &people.join("\n"));
    project
}

/// Returns the drill's JSON document.
fn run_drill(project: &TempProject, args: &[&str]) -> (CommandOutput, serde_json::Value) {
    let all: Vec<&str> = ["drill"].iter().chain(args).copied().chain(["--json"]).collect();
    let ended = project.run(&all);
    let document = ended.document();
    (ended, document)
}

fn expect_recovery(project: &TempProject, job: &str, seeds: &str) {
    let (ended, report) = run_drill(project, &[job, "--seeds", seeds, "--records", "60"]);
    assert_eq!(ended.code, Some(0), "{report:#}\n{}", ended.stderr);
    assert_eq!((&report["doubled"], &report["lost"]), (&0.into(), &0.into()), "{report:#}");
    assert!(report["kills"].as_u64() >= report["seeds"].as_u64(), "{report:#}");
}

#[test]
fn faults_that_a_drill_plays_are_no_warnings() {
    let project = read_letters(LETTERS);
    let ended = project.run(&["drill", "letters.toml", "--seeds", "8"]);
    assert!(ended.stdout.contains("429 for"), "a drill has such calls: {}", ended.stdout);
    assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
}

#[test]
fn the_quakes_of_the_fixtures_recover_from_every_drill() {
    expect_recovery(&TempProject::quakes(), "quakes.toml", "6");
}

#[test]
fn the_upserted_quakes_recover_from_every_drill() {
    expect_recovery(&TempProject::with(&["quakes-upsert.toml", "usgs-all-week.geojson"]), "quakes-upsert.toml", "6");
}

#[test]
fn the_airports_recover_from_every_drill() {
    expect_recovery(&TempProject::with(&["airports.toml", "airports.csv"]), "airports.toml", "6");
}

#[test]
fn a_step_that_is_not_idempotent_is_named_with_its_repeats() {
    let project = read_letters(LETTERS);
    let ended = project.run(&["drill", "letters.toml"]);
    assert_eq!(ended.code, Some(4), "{}{}", ended.stdout, ended.stderr);
    let finding = ended.stdout.lines().find(|line| line.starts_with("finding:")).expect("a finding");
    for words in ["step send is not idempotent", "ran more than once for", "twice for p", "SHEETKEEP_IDEMPOTENCY_KEY"] {
        assert!(finding.contains(words), "{words}: {}", ended.stdout);
    }
    assert!(
        ended.stdout.contains("killed at record") && ended.stdout.contains("0 doubled, 0 lost"),
        "{}",
        ended.stdout
    );
    assert!(!project.path("sent.txt").exists(), "the program was not run");
}

#[test]
fn a_program_that_passes_its_key_on_is_no_finding() {
    let by_key = LETTERS.replace("echo $SHEETKEEP_KEY", "echo $SHEETKEEP_IDEMPOTENCY_KEY");
    let ended = read_letters(&by_key).run(&["drill", "letters.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("with the same key, which its program reads"), "{}", ended.stdout);
    let project = read_letters(LETTERS);
    project.run(&["drill", "letters.toml", "--idempotent", "send"]).exits(0);
    assert_eq!(project.run(&["drill", "letters.toml", "--idempotent", "sned"]).code, Some(2));
}

#[test]
fn an_at_most_once_step_leaves_items_in_doubt_to_a_person() {
    let once = LETTERS.replace("name = \"send\"", "name = \"send\"\ndelivery = \"at-most-once\"");
    let (ended, report) = run_drill(&read_letters(&once), &["letters.toml"]);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert!(report["in_doubt"].as_u64() > Some(0), "{report:#}");
    assert_eq!(report["steps"][0]["repeated_items"], 0, "{report:#}");
}

#[test]
fn with_really_the_programs_run_as_often_as_the_report_says() {
    let project = read_letters(LETTERS);
    let (_, report) = run_drill(&project, &["letters.toml", "--seed", "3", "--really"]);
    let counted = report["steps"][0]["runs"].as_u64().expect("a number");
    let kills = report["kills"].as_u64().expect("a number");
    // The undisturbed run comes first. A program whose run is killed may be killed before it writes.
    let sent = project.read("sent.txt").lines().count() as u64;
    assert!(sent <= counted + 12 && sent + kills >= counted + 12, "{sent} letters: {report:#}");
    // A killed run's lock is free before the next run asks for it.
    assert!(!report["findings"].to_string().contains("did not recover"), "{report:#}");
}

#[test]
fn a_seed_plays_the_same_each_time() {
    let project = read_letters(LETTERS);
    let once = project.run(&["drill", "letters.toml", "--seeds", "8"]);
    assert_eq!(once.stdout, project.run(&["drill", "letters.toml", "--seeds", "8"]).stdout);
    // Its 429s are made up: nothing advises to lower a quota because of them.
    assert!(once.stdout.contains("429 for") && once.stderr.is_empty(), "{}", once.stderr);
    let line = |out: &str| out.lines().find(|line| line.starts_with("seed 5:")).map(str::to_owned);
    let alone = project.run(&["drill", "letters.toml", "--seed", "5"]);
    assert_eq!(line(&once.stdout), line(&alone.stdout));
}

/// Returns every file below a folder, with its bytes and its time of change.
fn list_files(folder: &Path, into: &mut BTreeMap<String, (Vec<u8>, std::time::SystemTime)>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            list_files(&path, into);
        } else {
            let changed = path.metadata().and_then(|known| known.modified()).expect("a time");
            into.insert(path.display().to_string(), (fs::read(&path).expect("a file"), changed));
        }
    }
}

#[test]
fn a_drill_touches_neither_sheet_nor_state_nor_spreadsheet() {
    let project = TempProject::with_few_quakes(8);
    project.run(&["run", "quakes.toml"]).exits(0);
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    let folder = project.path("");
    list_files(&folder, &mut before);
    project.run(&["drill", "quakes.toml", "--seeds", "3"]).exits(0);
    // A spreadsheet of the service is not asked: no service is at this address.
    let service = [("SHEETKEEP_SPREADSHEET_ID", "1abc"), ("SHEETKEEP_API_URL", "http://127.0.0.1:1/")];
    let temporary = project.path("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let of_temporary = ("TMPDIR", temporary.to_str().expect("a path"));
    project.run_with(&[service[0], service[1], of_temporary], &["drill", "quakes.toml", "--seeds", "2"]).exits(0);
    assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 0, "what was temporary is gone");
    list_files(&folder, &mut after);
    assert_eq!(before, after);
}

#[test]
fn a_source_that_is_missing_or_empty_is_an_error_as_of_a_run() {
    let project = read_letters(LETTERS);
    project.write("people.jsonl", "");
    assert_eq!(project.run(&["drill", "letters.toml"]).code, Some(66));
    fs::remove_file(project.path("people.jsonl")).expect("it is there");
    assert_eq!(project.run(&["drill", "letters.toml"]).code, Some(66));
}
