//! Recognises an input that is not text, by its first bytes.
//!
//! In scope: archives, workbooks, images, wide encodings, each with advice. Out of scope: a text of
//! another format than configured (`source::bytes::unexpected_text`).

use crate::source::bytes::content_guess::{ANOTHER_FILE, ContentGuess, ContentKind};
use crate::source::bytes::encoding::TextEncoding;

/// Maximum number of bytes that are examined.
pub(crate) const HEAD_BYTES: usize = 8 << 10;

const SAVE_AS_CSV_ADVICE: &str = "open it, save the sheet as CSV UTF-8, and name that file as csv below [source]";
const SAVE_AS_XLSX_ADVICE: &str =
    "open it, save it as .xlsx without a password or as CSV UTF-8, and name that file below [source]";
const NAME_AS_XLSX: &str = "name it as xlsx below [source], with its tab as sheet";

/// First bytes that identify a format.
const FILE_SIGNATURES: [(&[u8], &str, &str); 12] = [
    (b"\x1f\x8b", "gzip-compressed data", "unpack it first: gunzip -c FILE | sheetkeep run JOB.toml --input -"),
    (b"BZh", "bzip2-compressed data", "unpack it first: bunzip2 -c FILE | sheetkeep run JOB.toml --input -"),
    (b"\xfd7zXZ\0", "xz-compressed data", "unpack it first: xz -dc FILE | sheetkeep run JOB.toml --input -"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", "unpack it first: zstd -dc FILE | sheetkeep run JOB.toml --input -"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, and name the file in it"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel or Office file (.xls), or a workbook with a password",
        SAVE_AS_XLSX_ADVICE,
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
        return if kind == ContentKind::Xlsx { recognize_other_archive(head) } else { Some(recognize_archive(head)) };
    }
    if let Some((_, what, advice)) =
        FILE_SIGNATURES.iter().find(|(magic, ..)| head.starts_with(magic) && has_more(head, magic))
    {
        return Some(ContentGuess::new(*what, *advice));
    }
    if kind == ContentKind::Xlsx {
        let advice = "name the workbook (.xlsx) here, or name this file as csv, json or jsonl below [source]";
        return Some(ContentGuess::new("not an Excel workbook (.xlsx)", advice));
    }
    match recognize_wide_text(head)? {
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

/// Recognises an archive that is not an Excel workbook. The names of its parts may come later than
/// the first bytes; reading decides then.
fn recognize_other_archive(head: &[u8]) -> Option<ContentGuess> {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    let is_other = has(b"opendocument.spreadsheet") || has(b"word/") || has(b"ppt/");
    is_other.then(|| recognize_archive(head))
}

/// bzip2 continues with its level. A header row may begin with the same three letters.
fn has_more(head: &[u8], magic: &[u8]) -> bool {
    magic != b"BZh" || (head.get(3).is_some_and(u8::is_ascii_digit) && head.get(4..10) == Some(b"1AY&SY"))
}

fn recognize_archive(head: &[u8]) -> ContentGuess {
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    if has(b"opendocument.spreadsheet") {
        ContentGuess::new("a LibreOffice spreadsheet (.ods)", SAVE_AS_CSV_ADVICE)
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
fn recognize_wide_text(head: &[u8]) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::bytes::unexpected_text::recognize_text;

    fn recognize(head: &[u8], kind: ContentKind) -> String {
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
                assert_eq!(recognize(head, kind), what, "{kind:?}");
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
            assert_eq!(recognize(head, ContentKind::Csv), "", "{}", String::from_utf8_lossy(head));
        }
        for head in [&b"{\"id\":1}"[..], b" [1]", b"[\"<html>\"]", b"null", b"12", b"NaN", b""] {
            assert_eq!(recognize(head, ContentKind::Json), "", "{}", String::from_utf8_lossy(head));
            assert_eq!(recognize(head, ContentKind::Jsonl), "", "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(recognize(b"# a comment\n{\"id\":1}\n", ContentKind::Jsonl), "");
        assert_eq!(recognize(b"oops\n{\"id\":1", ContentKind::Jsonl), "");
    }

    #[test]
    fn text_in_place_of_json_and_json_in_place_of_csv_is_named() {
        assert_eq!(
            recognize(b"{\"error\":\"rate limit\"}", ContentKind::Csv),
            "a JSON error document: {\"error\":\"rate limit\"}"
        );
        assert_eq!(recognize(b"[{\"id\":1}]", ContentKind::Csv), "JSON, not CSV");
        for kind in [ContentKind::Json, ContentKind::Jsonl] {
            assert_eq!(
                recognize(b"Service unavailable\n", kind),
                "one line of text, not JSON: \"Service unavailable\""
            );
            assert_eq!(recognize(b"not found", kind), "one line of text, not JSON: \"not found\"");
            assert_eq!(recognize(b"id,name\n1,a\n", kind), "CSV, it seems, not JSON: \"id,name\"");
        }
        let pretty = b"{\n  \"error\": \"no\"\n}\n";
        assert_eq!(recognize(pretty, ContentKind::Jsonl), "a JSON error document: {\"error\":\"no\"}");
        assert_eq!(
            recognize(b"[\n {\"id\":1},\n", ContentKind::Jsonl),
            "one JSON document over several lines, not JSON lines"
        );
    }
}
