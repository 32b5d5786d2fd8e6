//! A key that occurs twice in one source: which record counts, what a second run does, and what is
//! reported; with the real binary.

use serde_json::json;

use crate::temp_project::{CommandOutput, TempProject};

const FORMATS: [&str; 3] = ["csv", "json", "jsonl"];

/// Returns a job over `in.<format>` that commits each row by itself. Its program records in `ran`
/// which records it received.
fn make_job(format: &str, mode: &str, item: &str) -> TempProject {
    let project = TempProject::empty();
    let source = if format == "json" {
        "json = \"in.json\"\nitems = \".rows[]\"".to_owned()
    } else {
        format!("{format} = \"in.{format}\"")
    };
    project.write(
        "j.toml",
        &format!(
            "name = \"j\"\n[source]\n{source}\n[item]\n{item}\n[[step]]\nname = \"note\"\ncommand = [\"sh\", \"-c\", \"tee -a ran\"]\n\
             [sheet]\ntab = \"Data\"\nmode = \"{mode}\"\n[commit]\nmax_rows = 1\n"
        ),
    );
    project
}

/// Writes records of two fields in this format. The first is on line 2 of a CSV file, otherwise on
/// line 1.
fn make_source(project: &TempProject, format: &str, names: [&str; 2], records: &[(&str, &str)]) -> String {
    let objects: Vec<_> =
        records.iter().map(|(key, value)| json!({names[0]: key, names[1]: value}).to_string()).collect();
    let text = match format {
        "csv" => {
            let rows: Vec<_> = records.iter().map(|(key, value)| format!("{key},{value}\n")).collect();
            format!("{}\n{}", names.join(","), rows.concat())
        }
        "json" => format!("{{\"rows\":[{}]}}\n", objects.join(",\n")),
        _ => objects.join("\n") + "\n",
    };
    project.write(&format!("in.{format}"), &text);
    text
}

/// Returns the position of a record by its number.
fn read_place(format: &str, number: usize) -> String {
    format!("in.{format}:{}", if format == "csv" { number + 1 } else { number })
}

fn run_job(project: &TempProject) -> usize {
    std::fs::read_to_string(project.path("ran")).map_or(0, |text| text.lines().count())
}

fn read_rows(project: &TempProject, column: &str) -> Vec<String> {
    let [keys, values] = ["id", column].map(|column| project.column("j.toml", "Data", column));
    let mut rows: Vec<_> = keys.iter().zip(values).map(|(key, value)| format!("{key} {value}")).collect();
    rows.sort();
    rows
}

#[track_caller]
fn expect_no_change(project: &TempProject, args: &[&str]) -> CommandOutput {
    let (before, processed) = (run_job(project), project.column("j.toml", "Processed j", "key").len());
    let again = project.run(args);
    again.exits(0).stdout_has("new 0 · ").stdout_has(" 0 rows added · ");
    assert!(!again.stdout.contains("updated"), "{}", again.stdout);
    assert_eq!((run_job(project), project.column("j.toml", "Processed j", "key").len()), (before, processed));
    again
}

const ORDERS: [(&str, &str); 3] = [("1001", "paid"), ("1002", "open"), ("1001", "refunded")];

#[test]
fn the_last_record_of_a_key_counts_in_each_run() {
    for format in FORMATS {
        let project = make_job(format, "upsert", "key = \".id\"");
        make_source(&project, format, ["id", "state"], &ORDERS);
        let places = format!("1001 ({} and {})", read_place(format, 1), read_place(format, 3));
        let warning = format!("key {places} came more than once with different content: the last record counts");
        project.run(&["run", "j.toml"]).exits(0).stdout_has("read 3 · new 2 · skipped 1").stdout_has(&warning);
        assert_eq!(
            (read_rows(&project, "state"), run_job(&project)),
            (vec!["1001 refunded".into(), "1002 open".into()], 2)
        );
        for _ in 0..2 {
            expect_no_change(&project, &["run", "j.toml"]).stdout_has(&warning);
        }
        assert_eq!(project.column("j.toml", "Runs", "message"), vec![warning; 3]);
    }
}

