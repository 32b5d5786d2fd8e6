//! Parses and evaluates formulas.
//!
//! In scope: `+ - * / ^ & %`, comparison, parentheses, array literals, references, the arguments of
//! functions, `ROW`, `COLUMN`, `NOW` and `TODAY`. Out of scope: numbers, texts and names
//! (`token_reader`), functions (`functions`), cell contents (`FormulaCells`), where array results
//! go (`spill`). An unknown function yields `#NAME?`, as in Sheets.

use crate::formula::budget::EvalBudget;
use crate::formula::elementwise::broadcast;
use crate::formula::functions::dispatch;
use crate::formula::matrix::{CELL_LIMIT, Matrix, Operand, count};
use crate::formula::settings::FormulaSettings;
use crate::formula::token_reader::TokenReader;
use crate::grid::a1::{A1Reference, CellSpan};
use crate::grid::area::Area;
use crate::grid::value::{ERRORS, EvalResult, Scalar, check_finite, compare, to_number, to_text};

/// Nesting limit of parentheses and signs. Deeper formulas yield `#ERROR!` instead of a stack
/// overflow.
const DEPTH_LIMIT: u32 = 64;

/// The spreadsheet as one formula reads it. A title is the part before `!`, if any.
pub trait FormulaCells {
    /// Returns the value of a cell; row and column count from 0.
    fn cell(&self, title: Option<&str>, row: u32, column: u32) -> Scalar;
    /// Returns the cells of a reference, with open ends closed at the grid; `None` for an unknown
    /// sheet.
    fn area(&self, title: Option<&str>, span: CellSpan) -> Option<Area>;
    /// Returns the values of an area.
    fn block(&self, title: Option<&str>, area: &Area) -> EvalResult<Matrix>;
    /// Returns the row and column of the formula.
    fn position(&self) -> (u32, u32);
    /// Returns the budget of the evaluation.
    fn budget(&self) -> &EvalBudget;
    /// Returns the decimal sign and the time of the recalculation.
    fn settings(&self) -> FormulaSettings {
        FormulaSettings::default()
    }
}

/// Evaluates the formula `text`, with or without its `=`.
pub fn evaluate(text: &str, cell_source: &dyn FormulaCells) -> Operand {
    let mut reader = FormulaReader::new(text, cell_source);
    match reader.read_argument() {
        Ok(_) if !reader.tokens.rest.is_empty() => Operand::Single(Scalar::Error("#ERROR!")),
        Ok(value) => value,
        Err(error) => Operand::Single(Scalar::Error(error)),
    }
}

/// Returns the target of a formula that is a single `HYPERLINK`.
pub fn link(text: &str, cell_source: &dyn FormulaCells) -> Option<String> {
    let mut reader = FormulaReader::new(text, cell_source);
    if !reader.tokens.take_word().eq_ignore_ascii_case("HYPERLINK") || !reader.tokens.take("(") {
        return None;
    }
    let arguments = reader.read_arguments().ok().filter(|_| reader.tokens.rest.is_empty())?;
    match arguments.into_iter().next() {
        Some(Operand::Single(Scalar::Text(address))) => Some(address),
        _ => None,
    }
}

/// Parses and evaluates in one pass. `Err` is a syntax error; any other error is a scalar.
struct FormulaReader<'a> {
    tokens: TokenReader<'a>,
    cell_source: &'a dyn FormulaCells,
    settings: FormulaSettings,
    depth: u32,
    /// Whether a range means all its cells, as inside `ARRAYFORMULA`.
    reads_arrays: bool,
}

/// Applies an operator to its operands.
type BinaryOperator = fn(&Scalar, &Scalar) -> EvalResult<Scalar>;

/// Applies an operator element by element.
fn apply_operator(left: &Operand, right: &Operand, budget: &EvalBudget, make: BinaryOperator) -> Operand {
    broadcast(&[left, right], budget, |given| match given {
        [left, right] => make(left, right),
        _ => Err("#ERROR!"),
    })
}

fn compare_operands(left: &Scalar, right: &Scalar, holds: [bool; 3]) -> EvalResult<Scalar> {
    let order = compare(left, right)?;
    Ok(Scalar::Bool(holds.get(order).copied().unwrap_or(false)))
}

