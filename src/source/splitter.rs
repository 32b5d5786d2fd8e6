//! Streaming splitter: finds the elements of one array in a JSON document.
//!
//! In scope: following a path of member names, the borders of each element, detecting a truncated
//! or unbalanced document. Out of scope: parsing an element. Each is parsed by itself
//! (`source::text`), so that a bad one does not affect the others.
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
    /// Reading failed.
    Io(io::Error),
    /// The document is truncated.
    CutOff(ElementPosition),
    /// The document is malformed at this position.
    Broken(ElementPosition, String),
    /// A member of the path occurs twice.
    RepeatedMember(ElementPosition, String),
}

type Walk<T> = Result<T, SplitError>;

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
    state: State,
    element: Vec<u8>,
    open: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Within,
    Done,
}

impl<R: Read> Splitter<R> {
    /// Creates a splitter of `reader` along `path`. An element of more than `limit` bytes is an
    /// error.
    pub(crate) fn new(reader: R, path: MemberPath, limit: usize) -> Self {
        let (chunk, element, open) = (vec![0; CHUNK], Vec::new(), Vec::new());
        let state = State::Start;
        Self { reader, chunk, at: 0, length: 0, before: 0, line: 1, line_start: 0, path, limit, state, element, open }
    }

    /// Returns the next element's bytes and its position; `None` at the end of the document. After
    /// an error there is no next element.
    pub(crate) fn next(&mut self) -> Walk<Option<(&[u8], ElementPosition)>> {
        let ended = match std::mem::replace(&mut self.state, State::Done) {
            State::Done => return Ok(None),
            State::Start => {
                self.descend()?;
                self.after_space()? == b']'
            }
            State::Within => match self.after_space()? {
                b']' => true,
                b',' => {
                    self.consume(false)?;
                    if self.after_space()? == b']' {
                        return Err(self.unexpected(b']', "an element after the comma"));
                    }
                    false
                }
                other => return Err(self.unexpected(other, "a comma or a closing bracket after the element")),
            },
        };
        if ended {
            self.consume(false)?;
            self.finish()?;
            return Ok(None);
        }
        let position = self.position();
        self.element.clear();
        self.value(true)?;
        self.state = State::Within;
        Ok(Some((&self.element, position)))
    }

    /// Returns the current position.
    pub(crate) fn position(&self) -> ElementPosition {
        let offset = self.before + self.at as u64;
        ElementPosition { line: self.line, column: offset - self.line_start + 1, offset }
    }

    /// Descends along the path and into the array at its end.
    fn descend(&mut self) -> Walk<()> {
        for depth in 0..self.path.members().len() {
            let found = self.after_space()?;
            if found != b'{' {
                return Err(self.elsewhere(depth, found, "an object"));
            }
            self.consume(false)?;
            self.seek(depth)?;
        }
        let found = self.after_space()?;
        if found != b'[' {
            return Err(self.elsewhere(self.path.members().len(), found, "an array"));
        }
        self.consume(false)
    }

    /// Within an object, moves to the value of the path's member at `depth`.
    fn seek(&mut self, depth: usize) -> Walk<()> {
        let mut first = true;
        loop {
            match self.after_space()? {
                b'}' => {
                    let why = format!(
                        "items is {}[], but the object at {} has no member {:?}",
                        self.path,
                        self.path.upto(depth),
                        self.path.members().get(depth).map_or("", String::as_str)
                    );
                    return Err(SplitError::Broken(self.position(), why));
                }
                b',' if !first => self.consume(false)?,
                _ if first => {}
                other => return Err(self.unexpected(other, "a comma or a closing brace")),
            }
            first = false;
            let name = self.member_name()?;
            if self.path.members().get(depth).is_some_and(|wanted| *wanted == name) {
                return Ok(());
            }
            self.after_space()?;
            self.value(false)?;
        }
    }

