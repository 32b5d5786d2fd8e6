//! The JSON of a `ValueRange`, written directly from stored rows.
//!
//! In scope: `values` by rows and by columns, without trailing blanks, pretty or compact.
//! Out of scope: which range is read (`values_read`), rendering of one cell (`format::render`).

use crate::error::ApiError;
use crate::format::render::{RenderOptions, write_text};
use crate::grid::area::{Area, Dimension};
use crate::grid::cell::Cell;
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::{Workbook, print_area};

/// A JSON text under construction, with or without Google's white space.
#[derive(Debug)]
pub(crate) struct JsonText {
    /// The text so far.
    pub bytes: Vec<u8>,
    is_pretty: bool,
    depth: usize,
}

impl JsonText {
    /// Creates an empty text; `pretty` puts each member and element on its own line.
    pub(crate) fn new(is_pretty: bool) -> Self {
        Self { bytes: Vec::new(), is_pretty, depth: 0 }
    }

    /// Begins an object or a list.
    pub(crate) fn open(&mut self, bracket: u8) {
        self.bytes.push(bracket);
        self.depth += 1;
    }

    /// Ends an object or list. An empty one is closed on the same line.
    pub(crate) fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        if !matches!(self.bytes.last(), Some(b'[' | b'{')) {
            self.break_line();
        }
        self.bytes.push(bracket);
    }

    /// Begins the next member or element.
    pub(crate) fn begin_next(&mut self) {
        if !matches!(self.bytes.last(), Some(b'[' | b'{')) {
            self.bytes.push(b',');
        }
        self.break_line();
    }

    /// Writes the name of a member.
    pub(crate) fn write_name(&mut self, name: &str) {
        self.begin_next();
        write_text(name, &mut self.bytes);
        self.bytes.extend_from_slice(if self.is_pretty { b": " } else { b":" });
    }

    /// Writes a text member.
    pub(crate) fn write_member(&mut self, name: &str, text: &str) {
        self.write_name(name);
        write_text(text, &mut self.bytes);
    }

    fn break_line(&mut self) {
        if self.is_pretty {
            self.bytes.push(b'\n');
            self.bytes.resize(self.bytes.len() + 2 * self.depth, b' ');
        }
    }
}

/// Writes the `ValueRange` of an area.
pub(crate) fn write_value_range(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    major: Dimension,
    render_options: RenderOptions,
    out: &mut JsonText,
) -> Result<(), ApiError> {
    out.open(b'{');
    out.write_member("range", &print_area(sheet, area));
    out.write_member("majorDimension", if major == Dimension::Rows { "ROWS" } else { "COLUMNS" });
    match major {
        Dimension::Rows => write_rows(workbook, sheet, area, render_options, out)?,
        Dimension::Columns => write_columns(workbook, sheet, area, render_options, out)?,
    }
    out.close(b'}');
    Ok(())
}

/// Returns the cells of a row inside the area, without trailing blanks.
fn trim_to_area<'c>(cells: &'c [Cell], area: &Area) -> &'c [Cell] {
    let index = |column: u32| usize::try_from(column).unwrap_or(usize::MAX).min(cells.len());
    let inside = &cells[index(area.cols.start)..index(area.cols.end)];
    let used = inside.iter().rposition(Cell::has_data).map_or(0, |last| last + 1);
    &inside[..used]
}

fn write_rows(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    render_options: RenderOptions,
    out: &mut JsonText,
) -> Result<(), ApiError> {
    let mut next_row = area.rows.start;
    let mut begun = false;
    workbook.visit(sheet.id, area, |row, cells| {
        let cells = trim_to_area(&cells, area);
        if cells.is_empty() {
            return Ok::<(), ApiError>(());
        }
        if !begun {
            out.write_name("values");
            out.open(b'[');
            begun = true;
        }
        for _ in next_row..row {
            out.begin_next();
            out.bytes.extend_from_slice(b"[]");
        }
        next_row = row + 1;
        out.begin_next();
        out.open(b'[');
        for cell in cells {
            out.begin_next();
            render_options.write(cell, &mut out.bytes);
        }
        out.close(b']');
        Ok(())
    })?;
    if begun {
        out.close(b']');
    }
    Ok(())
}

