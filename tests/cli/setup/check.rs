//! `sheetkeep check`: it writes nothing and exits as a run would. With `--probe` it deletes what it
//! wrote.

use serde_json::Value;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::TempProject;

const ID: &str = "1CheckedSpreadsheet00000000000000000000000000";

fn read_outcome<'a>(document: &'a Value, question: &str) -> &'a str {
    let mut answers = document["probe"].as_array().into_iter().flatten();
    let found = answers.find(|answer| answer["question"] == question);
    found.and_then(|answer| answer["outcome"].as_str()).unwrap_or_default()
}

#[test]
fn a_check_before_the_first_run_makes_no_file() {
    let project = TempProject::with_few_quakes(3);
    let before = project.list_entries();
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has("first record has key").stdout_has("ready to run");
    assert_eq!(project.list_entries(), before);
}

#[test]
fn a_check_ends_with_the_code_of_the_run_that_it_spares() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    emulator.run(&project, ID, &["check", "quakes.toml"]).exits(0).stdout_has("has never run here");
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    emulator.reset_stats();
    emulator.run(&project, ID, &["check", "quakes.toml"]).exits(0).stdout_has("keys done: 3").stdout_has("verified");
    project.replace_in("quakes.toml", "key = \".id\"", "key = \".properties.code\"");
    for command in ["check", "run"] {
        let ended = emulator.run(&project, ID, &[command, "quakes.toml"]);
        ended.exits(78);
    }
    project.replace_in("quakes.toml", "key = \".properties.code\"", "key = \".id\"");
    std::fs::remove_file(project.path("usgs-all-week.geojson")).expect("the feed is there");
    for command in ["check", "run"] {
        emulator.run(&project, ID, &[command, "quakes.toml"]).exits(66);
    }
    emulator.run(&project, "1AnotherSpreadsheet00000000000000000000000000", &["check", "quakes.toml"]).exits(66);
    assert_eq!(emulator.stats()["writes"], 0);
}

#[test]
fn first_records_that_fit_no_column_stop_a_new_job_only() {
    let project = TempProject::with(&[]);
    let rows = |value: &str| (0..30).fold("id,v\n".to_owned(), |rows, n| format!("{rows}k{n},{value}\n"));
    project.write("o.csv", &rows("bad"));
    let job = "name = \"o\"\n[source]\ncsv = \"o.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"O\"\n";
    project.write("o.toml", &format!("{job}columns = {{ v = \"number\" }}\n"));
    for command in ["check", "run", "check"] {
        let ended = project.run(&[command, "o.toml"]);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(shown.contains("all fail for one cause"), "{command}: {shown}");
        ended.exits(65);
    }
    project.write("o.csv", &rows("1"));
    project.run(&["run", "o.toml"]).exits(0);
    project.write("o.csv", &rows("bad"));
    project.run(&["check", "o.toml"]).exits(0).stdout_has("unless it has done these records before");
    project.run(&["run", "o.toml"]).exits(0).stdout_has("skipped 30");
}

