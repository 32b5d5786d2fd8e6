//! CSV with a header row: one record per row, every value a text.
//!
//! In scope: the header, rows with too few or too many fields, invalid UTF-8, a file that ends in
//! the middle of a row. Out of scope: finding rows and fields (`source::csv::csv_row_reader`), and
//! types: `0042` stays `0042`, and the job file sets a column's type.

use std::collections::HashMap;
use std::io::{Chain, Cursor, Read};
use std::sync::Arc;

use memchr::{memchr, memchr_iter};
use serde_json::{Map, Value};

use crate::ledger::items::item::Position;
use crate::port::source::{BadRecord, HeaderRow, Record, SourceError};
use crate::source::background_reader::{BackgroundReader, Records};
use crate::source::bytes::content_guess::ContentKind;
use crate::source::bytes::encoding::{InputFacts, TextEncoding};
use crate::source::bytes::input::{Input, MAX_RECORD_BYTES, convert_io_error};
use crate::source::bytes::unexpected_text::is_error_page;
use crate::source::csv::csv_row_reader::{CsvRow, RowReader, RowScanError};
use crate::source::csv::delimiter::{DELIMITERS, Delimiter, DelimiterError, choose, quote_delimiter};
use crate::source::path_selection::RecordDepth;

/// Opens `input` as CSV in `encoding`, with fields separated by `delimiter`. The first row names
/// the fields.
///
/// A row with another number of fields, or with damaged quotes, is a bad record, and reading
/// continues with the next row. Reading stops with an error if the header row is missing, is
/// malformed text or repeats a name. It also stops if the delimiter is not clear, the last row is
/// truncated, or a row is longer than 64 MiB.
pub fn open(input: &Input, delimiter: Delimiter, encoding: TextEncoding) -> Result<BackgroundReader, SourceError> {
    let opened = input.open(ContentKind::Csv, encoding)?;
    let facts = Arc::clone(&opened.facts);
    let make = move |name, reader, depth| {
        let facts = Arc::clone(&facts);
        Box::new(SeparatedRows { name, delimiter, depth, facts, state: RowsState::Unread(reader) }) as Box<dyn Records>
    };
    Ok(BackgroundReader::new(opened, make))
}

/// The next step for a field whose bytes are not valid in the encoding of the file.
const MALFORMED_ADVICE: &str =
    "correct its characters in the file; if the whole file is in another encoding, set encoding below [source]";

/// The records of a CSV text, once its delimiter is chosen.
struct SeparatedRows {
    name: String,
    delimiter: Delimiter,
    depth: RecordDepth,
    facts: Arc<InputFacts>,
    state: RowsState,
}

type CsvByteReader = Box<dyn Read + Send>;
/// The rows of a text whose beginning was read before.
type RowsBehindHead = RowRecords<Chain<Cursor<Vec<u8>>, CsvByteReader>>;

enum RowsState {
    Unread(CsvByteReader),
    Reading(Box<RowsBehindHead>),
    Broken(SourceError),
}

impl SeparatedRows {
    fn open_rows(&mut self) -> Result<&mut RowsBehindHead, SourceError> {
        if let RowsState::Unread(reader) = &mut self.state {
            let reader = std::mem::replace(reader, Box::new(std::io::empty()));
            self.state = match self.split_header(reader) {
                Ok(rows) => RowsState::Reading(Box::new(rows)),
                Err(error) => RowsState::Broken(error),
            };
        }
        match &mut self.state {
            RowsState::Reading(rows) => Ok(rows),
            RowsState::Broken(error) => Err(error.clone()),
            RowsState::Unread(_) => Err(convert_io_error(&self.name, &std::io::ErrorKind::UnexpectedEof.into())),
        }
    }

