//! `docs/mistakes.md`, made of the snapshots of words, so that it shows what is said.
//!
//! `UPDATE_DOCUMENTS=1` writes it anew; read the diff.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The snapshots in the order of the page, each with its heading.
const SECTIONS: [(&str, &str); 8] = [
    ("settings", "The command line and the job file"),
    ("credentials", "Addresses and credentials"),
    ("paths", "Paths"),
    ("contents", "What is in a file"),
    ("data", "Encodings, delimiters and columns"),
    ("values", "Values that do not fit a column"),
    ("programs", "Programs"),
    ("days", "After the first run, with `--quiet`"),
];

const INTRODUCTION: &str = "# Mistakes

What `sheetkeep` says when something is wrong: the message, and after the arrow the next step.
`tests/cli/setup/mistakes_page.rs` makes this page of the snapshots in `tests/snapshots/words`,
which have each output whole. The job is called `orders`. The codes are those of the process:
[commands.md](commands.md) lists them, and [runbook.md](runbook.md) says what to do about each.
";

fn repository_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read_snapshot(name: &str) -> PathBuf {
    repository_root().join(format!("tests/snapshots/words/{name}.snap"))
}

/// Returns the row of one mistake: its name, what is said, the exit code.
fn make_table_row(block: &str) -> String {
    let (name, body) = block.split_once('\n').expect("a name and what is said");
    let mut said: Vec<String> = Vec::new();
    let mut code = "";
    for line in body.lines().map(str::trim) {
        if let Some(message) = line.strip_prefix("error: ") {
            said.insert(0, message.to_owned());
        } else if let Some(step) = line.strip_prefix("help: ") {
            said.push(format!("→ {step}"));
        } else if let Some(number) = line.strip_prefix("exit ") {
            code = number;
        } else if let Some(failed) = line.strip_prefix("orders: failed ") {
            said.push(failed.to_owned());
        } else if let Some((_, warning)) = line.split_once("warning: ") {
            said.push(warning.to_owned());
        }
    }
    assert!(!said.is_empty() || code == "0", "nothing is said after: {name}");
    let words = if said.is_empty() { "nothing: it works".to_owned() } else { said.join(" ") };
    let cell = words.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;");
    format!("| {name} | {cell} | {code} |\n")
}

fn make_page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (name, heading) in SECTIONS {
        let text = fs::read_to_string(read_snapshot(name)).expect("a snapshot");
        let _ = write!(page, "\n## {heading}\n\n| mistake | what is said | code |\n|---|---|---|\n");
        page.extend(text.split("\n== ").skip(1).map(make_table_row));
    }
    page
}

#[test]
fn the_page_of_mistakes_shows_what_is_said() {
    let file = repository_root().join("docs/mistakes.md");
    let fresh = make_page();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&file, &fresh).expect("the page");
    }
    let text = fs::read_to_string(&file).expect("the page");
    let first = text.lines().zip(fresh.lines()).enumerate().find(|(_, (then, now))| then != now);
    assert_eq!(first, None, "docs/mistakes.md differs; UPDATE_DOCUMENTS=1 writes it anew");
    assert_eq!(text.lines().count(), fresh.lines().count());
}

#[test]
fn each_snapshot_of_words_has_a_place_on_the_page() {
    let entries = fs::read_dir(repository_root().join("tests/snapshots/words")).expect("the snapshots");
    for entry in entries {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let name = name.strip_suffix(".snap").expect("a snapshot");
        assert!(SECTIONS.iter().any(|(section, _)| *section == name), "{name} is not on the page");
    }
}
