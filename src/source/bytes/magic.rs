//! Recognises an input of another format than configured, by its first bytes.
//!
//! In scope: names of formats that the user recognises, and advice. Out of scope: reading these
//! formats, and what only the end of an input shows, such as one line of text in place of a table
//! (`source::csv`, `source::json::json_lines`).

use serde_json::Value;

use crate::port::error_document::{is_error_document, shown};
use crate::port::source::SourceError;
use crate::source::bytes::encoding::TextEncoding;

/// Maximum number of bytes that are examined.
pub(crate) const HEAD_BYTES: usize = 8 << 10;

/// The format that the job file configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    Csv,
    Json,
    Jsonl,
    Xlsx,
}

impl ContentKind {
    /// Returns the usual ending of such files, without a dot.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xlsx => "xlsx",
        }
    }
}

/// The recognised format, with advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentGuess {
    /// The format, such as "an HTML page".
    pub(crate) what: String,
    /// What the user should do.
    pub(crate) advice: String,
}

impl ContentGuess {
    fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    /// Returns the guess for a document that is an error message, which it quotes.
    pub(crate) fn refusal(document: &str) -> Self {
        Self {
            what: format!("a JSON error document: {document}"),
            advice: SourceError::ERROR_DOCUMENT_ADVICE.to_owned(),
        }
    }
}

const ANOTHER_FILE: &str = "name the file that holds the data, in [source] or with --input";
const SAVE_AS_CSV: &str = "open it, save the sheet as CSV UTF-8, and name that file as csv below [source]";
const SAVE_AS_XLSX: &str =
    "open it, save it as .xlsx without a password or as CSV UTF-8, and name that file below [source]";
const NAME_AS_XLSX: &str = "name it as xlsx below [source], with its tab as sheet";

/// First bytes that identify a format.
const MAGIC: [(&[u8], &str, &str); 12] = [
    (b"\x1f\x8b", "gzip-compressed data", "unpack it first: gunzip -c FILE | sheetkeep run JOB.toml --input -"),
    (b"BZh", "bzip2-compressed data", "unpack it first: bunzip2 -c FILE | sheetkeep run JOB.toml --input -"),
    (b"\xfd7zXZ\0", "xz-compressed data", "unpack it first: xz -dc FILE | sheetkeep run JOB.toml --input -"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", "unpack it first: zstd -dc FILE | sheetkeep run JOB.toml --input -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, and name the file in it"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel or Office file (.xls), or a workbook with a password",
        SAVE_AS_XLSX,
    ),
    (b"%PDF-", "a PDF document", ANOTHER_FILE),
    (b"PAR1", "a Parquet file", "write it as CSV or JSON lines first, and name that file"),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "write the table as CSV first: sqlite3 -header -csv FILE 'select * from TABLE'",
    ),
    (b"\x89PNG", "a PNG image", ANOTHER_FILE),
    (b"\xff\xd8\xff", "a JPEG image", ANOTHER_FILE),
    (b"\x7fELF", "a program", ANOTHER_FILE),
];

/// Recognises an input whose bytes are not text, by the first of them. Returns `None` if it may be
/// of `kind`. `encoding` is the one that the job file names.
pub(crate) fn recognize_bytes(head: &[u8], kind: ContentKind, encoding: TextEncoding) -> Option<ContentGuess> {
    if head.starts_with(b"PK\x03\x04") {
        return if kind == ContentKind::Xlsx { other_archive(head) } else { Some(archive(head)) };
    }
    if let Some((_, what, advice)) = MAGIC.iter().find(|(magic, ..)| head.starts_with(magic) && has_more(head, magic)) {
        return Some(ContentGuess::new(*what, *advice));
    }
    if kind == ContentKind::Xlsx {
        let advice = "name the workbook (.xlsx) here, or name this file as csv, json or jsonl below [source]";
        return Some(ContentGuess::new("not an Excel workbook (.xlsx)", advice));
    }
    match wide_text(head)? {
        "UTF-32" => Some(ContentGuess::new(
            "text in UTF-32, not in UTF-8",
            "save it as UTF-8 (in Excel: CSV UTF-8), or: iconv -f UTF-32 -t UTF-8 FILE | sheetkeep run JOB.toml --input -",
        )),
        // Its mark decides.
        "UTF-16" => None,
        encoding_name if encoding == TextEncoding::Auto => Some(ContentGuess::new(
            format!("text in {encoding_name} without a mark at its start, not in UTF-8"),
            format!("set encoding = \"{encoding_name}\" below [source], or save it as UTF-8 (in Excel: CSV UTF-8)"),
        )),
        _ => None,
    }
}

