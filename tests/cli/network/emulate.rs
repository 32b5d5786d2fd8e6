//! `sheetkeep emulate` as the test double of other people's tests: what it says, what it starts
//! with, and when it ends.

use std::process::Command;

use serde_json::{Value, json};

use crate::emulator_process::{EMBEDDED, EmulatorProcess, call_api};
use crate::running_command::RunningCommand;
use crate::temp_project::TempProject;

fn authorized_headers(emulator: &EmulatorProcess) -> String {
    format!("Authorization: Bearer {}", emulator.token())
}

/// Sends a call with a token, and returns the answer.
fn call_emulator(emulator: &EmulatorProcess, bearer: &str, request: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    call_api(&emulator.url, request, &[bearer, "Content-Type: application/json"], &body)
}

#[test]
fn verbose_shows_each_call_in_a_line_without_secrets() {
    let project = TempProject::empty();
    let emulator = EmulatorProcess::start_with_stderr_file(&project, &["--spreadsheet-id", "s", "-v"]);
    let bearer = authorized_headers(&emulator);
    let put = "PUT /v4/spreadsheets/s/values/A1?valueInputOption=RAW&key=hidden";
    assert_eq!(call_emulator(&emulator, &bearer, put, &json!({"values": [["x"]]})).0, 200);
    assert_eq!(call_emulator(&emulator, &bearer, "GET /v4/spreadsheets/s/values/Nope!A1", &Value::Null).0, 400);
    let token = bearer.rsplit(' ').next().expect("a token").to_owned();
    let said = emulator.stop_and_read_stderr(&project);
    assert!(said.contains("POST /token 200 ("), "{said}");
    assert!(said.contains("PUT /v4/spreadsheets/s/values/A1?valueInputOption=RAW&key=… 200 ("), "{said}");
    assert!(said.contains("GET /v4/spreadsheets/s/values/Nope!A1 400 ("), "{said}");
    assert!(said.contains("ms): Unable to parse range: Nope!A1"), "{said}");
    assert!(!said.contains(&token) && !said.contains("hidden"), "{said}");
}

