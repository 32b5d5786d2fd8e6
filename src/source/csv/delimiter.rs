//! The delimiter of a CSV text. The job file or the text's own first line names it, or its header
//! row and first records show it.
//!
//! In scope: Excel's line `sep=;`, the choice among the usual delimiters. Out of scope: reading
//! rows (`source::csv::csv_row_reader`).
//!
//! The choice depends on the text only, not on the sizes of reads. If the header row is a table
//! with one delimiter only, nothing more is read for it.

use std::io::{self, Read};

use memchr::memchr_iter;

use crate::source::csv::csv_row_reader::RowReader;

/// Delimiters that are common in CSV files.
pub(crate) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records that are compared with the header row.
const SAMPLE_RECORDS: usize = 20;
/// Bytes that are examined at most.
const MAX_SAMPLE_BYTES: usize = 1 << 18;

/// How the fields of a CSV text are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delimiter {
    /// By this byte.
    Byte(u8),
    /// By the one that the text shows; an ambiguous text is an error.
    Auto,
    /// By the one that the text shows, and by a comma if that is ambiguous.
    #[default]
    Unset,
}

/// The beginning of a CSV text, and what it shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeparatedText {
    /// The delimiter as its ASCII byte.
    pub(crate) delimiter: u8,
    /// The bytes that were read, without the line `sep=;`.
    pub(crate) head: Vec<u8>,
    /// The length of that line; 0 without one.
    pub(crate) skipped: usize,
}

/// Why no delimiter was chosen.
#[derive(Debug)]
pub(crate) enum DelimiterError {
    /// The text can't be read.
    Io(io::Error),
    /// The text and the setting do not decide it. `why` completes "{name}:1 (header row): …".
    Unclear { why: String, advice: String },
}

impl From<io::Error> for DelimiterError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads as much of the text as the choice of the delimiter needs.
pub(crate) fn choose(reader: &mut impl Read, delimiter: Delimiter) -> Result<SeparatedText, DelimiterError> {
    let mut sample = Sample { bytes: Vec::new(), is_whole: false };
    sample.read_while(reader, |bytes| !bytes.contains(&b'\n') && may_be_separator_line(bytes))?;
    let (named, skipped) = parse_separator_line(&sample.bytes).unwrap_or_default();
    sample.bytes.drain(..skipped);
    if let (Some(named), Delimiter::Byte(byte)) = (named, delimiter)
        && named != byte
    {
        let (line, set) = (quote_delimiter(named), quote_delimiter(byte));
        return Err(DelimiterError::Unclear {
            why: format!(
                "the first line says that {line} separates the fields, and delimiter = {set} is set below [source]"
            ),
            advice: format!(
                "if the first line is right, write delimiter = {line} below [source]; if the setting is right, take that line out of the file"
            ),
        });
    }
    let delimiter = match (named, delimiter) {
        (Some(byte), _) | (None, Delimiter::Byte(byte)) => byte,
        (None, _) => match find(reader, &mut sample)? {
            Ok(byte) => byte,
            Err(both) if delimiter == Delimiter::Unset && both.contains(&b',') => b',',
            Err(both) => return Err(report_ambiguity(&both)),
        },
    };
    Ok(SeparatedText { delimiter, head: sample.bytes, skipped })
}

/// Formats a delimiter as a job file writes it.
pub(crate) fn quote_delimiter(delimiter: u8) -> String {
    format!("{:?}", char::from(delimiter).to_string())
}

fn report_ambiguity(both: &[u8]) -> DelimiterError {
    let all: Vec<String> = both.iter().map(|byte| quote_delimiter(*byte)).collect();
    let choice: Vec<String> = all.iter().map(|text| format!("delimiter = {text}")).collect();
    DelimiterError::Unclear {
        why: format!(
            "{} may separate the fields of this file, and its first rows do not decide which",
            all.join(" and ")
        ),
        advice: format!("write {} below [source]", choice.join(" or ")),
    }
}

struct Sample {
    bytes: Vec<u8>,
    /// Whether nothing follows.
    is_whole: bool,
}

