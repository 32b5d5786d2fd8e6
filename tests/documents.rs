//! What the documents say of exit codes, faults, tabs, flags, job files and tests is what the code has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use sheetkeep::cli::args::Args;
use sheetkeep::cli::exit::Exit;
use sheetkeep::config::environment::Environment;
use sheetkeep::config::flags::Overrides;
use sheetkeep::config::settings::read;
use sheetkeep::fault::Fault;
use sheetkeep::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS};

const README: &str = include_str!("../README.md");
const RUNBOOK: &str = include_str!("../docs/runbook.md");
const SHEET: &str = include_str!("../docs/sheet.md");
const ARCHITECTURE: &str = include_str!("../docs/architecture.md");
const EMULATOR: &str = include_str!("../docs/emulator.md");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");

/// The numbers that stand in `text`.
fn numbers(text: &str) -> impl Iterator<Item = u8> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok())
}

/// What stands between backticks on one line.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Every file below `folder` that ends in `.rs`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of this crate");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The long flags of a command and of those below it.
fn flags(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|flag| flag.get_long()).map(|long| format!("--{long}"));
    let own: BTreeSet<String> = own.collect();
    own.into_iter().chain(command.get_subcommands().flat_map(flags)).collect()
}

#[test]
fn every_exit_code_has_a_row_in_the_readme() {
    let rows = README.lines().skip_while(|line| *line != "| code | meaning |").skip(2);
    let rows = rows.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    let told: Vec<u8> = rows.flat_map(numbers).collect();
    assert_eq!(told, Exit::all().map(Exit::code).collect::<Vec<_>>());
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
        Fault::Corrupt,
        Fault::Machine,
    ] {
        assert!(RUNBOOK.contains(&format!("\n### {fault}\n")), "no heading for {fault} in docs/runbook.md");
    }
}

#[test]
fn the_columns_of_every_machine_tab_stand_in_the_document_of_the_sheet() {
    for (tab, columns) in [("Processed", PROCESSED.as_slice()), ("Failures", &FAILURES), ("Runs", &RUNS)] {
        let rows = SHEET.lines().skip_while(|line| *line != format!("<!-- columns: {tab} -->")).skip(3);
        let told: Vec<&str> = rows
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(told, columns, "docs/sheet.md, {tab}");
    }
}

#[test]
fn every_flag_that_the_documents_name_exists() {
    const OF_CARGO: [&str; 2] = ["--release", "--path"];
    let known = flags(&Args::command());
    for (name, text) in [("README.md", README), ("runbook.md", RUNBOOK), ("sheet.md", SHEET), ("CHANGELOG", CHANGELOG)]
    {
        for word in text.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).filter(|word| word.starts_with("--")) {
            let rule = word.bytes().all(|b| b == b'-') || OF_CARGO.contains(&word);
            assert!(rule || known.contains(word), "{name} names {word}, which is no flag");
        }
    }
}

#[test]
fn the_job_file_of_the_readme_is_one() {
    let text = README.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of TOML");
    let settings = read(Path::new("quakes.toml"), text, &Overrides::default(), &Environment::default());
    let settings = settings.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!((settings.job.as_str(), settings.tab.as_str(), settings.steps.len()), ("quakes", "Quakes", 1));
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("src"), root.join("tests"), root.join("crates")];
    let files = folders.into_iter().flat_map(|folder| sources(&folder));
    let code: String = files.map(|path| std::fs::read_to_string(path).expect("a readable file")).collect();
    let names: Vec<&str> = quoted(ARCHITECTURE)
        .filter(|word| word.matches('_').count() > 3 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        .collect();
    assert!(names.len() > 10, "the invariants name their tests");
    for name in names {
        assert!(code.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents =
        [("", README), ("docs", RUNBOOK), ("docs", SHEET), ("docs", ARCHITECTURE), ("docs", EMULATOR), ("", CHANGELOG)];
    for (folder, text) in documents {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let there = target.starts_with("https://") || root.join(folder).join(target).exists();
            assert!(there, "a document in /{folder} links to {target}, which is not there");
        }
    }
}
