//! `spreadsheets.sheets.copyTo`, and copies of whole spreadsheets for `drive.files.copy`.
//!
//! In scope: a sheet copied into any spreadsheet of the same file, a spreadsheet with all its
//! contents. Out of scope: copies inside a batch (`batch`), what a sheet's rows contain
//! (`storage::content::sheet_rows`).

use rusqlite::OptionalExtension;
use serde_json::{Map, Value};

use crate::batch::context::{Batch, UnknownBehaviors};
use crate::batch::sheets::sheet::finish_copy;
use crate::error::ApiError;
use crate::format::response_format::render_sheet_properties;
use crate::random::RandomSource;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{SpreadsheetProperties, Transaction};

/// Answers `sheets.copyTo` with the properties of the copy, which is the last sheet of its
/// spreadsheet.
pub(crate) fn copy_to(
    store: &SpreadsheetStore,
    id: &str,
    sheet: &str,
    body: &Map<String, Value>,
    random: &dyn RandomSource,
) -> Result<Value, ApiError> {
    let no_sheet = || ApiError::invalid_argument(format!("No sheet with id: {sheet}"));
    let number: i32 = sheet.parse().map_err(|_| no_sheet())?;
    let missing = || ApiError::invalid_argument("destinationSpreadsheetId must be set.");
    let destination = body.get("destinationSpreadsheetId").and_then(Value::as_str).ok_or_else(missing)?;
    // The read transaction ends before the write begins, because a store in memory has one
    // connection.
    let source = store.read(id)?.sheet(number)?.ok_or_else(no_sheet)?;
    let tx = store.write(destination)?;
    let from = find_sheet_key(&tx, id, number)?.ok_or_else(no_sheet)?;
    let batch = Batch::new(&tx, UnknownBehaviors::default(), random)?;
    let copy = finish_copy(&batch, source)?;
    tx.copy_rows(from, copy.id)?;
    drop(batch);
    tx.commit()?;
    Ok(render_sheet_properties(&copy))
}

/// Copies a spreadsheet with its sheets, named ranges and metadata to a new id. Returns the copy's
/// title.
pub(crate) fn copy_spreadsheet(
    store: &SpreadsheetStore,
    from: &str,
    id: &str,
    title: Option<&str>,
) -> Result<String, ApiError> {
    // The read transaction ends before the write begins, because a store in memory has one
    // connection.
    let (properties, sheets, names, entries) = {
        let source = store.read(from)?;
        (source.properties()?, source.sheets()?, source.named_ranges()?, source.objects(None, "metadata")?)
    };
    let title = title.map_or_else(|| format!("Copy of {}", properties.title), str::to_owned);
    let tx = store.start(id, &SpreadsheetProperties { title: title.clone(), ..properties })?;
    for sheet in &sheets {
        tx.put_sheet(sheet)?;
        let key = find_sheet_key(&tx, from, sheet.id)?.ok_or_else(ApiError::not_found)?;
        tx.copy_whole(key, sheet.id)?;
    }
    for name in &names {
        tx.add_named_range(name)?;
    }
    for (number, metadata) in &entries {
        tx.put_object(None, "metadata", *number, metadata)?;
    }
    tx.commit()?;
    Ok(title)
}

/// Returns the key of a sheet of any spreadsheet in the file, if it exists.
fn find_sheet_key(tx: &Transaction<'_>, spreadsheet: &str, sheet: i32) -> Result<Option<i64>, StorageError> {
    let sql = "SELECT key FROM sheets JOIN spreadsheets ON key = (number << 32) + ?2 WHERE id = ?1";
    let found = tx.db().prepare_cached(sql)?.query_row((spreadsheet, sheet), |row| row.get(0)).optional()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grid::cell::Cell;
    use crate::random::SeededRandom;
    use crate::storage::content::developer_metadata::{get_metadata, search_metadata};
    use crate::storage::transaction::SheetProperties;

    fn two_spreadsheets() -> SpreadsheetStore {
        let store = SpreadsheetStore::in_memory().unwrap();
        for id in ["a", "b"] {
            store.create(id, &SpreadsheetProperties::default(), &[SheetProperties::new(7, "Log", 0)]).unwrap();
        }
        store
    }

    #[test]
    fn a_copy_is_the_last_sheet_of_the_other_spreadsheet() {
        let store = two_spreadsheets();
        let tx = store.write("a").unwrap();
        tx.put_row(7, 3, vec![Cell::text("x")]).unwrap();
        tx.commit().unwrap();
        let body = json!({"destinationSpreadsheetId": "b"}).as_object().cloned().unwrap();
        let random = SeededRandom::new(1);
        let copy = copy_to(&store, "a", "7", &body, &random).unwrap();
        assert_eq!((&copy["title"], &copy["index"]), (&json!("Copy of Log"), &json!(1)));
        let id = i32::try_from(copy["sheetId"].as_i64().unwrap()).unwrap();
        assert_eq!(store.read("b").unwrap().row(id, 3).unwrap(), [Cell::text("x")]);
        assert_eq!(copy_to(&store, "a", "8", &body, &random).unwrap_err().message, "No sheet with id: 8");
        assert_eq!(copy_to(&store, "c", "7", &body, &random).unwrap_err().code, 404);
        let nowhere = json!({"destinationSpreadsheetId": "c"}).as_object().cloned().unwrap();
        assert_eq!(copy_to(&store, "a", "7", &nowhere, &random).unwrap_err().code, 404);
    }

    #[test]
    fn a_spreadsheet_is_copied_with_all_it_holds() {
        let store = two_spreadsheets();
        let tx = store.write("a").unwrap();
        tx.put_row(7, 3, vec![Cell::text("x")]).unwrap();
        tx.put_object(Some(7), "chart", 5, &json!({"chartId": 5})).unwrap();
        tx.commit().unwrap();
        assert_eq!(copy_spreadsheet(&store, "a", "c", Some("third")).unwrap(), "third");
        let copy = store.read("c").unwrap();
        assert_eq!(copy.row(7, 3).unwrap(), [Cell::text("x")]);
        assert_eq!(copy.objects(Some(7), "chart").unwrap(), [(5, json!({"chartId": 5}))]);
        drop(copy);
        assert_eq!(copy_spreadsheet(&store, "nowhere", "d", None).unwrap_err().code, 404);
    }

    #[test]
    fn marks_are_found_by_id_and_by_key_with_the_filters_that_match() {
        let store = two_spreadsheets();
        let tx = store.write("a").unwrap();
        let metadata = json!({"metadataId": 42, "metadataKey": "k"});
        tx.put_object(None, "metadata", 42, &metadata).unwrap();
        tx.commit().unwrap();
        assert_eq!(get_metadata(&store, "a", "42").unwrap(), metadata);
        assert_eq!(get_metadata(&store, "a", "43").unwrap_err().code, 404);
        assert_eq!(get_metadata(&store, "a", "x").unwrap_err().code, 400);
        let filter = |key: &str| json!({"developerMetadataLookup": {"metadataKey": key}});
        let search =
            |filters: Value| search_metadata(&store, "a", json!({ "dataFilters": filters }).as_object().unwrap());
        let found =
            json!({"matchedDeveloperMetadata": [{"developerMetadata": metadata, "dataFilters": [filter("k")]}]});
        assert_eq!(search(json!([filter("k"), filter("other")])).unwrap(), found);
        assert_eq!(search(json!([filter("other")])).unwrap(), json!({}));
        assert_eq!(search(json!([])).unwrap_err().code, 400);
    }
}