    fn split_header(&self, mut reader: CsvByteReader) -> Result<RowsBehindHead, SourceError> {
        let found = choose(&mut reader, self.delimiter).map_err(|error| match error {
            DelimiterError::Io(error) => convert_io_error(&self.name, &error),
            DelimiterError::Unclear { why, advice } => {
                SourceError::SettingsMismatch { position: format!("{}:1 (header row)", self.name), why, advice }
            }
        })?;
        let reader = Cursor::new(found.head).chain(reader);
        let rows = RowRecords::new(self.name.clone(), reader, found.delimiter, MAX_RECORD_BYTES);
        let line = 1 + u64::from(found.skipped > 0);
        let reader = rows.reader.with_start(line, found.skipped as u64);
        Ok(RowRecords { reader, depth: self.depth.clone(), facts: Arc::clone(&self.facts), ..rows })
    }
}

impl Records for SeparatedRows {
    fn begin(&mut self) -> Result<Option<HeaderRow>, SourceError> {
        let begun = self.open_rows()?.begin()?;
        Ok(begun.map(|row| HeaderRow { notes: [self.facts.take_notes(), row.notes].concat(), ..row }))
    }

    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        self.open_rows()?.next()
    }
}

/// What the next row is.
enum NextRow {
    Record(Box<Record>),
    /// A row in which every field is empty.
    Blank,
    End,
}

struct RowRecords<R> {
    name: String,
    reader: RowReader<R>,
    delimiter: u8,
    depth: RecordDepth,
    facts: Arc<InputFacts>,
    columns: Option<Vec<String>>,
    /// The error of a damaged header row; returned when the first record is read.
    header_error: Option<SourceError>,
    record: u64,
}

impl<R: Read + Send> RowRecords<R> {
    fn new(name: String, reader: R, delimiter: u8, limit: usize) -> Self {
        let reader = RowReader::new(reader, delimiter, limit);
        let (depth, facts) = (RecordDepth::Whole, Arc::default());
        Self { name, reader, delimiter, depth, facts, columns: None, header_error: None, record: 0 }
    }

    /// Reads the header row on the first call.
    fn ensure_header(&mut self) -> Result<&[String], SourceError> {
        if self.columns.is_none() {
            let columns = self.read_header()?;
            self.reader.expect_fields(columns.len());
            self.columns = Some(columns);
        }
        Ok(self.columns.as_deref().unwrap_or_default())
    }

    fn read_header(&mut self) -> Result<Vec<String>, SourceError> {
        let (name, delimiter) = (self.name.clone(), self.delimiter);
        let position = |line: u64| format!("{name}:{line} (header row)");
        let broken = |line, why: String| SourceError::InvalidContent { position: position(line), why };
        let row = match self.reader.next() {
            Ok(Some(row)) => row,
            Ok(None) => {
                let why = "the input is empty; its first row has to name the fields: check that the program that writes it has finished";
                return Err(broken(1, why.into()));
            }
            Err(RowScanError::CutOff) => return Err(broken(1, "a quote that it opens is never closed".into())),
            Err(stop) => return Err(convert_scan_error(&self.name, &self.reader, 0, stop)),
        };
        let line = row.line;
        if let Some(damage) = row.damage {
            // The quotes may be valid with another delimiter. A missing key is then reported
            // better, and before anything is written.
            let Some(seen) = find_other_delimiter(row.bytes, delimiter) else {
                return Err(broken(line, damage.describe_damage(line, &[])));
            };
            let why = format!(
                "{}; is delimiter = {} missing below [source]?",
                damage.describe_damage(line, &[]),
                quote_delimiter(seen)
            );
            self.header_error = Some(broken(line, why));
            return Ok(vec![String::from_utf8_lossy(row.bytes).into_owned()]);
        }
        let mut columns = Vec::with_capacity(row.len());
        for (at, field) in decode_fields(&row).enumerate() {
            columns.push(field.map_err(|()| SourceError::SettingsMismatch {
                position: position(line),
                why: format!("the name of field {} is {}", at + 1, self.facts.describe_malformed()),
                advice: "set encoding below [source], or save the file as UTF-8 (in Excel: CSV UTF-8)".to_owned(),
            })?);
        }
        if columns.len() > 1 && find_unnamed_fields(&columns).count() == columns.len() {
            return Err(broken(line, "no field has a name; the first row has to name the fields".to_owned()));
        }
        match describe_repeated_names(&columns) {
            Some(why) => Err(broken(line, why)),
            None => Ok(columns),
        }
    }

