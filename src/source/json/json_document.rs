//! JSON documents: the elements of one array, streamed, or the results of a jq expression on the
//! whole document.
//!
//! In scope: choosing between the two, limits, positions. Out of scope: splitting the document
//! (`source::json::splitter`), and jq itself, which the caller passes in.

use std::io::Read;
use std::sync::Arc;

use serde_json::Value;

use crate::ledger::items::item::Position;
use crate::ledger::values::json_path::MemberPath;
use crate::port::error_document::{is_error_document, shorten_document};
use crate::port::source::{Record, SourceError};
use crate::source::background_reader::{BackgroundReader, Records};
use crate::source::bytes::content_guess::{ContentGuess, ContentKind};
use crate::source::bytes::encoding::{InputFacts, TextEncoding};
use crate::source::bytes::input::{Input, MAX_RECORD_BYTES, convert_io_error};
use crate::source::bytes::unexpected_text::recognize_error_document;
use crate::source::json::record_text::parse;
use crate::source::json::splitter::{ElementPosition, SplitError, Splitter};
use crate::source::path_selection::RecordDepth;

/// Maximum size of a document that is read as a whole, in bytes.
pub const MAX_DOCUMENT_BYTES: u64 = 256 << 20;

/// Extracts the records from a whole document of this many bytes.
pub type ExtractFn = Arc<dyn Fn(Value, u64) -> Result<Vec<Value>, NoRecordsError> + Send + Sync>;

/// Why a document has no records; each holds a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoRecordsError {
    /// The document is not what the expression requires.
    Broken(String),
    /// The expression could not be evaluated, whatever the document is.
    Unavailable(String),
}

/// Which values of a document are its records.
pub enum RecordChoice {
    /// The elements of the array at a plain path, streamed.
    ElementsAt(MemberPath),
    /// The results of an expression on the whole document, which is held in memory.
    ResultsOf(ExtractFn),
}

impl RecordChoice {
    /// Chooses the elements at `expression` if it is a plain path such as `.features[]`; otherwise
    /// the results of `whole`.
    pub fn from_expression(expression: &str, whole: impl FnOnce() -> ExtractFn) -> Self {
        parse_array_path(expression).map_or_else(|| Self::ResultsOf(whole()), Self::ElementsAt)
    }
}

/// Returns the path of the array whose elements `expression` yields: `.a` for `.a[]`, `.` for
/// `.[]`.
fn parse_array_path(expression: &str) -> Option<MemberPath> {
    let path = expression.trim().strip_suffix("[]")?;
    // `.a.` and `.a .` are not paths, and `..[]` differs from `.[]`.
    MemberPath::parse(path)
}

/// Opens `input` as one JSON document in `encoding`.
///
/// An element that is not valid JSON by itself is a bad record, and reading continues with the next
/// one. Reading stops with an error if the document is truncated, is unbalanced or has no array at
/// the path. It also stops if a record is longer than 64 MiB, or a document that is read whole than
/// 256 MiB.
pub fn open(input: &Input, items: RecordChoice, encoding: TextEncoding) -> Result<BackgroundReader, SourceError> {
    let opened = input.open(ContentKind::Json, encoding)?;
    let facts = Arc::clone(&opened.facts);
    Ok(BackgroundReader::new(opened, move |name, reader, depth| match &items {
        RecordChoice::ElementsAt(path) => Box::new(ElementRecords {
            depth,
            facts: Arc::clone(&facts),
            ..ElementRecords::new(name, reader, path.clone())
        }),
        RecordChoice::ResultsOf(extract) => Box::new(WholeDocument {
            name,
            reader: Some(reader),
            extract: Arc::clone(extract),
            limit: MAX_DOCUMENT_BYTES,
            values: vec![].into_iter(),
            record: 0,
        }),
    }))
}

struct ElementRecords<R> {
    name: String,
    depth: RecordDepth,
    splitter: Splitter<R>,
    facts: Arc<InputFacts>,
    record: u64,
}

impl<R: Read + Send> ElementRecords<R> {
    fn new(name: String, reader: R, path: MemberPath) -> Self {
        let splitter = Splitter::new(reader, path, MAX_RECORD_BYTES);
        Self { name, depth: RecordDepth::Whole, splitter, facts: Arc::default(), record: 0 }
    }

    /// Returns the error if the document is an error message in place of the list.
    fn refuse_error_document(&self) -> Option<SourceError> {
        let head = self.facts.seen.get().filter(|_| self.record == 0)?;
        let ContentGuess { what: seen, advice } = recognize_error_document(std::str::from_utf8(head).ok()?)?;
        Some(SourceError::OtherFormat { what: self.name.clone(), seen, advice })
    }

