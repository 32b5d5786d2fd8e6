//! A matrix of values on its way into cells.
//!
//! In scope: reading `values` of a request, writing them from a corner, counting what was written.
//! Out of scope: the position of the corner (`methods`).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::format::render::read_number_format;
use crate::grid::a1::{CellSpan, print_column};
use crate::grid::area::{Area, Dimension, GridRange};
use crate::grid::cell::{Cell, CellValue, put};
use crate::input::entry_settings::EntrySettings;
use crate::input::user_entered::EnteredValue;
use crate::schema::enums::{ValueInputOption, make_bad_value_error, read_dimension};
use crate::storage::transaction::{SheetProperties, Transaction};
use crate::workbook::ranges::{SheetRange, print_area};

/// The most characters of a cell (Google Drive help, "Files you can store").
const CELL_LIMIT: usize = 50_000;

/// One value of a matrix.
#[derive(Debug, Clone, PartialEq)]
enum InputValue {
    /// `null`: the cell stays as it is.
    Keep,
    /// A text, which the input option interprets.
    Text(String),
    /// A JSON number or boolean.
    Typed(Cell),
}

/// Values by rows, whatever dimension the request used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueMatrix {
    rows: Vec<Vec<InputValue>>,
    width: u32,
}

/// What a write changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WriteCounts {
    pub sheet: SheetProperties,
    /// The whole matrix, including unchanged cells.
    pub area: Area,
    /// The rows with a written cell.
    pub rows: BTreeSet<u32>,
    /// The columns with a written cell.
    pub columns: BTreeSet<u32>,
    /// The number of written cells.
    pub cells: u64,
}

