//! `values.update`, `values.batchUpdate`, `values.batchUpdateByDataFilter`.
//!
//! In scope: which cells are written, all or none, the response with its counts.
//! Out of scope: conversion of values (`input`), appending (`values_append`).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::auth::protection::WriteOpener;
use crate::error::ApiError;
use crate::format::render::RenderOptions;
use crate::grid::area::{Area, Dimension};
use crate::input::value_matrix::{ValueMatrix, WriteCounts};
use crate::methods::value_range::{JsonText, write_value_range};
use crate::schema::enums::{
    TextParams, check_names, make_bad_value_error, read_dimension, read_render_options, read_value_input,
};
use crate::storage::transaction::SheetProperties;
use crate::workbook::data_filter::find_filter;
use crate::workbook::ranges::{SheetRange, Workbook, print_area};

/// Answers `values.update`: writes one range, from its upper left cell on.
pub(crate) fn update(
    store: &impl WriteOpener,
    id: &str,
    range: &str,
    words: &impl TextParams,
    body: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let (input, echo) = (read_value_input(words)?, ResponseValues::read(words, body)?);
    let block = ValueMatrix::read(body, "data")?;
    let transaction = store.write(id)?;
    let workbook = Workbook::open(&transaction)?;
    check_same_range(range, body)?;
    let place = workbook.find(range)?;
    let written = block.write(&transaction, &place.sheet, block.fit(&place)?, input)?;
    let answer = echo.response_json(&workbook, id, Some(&place), &written)?;
    transaction.commit()?;
    Ok(Value::Object(answer))
}

/// Fails if the body names another range than the address, as recorded. Quotes and the case of a tab
/// make no other range.
pub(crate) fn check_same_range(range: &str, body: &Map<String, Value>) -> Result<(), ApiError> {
    let Some(own) = body.word("range").filter(|own| !own.is_empty()) else { return Ok(()) };
    let plain = |range: &str| range.replace(['\'', '$'], "").to_lowercase();
    if plain(range) == plain(own) {
        return Ok(());
    }
    let why = format!("Request range[{range}] does not match value's range[{own}]");
    Err(ApiError::invalid_argument(&why))
}

/// Answers `values.batchUpdate` and `values.batchUpdateByDataFilter`: writes all ranges or none.
pub(crate) fn batch_update(store: &impl WriteOpener, id: &str, body: &Map<String, Value>) -> Result<Value, ApiError> {
    let input = read_value_input(body)?;
    let mut blocks = Vec::new();
    let sent = body.get("data").and_then(Value::as_array).into_iter().flatten();
    // A nested list means its elements (recorded).
    let data = sent.flat_map(|data| data.as_array().map_or(std::slice::from_ref(data), Vec::as_slice));
    for (at, data) in data.enumerate() {
        let path = format!("data[{at}]");
        let Some(data) = data.as_object() else {
            return Err(make_bad_value_error(&path, "google.apps.sheets.v4.ValueRange", data));
        };
        let message = if data.contains_key("dataFilter") { "DataFilterValueRange" } else { "ValueRange" };
        check_names(data, message, &path)?;
        let block = ValueMatrix::read(data, &path)?;
        blocks.push((data, block, ResponseValues::read(body, data)?));
    }
    let transaction = store.write(id)?;
    let workbook = Workbook::open(&transaction)?;
    let mut totals = UpdateTotals::default();
    let mut responses = Vec::new();
    let mut places = Vec::new();
    for (at, (data, block, _)) in blocks.iter().enumerate() {
        let find = || match data.get("dataFilter") {
            Some(filter) => find_filter(&workbook, filter),
            None => Ok(vec![workbook.find(data.word("range").unwrap_or_default())?]),
        };
        let within = |error: ApiError| error.within(&format!("Invalid data[{at}]: "));
        for place in find().map_err(within)? {
            let write = || block.write(&transaction, &place.sheet, block.fit(&place)?, input);
            let written = write().map_err(within)?;
            totals.add(&written);
            places.push((at, place, written));
        }
    }
    for (at, place, written) in &places {
        let (data, _, echo) = &blocks[*at];
        let mut reply = echo.response_json(&workbook, id, Some(place), written)?;
        if let Some(filter) = data.get("dataFilter") {
            reply.shift_remove("spreadsheetId");
            reply.insert("dataFilter".to_owned(), filter.clone());
        }
        responses.push(Value::Object(reply));
    }
    transaction.commit()?;
    Ok(totals.to_json(id, &responses))
}

/// Whether and how the response contains the written values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseValues {
    includes_values: bool,
    render_options: RenderOptions,
    major: Dimension,
}

impl ResponseValues {
    /// Reads `includeValuesInResponse` and the render options of the response.
    pub(crate) fn read(words: &impl TextParams, range: &Map<String, Value>) -> Result<Self, ApiError> {
        let show = words.has_flag("includeValuesInResponse");
        Ok(Self {
            includes_values: show,
            render_options: read_render_options(words, true)?,
            major: read_dimension(range, "data.majorDimension")?,
        })
    }