#[test]
fn a_probe_reports_each_answer_and_leaves_the_spreadsheet() {
    let project = TempProject::with_few_quakes(3);
    let emulator =
        EmulatorProcess::start(&project, &["--spreadsheet-id", ID, "--missing-id", "ignore", "--caller-ids", "ignore"]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0);
    let ended = emulator.run(&project, ID, &["check", "quakes.toml", "--probe", "--json"]);
    let document = ended.exits(0).document();
    assert_eq!(document["exit_code"], 0);
    let results = ["missing_tab", "missing_name", "caller_name_id", "name_again", "fresh_reads"]
        .map(|question| read_outcome(&document, question));
    assert_eq!(results, ["held", "not_held", "not_held", "held", "held"]);
    emulator.run(&project, ID, &["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 3");
    let client = ApiClient::of(emulator, ID);
    assert!(client.tabs().iter().all(|title| !title.contains("probe")), "{:?}", client.tabs());
    assert_eq!(client.rows("Quakes").len(), 3);
}

#[test]
fn a_check_says_who_holds_the_lease_and_ends_as_a_run_would() {
    let project = TempProject::with_few_quakes(4);
    let whole = project.read("usgs-all-week.geojson");
    let (head, tail) = whole.split_at(whole.len() / 2);
    let mut run = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    let name = run.wait_for_line("started").split(' ').nth(2).expect("a run's id").to_owned();
    run.wait_for_line("claimed");
    run.write_input(head);
    project
        .start_on_other_machine(&["check", "quakes.toml"])
        .close_and_wait()
        .exits(75)
        .stdout_has(&name)
        .stdout_has("lease");
    project.run(&["check", "quakes.toml"]).exits(75).stdout_has(&name).stdout_has("is running it on this machine");
    project.replace_in("quakes.toml", "[source]", "[lease]\noverlap = \"queue\"\n\n[source]");
    project
        .start_on_other_machine(&["check", "quakes.toml"])
        .close_and_wait()
        .exits(0)
        .stdout_has("a run would wait for it");
    project.replace_in("quakes.toml", "queue", "replace");
    project
        .start_on_other_machine(&["check", "quakes.toml"])
        .close_and_wait()
        .exits(0)
        .stdout_has("a run would take it over");
    run.write_input(tail);
    run.close_and_wait().exits(0);
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has("free");
}

#[test]
fn a_check_finds_the_programs_of_steps_without_running_them() {
    let project = TempProject::with_few_quakes(2);
    let steps = "[[step]]\nname = \"letter\"\ncommand = [\"./letter.sh\"]\n\n[[step]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"touch ran\"]\n\n[sheet]";
    project.replace_in("quakes.toml", "[sheet]", steps);
    let missing = project.run(&["check", "quakes.toml"]);
    missing
        .exits(78)
        .stdout_has("the program of step letter can't be run: ./letter.sh is not there")
        .stdout_has("see `command` in [[step]]")
        .stdout_has("note runs /");
    project.write("letter.sh", "#!/bin/sh\n");
    project.run(&["check", "quakes.toml"]).exits(78);
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has("./letter.sh may not be executed: chmod +x ./letter.sh");
    assert!(!project.path("quakes.sheet").exists(), "nothing was begun");
    let mode = std::process::Command::new("chmod").arg("+x").arg(project.path("letter.sh")).status();
    assert!(mode.expect("chmod can be run").success());
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has("ok       step        letter runs ./letter.sh");
    assert!(!project.path("ran").exists());
}

#[test]
fn a_check_of_a_long_source_reads_it_from_its_start() {
    let project = TempProject::quakes();
    for _ in 0..10 {
        project.run(&["check", "quakes.toml"]).exits(0).stdout_has("first record has key").stdout_has("ready to run");
    }
}

#[test]
fn a_check_tries_the_types_of_columns_on_the_first_records() {
    let project = TempProject::empty();
    let job = "name = \"o\"\n[source]\ncsv = \"o.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"O\"\n";
    project.write("o.toml", &format!("{job}columns = {{ amount = \"number\" }}\n"));
    let rows = (0..30).map(|n| format!("{n},\"{n},50\"\n")).collect::<Vec<_>>().concat();
    project.write("o.csv", &format!("id,amount\n{rows}"));
    project.run(&["check", "o.toml"]).exits(65).stdout_has("all fail");
    project.run(&["run", "o.toml"]).exits(65);
    project.write("o.csv", &format!("id,amount\n1,2\n{rows}"));
    project.run(&["check", "o.toml"]).exits(0);
    project.write("o.toml", &format!("{job}columns = {{ amuont = \"number\" }}\n"));
    project.run(&["check", "o.toml"]).exits(78).stdout_has("amuont");
    project.run(&["run", "o.toml"]).exits(78).stderr_has("amuont");
}

#[test]
fn a_check_knows_which_columns_the_data_tab_has() {
    let project = TempProject::empty();
    let job = "name = \"o\"\n[source]\ncsv = \"o.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"O\"\n";
    project.write("o.toml", &format!("{job}columns = {{ amount = \"number\" }}\n"));
    project.write("o.csv", "id,amount\n1,2\n");
    project.run(&["check", "o.toml"]).exits(0);
    project.run(&["run", "o.toml"]).exits(0);
    // The tab has that column; the source does not have it any more.
    project.write("o.csv", "id\n3\n");
    project.run(&["check", "o.toml"]).exits(0);
    project.run(&["run", "o.toml"]).exits(0);
    project.write("o.toml", &format!("{job}columns = {{ nope = \"number\" }}\n"));
    project.run(&["check", "o.toml"]).exits(78).stdout_has("nope");
    project.run(&["run", "o.toml"]).exits(78).stderr_has("nope");
}
