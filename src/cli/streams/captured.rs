//! Output that is kept in memory, for tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The captured output of both streams.
#[derive(Debug, Clone, Default)]
pub struct CapturedOutput {
    out: Buffer,
    err: Buffer,
}

impl CapturedOutput {
    /// Returns a writer of the captured standard output.
    pub(super) fn out_writer(&self) -> Box<dyn Write + Send> {
        Box::new(self.out.clone())
    }

    /// Returns a writer of the captured standard error.
    pub(super) fn err_writer(&self) -> Box<dyn Write + Send> {
        Box::new(self.err.clone())
    }

    /// Returns the captured standard output.
    pub fn captured_out(&self) -> String {
        self.out.text()
    }

    /// Returns the captured standard error.
    pub fn captured_err(&self) -> String {
        self.err.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
