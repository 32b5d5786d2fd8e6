//! Syntax errors: what is wrong with an expression, and where in its source.
//!
//! In scope: the first error of loading or compiling, with its position. Out of scope: compiling
//! (`step::jq::program`).

use std::io;
use std::ops::Range;

use jaq_core::{compile, load};
use thiserror::Error as ThisError;

use crate::step::jq::brackets;
use crate::step::jq::dialect::filters::DISALLOWED_FILTERS;
use crate::step::jq::nesting::{MAX_LEVELS, Nesting};

/// Why an expression is invalid.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{message}")]
pub struct SyntaxError {
    /// The message, without the position.
    pub message: String,
    /// The position, in bytes of the expression; empty at its end.
    pub at: Range<usize>,
}

impl SyntaxError {
    /// Returns two lines: the expression, and a caret under the position.
    pub fn format_caret(&self, expression: &str) -> String {
        let before = expression.get(..self.at.start).unwrap_or(expression);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let shown = expression.get(line..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = before.get(line..).unwrap_or_default().chars().count();
        format!("{shown}\n{}^ {}", " ".repeat(column), self.message)
    }
}

/// Maximum length of an expression, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// Maximum number of open brackets in an expression; its parser recurses for each.
const MAX_BRACKETS: usize = 200;

/// Measures how deep `source` nests; fails if it is too long or too nested to be parsed.
pub(crate) fn measure_nesting(source: &str) -> Result<Nesting, SyntaxError> {
    if source.len() > MAX_BYTES {
        let message = format!("an expression has at most {MAX_BYTES} bytes");
        return Err(SyntaxError { message, at: 0..source.len() });
    }
    if let Some(at) = brackets::find_deep_bracket(source, MAX_BRACKETS) {
        let message = format!("more than {MAX_BRACKETS} brackets are open");
        return Err(SyntaxError { message, at: at..find_char_end(source, at) });
    }
    let nesting = Nesting::measure(source);
    if nesting.is_too_deep() {
        let message = format!("more than {MAX_LEVELS} operators follow each other; write it as several steps");
        return Err(SyntaxError { message, at: 0..source.len() });
    }
    Ok(nesting)
}

/// Returns the error that the system provides no thread with a stack for a deep expression.
pub(crate) fn describe_thread_error(source: &str, error: &io::Error) -> SyntaxError {
    let message = format!("the system gives no thread to compile it in ({error}); run it again later");
    SyntaxError { message, at: 0..source.len() }
}

pub(crate) fn load_error(source: &str, errors: &load::Errors<&str, ()>) -> SyntaxError {
    let end = source.len()..source.len();
    let Some((_, error)) = errors.first() else {
        return SyntaxError { message: "the expression is not valid jq".into(), at: end };
    };
    match error {
        load::Error::Lex(errors) => errors.first().map(|(expected, rest)| {
            let at = find_position(source, rest);
            SyntaxError {
                message: format!("expected {}", expected.as_str()),
                at: at.start..find_char_end(source, at.start),
            }
        }),
        load::Error::Parse(errors) => errors.first().map(|(expected, found)| {
            let found_text = if found.is_empty() { "the end".to_owned() } else { format!("`{found}`") };
            SyntaxError {
                message: format!(
                    "expected {}, found {found_text}",
                    match expected.as_str() {
                        "nothing" => "the end of the expression",
                        other => other,
                    }
                ),
                at: if found.is_empty() { end.clone() } else { find_position(source, found) },
            }
        }),
        load::Error::Io(errors) => errors.first().map(|(path, _)| SyntaxError {
            message: "modules can't be loaded; write the definition in the expression".into(),
            at: find_position(source, path),
        }),
    }
    .unwrap_or(SyntaxError { message: "the expression is not valid jq".into(), at: end })
}

/// Returns the error of a source that parses but is not an expression, such as one that begins with
/// module metadata.
pub(crate) fn describe_non_expression(source: &str) -> SyntaxError {
    SyntaxError { message: "an expression is needed, without a module's head".into(), at: 0..source.len() }
}

pub(crate) fn describe_compile_error(source: &str, errors: &compile::Errors<&str, ()>) -> SyntaxError {
    let first = errors.iter().flat_map(|(_, errors)| errors).next();
    let Some((name, kind)) = first else {
        return SyntaxError { message: "the expression does not compile".into(), at: 0..source.len() };
    };
    let message = match kind {
        _ if DISALLOWED_FILTERS.contains(name) || *name == "$ENV" => {
            format!("`{name}` is not available: an expression sees its record and nothing else")
        }
        compile::Undefined::Filter(arity) => format!("there is no filter `{name}/{arity}`"),
        other => format!("there is no {} `{name}`", other.as_str()),
    };
    SyntaxError { message, at: find_position(source, name) }
}

/// Returns the position of `part`, a slice of `source`; the end of `source` if it is not a slice of
/// it.
fn find_position(source: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(source.as_ptr() as usize);
    if start.checked_add(part.len()).is_some_and(|end| end <= source.len()) {
        start..start + part.len()
    } else {
        source.len()..source.len()
    }
}

fn find_char_end(source: &str, start: usize) -> usize {
    source.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8())
}