    /// Reads a member's name and its colon.
    fn member_name(&mut self) -> Walk<String> {
        let found = self.after_space()?;
        if found != b'"' {
            return Err(self.unexpected(found, "a member's name in quotes"));
        }
        self.element.clear();
        self.string(true)?;
        let name = serde_json::from_slice(&self.element).unwrap_or_default();
        match self.after_space()? {
            b':' => self.consume(false)?,
            other => return Err(self.unexpected(other, "a colon after the member's name")),
        }
        Ok(name)
    }

    /// Walks the rest of the document after the array.
    fn finish(&mut self) -> Walk<()> {
        for depth in (0..self.path.members().len()).rev() {
            loop {
                match self.after_space()? {
                    b'}' => break self.consume(false)?,
                    b',' => self.consume(false)?,
                    other => return Err(self.unexpected(other, "a comma or a closing brace")),
                }
                self.after_space()?;
                let position = self.position();
                let name = self.member_name()?;
                if self.path.members().get(depth).is_some_and(|wanted| *wanted == name) {
                    return Err(self.repeated_member(depth, &name, position));
                }
                self.after_space()?;
                self.value(false)?;
            }
        }
        match self.after_space() {
            Err(SplitError::CutOff(_)) => Ok(()),
            Ok(found) => Err(self.unexpected(found, "the end of the document")),
            Err(stop) => Err(stop),
        }
    }

    /// Walks one value, from its first byte to its last.
    fn value(&mut self, keep: bool) -> Walk<()> {
        match self.peek()? {
            Some(b'{' | b'[') => self.nested(keep),
            Some(b'"') => self.string(keep),
            Some(other @ (b',' | b':' | b']' | b'}')) => Err(self.unexpected(other, "a value")),
            _ => self.scalar(keep),
        }
    }

