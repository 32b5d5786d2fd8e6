//! Checks that the documents agree with the code on exit codes, faults, tabs, flags, job files and
//! tests. Their links must be valid, and their sentences short.

#[path = "documents/cells.rs"]
mod cells;
#[path = "documents/sentences.rs"]
mod sentences;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cells::long_cells;
use clap::{Command, CommandFactory};
use sentences::{LongSentence, MAX_WORDS, long_sentences};
use sheetkeep::cli::args::command_line::Args;
use sheetkeep::cli::exit::Exit;
use sheetkeep::config::external::environment::Environment;
use sheetkeep::config::external::flags::Overrides;
use sheetkeep::config::settings::{Settings, read};
use sheetkeep::fault::Fault;
use sheetkeep::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS};
use sheetkeep::store::tabs::jobs::JOBS;

const README: &str = include_str!("../README.md");
const COMMANDS: &str = include_str!("../docs/commands.md");
const SETTINGS: &str = include_str!("../docs/settings.md");
const RUNBOOK: &str = include_str!("../docs/runbook.md");
const SHEET: &str = include_str!("../docs/sheet.md");
const PROTOCOL: &str = include_str!("../docs/protocol.md");

/// Maximum length of a line of prose, in characters.
const MAX_WIDTH: usize = 100;
/// The longest name of a test, in characters, as `CONTRIBUTING.md` has it.
const MAX_TEST_NAME: usize = 60;
/// Where longer names are left; a name that becomes shorter is taken from here with its file.
const WITH_LONG_TEST_NAMES: &[&str] =
    &["src/store/upsert/", "tests/hands.rs", "tests/edits/repaired.rs", "tests/simulate.rs", "tests/cli/setup/plan.rs"];

/// A document, by its path from the root of the repository.
struct Document {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every file below `folder` that ends in `.extension`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of this repository");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let below = |path: PathBuf| if path.is_dir() { files(&path, extension) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == extension)).collect()
}

/// Returns all documents: the README, the changelog, `CONTRIBUTING.md`, and every page below `docs`,
/// `benches`, `crates`, `fixtures`, `fuzz/README.md` and `tests/README.md`.
fn documents() -> Vec<Document> {
    let single = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "fuzz/README.md", "tests/README.md"];
    let single = single.map(|path| root().join(path));
    let folders =
        ["docs", "benches", "crates", "fixtures"].into_iter().flat_map(|folder| files(&root().join(folder), "md"));
    let document = |path: PathBuf| Document {
        text: std::fs::read_to_string(&path).expect("a readable document"),
        path: path.strip_prefix(root()).expect("a path below the root").display().to_string(),
    };
    single.into_iter().chain(folders).map(document).collect()
}

/// Returns the numbers in `text`.
fn numbers(text: &str) -> impl Iterator<Item = u8> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok())
}

/// Returns the texts between backticks on one line.
fn list_quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Returns the long flags of a command and of its subcommands.
fn flags(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|flag| flag.get_long()).map(|long| format!("--{long}"));
    let own: BTreeSet<String> = own.collect();
    own.into_iter().chain(command.get_subcommands().flat_map(flags)).collect()
}

/// Parses the first block of TOML in `text` as a job file.
fn job(text: &str) -> Settings {
    let text = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of TOML");
    read(Path::new("job.toml"), text, &Overrides::default(), &Environment::default()).expect("a valid job file")
}

/// Returns the anchor of a heading on its page.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns the lines of `text` outside fenced blocks, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_fenced = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            lines.push((at + 1, line));
        }
    }
    lines
}

#[test]
fn every_exit_code_has_a_row_in_the_commands() {
    let rows = COMMANDS.lines().skip_while(|line| *line != "| code | meaning |").skip(2);
    let rows = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let listed: Vec<u8> = rows.flat_map(numbers).collect();
    assert_eq!(listed, Exit::all().map(Exit::code).collect::<Vec<_>>());
}

#[test]
fn every_exit_code_has_a_heading_in_the_runbook() {
    let headings: Vec<&str> = RUNBOOK.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for code in Exit::all().map(Exit::code) {
        let found = headings.iter().any(|h| numbers(h.split(':').next().unwrap_or(h)).any(|n| n == code));
        assert!(found, "no heading for exit code {code} in docs/runbook.md");
    }
}

#[test]
fn every_fault_has_a_heading_in_the_runbook() {
    for fault in [
        Fault::Transient,
        Fault::Throttled,
        Fault::Rejected,
        Fault::Denied,
        Fault::Fenced,
        Fault::Inconsistent,
        Fault::Machine,
    ] {
        assert!(RUNBOOK.contains(&format!("\n### {fault}\n")), "no heading for {fault} in docs/runbook.md");
    }
}

#[test]
fn the_columns_of_every_machine_tab_are_in_the_document() {
    for (tab, columns) in
        [("Processed", PROCESSED.as_slice()), ("Failures", &FAILURES), ("Runs", &RUNS), ("Jobs", &JOBS)]
    {
        let rows = SHEET.lines().skip_while(|line| *line != format!("<!-- columns: {tab} -->")).skip(3);
        let listed: Vec<&str> = rows
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(listed, columns, "docs/sheet.md, {tab}");
    }
}