/// Each column collects its own text, because rows are read one after the other.
fn write_columns(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    area: &Area,
    render_options: RenderOptions,
    out: &mut JsonText,
) -> Result<(), ApiError> {
    let mut columns: Vec<(u32, JsonText)> = Vec::new();
    workbook.visit(sheet.id, area, |row, cells| {
        let cells = trim_to_area(&cells, area);
        let fresh =
            || (area.rows.start, JsonText { bytes: vec![b'['], is_pretty: out.is_pretty, depth: out.depth + 2 });
        if columns.len() < cells.len() {
            columns.resize_with(cells.len(), fresh);
        }
        for (cell, (next_row, text)) in cells.iter().zip(&mut columns).filter(|(cell, _)| cell.has_data()) {
            for _ in *next_row..row {
                text.begin_next();
                text.bytes.extend_from_slice(b"\"\"");
            }
            *next_row = row + 1;
            text.begin_next();
            render_options.write(cell, &mut text.bytes);
        }
        Ok::<(), ApiError>(())
    })?;
    if columns.is_empty() {
        return Ok(());
    }
    out.write_name("values");
    out.open(b'[');
    for (_, mut text) in columns {
        text.close(b']');
        out.begin_next();
        out.bytes.append(&mut text.bytes);
    }
    out.close(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::render::ValueRenderOption;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::SpreadsheetProperties;
    use serde_json::{Value, json};

    fn write_range(text: &str, major: Dimension, is_pretty: bool) -> Value {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![Cell::text("A1"), Cell::text("B1"), Cell::default(), Cell::text("D1")]).unwrap();
        tx.put_row(0, 1, vec![Cell::default(), Cell::text("b2")]).unwrap();
        tx.put_row(0, 3, vec![Cell::number(4.0)]).unwrap();
        let workbook = Workbook::open(&tx).unwrap();
        let place = workbook.find(text).unwrap();
        let mut out = JsonText::new(is_pretty);
        let render_options = RenderOptions { values: ValueRenderOption::Unformatted, shows_dates_as_text: false };
        write_value_range(&workbook, &place.sheet, &place.area(), major, render_options, &mut out).unwrap();
        let value: Value = serde_json::from_slice(&out.bytes).unwrap();
        if is_pretty {
            let google = serde_json::to_vec_pretty(&value).unwrap();
            assert_eq!(String::from_utf8(out.bytes).unwrap(), String::from_utf8(google).unwrap());
        }
        value
    }

    #[test]
    fn gaps_stay_and_ends_are_cut_as_google_recorded_them() {
        for pretty in [true, false] {
            assert_eq!(
                write_range("Sheet1", Dimension::Rows, pretty),
                json!({"range": "Sheet1!A1:Z1000", "majorDimension": "ROWS",
                       "values": [["A1", "B1", "", "D1"], ["", "b2"], [], [4]]})
            );
            assert_eq!(
                write_range("A1:D4", Dimension::Columns, pretty),
                json!({"range": "Sheet1!A1:D4", "majorDimension": "COLUMNS",
                       "values": [["A1", "", "", 4], ["B1", "b2"], [], ["D1"]]})
            );
            assert_eq!(
                write_range("E1:F", Dimension::Rows, pretty),
                json!({"range": "Sheet1!E1:F1000", "majorDimension": "ROWS"})
            );
            assert_eq!(write_range("C1:D2", Dimension::Rows, pretty)["values"], json!([["", "D1"]]));
            assert_eq!(write_range("A2:B2", Dimension::Columns, pretty)["values"], json!([[], ["b2"]]));
        }
    }
}