    /// Walks an object or an array by its brackets alone; its content is checked when it is parsed.
    fn nested(&mut self, keep: bool) -> Walk<()> {
        self.open.clear();
        loop {
            match self.peek()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b'"') => {
                    self.string(keep)?;
                    continue;
                }
                Some(b'{') => self.open.push(b'}'),
                Some(b'[') => self.open.push(b']'),
                Some(found @ (b'}' | b']')) => match self.open.pop() {
                    Some(wanted) if wanted == found => {}
                    wanted => {
                        let wanted = char::from(wanted.unwrap_or(b' '));
                        return Err(self.unexpected(found, &format!("`{wanted}`, which would close what is open")));
                    }
                },
                Some(_) => {}
            }
            self.consume(keep)?;
            if self.open.is_empty() {
                return Ok(());
            }
            if self.open.len() > MAX_DEPTH {
                return Err(SplitError::Broken(self.position(), "more than 100,000 brackets are open".into()));
            }
        }
    }

    fn string(&mut self, keep: bool) -> Walk<()> {
        self.consume(keep)?;
        loop {
            match self.peek()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b'"') => return self.consume(keep),
                Some(b'\\') => {
                    self.consume(keep)?;
                    if self.peek()?.is_none() {
                        return Err(SplitError::CutOff(self.position()));
                    }
                    self.consume(keep)?;
                }
                Some(_) => self.consume(keep)?,
            }
        }
    }

    /// Walks a number or a literal.
    fn scalar(&mut self, keep: bool) -> Walk<()> {
        loop {
            match self.peek()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') => return Ok(()),
                Some(_) => self.consume(keep)?,
            }
        }
    }

    /// Returns the next byte that is not white space.
    fn after_space(&mut self) -> Walk<u8> {
        loop {
            match self.peek()? {
                None => return Err(SplitError::CutOff(self.position())),
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.consume(false)?,
                Some(byte) => return Ok(byte),
            }
        }
    }

    #[inline]
    fn peek(&mut self) -> Walk<Option<u8>> {
        if self.at == self.length {
            self.before += self.length as u64;
            self.at = 0;
            self.length = self.reader.read(&mut self.chunk).map_err(SplitError::Io)?;
        }
        Ok(self.chunk.get(..self.length).and_then(|chunk| chunk.get(self.at)).copied())
    }

    /// Consumes the peeked byte.
    #[inline]
    fn consume(&mut self, keep: bool) -> Walk<()> {
        let byte = self.chunk.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.before + self.at as u64;
        }
        if keep {
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
    fn repeated_member(&self, depth: usize, name: &str, position: ElementPosition) -> SplitError {
        let why = format!(
            "items is {}[], and the object at {} has the member {name:?} twice: records of the first one were read, those of this one \
             are not; make it one, or read the last one with items = \"{}[] | .\"",
            self.path,
            self.path.upto(depth),
            self.path
        );
        SplitError::RepeatedMember(position, why)
    }

    fn unexpected(&self, found: u8, wanted: &str) -> SplitError {
        let found =
            if found.is_ascii_graphic() { format!("`{}`", char::from(found)) } else { format!("byte {found:#04x}") };
        SplitError::Broken(self.position(), format!("found {found}, where the document needs {wanted}"))
    }

    fn elsewhere(&self, depth: usize, found: u8, wanted: &str) -> SplitError {
        let found = match found {
            b'{' => "an object",
            b'[' => "an array",
            b'"' => "a text",
            b't' | b'f' => "a boolean",
            b'n' => "null",
            b'-' | b'0'..=b'9' => "a number",
            _ => "no JSON",
        };
        let why =
            format!("items is {}[], which needs {wanted} at {}, but found {found}", self.path, self.path.upto(depth));
        SplitError::Broken(self.position(), why)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// A reader that returns one byte at a time, so that every border falls between two reads.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            self.0 = rest;
            buffer[0] = *first;
            Ok(1)
        }
    }

    fn split(text: &[u8], path: &str) -> (Vec<String>, Option<SplitError>) {
        let path =
            MemberPath::parse(path.trim_end_matches("[]")).or_else(|| MemberPath::parse(".")).expect("a plain path");
        let mut splitter = Splitter::new(Drip(text), path, 1_000);
        let mut elements = Vec::new();
        loop {
            match splitter.next() {
                Ok(Some((element, _))) => elements.push(String::from_utf8_lossy(element).into_owned()),
                Ok(None) => return (elements, None),
                Err(stop) => return (elements, Some(stop)),
            }
        }
    }

    fn broken(text: &str, path: &str) -> String {
        match split(text.as_bytes(), path).1 {
            Some(SplitError::Broken(position, why) | SplitError::RepeatedMember(position, why)) => {
                format!("{}:{} {why}", position.line, position.column)
            }
            Some(SplitError::CutOff(position)) => format!("{}:{} cut off", position.line, position.column),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn elements_are_found_by_their_brackets_and_texts() {
        let text = br#" {"x": {"features": [9]}, "f\u0065atures" : [ {"a": "]}\\\""} , [1,[2]],"t", NaN ,-1.5e3, null ], "y": [{}] } "#;
        let (elements, stop) = split(text, ".features[]");
        assert!(stop.is_none(), "{stop:?}");
        assert_eq!(elements, [r#"{"a": "]}\\\""}"#, "[1,[2]]", "\"t\"", "NaN", "-1.5e3", "null"]);
        assert_eq!(split(b"[]", ".[]").0.len(), 0);
        assert!(split(b"{\"a\": {\"b\": [] } }", ".a.b[]").1.is_none());
    }

    #[test]
    fn a_document_cut_off_anywhere_is_noticed_after_its_elements() {
        let text = br#"{"a": [{"n": 1}, {"n": 2}], "b": {"c": [1]}}"#;
        for end in 0..text.len() {
            let (elements, stop) = split(&text[..end], ".a[]");
            assert!(
                matches!(stop, Some(SplitError::CutOff(position)) if position.offset == end as u64),
                "{end}: {stop:?}"
            );
            let whole = [15, 25].iter().filter(|border| **border <= end).count();
            assert_eq!(elements.len(), whole, "{end}");
        }
    }

    #[test]
    fn what_can_not_be_resynchronised_breaks_the_walk_at_its_place() {
        for (text, path, message) in [
            ("[1 2]", ".[]", "1:4 found `2`, where the document needs a comma or a closing bracket after the element"),
            (
                "[{}\n{}]",
                ".[]",
                "2:1 found `{`, where the document needs a comma or a closing bracket after the element",
            ),
            ("[1,]", ".[]", "1:4 found `]`, where the document needs an element after the comma"),
            ("[,1]", ".[]", "1:2 found `,`, where the document needs a value"),
            ("[{\"a\":[1}]", ".[]", "1:9 found `}`, where the document needs `]`, which would close what is open"),
            ("[1] x", ".[]", "1:5 found `x`, where the document needs the end of the document"),
            ("{\"a\":1}", ".[]", "1:1 items is .[], which needs an array at ., but found an object"),
            ("{\"a\":{}}", ".a[]", "1:6 items is .a[], which needs an array at .a, but found an object"),
            ("[]", ".a[]", "1:1 items is .a[], which needs an object at ., but found an array"),
            ("{\"b\":{}}", ".b.c[]", "1:7 items is .b.c[], but the object at .b has no member \"c\""),
            ("{\"b\":1}", ".a[]", "1:7 items is .a[], but the object at . has no member \"a\""),
            ("", ".a[]", "1:1 cut off"),
        ] {
            assert_eq!(broken(text, path), message, "{text}");
        }
        assert!(broken(&format!("[\"{}\"]", "x".repeat(2_000)), ".[]").contains("longer than 1000 bytes"));
    }

    #[test]
    fn a_repeated_member_of_the_path_is_an_error() {
        for (text, path, at) in [
            (
                r#"{"data":[1],"data":[2]}"#,
                ".data[]",
                "1:13 items is .data[], and the object at . has the member \"data\" twice",
            ),
            (
                r#"{"data":[1],"d\u0061ta":null}"#,
                ".data[]",
                "1:13 items is .data[], and the object at . has the member",
            ),
            (
                r#"{"a":{"b":[1],"c":0,"b":[2]}}"#,
                ".a.b[]",
                "1:21 items is .a.b[], and the object at .a has the member \"b\"",
            ),
            (
                r#"{"a":{"b":[1]},"a":{"b":[2]}}"#,
                ".a.b[]",
                "1:16 items is .a.b[], and the object at . has the member \"a\"",
            ),
        ] {
            let message = broken(text, path);
            assert!(message.starts_with(at), "{message}");
            assert_eq!(split(text.as_bytes(), path).0, ["1"]);
        }
        assert!(split(br#"{"a":{"b":[1]},"b":[2],"c":{"a":1}}"#, ".a.b[]").1.is_none());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(json!(null)), any::<i32>().prop_map(Value::from), "(?s).{0,9}".prop_map(Value::from)];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(".{0,3}", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_elements_of_any_array_come_out_whole(items in prop::collection::vec(any_json(), 0..6), pretty in any::<bool>(), tail in any_json()) {
            let document = json!({"head": tail.clone(), "in": {"items": items}, "tail": tail});
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let (elements, stop) = split(text.expect("json").as_bytes(), ".in.items[]");
            prop_assert!(stop.is_none(), "{:?}", stop);
            let read: Vec<Value> = elements.iter().map(|e| serde_json::from_str(e).expect("json")).collect();
            prop_assert_eq!(Value::from(read), document["in"]["items"].clone());
        }

        #[test]
        fn no_bytes_make_the_walk_panic_or_hang(text in prop::collection::vec(prop::sample::select(b"[]{}\",:\\ 1a\n".as_slice()), 0..60)) {
            split(&text, ".[]");
            split(&text, ".a[]");
        }
    }
}
