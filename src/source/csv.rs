//! CSV with a header row: one record a row, every value a text.
//!
//! In scope: the header, rows with too few or too many fields, texts that are no UTF-8, a file that ends in the middle of a row.
//! Out of scope: types; `0042` stays `0042`, and a job says what a column holds.

use std::collections::HashSet;
use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use crate::ledger::item::Position;
use crate::port::source::{BadRecord, Record, SourceError};
use crate::source::input::{Input, MAX_RECORD_BYTES, Reading, Records, io_error};
use crate::source::skim::Depth;

/// Opens `input` as CSV with fields set apart by `delimiter`. The first row names the fields; a row with another number of
/// fields is a bad record. Reading fails for good where the header row is missing, is no UTF-8 or names a field twice, where
/// the last row is cut off, and where a row is longer than 64 MiB.
pub fn open(input: &Input, delimiter: u8) -> Result<Reading, SourceError> {
    let make = move |name, reader, depth| {
        Box::new(Rows { depth, ..Rows::new(name, reader, delimiter, MAX_RECORD_BYTES) }) as Box<dyn Records>
    };
    Ok(Reading::new(input.open()?, make))
}

/// Bytes of rows gone by that are kept at most.
const FORGET_BYTES: usize = 1 << 16;

struct Rows<R> {
    name: String,
    reader: Reader<Kept<R>>,
    delimiter: u8,
    depth: Depth,
    columns: Option<Vec<String>>,
    row: ByteRecord,
    record: u64,
}

/// Keeps the bytes of the row in hand, so that a bad row can be shown as it stands.
struct Kept<R> {
    inner: R,
    bytes: Vec<u8>,
    start: u64,
    limit: usize,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.len() > self.limit.saturating_add(FORGET_BYTES) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the row is too long"));
        }
        let n = self.inner.read(buffer)?;
        self.bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl<R> Kept<R> {
    /// Forgets everything before `offset`; in large pieces, so that not every row moves the rest.
    fn forget(&mut self, offset: u64) {
        let n = self.index(offset);
        if n >= FORGET_BYTES || n == self.bytes.len() {
            self.bytes.drain(..n);
            self.start += n as u64;
        }
    }

    /// The bytes from one offset to another.
    fn between(&self, from: u64, to: u64) -> &[u8] {
        self.bytes.get(self.index(from)..self.index(to)).unwrap_or_default()
    }

    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len())
    }
}

/// A row as it stands in the file.
struct Raw {
    line: u64,
    bytes: Vec<u8>,
    /// Whether a line end follows it.
    ended: bool,
    /// Whether nothing behind it has been read: only then can a quote in it be open.
    last: bool,
    offset: u64,
}

impl<R: Read + Send> Rows<R> {
    fn new(name: String, reader: R, delimiter: u8, limit: usize) -> Self {
        let kept = Kept { inner: reader, bytes: Vec::new(), start: 0, limit };
        let reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(kept);
        Self { name, reader, delimiter, depth: Depth::Whole, columns: None, row: ByteRecord::new(), record: 0 }
    }

