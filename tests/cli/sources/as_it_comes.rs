//! Typical broken sources: wrong quotes, header rows without the key, web pages and archives in
//! place of data. Also records that all fail for one cause. Each is named in the error, costs no
//! other record, and never exits with 0.

use std::io::Write as _;
use std::ops::Range;
use std::process::{Output, Stdio};

use crate::temp_project::{CommandOutput, TempProject};

/// Writes a job of this name and kind over `file`, with these additional lines below its first
/// ones.
fn make_job(project: &TempProject, kind: &str, file: &str, key: &str, more: &str) {
    let text = format!(
        "name = \"{kind}\"\n[source]\n{kind} = \"{file}\"\n{more}\n[item]\nkey = {key:?}\n[sheet]\ntab = \"Rows\"\n[commit]\nevery = \"1h\"\n"
    );
    project.write(&format!("{kind}.toml"), &text);
}

/// Runs the job of this kind over these bytes as a file.
fn run_over_file(project: &TempProject, kind: &str, bytes: &[u8]) -> CommandOutput {
    std::fs::write(project.path("input"), bytes).expect("the folder takes files");
    project.run(&["run", &format!("{kind}.toml"), "--input", "input"])
}

/// Runs the job of this kind over these bytes on standard input.
fn run_over_stdin(project: &TempProject, kind: &str, bytes: &[u8]) -> CommandOutput {
    let mut command = project.command(&["run", &format!("{kind}.toml"), "--input", "-"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be run");
    // A run that stops early may end before it has read everything.
    let _ = child.stdin.take().expect("its input is held").write_all(bytes);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    CommandOutput { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// Returns one line per number.
fn make_lines(numbers: Range<u32>, line: impl Fn(u32) -> String) -> String {
    numbers.map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn read_failures(project: &TempProject, kind: &str) -> Vec<String> {
    project.column(&format!("{kind}.toml"), &format!("Failures {kind}"), "where")
}

#[test]
fn a_stray_quote_costs_its_own_row_of_a_thousand() {
    for damaged in ["500,\"stray,x", "500,\"a\"b,x", "500, \"a\",x", "500,\"say \\\"hi\\\"\",x", "500,\"a\"\",x"] {
        let mut text = "id,name,note\n".to_owned();
        for n in 1..=1_000 {
            let row = if n == 500 { damaged.to_owned() } else { format!("{n},\"name, {n}\",x") };
            text.push_str(&row);
            text.push('\n');
        }
        for run in [run_over_file, run_over_stdin] {
            let project = TempProject::empty();
            make_job(&project, "csv", "input", ".id", "");
            run(&project, "csv", text.as_bytes()).exits(3).stdout_has("read 1,000 · new 999").stderr_has("damaged");
            assert!(read_failures(&project, "csv")[0].ends_with(":501 (record 500)"), "{damaged}");
            let ids = project.column("csv.toml", "Rows", "id");
            assert!(ids.len() == 999 && !ids.contains(&"500".to_owned()));
        }
    }
}

#[test]
fn a_header_row_without_the_key_stops_before_any_write() {
    for (header, row, help) in [
        ("ID,name", "1,a", "did you mean .ID?"),
        ("order id,name", "1,a", "did you mean .\"order id\"?"),
        ("id;name;note", "1;a;b", "write delimiter = \";\" below [source]; the header row then has .id"),
        ("\"id\";\"name\"", "\"1\";\"a\"", "write delimiter = \";\""),
        ("id\tname", "1\ta", "write delimiter = \"\\t\""),
        ("id|name", "1|a", "write delimiter = \"|\""),
    ] {
        let project = TempProject::empty();
        make_job(&project, "csv", "input", ".id", "delimiter = \",\"");
        let text = format!("{header}\n{row}\n{row}2\n");
        run_over_file(&project, "csv", text.as_bytes())
            .exits(78)
            .stderr_has("key .id names a field that the header row of input")
            .stderr_has(help);
        assert!(!project.path("csv.sheet").exists(), "{header}");
        project.run(&["check", "csv.toml"]).exits(78).stdout_has("key .id names a field").stdout_has(help);
        run_over_stdin(&project, "csv", text.as_bytes()).exits(78).stderr_has(help);
        project.run(&["show", "csv.toml"]).exits(66);
    }
}

#[test]
fn a_header_row_without_the_version_stops_too() {
    let project = TempProject::empty();
    make_job(&project, "csv", "input", ".id\"\nversion = \".updated", "");
    project.write("csv.toml", &project.read("csv.toml").replace("\\\"\\nversion = \\\"", "\"\nversion = \""));
    run_over_file(&project, "csv", b"id,updated_at\n1,2\n")
        .exits(78)
        .stderr_has("version .updated names a field")
        .stderr_has("updated_at");
    run_over_file(&project, "csv", b"id,updated\n1,2\n").exits(0);
}

#[test]
fn an_input_that_is_something_else_is_named_and_exits_with_65() {
    let wide: Vec<u8> = "id,name\r\n1,b\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let inputs: [(&[u8], &str); 8] = [
        (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>\n", "an HTML page, titled \"Sign in\""),
        (b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (b"PK\x03\x04\x14\0[Content_Types].xml\0xl/workbook.xml\0", "an Excel workbook (.xlsx)"),
        (b"PK\x03\x04\x14\0data.csv\0", "a zip archive"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "the gzip data ends before it is complete"),
        (&wide, "text in UTF-16LE"),
        (b"\x01\0\x02\0\0\0\x03\x04\x05\x06", "binary data"),
        (b"Service unavailable\n", "one line of text"),
    ];
    for (bytes, what) in inputs {
        for kind in ["csv", "json", "jsonl"] {
            let project = TempProject::empty();
            make_job(&project, kind, "input", ".id", "");
            for ended in [run_over_file(&project, kind, bytes), run_over_stdin(&project, kind, bytes)] {
                ended.exits(65).stderr_has(what).stderr_has("help: ");
            }
            project.run(&["check", &format!("{kind}.toml")]).exits(65).stdout_has(what);
        }
    }
}

#[test]
fn a_text_of_excel_is_read_as_a_file_and_from_a_pipe() {
    let wide: Vec<u8> = "\u{feff}id\tname\r\n1\tGrüße\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let inputs: [&[u8]; 4] = [
        &wide,
        b"id;name\r\n1;Gr\xfc\xdfe\r\n",
        "\u{feff}sep=;\r\nid;name\r\n1;Grüße\r\n".as_bytes(),
        "id,name\n1,Grüße\n".as_bytes(),
    ];
    for bytes in inputs {
        for run in [run_over_file, run_over_stdin] {
            let project = TempProject::empty();
            make_job(&project, "csv", "input", ".id", "");
            let ended = run(&project, "csv", bytes);
            ended.exits(0).stdout_has("read 1 · new 1");
            assert_eq!(ended.stderr.contains("read as windows-1252"), bytes.contains(&0xfc) && !bytes.contains(&0));
            assert_eq!(project.column("csv.toml", "Rows", "name"), ["Grüße"]);
        }
    }
}

#[test]
fn an_error_document_in_place_of_the_list_is_named() {
    let refusal = "{\"error\":{\"code\":429,\"message\":\"rate limit\"}}";
    for (kind, more) in [
        ("csv", ""),
        ("json", ""),
        ("json", "items = \".data[]\""),
        ("json", "items = \".data[]?\""),
        ("json", "items = \"(.data // [])[]\""),
        ("jsonl", ""),
    ] {
        let project = TempProject::empty();
        make_job(&project, kind, "input", ".id", more);
        for ended in
            [run_over_file(&project, kind, refusal.as_bytes()), run_over_stdin(&project, kind, refusal.as_bytes())]
        {
            ended.exits(65).stderr_has("is a JSON error document: {\"error\":").stderr_has("rate limit");
        }
        project.run(&["check", &format!("{kind}.toml")]).exits(65).stdout_has("a JSON error document");
    }
    let project = TempProject::empty();
    make_job(&project, "json", "input", ".id", "items = \".data[]?\"");
    run_over_file(&project, "json", b"{\"error\":null,\"data\":[]}").exits(0);
}

#[test]
fn an_empty_input_is_said_and_a_header_row_alone_is_no_mistake() {
    let project = TempProject::empty();
    for (kind, bytes, code) in [
        ("csv", "", 65),
        ("csv", "id,name\n", 0),
        ("json", "", 65),
        ("json", "[]", 0),
        ("jsonl", "", 0),
        ("jsonl", "\n\n", 0),
    ] {
        make_job(&project, kind, "input", ".id", "");
        for ended in [run_over_file(&project, kind, bytes.as_bytes()), run_over_stdin(&project, kind, bytes.as_bytes())]
        {
            ended.exits(code).stderr_has(if code == 0 { "the source has no record" } else { "empty" });
        }
    }
}

#[test]
fn keys_that_look_alike_are_named_in_a_warning() {
    let project = TempProject::empty();
    make_job(&project, "csv", "input", ".id", "");
    let ended = run_over_file(&project, "csv", b"id,note\n7,a\n7 ,b\n");
    let pair = "\"7 \" (input:3 (record 2)) and \"7\"";
    ended
        .exits(0)
        .stdout_has("new 2")
        .stderr_has("keys that look alike")
        .stderr_has(pair)
        .stderr_has("key = \".id | trim\"");
    // The next run knows the other key from the sheet.
    let ended = run_over_file(&project, "csv", b"id,note\n\xc2\xa07,c\n");
    ended.exits(0).stderr_has("\"\\u{a0}7\" (input:2 (record 1)) and \"7\"");
    project.replace_in("csv.toml", "\".id\"", "\".id | trim\"");
    run_over_file(&project, "csv", b"id,note\n7 ,d\n").exits(78).stderr_has("--accept-changes");
    project.run(&["run", "csv.toml", "--input", "input", "--accept-changes"]).exits(0).stdout_has("skipped 1");
    // A key that no one can see is an empty one.
    run_over_file(&project, "csv", b"id,note\n  ,e\n").exits(3).stderr_has("the record's key is empty");
}

#[test]
fn first_records_that_all_fail_for_one_cause_stop_every_run() {
    let records = make_lines(0..50_000, |n| format!("{{\"ID\":{n},\"name\":\"n{n}\"}}"));
    let project = TempProject::empty();
    make_job(&project, "jsonl", "input", ".id", "");
    for _ in 0..6 {
        let ended = run_over_file(&project, "jsonl", records.as_bytes());
        ended
            .exits(78)
            .stderr_has("the first 20 records of the source all fail for one cause: item: the record has no key");
        ended
            .stderr_has("did you mean key = \".ID\"?")
            .stderr_has("stop_after = 0")
            .stdout_has("read 20 · new 0 · skipped 0 · failed 20");
    }
    assert!(read_failures(&project, "jsonl").is_empty());
    assert_eq!(project.column("jsonl.toml", "Runs", "status"), ["failed"; 6]);
    project.run(&["check", "jsonl.toml"]).exits(78).stdout_has("the first 20 records");
    // No key is processed, so that the key expression can be corrected.
    project.replace_in("jsonl.toml", "\".id\"", "\".ID\"");
    project.run(&["run", "jsonl.toml"]).exits(0).stdout_has("new 50,000");
}

#[test]
fn the_first_records_stop_a_run_for_what_steps_make_of_them_too() {
    let rows = make_lines(0..30, |n| format!("{n},\"{n},5\""));
    let project = TempProject::empty();
    make_job(&project, "csv", "input", ".id", "");
    project.replace_in("csv.toml", "tab = \"Rows\"", "tab = \"Rows\"\ncolumns = { amount = \"number\" }");
    let text = format!("id,amount\n{rows}");
    run_over_file(&project, "csv", text.as_bytes())
        .exits(65)
        .stderr_has("one cause: output: column \"amount\"")
        .stderr_has("[sheet] columns");
    project.replace_in("csv.toml", "[sheet]", "[failures]\nstop_after = 0\n\n[sheet]");
    run_over_file(&project, "csv", text.as_bytes()).exits(3).stdout_has("failed 30");
    let quoted = make_lines(0..30, |n| format!("{n}, \"a\""));
    let other = TempProject::empty();
    make_job(&other, "csv", "input", ".id", "");
    run_over_file(&other, "csv", format!("id,name\n{quoted}").as_bytes())
        .exits(65)
        .stderr_has("one cause: source: the quotes");
    assert!(read_failures(&other, "csv").is_empty());
}

#[test]
fn a_job_that_has_other_records_is_not_stopped() {
    let bad = |n: Range<u32>| make_lines(n, |n| format!("{{\"x\":{n}}}"));
    let good = |n: Range<u32>| make_lines(n, |n| format!("{{\"id\":{n}}}"));
    let project = TempProject::empty();
    make_job(&project, "jsonl", "input", ".id", "");
    // Fewer than 20 are ordinary failures, and known from then on.
    run_over_file(&project, "jsonl", (bad(0..19) + &good(0..1)).as_bytes())
        .exits(3)
        .stdout_has("new 1 · skipped 0 · failed 19");
    run_over_file(&project, "jsonl", (bad(0..25) + &good(0..1)).as_bytes()).exits(3).stdout_has("failed 25");
    // Processed items show that the source is right, so a new record is reached behind those that
    // are known to fail.
    run_over_file(&project, "jsonl", (good(0..1) + &bad(100..150)).as_bytes()).exits(3).stdout_has("failed 50");
    run_over_file(&project, "jsonl", (bad(100..150) + &good(0..2)).as_bytes()).exits(3).stdout_has("new 1");
    for _ in 0..4 {
        run_over_file(&project, "jsonl", (bad(100..150) + &good(0..2)).as_bytes());
    }
    run_over_file(&project, "jsonl", (bad(100..150) + &good(0..3)).as_bytes())
        .exits(0)
        .stdout_has("new 1 · skipped 52");
    // Two causes do not count as one.
    let mixed: String = (0..30).map(|n| if n == 19 { "[]\n".to_owned() } else { format!("{{\"y\":{n}}}\n") }).collect();
    run_over_file(&project, "jsonl", mixed.as_bytes()).exits(3).stdout_has("failed 30");
}

#[test]
fn programs_that_all_fail_stop_a_run_and_count_as_tried() {
    let records = make_lines(0..200, |n| format!("{{\"id\":{n}}}"));
    for delivery in ["at-least-once", "at-most-once"] {
        let project = TempProject::empty();
        make_job(&project, "jsonl", "input", ".id", "");
        let step = format!(
            "[[step]]\nname = \"letter\"\ncommand = [\"sh\", \"-c\", \"echo x >> ran; echo no such host >&2; exit 1\"]\ndelivery = \"{delivery}\"\n\n[sheet]"
        );
        project.replace_in("jsonl.toml", "[sheet]", &step);
        run_over_file(&project, "jsonl", records.as_bytes())
            .exits(1)
            .stderr_has("one cause: letter")
            .stderr_has("no such host");
        assert_eq!(
            (project.read("ran").lines().count(), read_failures(&project, "jsonl").len()),
            (20, 20),
            "{delivery}"
        );
        for _ in 0..5 {
            run_over_file(&project, "jsonl", records.as_bytes()).exits(1);
        }
    }
}

#[test]
fn a_definition_may_change_while_no_key_is_done() {
    let project = TempProject::empty();
    make_job(&project, "jsonl", "input", ".idd", "");
    run_over_file(&project, "jsonl", b"{\"id\":1}\n{\"id\":2}\n").exits(3).stdout_has("failed 2");
    project.replace_in("jsonl.toml", ".idd", ".id");
    project.replace_in("jsonl.toml", "tab = \"Rows\"", "tab = \"Others\"\nmode = \"upsert\"");
    project
        .run(&["check", "jsonl.toml"])
        .exits(0)
        .stdout_has("its key and tab and mode changed, and no key is done yet");
    run_over_file(&project, "jsonl", b"{\"id\":1}\n{\"id\":2}\n").exits(0).stdout_has("new 2");
    project.replace_in("jsonl.toml", "\".id\"", "\".idd\"");
    run_over_file(&project, "jsonl", b"{\"id\":1}\n").exits(78).stderr_has("its key changed since the last run");
    project.run(&["check", "jsonl.toml"]).exits(78);
    // Once everything is revoked, nothing is processed.
    project.replace_in("jsonl.toml", "\".idd\"", "\".id\"");
    project.run(&["reset", "jsonl.toml", "--yes"]).exits(0);
    project.replace_in("jsonl.toml", "\".id\"", "\".name\"");
    project.replace_in("jsonl.toml", "Others", "Rows");
    run_over_file(&project, "jsonl", b"{\"name\":1}\n").exits(0).stdout_has("new 1");
}
