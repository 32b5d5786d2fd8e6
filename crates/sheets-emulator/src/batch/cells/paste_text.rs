//! Pasted data, text to columns, random order of rows.
//!
//! In scope: delimited data, read as if typed; delimiters that are named, given or detected; a fair
//! shuffle.
//! Out of scope: pasted HTML, paste types other than values.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::cells::paste::read_block;
use crate::batch::context::{Batch, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::{GridCoordinate, GridRangeMessage};
use crate::batch::write_cells::write_block;
use crate::error::ApiError;
use crate::grid::area::Area;
use crate::grid::cell::{Cell, CellValue};
use crate::input::entry_settings::EntrySettings;
use crate::input::value_matrix::enter_text;
use crate::storage::transaction::SheetProperties;

/// `PasteDataRequest`: a text with delimiters, or HTML, from a cell on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PasteData {
    coordinate: GridCoordinate,
    data: String,
    delimiter: String,
    html: bool,
    #[serde(rename = "type")]
    kind: String,
}

/// `TextToColumnsRequest`: a column whose texts are split at a delimiter.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TextToColumns {
    source: GridRangeMessage,
    delimiter: String,
    delimiter_type: String,
}

/// `RandomizeRangeRequest`: a range whose rows change places at random.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RandomizeRange {
    range: GridRangeMessage,
}

/// Splits the data by its delimiter and enters it from a coordinate on. The grid grows as needed.
pub(crate) fn paste(batch: &Batch<'_, '_>, request: &PasteData) -> Result<Value, ApiError> {
    if request.html {
        return Err(ApiError::unimplemented("This emulator does not paste HTML; give it a delimiter."));
    }
    if !matches!(request.kind.as_str(), "" | "PASTE_NORMAL" | "PASTE_VALUES" | "PASTE_NO_BORDERS") {
        return Err(ApiError::unimplemented("This emulator pastes data as PASTE_NORMAL or PASTE_VALUES only."));
    }
    let [delimiter] = *request.delimiter.as_bytes() else {
        return refuse("pasteData takes a delimiter of one character.");
    };
    let (sheet, top, left) = batch.place(&request.coordinate)?;
    let lines =
        parse_lines(&request.data, delimiter).map_err(|detail| ApiError::invalid_argument(detail.to_string()))?;
    enter_texts(batch, sheet, top, left, &lines)
}

/// Returns the fields of each line. Empty lines are rows too, but the CSV reader skips them, so
/// they are counted.
fn parse_lines(data: &str, delimiter: u8) -> Result<Vec<Vec<String>>, csv::Error> {
    let data = format!("{}\n", data.trim_end_matches(['\r', '\n']));
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(data.as_bytes());
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut next = 1;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record)? {
        let after = reader.position().line();
        let inside: usize = record.iter().map(|field| field.matches('\n').count()).sum();
        let empty = (after - next).saturating_sub(1 + inside as u64);
        lines.extend((0..empty).map(|_| Vec::new()));
        lines.push(record.iter().map(str::to_owned).collect());
        next = after;
    }
    Ok(lines)
}

/// Splits the texts of one column. The parts overwrite the cells to the right.
pub(crate) fn split(batch: &Batch<'_, '_>, request: &TextToColumns) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.source)?;
    if area.width() != 1 {
        return refuse("The source must be a single column.");
    }
    let cells = read_block(batch, &sheet, &area)?;
    let text = |row: &Vec<Cell>| match row.first().and_then(|cell| cell.value.as_ref()) {
        Some(CellValue::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let texts: Vec<Option<String>> = cells.iter().map(text).collect();
    let delimiter = match request.delimiter_type.as_str() {
        "COMMA" => ",".to_owned(),
        "SEMICOLON" => ";".to_owned(),
        "PERIOD" => ".".to_owned(),
        "SPACE" => " ".to_owned(),
        "CUSTOM" if request.delimiter.is_empty() => return refuse("A custom delimiter must be given."),
        "CUSTOM" => request.delimiter.clone(),
        "AUTODETECT" => match detect(&texts) {
            Some(found) => found.to_owned(),
            None => return Ok(json!({})),
        },
        _ => return refuse("delimiterType must be set."),
    };
    for (row, text) in (area.rows.start..).zip(texts) {
        if let Some(text) = text.filter(|text| text.contains(&delimiter)) {
            let parts = text.split(&delimiter).map(|part| part.trim().to_owned()).collect();
            // The grid may have grown meanwhile, so it is read again.
            enter_texts(batch, batch.grid(sheet.id)?, row, area.cols.start, &[parts])?;
        }
    }
    Ok(json!({}))
}

/// Returns the delimiter that most texts contain.
fn detect(texts: &[Option<String>]) -> Option<&'static str> {
    let having = |delimiter: &str| texts.iter().flatten().filter(|text| text.contains(delimiter)).count();
    let found = [",", ";", "\t", "|", " "].into_iter().rev().max_by_key(|delimiter| having(delimiter))?;
    (having(found) > 0).then_some(found)
}

/// Enters texts into cells, from a corner on.
fn enter_texts(
    batch: &Batch<'_, '_>,
    mut sheet: SheetProperties,
    top: u32,
    left: u32,
    lines: &[Vec<String>],
) -> Result<Value, ApiError> {
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let width = lines.iter().map(Vec::len).max().unwrap_or(0);
    let area = Area::new(top..top.saturating_add(length(lines.len())), left..left.saturating_add(length(width)));
    if area.rows.end > sheet.row_count || area.cols.end > sheet.column_count {
        sheet.row_count = sheet.row_count.max(area.rows.end);
        sheet.column_count = sheet.column_count.max(area.cols.end);
        batch.tx.put_sheet(&sheet)?;
        batch.check_size()?;
    }
    let settings = EntrySettings::read(batch.tx)?;
    let mut cells = read_block(batch, &sheet, &area)?;
    for (row, line) in cells.iter_mut().zip(lines) {
        for (cell, text) in row.iter_mut().zip(line) {
            *cell = enter_text(std::mem::take(cell), text, settings)?;
        }
    }
    write_block(batch, &sheet, area.rows.start, area.cols.start, cells, &CellMask::ALL)?;
    Ok(json!({}))
}

/// Shuffles the rows of a range.
pub(crate) fn shuffle(batch: &Batch<'_, '_>, request: &RandomizeRange) -> Result<Value, ApiError> {
    let (sheet, area) = batch.area(&request.range)?;
    let used = batch.tx.last_row(sheet.id)?.map_or(0, |row| row + 1).min(area.rows.end).max(area.rows.start);
    let area = Area::new(area.rows.start..used, area.cols);
    let mut rows = read_block(batch, &sheet, &area)?;
    for end in (1..rows.len()).rev() {
        let choices = u64::try_from(end + 1).unwrap_or(u64::MAX);
        rows.swap(end, usize::try_from(batch.random.next_u64() % choices).unwrap_or(0));
    }
    write_block(batch, &sheet, area.rows.start, area.cols.start, rows, &CellMask::ALL)?;
    Ok(json!({}))
}
