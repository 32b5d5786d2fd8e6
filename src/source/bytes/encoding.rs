//! The encoding of a text: named by the job file, or found by its bytes; and its conversion to
//! UTF-8.
//!
//! In scope: byte order marks, the decision between UTF-8 and windows-1252, decoding. Out of scope:
//! the first bytes and formats that are not text (`source::bytes::text_reader`, `source::bytes::magic`).
//!
//! A text is read in one encoding from its first byte to its last. In a file the whole text
//! decides, before anything of it is read. A pipe shows its text only once: its first character
//! beyond ASCII decides, whatever the sizes of the reads are. What is malformed becomes one byte
//! that is valid in no UTF-8, so that the record that holds it fails.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, WINDOWS_1252};

/// Bytes per read.
const CHUNK: usize = 1 << 16;
/// Replaces malformed bytes; no valid UTF-8 holds it.
pub(crate) const MALFORMED: u8 = 0xff;

/// The encoding that a job file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextEncoding {
    /// The byte order mark, else UTF-8; for CSV that is none, windows-1252.
    #[default]
    Auto,
    /// The encoding of this label.
    Named(&'static Encoding),
}

impl TextEncoding {
    /// Returns the encoding of a label of the Encoding Standard
    /// (<https://encoding.spec.whatwg.org>), or `auto`; `None` for an unknown label.
    pub fn parse(label: &str) -> Option<Self> {
        if label == "auto" {
            return Some(Self::Auto);
        }
        Encoding::for_label_no_replacement(label.as_bytes()).map(Self::Named)
    }
}

/// What is found out about an input while it is read; shared with its parser.
#[derive(Debug, Default)]
pub(crate) struct InputFacts {
    /// The first bytes, decoded.
    pub(crate) seen: OnceLock<Vec<u8>>,
    /// The encoding, once it is decided.
    encoding: OnceLock<&'static Encoding>,
    notes: Mutex<Vec<String>>,
}

impl InputFacts {
    /// Sets the encoding; the first decision counts. Returns the one that counts.
    pub(crate) fn decide(&self, encoding: &'static Encoding) -> &'static Encoding {
        self.encoding.get_or_init(|| encoding)
    }

    /// Returns the decided encoding, if there is one.
    pub(crate) fn encoding(&self) -> Option<&'static Encoding> {
        self.encoding.get().copied()
    }

    /// Describes text that is malformed, with the next step: completes "field x is …".
    pub(crate) fn describe_malformed(&self) -> String {
        match self.encoding() {
            Some(encoding) if encoding != UTF_8 => format!("not valid {}", encoding.name()),
            _ => "not valid UTF-8".to_owned(),
        }
    }

