//! Renders the value of a cell.
//!
//! In scope: the three render options of values, the two of dates, effective values, the JSON of
//! one cell.
//! Out of scope: which cells are read (`methods`), patterns (`number_format`), evaluation
//! (`workbook`).
//!
//! Source: `ValueRenderOption` and `DateTimeRenderOption` of the API, with recorded effects.

use std::borrow::Cow;

use crate::format::number::format_automatically;
use crate::format::number_format::NumberFormat;
use crate::grid::cell::{Cell, CellValue, FormulaResult};
use crate::grid::value::{Scalar, find_error};

/// The API's `ValueRenderOption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ValueRenderOption {
    /// `FORMATTED_VALUE`: texts, as the cell displays them.
    #[default]
    Formatted,
    /// `UNFORMATTED_VALUE`: typed values.
    Unformatted,
    /// `FORMULA`: typed values, and formulas as entered.
    Formula,
}

/// The render options of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RenderOptions {
    pub values: ValueRenderOption,
    /// `DateTimeRenderOption` `FORMATTED_STRING`: dates are texts, while other numbers stay
    /// numbers.
    pub shows_dates_as_text: bool,
}

/// Returns the effective value of a cell. A formula must be evaluated already (`Workbook::visit`).
pub(crate) fn read_effective_value(cell: &Cell) -> Scalar {
    match &cell.value {
        None => Scalar::Blank,
        Some(CellValue::Text(text)) => Scalar::Text(text.clone()),
        Some(CellValue::Number(number)) => Scalar::Number(*number),
        Some(CellValue::Bool(truth)) => Scalar::Bool(*truth),
        Some(CellValue::Spilled(result)) => read_result(result),
        Some(CellValue::Formula { result, .. }) => result.as_ref().map_or(Scalar::Blank, read_result),
    }
}

fn read_result(result: &FormulaResult) -> Scalar {
    match result {
        FormulaResult::Text(text) => Scalar::Text(text.clone()),
        FormulaResult::Number(number) => Scalar::Number(*number),
        FormulaResult::Bool(truth) => Scalar::Bool(*truth),
        FormulaResult::Error(error) => Scalar::Error(find_error(error)),
    }
}

/// Converts a scalar into the stored result of a formula.
pub(crate) fn to_formula_result(scalar: Scalar) -> Option<FormulaResult> {
    match scalar {
        Scalar::Blank => None,
        Scalar::Text(text) => Some(FormulaResult::Text(text)),
        Scalar::Number(number) => Some(FormulaResult::Number(number)),
        Scalar::Bool(truth) => Some(FormulaResult::Bool(truth)),
        Scalar::Error(error) => Some(FormulaResult::Error(error.to_owned())),
    }
}

/// Returns the number format of the cell.
pub(crate) fn read_number_format(cell: &Cell) -> Option<NumberFormat> {
    let format = cell.format()?.get("numberFormat")?;
    let kind = format.get("type").and_then(|kind| kind.as_str())?;
    let pattern = format.get("pattern").and_then(|pattern| pattern.as_str()).unwrap_or_default();
    Some(NumberFormat::new(kind, pattern))
}

/// Returns the displayed text of the cell.
pub(crate) fn format_cell(cell: &Cell, scalar: Scalar) -> String {
    match scalar {
        Scalar::Blank => String::new(),
        Scalar::Text(text) => format_text_cell(cell, &text).into_owned(),
        Scalar::Bool(truth) => print_boolean(truth).to_owned(),
        Scalar::Error(error) => error.to_owned(),
        Scalar::Number(number) => format_number_cell(cell, number),
    }
}

fn format_number_cell(cell: &Cell, number: f64) -> String {
    if cell.members.is_none() {
        return format_automatically(number);
    }
    read_number_format(cell).map_or_else(|| format_automatically(number), |format| format.show(number))
}

fn format_text_cell<'a>(cell: &Cell, text: &'a str) -> Cow<'a, str> {
    let format = if cell.members.is_none() { None } else { read_number_format(cell) };
    format
        .filter(|format| !format.pattern.is_empty())
        .map_or(Cow::Borrowed(text), |format| format.show_text(text).into())
}

fn print_boolean(is_true: bool) -> &'static str {
    if is_true { "TRUE" } else { "FALSE" }
}