/// Recognises a text of another format than `kind`, by the first of its bytes, in UTF-8.
/// `is_whole`: nothing follows them.
pub(crate) fn recognize_text(head: &[u8], kind: ContentKind, is_whole: bool) -> Option<ContentGuess> {
    if is_binary(head) {
        return Some(ContentGuess::new("binary data and no text", ANOTHER_FILE));
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    if text.starts_with('<')
        && let Some(seen) = markup(text)
    {
        return Some(seen);
    }
    match kind {
        ContentKind::Csv => json_in_place_of_csv(text),
        ContentKind::Json => text_in_place_of_json(text),
        ContentKind::Jsonl => no_json_lines(text, is_whole),
        ContentKind::Xlsx => None,
    }
}

/// Recognises an archive that is not an Excel workbook. The names of its parts may come later than
/// the first bytes; reading decides then.
fn other_archive(head: &[u8]) -> Option<ContentGuess> {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    let is_other = has(b"opendocument.spreadsheet") || has(b"word/") || has(b"ppt/");
    is_other.then(|| archive(head))
}

/// bzip2 continues with its level. A header row may begin with the same three letters.
fn has_more(head: &[u8], magic: &[u8]) -> bool {
    magic != b"BZh" || (head.get(3).is_some_and(u8::is_ascii_digit) && head.get(4..10) == Some(b"1AY&SY"))
}

fn archive(head: &[u8]) -> ContentGuess {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    if has(b"opendocument.spreadsheet") {
        ContentGuess::new("a LibreOffice spreadsheet (.ods)", SAVE_AS_CSV)
    } else if has(b"xl/") {
        ContentGuess::new("an Excel workbook (.xlsx)", NAME_AS_XLSX)
    } else if has(b"word/") || has(b"ppt/") {
        ContentGuess::new("an Office document", ANOTHER_FILE)
    } else if has(b"[Content_Types].xml") {
        ContentGuess::new("an Office file, most likely an Excel workbook (.xlsx)", NAME_AS_XLSX)
    } else {
        ContentGuess::new("a zip archive", "unpack it first: unzip -p FILE | sheetkeep run JOB.toml --input -")
    }
}

/// Returns the encoding of text whose characters are wider than a byte.
fn wide_text(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("UTF-16"),
        _ => {}
    }
    // Without a mark: in most texts every second byte is zero, and no other one.
    let head = head.get(..head.len() & !1).filter(|head| head.len() >= 4)?;
    let pairs = head.len() / 2;
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 10 >= pairs * 6 && even * 20 <= pairs {
        Some("UTF-16LE")
    } else if even * 10 >= pairs * 6 && odd * 20 <= pairs {
        Some("UTF-16BE")
    } else {
        None
    }
}