    /// Converts a row to a record.
    fn convert_row(
        row: &CsvRow<'_>,
        columns: &[String],
        depth: &RecordDepth,
        facts: &InputFacts,
    ) -> Result<Value, BadRecord> {
        if let Some(damage) = row.damage {
            return Err(BadRecord(damage.describe_damage(row.line, columns)));
        }
        if row.len() != columns.len() {
            let advice =
                if row.len() > columns.len() { "; put a field that holds the delimiter in quotes" } else { "" };
            return Err(BadRecord(format!(
                "the row has {} {}, where the header row names {}{advice}",
                row.len(),
                if row.len() == 1 { "field" } else { "fields" },
                columns.len()
            )));
        }
        let mut members = Map::with_capacity(columns.len());
        let is_one_unnamed = find_unnamed_fields(columns).nth(1).is_none();
        for (at, (name, text)) in columns.iter().zip(decode_fields(row)).enumerate() {
            let text = text.map_err(|()| {
                BadRecord(format!("field {name:?} is {}; {MALFORMED_ADVICE}", facts.describe_malformed()))
            })?;
            if is_unnamed(name) && text.is_empty() {
                continue;
            }
            if is_unnamed(name) && !is_one_unnamed {
                let at = at + 1;
                return Err(BadRecord(format!(
                    "field {at} has a value, and the header row has no name for it: write one there"
                )));
            }
            if depth.includes_member(name) {
                members.insert(name.clone(), Value::String(text));
            }
        }
        Ok(Value::Object(members))
    }

    /// Returns the next record. A row without any value is not one: Excel writes such rows below a
    /// table.
    fn next_record(&mut self, columns: &[String]) -> Result<Option<Record>, SourceError> {
        loop {
            match self.next_row(columns)? {
                NextRow::Record(record) => return Ok(Some(*record)),
                NextRow::Blank => {}
                NextRow::End => return Ok(None),
            }
        }
    }

    fn next_row(&mut self, columns: &[String]) -> Result<NextRow, SourceError> {
        let (position, record) = (self.reader.position(), self.record + 1);
        let broken = |line: u64, byte: u64, why: String| SourceError::InvalidContent {
            position: format!("{}:{line} (record {record}, byte {byte})", self.name),
            why,
        };
        let row = match self.reader.next() {
            Ok(Some(row)) => row,
            Ok(None) => return self.check_end(columns).map(|()| NextRow::End),
            Err(RowScanError::CutOff) => {
                let why = "a quote that this row opens is never closed: the input was cut off, or the quote is a stray one; \
                           correct it and run again, what came before is kept";
                return Err(broken(position.0, self.reader.read_bytes(), why.into()));
            }
            Err(stop) => return Err(convert_scan_error(&self.name, &self.reader, self.record, stop)),
        };
        let line = row.line;
        if !row.is_ended && row.damage.is_none() && row.len() < columns.len() {
            let why = format!(
                "the input ends in the middle of this row, after {} of {} fields: it was cut off; get it whole and run again, \
                 what came before is kept",
                row.len(),
                columns.len()
            );
            return Err(broken(line, self.reader.position().1, why));
        }
        if row.is_blank() {
            return Ok(NextRow::Blank);
        }
        let body = Self::convert_row(&row, columns, &self.depth, &self.facts);
        let bytes = if body.is_ok() { Vec::new() } else { row.bytes.to_vec() };
        self.record = record;
        let position = Position { origin: self.name.clone(), record, line: Some(line) };
        Ok(NextRow::Record(Box::new(Record { body, bytes, position, cursor: None })))
    }

    /// Handles the end of the input. A single line of text may be the error message of a service.
    fn check_end(&self, columns: &[String]) -> Result<(), SourceError> {
        match columns {
            [line] if self.record == 0 && is_error_page(line) => Err(SourceError::from_one_line(&self.name, line)),
            _ => Ok(()),
        }
    }
}

