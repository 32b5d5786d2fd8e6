//! `sheetkeep check`: it writes nothing and exits as a run would. With `--probe` it deletes what it
//! wrote.

use serde_json::Value;

use crate::wire::{ApiClient, Emulator};
use crate::workshop::TempProject;

const ID: &str = "1CheckedSpreadsheet00000000000000000000000000";

fn outcome<'a>(document: &'a Value, question: &str) -> &'a str {
    let mut answers = document["probe"].as_array().into_iter().flatten();
    let found = answers.find(|answer| answer["question"] == question);
    found.and_then(|answer| answer["outcome"].as_str()).unwrap_or_default()
}

#[test]
fn a_check_before_the_first_run_makes_no_file_and_finds_nothing_in_the_way() {
    let shop = TempProject::few_quakes(3);
    let before = shop.listed();
    shop.run(&["check", "quakes.toml"]).exits(0).shows("first record has key").shows("ready to run");
    assert_eq!(shop.listed(), before);
}

#[test]
fn a_check_ends_with_the_code_of_the_run_that_it_spares() {
    let shop = TempProject::few_quakes(3);
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
    emulator.run(&shop, ID, &["check", "quakes.toml"]).exits(0).shows("has never run here");
    emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0);
    emulator.reset_stats();
    emulator.run(&shop, ID, &["check", "quakes.toml"]).exits(0).shows("keys done: 3").shows("verified");
    shop.change("quakes.toml", "key = \".id\"", "key = \".properties.code\"");
    for command in ["check", "run"] {
        let ended = emulator.run(&shop, ID, &[command, "quakes.toml"]);
        ended.exits(78);
    }
    shop.change("quakes.toml", "key = \".properties.code\"", "key = \".id\"");
    std::fs::remove_file(shop.path("usgs-all-week.geojson")).expect("the feed is there");
    for command in ["check", "run"] {
        emulator.run(&shop, ID, &[command, "quakes.toml"]).exits(66);
    }
    emulator.run(&shop, "1AnotherSpreadsheet00000000000000000000000000", &["check", "quakes.toml"]).exits(66);
    assert_eq!(emulator.stats()["writes"], 0);
}

#[test]
fn a_probe_tells_each_answer_and_leaves_the_spreadsheet_as_it_was() {
    let shop = TempProject::few_quakes(3);
    let emulator =
        Emulator::start(&shop, &["--spreadsheet-id", ID, "--missing-id", "ignore", "--caller-ids", "ignore"]);
    emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0);
    let ended = emulator.run(&shop, ID, &["check", "quakes.toml", "--probe", "--json"]);
    let document = ended.exits(0).document();
    assert_eq!(document["exit_code"], 0);
    let told = ["missing_tab", "missing_name", "caller_name_id", "name_again", "fresh_reads"]
        .map(|question| outcome(&document, question));
    assert_eq!(told, ["held", "not_held", "not_held", "held", "held"]);
    emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0).shows("new 0 · skipped 3");
    let outside = ApiClient::of(emulator, ID);
    assert!(outside.tabs().iter().all(|title| !title.contains("probe")), "{:?}", outside.tabs());
    assert_eq!(outside.rows("Quakes").len(), 3);
}

#[test]
fn a_check_says_who_holds_the_lease_and_ends_as_a_run_would() {
    let shop = TempProject::few_quakes(4);
    let whole = shop.read("usgs-all-week.geojson");
    let (head, tail) = whole.split_at(whole.len() / 2);
    let mut run = shop.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    let name = run.hears("started").split(' ').nth(2).expect("a run's id").to_owned();
    run.hears("claimed");
    run.feed(head);
    shop.start_elsewhere(&["check", "quakes.toml"]).ends().exits(75).shows(&name).shows("lease");
    shop.run(&["check", "quakes.toml"]).exits(75).shows(&name).shows("is running it on this machine");
    shop.change("quakes.toml", "[source]", "[lease]\noverlap = \"queue\"\n\n[source]");
    shop.start_elsewhere(&["check", "quakes.toml"]).ends().exits(0).shows("a run would wait for it");
    shop.change("quakes.toml", "queue", "replace");
    shop.start_elsewhere(&["check", "quakes.toml"]).ends().exits(0).shows("a run would take it over");
    run.feed(tail);
    run.ends().exits(0);
    shop.run(&["check", "quakes.toml"]).exits(0).shows("free");
}

#[test]
fn a_check_finds_the_programs_of_steps_without_running_them() {
    let shop = TempProject::few_quakes(2);
    let steps = "[[step]]\nname = \"letter\"\ncommand = [\"./letter.sh\"]\n\n[[step]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"touch ran\"]\n\n[sheet]";
    shop.change("quakes.toml", "[sheet]", steps);
    let missing = shop.run(&["check", "quakes.toml"]);
    missing
        .exits(78)
        .shows("the program of step letter can't be run: ./letter.sh is not there")
        .shows("see `command` in [[step]]")
        .shows("note runs /");
    shop.write("letter.sh", "#!/bin/sh\n");
    shop.run(&["check", "quakes.toml"]).exits(78);
    shop.run(&["run", "quakes.toml"]).exits(78).says("./letter.sh is not there, or may not be executed");
    assert!(!shop.path("quakes.sheet").exists(), "nothing was begun");
    let mode = std::process::Command::new("chmod").arg("+x").arg(shop.path("letter.sh")).status();
    assert!(mode.expect("chmod can be run").success());
    shop.run(&["check", "quakes.toml"]).exits(0).shows("ok       step        letter runs ./letter.sh");
    assert!(!shop.path("ran").exists());
}