#[test]
fn what_it_does_not_implement_is_said_once() {
    let project = TempProject::empty();
    let emulator = EmulatorProcess::start_with_stderr_file(&project, &["--spreadsheet-id", "s"]);
    let bearer = authorized_headers(&emulator);
    let formula = json!({"values": [["=QUERY(A1:B2)", "=SUM(1)", "=IMPORTXML(A1) + NOSUCH(2)"]]});
    for _ in 0..3 {
        let batch = "POST /v4/spreadsheets/s:batchUpdate";
        assert_eq!(call_emulator(&emulator, &bearer, batch, &json!({"requests": [{"addTable": {}}]})).0, 422);
        assert_eq!(call_emulator(&emulator, &bearer, "GET /drive/v3/drives", &Value::Null).0, 422);
        for option in ["USER_ENTERED", "RAW"] {
            let put = format!("PUT /v4/spreadsheets/s/values/A1?valueInputOption={option}");
            assert_eq!(call_emulator(&emulator, &bearer, &put, &formula).0, 200);
        }
    }
    let said = emulator.stop_and_read_stderr(&project);
    for words in
        ["requests[0].addTable is not", "GET /drive/v3/drives is not", "function QUERY;", "function IMPORTXML;"]
    {
        assert_eq!(said.matches(words).count(), 1, "{words}: {said}");
    }
    assert!(!said.contains("NOSUCH") && !said.contains("SUM"), "{said}");
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn it_starts_with_the_files_that_are_loaded_and_begins_again() {
    let project = TempProject::empty();
    project.write("orders.csv", "id,day\nA,2026-01-31\nB,\n");
    project.write("list.csv", "only\n");
    let loads = ["--load", "Orders=orders.csv", "--load", "a=b=list.csv"];
    let emulator = EmulatorProcess::start(&project, &[&["--spreadsheet-id", "s"], loads.as_slice()].concat());
    let bearer = authorized_headers(&emulator);
    let orders = json!([["id", "day"], ["A", "2026-01-31"], ["B"]]);
    for _ in 0..2 {
        let read = |range: &str| {
            let request = format!("GET /v4/spreadsheets/s/values/{range}?valueRenderOption=FORMATTED_VALUE");
            call_emulator(&emulator, &bearer, &request, &Value::Null).1["values"].clone()
        };
        assert_eq!((read("Orders"), read("a%3Db")), (orders.clone(), json!([["only"]])));
        let clear = "POST /v4/spreadsheets/s/values/Orders:clear";
        assert_eq!(call_emulator(&emulator, &bearer, clear, &json!({})).0, 200);
        assert_eq!(read("Orders"), Value::Null);
        assert_eq!(call_api(&emulator.url, "POST /_emulator/reset", &[], ""), (200, json!({"spreadsheets": ["s"]})));
    }
}

#[test]
fn files_that_cannot_be_loaded_are_named() {
    let project = TempProject::empty();
    project.write("a.csv", "a\n");
    let refused = |code: i32, words: &str, args: &[&str]| {
        project.run(&[&["emulate"], args].concat()).exits(code).stderr_has(words);
    };
    refused(66, "failed to read none.csv", &["--spreadsheet-id", "s", "--load", "A=none.csv"]);
    refused(2, "write it as --load Orders=orders.csv", &["--spreadsheet-id", "s", "--load", "a.csv"]);
    refused(2, "names the tab \"A\" twice", &["--spreadsheet-id", "s", "--load", "A=a.csv", "--load", "A=a.csv"]);
    refused(2, "--spreadsheet-id", &["--load", "A=a.csv"]);
    std::fs::write(project.path("bad.csv"), b"a,\xff\n").expect("a file");
    refused(65, "in UTF-8", &["--spreadsheet-id", "s", "--load", "A=bad.csv"]);
}

#[test]
fn it_ends_when_its_standard_input_ends() {
    let project = TempProject::empty();
    let mut live = project.start(&["emulate", "--exit-with-parent", "--file", "x.sheet", "--spreadsheet-id", "s"]);
    live.wait_for_line("spreadsheet id: s (Untitled spreadsheet)");
    live.write_input("this is ignored\n");
    live.close_and_wait().exits(0).stdout_has("http://127.0.0.1:");
}

#[test]
fn it_ends_when_the_process_that_started_it_is_killed() {
    let project = TempProject::empty();
    let emulate = project.command(&["emulate", "--exit-with-parent", "--file", "x.sheet", "--spreadsheet-id", "s"]);
    // The shell is the parent. The emulator's input never ends, so that only the parent's end
    // counts.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\" </dev/null & wait", "sh"]).arg(emulate.get_program()).args(emulate.get_args());
    shell.current_dir(project.path("."));
    for (name, value) in emulate.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    let mut live = RunningCommand::start(shell);
    live.wait_for_line("spreadsheet id: s");
    live.kill();
    let ended = live.wait_for_end();
    assert!(ended.stdout.contains("http://127.0.0.1:"), "{}", ended.stdout);
}

#[test]
fn it_serves_the_local_sheet_of_a_job() {
    let project = TempProject::with_few_quakes(3);
    project.run(&["emulate", "quakes.toml"]).exits(66).stderr_has("never ran").stderr_has("sheetkeep run quakes.toml");
    project.run(&["run", "quakes.toml"]).exits(0);
    let emulator = EmulatorProcess::start_with_stderr_file(&project, &["quakes.toml"]);
    let bearer = authorized_headers(&emulator);
    let read = format!("GET /v4/spreadsheets/{EMBEDDED}/values/Quakes");
    let (status, got) = call_emulator(&emulator, &bearer, &read, &Value::Null);
    assert_eq!((status, got["values"].as_array().map(Vec::len)), (200, Some(4)), "{got}");
    let reset = call_api(&emulator.url, "POST /_emulator/reset", &[], "");
    assert_eq!(reset.0, 409, "a job's sheet is never emptied: {}", reset.1);
    let said = emulator.stop_and_read_stderr(&project);
    assert!(said.contains("spreadsheet id: embedded ("), "{said}");
    let on_google = [("SHEETKEEP_SPREADSHEET_ID", "1AbC")];
    project.run_with(&on_google, &["emulate", "quakes.toml"]).exits(2).stderr_has("1AbC").stderr_has("--file");
    project.run(&["emulate", "quakes.toml", "--file", "x"]).exits(2);
}
