//! `sheetkeep check`: nothing is written, and it ends as a run would; with `--probe`, what is written goes away again.

use serde_json::Value;

use crate::wire::{Emulator, Outside};
use crate::workshop::Workshop;

const ID: &str = "1CheckedSpreadsheet00000000000000000000000000";

fn outcome<'a>(document: &'a Value, question: &str) -> &'a str {
    let mut answers = document["probe"].as_array().into_iter().flatten();
    let found = answers.find(|answer| answer["question"] == question);
    found.and_then(|answer| answer["outcome"].as_str()).unwrap_or_default()
}

#[test]
fn a_check_before_the_first_run_makes_no_file_and_finds_nothing_in_the_way() {
    let shop = Workshop::few_quakes(3);
    let before = shop.listed();
    shop.run(&["check", "quakes.toml"]).exits(0).shows("first record has key").shows("nothing stops a run");
    assert_eq!(shop.listed(), before);
}

#[test]
fn a_check_ends_with_the_code_of_the_run_that_it_spares() {
    let shop = Workshop::few_quakes(3);
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
    emulator.run(&shop, ID, &["check", "quakes.toml"]).exits(0).shows("has never run here");
    emulator.run(&shop, ID, &["run", "quakes.toml"]).exits(0);
    emulator.reset_stats();
    emulator.run(&shop, ID, &["check", "quakes.toml"]).exits(0).shows("keys that are done: 3").shows("proved");
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
    let shop = Workshop::few_quakes(3);
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
    let outside = Outside::of(emulator, ID);
    assert!(outside.tabs().iter().all(|title| !title.contains("probe")), "{:?}", outside.tabs());
    assert_eq!(outside.rows("Quakes").len(), 3);
}
