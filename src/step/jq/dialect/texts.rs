//! Texts as in jq: JSON parsed and written, joined, trimmed, searched.
//!
//! In scope: filters that return one value or an error. Out of scope: the names of the filters
//! (`step::jq::dialect::filters`).

use std::io::Write as _;

use jaq_core::{Error, ValR, ValT as _};
use jaq_json::{Num, Val, read};
use serde::de::IgnoredAny;

/// Maximum nesting of a value that is written as JSON; the writer recurses for each level.
const MAX_DEPTH: usize = 10_000;

/// Parses the one value of a JSON text. Strict JSON: jaq's own parser also accepts comments, NaN,
/// `+1` and several values.
pub(crate) fn from_json(value: &Val) -> ValR<Val> {
    let Val::TStr(text) = value else { return Err(Error::typ(value.clone(), "string")) };
    serde_json::from_slice::<IgnoredAny>(text).map_err(|why| {
        let why = why.to_string();
        let why = if why.starts_with("recursion limit") { "it is nested more than 127 deep" } else { why.as_str() };
        Error::str(format_args!("the text is not valid JSON: {why}"))
    })?;
    read::parse_single(text).map_err(|why| Error::str(format_args!("the text is not valid JSON: {why}")))
}

/// Returns a text unchanged, anything else as JSON.
pub(crate) fn to_string(value: Val) -> ValR<Val> {
    match value {
        Val::TStr(_) => Ok(value),
        Val::BStr(bytes) => Ok(Val::TStr(bytes)),
        other => to_json(&other).map(Val::utf8_str),
    }
}

/// Writes the value as JSON, with numbers as jq writes them: whole ones without a fraction, NaN as
/// null, infinite ones as the largest double.
pub(crate) fn to_json(value: &Val) -> Result<Vec<u8>, Error<Val>> {
    let mut out = Vec::new();
    write(&mut out, value, 0)?;
    Ok(out)
}

fn write(out: &mut Vec<u8>, value: &Val, depth: usize) -> Result<(), Error<Val>> {
    if depth > MAX_DEPTH {
        return Err(Error::str(format_args!("the value is nested more than {MAX_DEPTH} deep")));
    }
    match value {
        Val::Arr(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(out, item, depth + 1)?;
            }
            out.push(b']');
        }
        Val::Obj(members) => {
            out.push(b'{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(out, name, depth + 1)?;
                out.push(b':');
                write(out, member, depth + 1)?;
            }
            out.push(b'}');
        }
        Val::Num(Num::Float(float)) => write_float(out, *float),
        // Writing to a vector can't fail.
        leaf => _ = write!(out, "{leaf}"),
    }
    Ok(())
}

/// Writes a double as jq does: like C with 17 digits, but with no more digits than necessary.
fn write_float(out: &mut Vec<u8>, float: f64) {
    if float.is_nan() {
        out.extend_from_slice(b"null");
        return;
    }
    let float = float.clamp(f64::MIN, f64::MAX);
    let size = float.abs();
    let _ = if size != 0.0 && !(1e-5..1e17).contains(&size) {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        write!(out, "{mantissa}e{sign}{digits:0>2}")
    } else {
        write!(out, "{float}")
    };
}

/// Joins the texts of an array with the separator. Null is the empty text; numbers and booleans are
/// written as by `tojson`.
pub(crate) fn join(value: Val, separator: &Val) -> ValR<Val> {
    let mut joined: Vec<u8> = Vec::new();
    for (at, item) in value.values().enumerate() {
        if at > 0 {
            match separator {
                Val::Null => {}
                Val::TStr(text) => joined.extend_from_slice(text),
                other => return Err(Error::str(format_args!("cannot join with {other}"))),
            }
        }
        match item? {
            Val::Null => {}
            Val::TStr(text) => joined.extend_from_slice(&text),
            item @ (Val::Bool(_) | Val::Num(_)) => write(&mut joined, &item, 0)?,
            other => return Err(Error::str(format_args!("cannot join {other}"))),
        }
    }
    Ok(Val::utf8_str(joined))
}

/// Returns the text without this start; anything else unchanged.
pub(crate) fn trim_start(value: Val, start: &Val) -> Val {
    match (&value, start) {
        (Val::TStr(text), Val::TStr(start)) if text.starts_with(start) => Val::utf8_str(text.slice(start.len()..)),
        _ => value,
    }
}

/// Returns the text without this end; anything else unchanged.
pub(crate) fn trim_end(value: Val, end: &Val) -> Val {
    match (&value, end) {
        (Val::TStr(text), Val::TStr(end)) if text.ends_with(end) => Val::utf8_str(text.slice(..text.len() - end.len())),
        _ => value,
    }
}

/// Returns whether one value contains another; values of different kinds are an error.
pub(crate) fn contains_value(value: &Val, part: &Val) -> ValR<Val> {
    let kind = |value: &Val| match value {
        Val::Null => 0,
        Val::Bool(_) => 1,
        Val::Num(_) => 2,
        Val::BStr(_) | Val::TStr(_) => 3,
        Val::Arr(_) => 4,
        Val::Obj(_) => 5,
    };
    if kind(value) != kind(part) {
        return Err(Error::str(format_args!("cannot look for {part} in {value}: they are of two kinds")));
    }
    Ok(Val::Bool(has_part(value, part)))
}

fn has_part(value: &Val, part: &Val) -> bool {
    match (value, part) {
        (Val::TStr(text), Val::TStr(part)) => {
            part.is_empty() || text.windows(part.len()).any(|window| window == &part[..])
        }
        (Val::Arr(items), Val::Arr(parts)) => parts.iter().all(|part| items.iter().any(|item| has_part(item, part))),
        (Val::Obj(members), Val::Obj(parts)) => {
            parts.iter().all(|(name, part)| members.get(name).is_some_and(|member| has_part(member, part)))
        }
        (value, part) => value == part,
    }
}