    fn convert_walk_error(&self, stop: SplitError) -> SourceError {
        let next = self.record + 1;
        let position = |at: ElementPosition| {
            format!("{}:{}:{} (record {next}, byte {})", self.name, at.line, at.column, at.offset)
        };
        match stop {
            SplitError::Io(error) => convert_io_error(&self.name, &error),
            SplitError::CutOff(at) if at.offset == 0 => {
                SourceError::InvalidContent { position: position(at), why: "the document is empty".into() }
            }
            SplitError::CutOff(at) => SourceError::InvalidContent {
                position: position(at),
                why: "the document ends here, before it is complete: it was cut off; get it whole and run again, what came before \
                      is kept"
                    .into(),
            },
            SplitError::RepeatedMember(at, why) => SourceError::Ambiguous { position: position(at), why },
            SplitError::NotAnArray(at, why) => self.refuse_error_document().unwrap_or_else(|| SourceError::SettingsMismatch {
                position: position(at),
                why,
                advice: "name the list of records as items below [source], such as items = \".data.rows[]\"; if each line is a record, write jsonl in place of json"
                    .to_owned(),
            }),
            SplitError::Broken(at, why) => self.refuse_error_document().unwrap_or_else(|| SourceError::InvalidContent {
                position: position(at),
                why: format!(
                    "{why}; correct it there, or in what writes the file: nothing after this place can be read, what came before \
                     is kept"
                ),
            }),
        }
    }
}

impl<R: Read + Send> Records for ElementRecords<R> {
    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        let (body, bytes, line) = match self.splitter.next() {
            Ok(None) => return Ok(None),
            Ok(Some((element, place))) => match parse(element, &self.depth) {
                Ok(body) => (Ok(body), Vec::new(), place.line),
                Err(no_record) => (Err(no_record.bad), element.to_vec(), place.line),
            },
            Err(stop) => return Err(self.convert_walk_error(stop)),
        };
        self.record += 1;
        let position = Position { origin: self.name.clone(), record: self.record, line: Some(line) };
        Ok(Some(Record { body, bytes, position, cursor: None }))
    }
}

/// Returns the error of a document that is an error message and has no records.
fn refuse_error_document(name: &str, document: &str) -> SourceError {
    let ContentGuess { what: seen, advice } = ContentGuess::from_error_document(document);
    SourceError::OtherFormat { what: name.to_owned(), seen, advice }
}

struct WholeDocument<R> {
    name: String,
    reader: Option<R>,
    extract: ExtractFn,
    limit: u64,
    values: std::vec::IntoIter<Value>,
    record: u64,
}

impl<R: Read + Send> WholeDocument<R> {
    fn read(&self, reader: R) -> Result<Vec<Value>, SourceError> {
        let broken = |position: String, why: String| SourceError::InvalidContent { position, why };
        let mut text = Vec::new();
        let n = reader.take(self.limit + 1).read_to_end(&mut text).map_err(|e| convert_io_error(&self.name, &e))?;
        if n as u64 > self.limit {
            let why = "the document is longer than 256 MiB, the most that is read as a whole; a plain path such as \
                       .features[] streams a document of any length";
            return Err(broken(self.name.clone(), why.into()));
        }
        let document = parse(&text, &RecordDepth::Whole).map_err(|no_record| {
            let why = if no_record.is_cut_off {
                "the document ends before it is complete: it was cut off; get it whole and run again".into()
            } else {
                format!("the document is {}; correct it there, or in what writes the file", no_record.what)
            };
            let (line, column) = no_record.place;
            broken(format!("{}:{line}:{column}", self.name), why)
        })?;
        let refusal = is_error_document(&document).then(|| shorten_document(&document));
        let values = (self.extract)(document, n as u64).map_err(|no_items| match no_items {
            NoRecordsError::Broken(why) => broken(self.name.clone(), format!("items: {why}")),
            NoRecordsError::Unavailable(why) => SourceError::Unavailable { what: self.name.clone(), why },
        });
        match refusal {
            Some(document) if values.as_ref().map_or(true, Vec::is_empty) => {
                Err(refuse_error_document(&self.name, &document))
            }
            _ => values,
        }
    }
}

