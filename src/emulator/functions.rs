//! The functions of formulas: those of plain arithmetic, logic and text that people put beside a job's rows.
//!
//! In scope: what a function makes of its arguments. Out of scope: reading them (`formula`); functions that give several cells
//! (`ARRAYFORMULA`, `FILTER`, `QUERY`), look things up, fetch, or tell the time: `#NAME?`, as for any name that is not known.

use crate::emulator::outcome::{Computed, Outcome, finite, number, shown};

/// What a function is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A value, or the error that came of it.
    One(Outcome),
    /// The cells of a range, row by row.
    Cells(Vec<Outcome>),
}

/// Whether there is such a function.
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

const NAMES: [&str; 44] = [
    "ABS",
    "AND",
    "AVERAGE",
    "CEILING",
    "CONCAT",
    "CONCATENATE",
    "COUNT",
    "COUNTA",
    "COUNTBLANK",
    "EXACT",
    "FALSE",
    "FLOOR",
    "HYPERLINK",
    "IF",
    "IFERROR",
    "IFNA",
    "INT",
    "ISBLANK",
    "ISERROR",
    "ISNUMBER",
    "ISTEXT",
    "LEFT",
    "LEN",
    "LOWER",
    "MAX",
    "MID",
    "MIN",
    "MOD",
    "NA",
    "NOT",
    "OR",
    "PI",
    "POWER",
    "PRODUCT",
    "RIGHT",
    "ROUND",
    "ROUNDDOWN",
    "ROUNDUP",
    "SQRT",
    "SUM",
    "TRIM",
    "TRUE",
    "UPPER",
    "VALUE",
];

/// What a known function makes of its arguments; `#N/A` for a wrong number of them, as the service has it.
pub fn call(name: &str, arguments: &[Argument]) -> Computed<Outcome> {
    let given = Given(arguments);
    match name {
        "TRUE" => Ok(Outcome::Bool(true)),
        "FALSE" => Ok(Outcome::Bool(false)),
        "PI" => Ok(Outcome::Number(std::f64::consts::PI)),
        "NA" => Err("#N/A"),
        "IF" | "IFERROR" | "IFNA" | "AND" | "OR" | "NOT" => logic(name, &given),
        "ISBLANK" => Ok(Outcome::Bool(given.raw(0)? == Outcome::Blank)),
        "ISERROR" => Ok(Outcome::Bool(matches!(given.raw(0)?, Outcome::Error(_)))),
        "ISNUMBER" => Ok(Outcome::Bool(matches!(given.raw(0)?, Outcome::Number(_)))),
        "ISTEXT" => Ok(Outcome::Bool(matches!(given.raw(0)?, Outcome::Text(_)))),
        "SUM" | "PRODUCT" | "AVERAGE" | "MIN" | "MAX" | "COUNT" | "COUNTA" | "COUNTBLANK" => of_many(name, &given),
        "LEN" | "UPPER" | "LOWER" | "TRIM" | "LEFT" | "RIGHT" | "MID" | "CONCAT" | "CONCATENATE" | "EXACT"
        | "HYPERLINK" => of_text(name, &given),
        _ => of_numbers(name, &given),
    }
}

struct Given<'a>(&'a [Argument]);

impl Given<'_> {
    /// An argument as it is, errors too; a range of one cell is that cell.
    fn raw(&self, at: usize) -> Computed<Outcome> {
        match self.0.get(at).ok_or("#N/A")? {
            Argument::One(outcome) => Ok(outcome.clone()),
            Argument::Cells(cells) if cells.len() == 1 => Ok(cells.first().cloned().unwrap_or(Outcome::Blank)),
            Argument::Cells(_) => Err("#VALUE!"),
        }
    }

    fn value(&self, at: usize) -> Computed<Outcome> {
        match self.raw(at)? {
            Outcome::Error(error) => Err(error),
            outcome => Ok(outcome),
        }
    }

    fn number(&self, at: usize) -> Computed<f64> {
        number(&self.value(at)?)
    }

    fn number_or(&self, at: usize, default: f64) -> Computed<f64> {
        if at < self.0.len() { self.number(at) } else { Ok(default) }
    }

    fn text(&self, at: usize) -> Computed<String> {
        Ok(shown(&self.value(at)?))
    }

    /// How many letters an argument asks for; one unless it is given.
    fn letters(&self, at: usize) -> Computed<usize> {
        let count = self.number_or(at, 1.0)?;
        if count < 0.0 { Err("#VALUE!") } else { Ok(whole(count)) }
    }

    fn truth(&self, at: usize) -> Computed<bool> {
        truth(&self.value(at)?)
    }

    /// Every value, each with whether it stood in a range.
    fn all(&self) -> impl Iterator<Item = (&Outcome, bool)> {
        self.0.iter().flat_map(|argument| match argument {
            Argument::One(outcome) => std::slice::from_ref(outcome).iter().map(|one| (one, false)).collect::<Vec<_>>(),
            Argument::Cells(cells) => cells.iter().map(|cell| (cell, true)).collect(),
        })
    }

    /// The numbers among them: texts and truth values in ranges do not count, those that are written out have to be numbers.
    fn numbers(&self) -> Computed<Vec<f64>> {
        let mut found = Vec::new();
        for (outcome, in_range) in self.all() {
            match outcome {
                Outcome::Error(error) => return Err(error),
                Outcome::Number(value) => found.push(*value),
                _ if in_range => {}
                Outcome::Blank => {}
                other => found.push(number(other)?),
            }
        }
        Ok(found)
    }
}