impl RenderOptions {
    /// Appends the cell to `out` as JSON.
    pub(crate) fn write(self, cell: &Cell, out: &mut Vec<u8>) {
        if let (ValueRenderOption::Formula, Some(CellValue::Formula { source, .. })) = (self.values, &cell.value) {
            return write_text(source, out);
        }
        match &cell.value {
            None => out.extend_from_slice(b"\"\""),
            Some(CellValue::Text(text)) => self.write_shown(cell, text, out),
            Some(CellValue::Number(number)) => self.write_number(cell, *number, out),
            Some(CellValue::Bool(truth)) => self.write_truth(*truth, out),
            Some(CellValue::Formula { .. } | CellValue::Spilled(_)) => match read_effective_value(cell) {
                Scalar::Blank => out.extend_from_slice(b"\"\""),
                Scalar::Text(text) => self.write_shown(cell, &text, out),
                Scalar::Number(number) => self.write_number(cell, number, out),
                Scalar::Bool(truth) => self.write_truth(truth, out),
                Scalar::Error(error) => write_text(error, out),
            },
        }
    }

    fn write_shown(self, cell: &Cell, text: &str, out: &mut Vec<u8>) {
        match self.values {
            ValueRenderOption::Formatted => write_text(&format_text_cell(cell, text), out),
            _ => write_text(text, out),
        }
    }

    fn write_truth(self, is_true: bool, out: &mut Vec<u8>) {
        match self.values {
            ValueRenderOption::Formatted => write_text(print_boolean(is_true), out),
            _ => out.extend_from_slice(if is_true { b"true" } else { b"false" }),
        }
    }

    fn write_number(self, cell: &Cell, number: f64, out: &mut Vec<u8>) {
        let as_text = match self.values {
            ValueRenderOption::Formatted => true,
            _ => self.shows_dates_as_text && read_number_format(cell).is_some_and(|format| format.is_time()),
        };
        if as_text { write_text(&format_number_cell(cell, number), out) } else { write_number(number, out) }
    }
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text is always written to memory");
}

/// Appends a JSON number. Integers have no decimal point, as in Google's responses.
pub(crate) fn write_number(number: f64, out: &mut Vec<u8>) {
    if number.fract() == 0.0 && number.abs() < 1e17 {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and far inside an i64")]
        let whole = number as i64;
        serde_json::to_writer(out, &whole).expect("a number is always written to memory");
    } else {
        serde_json::to_writer(out, &number).expect("a number is always written to memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render_text(cell: &Cell, values: ValueRenderOption, shows_dates_as_text: bool) -> String {
        let mut out = Vec::new();
        RenderOptions { values, shows_dates_as_text }.write(cell, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    fn make_date_cell(number: f64) -> Cell {
        let mut cell = Cell::number(number);
        let format = json!({"numberFormat": {"type": "DATE", "pattern": "yyyy-mm-dd"}});
        cell.set_member("userEnteredFormat", Some(format));
        cell
    }

    #[test]
    fn the_render_options_show_what_google_recorded() {
        let half =
            Cell::from_value(CellValue::Formula { source: "=4/2".into(), result: Some(FormulaResult::Number(2.0)) });
        let options = [ValueRenderOption::Formatted, ValueRenderOption::Unformatted, ValueRenderOption::Formula];
        assert_eq!(options.map(|o| render_text(&half, o, false)), ["\"2\"", "2", "\"=4/2\""]);
        assert_eq!(
            options.map(|o| render_text(&make_date_cell(43_831.0), o, false)),
            ["\"2020-01-01\"", "43831", "43831"]
        );
        assert_eq!(render_text(&make_date_cell(43_831.0), ValueRenderOption::Unformatted, true), "\"2020-01-01\"");
        assert_eq!(
            options.map(|o| render_text(&Cell::from_value(CellValue::Bool(true)), o, false)),
            ["\"TRUE\"", "true", "true"]
        );
        assert_eq!(options.map(|o| render_text(&Cell::text("=x\"\n"), o, true)), ["\"=x\\\"\\n\""; 3]);
        assert_eq!(options.map(|o| render_text(&Cell::default(), o, false)), ["\"\""; 3]);
    }

    #[test]
    fn numbers_are_written_as_google_writes_them() {
        for (number, text) in [(42.0, "42"), (-0.5, "-0.5"), (1e300, "1e300"), (0.1 + 0.2, "0.30000000000000004")] {
            let mut out = Vec::new();
            write_number(number, &mut out);
            assert_eq!(String::from_utf8_lossy(&out).replace('+', ""), text);
        }
    }
}
