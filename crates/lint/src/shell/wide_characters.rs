//! What the parser of shell scripts can't be given.
//!
//! In scope: the characters, and a text without them that has the same bytes elsewhere. Out of
//! scope: the parser (`syntax::parse`).
//!
//! The scanner of tree-sitter-bash 0.25.1 calls C's `isdigit` with what follows `{` and `{1..`. The
//! result is defined up to U+00FF only; some characters beyond it make it read memory that is not
//! there. No digit is among them, so that another character in their place changes no meaning.

use std::borrow::Cow;

/// The greatest character that C's `isdigit` takes.
const MAX_CHARACTER: char = '\u{ff}';

/// Returns the text with other characters, of as many bytes, where the scanner looks for digits.
pub(super) fn replace_wide_characters(text: &str) -> Cow<'_, str> {
    let mut replaced: Option<String> = None;
    let mut copied = 0;
    for (brace, _) in text.match_indices('{') {
        let Some((at, wide)) = find_wide_character(text, brace + 1) else { continue };
        let out = replaced.get_or_insert_with(|| String::with_capacity(text.len()));
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push_str(match wide.len_utf8() {
            2 => "ÿ",
            3 => "ÿa",
            _ => "ÿÿ",
        });
        copied = at + wide.len_utf8();
    }
    match replaced {
        Some(mut out) => {
            out.push_str(text.get(copied..).unwrap_or_default());
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

/// Skips a range such as `1..9` from this byte on. Returns the character behind it, with its place,
/// if it is beyond what the scanner can take.
fn find_wide_character(text: &str, from: usize) -> Option<(usize, char)> {
    let rest = text.get(from..)?;
    let after_first = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let after = match after_first.strip_prefix("..") {
        Some(second) => second.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => after_first,
    };
    let character = after.chars().next()?;
    (character > MAX_CHARACTER).then_some((text.len() - after.len(), character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scanner_looks_at_is_at_most_one_byte_of_c() {
        for wide in ['Ā', '→', '😀', '\u{10ffff}'] {
            for text in ["{W", "{12W}", "{1..W", "{1..20W}", "a {W b {W", "{{W"] {
                let text = text.replace('W', &wide.to_string());
                let replaced = replace_wide_characters(&text);
                assert_eq!(replaced.len(), text.len(), "{text}");
                assert!(replaced.chars().all(|c| c <= MAX_CHARACTER), "{text}: {replaced}");
            }
        }
    }

    #[test]
    fn every_other_character_stays() {
        for text in ["echo → {a,→} ${→} '😀' {1..3}", "{é 😀", "", "{", "{1..", "→{"] {
            let kept = text.replace("${→}", "${ÿa}");
            assert_eq!(replace_wide_characters(text), kept, "{text}");
        }
    }
}
