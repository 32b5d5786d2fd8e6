//! The rule on references: a comment that names a module by its path names one that exists.
//!
//! In scope: paths between backticks whose first part is a top module, such as
//! `store::load::loader`, and what a file has to contain of the rest. After *Out of scope* also
//! single names in parentheses, such as `loader`, and paths with any first part. Out of scope:
//! links, which rustdoc checks.

use crate::Files;
use crate::strip::is_word;

/// The top modules that are crates of their own, and their sources.
const CRATES: &[(&str, &str)] = &[
    ("emulator", "crates/sheets-emulator/src"),
    ("sheets_client", "crates/sheets-client/src"),
    ("ledger", "crates/ledger/src"),
    ("schedule", "crates/schedule/src"),
    ("alerts", "crates/alerts/src"),
    ("lint", "crates/lint/src"),
    ("command_retry", "crates/command-retry/src"),
];
/// The crate whose modules the root package has under their own names.
const BASE: &str = "crates/base/src";

/// Returns each path in the comments of a file that leads nowhere: line and sentence.
pub fn dangling_references(path: &str, text: &str, files: &Files) -> Vec<(usize, String)> {
    let member = path.find("/src/").map(|at| &path[..at + "/src".len()]);
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        for name in comment.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            let parts: Vec<&str> = name.split("::").collect();
            let possible_paths = possible_paths(&parts, member, files);
            if !possible_paths.is_empty() && !possible_paths.iter().any(|way| leads_somewhere(way, files)) {
                found.push((at + 1, format!("`{name}` names nothing that exists")));
            }
        }
    }
    found.extend(dangling_exclusions(path, text, files));
    found
}

/// Returns each module that the head of a file excludes, in the parentheses of its sentence *Out of
/// scope*, and that does not exist.
fn dangling_exclusions(path: &str, text: &str, files: &Files) -> Vec<(usize, String)> {
    let member = path.find("/src/").map(|at| &path[..at + "/src".len()]);
    let mut found = Vec::new();
    let (mut is_exclusion, mut depth) = (false, 0_usize);
    for (at, line) in text.lines().enumerate() {
        let Some(line) = line.strip_prefix("//!") else { break };
        if line.trim().is_empty() {
            is_exclusion = false;
        }
        let begin = line.find("Out of scope:");
        if begin.is_some() {
            (is_exclusion, depth) = (true, 0);
        }
        for (n, part) in line[begin.unwrap_or(0)..].split('`').enumerate() {
            if n % 2 == 0 {
                depth = (depth + part.matches('(').count()).saturating_sub(part.matches(')').count());
            } else if is_exclusion && depth > 0 && is_module_name(part) && !is_module(part, path, member, files) {
                found.push((at + 1, format!("`{part}` names nothing that exists: name the module by its path")));
            }
        }
    }
    found
}

fn is_module_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| is_word(c) || c == ':')
}

/// Whether a name leads to a top module, to one of the base crate, or to one below or beside the file
/// or its folders. Where a path below a top module leads is checked elsewhere.
fn is_module(name: &str, path: &str, member: Option<&str>, files: &Files) -> bool {
    let parts: Vec<&str> = name.split("::").filter(|part| *part != "crate").collect();
    if parts.len() > 1 && !possible_paths(&parts, member, files).is_empty() {
        return true;
    }
    let folders: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let top = member.map_or(0, |member| member.split('/').count());
    let below = (top..=folders.len()).map(|depth| folders[..depth].iter().chain(&parts));
    let below = below.map(|way| way.map(|part| (*part).to_owned()).collect::<Vec<_>>());
    let of_base = BASE.split('/').chain(parts.iter().copied()).map(str::to_owned).collect();
    let of_root = parts.iter().map(|part| (*part).to_owned()).collect();
    let is_crate = parts.len() == 1 && CRATES.iter().any(|(module, _)| *module == parts[0]);
    is_crate || below.chain([of_base, of_root]).any(|way| has_module(&way.join("/"), files))
}

/// Whether a file or a folder has this path.
fn has_module(stem: &str, files: &Files) -> bool {
    files.contains_key(&format!("{stem}.rs")) || files.keys().any(|path| path.starts_with(&format!("{stem}/")))
}

fn is_path(name: &str) -> bool {
    name.contains("::")
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| is_word(c) || c == ':')
}

/// The paths below the root of the sources that may be meant; none if the first part is not a top module.
fn possible_paths(parts: &[&str], member: Option<&str>, files: &Files) -> Vec<Vec<String>> {
    let whole = |base: &str, rest: &[&str]| -> Vec<String> {
        base.split('/').filter(|part| !part.is_empty()).chain(rest.iter().copied()).map(str::to_owned).collect()
    };
    let of_crate = CRATES.iter().filter(|(module, _)| *module == parts[0]).map(|(_, base)| whole(base, &parts[1..]));
    let beside = [Some(""), Some(BASE), member].into_iter().flatten().map(|base| whole(base, parts));
    let is_top_module = |way: &Vec<String>| {
        let first = way.iter().take(way.len() - parts.len() + 1).cloned().collect::<Vec<_>>().join("/");
        has_module(&first, files)
    };
    of_crate.chain(beside.filter(is_top_module)).collect()
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

#[test]
fn a_module_out_of_scope_has_to_exist() {
    let files: Files = [
        ("store/mod.rs", ""),
        ("store/load/mod.rs", ""),
        ("store/load/loader.rs", "pub struct Loader;"),
        ("store/load/loader/pages.rs", ""),
        ("crates/base/src/time.rs", ""),
        ("crates/lint/src/rules.rs", ""),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    let dangling = |text: &str| dangling_references("store/load/loader.rs", text, &files).len();
    for (text, count) in [
        ("//! In scope: a. Out of scope: b (`pages`), c (`loader`), d (`load`), e (`store`), f (`time`, `lint`).\n", 0),
        ("//! Out of scope: reading\n//! (`pager`, `rules`).\n", 2),
        ("//! Out of scope: reading (`load::loader`, `crate::store`).\n", 0),
        ("//! Out of scope: reading (`cli::loader`, `crate::cli`).\n", 2),
        ("//! Out of scope: reading (`lint::gone`).\n", 1),
        ("//! In scope: `a`, b (`c`). Out of scope: `d`, e (calamine), f (`FromStr`), g (`docs/x.md`).\n", 0),
        ("//! Out of scope: a (`store`).\n//!\n//! Another paragraph (`gone`).\n", 0),
    ] {
        assert_eq!(dangling(text), count, "{text}");
    }
}
