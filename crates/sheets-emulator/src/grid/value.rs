//! What a cell or a formula comes to, and what arithmetic, joining and comparison take it for.
//!
//! In scope: the kinds of outcomes and their conversions. Out of scope: reading formulas (`formula`), functions (`functions`),
//! how an outcome looks in a number format (`render`).

/// What a cell or a formula comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
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
pub type Computed<T> = Result<T, &'static str>;

/// The `ErrorValue.type` of the API for an error as a cell shows it.
pub fn error_type(shown: &str) -> &'static str {
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
pub fn error_named(text: &str) -> &'static str {
    ERRORS.into_iter().find(|known| *known == text).unwrap_or("#ERROR!")
}

/// Every error that a cell can show.
pub const ERRORS: [&str; 8] = ["#DIV/0!", "#NAME?", "#REF!", "#VALUE!", "#NUM!", "#N/A", "#NULL!", "#ERROR!"];

/// A number that a cell can hold.
pub fn finite(value: f64) -> Computed<Outcome> {
    if value.is_finite() { Ok(Outcome::Number(value)) } else { Err("#NUM!") }
}

/// The number that arithmetic takes an outcome for.
pub fn number(outcome: &Outcome) -> Computed<f64> {
    match outcome {
        Outcome::Blank => Ok(0.0),
        Outcome::Number(n) => Ok(*n),
        Outcome::Bool(b) => Ok(f64::from(u8::from(*b))),
        Outcome::Text(text) => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or("#VALUE!"),
        Outcome::Error(error) => Err(error),
    }
}

/// The text that `&` takes an outcome for.
pub fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Blank => String::new(),
        Outcome::Number(n) => n.to_string(),
        Outcome::Text(text) => text.clone(),
        Outcome::Bool(b) => b.to_string().to_ascii_uppercase(),
        Outcome::Error(error) => (*error).to_owned(),
    }
}

/// 0, 1 or 2 for less, equal, more; numbers come before texts, texts before booleans, as in Sheets.
pub fn compare(left: &Outcome, right: &Outcome) -> Computed<usize> {
    let order = match (left, right) {
        (Outcome::Error(error), _) | (_, Outcome::Error(error)) => return Err(error),
        // A blank is the empty text as well as 0.
        (Outcome::Blank, Outcome::Text(text)) if text.is_empty() => std::cmp::Ordering::Equal,
        (Outcome::Text(text), Outcome::Blank) if text.is_empty() => std::cmp::Ordering::Equal,
        (Outcome::Text(a), Outcome::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Outcome::Text(_), _) => std::cmp::Ordering::Greater,
        (_, Outcome::Text(_)) => std::cmp::Ordering::Less,
        _ => number(left)?.total_cmp(&number(right)?),
    };
    Ok(match order {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => 1,
        std::cmp::Ordering::Greater => 2,
    })
}