    /// Returns the `UpdateValuesResponse` of one write. It shows the requested range, or else the
    /// written area. Zero counts are omitted, as in Google's responses.
    pub(crate) fn response_json(
        self,
        workbook: &Workbook<'_, '_>,
        id: &str,
        requested: Option<&SheetRange>,
        written: &WriteCounts,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut reply = Map::new();
        reply.insert("spreadsheetId".to_owned(), id.into());
        let shown = if written.area.is_empty() {
            let (row, column) = (written.area.rows.start, written.area.cols.start);
            Area::new(row..row + 1, column..column + 1)
        } else {
            written.area.clone()
        };
        reply.insert("updatedRange".to_owned(), print_area(&written.sheet, &shown).into());
        for (name, count) in [
            ("updatedRows", written.rows.len() as u64),
            ("updatedColumns", written.columns.len() as u64),
            ("updatedCells", written.cells),
        ] {
            if count > 0 {
                reply.insert(name.to_owned(), count.into());
            }
        }
        if self.includes_values {
            let requested = requested.filter(|place| !place.span.is_cell()).map_or(shown, SheetRange::area);
            reply.insert("updatedData".to_owned(), self.read_back(workbook, &written.sheet, &requested)?);
        }
        Ok(reply)
    }

    fn read_back(self, workbook: &Workbook<'_, '_>, sheet: &SheetProperties, area: &Area) -> Result<Value, ApiError> {
        let mut out = JsonText::new(false);
        write_value_range(workbook, sheet, area, self.major, self.render_options, &mut out)?;
        serde_json::from_slice(&out.bytes).map_err(|error| {
            tracing::error!(event = "emulator.failed", %error, "the emulator wrote JSON that it can't read");
            ApiError::internal()
        })
    }
}

/// Sums over the ranges of a batch. A row or column in two ranges counts once, as recorded.
#[derive(Debug, Default)]
struct UpdateTotals {
    rows: BTreeSet<(i32, u32)>,
    columns: BTreeSet<(i32, u32)>,
    sheets: BTreeSet<i32>,
    cells: u64,
}

impl UpdateTotals {
    fn add(&mut self, written: &WriteCounts) {
        let sheet = written.sheet.id;
        self.rows.extend(written.rows.iter().map(|row| (sheet, *row)));
        self.columns.extend(written.columns.iter().map(|column| (sheet, *column)));
        self.cells += written.cells;
        if written.cells > 0 {
            self.sheets.insert(sheet);
        }
    }

