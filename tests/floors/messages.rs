//! Rules on the messages of a source file: no sentence that is too long, no word that has a plain one.
//!
//! In scope: the string literals of production code. A message has one line, so a semicolon ends a
//! sentence there. Out of scope: what a sentence and a word are (`documents/sentences.rs`), SQL, lists
//! of names, and messages that are put together of several literals.

use crate::sentences::long_sentences;
use crate::strip::production_strings;
use crate::words::BANNED;

/// What a statement of SQL begins with.
const SQL: [&str; 5] = ["ALTER ", "CREATE ", "INSERT ", "SELECT ", "UPDATE "];
/// Messages with a banned word, each with its reason.
const KEPT: &[(&str, &str)] = &[("whoever edits this tab stops the job", "the wire is frozen")];

/// Each sentence that is too long, and each banned word: the line of its literal and what to do.
pub fn unclear_messages(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, literal) in production_strings(text) {
        if is_data(&literal) {
            continue;
        }
        for sentence in long_sentences(&literal.replace("; ", ".\n\n").replace('\n', "\n\n")) {
            let what = format!("a message of {} words: make two of \"{} …\"", sentence.words, sentence.start);
            found.push((line, what));
        }
        let mut words = literal.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_lowercase);
        let banned = words.find(|word| BANNED.contains(&word.as_str()));
        if let (Some(word), false) = (banned, KEPT.iter().any(|(kept, _)| literal == *kept)) {
            found.push((line, format!("`{word}` in a message: say it in plain words (docs/glossary.md)")));
        }
    }
    found
}

/// Whether `literal` is for a machine: SQL, or a list of names without one lower-case word of four letters.
fn is_data(literal: &str) -> bool {
    let is_word = |word: &str| word.len() > 3 && word.chars().all(|c| c.is_ascii_lowercase());
    SQL.iter().any(|verb| literal.trim_start().starts_with(verb)) || !literal.split([' ', '\n']).any(is_word)
}

#[test]
fn a_message_is_read_clause_by_clause() {
    let clause = vec!["word"; 20].join(" ");
    let lines = |text: String| unclear_messages(&text).into_iter().map(|(line, _)| line).collect::<Vec<_>>();
    assert_eq!(lines(format!("fn f() {{\n    g(\"{clause} \\\n        {clause}\")\n}}")), [2]);
    for fine in [
        format!("g(\"{clause}; {clause}\")"),
        format!("g(\"{clause}\\n{clause}\")"),
        format!("g(\"SELECT {clause} {clause}\")"),
        format!("g(\"{}\")", ["SUM"; 40].join(" ")),
        format!("#[cfg(test)]\nmod tests {{ fn f() {{ g(\"{clause} {clause}\") }} }}"),
    ] {
        assert_eq!(lines(fine.clone()), [], "{fine}");
    }
    assert_eq!(lines("g(\"it tells what\")".into()), [1]);
}
