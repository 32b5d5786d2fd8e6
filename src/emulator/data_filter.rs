//! `DataFilter`: cells named by A1 text or by grid range in a request's body.
//!
//! In scope: the filters `a1Range` and `gridRange`.
//! Out of scope: `developerMetadataLookup`, which is answered 501.

use serde_json::Value;

use crate::emulator::a1::Span;
use crate::emulator::book::{Book, Place};
use crate::emulator::error::ApiError;

/// The cells of a filter.
pub fn find_filter(book: &Book<'_, '_>, filter: &Value) -> Result<Place, ApiError> {
    if let Some(text) = filter.get("a1Range").and_then(Value::as_str) {
        return book.find_inside(text);
    }
    if filter.get("developerMetadataLookup").is_some() {
        return Err(ApiError::unimplemented("This emulator does not look up developer metadata."));
    }
    let Some(range) = filter.get("gridRange") else {
        return Err(ApiError::invalid_argument("Must specify at least one DataFilter."));
    };
    let bound = |name: &str| range.get(name).and_then(Value::as_u64).and_then(|bound| u32::try_from(bound).ok());
    let id = range.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
    let sheet = book.sheets.iter().find(|sheet| i64::from(sheet.id) == id);
    let sheet = sheet.ok_or_else(|| ApiError::invalid_argument(format!("No grid with id: {id}")))?;
    let span = Span {
        start_row: bound("startRowIndex"),
        end_row: bound("endRowIndex"),
        start_column: bound("startColumnIndex"),
        end_column: bound("endColumnIndex"),
    };
    let place = Place { sheet: sheet.clone(), span };
    if span.starts_outside(sheet.row_count, sheet.column_count) { Err(place.exceeds()) } else { Ok(place) }
}