#[test]
fn a_key_twice_is_in_the_json_with_both_places() {
    let project = make_job("csv", "upsert", "key = \".id\"");
    make_source(&project, "csv", ["id", "state"], &ORDERS);
    let document = project.run(&["run", "j.toml", "--json"]).exits(0).document();
    let first = json!([{"key": "1001", "places": ["in.csv:2", "in.csv:4"]}]);
    assert_eq!(document["repeated_keys"], json!({"count": 1, "counts": "last", "first": first}));
    make_source(&project, "csv", ["id", "state"], &ORDERS[1..]);
    assert_eq!(project.run(&["run", "j.toml", "--json"]).document().get("repeated_keys"), None);
}

#[test]
fn check_reports_a_key_twice_before_the_run() {
    for format in FORMATS {
        for (mode, item, counts) in [
            ("upsert", "key = \".id\"", "last"),
            ("append", "key = \".id\"", "first"),
            ("append", "key = \".id\"\nversion = \".state\"\norder = \"newer\"", "newest"),
        ] {
            let project = make_job(format, mode, item);
            let records = if counts == "newest" { [("1001", "2"), ("1002", "1"), ("1001", "1")] } else { ORDERS };
            make_source(&project, format, ["id", "state"], &records);
            let warning = format!(
                "key 1001 ({} and {}) came more than once with different content: the {counts} record counts",
                read_place(format, 1),
                read_place(format, 3)
            );
            project.run(&["check", "j.toml"]).exits(0).stdout_has(&format!("warning  source      {warning}"));
            let document = project.run(&["check", "j.toml", "--json"]).exits(0).document();
            let first = json!([{"key": "1001", "places": [read_place(format, 1), read_place(format, 3)]}]);
            assert_eq!(document["repeated_keys"], json!({"count": 1, "counts": counts, "first": first}));
            project.run(&["run", "j.toml"]).exits(0).stdout_has(&warning);
        }
    }
    let project = make_job("csv", "append", "key = \".id\"\nversion = \".state\"");
    make_source(&project, "csv", ["id", "state"], &ORDERS);
    let warning = project.run(&["check", "j.toml"]);
    assert!(!warning.exits(0).stdout.contains("more than once"), "each version counts: {}", warning.stdout);
}

#[test]
fn a_check_of_a_long_source_reads_its_first_records() {
    let project = make_job("csv", "upsert", "key = \".id\"");
    let row = |n: usize| format!("{},{n}\n", if n == 7 || n > 100_000 { 5 } else { n });
    project.write("in.csv", &format!("id,n\n{}", (0..100_100).map(row).collect::<String>()));
    // A slow machine reads fewer of them in the available time.
    let said = project.run(&["check", "j.toml"]);
    said.exits(0).stdout_has("in its first ").stdout_has(" records: key 5 (in.csv:7 and in.csv:9) came more than once");
}

#[test]
fn a_check_finds_a_document_that_breaks_off() {
    let project = make_job("json", "append", "key = \".id\"");
    project.write("in.json", "{\"rows\":[{\"id\":1},{\"id\":2},{\"id\"");
    let run = project.run(&["run", "j.toml"]);
    let check = project.run(&["check", "j.toml"]);
    assert_eq!(check.code, run.code, "{} {}", check.stdout, run.stderr);
    check.exits(65).stdout_has("problem  source");
}

