//! Rules on words: which ones no name and no comment uses, and that a public type name occurs once.
//!
//! In scope: names, comments and docs, those of tests too. Out of scope: strings, which are data or
//! messages.

use std::collections::BTreeMap;

use crate::strip::{is_word, names_and_comments, production_code};

/// Words of which each has a plain one: report, return, store, skip, fix, another run, the user, an
/// anomaly, an undo log.
pub const BANNED: &[&str] = &[
    "told",
    "tell",
    "tells",
    "telling",
    "somebody",
    "nobody",
    "whoever",
    "astray",
    "stands",
    "mend",
    "mends",
    "mended",
    "laid",
    "blemish",
    "blemishes",
    "deed",
    "deeds",
    "errand",
    "errands",
    "hindsight",
    "upkeep",
    "stance",
    "virgin",
    "bury",
    "buried",
    "swept",
    "hush",
    "desk",
    "sighting",
    "hurry",
    "hurried",
    "culprit",
    "riddle",
    "untold",
    "unswept",
];

/// Public names that two things share, each with its reason.
const SHARED_NAMES: &[(&str, &str)] = &[
    ("ApiError", "the client and the emulator share no types"),
    ("NumberFormat", "the client and the emulator share no types"),
    ("TokenError", "the client and the emulator share no types"),
];

/// Each "X is no Y" in the comments and messages of a file: line and sentence. "There is no Y" and
/// "is no longer" are fine.
pub fn negated_nouns(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for (nth, pair) in words.windows(3).enumerate() {
            let verb = pair[0].trim_start_matches(|c: char| !is_word(c));
            let is_negated = matches!(verb, "is" | "are" | "was" | "were") && pair[1] == "no";
            let before = nth.checked_sub(1).and_then(|before| words.get(before)).copied().unwrap_or_default();
            // The line above may end with "there".
            let is_there = before.to_lowercase().ends_with("there") || before.starts_with("//");
            if is_negated && !is_there && !pair[2].starts_with("longer") {
                found.push((at + 1, format!("`{verb} no {}`: write \"is not a …\"", pair[2])));
            }
        }
    }
    found
}

/// Each use of a banned word in the names and comments of a file: line and sentence.
pub fn banned_words(text: &str) -> Vec<(usize, String)> {
    let lines = names_and_comments(text);
    let found = lines.lines().enumerate().flat_map(|(at, line)| {
        let words = line.split(|c: char| !is_word(c)).flat_map(parts);
        let banned = words.filter(|word| BANNED.contains(&word.as_str()));
        banned
            .map(move |word| (at + 1, format!("`{word}`: say it in plain words (docs/glossary.md)")))
            .collect::<Vec<_>>()
    });
    found.collect()
}

/// The words of a name, in lower case: `LoadPlan` has two, and so has `load_plan`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().expect("there is one").extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    parts
}

/// Public types that several files define under one name, one sentence for each name.
pub fn shared_type_names<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let mut defined: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files {
        for name in production_code(text).lines().filter_map(public_type) {
            defined.entry(name).or_default().push(path);
        }
    }
    let is_free = |name: &str| SHARED_NAMES.iter().all(|(shared, _)| *shared != name);
    let shared = defined.into_iter().filter(|(name, paths)| paths.len() > 1 && is_free(name));
    shared.map(|(name, paths)| format!("`{name}` is a public type of {}", paths.join(" and of "))).collect()
}

/// The name of the public type that a line defines.
fn public_type(line: &str) -> Option<String> {
    let line = line.trim_start().strip_prefix("pub ")?;
    let kinds = ["struct ", "enum ", "trait ", "type "];
    let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
    Some(rest.chars().take_while(|c| is_word(*c)).collect())
}

#[test]
fn banned_words_are_seen_in_names_and_comments_only() {
    let text = "/// It tells.\nfn was_told(mended: u8) { f(\"told\") }\nstruct BlemishRow;\nfn fortold() {}\n";
    let found: Vec<_> = banned_words(text).into_iter().map(|(line, _)| line).collect();
    assert_eq!(found, [1, 2, 2, 3]);
}

#[test]
fn a_noun_is_negated_by_not() {
    let fine = "// There is no row.\nlet a = \"it is no longer there, and there are no rows\";\n// Has no rows.\n";
    assert!(negated_nouns(fine).is_empty(), "{:?}", negated_nouns(fine));
    let refused = "/// It is no row.\nlet a = format!(\"{x} is no date; write it\");\n";
    assert_eq!(negated_nouns(refused).into_iter().map(|(line, _)| line).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_public_type_name_of_two_files_is_seen() {
    let files = [("a.rs", "pub struct One;\nstruct Two;\n"), ("b.rs", "pub enum One { A }\npub struct Two;\n")];
    assert_eq!(shared_type_names(files.into_iter()), ["`One` is a public type of a.rs and of b.rs"]);
}