    /// Adds a finding that people should read, as a sentence.
    pub(crate) fn add_finding(&self, sentence: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// Returns the findings since the last call.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts what a text is as UTF-8, across the borders of reads.
#[derive(Debug, Default)]
pub(crate) struct Utf8Census {
    /// Characters of two and more bytes.
    valid: u64,
    /// Sequences that are malformed.
    invalid: u64,
    /// Whether a byte was seen that windows-1252 does not define.
    is_undefined: bool,
    pending: Vec<u8>,
}

impl Utf8Census {
    /// Adds the bytes of the whole text.
    pub(crate) fn add_all(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => {
                    self.end();
                    return Ok(());
                }
                Ok(n) => self.add(chunk.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.is_undefined |= bytes.iter().any(|byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
        if self.pending.is_empty() {
            self.count(bytes);
        } else {
            let mut joined = std::mem::take(&mut self.pending);
            joined.extend_from_slice(bytes);
            self.count(&joined);
        }
    }

    fn count(&mut self, mut bytes: &[u8]) {
        loop {
            // Most texts are ASCII for the most part, which is skipped quickly.
            bytes = bytes.get(Encoding::ascii_valid_up_to(bytes)..).unwrap_or_default();
            match classify_sequence(bytes) {
                Utf8Sequence::None => return,
                Utf8Sequence::Valid(length) => {
                    self.valid += 1;
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                Utf8Sequence::Malformed(length) => {
                    self.invalid += 1;
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                Utf8Sequence::Unfinished => {
                    self.pending = bytes.to_vec();
                    return;
                }
            }
        }
    }

    fn end(&mut self) {
        self.invalid += u64::from(!std::mem::take(&mut self.pending).is_empty());
    }

    /// Returns the encoding of the whole text. A text with a few malformed characters among many
    /// valid ones is damaged UTF-8, and one with bytes that windows-1252 lacks is not windows-1252.
    pub(crate) fn encoding(&self) -> &'static Encoding {
        if self.invalid > self.valid && !self.is_undefined { WINDOWS_1252 } else { UTF_8 }
    }
}

/// What a text begins with, as UTF-8.
enum Utf8Sequence {
    /// The text is empty.
    None,
    /// A character of this many bytes.
    Valid(usize),
    /// Bytes that are malformed, this many.
    Malformed(usize),
    /// The beginning of a character that may be valid.
    Unfinished,
}

fn classify_sequence(bytes: &[u8]) -> Utf8Sequence {
    let Some(first) = bytes.first() else { return Utf8Sequence::None };
    let length = match first {
        0x00..=0x7f => return Utf8Sequence::Valid(1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Utf8Sequence::Malformed(1),
    };
    match std::str::from_utf8(bytes.get(..length.min(bytes.len())).unwrap_or_default()) {
        Ok(_) => Utf8Sequence::Valid(length),
        Err(error) if error.error_len().is_none() => Utf8Sequence::Unfinished,
        Err(error) => Utf8Sequence::Malformed(error.error_len().unwrap_or(1)),
    }
}

/// The error of a pipe whose text is in two encodings; holds the line, from 1.
#[derive(Debug, thiserror::Error)]
#[error("line {0} is in UTF-8, and what came before was read as windows-1252")]
pub(crate) struct MixedEncodingError(pub(crate) u64);

/// Converts a text of one encoding to UTF-8.
pub(crate) struct DecodingReader<R> {
    inner: R,
    decoder: Decoder,
    chunk: Vec<u8>,
    decoded: Vec<u8>,
    at: usize,
    is_ended: bool,
}

impl<R: Read> DecodingReader<R> {
    /// Creates a reader of `inner`, which holds no byte order mark.
    pub(crate) fn new(inner: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { inner, decoder, chunk: vec![0; CHUNK], decoded: Vec::new(), at: 0, is_ended: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let n = self.inner.read(&mut self.chunk)?;
        self.is_ended = n == 0;
        (self.at, self.decoded) = (0, decode(&mut self.decoder, self.chunk.get(..n).unwrap_or_default(), n == 0));
        Ok(())
    }
}

/// Decodes bytes; what is malformed becomes one byte of [`MALFORMED`].
fn decode(decoder: &mut Decoder, mut bytes: &[u8], is_last: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2 + 16);
    loop {
        let start = out.len();
        out.resize(start + bytes.len() * 3 + 16, 0);
        let room = out.get_mut(start..).unwrap_or_default();
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, room, is_last);
        out.truncate(start + written);
        bytes = bytes.get(read..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return out,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => out.push(MALFORMED),
        }
    }
}

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.decoded.len() && !self.is_ended && !buffer.is_empty() {
            self.refill()?;
        }
        let n = self.decoded.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

/// Reads a pipe whose encoding its first character beyond ASCII decides.
pub(crate) struct DecidingReader<R> {
    inner: R,
    facts: Arc<InputFacts>,
    name: String,
    state: EncodingState,
    ready: Vec<u8>,
    at: usize,
    is_ended: bool,
    /// What the bytes read as windows-1252 would be as UTF-8, and the lines before them.
    census: Utf8Census,
    line: u64,
    /// The error that follows the bytes that are ready.
    error: Option<MixedEncodingError>,
}

enum EncodingState {
    /// All so far is ASCII, but for the beginning of a character.
    Open(Vec<u8>),
    Utf8,
    Windows(Decoder),
}

impl<R: Read> DecidingReader<R> {
    /// Creates a reader of the text of `name`. The decision is kept in `facts`, for a second
    /// reading.
    pub(crate) fn new(inner: R, name: String, facts: Arc<InputFacts>) -> Self {
        Self {
            inner,
            facts,
            name,
            state: EncodingState::Open(Vec::new()),
            ready: Vec::new(),
            at: 0,
            is_ended: false,
            census: Utf8Census::default(),
            line: 1,
            error: None,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let n = self.inner.read(&mut chunk)?;
        chunk.truncate(n);
        self.is_ended = n == 0;
        (self.at, self.ready) = (0, Vec::new());
        if let EncodingState::Open(held) = &mut self.state {
            let mut bytes = std::mem::take(held);
            bytes.append(&mut chunk);
            chunk = self.decide(bytes);
        }
        match &self.state {
            EncodingState::Open(_) => self.ready = chunk,
            EncodingState::Utf8 => self.ready.append(&mut chunk),
            EncodingState::Windows(_) => self.read_windows(&chunk),
        }
        Ok(())
    }

    /// Passes ASCII on and decides at the first other character. Returns the bytes after that
    /// ASCII, or the ASCII itself if nothing is decided.
    fn decide(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let ascii = Encoding::ascii_valid_up_to(&bytes);
        let rest = bytes.split_off(ascii);
        self.line += count_lines(&bytes);
        match classify_sequence(&rest) {
            Utf8Sequence::None => return bytes,
            Utf8Sequence::Unfinished if !self.is_ended => {
                self.state = EncodingState::Open(rest);
                return bytes;
            }
            Utf8Sequence::Valid(_) => {
                self.facts.decide(UTF_8);
                self.state = EncodingState::Utf8;
            }
            Utf8Sequence::Malformed(_) | Utf8Sequence::Unfinished => {
                self.facts.decide(WINDOWS_1252);
                self.facts.add_finding(describe_guess(&self.name));
                self.state = EncodingState::Windows(WINDOWS_1252.new_decoder_without_bom_handling());
            }
        }
        self.ready = bytes;
        rest
    }

    /// Decodes bytes one character beyond ASCII after the other, up to the first that is valid
    /// UTF-8. Text in windows-1252 hardly ever has one, and what was decoded before can't be taken
    /// back.
    fn read_windows(&mut self, bytes: &[u8]) {
        let mut upto = 0;
        while upto < bytes.len() {
            let rest = bytes.get(upto..).unwrap_or_default();
            let step = (Encoding::ascii_valid_up_to(rest) + 1).min(rest.len());
            let part = rest.get(..step).unwrap_or_default();
            self.census.add(part);
            if self.census.valid > 0 {
                self.error = Some(MixedEncodingError(self.line));
                self.is_ended = true;
                return;
            }
            self.line += count_lines(part);
            if let EncodingState::Windows(decoder) = &mut self.state {
                self.ready.append(&mut decode(decoder, part, false));
            }
            upto += step;
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Returns the note that the encoding of `name` was guessed.
pub(crate) fn describe_guess(name: &str) -> String {
    format!(
        "{name}: the text is not UTF-8 and is read as windows-1252, as Excel writes it: set encoding = \"windows-1252\" below [source] \
         if that is right"
    )
}

impl<R: Read> Read for DecidingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.is_ended && !buffer.is_empty() {
            self.refill()?;
        }
        let n = self.ready.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += n;
        if n == 0
            && !buffer.is_empty()
            && let Some(error) = self.error.take()
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests;
