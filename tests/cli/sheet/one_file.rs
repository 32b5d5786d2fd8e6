//! The one file of the embedded sheet: copied after a kill, moved during a run, damaged.

use std::fs;

use serde_json::json;

use crate::emulator_process::{ApiClient, EMBEDDED, EmulatorProcess};
use crate::running_command::RunningCommand;
use crate::temp_project::TempProject;

const JOB: &str = "letters.toml";
const FILE: &str = "letters.sheet";

/// Returns a job that reads its standard input.
fn read_letters() -> TempProject {
    let project = TempProject::empty();
    let job = "name = \"letters\"\n[source]\njsonl = \"-\"\n[item]\nkey = \".id\"\n[commit]\nevery = \"1ms\"\n\
               [sheet]\ntab = \"Letters\"\n";
    project.write(JOB, job);
    project
}

fn make_records(ids: std::ops::Range<u32>) -> String {
    let lines: Vec<String> = ids.map(|id| format!("{{\"id\":\"k{id}\",\"n\":{id}}}\n")).collect();
    lines.concat()
}

/// Starts a run that has committed twenty rows and waits for more.
fn end_in_the_middle(project: &TempProject) -> RunningCommand {
    let mut run = project.start(&["run", JOB, "-v"]);
    run.write_input(&make_records(0..20));
    run.wait_for_line("commit 1: ");
    run
}

fn list_companion_files(project: &TempProject) -> Vec<String> {
    project.list_entries().into_iter().filter(|name| name.starts_with("letters.sheet-")).collect()
}

#[test]
fn after_a_kill_a_copy_of_the_file_holds_what_was_printed() {
    let project = read_letters();
    let mut run = end_in_the_middle(&project);
    run.kill();
    let ended = run.close_and_wait();
    let printed: usize = ended
        .stderr
        .lines()
        .filter_map(|line| line.split_once(" row")?.0.rsplit(' ').next()?.parse::<usize>().ok())
        .sum();
    assert!(printed > 0, "{}", ended.stderr);
    let elsewhere = read_letters();
    fs::copy(project.path(FILE), elsewhere.path(FILE)).expect("the file is there");
    let rows = elsewhere.column(JOB, "Letters", "id").len();
    assert!((printed..=20).contains(&rows), "{printed} printed, {rows} there");
    assert_eq!(elsewhere.column(JOB, "Processed letters", "key").len(), rows);
    assert_eq!(list_companion_files(&elsewhere), [""; 0], "a reader leaves nothing behind");
    project.run(&["status", JOB]).exits(0);
    assert_eq!(list_companion_files(&project), [""; 0], "what the killed run left is gone");
}

/// A change to the file, and the words of the error.
type Mishap = (fn(&TempProject), &'static str);

#[test]
fn a_file_that_goes_away_while_a_run_is_at_work_ends_it_with_74() {
    let mishaps: [Mishap; 3] = [
        (
            |project| fs::rename(project.path(FILE), project.path("aside")).expect("it is there"),
            "letters.sheet was moved or deleted",
        ),
        (|project| fs::remove_file(project.path(FILE)).expect("it is there"), "letters.sheet was moved or deleted"),
        (
            |project| {
                fs::copy(project.path(FILE), project.path("copy")).expect("it is there");
                fs::rename(project.path("copy"), project.path(FILE)).expect("it is there");
            },
            "letters.sheet was replaced by another file",
        ),
    ];
    for (mishap, words) in mishaps {
        // With more to write, and with nothing more.
        for more in [make_records(20..40), String::new()] {
            let project = read_letters();
            let mut run = end_in_the_middle(&project);
            mishap(&project);
            run.write_input(&more);
            let ended = run.close_and_wait();
            ended.exits(74).stderr_has(words).stderr_has("nothing more was written");
            assert!(!ended.stdout.contains("succeeded"), "{}", ended.stdout);
        }
    }
}

#[test]
fn an_emulator_whose_file_goes_away_ends_with_74() {
    let project = TempProject::empty();
    let mut client =
        ApiClient::of(EmulatorProcess::start(&project, &["--file", FILE, "--spreadsheet-id", EMBEDDED]), EMBEDDED);
    let cell = |text: &str| {
        json!([{"appendCells": {"sheetId": 0, "fields": "*",
        "rows": [{"values": [{"userEnteredValue": {"stringValue": text}}]}]}}])
    };
    client.edit_sheet(&cell("before"));
    fs::rename(project.path(FILE), project.path("aside.sheet")).expect("it is there");
    let (status, answer) = client.send_batch(&cell("into nowhere"));
    assert_eq!(status, 500, "{answer}");
    let printed = answer["error"]["message"].as_str().expect("a message");
    assert!(printed.contains("letters.sheet was moved or deleted"), "{printed}");
    assert_eq!(client.emulator.wait_for_end(), Some(74));
    let aside = ApiClient::of_file(&project, "aside.sheet");
    assert_eq!(aside.column("Sheet1", "before"), [""; 0], "one row, and not the other");
}

#[test]
fn a_file_that_is_spoilt_ends_each_command_with_its_name() {
    let project = read_letters();
    end_in_the_middle(&project).close_and_wait().exits(0);
    let whole = fs::read(project.path(FILE)).expect("the file is there");
    let mut overwritten = whole.clone();
    overwritten[4096 * 3..].fill(0xff);
    let other = b"id,name\n1,a letter\n".repeat(50);
    for (spoilt, code) in [(other.as_slice(), 74), (&whole[..whole.len() / 2], 65), (overwritten.as_slice(), 65)] {
        fs::write(project.path(FILE), spoilt).expect("the folder takes files");
        for command in [&["run", JOB][..], &["status", JOB], &["show", JOB], &["fsck", JOB], &["explain", JOB, "k1"]] {
            project.run(command).exits(code).stderr_has("letters.sheet");
        }
        let checked = project.run(&["check", JOB]);
        checked.exits(code).stdout_has("problem  spreadsheet").stdout_has("letters.sheet");
        assert_eq!(fs::read(project.path(FILE)).expect("the file is there"), spoilt, "no run has written to it");
    }
}
