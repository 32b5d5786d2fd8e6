//! Copies an input that can be read only once to a temporary file, so that it can be read again.
//!
//! In scope: the temporary file. Out of scope: why an input is read twice (`source::bytes::input`).
//!
//! The file has no name and only its owner may access it. It disappears with the process, however
//! that ends. It is created in the folder for temporary files: `TMPDIR`, or `/tmp`.

use std::fs::File;
use std::io::{self, Read, Write};

/// A reader that copies what it reads to a file.
pub(crate) struct SpoolFile {
    inner: Box<dyn Read + Send>,
    copy: File,
}

impl SpoolFile {
    /// Wraps `inner`. Returns the reader, and the new file that receives the bytes.
    pub(crate) fn new(inner: Box<dyn Read + Send>) -> io::Result<(Self, File)> {
        let copy = tempfile::tempfile()?;
        let again = copy.try_clone()?;
        Ok((Self { inner, copy }, again))
    }
}

impl Read for SpoolFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.copy.write_all(buffer.get(..n).unwrap_or_default()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("its copy in the folder for temporary files can't be written: {error}"),
            )
        })?;
        Ok(n)
    }
}
