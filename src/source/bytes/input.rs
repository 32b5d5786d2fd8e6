//! Input bytes: a file, a pipe or standard input, opened once.
//!
//! In scope: opening, byte counts, reading twice. Out of scope: the reading thread
//! (`source::background_reader`), parsing (`source::csv`, `source::json`,
//! `source::json::json_lines`).
//!
//! A source that is read twice is opened once. A file is rewound, so that another file that takes
//! its name meanwhile is not mixed in. Other inputs are copied to a file (`source::bytes::spool`).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::port::source::SourceError;
use crate::source::bytes::content_guess::ContentKind;
use crate::source::bytes::encoding::{InputFacts, MixedEncodingError, TextEncoding};
use crate::source::bytes::positioned_reader::PositionedReader;
use crate::source::bytes::spool::SpoolFile;
use crate::source::bytes::text_reader::{CountingReader, ForeignContentError, TextReader, TextSetup, UnreadableText};
use crate::source::nearby_files::describe_nearby_files;

/// Maximum size of a record, in bytes. A larger record is an error of the source.
pub const MAX_RECORD_BYTES: usize = 64 << 20;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file or a named pipe.
    File(PathBuf),
    /// Standard input, which can be read once.
    Stdin,
}

impl Input {
    /// Parses a path; `-` is standard input.
    pub fn from_path(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Returns the name used in positions.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".into(),
        }
    }

    /// Opens the input; fails if it is missing or not readable. The reader later fails if the first
    /// bytes are not of `kind`, or not in `encoding`.
    pub(crate) fn open(&self, kind: ContentKind, encoding: TextEncoding) -> Result<OpenInput, SourceError> {
        let (bytes, size) = match self {
            Self::Stdin => (ByteOrigin::Stream(Box::new(io::stdin())), None),
            Self::File(path) if blocks_on_open(path) => {
                (ByteOrigin::Stream(Box::new(NamedPipe::Unopened(path.clone()))), None)
            }
            Self::File(path) => {
                let file = File::open(path).map_err(|e| self.convert_error(&e))?;
                let metadata = file.metadata().map_err(|e| self.convert_error(&e))?;
                if metadata.is_dir() {
                    let ending = kind.usual_extension();
                    return Err(SourceError::OtherFormat {
                        what: self.name(),
                        seen: "a folder".into(),
                        advice: format!(
                            "name a file in it, or a pattern of its files: {}",
                            path.join(format!("*.{ending}")).display()
                        ),
                    });
                }
                if metadata.is_file() {
                    (ByteOrigin::File(Arc::new(file)), Some(metadata.len()))
                } else {
                    (ByteOrigin::Stream(Box::new(file)), None)
                }
            }
        };
        Ok(OpenInput { name: self.name(), kind, encoding, facts: Arc::default(), bytes, size, read: Arc::default() })
    }

    fn convert_error(&self, error: &io::Error) -> SourceError {
        convert_io_error(&self.name(), error)
    }
}

/// Converts an I/O error to a source error.
pub(crate) fn convert_io_error(name: &str, error: &io::Error) -> SourceError {
    let what = name.to_owned();
    if let Some(ForeignContentError(seen)) = error.get_ref().and_then(|error| error.downcast_ref()) {
        return SourceError::OtherFormat { what, seen: seen.what.clone(), advice: seen.advice.clone() };
    }
    if let Some(text) = error.get_ref().and_then(|error| error.downcast_ref::<UnreadableText>()) {
        return SourceError::InvalidContent { position: what, why: text.to_string() };
    }
    if let Some(mixed) = error.get_ref().and_then(|error| error.downcast_ref::<MixedEncodingError>()) {
        return SourceError::SettingsMismatch {
            position: format!("{what}:{}", mixed.0),
            why: mixed.to_string(),
            advice: "set encoding below [source], or save the input to a file, which is read as a whole first"
                .to_owned(),
        };
    }
    let why = error.to_string();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing { what, hint: describe_nearby_files(Path::new(name)) },
        io::ErrorKind::PermissionDenied => SourceError::Denied { what, why },
        _ => SourceError::Unavailable { what, why },
    }
}

/// Returns the error of a source whose reading thread is gone.
pub(crate) fn describe_stopped_reader() -> SourceError {
    SourceError::Unavailable { what: "the source".into(), why: "the reading thread stopped".into() }
}

/// Returns whether opening blocks until the other end is open, as with a named pipe. The reading
/// thread may block, a caller must not.
fn blocks_on_open(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|kind| !kind.is_file() && !kind.is_dir())
}

/// A named pipe, opened by the first read.
enum NamedPipe {
    Unopened(PathBuf),
    Open(File),
}

