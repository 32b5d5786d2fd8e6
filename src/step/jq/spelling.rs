//! The spelling of a field's path that was probably meant: `."Order ID"` for `.Order ID`.
//!
//! In scope: fields whose names are not jq identifiers, and the spellings of other languages. Out
//! of scope: whether a record has the field (`runner::header_row`).

use std::ops::Range;

use crate::step::jq::program::Program;

/// Returns the path that was probably meant by an expression that does not compile, or by its part
/// at the error's position. `None` if no spelling of it compiles.
pub(crate) fn suggest_path(expression: &str, error: &Range<usize>) -> Option<String> {
    let text = expression.trim();
    let whole = text.strip_prefix('$').unwrap_or(text);
    let path = as_path(whole).filter(|path| path != text).or_else(|| {
        let part = find_part_at(expression, error)?;
        as_path(part).filter(|path| path != part)
    })?;
    Program::compile(&path).ok()?;
    Some(path)
}

/// Returns the text as a path, if it consists of names only.
fn as_path(text: &str) -> Option<String> {
    let names = text.strip_prefix('.').unwrap_or(text);
    let is_name = |name: &str| {
        !name.is_empty() && name.trim() == name && name.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c))
    };
    if !names.split('.').all(is_name) {
        return None;
    }
    let is_plain = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let member = |name: &str| if is_plain(name) { format!(".{name}") } else { format!(".{name:?}") };
    Some(names.split('.').map(member).collect())
}

/// Returns the piece of an expression around a position that looks like a path: from its dot to the
/// end of the word.
fn find_part_at<'e>(expression: &'e str, error: &Range<usize>) -> Option<&'e str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let before = expression.get(..error.start)?;
    let start = before.trim_end_matches(is_part).len().checked_sub(1)?;
    let end = error.start
        + expression.get(error.start..)?.find(|c: char| !is_part(c)).unwrap_or(expression.len() - error.start);
    expression.get(start..end).filter(|part| part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggest(expression: &str) -> Option<String> {
        let error = Program::compile(expression).err()?;
        suggest_path(expression, &error.at)
    }

    #[test]
    fn a_field_is_suggested_in_the_spelling_that_works() {
        for (expression, path) in [
            ("id", ".id"),
            ("Order ID", ".\"Order ID\""),
            (".Order ID", ".\"Order ID\""),
            (".order-id", ".\"order-id\""),
            ("order-id", ".\"order-id\""),
            ("$.id", ".id"),
            ("$.order.line-no", ".order.\"line-no\""),
            (".1st", ".\"1st\""),
            ("{id: .order-id}", ".\"order-id\""),
        ] {
            assert_eq!(suggest(expression).as_deref(), Some(path), "{expression}");
        }
        for expression in [".id |", "foo(", ".a ||", "{id, t: }", ". id | frobnicate"] {
            assert_eq!(suggest(expression), None, "{expression}");
        }
    }
}
