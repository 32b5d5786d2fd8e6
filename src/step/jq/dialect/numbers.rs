//! Numbers as in jq: parsed from texts, multiplied, divided.
//!
//! In scope: filters that return one number or an error, never several, none or an infinite one.
//! Out of scope: the names of the filters (`step::jq::dialect::filters`).

use std::cell::Cell;

use jaq_core::{Error, ValR};
use jaq_json::{Num, Rc, Val};
use jaq_std::ValT as _;

/// Maximum length of a repeated text, in bytes.
const MAX_REPEATED: f64 = 67_108_864.0;

/// Maximum length of a repeated text where no memory limit applies, in bytes.
pub(crate) const DEFAULT_REPETITION_LIMIT: f64 = 1_024.0;

thread_local! {
    /// The limit on repeated texts, and whether it was exceeded.
    static REPETITION_LIMIT: Cell<(f64, bool)> = const { Cell::new((MAX_REPEATED, false)) };
}

/// Evaluates with the smaller limit on repeated texts. Returns `None` if it was exceeded, because
/// the result is then unknown.
pub(crate) fn evaluate_in_place<T>(evaluate: impl FnOnce() -> T) -> Option<T> {
    let before = REPETITION_LIMIT.replace((DEFAULT_REPETITION_LIMIT, false));
    let evaluated = evaluate();
    let (_, passed) = REPETITION_LIMIT.replace(before);
    (!passed).then_some(evaluated)
}

/// Maximum number of digits of a whole number that is parsed exactly.
const MAX_DIGITS: usize = 1_000;

/// Whole numbers up to this one are exact in a double.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

/// Returns a number unchanged, and the number that a text contains, with blanks around it at most.
pub(crate) fn to_number(value: Val) -> ValR<Val> {
    let text = match &value {
        Val::Num(_) => return Ok(value),
        Val::TStr(text) => text,
        _ => return Err(report_non_number(&value)),
    };
    parse_number(text).map(Val::Num).ok_or_else(|| report_non_number(&value))
}

fn report_non_number(value: &Val) -> Error<Val> {
    Error::str(format_args!("cannot parse {value} as a number"))
}

/// Parses the number of a text: digits with at most one point, an exponent; JSON's forms, and `+5`,
/// `.5`, `1.` and `007`.
fn parse_number(text: &[u8]) -> Option<Num> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t', '\n', '\r']);
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (unsigned.get(..at)?, Some(unsigned.get(at + 1..)?)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) || whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let is_exponent = |part: &str| {
        let digits = part.strip_prefix(['-', '+']).unwrap_or(part);
        !digits.is_empty() && is_digits(digits)
    };
    if !exponent.is_none_or(is_exponent) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    let fraction = fraction.filter(|digits| !digits.is_empty()).map_or_else(String::new, |digits| format!(".{digits}"));
    if fraction.is_empty() && exponent.is_none() && whole.len() <= MAX_DIGITS {
        return Num::from_str_radix(&format!("{sign}{whole}"), 10);
    }
    let exponent = exponent.map_or_else(String::new, |digits| format!("e{digits}"));
    let literal = format!("{sign}{whole}{fraction}{exponent}");
    // A number that a double can't represent would silently become infinite.
    literal.parse::<f64>().ok().filter(|float| float.is_finite())?;
    Some(Num::Dec(Rc::new(literal)))
}

/// Returns the product. A text that would become too long is an error; jaq would end the process.
pub(crate) fn multiply_values(left: Val, right: Val) -> ValR<Val> {
    let repeated = match (&left, &right) {
        (Val::TStr(text) | Val::BStr(text), Val::Num(_)) => Some((text.len(), &right)),
        (Val::Num(_), Val::TStr(text) | Val::BStr(text)) => Some((text.len(), &left)),
        _ => None,
    };
    if let Some((length, count)) = repeated {
        let length = u32::try_from(length).map_or(f64::INFINITY, f64::from);
        let (limit, _) = REPETITION_LIMIT.get();
        if length.max(1.0) * count.as_f64().unwrap_or(f64::NAN) > limit {
            REPETITION_LIMIT.set((limit, true));
            let why = format_args!("cannot repeat a text of {length} bytes {count} times: the most is 64 MiB");
            return Err(Error::str(why));
        }
    }
    left * right
}

/// Returns the quotient; for texts, their parts, as in jq. A whole quotient of numbers is a whole
/// number, so that its text is `3` and not `3.0`.
pub(crate) fn divide_values(left: Val, right: Val) -> ValR<Val> {
    if let (Val::Num(_), Val::Num(_)) = (&left, &right)
        && right.as_f64() == Some(0.0)
    {
        return Err(Error::str(format_args!("cannot divide {left} by {right}: the divisor is zero")));
    }
    (left / right).map(truncate_fraction)
}

fn truncate_fraction(value: Val) -> Val {
    match value {
        Val::Num(Num::Float(float)) if float.fract() == 0.0 && float.abs() <= MAX_EXACT_INTEGER => as_whole(float),
        other => other,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is whole and at most 2^53, or meant to be cut to what fits")]
fn as_whole(float: f64) -> Val {
    Val::Num(Num::Int(float as isize))
}

/// Returns the remainder of two numbers, after truncating their fractions, as in jq.
pub(crate) fn compute_remainder(left: Val, right: Val) -> ValR<Val> {
    let cut = |value: Val| match value {
        Val::Num(Num::Float(_) | Num::Dec(_)) => match value.as_f64() {
            Some(float) if float.is_finite() => as_whole(float),
            _ => value,
        },
        other => other,
    };
    let (left, right) = (cut(left), cut(right));
    if let (Val::Num(_), Val::Num(Num::Int(0))) = (&left, &right) {
        return Err(Error::str(format_args!("cannot divide {left} by {right}: the divisor is zero")));
    }
    let right = match right {
        // The sign of the divisor does not matter.
        Val::Num(Num::Int(int)) => Val::Num(Num::Int(int.checked_abs().unwrap_or(isize::MAX))),
        other => other,
    };
    left % right
}