    fn read_row(&mut self) -> Result<Option<Raw>, SourceError> {
        let (offset, line) = (self.reader.position().byte(), self.reader.position().line());
        self.reader.get_mut().forget(offset);
        match self.reader.read_byte_record(&mut self.row) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => return Err(self.unreadable(error)),
        }
        let end = self.reader.position().byte();
        let kept = self.reader.get_ref();
        let raw = kept.between(offset, end);
        let last = kept.index(end) == kept.bytes.len();
        let blank = raw.iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let skipped = raw.iter().take(blank).filter(|b| **b == b'\n').count() as u64;
        let bytes = raw.get(blank..).unwrap_or_default();
        let ended = bytes.ends_with(b"\n") || bytes.ends_with(b"\r");
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec();
        Ok(Some(Raw { line: line + skipped, bytes, ended, last, offset: end }))
    }

    fn unreadable(&self, error: csv::Error) -> SourceError {
        let line = self.reader.position().line();
        match error.into_kind() {
            csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::FileTooLarge => SourceError::Broken {
                position: format!("{}:{line} (record {})", self.name, self.record + 1),
                why: "the row is longer than 64 MiB; a quote that is never closed makes one row of all the rest".into(),
            },
            csv::ErrorKind::Io(e) => io_error(&self.name, &e),
            _ => SourceError::Unavailable { what: self.name.clone(), why: "the CSV reader gave up".into() },
        }
    }

    fn broken(&self, raw: &Raw, why: &str) -> SourceError {
        let position = format!("{}:{} (record {}, byte {})", self.name, raw.line, self.record + 1, raw.offset);
        SourceError::Broken { position, why: why.to_owned() }
    }

    /// Reads the header row.
    fn header(&mut self) -> Result<Vec<String>, SourceError> {
        let raw = self.read_row()?;
        let line = raw.as_ref().map_or(1, |raw| raw.line);
        let header = |why: String| SourceError::Broken { position: format!("{}:{line} (header row)", self.name), why };
        if raw.is_none() {
            return Err(header("the input is empty; its first row has to name the fields".into()));
        }
        let mut seen = HashSet::new();
        let mut columns = Vec::new();
        for (at, field) in self.row.iter().enumerate() {
            let name = std::str::from_utf8(field)
                .map_err(|_| header(format!("the name of field {} is no valid UTF-8", at + 1)))?;
            if !seen.insert(name) {
                return Err(header(format!("{name:?} names two fields; each field needs a name of its own")));
            }
            columns.push(name.to_owned());
        }
        Ok(columns)
    }

    fn body(&self, columns: &[String]) -> Result<Value, BadRecord> {
        if self.row.len() != columns.len() {
            return Err(BadRecord(format!(
                "the row has {} fields, where the header row names {}",
                self.row.len(),
                columns.len()
            )));
        }
        let mut members = Map::with_capacity(columns.len());
        for (name, field) in columns.iter().zip(&self.row) {
            let text =
                std::str::from_utf8(field).map_err(|_| BadRecord(format!("field {name:?} is no valid UTF-8")))?;
            if self.depth.takes(name) {
                members.insert(name.clone(), Value::String(text.to_owned()));
            }
        }
        Ok(Value::Object(members))
    }
}

impl<R: Read + Send> Records for Rows<R> {
    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.header()?,
        };
        let Some(raw) = self.read_row()? else { return Ok(None) };
        if raw.last && in_quotes(&raw.bytes, self.delimiter) {
            let why = "a quote that this row opens is never closed: the input was cut off, or the quote is a stray one; \
                       mend it and run again, what came before is kept";
            return Err(self.broken(&raw, why));
        }
        if !raw.ended && self.row.len() < columns.len() {
            let why = format!(
                "the input ends in the middle of this row, after {} of {} fields: it was cut off; get it whole and run again, \
                 what came before is kept",
                self.row.len(),
                columns.len()
            );
            return Err(self.broken(&raw, &why));
        }
        let body = self.body(&columns);
        self.columns = Some(columns);
        self.record += 1;
        let position = Position { origin: self.name.clone(), record: self.record, line: Some(raw.line) };
        let bytes = if body.is_ok() { Vec::new() } else { raw.bytes };
        Ok(Some(Record { body, bytes, position, cursor: None }))
    }
}