impl<R: Read + Send> Records for RowRecords<R> {
    fn begin(&mut self) -> Result<Option<HeaderRow>, SourceError> {
        let delimiter = self.delimiter;
        let columns = self.ensure_header()?.to_vec();
        let alone = columns.first().filter(|_| columns.len() == 1);
        let seen = alone.and_then(|name| find_other_delimiter(name.as_bytes(), delimiter));
        let mut notes = Vec::new();
        if let Some(seen) = seen {
            let seen = quote_delimiter(seen);
            notes.push(format!(
                "{}: the header row is one field with {seen} in it; is delimiter = {seen} missing?",
                self.name
            ));
        }
        let unnamed: Vec<usize> = find_unnamed_fields(&columns).collect();
        let name = &self.name;
        match unnamed.as_slice() {
            [] => {}
            [at] => {
                let field = Value::from(columns.get(*at).map(String::as_str).unwrap_or_default());
                notes.push(format!(
                    "{name}: field {} has no name in the header row, and is left out where it is empty; write a name \
                     there, or leave it out with a step: map = 'del(.{field})'",
                    at + 1
                ));
            }
            [first, rest @ ..] => notes.push(format!(
                "{name}: field {} and {} more have no name in the header row, and are left out; a record with a value in one of them fails; write names there, or remove the fields",
                first + 1,
                rest.len()
            )),
        }
        let fields = columns.into_iter().filter(|name| unnamed.len() < 2 || !is_unnamed(name)).collect();
        Ok(Some(HeaderRow { what: name.clone(), fields, delimiter: seen.map(char::from), notes }))
    }

    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        self.ensure_header()?;
        if let Some(header_error) = &self.header_error {
            return Err(header_error.clone());
        }
        let columns = self.columns.take().unwrap_or_default();
        let next = self.next_record(&columns);
        self.columns = Some(columns);
        next
    }
}

fn convert_scan_error<R: Read>(name: &str, reader: &RowReader<R>, records: u64, stop: RowScanError) -> SourceError {
    match stop {
        RowScanError::Io(error) => convert_io_error(name, &error),
        RowScanError::TooLong | RowScanError::CutOff => SourceError::InvalidContent {
            position: format!("{name}:{} (record {})", reader.position().0, records + 1),
            why: "the row is longer than 64 MiB; a quote that is never closed makes one row of all the rest".into(),
        },
    }
}

/// Returns the fields of a row as texts; a field of invalid UTF-8 is an error.
fn decode_fields<'r>(row: &'r CsvRow<'_>) -> impl Iterator<Item = Result<String, ()>> + 'r {
    row.fields().map(|(bytes, is_doubled)| {
        let text = std::str::from_utf8(bytes).map_err(|_| ())?;
        Ok(if is_doubled { with_single_quotes(text) } else { text.to_owned() })
    })
}

/// Replaces each doubled quote with a single one.
fn with_single_quotes(mut text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    while let Some(at) = memchr(b'"', text.as_bytes()) {
        single.push_str(text.get(..=at).unwrap_or_default());
        text = text.get(at + 2..).unwrap_or_default();
    }
    single.push_str(text);
    single
}

/// Describes the repeated names of a header, if there are any.
fn describe_repeated_names(columns: &[String]) -> Option<String> {
    let mut seen = HashMap::new();
    columns.iter().enumerate().filter(|(_, name)| !is_unnamed(name)).find_map(|(at, name)| {
        let before = seen.insert(name, at)? + 1;
        Some(format!("{name:?} names two fields, {before} and {}; each field needs a name of its own", at + 1))
    })
}

fn is_unnamed(name: &str) -> bool {
    name.trim().is_empty()
}

/// Returns the places of the fields without a name, from 0.
fn find_unnamed_fields(columns: &[String]) -> impl Iterator<Item = usize> {
    columns.iter().enumerate().filter(|(_, name)| is_unnamed(name)).map(|(at, _)| at)
}

/// Returns a delimiter that `header` contains more often than the configured one.
fn find_other_delimiter(header: &[u8], delimiter: u8) -> Option<u8> {
    let times = |of: u8| memchr_iter(of, header).count();
    let other = DELIMITERS.into_iter().filter(|of| *of != delimiter).max_by_key(|of| times(*of))?;
    (times(other) > times(delimiter)).then_some(other)
}

#[cfg(test)]
mod tests;
