//! Resources that this machine refuses: no record fails for it, nothing is lost, and the next run
//! continues.
//!
//! The programs of the jobs take the run's own resources away, with util-linux' `prlimit`, and so
//! choose the time.

use std::fs::OpenOptions;
use std::process::Command;

use crate::live::Live;
use crate::wire::Emulator;
use crate::workshop::{Ended, TempProject, ended};

const JOB: &str = r#"
name = "letters"

[source]
jsonl = "people.jsonl"

[item]
key = ".id"

[[step]]
name = "letter"
command = ["./letter.sh"]
delivery = "at-least-once"

[commit]
every = "1h"

[sheet]
tab = "Letters"
"#;

/// Records the recipients, and does at c what the test requires.
const LETTER: &str = r#"#!/bin/sh
read -r person
echo "$SHEETKEEP_KEY" >> sent.txt
if [ "$SHEETKEEP_KEY" = c ] && [ ! -e well ]; then
    . ./at-c.sh
fi
"#;

const PEOPLE: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Returns a job with six recipients, whose program does `at_c` at the third.
fn shop(at_c: &str) -> TempProject {
    let shop = TempProject::empty();
    shop.write("letters.toml", JOB);
    shop.write("letter.sh", LETTER);
    shop.write("at-c.sh", at_c);
    executable(&shop);
    shop.write("people.jsonl", &PEOPLE.map(|id| format!("{{\"id\": \"{id}\"}}\n")).concat());
    shop
}

fn executable(shop: &TempProject) {
    let made = Command::new("chmod").arg("+x").arg(shop.path("letter.sh")).status().expect("chmod can be run");
    assert!(made.success());
}

fn at_most_once(shop: TempProject) -> TempProject {
    shop.change("letters.toml", "at-least-once", "at-most-once");
    shop
}

fn sent(shop: &TempProject) -> Vec<String> {
    shop.read("sent.txt").lines().map(str::to_owned).collect()
}

/// Checks that the next run, on a machine without limits, does the rest without failures.
fn the_next_run_does_the_rest(shop: &TempProject) {
    shop.write("well", "");
    shop.run(&["run", "letters.toml"]).exits(0).shows("failed 0");
    let mut there = shop.column("letters.toml", "Letters", "id");
    there.sort();
    assert_eq!(there, PEOPLE);
    assert_eq!(shop.column("letters.toml", "Failures letters", "key"), [""; 0]);
}

/// Runs the binary under a limit that the shell sets.
fn limited(shop: &TempProject, limit: &str, args: &[&str]) -> Ended {
    let plain = shop.command(args);
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg(format!("ulimit {limit}; exec \"$0\" \"$@\""))
        .arg(plain.get_program())
        .args(plain.get_args());
    command.env_clear().current_dir(plain.get_current_dir().expect("the shop's folder"));
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    ended(command)
}

#[test]
fn no_open_files_left_stops_with_71_and_no_item_fails() {
    for once in [false, true] {
        // As many as are open now: the program's own pipes are free again when the next one needs
        // its own.
        let shop = shop("prlimit --pid $PPID --nofile=$(ls /proc/$PPID/fd | wc -l):1024");
        let shop = if once { at_most_once(shop) } else { shop };
        let told = shop.run(&["run", "letters.toml"]);
        told.exits(71).says("./letter.sh can't be started: Too many open files").says("no record is to blame");
        told.shows("failed 0");
        the_next_run_does_the_rest(&shop);
        assert_eq!(sent(&shop), PEOPLE, "each is written to once");
    }
}

#[test]
fn a_program_that_is_deleted_while_it_is_used_stops_with_78() {
    for once in [false, true] {
        let shop = shop("rm letter.sh");
        let shop = if once { at_most_once(shop) } else { shop };
        let told = shop.run(&["run", "letters.toml"]);
        told.exits(78).says("./letter.sh can't be started: No such file").says("put the program back").shows("new 3");
        shop.write("letter.sh", LETTER);
        executable(&shop);
        the_next_run_does_the_rest(&shop);
        assert_eq!(sent(&shop), PEOPLE);
    }
}

#[test]
fn a_program_that_may_not_be_executed_any_more_stops_too() {
    let shop = shop("chmod -x letter.sh");
    shop.run(&["run", "letters.toml"]).exits(78).says("Permission denied").shows("failed 0");
    executable(&shop);
    the_next_run_does_the_rest(&shop);
    assert_eq!(sent(&shop), PEOPLE);
}

#[test]
fn a_program_that_somebody_writes_is_tried_again_and_then_stops() {
    let shop = shop("");
    shop.change("letters.toml", "[commit]", "[retry]\nattempts = 3\nbase = \"1ms\"\n\n[commit]");
    let writer = OpenOptions::new().append(true).open(shop.path("letter.sh")).expect("the program");
    let told = shop.run(&["run", "letters.toml"]);
    told.exits(75)
        .says("step letter of a: attempt 3 of 3")
        .says("Text file busy")
        .says("that program is being written");
    drop(writer);
    the_next_run_does_the_rest(&shop);
    assert_eq!(sent(&shop), PEOPLE);
}

