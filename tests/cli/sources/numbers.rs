//! Numbers that a spreadsheet would change: stored exactly, or the record fails; with the real
//! binary.

use crate::emulator_process::ApiClient;
use crate::temp_project::TempProject;

/// A double changes each of these.
const CHANGED: [&str; 7] = [
    "1234567890123456.789",
    "0.1234567890123456789",
    "9007199254740993.0",
    "1e-400",
    "1E400",
    "-123456789.123456789012",
    "12345678901234567890123",
];

fn make_records(format: &str) -> String {
    let numbers = CHANGED.iter();
    match format {
        "csv" => {
            let rows: Vec<_> = numbers.map(|number| format!("{number},{number}\n")).collect();
            format!("id,v\n{}", rows.concat())
        }
        "json" => {
            let all: Vec<_> = numbers.map(|number| format!("{{\"id\": {number}, \"v\": {number}}}")).collect();
            format!("[{}]", all.join(",\n"))
        }
        _ => numbers.map(|number| format!("{{\"id\": {number}, \"v\": {number}}}\n")).collect::<Vec<_>>().concat(),
    }
}

fn make_job(format: &str, step: &str, columns: &str) -> TempProject {
    let project = TempProject::empty();
    let items = if format == "json" { "\nitems = \".[]\"" } else { "" };
    project.write(
        "j.toml",
        &format!(
            "name = \"j\"\n[source]\n{format} = \"in.{format}\"{items}\n[item]\nkey = \".id\"\n{step}\n[sheet]\ntab = \"Data\"\n{columns}\n"
        ),
    );
    project.write(&format!("in.{format}"), &make_records(format));
    project
}

const FORMATS: [&str; 3] = ["csv", "json", "jsonl"];

#[test]
fn a_number_that_would_be_rounded_is_text_to_the_letter() {
    for format in FORMATS {
        for step in [
            "",
            "[[step]]\nmap = \"{id, v}\"",
            "[[step]]\nmap = \".\"\n[[step]]\nmap = \"{id, v: (if true then .v else 0 end)}\"",
            "[[step]]\ncommand = [\"cat\"]",
        ] {
            let project = make_job(format, step, "");
            project.run(&["run", "j.toml"]).exits(0).stdout_has("new 7 · ");
            for column in ["id", "v"] {
                assert_eq!(project.column("j.toml", "Data", column), CHANGED, "{format} {step}");
            }
            assert_eq!(project.column("j.toml", "Processed j", "key"), CHANGED);
            let entered = ApiClient::of_file(&project, "j.sheet").entered_values("Data");
            assert!(entered.iter().all(|row| row[1].get("stringValue").is_some()), "{entered:?}");
            project.run(&["run", "j.toml"]).exits(0).stdout_has("new 0 · skipped 7");
        }
    }
}

#[test]
fn in_a_typed_column_such_a_number_is_its_records_failure() {
    for format in FORMATS {
        let project = make_job(format, "[[step]]\nmap = \"{id, v}\"", "columns = { v = \"number\" }");
        let ended = project.run(&["run", "j.toml"]);
        // A whole number keeps its digits in every column.
        ended.exits(3).stdout_has("new 1 · skipped 0 · failed 6");
        for number in &CHANGED[..6] {
            ended.stderr_has(&format!("column \"v\": a spreadsheet would change the number {number},"));
        }
        assert_eq!(project.column("j.toml", "Data", "v"), [CHANGED[6]]);
        assert_eq!(project.column("j.toml", "Failures j", "key"), &CHANGED[..6]);
        let payloads = project.column("j.toml", "Failures j", "payload");
        assert!(payloads.iter().zip(CHANGED).all(|(payload, number)| payload.contains(number)), "{payloads:?}");
    }
}

#[test]
fn a_failure_that_is_tried_again_keeps_its_digits() {
    let project = make_job("jsonl", "[[step]]\nmap = \"{id, v}\"", "columns = { v = \"number\" }");
    project.run(&["run", "j.toml"]).exits(3);
    project.replace_in("j.toml", "v = \"number\"", "v = \"text\"");
    project.run(&["run", "j.toml", "--retry-failures"]).exits(0).stdout_has("recovered 6");
    let mut values = project.column("j.toml", "Data", "v");
    values.rotate_left(1);
    assert_eq!(values, CHANGED);
}

#[test]
fn a_number_that_a_double_holds_stays_a_number() {
    let project = make_job("jsonl", "", "columns = { v = \"number\" }");
    let numbers = ["0.30000000000000004", "1e23", "12.34000000000000000000", "9007199254740992.0", "-0.0", "5e-324"];
    let lines = numbers
        .iter()
        .enumerate()
        .map(|(n, number)| format!("{{\"id\": \"k{n}\", \"v\": {number}, \"w\": {number}}}\n"));
    project.write("in.jsonl", &lines.collect::<String>());
    project.run(&["run", "j.toml"]).exits(0).stdout_has("new 6 · ");
    for row in ApiClient::of_file(&project, "j.sheet").entered_values("Data") {
        assert!(row[1..3].iter().all(|cell| cell.get("numberValue").is_some()), "{row:?}");
    }
}

#[test]
fn jq_calculates_with_such_a_number_as_a_number() {
    let project =
        make_job("jsonl", "[[step]]\nmap = \"{id, twice: (.v * 2), text: (.v | tostring), more: (.v > 5)}\"", "");
    project
        .write("in.jsonl", "{\"id\": 1, \"v\": 1234567890123456.789}\n{\"id\": 2, \"v\": 12345678901234567890123}\n");
    project.run(&["run", "j.toml"]).exits(0);
    assert_eq!(project.column("j.toml", "Data", "text"), ["1234567890123456.789", "12345678901234567890123"]);
    assert_eq!(project.column("j.toml", "Data", "more"), ["TRUE", "TRUE"]);
    let entered = ApiClient::of_file(&project, "j.sheet").entered_values("Data");
    assert_eq!(entered[0][1]["numberValue"].as_f64(), Some(2_469_135_780_246_913.5));
    assert_eq!(entered[1][1]["stringValue"], "24691357802469135780246");
}