/// Whether a row ends inside quotes. A quote counts at the start of a field, and inside one that it opened.
fn in_quotes(row: &[u8], delimiter: u8) -> bool {
    let mut quoted = false;
    let mut at_start = true;
    let mut bytes = row.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if quoted {
            if byte == b'"' && bytes.next_if(|next| **next == b'"').is_none() {
                quoted = false;
            }
        } else {
            quoted = byte == b'"' && at_start;
            at_start = byte == delimiter;
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &[u8]) -> (Vec<Record>, Option<SourceError>) {
        read_up_to(text, 100_000)
    }

    fn read_up_to(text: &[u8], limit: usize) -> (Vec<Record>, Option<SourceError>) {
        let mut rows = Rows::new("a.csv".into(), text, b',', limit);
        let mut records = Vec::new();
        loop {
            match rows.next() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => return (records, None),
                Err(error) => return (records, Some(error)),
            }
        }
    }

    fn told(records: &[Record]) -> Vec<String> {
        let body = |r: &Record| r.body.as_ref().map_or_else(|e| e.0.clone(), ToString::to_string);
        records.iter().map(|r| format!("{}: {}", r.position, body(r))).collect()
    }

    #[test]
    fn a_row_is_a_record_of_texts_with_its_own_line() {
        let (records, error) = read(b"id,name\r\n0042,\"a\nb\"\r\n\r\n7,\n");
        assert_eq!(error, None);
        assert_eq!(
            told(&records),
            [
                "a.csv:2 (record 1): {\"id\":\"0042\",\"name\":\"a\\nb\"}",
                "a.csv:5 (record 2): {\"id\":\"7\",\"name\":\"\"}",
            ]
        );
    }

    #[test]
    fn a_bad_row_is_told_with_its_bytes_and_the_next_one_is_read() {
        let (records, error) = read(b"id,name\n1\n2,\"x\xff\"\n3,a,b\n4,ok");
        assert_eq!(error, None);
        assert_eq!(
            told(&records),
            [
                "a.csv:2 (record 1): the row has 1 fields, where the header row names 2",
                "a.csv:3 (record 2): field \"name\" is no valid UTF-8",
                "a.csv:4 (record 3): the row has 3 fields, where the header row names 2",
                "a.csv:5 (record 4): {\"id\":\"4\",\"name\":\"ok\"}",
            ]
        );
        assert_eq!(records[1].bytes, b"2,\"x\xff\"");
        assert_eq!(records[3].bytes, b"");
    }

    #[test]
    fn a_file_that_ends_in_the_middle_of_a_row_breaks_the_source() {
        for (text, why) in [
            (
                &b"id,name\n1,a\n2"[..],
                "a.csv:3 (record 2, byte 13): the input ends in the middle of this row, after 1 of 2",
            ),
            (b"id,name\n1,a\n2,\"b\n3,c\n", "a.csv:3 (record 2, byte 21): a quote that this row opens is never closed"),
            (b"id,name\n1,a\n2,\"b", "a.csv:3 (record 2, byte 16): a quote that this row opens is never closed"),
        ] {
            let (records, error) = read(text);
            assert_eq!(told(&records), ["a.csv:2 (record 1): {\"id\":\"1\",\"name\":\"a\"}"]);
            let error = error.expect("the source is broken").to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }

    #[test]
    fn a_header_that_is_missing_or_names_a_field_twice_breaks_the_source() {
        assert!(read(b"").1.expect("broken").to_string().contains("the input is empty"));
        assert!(read(b"a,b,a\n1,2,3\n").1.expect("broken").to_string().contains("\"a\" names two fields"));
        assert!(read(b"a,\xff\n").1.expect("broken").to_string().contains("field 2 is no valid UTF-8"));
    }

    #[test]
    fn a_row_beyond_the_bound_breaks_the_source() {
        let text = [b"a,b\n1,2\n3,\"".as_slice(), &vec![b'x'; 300_000]].concat();
        let (records, error) = read_up_to(&text, 50_000);
        assert_eq!(records.len(), 1);
        assert!(error.expect("broken").to_string().contains("a quote that is never closed"));
    }

    #[test]
    fn a_stray_quote_inside_a_field_is_a_text() {
        let (records, error) = read(b"id,name\n1,5\" pipe\n2,\"say \"\"hi\"\"\"");
        assert_eq!(error, None);
        let names: Vec<_> = records.iter().map(|r| r.body.clone().expect("a record")["name"].clone()).collect();
        assert_eq!(names, [json!("5\" pipe"), json!("say \"hi\"")]);
    }
}
