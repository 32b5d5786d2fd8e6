//! The functions of formulas about texts and moments.
//!
//! In scope: parts of texts, searching and replacing, by regular expressions too, days of the calendar, `TEXT` by a pattern. Out of
//! scope: reading arguments (`formula`), patterns of number formats (`pattern`).

use jiff::civil::{Date, date};
use regex::{Regex, RegexBuilder};

use crate::format::number_format::NumberFormat;
use crate::formula::args::{Args, size, whole};
use crate::formula::budget::extend;
use crate::grid::value::{EvalResult, Scalar, shown};

/// The day from which serial numbers count.
const DAY_ZERO: Date = date(1899, 12, 30);

/// The functions about parts of texts.
pub(crate) fn call_text_function(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    let letters = |text: String| text.chars().collect::<Vec<_>>();
    let text = match name {
        "LEN" => return Ok(Scalar::Number(size(given.text(0)?.encode_utf16().count()))),
        "EXACT" => return Ok(Scalar::Bool(given.text(0)? == given.text(1)?)),
        "UPPER" => given.text(0)?.to_uppercase(),
        "LOWER" => given.text(0)?.to_lowercase(),
        "TRIM" => given.text(0)?.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
        "LEFT" => letters(given.text(0)?).into_iter().take(given.letters(1)?).collect(),
        "RIGHT" => {
            let all = letters(given.text(0)?);
            let skip = all.len().saturating_sub(given.letters(1)?);
            all.into_iter().skip(skip).collect()
        }
        "MID" => {
            let (from, count) = (given.number(1)?, given.number(2)?);
            if from < 1.0 || count < 0.0 {
                return Err("#VALUE!");
            }
            letters(given.text(0)?).into_iter().skip(whole(from) - 1).take(whole(count)).collect()
        }
        "HYPERLINK" => given.text(usize::from(given.len() > 1))?,
        "CONCAT" => given.text(0)? + &given.text(1)?,
        _ => {
            let mut joined = String::new();
            for (scalar, _) in given.all() {
                if let Scalar::Error(error) = scalar {
                    return Err(error);
                }
                extend(&mut joined, &shown(scalar))?;
            }
            joined
        }
    };
    Ok(Scalar::Text(text))
}

/// The functions about searching, about moments, and between the two.
pub(crate) fn call_text_or_date_function(name: &str, given: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "DATE" => day(given.number(0)?, given.number(1)?, given.number(2)?),
        "YEAR" => Ok(Scalar::Number(f64::from(date_of(given.number(0)?)?.year()))),
        "MONTH" => Ok(Scalar::Number(f64::from(date_of(given.number(0)?)?.month()))),
        "DAY" => Ok(Scalar::Number(f64::from(date_of(given.number(0)?)?.day()))),
        "TEXT" => match given.value(0)? {
            Scalar::Number(number) => Ok(Scalar::Text(NumberFormat::new("NUMBER", &given.text(1)?).show(number))),
            other => Ok(Scalar::Text(shown(&other))),
        },
        "SUBSTITUTE" => substitute(given),
        "FIND" => found(given, false),
        "SEARCH" => found(given, true),
        "REGEXMATCH" => Ok(Scalar::Bool(pattern(given)?.is_match(&given.text(0)?))),
        "REGEXEXTRACT" => {
            let text = given.text(0)?;
            let captures = pattern(given)?.captures(&text).ok_or("#N/A")?;
            let part = captures.get(1).or_else(|| captures.get(0)).map_or("", |part| part.as_str());
            Ok(Scalar::Text(part.to_owned()))
        }
        _ => {
            let new = given.text(2)?.replace('$', "$$");
            // Groups are written as RE2 has them, with a backslash.
            let new = (1..=9).fold(new, |new, group| new.replace(&format!("\\{group}"), &format!("${{{group}}}")));
            replaced(&pattern(given)?, &given.text(0)?, &new).map(Scalar::Text)
        }
    }
}

fn pattern(given: &Args<'_>) -> EvalResult<Regex> {
    RegexBuilder::new(&given.text(1)?).size_limit(1 << 20).build().map_err(|_| "#REF!")
}

/// The text with each match replaced, as long as a cell can hold it.
fn replaced(pattern: &Regex, text: &str, new: &str) -> EvalResult<String> {
    let (mut replaced, mut from) = (String::new(), 0);
    for captures in pattern.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        extend(&mut replaced, text.get(from..found.start()).unwrap_or_default())?;
        let mut by = String::new();
        captures.expand(new, &mut by);
        extend(&mut replaced, &by)?;
        from = found.end();
    }
    extend(&mut replaced, text.get(from..).unwrap_or_default())?;
    Ok(replaced)
}

fn substitute(given: &Args<'_>) -> EvalResult<Scalar> {
    let (text, old, new) = (given.text(0)?, given.text(1)?, given.text(2)?);
    let only = given.number_or(3, 0.0)?;
    if old.is_empty() {
        return Ok(Scalar::Text(text));
    }
    if only < 1.0 {
        let mut replaced = String::new();
        for (part, between) in text.split(old.as_str()).zip(std::iter::once("").chain(std::iter::repeat(new.as_str())))
        {
            extend(&mut replaced, between)?;
            extend(&mut replaced, part)?;
        }
        return Ok(Scalar::Text(replaced));
    }
    let at = text.match_indices(&old).nth(whole(only).saturating_sub(1)).map(|(at, _)| at);
    Ok(Scalar::Text(match at.and_then(|at| Some((text.get(..at)?, text.get(at + old.len()..)?))) {
        Some((before, after)) => format!("{before}{new}{after}"),
        None => text,
    }))
}

/// The place of a text in another, from 1.
fn found(given: &Args<'_>, any_case: bool) -> EvalResult<Scalar> {
    let folded = |text: String| if any_case { text.to_lowercase() } else { text };
    let (wanted, text) = (folded(given.text(0)?), folded(given.text(1)?));
    let from = given.number_or(2, 1.0)?;
    let skip = whole(from).checked_sub(1).ok_or("#VALUE!")?;
    let start = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skip).ok_or("#VALUE!")?;
    let at = text.get(start..).and_then(|rest| rest.find(&wanted)).ok_or("#VALUE!")? + start;
    Ok(Scalar::Number(size(text.get(..at).unwrap_or_default().chars().count() + 1)))
}

/// The serial number of a day; months and days may be too many or too few.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn day(year: f64, month: f64, day: f64) -> EvalResult<Scalar> {
    if [year, month, day].iter().any(|part| part.abs() > 100_000.0) || year < 0.0 {
        return Err("#NUM!");
    }
    let (year, month, day) = (year as i32, month as i32 - 1, day as i64);
    let year = (if year < 1900 { year + 1900 } else { year }) + month.div_euclid(12);
    let month = i8::try_from(month.rem_euclid(12) + 1).map_err(|_| "#NUM!")?;
    let first = Date::new(i16::try_from(year).map_err(|_| "#NUM!")?, month, 1).map_err(|_| "#NUM!")?;
    let days = i64::from((first - DAY_ZERO).get_days()) + day - 1;
    i32::try_from(days).map(|days| Scalar::Number(f64::from(days))).map_err(|_| "#NUM!")
}

#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn date_of(serial: f64) -> EvalResult<Date> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return Err("#NUM!");
    }
    DAY_ZERO.checked_add(jiff::Span::new().days(serial.floor() as i64)).map_err(|_| "#NUM!")
}
