//! Functions of texts.
//!
//! In scope: parts of texts, search and replace, regular expressions, `TEXT`.
//! Out of scope: reading arguments (`args`), patterns of number formats (`format`), dates (`date`).

use regex::{Regex, RegexBuilder};

use crate::format::number_format::NumberFormat;
use crate::formula::args::{Args, count_to_number, to_count};
use crate::formula::budget::extend_text;
use crate::grid::value::{EvalResult, Scalar, to_text};

/// Calls a function of parts of texts.
pub(crate) fn call_text_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    let letters = |text: String| text.chars().collect::<Vec<_>>();
    let rest = |from: usize| args.0.get(from..).filter(|rest| !rest.is_empty()).map(Args).ok_or("#N/A");
    let text = match name {
        "LEN" => return Ok(Scalar::Number(count_to_number(args.text(0)?.encode_utf16().count()))),
        "EXACT" => return Ok(Scalar::Bool(args.text(0)? == args.text(1)?)),
        "UPPER" => args.text(0)?.to_uppercase(),
        "LOWER" => args.text(0)?.to_lowercase(),
        "TRIM" => args.text(0)?.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
        "LEFT" => letters(args.text(0)?).into_iter().take(args.read_char_count(1)?).collect(),
        "RIGHT" => {
            let all = letters(args.text(0)?);
            let skip = all.len().saturating_sub(args.read_char_count(1)?);
            all.into_iter().skip(skip).collect()
        }
        "MID" => {
            let (from, count) = (args.number(1)?, args.number(2)?);
            if from < 1.0 || count < 0.0 {
                return Err("#VALUE!");
            }
            letters(args.text(0)?).into_iter().skip(to_count(from) - 1).take(to_count(count)).collect()
        }
        "HYPERLINK" => args.text(usize::from(args.len() > 1))?,
        "TEXTJOIN" => {
            let skips_empty = args.read_bool(1)?;
            join_values(&args.text(0)?, skips_empty, &rest(2)?)?
        }
        "JOIN" => join_values(&args.text(0)?, false, &rest(1)?)?,
        "REPT" => {
            let (text, times) = (args.text(0)?, args.number(1)?);
            if times < 0.0 {
                return Err("#VALUE!");
            }
            let mut repeated = String::new();
            for _ in 0..if text.is_empty() { 0 } else { to_count(times) } {
                extend_text(&mut repeated, &text)?;
            }
            repeated
        }
        "CHAR" => {
            let code = u32::try_from(to_count(args.number(0)?)).ok().filter(|code| *code > 0);
            code.and_then(char::from_u32).ok_or("#NUM!")?.to_string()
        }
        "PROPER" => capitalize_words(&args.text(0)?),
        "CONCAT" => args.text(0)? + &args.text(1)?,
        _ => {
            let mut joined = String::new();
            for (scalar, _) in args.all() {
                if let Scalar::Error(error) = scalar {
                    return Err(error);
                }
                extend_text(&mut joined, &to_text(scalar))?;
            }
            joined
        }
    };
    Ok(Scalar::Text(text))
}

/// Joins the values of all arguments with a text between them.
fn join_values(between: &str, skips_empty: bool, args: &Args<'_>) -> EvalResult<String> {
    let mut joined = String::new();
    let mut is_first = true;
    for (scalar, _) in args.all() {
        if let Scalar::Error(error) = scalar {
            return Err(error);
        }
        let text = to_text(scalar);
        if skips_empty && text.is_empty() {
            continue;
        }
        if !is_first {
            extend_text(&mut joined, between)?;
        }
        is_first = false;
        extend_text(&mut joined, &text)?;
    }
    Ok(joined)
}

/// Writes the first letter of each word as a capital, and the others small.
fn capitalize_words(text: &str) -> String {
    let mut in_word = false;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if in_word {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        in_word = letter.is_alphabetic();
    }
    out
}

