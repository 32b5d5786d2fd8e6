//! What a newcomer reads after each of the usual mistakes: one table, one snapshot.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use regex::Regex;

use crate::temp_project::TempProject;

/// A mistake: its name, the job file, other files, and the arguments.
struct Mistake {
    name: &'static str,
    job: String,
    files: Vec<(&'static str, Vec<u8>)>,
    args: Vec<&'static str>,
}

const JOB: &str =
    "name = \"orders\"\n[source]\ncsv = \"orders.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n";
const CSV: &str = "id,order-id,Order ID\n1,2,3\n";
const ID: &str = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg";

fn mistake(name: &'static str, job: impl Into<String>, csv: &str) -> Mistake {
    let files = vec![("orders.csv", csv.as_bytes().to_vec())];
    Mistake { name, job: job.into(), files, args: vec!["run", "orders.toml"] }
}

impl Mistake {
    fn file(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.files.push((name, bytes.to_vec()));
        self
    }

    fn args(self, args: &[&'static str]) -> Self {
        Self { args: args.to_vec(), ..self }
    }
}

fn with(more: &str) -> String {
    format!("{JOB}{more}\n")
}

fn with_key(key: &str) -> String {
    JOB.replace("\".id\"", &format!("'{key}'"))
}

fn program(name: &'static str, script: &[u8], more: &str) -> Mistake {
    let job = with(&format!("[[step]]\ncommand = [\"./notify.sh\", \"now\"]\n{more}"));
    mistake(name, job, "id\n1\n").file("notify.sh", script)
}

fn settings() -> Vec<Mistake> {
    let job = |name, more: &str| mistake(name, with(more), CSV);
    vec![
        job("a command as one text", "[[step]]\ncommand = \"./notify.sh now\""),
        job("a command with a pipe", "[[step]]\ncommand = \"cat | wc -l\""),
        mistake("a key without its dot", with_key("id"), CSV),
        mistake("a key with a hyphen", with_key(".order-id"), CSV),
        mistake("a key with a blank", with_key(".Order ID"), CSV),
        mistake("a key as in JSONPath", with_key("$.id"), CSV),
        mistake("a key of another case", with_key(".ID"), CSV),
        job("a length of time that is none", "[commit]\nevery = \"soon\""),
        job("a misspelt column", "columns = { ordr-id = \"number\" }"),
        job("a misspelt name in order", "order = [\"id\", \"order_id\"]"),
        job("an order that is not a list", "order = \"id\""),
        job("a number format that shows nothing", "columns = { id = { type = \"number\", format = \"%.2f\" } }"),
        job("a decimal mark of a text", "columns = { id = { type = \"text\", decimal = \",\" } }"),
        job("an input pattern of a spreadsheet", "columns = { id = { type = \"date\", input = \"dd.mm.yyyy\" } }"),
        mistake("an unknown encoding", JOB.replace("[item]", "encoding = \"windows1252x\"\n[item]"), CSV),
        mistake("two mistakes", with_key("id").replace("tab =", "tabb ="), CSV),
        job("an .env with a wrong line", "").file(".env", b"\xef\xbb\xbfA=1\n\nhunter two\n"),
        mistake("a job file that is a CSV file", "", "email,name\na@b.org,Ada\n").args(&["run", "orders.csv"]),
        mistake("an Excel file of data as a job file", "", "")
            .args(&["run", "bestellungen.csv"])
            .file("bestellungen.csv", b"Bestell Nr;K\xe4ufer\n1;J\xfcrgen\n"),
        mistake("a list of paths", JOB.replace("csv = \"orders.csv\"", "csv = [\"orders.csv\"]"), CSV),
        job("a mode that is true", "mode = true"),
        mistake("a job file in place of a command", JOB, CSV).args(&["orders.toml"]),
        mistake("a CSV file in place of a command", JOB, CSV).args(&["orders.csv"]),
    ]
}

fn data() -> Vec<Mistake> {
    let types = "columns = { amount = \"number\", day = \"date\" }";
    let amounts = "id,amount,day\n1,\"12,50\",31.12.2026\n2,13,2026-01-01\n";
    vec![
        mistake("a decimal comma and a German day", with(types), amounts),
        mistake(
            "a decimal point where a comma is set",
            with("columns = { amount = { type = \"number\", decimal = \",\" } }"),
            "id;amount\n1;1,234.56\n2;1.234,56\n",
        ),
        mistake(
            "a day in another form than its pattern",
            with("columns = { day = { type = \"date\", input = \"%d.%m.%Y\" } }"),
            "id;day\n1;12/31/2026\n2;31.12.2026\n3;31.12.26\n",
        ),
        mistake("two delimiters fit", JOB.replace("[item]", "delimiter = \"auto\"\n[item]"), "id;a,b\n1;2,3\n"),
        mistake(
            "another delimiter than its sep line",
            JOB.replace("[item]", "delimiter = \",\"\n[item]"),
            "sep=;\nid;a\n1;2\n",
        ),
        mistake("a text of windows-1252", JOB, "").file("orders.csv", b"id;name\n1;Gr\xfc\xdfe\n"),
        mistake("a damaged character in UTF-8", JOB, "").file("orders.csv", b"id,name\n1,\xc3\xbc\n2,\xc3\n"),
        mistake("a workbook named as CSV", JOB, "")
            .file("orders.csv", b"PK\x03\x04....[Content_Types].xml..xl/workbook.xml"),
        mistake("a pattern that matches nothing", JOB.replace("orders.csv", "exports/*.csv"), ""),
    ]
}

fn programs() -> Vec<Mistake> {
    let quick = "timeout = \"200ms\"\n[retry]\nattempts = 2\nbase = \"10ms\"\n";
    let mut all = vec![
        program("output that is not valid JSON", b"#!/bin/sh\necho hello, sending 1\n", ""),
        program("no #! line", b"echo 1\n", ""),
        program("line ends of Windows", b"#!/bin/sh\r\necho 1\r\n", ""),
        program("an interpreter that is not there", b"#!/usr/bin/pyhton3\nprint(1)\n", ""),
        program("a program that hangs", b"#!/bin/sh\nexec sleep 60\n", quick),
        program("a program that is killed", b"#!/bin/sh\nkill -9 $$\n", quick),
    ];
    let mut not_executable = program("a program that is not executable", b"#!/bin/sh\necho 1\n", "");
    not_executable.files.push(("mode", b"644".to_vec()));
    all.push(not_executable);
    all.push(mistake("a program that is not there", with("[[step]]\ncommand = [\"notify.sh\"]"), "id\n1\n"));
    all
}

fn credentials() -> Vec<Mistake> {
    let account = |body: &str| {
        let key = format!("-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----");
        format!(
            "{{\"type\":\"service_account\",\"client_email\":\"a@b.iam.gserviceaccount.com\",\"private_key\":\"{key}\",\"token_uri\":\"http://127.0.0.1:9/token\"}}"
        )
    };
    let address = |name, address: String| mistake(name, with(&format!("spreadsheet = \"{address}\"")), CSV);
    vec![
        address("an address of a second login", format!("https://docs.google.com/spreadsheets/u/1/d/{ID}/edit#gid=0")),
        address("an address without https", format!("docs.google.com/spreadsheets/d/{ID}/edit?usp=sharing")),
        address("an address that is none", "https://docs.google.com/document/d/abc/edit".to_owned()),
        address("a key that is not one", ID.to_owned())
            .file(".env", b"GOOGLE_APPLICATION_CREDENTIALS=key.json\n")
            .file("key.json", account(" AAAA ").as_bytes()),
    ]
}

/// Makes the output independent of time, of chance and of the folder.
fn settled(text: &str, folder: &str) -> String {
    let mut text = text.replace(&format!("{folder}/"), "");
    for (pattern, by) in [
        (r"\d{8}-\d{6}-[0-9a-f]{5}", "<run>"),
        (r"(succeeded|partial|failed) in [0-9.]+ (ms|s|min)( \d+ s)?", "$1 in <time>"),
        (r"attempt (\d) of (\d) in [0-9.]+ m?s", "attempt $1 of $2 in <time>"),
        (r"\(\d+ ms\)", "(<time>)"),
        (r"(?m)^\S+Z  ?WARN (\S+: )?.*can be read or changed by others.*\n", ""),
    ] {
        text = Regex::new(pattern).expect("a valid pattern").replace_all(&text, by).into_owned();
    }
    text
}

fn transcript(mistakes: Vec<Mistake>) -> String {
    let mut out = String::new();
    for Mistake { name, job, files, args } in mistakes {
        let project = TempProject::empty();
        project.write("orders.toml", &job);
        let mode = if files.iter().any(|(name, _)| *name == "mode") { 0o644 } else { 0o755 };
        for (file, bytes) in files.iter().filter(|(name, _)| *name != "mode") {
            fs::write(project.path(file), bytes).expect("a file");
            let mode = match *file {
                "notify.sh" => mode,
                "key.json" | ".env" => 0o600,
                _ => 0o644,
            };
            fs::set_permissions(project.path(file), fs::Permissions::from_mode(mode)).expect("its owner");
        }
        let ended = project.run(&args);
        let folder = project.path("").to_string_lossy().trim_end_matches('/').to_owned();
        let text = settled(&format!("{}{}", ended.err, ended.out), &folder);
        let (typed, code) = (args.join(" "), ended.code.unwrap_or(-1));
        let _ = write!(out, "== {name}\n$ sheetkeep {typed}\n{text}exit {code}\n\n");
    }
    out
}

#[test]
fn each_mistake_in_the_settings_is_answered() {
    insta::with_settings!({ snapshot_path => "../../snapshots/words", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("settings", transcript(settings()));
    });
}

#[test]
fn each_mistake_in_the_data_is_answered() {
    insta::with_settings!({ snapshot_path => "../../snapshots/words", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("data", transcript(data()));
    });
}

#[test]
fn each_mistake_of_a_program_is_answered() {
    insta::with_settings!({ snapshot_path => "../../snapshots/words", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("programs", transcript(programs()));
    });
}

#[test]
fn each_mistake_in_the_credentials_is_answered() {
    insta::with_settings!({ snapshot_path => "../../snapshots/words", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("credentials", transcript(credentials()));
    });
}

#[test]
fn a_number_alone_is_a_length_of_time_in_seconds() {
    let project = TempProject::empty();
    project.write("orders.toml", &with("[commit]\nevery = \"90\""));
    project.write("orders.csv", CSV);
    project.run(&["run", "orders.toml"]).exits(0);
}
