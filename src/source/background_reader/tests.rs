use serde_json::Value;

use super::*;
use crate::ledger::items::item::Position;
use crate::source::bytes::content_guess::ContentKind;
use crate::source::bytes::encoding::TextEncoding;
use crate::source::bytes::input::{Input, convert_io_error};

/// One record per byte, and an error at `!`.
struct EachByte(Box<dyn Read + Send>, u64);

impl Records for EachByte {
    fn next(&mut self) -> Result<Option<Record>, SourceError> {
        let mut byte = [0];
        if self.0.read(&mut byte).map_err(|e| convert_io_error("x", &e))? == 0 {
            return Ok(None);
        }
        if byte == *b"!" {
            return Err(SourceError::InvalidContent { position: "x".into(), why: "!".into() });
        }
        self.1 += 1;
        let position = Position { origin: "x".into(), record: self.1, line: None };
        Ok(Some(Record { body: Ok(Value::from(byte[0])), bytes: vec![], position, cursor: None }))
    }
}

async fn read(text: &'static [u8], size: Option<u64>) -> (String, bool) {
    let mut reading = make_reader(text, size);
    assert_eq!(reading.is_rereadable(), size.is_some());
    read_all(&mut reading).await
}

fn make_reader(text: &'static [u8], size: Option<u64>) -> BackgroundReader {
    BackgroundReader::new(OpenInput::from_csv_bytes(text, size), |_, reader, _| Box::new(EachByte(reader, 0)))
}

async fn read_all(reading: &mut BackgroundReader) -> (String, bool) {
    let mut seen = String::new();
    loop {
        match reading.next().await {
            Ok(Some(record)) => {
                let byte = record.body.expect("a record").as_u64().and_then(|b| u8::try_from(b).ok());
                seen.push(char::from(byte.expect("a byte")));
            }
            end => {
                assert_eq!(reading.next().await, end, "the end stays the end");
                return (seen, end.is_err());
            }
        }
    }
}

#[tokio::test]
async fn a_file_and_a_pipe_yield_the_same_records_without_a_bom() {
    for size in [Some(9), None] {
        assert_eq!(read(b"\xEF\xBB\xBFabc", size).await, ("abc".into(), false));
        assert_eq!(read(b"ab!cd", size).await, ("ab".into(), true));
        assert_eq!(read(b"", size).await, (String::new(), false));
    }
}

#[tokio::test]
async fn more_records_than_the_channel_holds_arrive_in_order() {
    static MANY: [u8; 1_000] = [b'a'; 1_000];
    for size in [Some(1_000), None] {
        assert_eq!(read(&MANY, size).await.0.len(), 1_000);
    }
}

#[tokio::test]
async fn what_comes_once_only_can_be_read_twice_to_the_letter() {
    static MANY: [u8; 1_000] = [b'a'; 1_000];
    for text in [&b"\xEF\xBB\xBFabc"[..], b"ab!cd", b"", &MANY] {
        let mut reading = make_reader(text, None).read_twice(RecordDepth::Whole);
        let first = read_all(&mut reading).await;
        reading.rewind().expect("it was kept");
        assert!(!reading.is_rereadable(), "a later run can't read it");
        assert_eq!(read_all(&mut reading).await, first);
    }
}

#[tokio::test]
async fn a_replaced_file_is_read_to_its_end_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [path, other] = ["a", "b"].map(|name| folder.path().join(name));
    std::fs::write(&path, "abc").expect("a file");
    let opened = Input::File(path.clone()).open(ContentKind::Csv, TextEncoding::Auto).expect("the file opens");
    let mut reading =
        BackgroundReader::new(opened, |_, reader, _| Box::new(EachByte(reader, 0))).read_twice(RecordDepth::Whole);
    assert_eq!(read_all(&mut reading).await.0, "abc");
    std::fs::write(&other, "xyz").expect("a file");
    std::fs::rename(&other, &path).expect("it takes its place");
    reading.rewind().expect("it is still open");
    assert_eq!((read_all(&mut reading).await.0.as_str(), reading.progress()), ("abc", Some((6, 6))));
}

#[tokio::test]
async fn a_caller_that_stops_waiting_loses_no_record() {
    let opened = Input::File("Cargo.toml".into()).open(ContentKind::Csv, TextEncoding::Auto).expect("the file opens");
    let mut reading = BackgroundReader::new(opened, |_, reader, _| Box::new(EachByte(reader, 0)));
    let mut next = 1;
    while next < 600 {
        let polled = tokio::select! {
            biased;
            record = reading.next() => record.expect("a whole file"),
            () = tokio::task::yield_now() => continue,
        };
        assert_eq!(polled.expect("a long file").position.record, next);
        next += 1;
    }
}

#[tokio::test]
async fn progress_counts_records_and_not_what_was_read_in_advance() {
    static MANY: [u8; 5_000] = [b'a'; 5_000];
    for size in [600_u64, 5_000] {
        let text = &MANY[..usize::try_from(size).expect("a small number")];
        let mut reading = make_reader(text, Some(size));
        assert_eq!(reading.progress(), Some((0, size)));
        let mut shown = Vec::new();
        for _ in 0..size {
            reading.next().await.expect("a whole file").expect("a record");
            shown.push(reading.progress().expect("a file has a size").0);
        }
        assert!(reading.next().await.expect("a whole file").is_none());
        assert_eq!(reading.progress(), Some((size, size)));
        assert!(shown.is_sorted() && shown[0] <= 10, "{size}: {:?}", &shown[..9]);
        if size == 600 {
            assert!(shown.iter().copied().eq(1..=600), "one batch shows the number of records");
        }
    }
}
