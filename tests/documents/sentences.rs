//! Finds the sentences of a text in Markdown that are too long to read in one go.
//!
//! In scope: paragraphs and list items. Out of scope: tables (`cells`), code blocks, headings, and
//! comments of HTML.

/// The most words that a sentence or a cell of a table may have.
pub const MAX_WORDS: usize = 25;
/// What ends in a full stop and ends no sentence.
const ABBREVIATIONS: [&str; 7] = ["e.g.", "i.e.", "etc.", "vs.", "cf.", "approx.", "no."];

/// A sentence or a cell with more than [`MAX_WORDS`] words.
#[derive(Debug, PartialEq, Eq)]
pub struct LongSentence {
    /// The line of its first word, counted from one.
    pub line: usize,
    pub words: usize,
    /// Its first words, by which a reader finds it.
    pub start: String,
}

/// Returns the sentences of `text` that are too long, in their order.
pub fn long_sentences(text: &str) -> Vec<LongSentence> {
    blocks(text).iter().flat_map(|(line, block)| sentences(*line, block)).filter(|s| s.words > MAX_WORDS).collect()
}

/// Returns the paragraphs and list items of `text`, each with the number of its first line.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let (mut blocks, mut is_fenced, mut is_open) = (Vec::<(usize, String)>::new(), false, false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches("> ");
        if line.starts_with("```") {
            (is_fenced, is_open) = (!is_fenced, false);
        } else if is_fenced || line.is_empty() || ["|", "#", "<!--", ">"].iter().any(|mark| line.starts_with(mark)) {
            is_open = false;
        } else if let (true, None, Some((_, block))) = (is_open, list_item(line), blocks.last_mut()) {
            block.push('\n');
            block.push_str(line);
        } else {
            blocks.push((at + 1, list_item(line).unwrap_or(line).to_owned()));
            is_open = true;
        }
    }
    blocks
}

/// Returns the text of `line` after its list marker, if it begins with one.
fn list_item(line: &str) -> Option<&str> {
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let marks = if after_number.len() < line.len() { [". ", ") "] } else { ["- ", "* "] };
    marks.iter().find_map(|mark| after_number.strip_prefix(mark))
}

/// Splits a block into its sentences; a code span counts as one word.
fn sentences(first_line: usize, block: &str) -> Vec<LongSentence> {
    let (mut found, mut words, mut line) = (Vec::new(), Vec::<&str>::new(), first_line);
    let mut begin = first_line;
    let mut rest = block;
    while let Some((word, after)) = first_word(rest) {
        line += rest[..rest.len() - word.len() - after.len()].matches('\n').count();
        if words.is_empty() {
            begin = line;
        }
        line += word.matches('\n').count();
        words.extend(word.contains(char::is_alphanumeric).then_some(word));
        if ends_a_sentence(word) || first_word(after).is_none() {
            found.push(LongSentence { line: begin, words: words.len(), start: start_of(&words) });
            words.clear();
        }
        rest = after;
    }
    found
}

/// Returns the first word of `text` with its code spans whole, and what follows it.
pub fn first_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let mut is_code = false;
    let end = text.char_indices().find(|&(_, c)| {
        is_code ^= c == '`';
        c.is_whitespace() && !is_code
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    (end > 0).then(|| text.split_at(end))
}

fn ends_a_sentence(word: &str) -> bool {
    let without_code = word.rsplit('`').next().unwrap_or(word);
    let bare = without_code.trim_end_matches(['*', '_', ')', '"', '”', '\'']);
    // The address of a link ends where its bracket does.
    let bare = if without_code.contains("](") && !without_code.ends_with(['.', '!', '?', '*']) { "" } else { bare };
    let is_abbreviation = ABBREVIATIONS.contains(&word.trim_start_matches('('));
    bare.ends_with(['.', '!', '?']) && !is_abbreviation
}

/// Returns the first words, by which a reader finds a place.
pub fn start_of(words: &[&str]) -> String {
    words.iter().take(8).copied().collect::<Vec<_>>().join(" ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> String {
        (0..count).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_sentence_of_26_words_is_found_with_its_line_and_count() {
        let text = format!("# A heading\n\nShort.\nShort, too. {}.\n", numbered(26));
        let found = long_sentences(&text);
        assert_eq!(found.iter().map(|s| (s.line, s.words)).collect::<Vec<_>>(), [(4, 26)], "{found:?}");
        assert!(found[0].start.starts_with("word0 word1 "), "{found:?}");
        assert_eq!(long_sentences(&format!("{}.", numbered(25))), []);
    }

    #[test]
    fn a_list_item_and_a_paragraph_end_a_sentence() {
        let half = numbered(20);
        for text in [
            format!("- {half}\n- {half}"),
            format!("{half}:\n\n1. {half}\n2) {half}"),
            format!("{half}\n\n{half}"),
            format!("**{half}.** {half}"),
            format!("{half} (so it is.) {half}"),
            format!("{half} [link](a/page.md). {half}"),
            format!("{half} `code.` ends. {half}"),
        ] {
            assert_eq!(long_sentences(&text), [], "{text}");
        }
        assert_eq!(long_sentences(&format!("- {half}\n  {half}"))[0].words, 40, "an item of two lines");
    }

    #[test]
    fn an_abbreviation_and_a_code_span_end_no_sentence() {
        let half = numbered(20);
        for join in ["(e.g. this)", "`code.`", "[link](page.md)", "0.1.0", "and:", "`a\nb.`"] {
            assert_eq!(long_sentences(&format!("{half} {join} {half}")).len(), 1, "{join}");
        }
        let code = "`one two three`";
        assert_eq!(long_sentences(&[code; 25].join(" ")), [], "a code span is one word");
    }

    #[test]
    fn tables_and_code_blocks_have_no_sentences() {
        let long = numbered(40);
        for text in
            [format!("| {long} |"), format!("```\n{long}\n```"), format!("<!-- {long} -->"), format!("## {long}")]
        {
            assert_eq!(long_sentences(&text), [], "{text}");
        }
    }
}