/// Calls a function of searching and replacing, or `TEXT`.
pub(crate) fn call_search_function(name: &str, args: &Args<'_>) -> EvalResult<Scalar> {
    match name {
        "TEXT" => match args.value(0)? {
            Scalar::Number(number) => Ok(Scalar::Text(NumberFormat::new("NUMBER", &args.text(1)?).show(number))),
            other => Ok(Scalar::Text(to_text(&other))),
        },
        "SUBSTITUTE" => substitute(args),
        "FIND" => find_text(args, false),
        "SEARCH" => find_text(args, true),
        "REGEXMATCH" => Ok(Scalar::Bool(compile_pattern(args)?.is_match(&args.text(0)?))),
        "REGEXEXTRACT" => {
            let text = args.text(0)?;
            let captures = compile_pattern(args)?.captures(&text).ok_or("#N/A")?;
            let part = captures.get(1).or_else(|| captures.get(0)).map_or("", |part| part.as_str());
            Ok(Scalar::Text(part.to_owned()))
        }
        _ => {
            let new = args.text(2)?.replace('$', "$$");
            // Groups are written with a backslash, as in RE2.
            let new = (1..=9).fold(new, |new, group| new.replace(&format!("\\{group}"), &format!("${{{group}}}")));
            replace_matches(&compile_pattern(args)?, &args.text(0)?, &new).map(Scalar::Text)
        }
    }
}

fn compile_pattern(args: &Args<'_>) -> EvalResult<Regex> {
    RegexBuilder::new(&args.text(1)?).size_limit(1 << 20).build().map_err(|_| "#REF!")
}

/// Replaces each match, as long as a cell can hold the result.
fn replace_matches(pattern: &Regex, text: &str, new: &str) -> EvalResult<String> {
    let (mut replaced, mut from) = (String::new(), 0);
    for captures in pattern.captures_iter(text) {
        let Some(found) = captures.get(0) else { continue };
        extend_text(&mut replaced, text.get(from..found.start()).unwrap_or_default())?;
        let mut by = String::new();
        captures.expand(new, &mut by);
        extend_text(&mut replaced, &by)?;
        from = found.end();
    }
    extend_text(&mut replaced, text.get(from..).unwrap_or_default())?;
    Ok(replaced)
}

fn substitute(args: &Args<'_>) -> EvalResult<Scalar> {
    let (text, old, new) = (args.text(0)?, args.text(1)?, args.text(2)?);
    let only = args.number_or(3, 0.0)?;
    if old.is_empty() {
        return Ok(Scalar::Text(text));
    }
    if only < 1.0 {
        let mut replaced = String::new();
        for (part, between) in text.split(old.as_str()).zip(std::iter::once("").chain(std::iter::repeat(new.as_str())))
        {
            extend_text(&mut replaced, between)?;
            extend_text(&mut replaced, part)?;
        }
        return Ok(Scalar::Text(replaced));
    }
    let at = text.match_indices(&old).nth(to_count(only).saturating_sub(1)).map(|(at, _)| at);
    Ok(Scalar::Text(match at.and_then(|at| Some((text.get(..at)?, text.get(at + old.len()..)?))) {
        Some((before, after)) => format!("{before}{new}{after}"),
        None => text,
    }))
}

/// Returns the position of a text in another, from 1.
fn find_text(args: &Args<'_>, ignores_case: bool) -> EvalResult<Scalar> {
    let folded = |text: String| if ignores_case { text.to_lowercase() } else { text };
    let (wanted, text) = (folded(args.text(0)?), folded(args.text(1)?));
    let from = args.number_or(2, 1.0)?;
    let skip = to_count(from).checked_sub(1).ok_or("#VALUE!")?;
    let start = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skip).ok_or("#VALUE!")?;
    let at = text.get(start..).and_then(|rest| rest.find(&wanted)).ok_or("#VALUE!")? + start;
    Ok(Scalar::Number(count_to_number(text.get(..at).unwrap_or_default().chars().count() + 1)))
}
