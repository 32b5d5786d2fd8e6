//! `values.clear`, `values.batchClear`, `values.batchClearByDataFilter`.
//!
//! In scope: removing the values of cells; formats, notes and validation stay.
//! Out of scope: removing rows and columns (`batch`).

use serde_json::{Map, Value, json};

use crate::auth::protection::WriteOpener;
use crate::error::ApiError;
use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;
use crate::workbook::data_filter::find_filter;
use crate::workbook::ranges::{SheetRange, Workbook};

/// Rows in memory at the same time.
const STEP: u32 = 4096;

/// Answers `values.clear`: empties the values of one range and keeps formats.
pub(crate) fn clear(store: &impl WriteOpener, id: &str, range: &str) -> Result<Value, ApiError> {
    let cleared = clear_all(store, id, |workbook| Ok(vec![workbook.find_inside(range)?]))?;
    Ok(json!({"spreadsheetId": id, "clearedRange": cleared.first()}))
}

/// Answers `values.batchClear`: clears all ranges or none.
pub(crate) fn batch_clear(store: &impl WriteOpener, id: &str, body: &Map<String, Value>) -> Result<Value, ApiError> {
    let ranges = body.get("ranges").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let find = |workbook: &Workbook<'_, '_>| {
        ranges.iter().map(|range| workbook.find_inside(range.as_str().unwrap_or_default())).collect()
    };
    Ok(json!({"spreadsheetId": id, "clearedRanges": clear_all(store, id, find)?}))
}

/// Answers `values.batchClearByDataFilter`: empties all ranges that the filters find, or none.
pub(crate) fn batch_clear_by_filter(
    store: &impl WriteOpener,
    id: &str,
    body: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let filters = body.get("dataFilters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let find = |workbook: &Workbook<'_, '_>| {
        let places: Vec<Vec<SheetRange>> =
            filters.iter().map(|filter| find_filter(workbook, filter)).collect::<Result<_, _>>()?;
        Ok(places.concat())
    };
    Ok(json!({"spreadsheetId": id, "clearedRanges": clear_all(store, id, find)?}))
}

fn clear_all(
    store: &impl WriteOpener,
    id: &str,
    find: impl FnOnce(&Workbook<'_, '_>) -> Result<Vec<SheetRange>, ApiError>,
) -> Result<Vec<String>, ApiError> {
    let transaction = store.write(id)?;
    let places = find(&Workbook::open(&transaction)?)?;
    for place in &places {
        empty_range(&transaction, place)?;
    }
    transaction.commit()?;
    Ok(places.iter().map(SheetRange::print).collect())
}

fn empty_range(transaction: &Transaction<'_>, place: &SheetRange) -> Result<(), StorageError> {
    let (area, sheet) = (place.area(), place.sheet.id);
    let columns =
        usize::try_from(area.cols.start).unwrap_or(usize::MAX)..usize::try_from(area.cols.end).unwrap_or(usize::MAX);
    let mut start = area.rows.start;
    while start < area.rows.end {
        let end = start.saturating_add(STEP).min(area.rows.end);
        for (row, mut cells) in transaction.rows(sheet, start..end)? {
            let mut changed = false;
            for cell in cells.iter_mut().take(columns.end).skip(columns.start).filter(|cell| cell.has_data()) {
                cell.enter(None);
                changed = true;
            }
            if changed {
                transaction.put_row(sheet, row, cells)?;
            }
        }
        start = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::cell::Cell;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

    #[test]
    fn values_go_and_notes_stay() {
        let store = SpreadsheetStore::in_memory().unwrap();
        store.create("s", &SpreadsheetProperties::default(), &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let mut noted = Cell::text("x");
        noted.set_member("note", Some("n".into()));
        let tx = store.write("s").unwrap();
        tx.put_row(0, 0, vec![noted, Cell::number(1.0), Cell::number(2.0)]).unwrap();
        tx.commit().unwrap();
        let body = json!({"ranges": ["A1:B5", "nope!A1"]});
        let got = batch_clear(&store, "s", body.as_object().unwrap()).unwrap_err().message;
        assert_eq!(got, "Unable to parse range: nope!A1");
        assert_eq!(store.read("s").unwrap().row(0, 0).unwrap()[0].value, Cell::text("x").value, "all or nothing");
        assert_eq!(clear(&store, "s", "A1:B5").unwrap(), json!({"spreadsheetId": "s", "clearedRange": "Sheet1!A1:B5"}));
        let row = store.read("s").unwrap().row(0, 0).unwrap();
        assert_eq!(
            (row[0].note(), row[0].has_data(), row[1].is_blank(), row[2].has_data()),
            (Some("n"), false, true, true)
        );
    }
}
