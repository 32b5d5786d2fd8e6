//! The words, quoted texts and signs of a query of Drive.

/// A part of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum QueryToken {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

/// Splits a query into words, texts in quotes, and signs; `None` if there is another character, or
/// a quote without its end.
pub(crate) fn split_into_tokens(text: &str) -> Option<Vec<QueryToken>> {
    const OPERATORS: [&str; 10] = ["!=", "<=", ">=", "=", "<", ">", "(", ")", "{", "}"];
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let '\'' | '"' = first {
            let (value, after) = split_quoted(&rest[1..], first)?;
            found.push(QueryToken::Quoted(value));
            rest = after;
        } else if let Some(sign) = OPERATORS.into_iter().find(|sign| rest.starts_with(sign)) {
            found.push(QueryToken::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            found.push(QueryToken::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Some(found)
}

/// Returns a text up to its closing quote, and what follows. A backslash escapes a character.
fn split_quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.push(letters.next()?.1),
            letter if letter == quote => return Some((value, &text[at + letter.len_utf8()..])),
            letter => value.push(letter),
        }
    }
    None
}
