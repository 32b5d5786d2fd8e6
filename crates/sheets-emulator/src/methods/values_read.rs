//! `values.get`, `values.batchGet`, `values.batchGetByDataFilter`.
//!
//! In scope: which ranges are read, the response around them.
//! Out of scope: the JSON of one range (`value_range`).

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::methods::value_range::{JsonText, write_value_range};
use crate::schema::enums::{TextParams, read_dimension, read_render_options};
use crate::storage::store::SpreadsheetStore;
use crate::workbook::data_filter::find_filter;
use crate::workbook::ranges::{SheetRange, Workbook};

/// Answers `values.get` with the JSON text of a `ValueRange`.
pub(crate) fn get(
    store: &SpreadsheetStore,
    id: &str,
    range: &str,
    words: &impl TextParams,
    is_pretty: bool,
) -> Result<Vec<u8>, ApiError> {
    let (render_options, major) = (read_render_options(words, false)?, read_dimension(words, "majorDimension")?);
    let transaction = store.read(id)?;
    let workbook = Workbook::open(&transaction)?;
    let place = workbook.find_inside(range)?;
    let mut out = JsonText::new(is_pretty);
    write_value_range(&workbook, &place.sheet, &place.area(), major, render_options, &mut out)?;
    Ok(out.bytes)
}

/// Answers `values.batchGet` with all ranges of one consistent read.
pub(crate) fn get_batch(
    store: &SpreadsheetStore,
    id: &str,
    ranges: &[&str],
    words: &impl TextParams,
    is_pretty: bool,
) -> Result<Vec<u8>, ApiError> {
    let find =
        |workbook: &Workbook<'_, '_>| ranges.iter().map(|range| Ok((workbook.find_inside(range)?, None))).collect();
    read_all(store, id, find, words, is_pretty)
}

/// Answers `values.batchGetByDataFilter`: the ranges that filters find, with the filters that found
/// each.
pub(crate) fn batch_get_by_filter(
    store: &SpreadsheetStore,
    id: &str,
    body: &Map<String, Value>,
    is_pretty: bool,
) -> Result<Vec<u8>, ApiError> {
    let filters = body.get("dataFilters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let find = |workbook: &Workbook<'_, '_>| {
        let mut found = Vec::new();
        for filter in filters {
            found.extend(find_filter(workbook, filter)?.into_iter().map(|place| (place, Some(filter.clone()))));
        }
        Ok(found)
    };
    read_all(store, id, find, body, is_pretty)
}

type FoundRanges = Vec<(SheetRange, Option<Value>)>;

fn read_all(
    store: &SpreadsheetStore,
    id: &str,
    find: impl FnOnce(&Workbook<'_, '_>) -> Result<FoundRanges, ApiError>,
    words: &impl TextParams,
    is_pretty: bool,
) -> Result<Vec<u8>, ApiError> {
    let (render_options, major) = (read_render_options(words, false)?, read_dimension(words, "majorDimension")?);
    let transaction = store.read(id)?;
    let workbook = Workbook::open(&transaction)?;
    let found = find(&workbook)?;
    let mut out = JsonText::new(is_pretty);
    out.open(b'{');
    out.write_member("spreadsheetId", id);
    if !found.is_empty() {
        out.write_name("valueRanges");
        out.open(b'[');
        for (place, filter) in &found {
            out.begin_next();
            if let Some(filter) = filter {
                out.open(b'{');
                out.write_name("valueRange");
                write_value_range(&workbook, &place.sheet, &place.area(), major, render_options, &mut out)?;
                out.write_name("dataFilters");
                out.bytes.extend_from_slice(Value::Array(vec![filter.clone()]).to_string().as_bytes());
                out.close(b'}');
            } else {
                write_value_range(&workbook, &place.sheet, &place.area(), major, render_options, &mut out)?;
            }
        }
        out.close(b']');
    }
    out.close(b'}');
    Ok(out.bytes)
}
