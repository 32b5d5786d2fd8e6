//! What a cell or a formula comes to, and what arithmetic, joining and comparison take it for.
//!
//! In scope: the kinds of outcomes and their conversions. Out of scope: reading formulas (`formula`), functions (`functions`),
//! how an outcome looks in a number format (`render`).

/// What a cell or a formula comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Blank,
    /// A number, finite.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Bool(bool),
    /// An error as the cell shows it, such as `#DIV/0!`.
    Error(&'static str),
}

/// An outcome's parts, or the error that the cell shows.
pub type EvalResult<T> = Result<T, &'static str>;

/// The `ErrorValue.type` of the API for an error as a cell shows it.
pub(crate) fn error_type(shown: &str) -> &'static str {
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

/// The error that shows as this text.
pub(crate) fn error_named(text: &str) -> &'static str {
    ERRORS.into_iter().find(|known| *known == text).unwrap_or("#ERROR!")
}

/// Every error that a cell can show.
pub(crate) const ERRORS: [&str; 8] = ["#DIV/0!", "#NAME?", "#REF!", "#VALUE!", "#NUM!", "#N/A", "#NULL!", "#ERROR!"];

/// A number that a cell can hold.
pub(crate) fn finite(value: f64) -> EvalResult<Scalar> {
    if value.is_finite() { Ok(Scalar::Number(value)) } else { Err("#NUM!") }
}

/// The number that arithmetic takes an outcome for.
pub(crate) fn number(scalar: &Scalar) -> EvalResult<f64> {
    match scalar {
        Scalar::Blank => Ok(0.0),
        Scalar::Number(n) => Ok(*n),
        Scalar::Bool(b) => Ok(f64::from(u8::from(*b))),
        Scalar::Text(text) => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or("#VALUE!"),
        Scalar::Error(error) => Err(error),
    }
}

/// The text that `&` takes an outcome for.
pub(crate) fn shown(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Blank => String::new(),
        Scalar::Number(n) => n.to_string(),
        Scalar::Text(text) => text.clone(),
        Scalar::Bool(b) => b.to_string().to_ascii_uppercase(),
        Scalar::Error(error) => (*error).to_owned(),
    }
}

/// 0, 1 or 2 for less, equal, more; numbers come before texts, texts before booleans, as in Sheets.
pub(crate) fn compare(left: &Scalar, right: &Scalar) -> EvalResult<usize> {
    let order = match (left, right) {
        (Scalar::Error(error), _) | (_, Scalar::Error(error)) => return Err(error),
        // A blank is the empty text as well as 0.
        (Scalar::Blank, Scalar::Text(text)) if text.is_empty() => std::cmp::Ordering::Equal,
        (Scalar::Text(text), Scalar::Blank) if text.is_empty() => std::cmp::Ordering::Equal,
        (Scalar::Text(a), Scalar::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Scalar::Text(_), _) => std::cmp::Ordering::Greater,
        (_, Scalar::Text(_)) => std::cmp::Ordering::Less,
        _ => number(left)?.total_cmp(&number(right)?),
    };
    Ok(match order {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 2,
    })
}
