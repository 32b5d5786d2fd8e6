//! Excel workbooks: one record per row of a sheet below its header row.
//!
//! In scope: the sheet, its header row, values as JSON, limits. In a file of its own:
//! which sheet is read (`chosen_sheet`). Out of scope: its parts (calamine).
//!
//! A workbook is a zip archive that can only be read as a whole. Every part of it is unpacked once,
//! and counted, before it is parsed: what an archive says of its own size proves nothing. Cells are
//! read one by one, so that a far-away cell costs no memory for the area before it.
//!
//! Numbers are doubles, as Excel stores them. Dates are texts in ISO 8601. Formulas have the values
//! that Excel stored last. A formula that no program has calculated is an error of its record: its
//! cell is not empty.

use std::collections::HashMap;
use std::io::{Cursor, Read, sink};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, ExcelDateTimeType, Reader, Xlsx};
use serde_json::{Map, Number, Value};

use crate::ledger::items::item::Position;
use crate::port::source::{BadRecord, HeaderRow, Record, SourceError};
use crate::source::background_reader::{BackgroundReader, Records};
use crate::source::bytes::content_guess::ContentKind;
use crate::source::bytes::encoding::TextEncoding;
use crate::source::bytes::input::{Input, convert_io_error};
use crate::source::path_selection::RecordDepth;
use crate::source::xlsx::chosen_sheet::{SheetChoice, choose_sheet};

/// Maximum size of a workbook, in bytes.
pub const MAX_WORKBOOK_BYTES: u64 = 64 << 20;
/// Maximum size of its parts when they are unpacked, and of the texts of a sheet, in bytes.
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
/// Maximum number of cells of a sheet that have a value.
const MAX_CELLS: usize = 5_000_000;

/// Opens `input` as an Excel workbook.
///
/// Blank rows are skipped. A row with an error such as `#N/A`, or with a value in a column without
/// a name, is a bad record. Reading continues with the next row. It stops with an error if the file
/// is not a workbook, lacks the sheet, exceeds a limit, or its header row repeats a name.
pub fn open(input: &Input, choice: SheetChoice) -> Result<BackgroundReader, SourceError> {
    let opened = input.open(ContentKind::Xlsx, TextEncoding::Auto)?;
    let make = move |name, reader, depth| {
        let choice = choice.clone();
        Box::new(SheetRows { name, depth, choice, reader: Some(reader), table: None, record: 0 }) as Box<dyn Records>
    };
    Ok(BackgroundReader::new(opened, make))
}

/// One value, with the number of its column, from 0.
type ColumnCell = (u32, CellContent);

enum CellContent {
    Value(Value),
    /// The text of an error, such as `#N/A`.
    Error(String),
    /// A formula without a value: the program that wrote the file does not calculate.
    Uncalculated,
}

const SAVE_AGAIN_ADVICE: &str = "open it in a spreadsheet program, and save it anew as .xlsx";
/// What is wrong with the cell of a formula without a value, and what to do.
const UNCALCULATED_FORMULA_ERROR: &str =
    "a formula that was never calculated: open the file in Excel or LibreOffice and save it";

/// The rows of a sheet that have a value, each with its number, from 1.
type SheetTable = Vec<(u32, Vec<ColumnCell>)>;

struct SheetContents {
    /// The workbook and the sheet, for positions.
    origin: String,
    /// The names of the columns, with their numbers.
    columns: Vec<(u32, String)>,
    rows: std::vec::IntoIter<(u32, Vec<ColumnCell>)>,
    notes: Vec<String>,
}

struct SheetRows {
    name: String,
    depth: RecordDepth,
    choice: SheetChoice,
    reader: Option<Box<dyn Read + Send>>,
    table: Option<SheetContents>,
    record: u64,
}

impl SheetRows {
    fn open_table(&mut self) -> Result<&mut SheetContents, SourceError> {
        if let Some(reader) = self.reader.take() {
            self.table = Some(read_table(&self.name, reader, &self.choice)?);
        }
        self.table.as_mut().ok_or_else(|| report_broken_cell(&self.name, "it could not be read".into()))
    }
}

