//! Scalars: values of cells and formulas, and their conversions.
//!
//! In scope: the kinds of scalars, conversion for arithmetic, concatenation and comparison.
//! Out of scope: parsing formulas (`formula`), number formats (`format`).

/// The effective value of a cell, or of a part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// No value: the cell is empty. It counts as 0, as FALSE and as an empty text.
    Blank,
    /// A finite number.
    Number(f64),
    /// A text, which may be empty.
    Text(String),
    /// A boolean, displayed as TRUE or FALSE.
    Bool(bool),
    /// An error as the cell displays it, such as `#DIV/0!`.
    Error(&'static str),
}

/// A result of evaluation, or the error that the cell displays.
pub type EvalResult<T> = Result<T, &'static str>;

/// Returns the API's `ErrorValue.type` of a displayed error.
pub(crate) fn find_error_type(shown: &str) -> &'static str {
    match shown {
        "#DIV/0!" => "DIVIDE_BY_ZERO",
        "#NAME?" => "NAME",
        "#REF!" => "REF",
        "#VALUE!" => "VALUE",
        "#NUM!" => "NUM",
        "#N/A" => "N_A",
        _ => "ERROR",
    }
}

/// Returns the error with this text.
pub(crate) fn find_error(text: &str) -> &'static str {
    ERRORS.into_iter().find(|known| *known == text).unwrap_or("#ERROR!")
}

/// All errors that a cell can display.
pub(crate) const ERRORS: [&str; 8] = ["#DIV/0!", "#NAME?", "#REF!", "#VALUE!", "#NUM!", "#N/A", "#NULL!", "#ERROR!"];

/// Converts a finite number into a scalar; others are `#NUM!`.
pub(crate) fn check_finite(value: f64) -> EvalResult<Scalar> {
    if value.is_finite() { Ok(Scalar::Number(value)) } else { Err("#NUM!") }
}

/// Converts a scalar into a number, for arithmetic.
pub(crate) fn to_number(scalar: &Scalar) -> EvalResult<f64> {
    match scalar {
        Scalar::Blank => Ok(0.0),
        Scalar::Number(n) => Ok(*n),
        Scalar::Bool(b) => Ok(f64::from(u8::from(*b))),
        Scalar::Text(text) => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or("#VALUE!"),
        Scalar::Error(error) => Err(error),
    }
}

/// Converts a scalar into a text, for `&`.
pub(crate) fn to_text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Blank => String::new(),
        Scalar::Number(n) => n.to_string(),
        Scalar::Text(text) => text.clone(),
        Scalar::Bool(b) => b.to_string().to_ascii_uppercase(),
        Scalar::Error(error) => (*error).to_owned(),
    }
}

/// Returns 0, 1 or 2 for less, equal, greater. Numbers precede texts, and texts precede booleans,
/// as in Sheets.
pub(crate) fn compare(left: &Scalar, right: &Scalar) -> EvalResult<usize> {
    let order = match (left, right) {
        (Scalar::Error(error), _) | (_, Scalar::Error(error)) => return Err(error),
        // A blank equals both the empty text and 0.
        (Scalar::Blank, Scalar::Text(text)) if text.is_empty() => std::cmp::Ordering::Equal,
        (Scalar::Text(text), Scalar::Blank) if text.is_empty() => std::cmp::Ordering::Equal,
        (Scalar::Text(a), Scalar::Text(b)) => compare_texts(a, b),
        (Scalar::Text(_), _) => std::cmp::Ordering::Greater,
        (_, Scalar::Text(_)) => std::cmp::Ordering::Less,
        _ => to_number(left)?.total_cmp(&to_number(right)?),
    };
    Ok(match order {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 2,
    })
}

/// Compares texts regardless of case.
fn compare_texts(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}