/// Returns whether bytes are binary. Text has few control characters; a stray one is handled with
/// its record.
fn is_binary(head: &[u8]) -> bool {
    let controls =
        head.iter().filter(|byte| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    controls > 0 && controls * 20 > head.len()
}

/// Recognises HTML and XML. Header rows such as `<TICKER>,<DATE>` look similar, but close no
/// element.
fn markup(text: &str) -> Option<ContentGuess> {
    let lower = text.to_lowercase();
    let closes = lower.contains("</") || lower.contains("/>");
    let sure = ["<!doctype html", "<html"].iter().any(|begin| lower.starts_with(begin));
    let parts = ["<html", "<head", "<body", "<h1", "<title", "<center", "<script", "<p>"];
    let is_html = sure || (closes && parts.iter().any(|part| lower.contains(part)));
    if is_html {
        let title = lower.find("<title>").map(|at| at + "<title>".len()).and_then(|from| {
            // Lower case may change the length; then the title is omitted.
            let to = lower.get(from..)?.find("</title>")?;
            text.get(from..from + to).map(str::trim).filter(|title| !title.is_empty() && title.len() <= 200)
        });
        let title = title.map(|title| format!(", titled {title:?}")).unwrap_or_default();
        return Some(ContentGuess::new(
            format!("an HTML page{title}"),
            "a login or error page was saved in place of the data: see what wrote it, then run again",
        ));
    }
    let is_xml = lower.starts_with("<?xml") || lower.starts_with("<!doctype") || closes;
    is_xml.then(|| ContentGuess::new("an XML document", "see what wrote it; a job reads CSV, JSON or JSON lines"))
}

fn json_in_place_of_csv(text: &str) -> Option<ContentGuess> {
    let inside = text.get(1..)?.trim_start().chars().next();
    let is_json = match (text.chars().next()?, inside) {
        ('{', Some('"' | '}')) => true,
        ('[', Some('{' | '"')) => text.contains("\":") || text.contains("\",") || text.contains("\"]"),
        _ => false,
    };
    is_json.then(|| {
        error_document(text).unwrap_or_else(|| {
            ContentGuess::new("JSON, not CSV", "name it as json or jsonl below [source], and its list as items")
        })
    })
}

/// Recognises a document that is an error message, complete or truncated at the end of `text`.
pub(crate) fn error_document(text: &str) -> Option<ContentGuess> {
    let document: Value = serde_json::from_str(text).ok()?;
    is_error_document(&document).then(|| ContentGuess::refusal(&shown(&document)))
}

fn begins_as_json(line: &str) -> bool {
    let word = |word: &str| {
        line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == ' '))
    };
    match line.as_bytes().first() {
        Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9') => true,
        _ => ["true", "false", "null", "NaN", "Infinity"].into_iter().any(word),
    }
}

fn text_in_place_of_json(text: &str) -> Option<ContentGuess> {
    if text.is_empty() || begins_as_json(text) {
        return None;
    }
    Some(no_json(text))
}

/// Returns the guess for text that is not JSON; its first line is the most informative part.
fn no_json(text: &str) -> ContentGuess {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let shown: String = first.chars().take(120).collect();
    let next = lines.next();
    let fields = |line: &str, of: char| line.matches(of).count();
    let is_table =
        |of: &char| fields(first, *of) > 0 && next.is_some_and(|next| fields(next, *of) == fields(first, *of));
    if [',', ';', '\t'].iter().any(is_table) {
        return ContentGuess::new(format!("CSV, it seems, not JSON: {shown:?}"), "name it as csv below [source]");
    }
    let what = if next.is_some() { "text" } else { "one line of text" };
    ContentGuess::new(format!("{what}, not JSON: {shown:?}"), SourceError::ERROR_TEXT_ADVICE)
}

fn no_json_lines(text: &str, is_whole: bool) -> Option<ContentGuess> {
    let is_document = |line: &str| matches!(line, "{" | "[" | "[{");
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().next().is_some_and(is_document) {
        return Some(error_document(text).unwrap_or_else(|| {
            ContentGuess::new(
                "one JSON document over several lines, not JSON lines",
                "name it as json below [source], and its list as items",
            )
        }));
    }
    // The examined bytes may end in the middle of a line.
    let is_last_whole = is_whole || text.ends_with('\n');
    let mut whole = lines().take(lines().count() - usize::from(!is_last_whole && lines().count() > 1)).peekable();
    let is_json = |line: &str| {
        matches!(line.as_bytes().first(), Some(b'{' | b'[' | b'"')) || serde_json::from_str::<Value>(line).is_ok()
    };
    if whole.peek().is_none() || whole.any(|line| is_json(line) || begins_as_word_of_json(line)) {
        return None;
    }
    Some(no_json(text))
}