impl Records for SheetRows {
    fn begin(&mut self) -> Result<Option<HeaderRow>, SourceError> {
        let table = self.open_table()?;
        let fields = table.columns.iter().map(|(_, name)| name.clone()).collect();
        let notes = std::mem::take(&mut table.notes);
        Ok(Some(HeaderRow { what: table.origin.clone(), fields, delimiter: None, notes }))
    }

    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        let depth = self.depth.clone();
        let record = self.record + 1;
        let table = self.open_table()?;
        let Some((row, cells)) = table.rows.next() else { return Ok(None) };
        let (body, bytes) = match record_of(row, cells, &table.columns) {
            Ok(mut members) => {
                members.retain(|name, _| depth.includes_member(name));
                (Ok(Value::Object(members)), Vec::new())
            }
            Err((why, members)) => (Err(BadRecord(why)), Value::Object(members).to_string().into_bytes()),
        };
        let position = Position { origin: table.origin.clone(), record, line: Some(u64::from(row)) };
        self.record = record;
        Ok(Some(Record { body, bytes, position, cursor: None }))
    }
}

/// Returns the members of a row's record; or why there is none, with what the row holds.
fn record_of(
    row: u32,
    cells: Vec<ColumnCell>,
    columns: &[(u32, String)],
) -> Result<Map<String, Value>, (String, Map<String, Value>)> {
    let mut by_column: HashMap<u32, CellContent> = cells.into_iter().collect();
    let mut members = Map::with_capacity(columns.len());
    let mut wrong = Vec::new();
    for (column, name) in columns {
        let value = match by_column.remove(column) {
            None => Value::Null,
            Some(CellContent::Value(value)) => value,
            Some(CellContent::Error(error)) => {
                wrong.push(format!("cell {}{row} ({name:?}) is the error {error}", format_column_letters(*column)));
                Value::String(error)
            }
            Some(CellContent::Uncalculated) => {
                wrong.push(format!(
                    "cell {}{row} ({name:?}) is {UNCALCULATED_FORMULA_ERROR}",
                    format_column_letters(*column)
                ));
                Value::Null
            }
        };
        members.insert(name.clone(), value);
    }
    let mut unnamed: Vec<u32> = by_column.into_keys().collect();
    unnamed.sort_unstable();
    if let Some(column) = unnamed.first() {
        let column = format_column_letters(*column);
        wrong.push(format!("cell {column}{row} has a value, and the header row has no name for column {column}"));
    }
    if wrong.is_empty() { Ok(members) } else { Err((wrong.join("; "), members)) }
}

fn read_table(name: &str, reader: Box<dyn Read + Send>, choice: &SheetChoice) -> Result<SheetContents, SourceError> {
    let mut bytes = Vec::new();
    reader.take(MAX_WORKBOOK_BYTES + 1).read_to_end(&mut bytes).map_err(|error| convert_io_error(name, &error))?;
    if bytes.len() as u64 > MAX_WORKBOOK_BYTES {
        let why = "the workbook is larger than 64 MiB; save its sheet as CSV UTF-8, which may have any size";
        return Err(report_broken_cell(name, why.into()));
    }
    check_unpacked_size(name, &bytes, MAX_UNPACKED_BYTES)?;
    // The parsers of other people's files have failed on purpose-made ones before.
    catch_unwind(AssertUnwindSafe(|| parse(name, bytes, choice)))
        .unwrap_or_else(|_| Err(report_broken_cell(name, format!("the workbook is damaged; {SAVE_AGAIN_ADVICE}"))))
}

