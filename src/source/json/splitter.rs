//! Streaming splitter: finds the elements of one array in a JSON document.
//!
//! In scope: following a path of member names, the borders of each element, detecting a truncated
//! or unbalanced document. Out of scope: parsing an element. Each is parsed by itself
//! (`source::json::record_text`), so that a bad one does not affect the others.
//!
//! The splitter walks the document byte by byte with a stack of open brackets. It holds only the
//! current element in memory. After the end of the array it walks the rest too, so that a document
//! without its last brace is reported as truncated.

use std::io::{self, Read};

use crate::ledger::values::json_path::MemberPath;

/// Bytes per read.
const CHUNK: usize = 1 << 16;
/// Maximum number of open brackets.
const MAX_DEPTH: usize = 100_000;

/// A position in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ElementPosition {
    /// Line, from 1.
    pub(crate) line: u64,
    /// Column in bytes, from 1.
    pub(crate) column: u64,
    /// Number of bytes before it.
    pub(crate) offset: u64,
}

/// Why the walk can't continue.
#[derive(Debug)]
pub(crate) enum SplitError {
    /// The reader failed, so that the rest is out of reach.
    Io(io::Error),
    /// The document is truncated.
    CutOff(ElementPosition),
    /// The document is malformed at this position.
    Broken(ElementPosition, String),
    /// The path to the records does not lead to a list there.
    NotAnArray(ElementPosition, String),
    /// A member of the path occurs twice.
    RepeatedMember(ElementPosition, String),
}

type SplitResult<T> = Result<T, SplitError>;

/// Walks a document along a path.
pub(crate) struct Splitter<R> {
    reader: R,
    chunk: Vec<u8>,
    at: usize,
    length: usize,
    /// Number of bytes before the chunk.
    before: u64,
    line: u64,
    line_start: u64,
    path: MemberPath,
    limit: usize,
    state: SplitterState,
    element: Vec<u8>,
    open: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SplitterState {
    Start,
    Within,
    Done,
}

impl<R: Read> Splitter<R> {
    /// Creates a splitter of `reader` along `path`. An element of more than `limit` bytes is an
    /// error.
    pub(crate) fn new(reader: R, path: MemberPath, limit: usize) -> Self {
        let (chunk, element, open) = (vec![0; CHUNK], Vec::new(), Vec::new());
        let state = SplitterState::Start;
        Self { reader, chunk, at: 0, length: 0, before: 0, line: 1, line_start: 0, path, limit, state, element, open }
    }

    /// Returns the next element's bytes and its position; `None` at the end of the document. After
    /// an error there is no next element.
    pub(crate) fn next(&mut self) -> SplitResult<Option<(&[u8], ElementPosition)>> {
        let ended = match std::mem::replace(&mut self.state, SplitterState::Done) {
            SplitterState::Done => return Ok(None),
            SplitterState::Start => {
                self.enter_path()?;
                self.skip_space()? == b']'
            }
            SplitterState::Within => match self.skip_space()? {
                b']' => true,
                b',' => {
                    self.consume_byte(false)?;
                    if self.skip_space()? == b']' {
                        return Err(self.report_unexpected_byte(b']', "an element after the comma"));
                    }
                    false
                }
                other => {
                    return Err(self.report_unexpected_byte(other, "a comma or a closing bracket after the element"));
                }
            },
        };
        if ended {
            self.consume_byte(false)?;
            self.walk_rest()?;
            return Ok(None);
        }
        let position = self.position();
        self.element.clear();
        self.walk_value(true)?;
        self.state = SplitterState::Within;
        Ok(Some((&self.element, position)))
    }

    /// Returns the current position.
    pub(crate) fn position(&self) -> ElementPosition {
        let offset = self.before + self.at as u64;
        ElementPosition { line: self.line, column: offset - self.line_start + 1, offset }
    }

