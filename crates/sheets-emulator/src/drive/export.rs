//! Spreadsheets as files.
//!
//! In scope: Drive's `files.export`, the download of Google's editor, and the upload that replaces
//! a spreadsheet by a CSV file. Sheets are CSV or TSV with displayed values. A CSV file is read as
//! if typed (recorded of gspread's `import_csv`).
//! Out of scope: PDF, XLSX, ODS and HTML, which are refused; uploads of Drive v3 (`upload`).

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::format::render::{format_cell, read_effective_value};
use crate::grid::area::Area;
use crate::grid::cell::Cell;
use crate::input::entry_settings::EntrySettings;
use crate::input::value_matrix::enter_text;
use crate::random::RandomSource;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::SheetProperties;
use crate::workbook::ranges::Workbook;

const CSV: (u8, &str) = (b',', "text/csv");
const TSV: (u8, &str) = (b'\t', "text/tab-separated-values");

/// Answers `files.export`: returns the first sheet as text, and its media type.
pub(crate) fn export(store: &SpreadsheetStore, id: &str, media: &str) -> Result<(Vec<u8>, &'static str), ApiError> {
    let kind = match media {
        "text/csv" => CSV,
        "text/tab-separated-values" => TSV,
        "" => return Err(ApiError::invalid_argument("Required parameter: mimeType")),
        _ => return Err(ApiError::unimplemented("This emulator exports text/csv and text/tab-separated-values only.")),
    };
    let transaction = store.read(id)?;
    let workbook = Workbook::open(&transaction)?;
    let sheet = workbook.sheets.first().ok_or_else(ApiError::not_found)?;
    write_delimited_text(&workbook, sheet, kind)
}

/// Answers the download of Google's editor, which google-spreadsheet uses. Returns the sheet with
/// this id, or the first one, as `csv` or `tsv`.
pub(crate) fn download(
    store: &SpreadsheetStore,
    id: &str,
    format: &str,
    sheet: Option<&str>,
) -> Result<(Vec<u8>, &'static str), ApiError> {
    let kind = match format {
        "csv" => CSV,
        "tsv" => TSV,
        "" => return Err(ApiError::invalid_argument("Required parameter: format")),
        _ => return Err(ApiError::unimplemented("This emulator exports csv and tsv only.")),
    };
    let transaction = store.read(id)?;
    let workbook = Workbook::open(&transaction)?;
    let requested = workbook.sheets.iter().find(|each| sheet.is_none_or(|sheet| each.id.to_string() == sheet));
    write_delimited_text(&workbook, requested.ok_or_else(ApiError::not_found)?, kind)
}

/// Writes a sheet's displayed values, one line per row.
fn write_delimited_text(
    workbook: &Workbook<'_, '_>,
    sheet: &SheetProperties,
    (delimiter, media): (u8, &'static str),
) -> Result<(Vec<u8>, &'static str), ApiError> {
    let mut lines: Vec<Vec<String>> = Vec::new();
    let whole = Area::new(0..sheet.row_count, 0..sheet.column_count);
    workbook.visit(sheet.id, &whole, |row, cells| {
        let shown = |cell: &Cell| format_cell(cell, read_effective_value(cell));
        let used = cells.iter().rposition(Cell::has_data).map_or(0, |last| last + 1);
        if used > 0 {
            lines.resize(usize::try_from(row).unwrap_or(0), Vec::new());
            lines.push(cells[..used].iter().map(shown).collect());
        }
        Ok::<(), StorageError>(())
    })?;
    let width = lines.iter().map(Vec::len).max().unwrap_or(0);
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(Vec::new());
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(event = "emulator.failed", %error, "the emulator can't write a sheet as text");
        ApiError::internal()
    };
    for mut line in lines {
        line.resize(width, String::new());
        writer.write_record(&line).map_err(|error| failed(&error))?;
    }
    let mut text = writer.into_inner().map_err(|error| failed(&error))?;
    // Google's file has no line break at its end.
    text.truncate(text.len().saturating_sub(if text.ends_with(b"\r\n") { 2 } else { 0 }));
    Ok((text, media))
}

/// Replaces the contents by a CSV file, and answers in the form of Drive v2.
pub(crate) fn import(
    store: &SpreadsheetStore,
    id: &str,
    body: &[u8],
    random: &dyn RandomSource,
) -> Result<Value, ApiError> {
    let title = replace_contents(store, id, (CSV.0, body), random)?;
    Ok(json!({
        "kind": "drive#file",
        "id": id,
        "title": title,
        "mimeType": "application/vnd.google-apps.spreadsheet",
        "selfLink": format!("https://www.googleapis.com/drive/v2/files/{id}"),
        "alternateLink": format!("https://docs.google.com/spreadsheets/d/{id}/edit?usp=drivesdk"),
        "editable": true,
        "copyable": true,
        "writersCanShare": true,
        "shared": false,
        "spaces": ["drive"],
        "labels": {"viewed": true, "restricted": false, "starred": false, "hidden": false, "trashed": false},
        "capabilities": {"canEdit": true, "canCopy": true}
    }))
}

