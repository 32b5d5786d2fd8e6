//! Strict CSV row scanner: finds rows and fields in bytes, and checks their quotes by RFC 4180.
//!
//! In scope: quotes, line ends, line numbers, and where the next row begins after damaged quotes.
//! Out of scope: field names and records (`source::csv`), the shape of a single line
//! (`source::csv::damage`).
//!
//! The csv crate accepts any bytes as CSV. It joins text after a closing quote to the field, and a
//! stray quote makes one field of all rows up to the next quote. It does not report where it was
//! lenient. Well-formed input is read here as that crate reads it; the tests of `source::csv`
//! compare the two.

use std::io::{self, Read};

use memchr::{memchr, memchr2, memchr2_iter, memchr3};

use crate::source::csv::damage::{Damage, LineShape, QuoteError, are_rows, is_odd};

/// Bytes per read.
const CHUNK: usize = 1 << 16;
/// Bytes after a damaged row that are searched for its end.
const MAX_SEARCH_BYTES: usize = 1 << 20;

/// Reads rows one after another. The longest row bounds the memory.
pub(crate) struct RowReader<R> {
    reader: R,
    delimiter: u8,
    limit: usize,
    buffer: Vec<u8>,
    /// Where the next row begins in the buffer, its line, and the input bytes before the buffer.
    at: usize,
    line: u64,
    consumed: u64,
    /// Whether the byte before `at` is a carriage return, so that a line feed there belongs to it.
    is_after_return: bool,
    is_ended: bool,
    /// Whether the current row is longer than `limit`.
    is_too_long: bool,
    spans: Vec<FieldSpan>,
    /// Number of fields of a row, once the header row is read.
    expected: Option<usize>,
}

/// One field in the buffer, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FieldSpan {
    start: usize,
    end: usize,
    is_quoted: bool,
    /// Whether it contains doubled quotes.
    is_doubled: bool,
}

/// A row as it was read from the input.
pub(crate) struct CsvRow<'a> {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Its bytes, without its line end.
    pub(crate) bytes: &'a [u8],
    /// Whether a line end follows it.
    pub(crate) is_ended: bool,
    /// What is wrong with its quotes; such a row has no fields.
    pub(crate) damage: Option<Damage>,
    buffer: &'a [u8],
    spans: &'a [FieldSpan],
}

impl CsvRow<'_> {
    /// Returns the number of fields.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns whether every field is empty.
    pub(crate) fn is_blank(&self) -> bool {
        self.damage.is_none() && self.spans.iter().all(|span| span.start == span.end)
    }

    /// Returns the bytes of each field, without the quotes around it. The flag shows that quotes
    /// inside are still doubled.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.spans.iter().map(|span| (self.buffer.get(span.start..span.end).unwrap_or_default(), span.is_doubled))
    }
}

/// Why no further row can be read. The position is that of the reader.
#[derive(Debug)]
pub(crate) enum RowScanError {
    /// The input can't be read.
    Io(io::Error),
    /// A row is longer than the limit.
    TooLong,
    /// A quote is open at the end of the input, and the text after it does not look like rows.
    CutOff,
}

impl From<io::Error> for RowScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How the scan of one row ended.
enum RowScanEnd {
    /// At a line end or the end of the input.
    At(usize),
    /// In a field with damaged quotes, which begins at `from`.
    Damaged { from: usize, fault: QuoteError },
}

/// How a quoted field ends.
enum QuoteEnd {
    Closed { quote: usize, is_doubled: bool },
    Text { quote: usize },
    Never,
}

impl<R: Read> RowReader<R> {
    /// Creates a reader. A row of more than `limit` bytes is an error.
    pub(crate) fn new(reader: R, delimiter: u8, limit: usize) -> Self {
        Self {
            reader,
            delimiter,
            limit,
            buffer: Vec::new(),
            at: 0,
            line: 1,
            consumed: 0,
            is_after_return: false,
            is_ended: false,
            is_too_long: false,
            spans: Vec::new(),
            expected: None,
        }
    }

    /// Sets the line and the byte at which the reader's bytes begin in the input.
    pub(crate) fn with_start(self, line: u64, byte: u64) -> Self {
        Self { line, consumed: byte, ..self }
    }

    /// Sets the number of fields of the following rows.
    pub(crate) fn expect_fields(&mut self, fields: usize) {
        self.expected = Some(fields);
    }

    /// Returns the line on which the next row begins, and the bytes before it.
    pub(crate) fn position(&self) -> (u64, u64) {
        (self.line, self.consumed + self.at as u64)
    }

