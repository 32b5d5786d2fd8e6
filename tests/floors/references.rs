//! The rule on references: a comment that names a module by its path names one that exists.
//!
//! In scope: paths between backticks whose first part is a room, such as `store::load::loader`, and
//! what a file has to contain of the rest. Out of scope: links, which rustdoc checks.

use crate::Files;
use crate::strip::is_word;

/// The rooms that are crates of their own, and their sources.
const CRATES: &[(&str, &str)] = &[
    ("emulator", "crates/sheets-emulator/src"),
    ("sheets_client", "crates/sheets-client/src"),
    ("ledger", "crates/ledger/src"),
    ("schedule", "crates/schedule/src"),
];

/// Returns each path in the comments of a file that leads nowhere: line and sentence.
pub fn dangling_references(path: &str, text: &str, files: &Files) -> Vec<(usize, String)> {
    let member = path.find("/src/").map(|at| &path[..at + "/src".len()]);
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        for name in comment.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            let parts: Vec<&str> = name.split("::").collect();
            let ways = ways(&parts, member, files);
            if !ways.is_empty() && !ways.iter().any(|way| leads_somewhere(way, files)) {
                found.push((at + 1, format!("`{name}` names nothing that exists")));
            }
        }
    }
    found
}

fn is_path(name: &str) -> bool {
    name.contains("::")
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| is_word(c) || c == ':')
}

/// The paths below the root of the sources that may be meant; none if the first part is not a room.
fn ways(parts: &[&str], member: Option<&str>, files: &Files) -> Vec<Vec<String>> {
    let whole = |base: &str, rest: &[&str]| -> Vec<String> {
        base.split('/').filter(|part| !part.is_empty()).chain(rest.iter().copied()).map(str::to_owned).collect()
    };
    let of_crate = CRATES.iter().filter(|(room, _)| *room == parts[0]).map(|(_, base)| whole(base, &parts[1..]));
    let beside = [Some(""), Some("crates/base/src"), member].into_iter().flatten().map(|base| whole(base, parts));
    let is_room = |way: &Vec<String>| {
        let first = way.iter().take(way.len() - parts.len() + 1).cloned().collect::<Vec<_>>().join("/");
        files.keys().any(|path| *path == format!("{first}.rs") || path.starts_with(&format!("{first}/")))
    };
    of_crate.chain(beside.filter(is_room)).collect()
}

/// Whether folders and files follow the way, and the file contains the names that are left.
fn leads_somewhere(way: &[String], files: &Files) -> bool {
    let is_folder = |depth: usize| files.contains_key(&format!("{}/mod.rs", way[..depth].join("/")));
    let file = (1..=way.len()).rev().find_map(|depth| {
        let text = files.get(&format!("{}.rs", way[..depth].join("/")))?;
        Some((depth, text))
    });
    match file {
        Some((depth, text)) => way[depth..].iter().all(|name| text.split(|c| !is_word(c)).any(|word| word == name)),
        None => is_folder(way.len()),
    }
}

#[test]
fn a_path_in_a_comment_has_to_lead_to_a_module() {
    let files: Files = [
        ("store/mod.rs", ""),
        ("store/load/mod.rs", ""),
        ("store/load/loader.rs", "pub struct Loader;"),
        ("crates/ledger/src/items/key.rs", "pub struct Key;"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    let dangling = |text: &str| dangling_references("store/load/loader.rs", text, &files).len();
    assert_eq!(dangling("//! `store::load::loader::Loader`, `store::load`, `ledger::items::key`, `std::fs`.\n"), 0);
    assert_eq!(dangling("/// `store::fetch`, `ledger::key`, `store::load::loader::Fetcher`.\n"), 3);
}