impl Sample {
    fn read_while(&mut self, reader: &mut impl Read, goes_on: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        let mut chunk = vec![0; 1 << 13];
        while !self.is_whole && self.bytes.len() < MAX_SAMPLE_BYTES && goes_on(&self.bytes) {
            match reader.read(&mut chunk) {
                Ok(n) => {
                    self.bytes.extend_from_slice(chunk.get(..n).unwrap_or_default());
                    self.is_whole = n == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns the bytes of the first rows, at most this many, or `None` if they are not complete.
    /// A line end between quotes ends no row.
    fn take_rows(&self, most: usize) -> Option<&[u8]> {
        let bytes = self.bytes.get(..self.bytes.len().min(MAX_SAMPLE_BYTES)).unwrap_or_default();
        let (mut rows, mut from, mut line_from, mut is_quoted) = (0, 0, 0, false);
        for end in memchr_iter(b'\n', bytes) {
            let line = bytes.get(line_from..=end).unwrap_or_default();
            is_quoted ^= count_quotes(line) % 2 == 1;
            line_from = end + 1;
            if is_quoted {
                continue;
            }
            let row = bytes.get(from..=end).unwrap_or_default();
            from = end + 1;
            rows += usize::from(!row.trim_ascii().is_empty());
            if rows == most {
                return bytes.get(..from);
            }
        }
        if self.is_whole && bytes.len() == self.bytes.len() {
            return Some(bytes);
        }
        (bytes.len() == MAX_SAMPLE_BYTES).then(|| bytes.get(..from).unwrap_or_default())
    }
}

fn count_quotes(bytes: &[u8]) -> usize {
    #[cfg(test)]
    tests::EXAMINED_BYTES.set(tests::EXAMINED_BYTES.get() + bytes.len());
    memchr_iter(b'"', bytes).count()
}

/// Returns the delimiter that the text shows, or the ones among which it does not decide.
fn find(reader: &mut impl Read, sample: &mut Sample) -> io::Result<Result<u8, Vec<u8>>> {
    let candidates = |sample: &Sample, rows: usize| -> Vec<u8> {
        let bytes = sample.take_rows(rows).unwrap_or(&sample.bytes);
        DELIMITERS.into_iter().filter(|byte| is_table(bytes, *byte)).collect()
    };
    sample.read_until_rows(reader, 1)?;
    let of_header = candidates(sample, 1);
    if let [] | [_] = of_header.as_slice() {
        return Ok(Ok(of_header.first().copied().unwrap_or(b',')));
    }
    sample.read_until_rows(reader, SAMPLE_RECORDS + 1)?;
    let of_all = candidates(sample, SAMPLE_RECORDS + 1);
    Ok(match of_all.as_slice() {
        [one] => Ok(*one),
        [] => Err(of_header),
        _ => Err(of_all),
    })
}

impl Sample {
    fn read_until_rows(&mut self, reader: &mut impl Read, rows: usize) -> io::Result<()> {
        while self.take_rows(rows).is_none() {
            let before = self.bytes.len();
            self.read_while(reader, |bytes| bytes.len() == before)?;
            if self.bytes.len() == before {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Returns whether each row has the same number of fields, and more than one.
fn is_table(bytes: &[u8], delimiter: u8) -> bool {
    let mut rows = RowReader::new(bytes, delimiter, MAX_SAMPLE_BYTES);
    let mut fields = None;
    loop {
        match rows.next() {
            Ok(Some(row)) if row.damage.is_none() && row.len() > 1 && fields.is_none_or(|all| all == row.len()) => {
                if row.fields().any(|(field, is_doubled)| !is_doubled && has_cut_quotes(field)) {
                    return false;
                }
                fields = Some(row.len());
            }
            Ok(None) => return fields.is_some(),
            Ok(Some(_)) | Err(_) => return false,
        }
    }
}

/// Returns whether a field holds a quote beside another delimiter: then it is a piece of a row that
/// this other one separates.
fn has_cut_quotes(field: &[u8]) -> bool {
    let is_delimiter = |byte: &u8| DELIMITERS.contains(byte);
    field.windows(2).any(|pair| matches!(pair, [a, b'"'] | [b'"', a] if is_delimiter(a)))
}

/// Returns whether the bytes may be the beginning of a line `sep=;`.
fn may_be_separator_line(bytes: &[u8]) -> bool {
    bytes.len() < 12
        && b"sep=".iter().zip(bytes.strip_prefix(b"\"").unwrap_or(bytes)).all(|(a, b)| b.eq_ignore_ascii_case(a))
}

/// Returns the delimiter that Excel's line `sep=;` names, and the length of that line. Some
/// programs put the line in quotes.
fn parse_separator_line(bytes: &[u8]) -> Option<(Option<u8>, usize)> {
    let end = memchr_iter(b'\n', bytes).next().map_or(bytes.len(), |at| at + 1);
    let line = bytes.get(..end)?;
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    match text {
        [s, e, p, b'=', byte]
            if [*s, *e, *p].eq_ignore_ascii_case(b"sep") && byte.is_ascii() && !b"\"\0".contains(byte) =>
        {
            Some((Some(*byte), end))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::source::bytes::dripping_reader::DrippingReader;

    thread_local! {
        /// Bytes in which quotes were looked for.
        pub(super) static EXAMINED_BYTES: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn a_quote_never_closed_costs_few_passes_over_the_sample() {
        let text = format!("\"{}", "a,b;c\n".repeat(MAX_SAMPLE_BYTES / 6));
        EXAMINED_BYTES.set(0);
        let found = choose(&mut DrippingReader(text.as_bytes(), 1 << 13), Delimiter::Unset);
        assert!(found.is_ok_and(|found| found.delimiter == b','));
        // Each read of 8 KiB looks at what is there so far, for the header row and for the sample.
        let passes = EXAMINED_BYTES.get() / MAX_SAMPLE_BYTES;
        assert!((1..=2 * (MAX_SAMPLE_BYTES >> 13)).contains(&passes), "{passes}");
    }

    fn choose_delimiter(text: &str, delimiter: Delimiter) -> Result<(char, usize), String> {
        let once = |size| match choose(&mut DrippingReader(text.as_bytes(), size), delimiter) {
            Ok(found) => Ok((char::from(found.delimiter), found.skipped)),
            Err(DelimiterError::Unclear { why, advice }) => Err(format!("{why}; {advice}")),
            Err(DelimiterError::Io(error)) => Err(error.to_string()),
        };
        let found = once(usize::MAX);
        for size in 1..20 {
            assert_eq!(once(size), found, "{text:?} by {size}");
        }
        found
    }

    #[test]
    fn the_header_row_and_the_first_records_decide() {
        for (text, delimiter) in [
            ("id,name\n1,a\n", ','),
            ("id;name\n1;a\n", ';'),
            ("id\tname\n", '\t'),
            ("id|name|note\n1|a|b", '|'),
            ("id\n1\n2\n", ','),
            ("", ','),
            ("id;\"a,b\"\n1;\"x,y\"\n", ';'),
            ("\"id\";\"a\nb;c\";d\n", ';'),
            // The header row alone is a table with both.
            ("id;name, first;age\n1;Bo;7\n2;Li;8\n", ';'),
            ("id,price;EUR\n1,2\n", ','),
        ] {
            assert_eq!(choose_delimiter(text, Delimiter::Auto), Ok((delimiter, 0)), "{text:?}");
        }
    }

    #[test]
    fn a_text_that_two_delimiters_fit_is_an_error_that_names_both() {
        let text = "id;a,b\n1;x,y\n2;v,w\n";
        let why = choose_delimiter(text, Delimiter::Auto).expect_err("it is ambiguous");
        assert!(why.starts_with("\",\" and \";\" may separate the fields of this file"), "{why}");
        assert!(why.ends_with("write delimiter = \",\" or delimiter = \";\" below [source]"), "{why}");
        assert_eq!(choose_delimiter(text, Delimiter::Unset), Ok((',', 0)));
    }

    #[test]
    fn the_line_sep_names_the_delimiter_and_is_no_header() {
        for (text, delimiter, skipped) in [
            ("sep=;\r\nid,a;b\n", ';', 7),
            ("\"sep=,\"\nid,b\n", ',', 8),
            ("SEP=\t\nid\tb\n", '\t', 6),
            ("sep=|", '|', 5),
        ] {
            assert_eq!(choose_delimiter(text, Delimiter::Unset), Ok((delimiter, skipped)), "{text:?}");
        }
        assert_eq!(choose_delimiter("sep=;\nid\n", Delimiter::Byte(b';')), Ok((';', 6)));
        let why = choose_delimiter("sep=;\nid\n", Delimiter::Byte(b',')).expect_err("they differ");
        assert!(why.contains("\";\" separates the fields, and delimiter = \",\" is set"), "{why}");
        for text in ["sep=ab;c\n1;2\n", "separator;b\n", "sep;b\n"] {
            assert_eq!(choose_delimiter(text, Delimiter::Auto), Ok((';', 0)), "{text:?}");
        }
    }

    #[test]
    fn of_a_clear_header_row_no_record_is_read() {
        let mut reader = DrippingReader(b"id;name\n1;a\n", 8);
        let found = choose(&mut reader, Delimiter::Unset).expect("it is clear");
        assert_eq!((found.head.as_slice(), reader.0), (&b"id;name\n"[..], &b"1;a\n"[..]));
    }
}