/// Returns the delimiter of a file of this media type, if the emulator reads it.
pub(crate) fn find_delimiter(media: &str) -> Option<u8> {
    let kind = media.split(';').next().unwrap_or_default().trim();
    [CSV, TSV].into_iter().find(|(_, known)| kind.eq_ignore_ascii_case(known)).map(|(delimiter, _)| delimiter)
}

/// Replaces all sheets by one with the file's values, and returns the title. As recorded, the new
/// sheet has a new id, the spreadsheet's title and the default size. The spreadsheet gets Google's
/// own time zone.
pub(crate) fn replace_contents(
    store: &SpreadsheetStore,
    id: &str,
    (delimiter, body): (u8, &[u8]),
    random: &dyn RandomSource,
) -> Result<String, ApiError> {
    let error = |error: &dyn std::fmt::Display| ApiError::invalid_argument(format!("Bad Request: {error}"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(body);
    let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(|bad| error(&bad))?;
    let transaction = store.write(id)?;
    for sheet in transaction.sheets()? {
        transaction.remove_sheet(sheet.id)?;
    }
    for named in transaction.named_ranges()? {
        transaction.remove_named_range(&named.id)?;
    }
    let mut properties = transaction.properties()?;
    "America/Los_Angeles".clone_into(&mut properties.time_zone);
    transaction.set_properties(&properties)?;
    let drawn = i32::try_from(random.next_u64() >> 33).unwrap_or(1).max(1);
    let mut sheet = SheetProperties::new(drawn, properties.title.clone(), 0);
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    sheet.row_count = sheet.row_count.max(length(records.len()));
    sheet.column_count = sheet.column_count.max(length(records.iter().map(csv::StringRecord::len).max().unwrap_or(0)));
    transaction.put_sheet(&sheet)?;
    let settings = EntrySettings::read(&transaction)?;
    let rows = (0..).zip(&records).map(|(row, record)| {
        let cells = record.iter().map(|text| enter_text(Cell::default(), text, settings));
        Ok((row, cells.collect::<Result<Vec<Cell>, ApiError>>()?))
    });
    transaction.put_rows(sheet.id, rows.collect::<Result<Vec<_>, ApiError>>()?)?;
    transaction.commit()?;
    Ok(properties.title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRandom;
    use crate::storage::transaction::SpreadsheetProperties;

    #[test]
    fn a_csv_file_replaces_the_sheets_and_comes_out_as_shown() {
        let store = SpreadsheetStore::in_memory().unwrap();
        let properties = SpreadsheetProperties { title: "t".to_owned(), ..SpreadsheetProperties::default() };
        store.create("s", &properties, &[SheetProperties::new(0, "Sheet1", 0)]).unwrap();
        let body = b"name,n\n\"a, b\",0042\nc,10%,=1+1\n";
        let made = import(&store, "s", body, &SeededRandom::new(1)).unwrap();
        assert_eq!((&made["title"], &made["labels"]["trashed"]), (&json!("t"), &json!(false)));
        let sheets = store.read("s").unwrap().sheets().unwrap();
        assert_eq!((sheets.len(), sheets[0].title.as_str(), sheets[0].row_count), (1, "t", 1000));
        let (text, media) = export(&store, "s", "text/csv").unwrap();
        assert_eq!(
            (String::from_utf8(text).unwrap().as_str(), media),
            ("name,n,\r\n\"a, b\",42,\r\nc,10%,2", "text/csv")
        );
        let (text, _) = export(&store, "s", "text/tab-separated-values").unwrap();
        assert!(text.starts_with(b"name\tn\t\r\na, b\t42"));
        let second = SheetProperties::new(77, "Two", 1);
        let tx = store.write("s").unwrap();
        tx.put_sheet(&second).unwrap();
        tx.put_row(77, 0, vec![Cell::text("x"), Cell::text("y")]).unwrap();
        tx.commit().unwrap();
        assert_eq!(download(&store, "s", "tsv", Some("77")).unwrap(), (b"x\ty".to_vec(), "text/tab-separated-values"));
        assert!(download(&store, "s", "csv", None).unwrap().0.starts_with(b"name,n"));
        assert_eq!(download(&store, "s", "xlsx", None).unwrap_err().status, "UNIMPLEMENTED");
        assert_eq!(download(&store, "s", "csv", Some("5")).unwrap_err().code, 404);
        assert_eq!(export(&store, "s", "application/pdf").unwrap_err().status, "UNIMPLEMENTED");
        assert_eq!(export(&store, "s", "").unwrap_err().code, 400);
    }
}