#[test]
fn a_full_disk_under_the_embedded_sheet_stops_with_74_at_once() {
    let shop = shop("prlimit --pid $PPID --fsize=100:unlimited");
    let told = shop.run(&["run", "letters.toml"]);
    told.exits(74).says("File too large").says("check the disk");
    the_next_run_does_the_rest(&shop);
    // The item whose result could not be stored is processed again; those before it are not.
    assert_eq!(sent(&shop), ["a", "b", "c", "c", "d", "e", "f"]);
}

#[test]
fn a_full_disk_under_the_journal_stops_with_74_and_nothing_is_done_twice() {
    let shop = shop("prlimit --pid $PPID --fsize=100:unlimited");
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", "1AbC"]);
    let told = Live::start(emulator.command(&shop, "1AbC", &["run", "letters.toml"])).ends();
    told.exits(74).says("failed to keep a result").says("File too large").shows("new 3").shows("failed 0");
    shop.write("well", "");
    let next = Live::start(emulator.command(&shop, "1AbC", &["run", "letters.toml"])).ends();
    next.exits(0).shows("new 3 · skipped 3 · failed 0");
    assert_eq!(sent(&shop), PEOPLE);
}

#[test]
fn a_full_disk_at_the_very_beginning_stops_with_74() {
    let shop = shop("");
    limited(&shop, "-f 8", &["run", "letters.toml"]).exits(74);
    assert!(!shop.path("sent.txt").exists(), "nothing was begun");
    the_next_run_does_the_rest(&shop);
}

#[test]
fn a_damaged_line_of_a_journal_costs_one_item_and_no_more() {
    for damage in ["", "\0\0\0\0", "torn"] {
        let shop = shop("while [ ! -e well ]; do sleep 0.01; done");
        shop.change("people.jsonl", "{\"id\": \"c\"}\n{\"id\": \"d\"}\n", "{\"id\": \"d\"}\n");
        shop.change("people.jsonl", "{\"id\": \"f\"}\n", "{\"id\": \"f\"}\n{\"id\": \"c\"}\n");
        let mut live = shop.start(&["run", "letters.toml"]);
        while !shop.path("sent.txt").exists() || sent(&shop).len() < PEOPLE.len() {
            assert!(!live.is_over(), "it waits at the last one");
            std::thread::yield_now();
        }
        live.kill();
        live.ends();
        let found = Command::new("find").arg(shop.path("state")).args(["-name", "*.journal"]).output().expect("find");
        let journal = String::from_utf8(found.stdout).expect("a path");
        let text = std::fs::read_to_string(journal.trim()).expect("a journal");
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let at = lines.iter().position(|line| line.contains("\"key\":\"d\"")).expect("its line");
        lines[at] = match damage {
            // Half a line, and the next one directly after it.
            "torn" => lines[at][..60].to_owned(),
            other => other.to_owned() + &lines[at][20..],
        };
        std::fs::write(journal.trim(), lines.concat()).expect("a disk");
        shop.write("well", "");
        let next = shop.run(&["run", "letters.toml"]);
        next.exits(0).says("4 results that an earlier run kept").says("1 line of the journal").shows("new 6");
        assert_eq!(sent(&shop), ["a", "b", "d", "e", "f", "c", "d", "c"], "{damage:?}");
    }
}

#[test]
fn too_few_files_or_threads_stop_before_anything_begins() {
    let shop = shop("");
    limited(&shop, "-n 12", &["run", "letters.toml"]).exits(71).says("too few files").says("ulimit -a");
    let told = limited(&shop, "-v 70000", &["run", "letters.toml", "--json"]);
    let error = told.exits(71).error();
    assert!(error["message"].as_str().is_some_and(|message| message.contains("threads are needed")), "{error}");
    assert_eq!((&error["code"], &error["exit_code"]), (&"oserr".into(), &71.into()));
    assert!(!shop.listed().iter().any(|name| name == "letters.sheet" || name == "state"), "nothing was made");
    the_next_run_does_the_rest(&shop);
}

#[test]
fn without_a_home_a_run_says_what_it_can_not_promise() {
    let shop = shop("");
    let mut command = shop.command(&["run", "letters.toml"]);
    command.env_remove("HOME").env_remove("XDG_STATE_HOME");
    let told = ended(command);
    told.exits(0).says("warning: no state directory is known").says("only the sheet keeps overlapping runs apart");
    told.says("the programs of all items that are not on the sheet run again");
    assert_eq!(told.err.matches("no state directory").count(), 1);
}

#[test]
fn a_copy_of_the_state_directory_does_not_take_a_living_run_for_its_own() {
    let shop = at_most_once(shop("while [ ! -e well ]; do sleep 0.01; done"));
    let live = shop.start(&["run", "letters.toml"]);
    while !shop.path("sent.txt").exists() || sent(&shop).len() < 3 {
        std::thread::yield_now();
    }
    let copied = Command::new("cp").arg("-r").arg(shop.path("state")).arg(shop.path("copy")).status().expect("cp");
    assert!(copied.success());
    let mut beside = shop.command(&["run", "letters.toml"]);
    beside.env("XDG_STATE_HOME", shop.path("copy"));
    ended(beside).exits(75).says("is running it on");
    shop.write("well", "");
    live.ends().exits(0).shows("new 6").shows("failed 0");
    assert_eq!(sent(&shop), PEOPLE);
    assert_eq!(
        shop.column("letters.toml", "Failures letters", "key"),
        [""; 0],
        "no item of the living run is in doubt"
    );
}
