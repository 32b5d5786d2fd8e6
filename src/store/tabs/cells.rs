//! Cells of the rules as cells that are sent. Pure.
//!
//! In scope: what each kind of cell becomes, with its format; a row as it is appended. Out of scope: requests.

use crate::google::types::cell::{self, CellFormat, NumberKind};
use crate::grid::{Cell, Figure};

/// The `fields` of a request that writes values only.
pub const VALUE: &str = "userEnteredValue";
/// The `fields` of one that says how numbers are shown, and writes no value.
pub const NUMBER: &str = "userEnteredFormat.numberFormat";
/// The `fields` of one that also says how cells look.
pub const VALUE_AND_FORMAT: &str = "userEnteredValue,userEnteredFormat";
/// The `fields` of one that says how numbers are shown, and nothing else of a cell's looks.
pub const VALUE_AND_NUMBER: &str = "userEnteredValue,userEnteredFormat.numberFormat";

/// A row as appended: from the first column on, blank where nothing is written.
pub fn placed_row(placed: impl Iterator<Item = (usize, cell::CellData)>) -> cell::CellRow {
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

/// A cell as it is sent. Numbers were found finite when the row was made; one that is not would go out as its name.
pub fn sent(cell: &Cell, format: Option<NumberKind>) -> cell::CellData {
    let number = |n: f64| cell::CellData::number(n).unwrap_or_else(|_| cell::CellData::text(n.to_string()));
    let shown = |n: f64, figure: Figure| number(n).with_format(CellFormat::number(kind_of(figure), figure.usual()));
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
            cell.with_format(CellFormat::number(kind_of(*figure), Some(pattern)))
        }
    }
}

fn kind_of(figure: Figure) -> NumberKind {
    match figure {
        Figure::Number => NumberKind::Number,
        Figure::Date => NumberKind::Date,
        Figure::DateTime => NumberKind::DateTime,
        Figure::Duration => NumberKind::Time,
    }
}