#[test]
fn every_flag_that_the_documents_name_exists() {
    const OF_OTHERS: [&str; 4] = ["--release", "--path", "--iam-account", "--example"];
    // Benches, fuzz targets, evidence and the pages of lint's codes name flags of other programs.
    let is_about_the_program = |path: &str| {
        let names_others = path.contains("evidence") || path.starts_with("docs/lint/");
        path == "README.md" || path == "CHANGELOG.md" || path.starts_with("docs/") && !names_others
    };
    let known = flags(&Args::command());
    for Document { path, text } in documents().into_iter().filter(|document| is_about_the_program(&document.path)) {
        for word in text.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).filter(|word| word.starts_with("--")) {
            let rule = word.bytes().all(|b| b == b'-') || OF_OTHERS.contains(&word);
            assert!(rule || known.contains(word), "{path} names {word}, which does not exist");
        }
    }
}

#[test]
fn the_job_files_of_the_documents_are_valid() {
    let settings = job(README);
    assert_eq!((settings.job.as_str(), settings.tab.as_str(), settings.steps.len()), ("people", "People", 0));
    let settings = job(SETTINGS);
    assert_eq!((settings.job.as_str(), settings.tab.as_str(), settings.steps.len()), ("quakes", "Quakes", 1));
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let folders = ["src", "tests", "crates"].map(|folder| root().join(folder)).into_iter().filter(|path| path.exists());
    let code: String = folders
        .flat_map(|folder| files(&folder, "rs"))
        .map(|path| std::fs::read_to_string(path).expect("a readable file"))
        .collect();
    let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // The names of metrics are as long.
    let is_test = |word: &str| word.matches('_').count() > 3 && is_word(word) && !word.starts_with("sheetkeep_");
    assert!(list_quoted(PROTOCOL).filter(|word| is_test(word)).count() > 30, "the invariants name their tests");
    for Document { path, text } in documents() {
        for name in list_quoted(&text).filter(|word| is_test(word)) {
            assert!(code.contains(&format!("fn {name}(")), "{path} names {name}, and no test has that name");
        }
    }
}

#[test]
fn no_name_of_a_test_is_longer_than_sixty_characters() {
    let mut long = Vec::new();
    for path in ["src", "tests", "crates"].iter().flat_map(|folder| files(&root().join(folder), "rs")) {
        let place = path.strip_prefix(root()).expect("a path below the root").display().to_string();
        if WITH_LONG_TEST_NAMES.iter().any(|start| place.starts_with(start)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("#[")) else {
                continue;
            };
            let name = rest.split('(').next().unwrap_or(rest);
            if name.len() > MAX_TEST_NAME {
                long.push(format!("{place}: {name} has {} characters", name.len()));
            }
            is_test = false;
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for Document { path, text } in documents() {
        let folder = Path::new(&path).parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { root().join(&path) } else { root().join(folder).join(file) };
            assert!(target.exists(), "{path} links to {link}, which does not exist");
            if !heading.is_empty() {
                let page = std::fs::read_to_string(&target).expect("a readable document");
                let mut lines = page.lines().filter(|line| line.starts_with('#'));
                assert!(
                    lines.any(|line| anchor(line) == heading),
                    "{path} links to {link}, and no heading is called so"
                );
            }
        }
    }
}

#[test]
fn no_line_of_prose_is_longer_than_a_hundred_characters() {
    for Document { path, text } in documents().into_iter().filter(|document| !document.path.starts_with("fixtures/")) {
        for (number, line) in prose(&text) {
            // A table has one line per row, and a single word can't be wrapped.
            let is_exempt = line.starts_with('|') || !line.trim().trim_start_matches("- ").contains(' ');
            let width = line.chars().count();
            assert!(is_exempt || width <= MAX_WIDTH, "{path}:{number} has {width} characters");
        }
    }
}

/// `CHANGELOG.md` is exempt: it keeps the words in which a change was announced.
#[test]
fn no_sentence_is_longer_than_25_words() {
    let found = find_long_lines("CHANGELOG.md", long_sentences);
    assert!(found.is_empty(), "sentences of more than {MAX_WORDS} words:\n{}", found.join("\n"));
}

/// `docs/mistakes.md` is exempt: it is made of messages.
#[test]
fn no_cell_of_a_table_is_longer_than_25_words() {
    let found = find_long_lines("docs/mistakes.md", long_cells);
    assert!(found.is_empty(), "cells of more than {MAX_WORDS} words:\n{}", found.join("\n"));
}

/// Returns where `find` finds something too long, in every document but `exempt`.
fn find_long_lines(exempt: &str, find: fn(&str) -> Vec<LongSentence>) -> Vec<String> {
    let documents = documents().into_iter().filter(|document| document.path != exempt);
    let found = documents.flat_map(|Document { path, text }| find(&text).into_iter().map(move |s| (path.clone(), s)));
    found.map(|(path, s)| format!("{path}:{}: {} words: {} …", s.line, s.words, s.start)).collect()
}

#[test]
fn the_readme_is_at_most_250_lines() {
    assert!(README.lines().count() <= 250, "README.md has {} lines", README.lines().count());
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let tops = ["src/", "crates/", "tests/", "benches/", "fuzz/", "docs/", "fixtures/", "examples/"];
    let is_path = |word: &str| tops.iter().any(|top| word.starts_with(top)) && !word.contains([' ', '*', '…', '<']);
    for Document { path, text } in documents() {
        for word in list_quoted(&text).filter(|word| is_path(word)) {
            let word = word.split(['#', ':']).next().unwrap_or(word);
            assert!(root().join(word).exists(), "{path} names {word}, which does not exist");
        }
    }
}
