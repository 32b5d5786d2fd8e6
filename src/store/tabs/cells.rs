//! Converts cells of the rules to the API's cells. Pure.
//!
//! In scope: each kind of cell with its format; a row as it is appended.
//! Out of scope: requests.

use crate::grid::{Cell, Figure};
use crate::sheets_client::types::cell::{self, CellFormat, NumberKind};

/// The `fields` mask for values only.
pub const VALUE: &str = "userEnteredValue";
/// The `fields` mask for number formats only.
pub const NUMBER: &str = "userEnteredFormat.numberFormat";
/// The `fields` mask for values and all formats.
pub const VALUE_AND_FORMAT: &str = "userEnteredValue,userEnteredFormat";
/// The `fields` mask for values and number formats.
pub const VALUE_AND_NUMBER: &str = "userEnteredValue,userEnteredFormat.numberFormat";

/// Builds a row from the first column on, blank where nothing is written.
pub fn build_cell_row(placed: impl Iterator<Item = (usize, cell::CellData)>) -> cell::CellRow {
    let mut values: Vec<cell::CellData> = Vec::new();
    for (at, cell) in placed {
        if values.len() <= at {
            values.resize_with(at + 1, cell::CellData::blank);
        }
        if let Some(slot) = values.get_mut(at) {
            *slot = cell;
        }
    }
    values.into()
}

/// Converts a cell. Numbers are finite by now; a number that is not would be sent as text.
pub fn to_cell_data(cell: &Cell, format: Option<NumberKind>) -> cell::CellData {
    let number = |n: f64| cell::CellData::number(n).unwrap_or_else(|_| cell::CellData::text(n.to_string()));
    let shown = |n: f64, figure: Figure| {
        number(n).with_format(CellFormat::number(convert_figure(figure), figure.default_pattern()))
    };
    match cell {
        Cell::Empty => cell::CellData::blank(),
        Cell::Text(text) if text.is_empty() => cell::CellData::blank(),
        Cell::Text(text) => match format {
            Some(kind) => cell::CellData::text(&**text).with_format(CellFormat::number(kind, None)),
            None => cell::CellData::text(&**text),
        },
        Cell::Number(n) => number(*n),
        Cell::Bool(b) => cell::CellData::bool(*b),
        Cell::Date(n) => shown(*n, Figure::Date),
        Cell::DateTime(n) => shown(*n, Figure::DateTime),
        Cell::Duration(n) => shown(*n, Figure::Duration),
        Cell::Formula(text) => cell::CellData::formula(&**text),
        Cell::Figure { value, figure, pattern } => {
            let cell = value.map_or_else(cell::CellData::blank, number);
            cell.with_format(CellFormat::number(convert_figure(*figure), Some(pattern)))
        }
    }
}

/// The API's kind of a number.
pub fn convert_figure(figure: Figure) -> NumberKind {
    match figure {
        Figure::Number => NumberKind::Number,
        Figure::Date => NumberKind::Date,
        Figure::DateTime => NumberKind::DateTime,
        Figure::Duration => NumberKind::Time,
    }
}
