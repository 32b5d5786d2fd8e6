//! Finds sentences in the comments of a source file that are too long to read in one go.
//!
//! In scope: comments and docs that have lines of their own. Out of scope: what a sentence is
//! (`documents/sentences.rs`), comments behind code, and texts in strings.

use crate::sentences::long_sentences;
use crate::strip::names_and_comments;

/// What a line of a comment begins with; the longer ones first.
const MARKS: [&str; 3] = ["///", "//!", "//"];

/// Each sentence that is too long: its line and what to do.
pub fn long_comments(text: &str) -> Vec<(usize, String)> {
    let found = long_sentences(&extract_comments(&names_and_comments(text))).into_iter();
    let what = |words: usize, start: &str| format!("a sentence of {words} words: make two of \"{start} …\"");
    found.map(|sentence| (sentence.line, what(sentence.words, &sentence.start))).collect()
}

/// Returns the text of the comments, line for line. What is not a comment becomes a blank line, which
/// ends a sentence.
fn extract_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_start) {
        let comment = MARKS.iter().find_map(|mark| line.strip_prefix(mark));
        // One blank belongs to the mark; more of them show code and lists.
        out.push_str(comment.map_or("", |rest| rest.strip_prefix(' ').unwrap_or(rest)));
        out.push('\n');
    }
    out
}

#[test]
fn a_long_sentence_of_a_comment_is_found() {
    let words = |count: usize| vec!["word"; count].join(" ");
    let long = format!("//! M.\n//!\n//! {}\n//! {}.\nfn f() {{}}\n", words(13), words(13));
    assert_eq!(long_comments(&long).into_iter().map(|(line, _)| line).collect::<Vec<_>>(), [3]);
    let fine = format!(
        "//! {}.\n//! {}.\nfn f() {{}} // {}\n/// {}\nconst A: &str = \"\n// {}\";\n// {}\n",
        words(20),
        words(20),
        words(30),
        words(20),
        words(30),
        words(20)
    );
    assert_eq!(long_comments(&fine), []);
}
