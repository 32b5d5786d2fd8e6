//! `values.append`.
//!
//! In scope: the position of the new rows, growing the grid, the response.
//! Out of scope: table detection (`workbook::table_detection`), `appendCells` of batchUpdate, which
//! has no tables.

use serde_json::{Map, Value};

use crate::auth::protection::WriteOpener;
use crate::batch::context::check_column_limit;
use crate::error::ApiError;
use crate::formula::references::rewrite::rewrite_formulas;
use crate::formula::references::shift::SheetEdit;
use crate::grid::area::{Area, Dimension};
use crate::input::value_matrix::ValueMatrix;
use crate::methods::values_write::{ResponseValues, check_same_range};
use crate::schema::enums::{InsertDataOption, TextParams, read_insert_data, read_value_input};
use crate::storage::transaction::{SheetProperties, Transaction};
use crate::workbook::ranges::{Workbook, print_area};
use crate::workbook::table_detection::find_table;

/// The most cells of all grids together (Google Drive help, "Files you can store").
const WORKBOOK_LIMIT: u64 = 10_000_000;

/// Answers `values.append`. It writes below the table in the range, from the table's first column,
/// or at the start of the range if there is no table.
pub(crate) fn append(
    store: &impl WriteOpener,
    id: &str,
    range: &str,
    words: &impl TextParams,
    body: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let (input, insert, echo) =
        (read_value_input(words)?, read_insert_data(words)?, ResponseValues::read(words, body)?);
    let block = ValueMatrix::read(body, "data")?.trim_nulls();
    let transaction = store.write(id)?;
    let workbook = Workbook::open(&transaction)?;
    check_same_range(range, body)?;
    let place = workbook.find_inside(range)?;
    let (table, hint) = find_table(&workbook, &place)?.unzip();
    let (row, column) = match &table {
        Some(table) => (table.rows.end, table.cols.start),
        None => (place.span.start_row.unwrap_or(0), place.span.start_column.unwrap_or(0)),
    };
    let area = block.area_at(row, column);
    let sheet = make_room(&transaction, &workbook.sheets, &place.sheet, &area, insert)?;
    let written = block.write(&transaction, &sheet, area, input)?;
    // Everything was written below the table, which therefore is still as it was found.
    if let Some(hint) = hint.flatten() {
        transaction.keep_table_hint(sheet.id, &hint)?;
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".to_owned(), id.into());
    if let Some(table) = table {
        answer.insert("tableRange".to_owned(), print_area(&sheet, &table).into());
    }
    // The rows have changed, and the grid may have grown.
    let updates = echo.response_json(&Workbook::open(&transaction)?, id, None, &written)?;
    answer.insert("updates".to_owned(), Value::Object(updates));
    transaction.commit()?;
    Ok(Value::Object(answer))
}

/// Grows the grid to hold the area. With `INSERT_ROWS`, moves the existing rows down first.
fn make_room(
    transaction: &Transaction<'_>,
    sheets: &[SheetProperties],
    sheet: &SheetProperties,
    area: &Area,
    insert: InsertDataOption,
) -> Result<SheetProperties, ApiError> {
    let mut sheet = sheet.clone();
    let before = count_cells(&sheet);
    if insert == InsertDataOption::InsertRows && area.rows.start < sheet.row_count && area.height() > 0 {
        let (at, count) = (area.rows.start, area.height());
        transaction.shift_rows(sheet.id, at..u32::MAX, i64::from(count))?;
        for mut named in transaction.named_ranges()?.into_iter().filter(|named| named.range.sheet_id == sheet.id) {
            transaction.remove_named_range(&named.id)?;
            named.range = named.range.after_insert(Dimension::Rows, at, count);
            transaction.add_named_range(&named)?;
        }
        rewrite_formulas(
            transaction,
            &sheet.title,
            &SheetEdit::Insert { dimension: Dimension::Rows, at, count, within: None },
        )?;
        sheet.row_count = sheet.row_count.saturating_add(count);
    }
    sheet.row_count = sheet.row_count.max(area.rows.end);
    sheet.column_count = sheet.column_count.max(area.cols.end);
    check_column_limit(std::slice::from_ref(&sheet))?;
    let others: u64 = sheets.iter().filter(|other| other.id != sheet.id).map(count_cells).sum();
    if count_cells(&sheet) > before && others.saturating_add(count_cells(&sheet)) > WORKBOOK_LIMIT {
        return Err(ApiError::invalid_argument(
            "This action would increase the number of cells in the workbook above the limit of 10000000 cells.",
        ));
    }
    if count_cells(&sheet) != before {
        transaction.put_sheet(&sheet)?;
    }
    Ok(sheet)
}

fn count_cells(sheet: &SheetProperties) -> u64 {
    u64::from(sheet.row_count) * u64::from(sheet.column_count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::store::SpreadsheetStore;
    use crate::storage::transaction::SpreadsheetProperties;
    use serde_json::json;

    fn store() -> SpreadsheetStore {
        let store = SpreadsheetStore::in_memory().unwrap();
        let small = SheetProperties { row_count: 3, column_count: 5, ..SheetProperties::new(0, "Sheet1", 0) };
        store.create("s", &SpreadsheetProperties::default(), &[small]).unwrap();
        store
    }

    fn add(store: &impl WriteOpener, range: &str, options: &Value, values: &Value) -> Value {
        let mut words = json!({"valueInputOption": "RAW"});
        words.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({ "values": values });
        append(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap()
    }

    #[test]
    fn columns_drift_after_a_hole_as_recorded() {
        let store = store();
        let first = add(&store, "'Sheet1'", &json!({}), &json!([["x", "", "z"]]));
        assert_eq!(first.get("tableRange"), None);
        assert_eq!(first["updates"]["updatedRange"], "Sheet1!A1:C1");
        assert_eq!(first["updates"]["updatedCells"], 3);
        let second = add(&store, "'Sheet1'", &json!({}), &json!([["x", "", "z"]]));
        assert_eq!(
            (&second["tableRange"], &second["updates"]["updatedRange"]),
            (&json!("Sheet1!C1"), &json!("Sheet1!C2:E2"))
        );
    }

    #[test]
    fn a_body_with_another_range_than_the_address_is_refused() {
        let store = store();
        let words = json!({"valueInputOption": "RAW"});
        let sent = |range: &str, own: &str| {
            let body = json!({"range": own, "values": [[1]]});
            append(&store, "s", range, words.as_object().unwrap(), body.as_object().unwrap())
                .map_err(|error| error.message)
        };
        assert!(sent("'Sheet1'!A1", "sheet1!$A$1").is_ok());
        assert_eq!(
            sent("Sheet1!A1", "Sheet1!A2").unwrap_err(),
            "Request range[Sheet1!A1] does not match value's range[Sheet1!A2]"
        );
    }

    #[test]
    fn an_append_grows_no_sheet_beyond_its_last_column() {
        let store = store();
        let tx = store.write("s").unwrap();
        let wide = SheetProperties { row_count: 2, column_count: 18_278, ..SheetProperties::new(0, "Sheet1", 0) };
        tx.put_sheet(&wide).unwrap();
        tx.commit().unwrap();
        let (words, body) = (json!({"valueInputOption": "RAW"}), json!({"values": [[1, 2]]}));
        let send = |range: &str| append(&store, "s", range, words.as_object().unwrap(), body.as_object().unwrap());
        assert!(send("ZZY1").is_ok());
        let message = send("ZZZ2").unwrap_err().message;
        assert!(message.ends_with("above the limit of 18278 columns."), "{message}");
    }

    #[test]
    fn nulls_at_the_end_of_rows_are_not_in_the_range() {
        let store = store();
        add(&store, "A1", &json!({}), &json!([["a", "b", "c"]]));
        let got = add(&store, "A1", &json!({}), &json!([[1, null, 3, null, null, null], [1, null], [null]]));
        assert_eq!(got["updates"]["updatedRange"], "Sheet1!A2:C3");
        assert_eq!((&got["updates"]["updatedRows"], &got["updates"]["updatedCells"]), (&json!(2), &json!(3)));
        let sheet = store.read("s").unwrap().sheet(0).unwrap().unwrap();
        assert_eq!((sheet.row_count, sheet.column_count), (3, 5));
        let columns = json!({"majorDimension": "COLUMNS", "values": [[1], [null, 2], [null]]});
        let words = json!({"valueInputOption": "RAW"});
        let got = append(&store, "s", "A1", words.as_object().unwrap(), columns.as_object().unwrap()).unwrap();
        assert_eq!(got["updates"]["updatedRange"], "Sheet1!A4:B5");
    }

    #[test]
    fn the_grid_grows_and_what_was_below_is_overwritten_or_moved() {
        let store = store();
        add(&store, "A1", &json!({}), &json!([["a"], ["b"]]));
        add(&store, "C3", &json!({}), &json!([["below"]]));
        let got = add(&store, "A1", &json!({"includeValuesInResponse": "True"}), &json!([["c", 1], ["d", 2]]));
        assert_eq!(got["tableRange"], "Sheet1!A1:A2");
        assert_eq!(
            got["updates"]["updatedData"],
            json!({"range": "Sheet1!A3:B4", "majorDimension": "ROWS", "values": [["c", "1"], ["d", "2"]]})
        );
        assert_eq!(store.read("s").unwrap().sheet(0).unwrap().unwrap().row_count, 4);
        let got = add(&store, "E1:E9", &json!({"insertDataOption": "INSERT_ROWS"}), &json!([[1, 2]]));
        assert_eq!(got["updates"]["updatedRange"], "Sheet1!E1:F1");
        let sheet = store.read("s").unwrap().sheet(0).unwrap().unwrap();
        assert_eq!((sheet.row_count, sheet.column_count), (5, 6));
        assert_eq!(store.read("s").unwrap().last_row_with_data(0).unwrap(), Some(4));
    }
}
