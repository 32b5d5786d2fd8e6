//! Standard input, kept so that each attempt reads it from its beginning.
//!
//! The copy is complete before the first attempt starts. So each attempt receives exactly what the
//! first one received, and never a part of it. It is an unnamed file, readable by its owner only,
//! that disappears with this process. The attempts get it for reading only: what one of them wrote
//! there would be the input of the next.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The most bytes that are kept.
pub const MAX_STDIN_BYTES: u64 = 256 << 20;

/// Why standard input can't be given to each attempt.
#[derive(Debug)]
pub enum StdinError {
    /// It is longer than the limit, in bytes.
    TooLong(u64),
    /// It can't be read, or the copy can't be written.
    Io(io::Error),
}

impl std::fmt::Display for StdinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong(limit) => write!(f, "standard input is longer than {} MB", limit >> 20),
            Self::Io(error) => write!(f, "standard input can't be kept for each attempt: {error}"),
        }
    }
}

impl std::error::Error for StdinError {}

/// A complete copy of standard input.
#[derive(Debug)]
pub struct StdinCopy {
    /// Opened for reading only.
    file: File,
}

impl StdinCopy {
    /// Reads `input` to its end, at most `limit` bytes. It blocks.
    pub fn read(input: impl Read, limit: u64) -> Result<Self, StdinError> {
        let copy = |mut input: io::Take<_>| -> io::Result<(File, u64)> {
            let mut written = tempfile::NamedTempFile::new()?;
            let copied = io::copy(&mut input, written.as_file_mut())?;
            written.flush()?;
            forbid_writing(written.as_file())?;
            // Its name goes immediately.
            Ok((File::open(written.path())?, copied))
        };
        let (file, copied) = copy(input.take(limit.saturating_add(1))).map_err(StdinError::Io)?;
        if copied > limit { Err(StdinError::TooLong(limit)) } else { Ok(Self { file }) }
    }

    /// Returns the copy, positioned at its beginning.
    pub(crate) fn at_beginning(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

/// Keeps a process that knows the file from opening it for writing.
#[cfg(unix)]
fn forbid_writing(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o400))
}

/// Does nothing: without its name, no process can open the file.
#[cfg(not(unix))]
fn forbid_writing(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_from_its_beginning_each_time() {
        let copy = StdinCopy::read(&b"three\nlines\nhere\n"[..], 100).expect("short enough");
        for _ in 0..3 {
            let mut text = String::new();
            copy.at_beginning().and_then(|mut file| file.read_to_string(&mut text)).expect("it can be read");
            assert_eq!(text, "three\nlines\nhere\n");
        }
    }

    #[test]
    fn a_copy_can_not_be_written() {
        let copy = StdinCopy::read(&b"whole"[..], 100).expect("short enough");
        let mut file = copy.at_beginning().expect("it can be read");
        assert!(file.write_all(b"other").is_err() && file.set_len(0).is_err());
        let mut text = String::new();
        copy.at_beginning().and_then(|mut file| file.read_to_string(&mut text)).expect("it can be read");
        assert_eq!(text, "whole");
    }

    #[test]
    fn input_beyond_the_limit_is_refused_as_a_whole() {
        assert!(StdinCopy::read(&b"12345"[..], 5).is_ok());
        let error = StdinCopy::read(&b"123456"[..], 5).expect_err("too long");
        assert!(matches!(error, StdinError::TooLong(5)), "{error}");
    }
}