fn begins_as_word_of_json(line: &str) -> bool {
    begins_as_json(line) && !line.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Returns whether a line is a typical error message of a service.
pub(crate) fn is_error_page(line: &str) -> bool {
    const WORDS: [&str; 18] = [
        "unavailable",
        "unauthorized",
        "unauthorised",
        "forbidden",
        "not found",
        "error",
        "denied",
        "timeout",
        "timed out",
        "gateway",
        "bad request",
        "too many",
        "rate limit",
        "maintenance",
        "not allowed",
        "expired",
        "invalid",
        "try again",
    ];
    let lower = line.to_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(head: &[u8], kind: ContentKind) -> String {
        let seen = recognize_bytes(head, kind, TextEncoding::Auto).or_else(|| recognize_text(head, kind, true));
        seen.map(|seen| seen.what).unwrap_or_default()
    }

    #[test]
    fn each_input_is_named_as_what_it_is_in_every_kind() {
        let wide: Vec<u8> = "id,name\r\n1,b\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "id,näme\n1,b\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let inputs: [(&[u8], &str); 15] = [
            (b"<!DOCTYPE html><title>503 Busy</title>", "an HTML page, titled \"503 Busy\""),
            (b"\n <html><body>no</body></html>", "an HTML page"),
            (b"<h1>Bad Gateway</h1>", "an HTML page"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
            (b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml", "an Excel workbook (.xlsx)"),
            (b"PK\x03\x04....[Content_Types].xml....", "an Office file, most likely an Excel workbook (.xlsx)"),
            (b"PK\x03\x04....items.csv", "a zip archive"),
            (b"\x1f\x8b\x08\0\0", "gzip-compressed data"),
            (b"BZh91AY&SY..", "bzip2-compressed data"),
            (b"%PDF-1.7\n", "a PDF document"),
            (b"\xff\xfe\0\0i\0\0\0", "text in UTF-32, not in UTF-8"),
            (&wide, "text in UTF-16LE without a mark at its start, not in UTF-8"),
            (&big, "text in UTF-16BE without a mark at its start, not in UTF-8"),
            (b"\x01\x02\x03\x04abc\0\0\x05\x06", "binary data and no text"),
            (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        ];
        for (head, what) in inputs {
            for kind in [ContentKind::Csv, ContentKind::Json, ContentKind::Jsonl] {
                assert_eq!(seen(head, kind), what, "{kind:?}");
            }
        }
    }

    #[test]
    fn an_input_of_its_kind_is_not_taken_for_another() {
        let csv: [&[u8]; 9] = [
            b"id,name\n1,a\n",
            b"<TICKER>,<DATE>\nA,1\n",
            b"[id],[name]\n",
            b"{id},name\n",
            b"BZhang,age\n",
            b"PKey,x\n",
            b"caf\xe9,x\n",
            b"a,b\n1,\x002\n3,4\n5,6\n7,8\n9,1\n2,3\n",
            b"",
        ];
        for head in csv {
            assert_eq!(seen(head, ContentKind::Csv), "", "{}", String::from_utf8_lossy(head));
        }
        for head in [&b"{\"id\":1}"[..], b" [1]", b"[\"<html>\"]", b"null", b"12", b"NaN", b""] {
            assert_eq!(seen(head, ContentKind::Json), "", "{}", String::from_utf8_lossy(head));
            assert_eq!(seen(head, ContentKind::Jsonl), "", "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(seen(b"# a comment\n{\"id\":1}\n", ContentKind::Jsonl), "");
        assert_eq!(seen(b"oops\n{\"id\":1", ContentKind::Jsonl), "");
    }

    #[test]
    fn text_in_place_of_json_and_json_in_place_of_csv_is_named() {
        assert_eq!(
            seen(b"{\"error\":\"rate limit\"}", ContentKind::Csv),
            "a JSON error document: {\"error\":\"rate limit\"}"
        );
        assert_eq!(seen(b"[{\"id\":1}]", ContentKind::Csv), "JSON, not CSV");
        for kind in [ContentKind::Json, ContentKind::Jsonl] {
            assert_eq!(seen(b"Service unavailable\n", kind), "one line of text, not JSON: \"Service unavailable\"");
            assert_eq!(seen(b"not found", kind), "one line of text, not JSON: \"not found\"");
            assert_eq!(seen(b"id,name\n1,a\n", kind), "CSV, it seems, not JSON: \"id,name\"");
        }
        let pretty = b"{\n  \"error\": \"no\"\n}\n";
        assert_eq!(seen(pretty, ContentKind::Jsonl), "a JSON error document: {\"error\":\"no\"}");
        assert_eq!(
            seen(b"[\n {\"id\":1},\n", ContentKind::Jsonl),
            "one JSON document over several lines, not JSON lines"
        );
    }
}