fn concatenate(left: &Scalar, right: &Scalar) -> EvalResult<Scalar> {
    for side in [left, right] {
        if let Scalar::Error(error) = side {
            return Err(error);
        }
    }
    Ok(Scalar::Text(to_text(left) + &to_text(right)))
}

fn divide(left: &Scalar, right: &Scalar) -> EvalResult<Scalar> {
    let (left, right) = (to_number(left)?, to_number(right)?);
    if right.abs() > 0.0 { check_finite(left / right) } else { Err("#DIV/0!") }
}

impl<'a> FormulaReader<'a> {
    /// Starts to read a formula, with or without its `=`.
    fn new(text: &'a str, cell_source: &'a dyn FormulaCells) -> Self {
        let settings = cell_source.settings();
        let tokens = TokenReader::new(text, settings.has_decimal_comma);
        Self { tokens, cell_source, settings, depth: 0, reads_arrays: false }
    }

    fn budget(&self) -> &'a EvalBudget {
        self.cell_source.budget()
    }

    fn read_comparison(&mut self) -> EvalResult<Operand> {
        let mut left = self.read_concatenation()?;
        loop {
            let signs: [(&str, BinaryOperator); 6] = [
                ("<>", |a, b| compare_operands(a, b, [true, false, true])),
                ("<=", |a, b| compare_operands(a, b, [true, true, false])),
                (">=", |a, b| compare_operands(a, b, [false, true, true])),
                ("=", |a, b| compare_operands(a, b, [false, true, false])),
                ("<", |a, b| compare_operands(a, b, [true, false, false])),
                (">", |a, b| compare_operands(a, b, [false, false, true])),
            ];
            let Some((_, holds)) = signs.into_iter().find(|(sign, _)| self.tokens.take(sign)) else { return Ok(left) };
            left = apply_operator(&left, &self.read_concatenation()?, self.budget(), holds);
        }
    }

    fn read_concatenation(&mut self) -> EvalResult<Operand> {
        let mut left = self.read_sum()?;
        while self.tokens.take("&") {
            left = apply_operator(&left, &self.read_sum()?, self.budget(), concatenate);
        }
        Ok(left)
    }

    fn read_sum(&mut self) -> EvalResult<Operand> {
        let mut left = self.read_product()?;
        loop {
            if self.tokens.take("+") {
                left = apply_operator(&left, &self.read_product()?, self.budget(), |a, b| {
                    check_finite(to_number(a)? + to_number(b)?)
                });
            } else if self.tokens.take("-") {
                left = apply_operator(&left, &self.read_product()?, self.budget(), |a, b| {
                    check_finite(to_number(a)? - to_number(b)?)
                });
            } else {
                return Ok(left);
            }
        }
    }

    fn read_product(&mut self) -> EvalResult<Operand> {
        let mut left = self.read_power()?;
        loop {
            if self.tokens.take("*") {
                left = apply_operator(&left, &self.read_power()?, self.budget(), |a, b| {
                    check_finite(to_number(a)? * to_number(b)?)
                });
            } else if self.tokens.take("/") {
                left = apply_operator(&left, &self.read_power()?, self.budget(), divide);
            } else {
                return Ok(left);
            }
        }
    }

    fn read_power(&mut self) -> EvalResult<Operand> {
        let mut left = self.read_unary()?;
        while self.tokens.take("^") {
            left = apply_operator(&left, &self.read_unary()?, self.budget(), |a, b| {
                check_finite(to_number(a)?.powf(to_number(b)?))
            });
        }
        Ok(left)
    }

    fn read_unary(&mut self) -> EvalResult<Operand> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err("#ERROR!");
        }
        self.budget().enter()?;
        let value = self.read_unary_inside();
        self.budget().leave();
        self.depth -= 1;
        value
    }

    fn read_unary_inside(&mut self) -> EvalResult<Operand> {
        let zero = Operand::Single(Scalar::Number(0.0));
        let value = if self.tokens.take("-") {
            apply_operator(&zero, &self.read_unary()?, self.budget(), |_, b| check_finite(-to_number(b)?))
        } else if self.tokens.take("+") {
            self.read_unary()?
        } else {
            let mut value = self.read_primary()?;
            while self.tokens.take("%") {
                value = apply_operator(&value, &zero, self.budget(), |a, _| check_finite(to_number(a)? / 100.0));
            }
            value
        };
        Ok(value)
    }

    fn read_primary(&mut self) -> EvalResult<Operand> {
        if self.tokens.take("(") {
            let inner = self.read_comparison()?;
            return if self.tokens.take(")") { Ok(inner) } else { Err("#ERROR!") };
        }
        if self.tokens.take("{") {
            return self.read_literal();
        }
        if let Some(error) = ERRORS.into_iter().find(|error| self.tokens.take(error)) {
            return Ok(Operand::Single(Scalar::Error(error)));
        }
        if let Some(text) = self.tokens.take_text() {
            return text.map(|text| Operand::Single(Scalar::Text(text)));
        }
        let before = self.tokens.rest;
        if self.tokens.rest.starts_with(|c: char| c.is_ascii_digit())
            || self.tokens.rest.starts_with(self.tokens.decimal_sign())
        {
            // Whole rows begin as numbers do.
            let word = self.tokens.take_word();
            if word.contains(':') && parse_reference(word).is_some() {
                return Ok(self.dereference(word));
            }
            self.tokens.rest = before;
            return self.tokens.take_digits().map(Operand::Single);
        }
        let word = self.tokens.take_word();
        if word.is_empty() {
            return Err("#ERROR!");
        }
        if self.tokens.take("(") {
            return self.call(&word.to_ascii_uppercase());
        }
        Ok(match word.to_ascii_uppercase().as_str() {
            "TRUE" => Operand::Single(Scalar::Bool(true)),
            "FALSE" => Operand::Single(Scalar::Bool(false)),
            _ => self.dereference(word),
        })
    }

    /// Evaluates a function call after its opening parenthesis.
    fn call(&mut self, name: &str) -> EvalResult<Operand> {
        match name {
            "ROW" | "COLUMN" => return self.read_line_numbers(name == "ROW"),
            "NOW" | "TODAY" => return self.read_moment(name),
            _ => {}
        }
        let outside = self.reads_arrays;
        self.reads_arrays |= dispatch::opens_ranges(name);
        let arguments = self.read_arguments()?;
        self.reads_arrays = outside;
        let inside = outside || dispatch::opens_ranges(name);
        let known = dispatch::is_known(name);
        Ok(if known {
            dispatch::call(name, arguments, inside, self.budget())
        } else {
            Operand::Single(Scalar::Error("#NAME?"))
        })
    }

    /// Evaluates `NOW()` and `TODAY()`: the time of the last recalculation.
    fn read_moment(&mut self, name: &str) -> EvalResult<Operand> {
        let now = self.settings.now;
        let moment = Scalar::Number(if name == "NOW" { now } else { now.floor() });
        let none = self.read_arguments()?.is_empty();
        Ok(Operand::Single(if none { moment } else { Scalar::Error("#N/A") }))
    }

    /// Evaluates `ROW` and `COLUMN`: of the formula, or of a reference. Inside `ARRAYFORMULA` they
    /// return all its rows or columns.
    fn read_line_numbers(&mut self, is_by_rows: bool) -> EvalResult<Operand> {
        let position = self.cell_source.position();
        let word = self.tokens.take_word();
        if !self.tokens.take(")") {
            return Err("#ERROR!");
        }
        let number = |at: u32| Scalar::Number(f64::from(at) + 1.0);
        if word.is_empty() {
            return Ok(Operand::Single(number(if is_by_rows { position.0 } else { position.1 })));
        }
        let area = parse_reference(word).and_then(|(title, span)| self.cell_source.area(title.as_deref(), span));
        let Some(area) = area else { return Ok(Operand::Single(Scalar::Error("#REF!"))) };
        let lines = if is_by_rows { area.rows } else { area.cols };
        if !self.reads_arrays || lines.len() < 2 {
            return Ok(Operand::Single(number(lines.start)));
        }
        if lines.len() as u64 > CELL_LIMIT {
            return Ok(Operand::Single(Scalar::Error("#ERROR!")));
        }
        let (length, cells) = (count(lines.len()), lines.map(number).collect());
        Ok(Operand::Matrix(if is_by_rows { Matrix::new(length, 1, cells) } else { Matrix::new(1, length, cells) }))
    }

    /// Evaluates a reference in an expression. Outside `ARRAYFORMULA`, a column or row means
    /// its cell next to the formula.
    fn dereference(&self, word: &str) -> Operand {
        let Some((title, span)) = parse_reference(word) else { return Operand::Single(Scalar::Error("#NAME?")) };
        let title = title.as_deref();
        if let (Some(row), Some(column), true) = (span.start_row, span.start_column, span.is_cell()) {
            return Operand::Single(self.cell_source.cell(title, row, column));
        }
        let Some(area) = self.cell_source.area(title, span) else { return Operand::Single(Scalar::Error("#REF!")) };
        if self.reads_arrays {
            return self
                .cell_source
                .block(title, &area)
                .map_or_else(|error| Operand::Single(Scalar::Error(error)), Operand::Matrix);
        }
        let (row, column) = self.cell_source.position();
        Operand::Single(if area.width() == 1 && area.rows.contains(&row) {
            self.cell_source.cell(title, row, area.cols.start)
        } else if area.height() == 1 && area.cols.contains(&column) {
            self.cell_source.cell(title, area.rows.start, column)
        } else {
            Scalar::Error("#VALUE!")
        })
    }

    /// Evaluates `{1, 2; 3, 4}` (`{1\ 2; 3\ 4}` with a decimal comma) after its opening brace. Its
    /// parts may be ranges.
    fn read_literal(&mut self) -> EvalResult<Operand> {
        let mut rows: Vec<Vec<Scalar>> = Vec::new();
        let mut fits = true;
        loop {
            let mut parts = vec![self.read_argument()?.into_matrix()];
            while self.tokens.take_column_separator() {
                parts.push(self.read_argument()?.into_matrix());
            }
            let height = parts.iter().map(|part| part.height).max().unwrap_or(0);
            let width: u32 = parts.iter().map(|part| part.width).fold(0, u32::saturating_add);
            fits &= parts.iter().all(|part| part.height == height);
            fits &= rows.first().is_none_or(|row| count(row.len()) == width);
            if (u64::from(height) + rows.len() as u64) * u64::from(width) > CELL_LIMIT {
                return Err("#ERROR!");
            }
            rows.extend((0..height).map(|row| parts.iter().flat_map(|part| part.copy_row(row)).collect()));
            if self.tokens.take("}") {
                break;
            }
            if !self.tokens.take(";") {
                return Err("#ERROR!");
            }
        }
        // Rows or columns of different lengths are an error.
        Ok(if fits { Operand::Matrix(Matrix::from_rows(rows)) } else { Operand::Single(Scalar::Error("#VALUE!")) })
    }

    /// Reads the arguments of a function after its opening parenthesis.
    fn read_arguments(&mut self) -> EvalResult<Vec<Operand>> {
        let mut found = Vec::new();
        if self.tokens.take(")") {
            return Ok(found);
        }
        loop {
            let left_out = self.tokens.rest.starts_with([',', ';', ')']);
            found.push(if left_out { Operand::Single(Scalar::Blank) } else { self.read_argument()? });
            if self.tokens.take(")") {
                return Ok(found);
            }
            if !self.tokens.take_separator() {
                return Err("#ERROR!");
            }
        }
    }

    /// Reads one argument, which may be a whole range.
    fn read_argument(&mut self) -> EvalResult<Operand> {
        let before = self.tokens.rest;
        let word = self.tokens.take_word();
        let bounded = !self.reads_arrays && self.tokens.rest.starts_with([',', ')', ';', '}', '\\']);
        if let Some((title, span)) = parse_reference(word).filter(|_| bounded) {
            let Some(area) = self.cell_source.area(title.as_deref(), span) else {
                return Ok(Operand::Single(Scalar::Error("#REF!")));
            };
            let block = self.cell_source.block(title.as_deref(), &area);
            return Ok(block.map_or_else(|error| Operand::Single(Scalar::Error(error)), Operand::Matrix));
        }
        self.tokens.rest = before;
        self.read_comparison()
    }
}

fn parse_reference(word: &str) -> Option<(Option<String>, CellSpan)> {
    match A1Reference::parse(word) {
        Some(A1Reference::Cells { title, span }) => Some((title, span)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
