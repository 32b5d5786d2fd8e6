//! `docs/your-first-csv.md`, played: each command of the page, in a clean home, with its output.
//!
//! `UPDATE_DOCUMENTS=1` writes the outputs of this version into the page; read the diff.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use sheetkeep::step::jq::program::Program;

use crate::temp_project::TempProject;

const PAGE: &str = "docs/your-first-csv.md";
const BEGIN: &str = "```console\n";
const END: &str = "```\n";

fn repository_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a line of the page in a shell, as a reader would.
fn output_of(project: &TempProject, line: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_sheetkeep"));
    let path = format!("{}:/usr/bin:/bin", program.parent().expect("a folder").display());
    let ended = Command::new("/bin/sh")
        .args(["-c", line])
        .current_dir(project.path(""))
        .env_clear()
        .env("HOME", project.path("home"))
        .env("PATH", path)
        .output()
        .expect("a shell");
    let text = format!("{}{}", String::from_utf8_lossy(&ended.stderr), String::from_utf8_lossy(&ended.stdout));
    let text: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    match ended.status.code() {
        Some(0) => text,
        code => format!("{text}[exit code {}]\n", code.unwrap_or(-1)),
    }
}

/// Makes a transcript independent of time and of random numbers.
fn normalize_output(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, by) in [
        (r"\d{8}-\d{6}-[0-9a-f]{5}", "<run>"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "<time>"),
        (r"in [0-9.,]+ (ms|s)\b", "in <duration>"),
        (r"\([0-9.,]+ (ms|s)\)", "(<duration>)"),
        (r"next_due.*", "<due>"),
    ] {
        text = Regex::new(pattern).expect("a valid pattern").replace_all(&text, by).into_owned();
    }
    text
}

/// Plays the page; returns it with the outputs of this version.
fn play_page(page: &str, project: &TempProject) -> String {
    let mut fresh = String::new();
    let mut rest = page;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        let (block, after) = block.split_once(END).expect("each block ends");
        fresh += before;
        fresh += BEGIN;
        for line in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let _ = write!(fresh, "$ {line}\n{}", output_of(project, line));
        }
        fresh += END;
        rest = after;
    }
    fresh + rest
}

#[test]
fn the_page_of_the_first_csv_is_what_happens() {
    let project = TempProject::with(&["first-csv/rechnungen.csv", "first-csv/rechnungen.toml"]);
    fs::create_dir(project.path("home")).expect("a home");
    let file = repository_root().join(PAGE);
    let page = fs::read_to_string(&file).expect("the page");
    let fresh = play_page(&page, &project);
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&file, &fresh).expect("the page");
    }
    let (page, fresh) = (normalize_output(&page), normalize_output(&fresh));
    let first = page.lines().zip(fresh.lines()).enumerate().find(|(_, (then, now))| then != now);
    assert_eq!(first, None, "{PAGE} differs; UPDATE_DOCUMENTS=1 writes it anew");
    assert_eq!(page.lines().count(), fresh.lines().count());
}

#[test]
fn the_job_file_on_the_page_is_the_one_that_is_played() {
    let page = fs::read_to_string(repository_root().join(PAGE)).expect("the page");
    let job = fs::read_to_string(repository_root().join("fixtures/first-csv/rechnungen.toml")).expect("the job");
    assert!(page.contains(&format!("```toml\n{job}```\n")));
}

#[test]
fn of_300_rows_295_are_on_the_sheet_and_a_fixed_one_follows() {
    let project = TempProject::with(&["first-csv/rechnungen.csv", "first-csv/rechnungen.toml"]);
    let ended = project.run(&["run", "rechnungen.toml"]);
    ended.exits(3).stdout_has("read 300 · new 295 · skipped 3").stdout_has("failed 2");
    let names = project.column("rechnungen.toml", "Rechnungen", "Kunde");
    assert!(names.contains(&"Müller".to_owned()) && names.contains(&"Strauß".to_owned()), "{names:?}");
    let articles = project.column("rechnungen.toml", "Rechnungen", "Artikel");
    assert!(articles.contains(&"Lack „weiß“".to_owned()), "{articles:?}");
    assert_eq!(project.column("rechnungen.toml", "Rechnungen", "Betrag")[0], "1,369.84");
    let bytes = fs::read(project.path("rechnungen.csv")).expect("the file");
    let at = bytes.windows(5).position(|part| part == b"12,5O").expect("the letter O");
    let fixed = [&bytes[..at], b"12,50", &bytes[at + 5..]].concat();
    fs::write(project.path("rechnungen.csv"), fixed).expect("the file");
    project.run(&["failures", "retry", "rechnungen.toml", "R-0121"]).exits(0);
    assert_eq!(project.column("rechnungen.toml", "Rechnungen", "Rechnung").len(), 296);
    project.run(&["run", "rechnungen.toml"]).exits(3).stdout_has("new 0").stdout_has("failed 1");
}

/// What the ten lines of jq make of one record, in the order of the page.
const JQ_RESULTS: [&str; 10] = [
    r#"{"id":"7","name":"Ada"}"#,
    r#"{"id":"7","total":"12"}"#,
    r#"{"id":"7","no":"A 1"}"#,
    r#"{"id":"7","amount":"12","Order No":"A 1","name":"Ada","note":"","price":"1,5","day":"31.12.2026","first":"Ada","last":"King","state":"paid"}"#,
    r#"{"id":"7","note":null}"#,
    r#"{"id":"7","price":1.5}"#,
    r#"{"id":"7","day":"2026-12-31"}"#,
    r#"{"id":"7","name":"Ada King"}"#,
    r#"{"id":"7","amount":"12","Order No":"A 1","internal":"x","name":"Ada","note":"","price":"1,5","day":"31.12.2026","first":"Ada","last":"King","state":"paid"}"#,
    r#"{"id":"7","link":"https://example.org/7"}"#,
];

#[test]
fn the_ten_lines_of_jq_on_the_page_do_what_they_say() {
    let page = fs::read_to_string(repository_root().join(PAGE)).expect("the page");
    let (_, section) = page.split_once("## Ten lines of jq").expect("the section");
    let (_, block) = section.split_once("```text\n").expect("the lines");
    let (block, _) = block.split_once("```").expect("their end");
    let record: serde_json::Value = serde_json::from_str(JQ_RESULTS[8]).expect("JSON");
    let mut made = Vec::new();
    for line in block.lines() {
        // The description begins after the last two blanks.
        let (expression, _) = line.trim_end().rsplit_once("  ").expect("a description");
        let program = Program::compile(expression.trim()).expect(expression);
        made.extend(program.run(record.clone()).expect(expression).iter().map(ToString::to_string));
    }
    assert_eq!(made, JQ_RESULTS);
}