impl<R: Read + Send> Records for WholeDocument<R> {
    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        if let Some(reader) = self.reader.take() {
            self.values = self.read(reader)?.into_iter();
        }
        let Some(body) = self.values.next() else { return Ok(None) };
        self.record += 1;
        let position = Position { origin: self.name.clone(), record: self.record, line: None };
        Ok(Some(Record { body: Ok(body), bytes: Vec::new(), position, cursor: None }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::ledger::values::exact_number;
    use crate::port::source::Source;

    fn file(text: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().expect("a temporary file");
        file.write_all(text).expect("it can be written");
        file
    }

    fn make_identity() -> ExtractFn {
        Arc::new(|value, _| Ok(vec![value]))
    }

    async fn read(text: &[u8], items: &str) -> (Vec<Record>, Option<String>) {
        let file = file(text);
        let input = Input::File(file.path().to_owned());
        let mut source = open(&input, RecordChoice::from_expression(items, make_identity), TextEncoding::Auto)
            .expect("the file opens");
        let mut records = Vec::new();
        loop {
            match source.next().await {
                Ok(Some(record)) => records.push(record),
                Ok(None) => return (records, None),
                Err(error) => return (records, Some(error.to_string().replace(&input.name(), "f.json"))),
            }
        }
    }

    #[tokio::test]
    async fn a_bad_element_harms_no_other() {
        let (records, error) = read(
            b"\xEF\xBB\xBF[{\"id\": 1},\n{\"id\": NaN}, {\"id\": \"\xff\"},\n\n{\"id\": 12345678901234567890123}]",
            ".[]",
        )
        .await;
        assert_eq!(error, None);
        let message: Vec<_> =
            records.iter().map(|r| (r.position.record, r.position.line, r.body.clone().map_err(|e| e.0))).collect();
        assert_eq!(
            message,
            [
                (1, Some(1), Ok(json!({"id": 1}))),
                (
                    2,
                    Some(2),
                    Err("the record is not valid JSON: a value is missing, or a text has no double quotes (JSON has no NaN) near \
                         \"{\\\"id\\\": NaN}\" at column 8; correct it in the file, or in what writes it; the other records are read"
                        .into())
                ),
                (
                    3,
                    Some(2),
                    Err("the record is not valid UTF-8 at column 8; correct its characters in the file; if the whole file is in \
                         another encoding, set encoding below [source]"
                        .into())
                ),
                (4, Some(4), Ok(json!({"id": exact_number::from_token("12345678901234567890123")}))),
            ]
        );
        assert_eq!(records[1].bytes, b"{\"id\": NaN}");
    }

    #[tokio::test]
    async fn a_feed_that_is_cut_off_yields_what_came_before_and_its_place() {
        let (records, error) = read(b"{\"a\": [{\"id\": 1},\n {\"id\": 2, \"na", ".a[]").await;
        assert_eq!(records.len(), 1);
        let error = error.expect("the source is broken");
        assert!(error.starts_with("f.json:2:15 (record 2, byte 32): the document ends here"), "{error}");
        let (records, error) = read(b"{\"a\": [{\"id\": 1}]", ".a[]").await;
        assert_eq!((records.len(), error.is_some()), (1, true));
        assert!(read(b"", ".a[]").await.1.expect("broken").contains("the document is empty"));
    }

    #[tokio::test]
    async fn any_other_expression_reads_the_whole_document() {
        let (records, error) = read(b"{\"a\": 1}", ".").await;
        assert_eq!((records.len(), error), (1, None));
        assert!(read(b"{\"a\": 1", ".").await.1.expect("broken").contains("was cut off"));
        assert!(read(b"{\"a\": x}", ".").await.1.expect("broken").contains("the document is not valid JSON"));
    }

    #[tokio::test]
    async fn a_long_feed_is_read_in_batches_and_its_progress_is_reported() {
        let items: Vec<Value> = (0..1_000).map(|n| json!({"id": n})).collect();
        let file = file(json!(items).to_string().as_bytes());
        let input = Input::File(file.path().to_owned());
        let mut source = open(&input, RecordChoice::from_expression(".[]", make_identity), TextEncoding::Auto)
            .expect("the file opens");
        assert!(source.is_rereadable());
        let mut n = 0;
        while let Some(record) = source.next().await.expect("a whole feed") {
            assert_eq!(record.body, Ok(json!({"id": n})));
            n += 1;
        }
        assert_eq!(n, 1_000);
        let (read, size) = source.progress().expect("a file has a size");
        assert_eq!(read, size);
        assert_eq!(source.next().await, Ok(None));
    }

    #[test]
    fn a_file_that_is_not_there_is_missing_and_a_folder_is_no_file() {
        let missing = open(
            &Input::File("no/such/file.json".into()),
            RecordChoice::from_expression(".[]", make_identity),
            TextEncoding::Auto,
        )
        .map(|_| ());
        assert!(matches!(missing, Err(SourceError::Missing { .. })));
        let folder =
            open(&Input::File("src".into()), RecordChoice::from_expression(".[]", make_identity), TextEncoding::Auto)
                .map(|_| ());
        let Err(SourceError::OtherFormat { seen, advice, .. }) = folder else { panic!("a folder is not a source") };
        assert_eq!(
            (seen.as_str(), advice.as_str()),
            ("a folder", "name a file in it, or a pattern of its files: src/*.json")
        );
    }
}