#[test]
fn standard_input_is_read_twice_and_leaves_no_file() {
    let project = make_job("csv", "upsert", "key = \".id\"");
    let text = make_source(&project, "csv", ["id", "state"], &ORDERS);
    std::fs::create_dir(project.path("tmp")).expect("a folder");
    for new in [2, 0] {
        let mut command = project.command(&["run", "j.toml", "--input", "-"]);
        command.env("TMPDIR", project.path("tmp"));
        let mut live = crate::running_command::RunningCommand::start(command);
        live.write_input(&text);
        live.close_and_wait()
            .exits(0)
            .stdout_has(&format!("read 3 · new {new} · "))
            .stdout_has("1001 (standard input:2 and standard input:4)");
    }
    assert_eq!(read_rows(&project, "state"), ["1001 refunded", "1002 open"]);
    assert_eq!(std::fs::read_dir(project.path("tmp")).expect("the folder").count(), 0);
}

#[test]
fn the_newest_version_of_a_key_counts_in_any_row() {
    let item = "key = \".id\"\nversion = \".updated\"\norder = \"newer\"";
    for (format, newer, older) in [
        ("jsonl", "2", "1"),
        ("csv", "9007199254740993", "9007199254740992"),
        ("json", "2026-11-26T09:00:00.123456789Z", "2026-11-26T10:00:00.123456788+01:00"),
    ] {
        for mode in ["upsert", "append"] {
            let project = make_job(format, mode, item);
            make_source(&project, format, ["id", "updated"], &[("a", newer), ("b", "7"), ("a", older)]);
            project
                .run(&["run", "j.toml"])
                .exits(0)
                .stdout_has("new 2 · skipped 1")
                .stdout_has("the newest record counts");
            assert_eq!(
                (read_rows(&project, "updated"), run_job(&project)),
                (vec![format!("a {newer}"), "b 7".into()], 2)
            );
            expect_no_change(&project, &["run", "j.toml"]);
        }
    }
}

#[test]
fn versions_without_an_order_fail_in_the_first_run_too() {
    let project = make_job("csv", "upsert", "key = \".id\"\nversion = \".updated\"\norder = \"newer\"");
    let records = [
        ("a", "v2"),
        ("a", "3"),
        ("a", "v4"),
        ("b", "1"),
        ("b", "2026-01-01T00:00:00Z"),
        ("c", "1234567890123456.789"),
    ];
    make_source(&project, "csv", ["id", "updated"], &records);
    for new in [2, 0, 0] {
        let ended = project.run(&["run", "j.toml"]);
        ended.exits(3).stdout_has(&format!("read 6 · new {new} · ")).stdout_has("failed 4");
        ended.stderr_has("failed a at in.csv:2").stderr_has("\"v2\" is neither a number nor a time");
        ended.stderr_has("failed a at in.csv:4 (record 3): item: the same error with other values");
        ended.stderr_has("failed b at in.csv:6 (record 5): item: the version \"2026-01-01T00:00:00Z\" is a time");
        ended.stderr_has("has more digits than order = \"newer\" compares");
    }
    assert_eq!((read_rows(&project, "updated"), run_job(&project)), (vec!["a 3".into(), "b 1".into()], 2));
    assert_eq!(project.column("j.toml", "Failures j", "key"), ["a", "b", "c"], "each is reported once");
    project.run(&["failures", "retry", "j.toml", "a", "b"]).exits(3);
    assert_eq!(read_rows(&project, "updated"), ["a 3", "b 1"], "the order holds for all");
}

#[test]
fn in_append_mode_the_first_record_counts() {
    for format in FORMATS {
        let project = make_job(format, "append", "key = \".id\"");
        make_source(&project, format, ["id", "state"], &ORDERS);
        let places = format!("1001 ({} and {})", read_place(format, 1), read_place(format, 3));
        let warning = format!("key {places} came more than once with different content: the first record counts");
        project.run(&["run", "j.toml"]).exits(0).stdout_has("new 2 · skipped 1").stdout_has(&warning);
        assert_eq!(read_rows(&project, "state"), ["1001 paid", "1002 open"]);
        expect_no_change(&project, &["run", "j.toml"]).stdout_has(&warning);
    }
}

