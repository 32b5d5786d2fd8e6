//! The first bytes of an input: counted, unpacked, decoded, and checked for another format.
//!
//! In scope: reading them without waiting for more bytes than necessary; gzip; byte order marks.
//! Out of scope: recognising formats (`source::bytes::magic`), decoding
//! (`source::bytes::encoding`).

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use crate::source::bytes::content_guess::{ContentGuess, ContentKind};
use crate::source::bytes::encoding::{
    DecidingReader, DecodingReader, InputFacts, TextEncoding, Utf8Census, describe_guess,
};
use crate::source::bytes::magic::{HEAD_BYTES, recognize_bytes};
use crate::source::bytes::positioned_reader::PositionedReader;
use crate::source::bytes::unexpected_text::recognize_text;

/// Maximum number of bytes that are unpacked from one file.
pub(crate) const MAX_UNPACKED_BYTES: u64 = 64 << 30;

const GZIP: &[u8] = b"\x1f\x8b";

type ByteReader = Box<dyn Read + Send>;

/// Counts the bytes that are read.
pub(crate) struct CountingReader {
    pub(crate) inner: Box<dyn Read + Send>,
    pub(crate) read: Arc<AtomicU64>,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Ok(n) => {
                    self.read.fetch_add(n as u64, Ordering::Relaxed);
                    return Ok(n);
                }
                other => return other,
            }
        }
    }
}

/// What is known of an input before its first byte.
pub(crate) struct TextSetup {
    /// The name used in positions.
    pub(crate) name: String,
    pub(crate) kind: ContentKind,
    pub(crate) encoding: TextEncoding,
    /// The file, if all of it can be read beforehand.
    pub(crate) file: Option<Arc<File>>,
    /// What is found out; a second reading uses it.
    pub(crate) facts: Arc<InputFacts>,
}

/// Reads an input as UTF-8 text: unpacks it, strips its byte order mark, and decodes it. Fails if
/// the bytes are of another format.
pub(crate) struct TextReader {
    raw: Option<ByteReader>,
    setup: TextSetup,
    text: ByteReader,
}

/// The error that the input is of another format than configured.
#[derive(Debug, thiserror::Error)]
#[error("the input is {}", .0.what)]
pub(crate) struct ForeignContentError(pub(crate) ContentGuess);

/// The error that the input can't be unpacked or decoded; completes "{name}: …".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UnreadableText(pub(crate) String);

fn make_read_error(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, UnreadableText(why.into()))
}

fn make_foreign_error(guess: ContentGuess) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ForeignContentError(guess))
}

impl Read for TextReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(raw) = self.raw.take() {
            self.text = self.begin(raw)?;
        }
        self.text.read(buffer)
    }
}

impl TextReader {
    /// Creates a reader of these bytes.
    pub(crate) fn new(raw: ByteReader, setup: TextSetup) -> Self {
        Self { raw: Some(raw), setup, text: Box::new(io::empty()) }
    }

    fn begin(&self, mut raw: ByteReader) -> io::Result<ByteReader> {
        let kind = self.setup.kind;
        let (mut head, mut is_whole) = read_head(&mut raw, kind)?;
        let is_packed = head.starts_with(GZIP) && kind != ContentKind::Xlsx;
        if is_packed {
            raw = unpack_bytes(Cursor::new(head).chain(raw));
            (head, is_whole) = read_head(&mut raw, kind)?;
        }
        if let Some(guess) = recognize_bytes(&head, kind, self.setup.encoding) {
            return Err(make_foreign_error(guess));
        }
        if kind == ContentKind::Xlsx {
            return Ok(Box::new(Cursor::new(head).chain(raw)));
        }
        let (encoding, mark) = self.find_encoding(&head, is_packed)?;
        head.drain(..mark);
        let mut text: ByteReader = match encoding {
            None => {
                let facts = Arc::clone(&self.setup.facts);
                Box::new(DecidingReader::new(Cursor::new(head).chain(raw), self.setup.name.clone(), facts))
            }
            Some(encoding) if self.setup.facts.decide(encoding) == UTF_8 => Box::new(Cursor::new(head).chain(raw)),
            Some(encoding) => Box::new(DecodingReader::new(Cursor::new(head).chain(raw), encoding)),
        };
        let (head, is_end) = read_head(&mut text, kind)?;
        let _ = self.setup.facts.seen.set(head.clone());
        match recognize_text(&head, kind, is_whole || is_end) {
            Some(guess) => Err(make_foreign_error(guess)),
            None => Ok(Box::new(Cursor::new(head).chain(text))),
        }
    }

    /// Returns the encoding and the length of its mark; `None` if the text of a pipe decides it.
    fn find_encoding(&self, head: &[u8], is_packed: bool) -> io::Result<(Option<&'static Encoding>, usize)> {
        let TextSetup { kind, encoding, file, facts, name } = &self.setup;
        match (encoding, Encoding::for_bom(head)) {
            (TextEncoding::Named(named), Some((marked, _))) if *named != marked => Err(make_read_error(format!(
                "it begins with the mark of {}, and encoding = {:?} is set: remove that line, then the mark decides",
                marked.name(),
                named.name()
            ))),
            (_, Some((marked, mark))) => Ok((Some(marked), mark)),
            (TextEncoding::Named(named), None) => Ok((Some(named), 0)),
            // JSON text is UTF-8 (RFC 8259, section 8.1).
            (TextEncoding::Auto, None) if *kind != ContentKind::Csv => Ok((Some(UTF_8), 0)),
            (TextEncoding::Auto, None) => {
                if let Some(decided) = facts.encoding() {
                    return Ok((Some(decided), 0));
                }
                let Some(file) = file else { return Ok((None, 0)) };
                let whole = PositionedReader::new(Arc::clone(file));
                let mut census = Utf8Census::default();
                // Packed data that is cut off ends with an error here, and again where it is read.
                let counted = if is_packed { census.add_all(unpack_bytes(whole)) } else { census.add_all(whole) };
                if let Err(error) = counted
                    && !is_packed
                {
                    return Err(error);
                }
                if census.encoding() == WINDOWS_1252 {
                    facts.add_finding(describe_guess(name));
                }
                Ok((Some(census.encoding()), 0))
            }
        }
    }
}

/// Returns the bytes that gzip packed; several packed parts in a row are one text.
fn unpack_bytes(packed: impl Read + Send + 'static) -> ByteReader {
    Box::new(Unpacker {
        inner: MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, packed)),
        left: MAX_UNPACKED_BYTES,
    })
}

struct Unpacker<R> {
    inner: MultiGzDecoder<R>,
    left: u64,
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => make_read_error("the gzip data ends before it is complete: it was cut off"),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                make_read_error(format!("the gzip data is damaged: {error}"))
            }
            _ => error,
        })?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| make_read_error("the gzip data unpacks to more than 64 GiB"))?;
        Ok(n)
    }
}

/// Reads the first bytes; true if nothing follows them. From a pipe it reads at most the first
/// line, because more may not arrive for a long time.
fn read_head(reader: &mut ByteReader, kind: ContentKind) -> io::Result<(Vec<u8>, bool)> {
    let mut head = vec![0; HEAD_BYTES];
    let (mut filled, mut is_whole) = (0, false);
    let is_enough = |head: &[u8]| head.len() > 3 && (kind == ContentKind::Json || head.contains(&b'\n'));
    while filled < HEAD_BYTES && !is_whole && !is_enough(head.get(..filled).unwrap_or_default()) {
        match reader.read(head.get_mut(filled..).unwrap_or_default()) {
            Ok(n) => (filled, is_whole) = (filled + n, n == 0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok((head, is_whole))
}
