//! What a newcomer reads after each of the usual mistakes: one table, one snapshot.

use crate::setup::mistake::{CSV, JOB, Mistake, check_words, make_mistake, mistake};
use crate::temp_project::TempProject;

const ID: &str = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg";

fn with_key(key: &str) -> String {
    JOB.replace("\".id\"", &format!("'{key}'"))
}

fn is_program(name: &'static str, script: &[u8], more: &str) -> Mistake {
    let job = make_mistake(&format!("[[step]]\ncommand = [\"./notify.sh\", \"now\"]\n{more}"));
    mistake(name, job, "id\n1\n").file("notify.sh", script)
}

fn list_settings() -> Vec<Mistake> {
    let make_job = |name, more: &str| mistake(name, make_mistake(more), CSV);
    vec![
        make_job("a command as one text", "[[step]]\ncommand = \"./notify.sh now\""),
        make_job("a command with a pipe", "[[step]]\ncommand = \"cat | wc -l\""),
        mistake("a key without its dot", with_key("id"), CSV),
        mistake("a key with a hyphen", with_key(".order-id"), CSV),
        mistake("a key with a blank", with_key(".Order ID"), CSV),
        mistake("a key as in JSONPath", with_key("$.id"), CSV),
        mistake("a key of another case", with_key(".ID"), CSV),
        make_job("a length of time that is none", "[commit]\nevery = \"soon\""),
        make_job("a misspelt column", "columns = { ordr-id = \"number\" }"),
        make_job("a misspelt name in order", "order = [\"id\", \"order_id\"]"),
        make_job("an order that is not a list", "order = \"id\""),
        make_job("a number format that shows nothing", "columns = { id = { type = \"number\", format = \"%.2f\" } }"),
        make_job("a decimal mark of a text", "columns = { id = { type = \"text\", decimal = \",\" } }"),
        make_job("an input pattern of a spreadsheet", "columns = { id = { type = \"date\", input = \"dd.mm.yyyy\" } }"),
        mistake("an unknown encoding", JOB.replace("[item]", "encoding = \"windows1252x\"\n[item]"), CSV),
        mistake("quotes of a word processor", JOB.replace("\"orders\"", "“orders”"), CSV),
        mistake("JSON in place of TOML", "{\"name\": \"orders\"}", CSV),
        mistake("YAML in place of TOML", JOB.replace("name = \"orders\"", "name: orders"), CSV),
        mistake("a text without its last quote", JOB.replace("tab = \"Orders\"", "tab = \"Orders"), CSV),
        mistake("two mistakes", with_key("id").replace("tab =", "tabb ="), CSV),
        make_job("an .env with a wrong line", "").file(".env", b"\xef\xbb\xbfA=1\n\nhunter two\n"),
        mistake("a job file that is a CSV file", "", "email,name\na@b.org,Ada\n").args(&["run", "orders.csv"]),
        mistake("an Excel file of data as a job file", "", "")
            .args(&["run", "bestellungen.csv"])
            .file("bestellungen.csv", b"Bestell Nr;K\xe4ufer\n1;J\xfcrgen\n"),
        mistake("a list of paths", JOB.replace("csv = \"orders.csv\"", "csv = [\"orders.csv\"]"), CSV),
        make_job("a mode that is true", "mode = true"),
        mistake("a job file in place of a command", JOB, CSV).args(&["orders.toml"]),
        mistake("two job files", JOB, CSV).args(&["run", "orders.toml", "orders.toml"]),
        mistake("a CSV file in place of a command", JOB, CSV).args(&["orders.csv"]),
    ]
}

fn list_data_words() -> Vec<Mistake> {
    let types = "columns = { amount = \"number\", day = \"date\" }";
    let amounts = "id,amount,day\n1,\"12,50\",31.12.2026\n2,13,2026-01-01\n";
    vec![
        mistake("a decimal comma and a German day", make_mistake(types), amounts),
        mistake(
            "a decimal point where a comma is set",
            make_mistake("columns = { amount = { type = \"number\", decimal = \",\" } }"),
            "id;amount\n1;1,234.56\n2;1.234,56\n",
        ),
        mistake(
            "a day in another form than its pattern",
            make_mistake("columns = { day = { type = \"date\", input = \"%d.%m.%Y\" } }"),
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

fn list_programs() -> Vec<Mistake> {
    let quick = "timeout = \"200ms\"\n[retry]\nattempts = 2\nbase = \"10ms\"\n";
    let mut all = vec![
        is_program("output that is not valid JSON", b"#!/bin/sh\necho hello, sending 1\n", ""),
        is_program("no #! line", b"echo 1\n", ""),
        is_program("line ends of Windows", b"#!/bin/sh\r\necho 1\r\n", ""),
        is_program("an interpreter that is not there", b"#!/usr/bin/pyhton3\nprint(1)\n", ""),
        is_program("a program that hangs", b"#!/bin/sh\nexec sleep 60\n", quick),
        is_program("a program that is killed", b"#!/bin/sh\nkill -9 $$\n", quick),
    ];
    all.push(is_program("a program that is not executable", b"#!/bin/sh\necho 1\n", "").file("mode", b"644"));
    all.push(mistake("a program that is not there", make_mistake("[[step]]\ncommand = [\"notify.sh\"]"), "id\n1\n"));
    all
}

fn write_credentials() -> Vec<Mistake> {
    let account = |body: &str| {
        let key = format!("-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY-----");
        format!(
            "{{\"type\":\"service_account\",\"client_email\":\"a@b.iam.gserviceaccount.com\",\"private_key\":\"{key}\",\"token_uri\":\"http://127.0.0.1:9/token\"}}"
        )
    };
    let address = |name, address: String| mistake(name, make_mistake(&format!("spreadsheet = \"{address}\"")), CSV);
    vec![
        address("an address of a second login", format!("https://docs.google.com/spreadsheets/u/1/d/{ID}/edit#gid=0")),
        address("an address without https", format!("docs.google.com/spreadsheets/d/{ID}/edit?usp=sharing")),
        address("an address that is none", "https://docs.google.com/document/d/abc/edit".to_owned()),
        address("a key that is not one", ID.to_owned())
            .file(".env", b"GOOGLE_APPLICATION_CREDENTIALS=key.json\n")
            .file("key.json", account(" AAAA ").as_bytes()),
    ]
}

#[test]
fn each_mistake_in_the_settings_is_answered() {
    check_words("settings", list_settings());
}

#[test]
fn each_mistake_in_the_data_is_answered() {
    check_words("data", list_data_words());
}

#[test]
fn each_mistake_of_a_program_is_answered() {
    check_words("programs", list_programs());
}

#[test]
fn each_mistake_in_the_credentials_is_answered() {
    check_words("credentials", write_credentials());
}

#[test]
fn a_number_alone_is_a_length_of_time_in_seconds() {
    let project = TempProject::empty();
    project.write("orders.toml", &make_mistake("[commit]\nevery = \"90\""));
    project.write("orders.csv", CSV);
    project.run(&["run", "orders.toml"]).exits(0);
}