impl Read for NamedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Self::Unopened(path) = self {
            *self = Self::Open(File::open(path)?);
        }
        match self {
            Self::Open(file) => file.read(buffer),
            Self::Unopened(_) => Ok(0),
        }
    }
}

/// An open input.
pub(crate) struct OpenInput {
    /// The name used in positions.
    pub(crate) name: String,
    /// What is found out about it while it is read.
    pub(crate) facts: Arc<InputFacts>,
    kind: ContentKind,
    encoding: TextEncoding,
    bytes: ByteOrigin,
    /// The number of bytes; `None` if it is not known before the end.
    pub(crate) size: Option<u64>,
    /// The number of bytes that were read so far.
    pub(crate) read: Arc<AtomicU64>,
}

/// Where the bytes come from.
enum ByteOrigin {
    /// A file. Each reader has a place of its own in it.
    File(Arc<File>),
    /// Anything else, which can be read once.
    Stream(Box<dyn Read + Send>),
    /// A reader whose bytes are copied to a file.
    Spooled(Box<dyn Read + Send>, Arc<File>),
    /// The bytes can be read once, and a reader has taken them.
    Consumed,
}

impl OpenInput {
    /// Opens bytes in memory, which can be read once. With a `size` they count as a file.
    #[cfg(test)]
    pub(crate) fn from_csv_bytes(bytes: &'static [u8], size: Option<u64>) -> Self {
        let bytes = ByteOrigin::Stream(Box::new(bytes));
        let (kind, encoding) = (ContentKind::Csv, TextEncoding::Auto);
        Self { name: "x".into(), kind, encoding, facts: Arc::default(), bytes, size, read: Arc::default() }
    }

    /// Returns a reader from the start: of text in UTF-8 without a byte order mark, or of a
    /// workbook's bytes. It fails if the bytes are of another format.
    pub(crate) fn open_reader(&mut self) -> Result<Box<dyn Read + Send>, SourceError> {
        let raw: Box<dyn Read + Send> = match &mut self.bytes {
            ByteOrigin::File(file) => Box::new(PositionedReader::new(Arc::clone(file))),
            once => match std::mem::replace(once, ByteOrigin::Consumed) {
                ByteOrigin::Stream(bytes) => bytes,
                ByteOrigin::Spooled(bytes, copy) => {
                    self.bytes = ByteOrigin::File(copy);
                    bytes
                }
                ByteOrigin::File(_) | ByteOrigin::Consumed => return Err(describe_stopped_reader()),
            },
        };
        let counted = CountingReader { inner: raw, read: Arc::clone(&self.read) };
        let file = match &self.bytes {
            ByteOrigin::File(file) if self.size.is_some() => Some(Arc::clone(file)),
            _ => None,
        };
        let (name, facts) = (self.name.clone(), Arc::clone(&self.facts));
        let setup = TextSetup { name, kind: self.kind, encoding: self.encoding, file, facts };
        Ok(Box::new(TextReader::new(Box::new(counted), setup)))
    }

    /// Copies bytes that can be read only once to a file, because they are read twice.
    pub(crate) fn spool_bytes(&mut self) -> Result<(), SourceError> {
        let ByteOrigin::Stream(bytes) = &mut self.bytes else { return Ok(()) };
        let bytes = std::mem::replace(bytes, Box::new(io::empty()));
        let (spool, copy) = SpoolFile::new(bytes).map_err(|error| SourceError::Unavailable {
            what: self.name.clone(),
            why: format!("it is read twice, and the temporary file that keeps it can't be made: {error}"),
        })?;
        self.bytes = ByteOrigin::Spooled(Box::new(spool), Arc::new(copy));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readers_of_a_file_have_places_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.csv");
        let text = (0..50_000).map(|n| n.to_string()).collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&path, &text).expect("a file");
        let mut opened = Input::File(path).open(ContentKind::Csv, TextEncoding::Auto).expect("it opens");
        let mut first = opened.open_reader().expect("a reader");
        let mut beginning = [0; 10];
        first.read_exact(&mut beginning).expect("ten bytes");
        let (mut whole, mut rest) = (String::new(), String::new());
        opened.open_reader().expect("another").read_to_string(&mut whole).expect("text");
        first.read_to_string(&mut rest).expect("text");
        assert_eq!((whole.as_str(), rest.as_str()), (text.as_str(), &text[10..]));
    }

    #[test]
    fn a_dash_is_standard_input() {
        assert_eq!(Input::from_path(Path::new("-")), Input::Stdin);
        assert_eq!(Input::from_path(Path::new("./-")), Input::File("./-".into()));
    }
}
