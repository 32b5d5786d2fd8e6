//! Counts the open brackets of an expression without recursion.
//!
//! In scope: the one count that must happen before jaq's lexer, which recurses for each open
//! bracket. Out of scope: the nesting of tokens (`step::jq::nesting`).
//!
//! Brackets in a text or a comment do not count. So the count follows the lexer through both, and
//! through its recovery from a block that does not close.

/// Returns the byte position in `source` at which more than `limit` brackets are open; `None` if
/// there is none.
pub(crate) fn find_deep_bracket(source: &str, limit: usize) -> Option<usize> {
    let mut open = Vec::new();
    let mut brackets = 0;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let at = source.len() - rest.len();
        rest = match (open.last(), c) {
            (Some('"'), '\\') => match after.chars().next() {
                Some('(') => {
                    open.push('(');
                    brackets += 1;
                    after.get(1..).unwrap_or_default()
                }
                escaped => after.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default(),
            },
            (Some('"'), '"') => {
                open.pop();
                after
            }
            (Some('"'), _) => after,
            (_, '#') => skip_comment(after),
            (_, '"') => {
                open.push('"');
                after
            }
            (_, '(' | '[' | '{') => {
                open.push(c);
                brackets += 1;
                after
            }
            (_, c) if is_in_token(c) || c.is_whitespace() => after,
            _ => {
                let closes = leave(&mut open, &mut brackets, c)?;
                if closes { after } else { rest }
            }
        };
        if brackets > limit {
            return Some(at);
        }
    }
    None
}

/// Leaves blocks, as the lexer does, until `c` closes one or an enclosing text is reached. Returns
/// `None` where the lexer stops.
fn leave(open: &mut Vec<char>, brackets: &mut usize, c: char) -> Option<bool> {
    while let Some(bracket) = open.pop_if(|bracket| *bracket != '"') {
        *brackets -= 1;
        if matches!((bracket, c), ('(', ')') | ('[', ']') | ('{', '}')) {
            return Some(true);
        }
    }
    open.last().map(|_| false)
}

/// Returns whether a token may contain this character, brackets and quotes apart.
fn is_in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_$@.:;,?|=!<>+-*/%".contains(c)
}

/// Returns what follows a comment. A comment continues after a line that ends with an odd number of
/// backslashes.
fn skip_comment(mut rest: &str) -> &str {
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        rest = after;
        if line.chars().rev().take_while(|c| *c == '\\').count() % 2 == 0 {
            return rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_and_comments_close_nothing() {
        for (source, beyond_two) in [
            ("((1))", None),
            ("(((1)))", Some(2)),
            ("(1) + (2) + (3)", None),
            (r#"(")" + (")" + (1)))"#, Some(14)),
            ("(#)\n(#)\r\n[", Some(9)),
            ("(#\\\n)(\n(#((\n))", None),
            (r#""((( \" \\(((" | ((1))"#, None),
            (r#""\("\("\(1)")")""#, Some(7)),
            (r#""\(])((((""#, None),
            ("(§(((", None),
            ("[(] [(] [(]", None),
        ] {
            assert_eq!(find_deep_bracket(source, 2), beyond_two, "{source}");
        }
    }
}
