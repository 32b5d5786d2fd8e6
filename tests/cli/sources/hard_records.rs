//! Records that are hard to store: each ends as designed, and the others are on the sheet.

use serde_json::{Value, json};

use crate::emulator_process::ApiClient;
use crate::temp_project::TempProject;

/// Returns the expected cells of each record that becomes a row, in the order of the source.
fn expected_rows() -> Vec<Value> {
    let row = |id: &str, note: &str, amount: f64| json!([{"stringValue": id}, {"stringValue": note}, {"numberValue": amount}]);
    vec![
        row("plain", "an ordinary record", 1.5),
        row("formula", "=HYPERLINK(\"https://example.org\", \"click\")", 4.0),
        row("0042", "leading zeros", 5.0),
        row("12345678901234567890", "an id of twenty digits", 6.0),
        row("98765432109876543210", "a longer one than 64 bits hold", 7.0),
        row("last", "read like the first", 11.0),
    ]
}

/// Runs the hard records of one format; `failed` contains each failure's position, step and
/// message.
fn each_hard_record_ends_as_it_should(format: &str, failed: [(&str, &str, &str); 5]) {
    let (job, source) = (format!("hard/hard-{format}.toml"), format!("hard/hard.{format}"));
    let project = TempProject::with(&[&job, &source]);
    let (job, tab) = (format!("hard-{format}.toml"), format!("Failures hard {format}"));

    let ended = project.run(&["run", &job]);
    ended
        .exits(3)
        .stdout_has("▲ partial")
        .stdout_has("read 11 · new 6 · skipped 0 · failed 5")
        .stdout_has("5 failures open");
    let again = project.run(&["run", &job]);
    again.exits(3).stdout_has("read 11 · new 0 · skipped 6 · failed 5").stdout_has("0 rows added · 6 keys in all");

    let client = ApiClient::of_file(&project, &format!("hard {format}.sheet"));
    let entered: Vec<Value> = client.entered_values("Hard").into_iter().map(Value::from).collect();
    for (found, expected) in entered.iter().zip(expected_rows()) {
        assert_eq!(whole_numbers_as_floats(found), expected);
    }
    assert_eq!(entered.len(), 6);
    assert_eq!(client.column(&format!("Processed hard {format}"), "key").len(), 6);
    let [places, steps, errors, states] = ["where", "step", "error", "state"].map(|name| client.column(&tab, name));
    assert_eq!(places.len(), 5, "a failure that did not change is reported once: {places:?}");
    for (at, (place, step, error)) in failed.into_iter().enumerate() {
        assert!(places[at].ends_with(place), "{} is not at {place}", places[at]);
        assert_eq!(steps[at], step, "{}", errors[at]);
        assert!(errors[at].contains(error), "{:?} does not say {error:?}", errors[at]);
        assert_eq!(states[at], "open");
        ended.stderr_has(place);
    }
    let payloads = client.column(&tab, "payload");
    assert!(payloads[0].contains("a record without a key") && payloads[1].len() == 45_000, "{}", payloads[0]);
    assert_eq!(client.column(&tab, "retryable"), ["yes", "yes", "yes", "no", "yes"]);
    assert_eq!(client.column("Runs", "status"), ["partial", "partial"]);
}

fn whole_numbers_as_floats(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(number) = row.pointer_mut("/2/numberValue") {
        *number = json!(number.as_f64());
    }
    row
}

#[test]
fn each_hard_record_of_a_csv_file_ends_as_it_should() {
    each_hard_record_ends_as_it_should(
        "csv",
        [
            ("hard.csv:3 (record 2)", "item", "key is empty"),
            ("hard.csv:4 (record 3)", "output", "50,000"),
            ("hard.csv:9 (record 8)", "output", "\"NaN\" is not a finite number"),
            ("hard.csv:10 (record 9)", "source", "not valid UTF-8"),
            ("hard.csv:11 (record 10)", "source", "2 fields"),
        ],
    );
}

#[test]
fn each_hard_record_of_a_json_document_ends_as_it_should() {
    each_hard_record_ends_as_it_should(
        "json",
        [
            ("hard.json:3 (record 2)", "item", "no key"),
            ("hard.json:4 (record 3)", "output", "50,000"),
            ("hard.json:9 (record 8)", "source", "NaN"),
            ("hard.json:10 (record 9)", "source", "not valid UTF-8"),
            ("hard.json:11 (record 10)", "source", "not valid JSON"),
        ],
    );
}

#[test]
fn each_hard_record_of_json_lines_ends_as_it_should() {
    each_hard_record_ends_as_it_should(
        "jsonl",
        [
            ("hard.jsonl:2 (record 2)", "item", "no key"),
            ("hard.jsonl:3 (record 3)", "output", "50,000"),
            ("hard.jsonl:8 (record 8)", "source", "NaN"),
            ("hard.jsonl:9 (record 9)", "source", "not valid UTF-8"),
            ("hard.jsonl:10 (record 10)", "source", "not valid JSON"),
        ],
    );
}

#[test]
fn a_fixed_record_recovers_and_its_failure_is_closed() {
    let project = TempProject::with(&["hard/hard-jsonl.toml"]);
    project.write("hard.jsonl", "{\"id\": \"a\", \"note\": \"fine\", \"amount\": \"1,5\"}\n");
    project.run(&["run", "hard-jsonl.toml"]).exits(3).stderr_has("1,5");
    project.write("hard.jsonl", "{\"id\": \"a\", \"note\": \"fine\", \"amount\": 1.5}\n");
    project.run(&["run", "hard-jsonl.toml"]).exits(0).stdout_has("new 1").stdout_has("recovered 1");
    project.run(&["run", "hard-jsonl.toml", "--fail-on", "any"]).exits(0).stdout_has("skipped 1");
    let states = project.column("hard-jsonl.toml", "Failures hard jsonl", "state");
    assert_eq!(states.last().map(String::as_str), Some("recovered"), "{states:?}");
}

#[test]
fn fail_on_says_which_failures_make_the_exit_code() {
    let project = TempProject::with(&["hard/hard-csv.toml", "hard/hard.csv"]);
    project.write("nameless.csv", "id,note,amount\n,who is it,1\n");
    project.write("fine.csv", "id,note,amount\nfine,nothing is wrong,1\n");
    let make_bad_item =
        |which: &str| project.run(&["run", "hard-csv.toml", "--input", "nameless.csv", "--fail-on", which]);
    make_bad_item("none").exits(0).stdout_has("failed 1");
    make_bad_item("partial").exits(3);
    let fine = |which: &str| project.run(&["run", "hard-csv.toml", "--input", "fine.csv", "--fail-on", which]);
    fine("partial").exits(0).stdout_has("1 failure open");
    fine("any").exits(3);
    fine("none").exits(0);
}
