//! A small evaluator of formulas.
//!
//! In scope: numbers, texts, `+ - * / ^ & %`, comparison, parentheses, references to cells, the arguments of functions.
//! Out of scope: what functions make of them (`functions`). A function that is not known gives `#NAME?`, as in Sheets.

use crate::emulator::a1::{Reference, Span};
use crate::emulator::functions::{self, Argument};
use crate::emulator::outcome::{Computed, Outcome, compare, finite, number, shown};

/// How deep parentheses and signs may nest; deeper is `#ERROR!`, not a full stack.
const DEPTH_LIMIT: u32 = 64;

/// How many cells a range in a formula has at most.
const RANGE_LIMIT: u64 = 100_000;

/// What a formula sees of the spreadsheet; a title is what stands in front of `!`, if anything.
pub trait Sight {
    /// What a cell comes to; rows and columns count from 0.
    fn cell(&self, title: Option<&str>, row: u32, column: u32) -> Outcome;

    /// How many rows and columns a sheet has; none when there is no such sheet.
    fn size(&self, title: Option<&str>) -> Option<(u32, u32)>;
}

/// A sight that is lent.
pub type Look<'a> = &'a dyn Sight;

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

/// Where the formula leads, when it is a `HYPERLINK` and nothing else.
pub fn link(text: &str, look: Look<'_>) -> Option<String> {
    let text = text.strip_prefix('=').unwrap_or(text);
    let mut reader = Reader { rest: text.trim_start(), look, depth: 0 };
    if !reader.word().eq_ignore_ascii_case("HYPERLINK") || !reader.take("(") {
        return None;
    }
    let arguments = reader.arguments().ok().filter(|_| reader.rest.is_empty())?;
    match arguments.into_iter().next() {
        Some(Argument::One(Outcome::Text(address))) => Some(address),
        _ => None,
    }
}

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

    fn comparison(&mut self) -> Computed<Outcome> {
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

    fn joined(&mut self) -> Computed<Outcome> {
        let mut left = self.sum()?;
        while self.take("&") {
            left = Outcome::Text(shown(&left) + &shown(&self.sum()?));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Computed<Outcome> {
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

    fn product(&mut self) -> Computed<Outcome> {
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

    fn power(&mut self) -> Computed<Outcome> {
        let mut left = self.signed()?;
        while self.take("^") {
            left = finite(number(&left)?.powf(number(&self.signed()?)?))?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Computed<Outcome> {
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

    fn atom(&mut self) -> Computed<Outcome> {
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
            let name = word.to_ascii_uppercase();
            return if functions::is_known(&name) { functions::call(&name, &self.arguments()?) } else { Err("#NAME?") };
        }
        match word.to_ascii_uppercase().as_str() {
            "TRUE" => Ok(Outcome::Bool(true)),
            "FALSE" => Ok(Outcome::Bool(false)),
            _ => {
                let (title, span) = reference(word)?;
                let (Some(row), Some(column), true) = (span.start_row, span.start_column, span.is_cell()) else {
                    return Err("#VALUE!");
                };
                passed(self.look.cell(title.as_deref(), row, column))
            }
        }
    }

    fn text(&mut self, rest: &'a str) -> Computed<Outcome> {
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

    fn digits(&mut self) -> Computed<Outcome> {
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

    /// What stands between the parentheses of a function, the first of which is read.
    fn arguments(&mut self) -> Computed<Vec<Argument>> {
        let mut found = Vec::new();
        if self.take(")") {
            return Ok(found);
        }
        loop {
            let before = self.rest;
            let word = self.word();
            found.push(match reference(word) {
                Ok((title, span)) if self.rest.starts_with([',', ')']) => match self.cells(title.as_deref(), span) {
                    Ok(cells) => Argument::Cells(cells),
                    Err(error) => Argument::One(Outcome::Error(error)),
                },
                _ => {
                    self.rest = before;
                    Argument::One(self.argument()?)
                }
            });
            if self.take(")") {
                return Ok(found);
            }
            if !self.take(",") {
                return Err("#ERROR!");
            }
        }
    }

    /// One argument; the error that comes of it is a value, for IFERROR and its like have to see it.
    fn argument(&mut self) -> Computed<Outcome> {
        let (before, depth) = (self.rest, self.depth);
        match self.comparison() {
            Err("#ERROR!") => Err("#ERROR!"),
            Err(error) => {
                self.depth = depth;
                self.rest = after_argument(before);
                Ok(Outcome::Error(error))
            }
            outcome => outcome,
        }
    }

    fn cells(&self, title: Option<&str>, span: Span) -> Computed<Vec<Outcome>> {
        let (rows, columns) = self.look.size(title).ok_or("#REF!")?;
        let (top, left) = (span.start_row.unwrap_or(0), span.start_column.unwrap_or(0));
        // Open ends close at the edge of the grid.
        let bottom = span.end_row.unwrap_or(rows).max(top);
        let right = span.end_column.unwrap_or(columns).max(left);
        if u64::from(bottom - top) * u64::from(right - left) > RANGE_LIMIT {
            return Err("#ERROR!");
        }
        let columns = |row: u32| (left..right).map(move |column| (row, column));
        Ok((top..bottom).flat_map(columns).map(|(row, column)| self.look.cell(title, row, column)).collect())
    }
}

/// What follows an argument: from the comma or parenthesis on that ends it.
fn after_argument(text: &str) -> &str {
    let (mut depth, mut quote) = (0_u32, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ',' | ')') if depth == 0 => return &text[at..],
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    ""
}

fn reference(word: &str) -> Computed<(Option<String>, Span)> {
    match Reference::parse(word) {
        Some(Reference::Cells { title, span }) => Ok((title, span)),
        _ => Err("#NAME?"),
    }
}

fn passed(outcome: Outcome) -> Computed<Outcome> {
    if let Outcome::Error(error) = outcome { Err(error) } else { Ok(outcome) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three cells in the first column of a sheet of five rows.
    struct Three;

    impl Sight for Three {
        fn cell(&self, _: Option<&str>, row: u32, column: u32) -> Outcome {
            match (row, column) {
                (0, 0) => Outcome::Number(2.0),
                (1, 0) => Outcome::Number(40.0),
                (2, 0) => Outcome::Text("x".to_owned()),
                _ => Outcome::Blank,
            }
        }

        fn size(&self, title: Option<&str>) -> Option<(u32, u32)> {
            title.is_none().then_some((5, 2))
        }
    }

    fn run(text: &str) -> Outcome {
        evaluate(text, &Three)
    }

    #[test]
    fn ranges_with_open_ends_reach_the_edge_of_the_grid() {
        for (text, value) in
            [("=SUM(A:A)", 42.0), ("=SUM(A2:A)", 40.0), ("=COUNTA(1:3)", 3.0), ("=COUNTBLANK(A:B)", 7.0)]
        {
            assert_eq!(run(text), Outcome::Number(value), "{text}");
        }
        assert_eq!(run("=SUM(Nowhere!A:A)"), Outcome::Error("#REF!"));
    }

    #[test]
    fn a_link_leads_where_its_first_argument_says_and_nothing_else_is_one() {
        assert_eq!(link("=hyperlink(\"http://x/\" & A1, \"label\")", &Three).as_deref(), Some("http://x/2"));
        for text in ["=HYPERLINK(\"a\") & \"b\"", "=UPPER(\"a\")", "=HYPERLINK()", "=1"] {
            assert_eq!(link(text, &Three), None, "{text}");
        }
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
        for (text, value) in [
            ("=AVERAGE(2,4)", 3.0),
            ("=IF(A1>1, ROUND(2.345, 2), 1/0)", 2.35),
            ("=IFERROR(1/0, MAX(1, 7, 3))", 7.0),
            ("=IFERROR(NOPE(\")\", (1)), 5)", 5.0),
            ("=COUNTA(A1:A5)", 3.0),
            ("=MOD(-1, 3)+INT(2.7)", 4.0),
            ("=LEN(\"four\")", 4.0),
        ] {
            assert_eq!(run(text), Outcome::Number(value), "{text}");
        }
        assert_eq!(run("=UPPER(LEFT(\"abc\", 2))&MID(\"xyz\", 2, 1)"), Outcome::Text("ABy".to_owned()));
        assert_eq!(run("=HYPERLINK(\"http://x\", \"label\")"), Outcome::Text("label".to_owned()));
        assert_eq!(run("=AND(TRUE, NOT(FALSE()), OR(0, 1))"), Outcome::Bool(true));
        assert_eq!(run("=Z9"), Outcome::Blank);
    }

    #[test]
    fn what_it_cannot_do_is_an_error_that_a_cell_could_show() {
        for (text, error) in [
            ("=1/0", "#DIV/0!"),
            ("=IMPORTXML(\"x\")", "#NAME?"),
            ("=nope", "#NAME?"),
            ("=SUM(1, 1/0)", "#DIV/0!"),
            ("=IFNA(1/0, 2)", "#DIV/0!"),
            ("=NA()", "#N/A"),
            ("=ROUND()", "#N/A"),
            ("=AVERAGE(B1:B3)", "#DIV/0!"),
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