impl ValueMatrix {
    /// Reads a `ValueRange` whose path in the request is `path` (`data`, `data[1]`).
    pub(crate) fn read(range: &Map<String, Value>, path: &str) -> Result<Self, ApiError> {
        let major = read_dimension(range, &format!("{path}.majorDimension"))?;
        let mut lines = Vec::new();
        for (at, line) in range.get("values").and_then(Value::as_array).into_iter().flatten().enumerate() {
            let Some(cells) = line.as_array() else {
                return Err(make_bad_value_error(&format!("{path}.values[{at}]"), "google.protobuf.ListValue", line));
            };
            let read = cells.iter().enumerate().map(|(column, value)| read_datum(value, at, column));
            lines.push(read.collect::<Result<Vec<_>, _>>()?);
        }
        let rows = if major == Dimension::Rows { lines } else { transpose(lines) };
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        Ok(Self { rows, width: u32::try_from(width).unwrap_or(u32::MAX) })
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    /// Returns the area of the matrix if its first cell is at this row and column.
    pub(crate) fn area_at(&self, row: u32, column: u32) -> Area {
        Area::new(row..row.saturating_add(self.height()), column..column.saturating_add(self.width))
    }

    /// Returns the matrix without the rows and columns at its end in which every value is `null`.
    /// `values.append` reports the range up to the last value (asserted by live tests of
    /// googlesheets4). A matrix of nulls only stays as it is.
    pub(crate) fn trim_nulls(mut self) -> Self {
        let last = |line: &Vec<InputValue>| line.iter().rposition(|value| *value != InputValue::Keep);
        let Some(width) = self.rows.iter().filter_map(last).max().map(|column| column + 1) else { return self };
        let height = self.rows.iter().rposition(|line| last(line).is_some()).map_or(0, |row| row + 1);
        self.rows.truncate(height);
        self.rows.iter_mut().for_each(|line| line.truncate(width));
        self.width = u32::try_from(width).unwrap_or(u32::MAX);
        self
    }

    /// Rejects a matrix that leaves the requested range, with Google's message. A single cell is a
    /// corner, not a bound.
    pub(crate) fn fit(&self, place: &SheetRange) -> Result<Area, ApiError> {
        let bounds = place.area();
        let (row, column) = (place.span.start_row.unwrap_or(0), place.span.start_column.unwrap_or(0));
        let area = self.area_at(row, column);
        let message = |kind: &str, name: String| {
            let within = print_area(&place.sheet, &bounds);
            let text = format!("Requested writing within range [{within}], but tried writing to {kind} [{name}]");
            ApiError::invalid_argument(text)
        };
        if place.span.starts_outside(place.sheet.row_count, place.sheet.column_count) {
            return Err(place.make_outside_error());
        }
        if !place.span.is_cell() {
            if area.rows.end > bounds.rows.end && place.span.end_row.is_some() {
                return Err(message("row", (bounds.rows.end + 1).to_string()));
            }
            if area.cols.end > bounds.cols.end && place.span.end_column.is_some() {
                return Err(message("column", print_column(bounds.cols.end)));
            }
        }
        if area.rows.end > place.sheet.row_count || area.cols.end > place.sheet.column_count {
            let beyond =
                SheetRange { span: CellSpan::block(row, area.rows.end, column, area.cols.end), ..place.clone() };
            return Err(beyond.make_outside_error());
        }
        Ok(area)
    }

    /// Writes the matrix with its first cell at the corner of `area`. Cells that a merge covers
    /// take no value, as google-spreadsheet's tests found.
    pub(crate) fn write(
        &self,
        transaction: &Transaction<'_>,
        sheet: &SheetProperties,
        area: Area,
        input: ValueInputOption,
    ) -> Result<WriteCounts, ApiError> {
        let mut written =
            WriteCounts { sheet: sheet.clone(), area, rows: BTreeSet::new(), columns: BTreeSet::new(), cells: 0 };
        let merges = read_merges(transaction, sheet)?;
        let settings = EntrySettings::read(transaction)?;
        let covered = |row, column| {
            merges.iter().any(|area| area.contains(row, column) && (area.rows.start, area.cols.start) != (row, column))
        };
        for (row, data) in (written.area.rows.start..).zip(&self.rows) {
            if data.iter().all(|datum| *datum == InputValue::Keep) {
                continue;
            }
            let mut cells = transaction.row(sheet.id, row)?;
            let sent = (written.area.cols.start..).zip(data);
            for (column, datum) in sent.filter(|(column, datum)| **datum != InputValue::Keep && !covered(row, *column))
            {
                let at = usize::try_from(column).unwrap_or(usize::MAX);
                let before = cells.get_mut(at).map(std::mem::take).unwrap_or_default();
                put(&mut cells, at, datum.write_into_cell(before, input, settings)?);
                written.columns.insert(column);
                written.cells += 1;
            }
            written.rows.insert(row);
            transaction.put_row(sheet.id, row, cells)?;
        }
        Ok(written)
    }
}

impl InputValue {
    /// Returns the cell with this value.
    fn write_into_cell(
        &self,
        mut cell: Cell,
        input: ValueInputOption,
        settings: EntrySettings,
    ) -> Result<Cell, ApiError> {
        let entry = match self {
            Self::Keep => return Ok(cell),
            Self::Typed(typed) => EnteredValue { value: typed.value.clone(), format: None },
            Self::Text(text) => {
                if text.len() > CELL_LIMIT && text.chars().count() > CELL_LIMIT {
                    let message = "Your input contains more than the maximum of 50000 characters in a single cell.";
                    return Err(ApiError::invalid_argument(message));
                }
                let is_text = || read_number_format(&cell).is_some_and(|format| format.kind == "TEXT");
                if input == ValueInputOption::Raw || is_text() {
                    EnteredValue::from_raw_text(text)
                } else {
                    EnteredValue::from_text_typed_in(text, settings)
                }
            }
        };
        cell.enter(entry.value);
        if let Some(new) = entry.format {
            let mut format = cell.format().and_then(Value::as_object).cloned().unwrap_or_default();
            format.insert("numberFormat".to_owned(), json!({"type": new.kind, "pattern": new.pattern}));
            cell.set_member("userEnteredFormat", Some(Value::Object(format)));
        }
        Ok(cell)
    }
}

/// Returns the merged areas of a sheet.
pub(crate) fn read_merges(transaction: &Transaction<'_>, sheet: &SheetProperties) -> Result<Vec<Area>, ApiError> {
    let objects = transaction.objects(Some(sheet.id), "merge")?;
    let bodies = objects.iter().filter_map(|(_, body)| body.get("range"));
    Ok(bodies.map(|range| GridRange::from_json(range).resolve(sheet.row_count, sheet.column_count)).collect())
}

/// Returns the cell with this text, as if typed.
pub(crate) fn enter_text(cell: Cell, text: &str, settings: EntrySettings) -> Result<Cell, ApiError> {
    InputValue::Text(text.to_owned()).write_into_cell(cell, ValueInputOption::Typed, settings)
}

fn read_datum(value: &Value, row: usize, column: usize) -> Result<InputValue, ApiError> {
    Ok(match value {
        Value::Null => InputValue::Keep,
        Value::String(text) => InputValue::Text(text.clone()),
        Value::Bool(truth) => InputValue::Typed(Cell::from_value(CellValue::Bool(*truth))),
        Value::Number(number) => InputValue::Typed(Cell::number(number.as_f64().unwrap_or_default())),
        Value::Array(_) | Value::Object(_) => {
            let kind = if value.is_array() { "list_value" } else { "struct_value" };
            return Err(ApiError::invalid_argument(format!("Invalid values[{row}][{column}]: {kind} {{\n}}\n")));
        }
    })
}

/// Transposes columns into rows. Missing values keep the cell as it is.
fn transpose(columns: Vec<Vec<InputValue>>) -> Vec<Vec<InputValue>> {
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows: Vec<Vec<InputValue>> = (0..height).map(|_| Vec::with_capacity(columns.len())).collect();
    for column in columns {
        let missing = height - column.len();
        let filled = column.into_iter().chain(std::iter::repeat_n(InputValue::Keep, missing));
        for (row, datum) in rows.iter_mut().zip(filled) {
            row.push(datum);
        }
    }
    rows
}
