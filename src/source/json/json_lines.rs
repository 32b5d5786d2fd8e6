//! JSON lines: one record per line.
//!
//! In scope: lines, their numbers, a file that ends in the middle of one. Out of scope: parsing the
//! text of a record (`source::json::record_text`).

use std::io::{BufRead, BufReader, Read};

use crate::ledger::items::item::Position;
use crate::port::source::{BadRecord, Record, SourceError};
use crate::source::background_reader::{BackgroundReader, Records};
use crate::source::bytes::content_guess::ContentKind;
use crate::source::bytes::encoding::TextEncoding;
use crate::source::bytes::input::{Input, MAX_RECORD_BYTES, convert_io_error};
use crate::source::json::record_text::{RecordTextError, parse};
use crate::source::path_selection::RecordDepth;

/// Opens `input` as JSON lines in `encoding`. Blank lines are skipped. A line that is not valid
/// JSON is a bad record, and reading continues with the next line.
///
/// Reading stops with an error if the last line is truncated, or if a line is longer than 64 MiB.
pub fn open(input: &Input, encoding: TextEncoding) -> Result<BackgroundReader, SourceError> {
    let make = |name, reader, depth| {
        Box::new(LineRecords::new(name, reader, MAX_RECORD_BYTES).with_depth(depth)) as Box<dyn Records>
    };
    Ok(BackgroundReader::new(input.open(ContentKind::Jsonl, encoding)?, make))
}

struct LineRecords<R> {
    name: String,
    reader: BufReader<R>,
    limit: usize,
    depth: RecordDepth,
    line: u64,
    record: u64,
    offset: u64,
    text: Vec<u8>,
}

impl<R: Read + Send> LineRecords<R> {
    fn new(name: String, reader: R, limit: usize) -> Self {
        let reader = BufReader::with_capacity(1 << 16, reader);
        Self { name, reader, limit, depth: RecordDepth::Whole, line: 0, record: 0, offset: 0, text: Vec::new() }
    }

    /// Sets how much of each record is read.
    fn with_depth(self, depth: RecordDepth) -> Self {
        Self { depth, ..self }
    }

    /// Reads the next line without its end. Returns `None` at the end of the input, otherwise
    /// whether the line had an end.
    fn read_line(&mut self) -> Result<Option<bool>, SourceError> {
        self.text.clear();
        let limit = self.limit as u64 + 2;
        let n = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.text)
            .map_err(|e| convert_io_error(&self.name, &e))?;
        if n == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.offset += n as u64;
        let ended = self.text.last() == Some(&b'\n');
        if ended {
            self.text.pop();
            if self.text.last() == Some(&b'\r') {
                self.text.pop();
            }
        }
        if self.text.len() > self.limit {
            return Err(self.describe_broken_line(format!(
                "the line is longer than {} bytes, the most that one record may have; is this JSON lines?",
                self.limit
            )));
        }
        Ok(Some(ended))
    }

    fn describe_broken_line(&self, why: String) -> SourceError {
        let position = format!("{}:{} (record {}, byte {})", self.name, self.line, self.record + 1, self.offset);
        SourceError::InvalidContent { position, why }
    }
}

impl<R: Read + Send> Records for LineRecords<R> {
    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        loop {
            let Some(ended) = self.read_line()? else { return Ok(None) };
            if self.text.trim_ascii().is_empty() {
                continue;
            }
            let (body, bytes) = match parse(&self.text, &self.depth) {
                Ok(body) => (Ok(body), Vec::new()),
                Err(no_record) if no_record.is_cut_off && !ended => {
                    return Err(self.describe_broken_line(
                        "the input ends in the middle of this line: it was cut off; get it whole and run again, what came \
                         before is kept"
                            .into(),
                    ));
                }
                Err(RecordTextError { bad: BadRecord(why), is_cut_off: true, .. }) => {
                    (Err(BadRecord(format!("{why}; with jsonl each record is one line"))), self.text.clone())
                }
                Err(no_record) => (Err(no_record.bad), self.text.clone()),
            };
            self.record += 1;
            let position = Position { origin: self.name.clone(), record: self.record, line: Some(self.line) };
            return Ok(Some(Record { body, bytes, position, cursor: None }));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &[u8]) -> (Vec<Record>, Option<SourceError>) {
        let mut lines = LineRecords::new("feed.jsonl".into(), text, 100);
        let mut records = Vec::new();
        loop {
            match lines.next() {
                Ok(Some(record)) => records.push(record),
                Ok(None) => return (records, None),
                Err(error) => return (records, Some(error)),
            }
        }
    }

    #[test]
    fn a_bad_line_does_not_end_the_reading() {
        let (records, error) = read(b"{\"id\": 1}\r\n\n  \nno json\n{\"id\": \"\xff\"}\n{\"id\": 2}");
        assert_eq!(error, None);
        let message: Vec<String> = records
            .iter()
            .map(|r| format!("{}: {}", r.position, r.body.as_ref().map_or_else(|e| e.0.clone(), ToString::to_string)))
            .collect();
        assert_eq!(
            message,
            [
                "feed.jsonl:1 (record 1): {\"id\":1}",
                "feed.jsonl:4 (record 2): the record is not valid JSON: a word has no double quotes near \"no json\" at column 2; \
                 correct it in the file, or in what writes it; the other records are read",
                "feed.jsonl:5 (record 3): the record is not valid UTF-8 at column 8; correct its characters in the file; if the \
                 whole file is in another encoding, set encoding below [source]",
                "feed.jsonl:6 (record 4): {\"id\":2}",
            ]
        );
        assert_eq!(records[1].bytes, b"no json");
        assert_eq!(records[3].bytes, b"");
    }

    #[test]
    fn a_record_over_two_lines_is_answered_with_the_rule() {
        let (records, error) = read(b"{\"id\": 1, \"note\": \"a\nb\"}\n{\"id\": 2}");
        assert_eq!((records.len(), error), (3, None));
        let why = &records[0].body.as_ref().expect_err("half a record").0;
        assert!(why.contains("it ends too early") && why.ends_with("; with jsonl each record is one line"), "{why}");
    }

    #[test]
    fn a_last_line_that_is_cut_off_breaks_the_source() {
        let (records, error) = read(b"{\"id\": 1}\n{\"id\": 2, \"na");
        assert_eq!(records.iter().map(|r| r.body.clone().expect("a record")).collect::<Vec<_>>(), [json!({"id": 1})]);
        let message = error.expect("the source is broken").to_string();
        assert!(message.starts_with("feed.jsonl:2 (record 2, byte 23): the input ends in the middle"), "{message}");
    }

    #[test]
    fn a_line_beyond_the_bound_breaks_the_source() {
        let (records, error) = read(&[b"1\n".as_slice(), &[b'x'; 150]].concat());
        assert_eq!(records.len(), 1);
        assert!(matches!(error, Some(SourceError::InvalidContent { .. })));
    }

    #[test]
    fn an_empty_input_has_no_records() {
        assert_eq!(read(b""), (vec![], None));
    }
}