/// Unpacks every part without keeping it, up to the limit.
fn check_unpacked_size(name: &str, bytes: &[u8], limit: u64) -> Result<(), SourceError> {
    let damaged = |error: &dyn std::fmt::Display| {
        report_broken_cell(name, format!("the workbook is damaged: {error}; {SAVE_AGAIN_ADVICE}"))
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let mut left = limit + 1;
    for part in 0..archive.len() {
        let part = archive.by_index(part).map_err(|error| damaged(&error))?;
        left -= std::io::copy(&mut part.take(left), &mut sink()).map_err(|error| damaged(&error))?;
        if left == 0 {
            let why = "the workbook unpacks to more than 256 MiB; save its sheet as CSV UTF-8, which may have any size";
            return Err(report_broken_cell(name, why.into()));
        }
    }
    Ok(())
}

fn parse(name: &str, bytes: Vec<u8>, choice: &SheetChoice) -> Result<SheetContents, SourceError> {
    let damaged = |error: calamine::XlsxError| {
        report_broken_cell(name, format!("the workbook can't be read: {error}; {SAVE_AGAIN_ADVICE}"))
    };
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let sheet = choose_sheet(name, &workbook, choice)?;
    let origin = format!("{name}!{sheet}");
    let mut rows = SheetTable::new();
    let mut reader = workbook.worksheet_cells_reader(&sheet).map_err(damaged)?;
    let (mut cells, mut text_bytes) = (0_usize, 0_u64);
    while let Some(cell) = reader.next_cell_with_formula_metadata().map_err(damaged)? {
        let (row, column) = cell.pos;
        let inexact = explain_inexact_number(&cell.value, cell.formula.is_some()).map(CellContent::Error);
        let content = match inexact.or_else(|| convert_content(&cell.value)) {
            // The empty text is a value, so that a formula may have it.
            None if cell.formula.is_some() && matches!(cell.value, DataRef::Empty) => CellContent::Uncalculated,
            None => continue,
            Some(content) => content,
        };
        cells += 1;
        if let CellContent::Value(Value::String(text)) = &content {
            text_bytes += text.len() as u64;
        }
        if cells > MAX_CELLS || text_bytes > MAX_UNPACKED_BYTES {
            let why = "the sheet has more than 5,000,000 cells or 256 MiB of text; save it as CSV UTF-8, which may have any size";
            return Err(report_broken_cell(&origin, why.into()));
        }
        match rows.last_mut() {
            Some((number, cells)) if *number == row + 1 => cells.push((column, content)),
            _ => rows.push((row + 1, vec![(column, content)])),
        }
    }
    drop(reader);
    let merged = workbook.merge_cells_by_sheet_name(&sheet).map_err(damaged)?;
    make_table(origin, rows, choice, &merged)
}

fn make_table(
    origin: String,
    mut rows: SheetTable,
    choice: &SheetChoice,
    merged: &[calamine::Dimensions],
) -> Result<SheetContents, SourceError> {
    let number = choice.header_row.or(rows.first().map(|(number, _)| *number)).unwrap_or(1);
    let position = format!("{origin}:{number} (header row)");
    rows.retain(|(row, _)| *row >= number);
    if rows.first().is_none_or(|(row, _)| *row != number) {
        return Err(report_broken_cell(
            &position,
            "the row is empty; it has to name the fields (see header_row below [source])".into(),
        ));
    }
    let (_, header) = rows.remove(0);
    let mut columns: Vec<(u32, String)> = Vec::new();
    for (column, content) in header {
        let cell = format!("{}{number}", format_column_letters(column));
        let name = match content {
            CellContent::Value(Value::String(text)) => text.trim().to_owned(),
            CellContent::Value(value) => value.to_string(),
            CellContent::Error(error) => {
                return Err(report_broken_cell(&position, format!("cell {cell} is the error {error}")));
            }
            CellContent::Uncalculated => {
                return Err(report_broken_cell(&position, format!("cell {cell} is {UNCALCULATED_FORMULA_ERROR}")));
            }
        };
        if let Some((before, _)) = columns.iter().find(|(_, known)| *known == name) {
            let before = format_column_letters(*before);
            let why = format!(
                "{name:?} names two columns, {before} and {}; each needs a name of its own",
                format_column_letters(column)
            );
            return Err(report_broken_cell(&position, why));
        }
        if !name.is_empty() {
            columns.push((column, name));
        }
    }
    let mut notes = Vec::new();
    let below = |area: &&calamine::Dimensions| area.end.0 >= number && area.start != area.end;
    if let Some(area) = merged.iter().find(below) {
        notes.push(format!(
            "{origin}: cells are merged, such as {}{}:{}{}; only the first cell of each such area has a value",
            format_column_letters(area.start.1),
            area.start.0 + 1,
            format_column_letters(area.end.1),
            area.end.0 + 1
        ));
    }
    Ok(SheetContents { origin, columns, rows: rows.into_iter(), notes })
}

/// Returns a cell's content; `None` for a cell without a value.
fn convert_content(cell: &DataRef<'_>) -> Option<CellContent> {
    let value = match cell {
        DataRef::Empty => return None,
        DataRef::SharedString(text) => Value::String((*text).to_owned()),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Value::String(text.clone()),
        DataRef::Int(number) => Value::from(*number),
        DataRef::Float(number) => convert_number(*number),
        DataRef::Bool(is_true) => Value::Bool(*is_true),
        DataRef::DateTime(moment) => match format_moment(moment) {
            Some(text) => Value::String(text),
            None if moment.is_duration() => {
                return Some(CellContent::Error(format!(
                    "#### ({} days are not a valid length of time)",
                    moment.as_f64()
                )));
            }
            None => return Some(CellContent::Error(format!("#### ({} is not a valid date)", moment.as_f64()))),
        },
        DataRef::Error(error) => return Some(CellContent::Error(error.to_string())),
    };
    // A formula may have the empty text as its value.
    if value.as_str() == Some("") { None } else { Some(CellContent::Value(value)) }
}

/// Whole numbers below this are exact in a double.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
/// Digits that Excel keeps of a number that is typed.
const EXCEL_DIGITS: usize = 15;

/// Returns why a number is not the one in the file. It is beyond the range of doubles, or a whole
/// number with more digits than a double has, as another program writes identifiers. What a formula
/// computed is a double already.
fn explain_inexact_number(cell: &DataRef<'_>, is_computed: bool) -> Option<String> {
    let DataRef::Float(number) = cell else { return None };
    if !number.is_finite() {
        return Some("#### (the number is beyond the range of numbers)".to_owned());
    }
    let digits = format!("{number:e}").bytes().take_while(|c| *c != b'e').filter(u8::is_ascii_digit).count();
    let is_long = number.fract() == 0.0 && number.abs() >= MAX_EXACT_INTEGER && digits > EXCEL_DIGITS;
    (is_long && !is_computed).then(|| {
        format!("#### (about {number}: a whole number from 2^53 on is not exact in a workbook; store it as a text)")
    })
}

/// Returns a double as JSON, a whole number without a fraction.
fn convert_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT_INTEGER {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and below 2^53")]
        let whole = number as i64;
        return Value::from(whole);
    }
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

/// Returns a date, a time, both, or a duration, in ISO 8601: a moment at midnight is a date. `None` for
/// a number that Excel shows as ####, since it is not a date of its calendar, or longer than that.
fn format_moment(moment: &ExcelDateTime) -> Option<String> {
    /// The number of the first day after 9999 in a workbook that counts from 1900.
    const END_1900: f64 = 2_958_466.0;
    /// The number of the first day after 9999 in a workbook that counts from 1904.
    const END_1904: f64 = 2_957_004.0;
    let serial = moment.as_f64();
    if moment.is_duration() {
        if serial.abs() >= END_1900 || !serial.is_finite() {
            return None;
        }
        let ms = (serial * 86_400_000.0).round();
        let (sign, seconds) = (if ms < 0.0 { "-" } else { "" }, ms.abs() / 1_000.0);
        return Some(format!("{sign}PT{seconds}S"));
    }
    let counts_from_1904 = *moment == ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, true);
    let end = if counts_from_1904 { END_1904 } else { END_1900 };
    if !(0.0..end).contains(&serial) {
        return None;
    }
    let (year, month, day, hour, minute, second, milli) = moment.to_ymd_hms_milli();
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    let time = format!("{hour:02}:{minute:02}:{second:02}{fraction}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if (0.0..1.0).contains(&serial) {
        time
    } else if (hour, minute, second, milli) == (0, 0, 0, 0) {
        date
    } else {
        format!("{date}T{time}")
    })
}

/// Returns the letters of a column, counted from 0: A, B, …, Z, AA.
fn format_column_letters(column: u32) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        let digit = (rest - 1) % 26;
        letters.push(char::from(b'A' + u8::try_from(digit).unwrap_or_default()));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

fn report_broken_cell(position: &str, why: String) -> SourceError {
    SourceError::InvalidContent { position: position.to_owned(), why }
}

pub mod chosen_sheet;
#[cfg(test)]
mod tests;
