//! Bytes that come once only, kept as they are read, so that they can be read a second time.
//!
//! In scope: the file that keeps them. Out of scope: who reads twice, and why (`source::input`).
//!
//! The file has no name and no rights for others, and is gone with the process however that ends. It is in the folder for temporary
//! files: that of `TMPDIR`, or `/tmp`.

use std::fs::File;
use std::io::{self, Read, Write};

/// Reads through, and keeps what it has read.
pub(crate) struct SpoolFile {
    inner: Box<dyn Read + Send>,
    kept: File,
}

impl SpoolFile {
    /// Reads `inner`, and keeps its bytes in a new file, which comes along.
    pub(crate) fn begin(inner: Box<dyn Read + Send>) -> io::Result<(Self, File)> {
        let kept = tempfile::tempfile()?;
        let again = kept.try_clone()?;
        Ok((Self { inner, kept }, again))
    }
}

impl Read for SpoolFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.kept.write_all(buffer.get(..n).unwrap_or_default()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("its copy in the folder for temporary files can't be written: {error}"),
            )
        })?;
        Ok(n)
    }
}