/// A count, as formulas have it.
fn size(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The whole part of a number that is not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is too large becomes the largest")]
fn whole(value: f64) -> usize {
    value as usize
}

fn truth(outcome: &Outcome) -> Computed<bool> {
    match outcome {
        Outcome::Bool(truth) => Ok(*truth),
        Outcome::Number(value) => Ok(value.abs() > 0.0),
        Outcome::Blank => Ok(false),
        Outcome::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Outcome::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Outcome::Text(_) => Err("#VALUE!"),
        Outcome::Error(error) => Err(error),
    }
}

fn logic(name: &str, given: &Given<'_>) -> Computed<Outcome> {
    let or_blank = |at: usize| if at < given.0.len() { given.value(at) } else { Ok(Outcome::Blank) };
    match name {
        "IF" => match (given.truth(0)?, given.0.len()) {
            (true, _) => given.value(1),
            (false, ..=2) => Ok(Outcome::Bool(false)),
            (false, _) => given.value(2),
        },
        "IFERROR" => match given.raw(0)? {
            Outcome::Error(_) => or_blank(1),
            outcome => Ok(outcome),
        },
        "IFNA" => match given.raw(0)? {
            Outcome::Error("#N/A") => or_blank(1),
            _ => given.value(0),
        },
        "NOT" => Ok(Outcome::Bool(!given.truth(0)?)),
        _ => {
            let texts_and_blanks = |(outcome, in_range): &(&Outcome, bool)| {
                !in_range || !matches!(outcome, Outcome::Text(_) | Outcome::Blank)
            };
            let truths: Vec<bool> =
                given.all().filter(texts_and_blanks).map(|(one, _)| truth(one)).collect::<Computed<_>>()?;
            if truths.is_empty() {
                return Err(if given.0.is_empty() { "#N/A" } else { "#VALUE!" });
            }
            Ok(Outcome::Bool(if name == "AND" { truths.iter().all(|one| *one) } else { truths.contains(&true) }))
        }
    }
}

fn of_many(name: &str, given: &Given<'_>) -> Computed<Outcome> {
    if given.0.is_empty() {
        return Err("#N/A");
    }
    let count = |counts: &dyn Fn(&Outcome) -> bool| {
        Ok(Outcome::Number(size(given.all().filter(|(one, _)| counts(one)).count())))
    };
    match name {
        "COUNT" => count(&|one| matches!(one, Outcome::Number(_))),
        "COUNTA" => count(&|one| *one != Outcome::Blank),
        "COUNTBLANK" => count(&|one| *one == Outcome::Blank),
        _ => {
            let numbers = given.numbers()?;
            let none = numbers.is_empty();
            match name {
                "SUM" => finite(numbers.iter().sum()),
                "PRODUCT" => finite(if none { 0.0 } else { numbers.iter().product() }),
                "AVERAGE" if none => Err("#DIV/0!"),
                "AVERAGE" => finite(numbers.iter().sum::<f64>() / size(numbers.len())),
                _ if none => Ok(Outcome::Number(0.0)),
                "MIN" => finite(numbers.into_iter().fold(f64::INFINITY, f64::min)),
                _ => finite(numbers.into_iter().fold(f64::NEG_INFINITY, f64::max)),
            }
        }
    }
}

fn of_text(name: &str, given: &Given<'_>) -> Computed<Outcome> {
    let letters = |text: String| text.chars().collect::<Vec<_>>();
    let text = match name {
        "LEN" => return Ok(Outcome::Number(size(given.text(0)?.encode_utf16().count()))),
        "EXACT" => return Ok(Outcome::Bool(given.text(0)? == given.text(1)?)),
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
        "HYPERLINK" => given.text(usize::from(given.0.len() > 1))?,
        "CONCAT" => given.text(0)? + &given.text(1)?,
        _ => {
            let mut joined = String::new();
            for (outcome, _) in given.all() {
                if let Outcome::Error(error) = outcome {
                    return Err(error);
                }
                joined.push_str(&shown(outcome));
            }
            joined
        }
    };
    Ok(Outcome::Text(text))
}

fn of_numbers(name: &str, given: &Given<'_>) -> Computed<Outcome> {
    let value = given.number(0)?;
    let places = |round: fn(f64) -> f64| {
        let places = given.number_or(1, 0.0)?.trunc();
        // Only a value that spreads as text does: 1.005 to two places is 1.01 there and here.
        let scale = 10_f64.powf(places);
        let scaled = value.abs() * scale;
        let settled = format!("{scaled:.9}").parse().unwrap_or(scaled);
        finite(round(settled) / scale * value.signum())
    };
    let steps = |round: fn(f64) -> f64| {
        let step = given.number_or(1, 1.0)?;
        if step.abs() > 0.0 { finite(round(value / step) * step) } else { Ok(Outcome::Number(0.0)) }
    };
    match name {
        "ABS" => finite(value.abs()),
        "INT" => finite(value.floor()),
        "VALUE" => finite(value),
        "SQRT" if value < 0.0 => Err("#NUM!"),
        "SQRT" => finite(value.sqrt()),
        "POWER" => finite(value.powf(given.number(1)?)),
        "MOD" => {
            let by = given.number(1)?;
            if by.abs() > 0.0 { finite(value - by * (value / by).floor()) } else { Err("#DIV/0!") }
        }
        "ROUND" => places(f64::round),
        "ROUNDUP" => places(f64::ceil),
        "ROUNDDOWN" => places(f64::floor),
        "CEILING" => steps(f64::ceil),
        _ => steps(f64::floor),
    }
}
