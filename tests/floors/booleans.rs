//! The rule on names of booleans: the first word says that the name is a statement that holds or
//! does not.
//!
//! In scope: fields and parameters of type `bool` or `Option<bool>` in production code. Out of
//! scope: local variables and functions. So are the fields of a struct or an enum whose derived
//! traits make its names part of an outer format (`FORMATS`).

use crate::strip::is_word;

/// First words of a boolean's name: auxiliary verbs, and verbs in the third person.
const FIRST_WORDS: &[&str] = &[
    // Auxiliary verbs.
    "is",
    "has",
    "can",
    "was",
    "had",
    "may",
    "must",
    "needs",
    // Verbs in the third person.
    "abandons",
    "accepts",
    "answers",
    "breaks",
    "claims",
    "closes",
    "completes",
    "covers",
    "deletes",
    "exists",
    "forgets",
    "forwards",
    "hides",
    "honours",
    "ignores",
    "includes",
    "inserts",
    "joins",
    "keeps",
    "matches",
    "omits",
    "opens",
    "predicts",
    "reads",
    "recalculates",
    "recreates",
    "releases",
    "repeats",
    "replaces",
    "runs",
    "sends",
    "shares",
    "shows",
    "skips",
    "streams",
    "takes",
    "uses",
    "waits",
    "wants",
    "writes",
];

/// Derived traits that make field names those of flags, of JSON or of TOML.
const FORMATS: &[&str] = &["Args", "Parser", "Subcommand", "Serialize", "Deserialize"];

/// Functions of outside traits, which name their parameters.
const OUTSIDE: &[&str] = &["record_bool", "visit_bool"];

/// Each field and each parameter in `code` whose name is not a statement: line and sentence. `code`
/// is production code without comments and strings.
pub fn unclear_booleans(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_format = false;
    let mut derives_format = false;
    for (at, line) in code.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("#[derive") {
            derives_format |= start.split(|c: char| !is_word(c)).any(|word| FORMATS.contains(&word));
        }
        let words: Vec<&str> = start.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()).collect();
        if words.iter().take(3).any(|word| matches!(*word, "struct" | "enum" | "fn" | "impl" | "trait" | "mod")) {
            is_format = std::mem::take(&mut derives_format);
        }
        if is_format || OUTSIDE.iter().any(|name| words.contains(name)) {
            continue;
        }
        let names = booleans(line).filter(|name| !is_statement(name));
        found.extend(names.map(|name| {
            (at + 1, format!("`{name}` is a boolean: begin its name with is_, has_, can_ or a verb such as keeps_"))
        }));
    }
    found
}

/// The names of a line that are of type `bool` or `Option<bool>`.
fn booleans(line: &str) -> impl Iterator<Item = &str> {
    [": bool", ": Option<bool>"].into_iter().flat_map(move |kind| {
        line.match_indices(kind).filter_map(move |(at, _)| {
            let ends = !line[at + kind.len()..].starts_with(is_word);
            let name = line[..at].rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
            (ends && !name.is_empty() && !name.trim_matches('_').is_empty()).then_some(name)
        })
    })
}

/// Whether the first word of a name is one of `FIRST_WORDS`.
fn is_statement(name: &str) -> bool {
    name.trim_start_matches('_').split('_').next().is_some_and(|word| FIRST_WORDS.contains(&word))
}
