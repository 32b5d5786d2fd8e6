//! The paths that a source file names.
//!
//! In scope: `use` trees, opened up, and paths of this crate that stand in the code. Out of scope:
//! what they may name.

use crate::strip::is_word;

/// One path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPath {
    /// The 1-based line.
    pub line: usize,
    /// Its parts: `crate`, `ledger`, `key`, `Key`; a glob ends in `*`.
    pub parts: Vec<String>,
    /// Whether it is in a `use`.
    pub is_in_use: bool,
}

/// Every path of `code` that begins with `crate`, `sheetkeep`, `std`, `super` or `self::`, and
/// everything that is used.
pub fn find_paths(code: &str) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, word)) = next_word(code, at) {
        let end = start + word.len();
        let line = code[..start].matches('\n').count() + 1;
        let after_path = code[..start].ends_with("::");
        if word == "use" {
            let stop = code[end..].find(';').map_or(code.len(), |n| end + n);
            open_use_tree(&code[end..stop], &[], &mut |parts| found.push(NamedPath { line, parts, is_in_use: true }));
            at = stop;
            continue;
        }
        let rooted = matches!(word, "crate" | "sheetkeep" | "std" | "tokio" | "super" | "self");
        if rooted && !after_path && code[end..].starts_with("::") {
            found.push(NamedPath { line, parts: read_path(&code[start..]), is_in_use: false });
        }
        at = end;
    }
    found
}

fn next_word(code: &str, from: usize) -> Option<(usize, &str)> {
    let start = from + code[from..].find(is_word)?;
    let len = code[start..].find(|c| !is_word(c)).unwrap_or(code.len() - start);
    Some((start, &code[start..start + len]))
}

fn read_path(code: &str) -> Vec<String> {
    let end = code.find(|c| !is_word(c) && c != ':').unwrap_or(code.len());
    code[..end].split("::").map(|part| part.trim_matches(':').to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Calls `each` with every leaf of a use tree: `a::{b, c::{self, d}}` has the leaves `a::b`,
/// `a::c::self` and `a::c::d`.
fn open_use_tree(tree: &str, prefix: &[String], each: &mut dyn FnMut(Vec<String>)) {
    let tree = tree.trim();
    let tree = tree.split(" as ").next().filter(|_| !tree.contains('{')).unwrap_or(tree).trim();
    let head = tree.find('{').map_or(tree, |brace| &tree[..brace]);
    let mut path = prefix.to_vec();
    path.extend(head.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()));
    let Some(group) = tree.strip_prefix(head).and_then(|rest| rest.strip_prefix('{')) else {
        each(path);
        return;
    };
    if path == ["crate"] {
        each(vec!["crate".into(), "{".into()]);
    }
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    for branch in split_branches(group) {
        open_use_tree(branch, &path, each);
    }
}

fn split_branches(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_u32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    found.retain(|branch| !branch.trim().is_empty());
    found
}

#[test]
fn use_trees_are_opened_and_inline_paths_are_seen() {
    let code = "use crate::a::{b, c::{self, D as E}};\nuse std::fmt::*;\nfn f(x: crate::g::H) { std::env::var() }";
    let all: Vec<String> = find_paths(code).iter().map(|n| format!("{} {}", n.line, n.parts.join("::"))).collect();
    assert_eq!(
        all,
        [
            "1 crate::a::b",
            "1 crate::a::c::self",
            "1 crate::a::c::D",
            "2 std::fmt::*",
            "3 crate::g::H",
            "3 std::env::var"
        ]
    );
}