    /// Descends along the path and into the array at its end.
    fn enter_path(&mut self) -> SplitResult<()> {
        for depth in 0..self.path.members().len() {
            let found = self.skip_space()?;
            if found != b'{' {
                return Err(self.report_wrong_path(depth, found, "an object"));
            }
            self.consume_byte(false)?;
            self.seek_member(depth)?;
        }
        let found = self.skip_space()?;
        if found != b'[' {
            return Err(self.report_wrong_path(self.path.members().len(), found, "an array"));
        }
        self.consume_byte(false)
    }

    /// Within an object, moves to the value of the path's member at `depth`.
    fn seek_member(&mut self, depth: usize) -> SplitResult<()> {
        let mut first = true;
        loop {
            match self.skip_space()? {
                b'}' => {
                    let why = format!(
                        "items is {}[], but the object at {} has no member {:?}",
                        self.path,
                        self.path.take_first(depth),
                        self.path.members().get(depth).map_or("", String::as_str)
                    );
                    return Err(SplitError::NotAnArray(self.position(), why));
                }
                b',' if !first => self.consume_byte(false)?,
                _ if first => {}
                other => return Err(self.report_unexpected_byte(other, "a comma or a closing brace")),
            }
            first = false;
            let name = self.read_member_name()?;
            if self.path.members().get(depth).is_some_and(|wanted| *wanted == name) {
                return Ok(());
            }
            self.skip_space()?;
            self.walk_value(false)?;
        }
    }

    /// Reads a member's name and its colon.
    fn read_member_name(&mut self) -> SplitResult<String> {
        let found = self.skip_space()?;
        if found != b'"' {
            return Err(self.report_unexpected_byte(found, "a member's name in quotes"));
        }
        self.element.clear();
        self.walk_string(true)?;
        let name = serde_json::from_slice(&self.element).unwrap_or_default();
        match self.skip_space()? {
            b':' => self.consume_byte(false)?,
            other => return Err(self.report_unexpected_byte(other, "a colon after the member's name")),
        }
        Ok(name)
    }

    /// Walks the rest of the document after the array.
    fn walk_rest(&mut self) -> SplitResult<()> {
        for depth in (0..self.path.members().len()).rev() {
            loop {
                match self.skip_space()? {
                    b'}' => break self.consume_byte(false)?,
                    b',' => self.consume_byte(false)?,
                    other => return Err(self.report_unexpected_byte(other, "a comma or a closing brace")),
                }
                self.skip_space()?;
                let position = self.position();
                let name = self.read_member_name()?;
                if self.path.members().get(depth).is_some_and(|wanted| *wanted == name) {
                    return Err(self.report_repeated_member(depth, &name, position));
                }
                self.skip_space()?;
                self.walk_value(false)?;
            }
        }
        match self.skip_space() {
            Err(SplitError::CutOff(_)) => Ok(()),
            Ok(found) => Err(self.report_unexpected_byte(found, "the end of the document")),
            Err(stop) => Err(stop),
        }
    }

    /// Walks one value, from its first byte to its last.
    fn walk_value(&mut self, must_keep: bool) -> SplitResult<()> {
        match self.peek_byte()? {
            Some(b'{' | b'[') => self.walk_nested(must_keep),
            Some(b'"') => self.walk_string(must_keep),
            Some(other @ (b',' | b':' | b']' | b'}')) => Err(self.report_unexpected_byte(other, "a value")),
            _ => self.walk_scalar(must_keep),
        }
    }

