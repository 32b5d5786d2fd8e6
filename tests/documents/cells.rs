//! Finds the cells of tables in Markdown that are too long to read in one go.
//!
//! Out of scope: what a word is (`sentences`), tables in code blocks.

use crate::sentences::{LongSentence, MAX_WORDS, first_word, start_of};

/// Returns the table cells of `text` that are too long, in their order.
pub fn long_cells(text: &str) -> Vec<LongSentence> {
    let (mut found, mut is_fenced) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        is_fenced ^= line.starts_with("```");
        for cell in cells(line).into_iter().filter(|_| !is_fenced) {
            let words: Vec<&str> = words(cell).filter(|word| word.contains(char::is_alphanumeric)).collect();
            if words.len() > MAX_WORDS {
                found.push(LongSentence { line: at + 1, words: words.len(), start: start_of(&words) });
            }
        }
    }
    found
}

/// Returns the cells of a row of a table; none of any other line. A `|` in a code span or behind a
/// backslash separates no cells.
fn cells(line: &str) -> Vec<&str> {
    let Some(row) = line.strip_prefix('|') else { return Vec::new() };
    let (mut is_code, mut last) = (false, ' ');
    let cells = row.split(|c| {
        is_code ^= c == '`';
        let is_end = c == '|' && !is_code && last != '\\';
        last = c;
        is_end
    });
    cells.collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, after) = first_word(rest)?;
        rest = after;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> String {
        (0..count).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_cell_of_26_words_is_found_with_its_line_and_count() {
        let text =
            format!("Text.\n\n| a | b |\n|---|---|\n| `x|y` z | {} |\n| {} | {} |\n", numbered(26), numbered(25), 7);
        let found = long_cells(&text);
        assert_eq!(found.iter().map(|s| (s.line, s.words)).collect::<Vec<_>>(), [(5, 26)], "{found:?}");
        assert!(found[0].start.starts_with("word0 word1 "), "{found:?}");
        let half = numbered(20);
        for text in [format!("| {half} | {half} |"), format!("```\n| {half} {half} |\n```"), format!("{half} {half}")] {
            assert_eq!(long_cells(&text), [], "{text}");
        }
        for join in ["`a|b`", "a \\| b", "So it is."] {
            assert_eq!(long_cells(&format!("| {half} {join} {half} |")).len(), 1, "{join}");
        }
    }
}