    /// Returns the number of input bytes that were read.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.consumed + self.buffer.len() as u64
    }

    /// Returns the next row and skips blank lines. After an error there is no next row.
    pub(crate) fn next(&mut self) -> Result<Option<CsvRow<'_>>, RowScanError> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        self.is_too_long = false;
        let (start, line) = (self.at, self.line);
        let (end, damage) = match self.scan_row()? {
            RowScanEnd::At(_) if self.is_too_long => return Err(RowScanError::TooLong),
            RowScanEnd::At(end) => match self.find_swallowing_field() {
                Some(from) => self.choose_row_or_line(from, end)?,
                None => (end, None),
            },
            RowScanEnd::Damaged { from, fault } => {
                // The stray quote may belong to an earlier field that spans several lines.
                let first = self.find_field_over_lines().unwrap_or(from);
                let end = self.find_damaged_end(first, fault)?;
                let (from, fault) = if end < from { (first, QuoteError::ClosedBelow) } else { (from, fault) };
                (end, Some(self.make_damage(from, fault)))
            }
        };
        let has_quotes = damage.is_some() || self.spans.iter().any(|span| span.is_quoted);
        let lines = if has_quotes { self.count_line_ends(start, end) } else { 0 };
        let ended = self.buffer.get(end).copied();
        self.line += lines + u64::from(ended.is_some());
        self.is_after_return = ended == Some(b'\r');
        self.at = end + usize::from(ended.is_some());
        if damage.is_some() {
            self.spans.clear();
        }
        let bytes = self.buffer.get(start..end).unwrap_or_default();
        Ok(Some(CsvRow { line, bytes, is_ended: ended.is_some(), damage, buffer: &self.buffer, spans: &self.spans }))
    }

    /// Moves to the next row. Returns false at the end of the input.
    fn skip_blank_lines(&mut self) -> io::Result<bool> {
        // The buffer is compacted only once half of it is consumed: the search for the end of a row
        // may have read far ahead.
        if self.at * 2 > self.buffer.len() {
            self.buffer.drain(..self.at);
            self.consumed += self.at as u64;
            self.at = 0;
        }
        loop {
            match self.read_byte(self.at)? {
                Some(b'\n') => self.line += u64::from(!self.is_after_return),
                Some(b'\r') => self.line += 1,
                Some(_) => return Ok(true),
                None => return Ok(false),
            }
            self.is_after_return = self.buffer.get(self.at) == Some(&b'\r');
            self.at += 1;
        }
    }

    /// Finds the fields of the row at `at`.
    fn scan_row(&mut self) -> io::Result<RowScanEnd> {
        self.spans.clear();
        let mut from = self.at;
        loop {
            let end = if self.read_byte(from)? == Some(b'"') {
                match self.find_closing_quote(from)? {
                    QuoteEnd::Closed { quote, is_doubled } => {
                        self.spans.push(FieldSpan { start: from + 1, end: quote, is_quoted: true, is_doubled });
                        quote + 1
                    }
                    QuoteEnd::Text { quote } => {
                        let is_escaped = self.buffer.get(quote.wrapping_sub(1)) == Some(&b'\\');
                        return Ok(RowScanEnd::Damaged { from, fault: QuoteError::TextAfterQuote { is_escaped } });
                    }
                    QuoteEnd::Never => return Ok(RowScanEnd::Damaged { from, fault: QuoteError::NeverClosed }),
                }
            } else {
                let delimiter = self.delimiter;
                let end = self.find(from, |bytes| memchr3(delimiter, b'\n', b'\r', bytes))?;
                let end = end.unwrap_or(self.buffer.len());
                if self.has_blanks_before_a_quote(from, end) {
                    return Ok(RowScanEnd::Damaged { from, fault: QuoteError::BlanksBeforeQuote });
                }
                self.spans.push(FieldSpan { start: from, end, is_quoted: false, is_doubled: false });
                end
            };
            if self.buffer.get(end) != Some(&self.delimiter) {
                return Ok(RowScanEnd::At(end));
            }
            from = end + 1;
        }
    }

    /// Finds the quote that closes the field opened at `open`.
    fn find_closing_quote(&mut self, open: usize) -> io::Result<QuoteEnd> {
        let (mut from, mut is_doubled) = (open + 1, false);
        loop {
            let Some(quote) = self.find(from, |bytes| memchr(b'"', bytes))? else { return Ok(QuoteEnd::Never) };
            match self.read_byte(quote + 1)? {
                Some(b'"') => (from, is_doubled) = (quote + 2, true),
                None if self.is_too_long => return Ok(QuoteEnd::Never),
                None | Some(b'\n' | b'\r') => return Ok(QuoteEnd::Closed { quote, is_doubled }),
                Some(byte) if byte == self.delimiter => return Ok(QuoteEnd::Closed { quote, is_doubled }),
                Some(_) => return Ok(QuoteEnd::Text { quote }),
            }
        }
    }

    fn has_blanks_before_a_quote(&self, from: usize, end: usize) -> bool {
        let field = self.buffer.get(from..end).unwrap_or_default();
        // Most fields begin with neither a blank nor a tab and need no further check.
        matches!(field.first(), Some(b' ' | b'\t')) && field.trim_ascii_start().first() == Some(&b'"')
    }

    /// Returns the first field that spans a line end, if the row has an unexpected number of fields
    /// or a quote in an unquoted field. The field's own quote may then be a stray one, and its
    /// lines rows of their own.
    fn find_swallowing_field(&self) -> Option<usize> {
        let from = self.find_field_over_lines()?;
        let fits = self.expected.is_none_or(|expected| expected == self.spans.len());
        (!fits || self.has_stray_quote()).then_some(from)
    }

    /// Returns whether an unquoted field contains a quote.
    fn has_stray_quote(&self) -> bool {
        let holds_quote =
            |span: &FieldSpan| memchr(b'"', self.buffer.get(span.start..span.end).unwrap_or_default()).is_some();
        self.spans.iter().any(|span| !span.is_quoted && holds_quote(span))
    }

    /// Returns where the first field begins that spans a line end.
    fn find_field_over_lines(&self) -> Option<usize> {
        let runs_over = |span: &&FieldSpan| span.is_quoted && self.count_line_ends(span.start, span.end) > 0;
        self.spans.iter().find(runs_over).map(|span| span.start - 1)
    }

    /// Decides whether the row that ends at `end` is one row, or ends with the line on which its
    /// field at `from` begins.
    fn choose_row_or_line(&mut self, from: usize, end: usize) -> Result<(usize, Option<Damage>), RowScanError> {
        let spans = std::mem::take(&mut self.spans);
        let first = self.find_line_end(from)?;
        let found = self.find_damaged_end(from, QuoteError::ClosedBelow)?;
        self.spans = spans;
        if found != first {
            return Ok((end, None));
        }
        Ok((found, Some(self.make_damage(from, QuoteError::ClosedBelow))))
    }

    /// Finds the end of a row whose field at `from` has damaged quotes.
    ///
    /// The quotes do not show the end, so the lines decide. The row ends with its line. The
    /// exception is an open quote there, if the text up to the line that closes it does not look
    /// like rows.
    fn find_damaged_end(&mut self, from: usize, fault: QuoteError) -> Result<usize, RowScanError> {
        let first = self.find_line_end(from)?;
        if first == self.buffer.len() {
            return match fault {
                _ if self.is_too_long => Err(RowScanError::TooLong),
                QuoteError::NeverClosed => Err(RowScanError::CutOff),
                _ => Ok(first),
            };
        }
        if !is_odd(self.buffer.get(self.at..first).unwrap_or_default()) {
            return Ok(first);
        }
        let expected = self.expected.unwrap_or(1);
        let (mut looks_right, mut lines) = (0, 0);
        let mut next = first + 1;
        while next - first < MAX_SEARCH_BYTES && self.read_byte(next)?.is_some() {
            let end = self.find_line_end(next)?;
            let line = self.buffer.get(next..end).unwrap_or_default();
            if !line.is_empty() {
                let shape = LineShape::from_line(line, self.delimiter);
                lines += 1;
                looks_right += usize::from(shape.looks_like_a_row(expected));
                if shape.is_odd {
                    return Ok(if are_rows(looks_right, lines, expected) { first } else { end });
                }
            }
            next = end + 1;
        }
        let is_at_the_end = self.is_ended && next >= self.buffer.len();
        if fault == QuoteError::NeverClosed && is_at_the_end && !are_rows(looks_right, lines, expected) {
            return Err(RowScanError::CutOff);
        }
        Ok(first)
    }

    fn make_damage(&self, from: usize, error: QuoteError) -> Damage {
        let field = self.spans.iter().take_while(|span| span.end < from).count();
        Damage { error, field, line: self.line + self.count_line_ends(self.at, from) }
    }

    /// Returns the end of the line that contains `from`, or the end of the input.
    fn find_line_end(&mut self, from: usize) -> io::Result<usize> {
        let found = self.find(from, |bytes| memchr2(b'\n', b'\r', bytes))?;
        Ok(found.unwrap_or(self.buffer.len()))
    }

    /// Counts the line ends in a range; a carriage return with a line feed counts as one.
    fn count_line_ends(&self, from: usize, to: usize) -> u64 {
        let bytes = self.buffer.get(from..to).unwrap_or_default();
        let ends = memchr2_iter(b'\n', b'\r', bytes);
        ends.filter(|&at| bytes.get(at) == Some(&b'\n') || self.buffer.get(from + at + 1) != Some(&b'\n')).count()
            as u64
    }

    /// Returns where `search` matches from `from` on; `None` if it does not match before the end of
    /// the input.
    fn find(&mut self, mut from: usize, search: impl Fn(&[u8]) -> Option<usize>) -> io::Result<Option<usize>> {
        loop {
            if let Some(at) = self.buffer.get(from..).and_then(&search) {
                return Ok(Some(from + at));
            }
            from = from.max(self.buffer.len());
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn read_byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.buffer.get(at) {
                return Ok(Some(*byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads more bytes. Returns false at the end of the input, or if the current row is too long.
    fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.len() - self.at > self.limit {
            self.is_too_long = true;
        }
        if self.is_ended || self.is_too_long {
            return Ok(false);
        }
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK, 0);
        let read = self.reader.read(self.buffer.get_mut(filled..).unwrap_or_default());
        self.buffer.truncate(filled + read.as_ref().copied().unwrap_or(0));
        self.is_ended = read? == 0;
        Ok(!self.is_ended)
    }
}