    /// Walks an object or an array by its brackets alone; its content is checked when it is parsed.
    fn walk_nested(&mut self, must_keep: bool) -> SplitResult<()> {
        self.open.clear();
        loop {
            match self.peek_byte()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b'"') => {
                    self.walk_string(must_keep)?;
                    continue;
                }
                Some(b'{') => self.open.push(b'}'),
                Some(b'[') => self.open.push(b']'),
                Some(found @ (b'}' | b']')) => match self.open.pop() {
                    Some(wanted) if wanted == found => {}
                    wanted => {
                        let wanted = char::from(wanted.unwrap_or(b' '));
                        return Err(
                            self.report_unexpected_byte(found, &format!("`{wanted}`, which would close what is open"))
                        );
                    }
                },
                Some(_) => {}
            }
            self.consume_byte(must_keep)?;
            if self.open.is_empty() {
                return Ok(());
            }
            if self.open.len() > MAX_DEPTH {
                return Err(SplitError::Broken(self.position(), "more than 100,000 brackets are open".into()));
            }
        }
    }

    fn walk_string(&mut self, must_keep: bool) -> SplitResult<()> {
        self.consume_byte(must_keep)?;
        loop {
            match self.peek_byte()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b'"') => return self.consume_byte(must_keep),
                Some(b'\\') => {
                    self.consume_byte(must_keep)?;
                    if self.peek_byte()?.is_none() {
                        return Err(SplitError::CutOff(self.position()));
                    }
                    self.consume_byte(must_keep)?;
                }
                Some(_) => self.consume_byte(must_keep)?,
            }
        }
    }

    /// Walks a number or a literal.
    fn walk_scalar(&mut self, must_keep: bool) -> SplitResult<()> {
        loop {
            match self.peek_byte()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') => return Ok(()),
                Some(_) => self.consume_byte(must_keep)?,
            }
        }
    }

    /// Returns the next byte that is not white space.
    fn skip_space(&mut self) -> SplitResult<u8> {
        loop {
            match self.peek_byte()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.consume_byte(false)?,
                Some(byte) => return Ok(byte),
            }
        }
    }

    #[inline]
    fn peek_byte(&mut self) -> SplitResult<Option<u8>> {
        if self.at == self.length {
            self.before += self.length as u64;
            self.at = 0;
            self.length = self.reader.read(&mut self.chunk).map_err(SplitError::Io)?;
        }
        Ok(self.chunk.get(..self.length).and_then(|chunk| chunk.get(self.at)).copied())
    }

    /// Consumes the peeked byte.
    #[inline]
    fn consume_byte(&mut self, must_keep: bool) -> SplitResult<()> {
        let byte = self.chunk.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.before + self.at as u64;
        }
        if must_keep {
            self.element.push(byte);
            if self.element.len() > self.limit {
                let why = format!("the record is longer than {} bytes, the most that one may have", self.limit);
                return Err(SplitError::Broken(self.position(), why));
            }
        }
        Ok(())
    }

    /// Returns the error of a repeated member. A parser of the whole document would take the last
    /// one, but the elements of the first were already returned.
    fn report_repeated_member(&self, depth: usize, name: &str, position: ElementPosition) -> SplitError {
        let why = format!(
            "items is {}[], and the object at {} has the member {name:?} twice; records of the first one were read, those of this one \
             are not; make it one, or read the last one with items = \"{}[] | .\"",
            self.path,
            self.path.take_first(depth),
            self.path
        );
        SplitError::RepeatedMember(position, why)
    }

    fn report_unexpected_byte(&self, found: u8, wanted: &str) -> SplitError {
        let found =
            if found.is_ascii_graphic() { format!("`{}`", char::from(found)) } else { format!("byte {found:#04x}") };
        SplitError::Broken(self.position(), format!("found {found}, where the document needs {wanted}"))
    }

    fn report_wrong_path(&self, depth: usize, found: u8, wanted: &str) -> SplitError {
        let found = match found {
            b'{' => "an object",
            b'[' => "an array",
            b'"' => "a text",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            b'-' | b'0'..=b'9' => "a number",
            _ => "text that is not JSON",
        };
        let why = format!(
            "items is {}[], which needs {wanted} at {}, but found {found}",
            self.path,
            self.path.take_first(depth)
        );
        SplitError::NotAnArray(self.position(), why)
    }
}

#[cfg(test)]
mod tests;
