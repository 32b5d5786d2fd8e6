//! A small evaluator of formulas.
//!
//! In scope: numbers, texts, `+ - * / ^ & %`, comparison, parentheses, references to cells, SUM.
//! Out of scope: every other function: it gives `#NAME?`, which is what Sheets shows for a name it does not know.

use crate::emulator::a1::{Reference, Span};

/// How deep parentheses and signs may nest; deeper is `#ERROR!`, not a full stack.
const DEPTH_LIMIT: u32 = 64;

/// How many cells a SUM adds up at most.
const SUM_LIMIT: u64 = 100_000;

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

/// Looks a cell up: the title in front of `!` if there is one, row and column from 0.
pub type Look<'a> = &'a dyn Fn(Option<&str>, u32, u32) -> Outcome;

/// What the formula `text` (with or without its `=`) comes to.
pub fn evaluate(text: &str, look: Look<'_>) -> Outcome {
    let text = text.strip_prefix('=').unwrap_or(text);
    let mut reader = Reader { rest: text.trim_start(), look, depth: 0 };
    match reader.comparison() {
        Ok(_) if !reader.rest.is_empty() => Outcome::Error("#ERROR!"),
        Ok(outcome) => outcome,
        Err(error) => Outcome::Error(error),
    }
}

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

type Result<T> = std::result::Result<T, &'static str>;

