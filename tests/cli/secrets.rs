//! No secret is ever told: not in results, not in errors, not in logs at their loudest, not on the sheet.

use std::fs;

use crate::wire::{Emulator, Outside};
use crate::workshop::{Ended, Workshop, ended};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";
const MARKER: &str = "MARKER-that-nobody-may-see";

fn tells(ended: &Ended, secret: &str) -> bool {
    ended.out.contains(secret) || ended.err.contains(secret)
}

#[test]
fn a_run_with_every_log_switched_on_tells_neither_key_nor_token() {
    let shop = Workshop::few_quakes(20);
    let emulator = Emulator::start(&shop, &["--spreadsheet-id", ID]);
    let file = fs::read_to_string(&emulator.credentials).expect("it wrote a credentials file");
    let marked = file.replacen('{', &format!("{{\n  \"note\": \"{MARKER}\","), 1);
    fs::write(&emulator.credentials, marked).expect("the file can be written");
    let key = file.split("PRIVATE KEY-----\\n").nth(1).expect("a key");
    let commands: [&[&str]; 6] = [
        &["run", "quakes.toml", "-vv"],
        &["run", "quakes.toml", "-vv", "--log-format", "json"],
        &["run", "quakes.toml", "-vv", "--json"],
        &["status", "quakes.toml", "-vv"],
        &["show", "quakes.toml", "-vv"],
        &["show", "quakes.toml", "--tab", "nothing", "-vv"],
    ];
    for args in commands {
        let mut command = emulator.command(&shop, ID, args);
        command.env("SHEETKEEP_LOG", "trace");
        let ended = ended(command);
        assert!(ended.err.contains("called") || ended.code != Some(0), "the log is on: {}", ended.err);
        for secret in [&key[..40], "PRIVATE KEY", MARKER, "ya29.", "Bearer", "eyJ"] {
            assert!(!tells(&ended, secret), "{args:?} tells {secret}:\n{}{}", ended.out, ended.err);
        }
    }
    let outside = Outside::of(emulator, ID);
    assert!(outside.tabs().len() >= 5);
    for tab in outside.tabs() {
        let cells = format!("{:?}", outside.entered(&tab));
        assert!(!cells.contains(MARKER) && !cells.contains("ya29.") && !cells.contains("PRIVATE"), "{tab}");
    }
}

#[test]
fn credentials_that_are_no_good_are_told_without_showing_them() {
    let shop = Workshop::quakes();
    let broken = format!(
        "{{\"type\": \"service_account\", \"private_key\": \"{MARKER}\", \"private_key_id\": \"{MARKER}\", \
         \"client_email\": \"a@b.example\", \"token_uri\": \"http://127.0.0.1:9/token\"}}"
    );
    shop.write("broken.json", &broken);
    shop.write("cut.json", &broken[..80]);
    let (path, inline) = ("GOOGLE_APPLICATION_CREDENTIALS", "SHEETKEEP_CREDENTIALS_JSON");
    for (name, value) in [
        (path, "broken.json"),
        (path, "cut.json"),
        (inline, broken.as_str()),
        (inline, &broken[..80]),
        (inline, MARKER),
    ] {
        let environment = [(name, value), ("SHEETKEEP_LOG", "trace")];
        let ended = shop.run_with(&environment, &["run", "quakes.toml", "--spreadsheet", ID, "-vv"]);
        assert!(!tells(ended.exits(77).says(name), MARKER), "{name}: {}", ended.err);
    }
    let as_a_path = [(path, broken.as_str())];
    let ended = shop.run_with(&as_a_path, &["run", "quakes.toml", "--spreadsheet", ID]);
    assert!(!tells(ended.exits(78).says(inline), MARKER), "{}", ended.err);
}

#[test]
fn what_a_job_file_takes_from_the_environment_is_not_quoted_in_its_errors() {
    let shop = Workshop::quakes();
    shop.change("quakes.toml", "key = \".id\"", "key = \".${SECRET}\"");
    shop.change("quakes.toml", "mode = \"append\"", "mode = \"${SECRET}\"");
    shop.change("quakes.toml", "url = \"link\"", "url = \"${SECRET}\"");
    shop.write(".env", &format!("SECRET='{MARKER} {MARKER}'\n"));
    for args in [["run", "quakes.toml", "-vv"], ["run", "quakes.toml", "--json"]] {
        let ended = shop.run(&args);
        for part in [MARKER, "MARKER", "nobody"] {
            assert!(!tells(ended.exits(78), part), "{}", ended.err);
        }
    }
    shop.write(".env", &format!("this is no line: {MARKER}\n"));
    let ended = shop.run(&["run", "quakes.toml"]);
    assert!(!tells(ended.exits(78).says(".env"), MARKER), "{}", ended.err);
}