    fn to_json(&self, id: &str, responses: &[Value]) -> Value {
        let mut reply = Map::new();
        reply.insert("spreadsheetId".to_owned(), id.into());
        for (name, count) in [
            ("totalUpdatedRows", self.rows.len() as u64),
            ("totalUpdatedColumns", self.columns.len() as u64),
            ("totalUpdatedCells", self.cells),
            ("totalUpdatedSheets", self.sheets.len() as u64),
        ] {
            if count > 0 {
                reply.insert(name.to_owned(), count.into());
            }
        }
        reply.insert("responses".to_owned(), json!(responses));
        Value::Object(reply)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::grid::cell::Cell;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::SpreadsheetProperties;
    use crate::time::SimulatedTimeSource;

    fn store() -> SpreadsheetStore {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        store
    }

    fn put(store: &impl WriteOpener, range: &str, input: &str, values: &Value) -> Result<Value, ApiError> {
        let words = json!({"valueInputOption": input, "includeValuesInResponse": true});
        let body = json!({ "values": values });
        update(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap())
    }

    #[test]
    fn what_a_merge_covers_takes_no_value() {
        let store = store();
        let tx = store.write("s").unwrap();
        tx.put_object(Some(0), "merge", 0, &json!({"range": {"endRowIndex": 2, "endColumnIndex": 2}})).unwrap();
        tx.commit().unwrap();
        let got = put(&store, "A1", "RAW", &json!([["a", "b", "c"], ["d", "e", "f"]])).unwrap();
        assert_eq!(got["updatedCells"], 3);
        assert_eq!(got["updatedData"]["values"], json!([["a", "", "c"], ["", "", "f"]]));
    }

    #[test]
    fn texts_are_read_as_in_the_locale_and_the_present_year() {
        let clock = Arc::new(SimulatedTimeSource::starting_at(1_780_000_000_000)); // 2026-05-28
        let store = SpreadsheetStore::in_memory().unwrap().with_time_source(clock);
        for (id, locale) in [("s", "en_US"), ("de", "de_DE"), ("gb", "en_GB")] {
            let properties = SpreadsheetProperties { locale: locale.to_owned(), ..SpreadsheetProperties::default() };
            store.create(id, &properties, &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        }
        let enter = |id: &str, text: &str| {
            let words = json!({"valueInputOption": "USER_ENTERED"});
            let body = json!({ "values": [[text]] });
            update(&store, id, "A1", words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
            store.read(id).unwrap().row(0, 0).unwrap().remove(0)
        };
        let cell = enter("s", "1-2");
        assert_eq!(cell.value, Cell::number(46_024.0).value);
        assert_eq!(cell.format().unwrap()["numberFormat"], json!({"type": "DATE", "pattern": "m-d"}));
        assert_eq!(enter("de", "1,5").value, Cell::number(1.5).value);
        assert_eq!(enter("s", "1,5").value, Cell::text("1,5").value);
        assert_eq!(enter("gb", "1/2/2020").value, Cell::number(43_862.0).value);
        assert_eq!(enter("s", "1/2/2020").value, Cell::number(43_832.0).value);
    }

    #[test]
    fn a_written_value_erases_the_runs_of_the_old_one() {
        let store = store();
        let tx = store.write("s").unwrap();
        let mut rich = Cell::text("abcd");
        rich.set_member("textFormatRuns", Some(json!([{"startIndex": 1, "format": {"bold": true}}])));
        tx.put_row(0, 0, vec![rich.clone(), rich.clone(), rich.clone()]).unwrap();
        tx.commit().unwrap();
        put(&store, "A1", "RAW", &json!([["x", null]])).unwrap();
        crate::methods::values_clear::clear(&store, "s", "C1").unwrap();
        assert_eq!(store.read("s").unwrap().row(0, 0).unwrap(), [Cell::text("x"), rich]);
    }

    #[test]
    fn a_single_cell_is_a_corner_and_null_is_not_counted() {
        let store = store();
        let got = put(&store, "B2", "RAW", &json!([["a", null, 3], [null, null, ""]])).unwrap();
        assert_eq!(
            got,
            json!({"spreadsheetId": "s", "updatedRange": "Sheet1!B2:D3", "updatedRows": 2, "updatedColumns": 2,
                   "updatedCells": 3, "updatedData": {"range": "Sheet1!B2:D3", "majorDimension": "ROWS",
                   "values": [["a", "", "3"]]}})
        );
    }

    #[test]
    fn blocks_outside_their_range_are_refused_in_googles_words() {
        let store = store();
        for (range, values, got) in [
            ("A1:B1", json!([[1], [2]]), "Requested writing within range [Sheet1!A1:B1], but tried writing to row [2]"),
            (
                "A1:B1",
                json!([[1, 2, 3]]),
                "Requested writing within range [Sheet1!A1:B1], but tried writing to column [C]",
            ),
            ("A100000", json!([[1]]), "Range (Sheet1!A100000) exceeds grid limits. Max rows: 1000, max columns: 26"),
            ("Z1", json!([[1, 2]]), "Range (Sheet1!Z1:AA1) exceeds grid limits. Max rows: 1000, max columns: 26"),
            ("NOPE!A5:F15", json!([[1]]), "Unable to parse range: NOPE!A5:F15"),
            (
                "A1",
                json!([["x".repeat(50_001)]]),
                "Your input contains more than the maximum of 50000 characters in a single cell.",
            ),
        ] {
            assert_eq!(put(&store, range, "RAW", &values).unwrap_err().message, got);
        }
        assert_eq!(put(&store, "A1", "RAW", &json!([["x".repeat(50_000)]])).unwrap()["updatedCells"], 1);
    }

    #[test]
    fn a_batch_is_all_or_nothing_and_counts_rows_and_columns_once() {
        let store = store();
        let bad = json!({"valueInputOption": "RAW", "data": [
            {"range": "A1", "values": [["x"]]}, {"range": "NoSuchTab!A1", "values": [["y"]]}]});
        let got = batch_update(&store, "s", bad.as_object().unwrap()).unwrap_err().message;
        assert_eq!(got, "Invalid data[1]: Unable to parse range: NoSuchTab!A1");
        assert_eq!(store.read("s").unwrap().row(0, 0).unwrap(), []);
        let good = json!({"valueInputOption": "USER_ENTERED", "data": [
            {"range": "A1:D1", "values": [["0042", "2,000,000.01", "2020-01-01", "=3/2"]]},
            {"range": "A4:B5", "majorDimension": "COLUMNS", "values": [["x", "y"], ["z"]]}]});
        let got = batch_update(&store, "s", good.as_object().unwrap()).unwrap();
        let counts = ["totalUpdatedRows", "totalUpdatedColumns", "totalUpdatedCells", "totalUpdatedSheets"];
        assert_eq!(counts.map(|name| got[name].as_u64().unwrap()), [3, 4, 7, 1]);
        let got = put(&store, "F1", "USER_ENTERED", &json!([["=A1*D1", "=G1"]])).unwrap();
        assert_eq!(got["updatedData"]["values"], json!([["63", "#REF!"]]));
    }
}