struct Reader<'a> {
    rest: &'a str,
    look: Look<'a>,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &str) -> bool {
        self.rest.strip_prefix(word).is_some_and(|rest| {
            self.rest = rest.trim_start();
            true
        })
    }

    fn comparison(&mut self) -> Result<Outcome> {
        let left = self.joined()?;
        for (sign, holds) in [
            ("<>", [true, false, true]),
            ("<=", [true, true, false]),
            (">=", [false, true, true]),
            ("=", [false, true, false]),
            ("<", [true, false, false]),
            (">", [false, false, true]),
        ] {
            if self.take(sign) {
                let right = self.joined()?;
                let order = compare(&left, &right)?;
                return Ok(Outcome::Bool(holds[order]));
            }
        }
        Ok(left)
    }

    fn joined(&mut self) -> Result<Outcome> {
        let mut left = self.sum()?;
        while self.take("&") {
            left = Outcome::Text(shown(&left) + &shown(&self.sum()?));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Outcome> {
        let mut left = self.product()?;
        loop {
            if self.take("+") {
                left = finite(number(&left)? + number(&self.product()?)?)?;
            } else if self.take("-") {
                left = finite(number(&left)? - number(&self.product()?)?)?;
            } else {
                return Ok(left);
            }
        }
    }

    fn product(&mut self) -> Result<Outcome> {
        let mut left = self.power()?;
        loop {
            if self.take("*") {
                left = finite(number(&left)? * number(&self.power()?)?)?;
            } else if self.take("/") {
                let divisor = number(&self.power()?)?;
                if divisor == 0.0 {
                    return Err("#DIV/0!");
                }
                left = finite(number(&left)? / divisor)?;
            } else {
                return Ok(left);
            }
        }
    }

    fn power(&mut self) -> Result<Outcome> {
        let mut left = self.signed()?;
        while self.take("^") {
            left = finite(number(&left)?.powf(number(&self.signed()?)?))?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Outcome> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err("#ERROR!");
        }
        let outcome = if self.take("-") {
            finite(-number(&self.signed()?)?)?
        } else if self.take("+") {
            self.signed()?
        } else {
            let mut outcome = self.atom()?;
            while self.take("%") {
                outcome = finite(number(&outcome)? / 100.0)?;
            }
            outcome
        };
        self.depth -= 1;
        Ok(outcome)
    }

    fn atom(&mut self) -> Result<Outcome> {
        if self.take("(") {
            let inner = self.comparison()?;
            return if self.take(")") { Ok(inner) } else { Err("#ERROR!") };
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            return self.text(rest);
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.digits();
        }
        let word = self.word();
        if word.is_empty() {
            return Err("#ERROR!");
        }
        if self.take("(") {
            return if word.eq_ignore_ascii_case("SUM") { self.total() } else { Err("#NAME?") };
        }
        match word.to_ascii_uppercase().as_str() {
            "TRUE" => Ok(Outcome::Bool(true)),
            "FALSE" => Ok(Outcome::Bool(false)),
            _ => {
                let (title, span) = reference(word)?;
                let (Some(row), Some(column), true) = (span.start_row, span.start_column, span.is_cell()) else {
                    return Err("#VALUE!");
                };
                passed((self.look)(title.as_deref(), row, column))
            }
        }
    }

    fn text(&mut self, rest: &'a str) -> Result<Outcome> {
        let mut text = String::new();
        let mut rest = rest;
        loop {
            let (before, after) = rest.split_once('"').ok_or("#ERROR!")?;
            text.push_str(before);
            if let Some(more) = after.strip_prefix('"') {
                text.push('"');
                rest = more;
            } else {
                self.rest = after.trim_start();
                return Ok(Outcome::Text(text));
            }
        }
    }

    fn digits(&mut self) -> Result<Outcome> {
        let bytes = self.rest.as_bytes();
        let mut end = bytes.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        if bytes.get(end).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
            let sign = usize::from(bytes.get(end + 1).is_some_and(|b| matches!(b, b'+' | b'-')));
            let digits = bytes[end + 1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        let value = self.rest[..end].parse::<f64>().map_err(|_| "#ERROR!")?;
        self.rest = self.rest[end..].trim_start();
        finite(value)
    }

    /// A name, a reference or a range: letters, digits and what may stand between them, a quoted title first.
    fn word(&mut self) -> &'a str {
        let mut end = 0;
        let mut quoted = false;
        for c in self.rest.chars() {
            if c == '\'' {
                quoted = !quoted;
            } else if !quoted && !c.is_alphanumeric() && !"_.$!:".contains(c) {
                break;
            }
            end += c.len_utf8();
        }
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        word
    }

    fn total(&mut self) -> Result<Outcome> {
        let mut total = 0.0;
        loop {
            let before = self.rest;
            let word = self.word();
            match reference(word) {
                Ok((title, span)) if self.rest.starts_with([',', ')']) => {
                    total += self.range_total(title.as_deref(), span)?;
                }
                _ => {
                    self.rest = before;
                    total += number(&self.comparison()?)?;
                }
            }
            if self.take(")") {
                return finite(total);
            }
            if !self.take(",") {
                return Err("#ERROR!");
            }
        }
    }

    fn range_total(&self, title: Option<&str>, span: Span) -> Result<f64> {
        let (Some(top), Some(bottom), Some(left), Some(right)) =
            (span.start_row, span.end_row, span.start_column, span.end_column)
        else {
            return Err("#REF!");
        };
        if u64::from(bottom - top) * u64::from(right - left) > SUM_LIMIT {
            return Err("#ERROR!");
        }
        let mut total = 0.0;
        for row in top..bottom {
            for column in left..right {
                match (self.look)(title, row, column) {
                    Outcome::Number(n) => total += n,
                    Outcome::Error(error) => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(total)
    }
}

fn reference(word: &str) -> Result<(Option<String>, Span)> {
    match Reference::parse(word) {
        Some(Reference::Cells { title, span }) => Ok((title, span)),
        _ => Err("#NAME?"),
    }
}

fn passed(outcome: Outcome) -> Result<Outcome> {
    if let Outcome::Error(error) = outcome { Err(error) } else { Ok(outcome) }
}

fn finite(value: f64) -> Result<Outcome> {
    if value.is_finite() { Ok(Outcome::Number(value)) } else { Err("#NUM!") }
}

fn number(outcome: &Outcome) -> Result<f64> {
    match outcome {
        Outcome::Blank => Ok(0.0),
        Outcome::Number(n) => Ok(*n),
        Outcome::Bool(b) => Ok(f64::from(u8::from(*b))),
        Outcome::Text(text) => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or("#VALUE!"),
        Outcome::Error(error) => Err(error),
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Blank => String::new(),
        Outcome::Number(n) => n.to_string(),
        Outcome::Text(text) => text.clone(),
        Outcome::Bool(b) => b.to_string().to_ascii_uppercase(),
        Outcome::Error(error) => (*error).to_owned(),
    }
}

/// 0, 1 or 2 for less, equal, more; numbers come before texts, texts before booleans, as in Sheets.
fn compare(left: &Outcome, right: &Outcome) -> Result<usize> {
    let order = match (left, right) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(text: &str) -> Outcome {
        evaluate(text, &|_, row, column| match (row, column) {
            (0, 0) => Outcome::Number(2.0),
            (1, 0) => Outcome::Number(40.0),
            (2, 0) => Outcome::Text("x".to_owned()),
            _ => Outcome::Blank,
        })
    }

    #[test]
    fn arithmetic_comes_out_as_in_the_recordings() {
        for (text, value) in [
            ("=3/2", 1.5),
            ("=4/2", 2.0),
            ("= 1 / 1024", 1.0 / 1024.0),
            ("=1+2*3", 7.0),
            ("=-2^2", 4.0),
            ("=(1+2)*3", 9.0),
            ("=A1+$A$2", 42.0),
            ("=SUM(A1:A5, 1, A1*2)", 47.0),
            ("=50%", 0.5),
            ("=1e3", 1000.0),
            ("=Z9+0", 0.0),
        ] {
            assert_eq!(run(text), Outcome::Number(value), "{text}");
        }
        assert_eq!(run("=\"a\"\"b\"&1"), Outcome::Text("a\"b1".to_owned()));
        assert_eq!(run("=A1<>A2"), Outcome::Bool(true));
        assert_eq!(run("=Z9"), Outcome::Blank);
    }

    #[test]
    fn what_it_cannot_do_is_an_error_that_a_cell_could_show() {
        for (text, error) in [
            ("=1/0", "#DIV/0!"),
            ("=IMPORTXML(\"x\")", "#NAME?"),
            ("=nope", "#NAME?"),
            ("=1+", "#ERROR!"),
            ("=(1", "#ERROR!"),
            ("=1 2", "#ERROR!"),
            ("=A3*2", "#VALUE!"),
            ("=10^400", "#NUM!"),
            ("=", "#ERROR!"),
        ] {
            assert_eq!(run(text), Outcome::Error(error), "{text}");
        }
        assert_eq!(run(&format!("={}1", "(".repeat(100_000))), Outcome::Error("#ERROR!"));
    }

    proptest! {
        #[test]
        fn no_formula_makes_it_fail(text in "=[-+*/^&%()0-9A-Ce.,:!'\" SUM]{0,30}") {
            let _ = run(&text);
        }
    }
}
