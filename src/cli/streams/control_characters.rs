//! Characters that would control a terminal, made visible.

use std::borrow::Cow;

/// Makes all characters of `text` visible that would control a terminal: escapes, line breaks, and
/// marks that change the writing direction.
pub fn make_visible(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .map(|c| match u32::from(c) {
                0x0a => '⏎',
                code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
                _ if steers(c) => '\u{fffd}',
                _ => c,
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_steer_a_terminal_are_shown_and_not_obeyed() {
        assert_eq!(make_visible("a\u{1b}[31mb\nc\td\u{202e}e\u{9b}"), "a␛[31mb⏎c␉d\u{fffd}e\u{fffd}");
        assert!(matches!(make_visible("ä 日本 ok"), Cow::Borrowed(_)));
    }
}