#[test]
fn the_same_record_twice_is_not_reported() {
    for mode in ["append", "upsert"] {
        let project = make_job("jsonl", mode, "key = \".id\"");
        project.write("in.jsonl", "{\"id\": 1, \"n\": [2]}\n{\"n\": [2], \"id\": 1}\n");
        let ended = project.run(&["run", "j.toml"]);
        ended.exits(0).stdout_has("read 2 · new 1 · skipped 1");
        assert!(!ended.stdout.contains("more than once"), "{}", ended.stdout);
    }
}

#[test]
fn a_last_record_that_is_no_record_does_not_count() {
    let project = make_job("jsonl", "upsert", "key = \".id\"");
    project.write("in.jsonl", "{\"id\": 1, \"n\": \"good\"}\n{\"id\": 1, \"n\": \"\\ud800\"}\n");
    project.run(&["run", "j.toml"]).exits(3).stdout_has("new 1 · skipped 0 · failed 1");
    assert_eq!(read_rows(&project, "n"), ["1 good"]);
}

#[test]
fn a_last_record_that_fails_is_its_keys_failure() {
    let project = make_job("csv", "upsert", "key = \".id\"");
    project.replace_in("j.toml", "tab = \"Data\"", "tab = \"Data\"\ncolumns = { state = \"number\" }");
    make_source(&project, "csv", ["id", "state"], &[("a", "1"), ("a", "many"), ("b", "1")]);
    for new in [1, 0] {
        project
            .run(&["run", "j.toml"])
            .exits(3)
            .stdout_has(&format!("new {new} · "))
            .stderr_has("\"many\" is not a finite number");
    }
    assert_eq!(read_rows(&project, "state"), ["b 1"], "the older record is not taken for the key's state");
    make_source(&project, "csv", ["id", "state"], &[("a", "many"), ("a", "2"), ("b", "1")]);
    project.run(&["run", "j.toml"]).exits(0).stdout_has("recovered 1");
    assert_eq!(read_rows(&project, "state"), ["a 2", "b 1"]);
}

#[test]
fn force_does_the_record_that_counts_once() {
    let project = make_job("csv", "upsert", "key = \".id\"");
    make_source(&project, "csv", ["id", "state"], &ORDERS);
    project.run(&["run", "j.toml"]).exits(0);
    project.run(&["run", "j.toml", "--force", "--yes"]).exits(0).stdout_has("new 2 · skipped 1");
    assert_eq!(
        (read_rows(&project, "state"), run_job(&project)),
        (vec!["1001 refunded".into(), "1002 open".into()], 4)
    );
    expect_no_change(&project, &["run", "j.toml"]);
}

#[test]
fn a_cut_off_source_is_read_to_its_cut_in_both_readings() {
    let project = make_job("jsonl", "upsert", "key = \".id\"");
    project.write("in.jsonl", "{\"id\": 1, \"n\": 1}\n{\"id\": 2, \"n\": 1}\n{\"id\": 1, \"n\": 2}\n{\"id\": 2, \"n");
    project
        .run(&["run", "j.toml"])
        .exits(65)
        .stderr_has("in.jsonl:4 (record 4")
        .stderr_has("the input ends in the middle");
    assert_eq!(read_rows(&project, "n"), ["1 2", "2 1"]);
}

#[test]
fn a_key_by_any_jq_counts_as_one_by_a_path_does() {
    let project = make_job("csv", "upsert", "key = \".id | ascii_downcase\"");
    make_source(&project, "csv", ["id", "state"], &[("A", "paid"), ("b", "open"), ("a", "refunded")]);
    project.run(&["run", "j.toml"]).exits(0).stdout_has("key a (in.csv:2 and in.csv:4)");
    let states = project.column("j.toml", "Data", "state");
    assert_eq!((states, run_job(&project)), (vec!["open".to_owned(), "refunded".into()], 2));
    expect_no_change(&project, &["run", "j.toml"]);
}
