//! One output stream: standard output, or standard error.
//!
//! In scope: a pipe whose reader has left, a progress bar that other lines do not break, the copy
//! in the log file, hiding secrets. Out of scope: whether a stream is a terminal
//! (`cli::streams::terminal`).

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::ProgressBar;

use crate::cli::streams::log_file::LogFile;
use crate::cli::streams::palette::Palette;
use crate::known_secrets::hide_secrets;

/// The properties of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputStyle {
    /// Whether the stream is a terminal.
    pub is_terminal: bool,
    /// Whether to use colours.
    pub has_colour: bool,
    /// The width in columns.
    pub width: usize,
}

/// One output stream.
pub struct OutputStream {
    manner: OutputStyle,
    is_animated: bool,
    /// Whether secrets are hidden: in messages, errors and logs, not in results.
    hides_secrets: bool,
    inner: Mutex<StreamState>,
}

struct StreamState {
    writer: Box<dyn Write + Send>,
    bar: Option<ProgressBar>,
    is_closed: bool,
    failed: Option<io::Error>,
    copy: Option<Arc<LogFile>>,
}

impl StreamState {
    /// Closes the stream. A reader that left is not a failure.
    fn record_failure(&mut self, error: io::Error) {
        self.is_closed = true;
        if error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = Some(error);
        }
    }
}

impl std::fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("manner", &self.manner).finish_non_exhaustive()
    }
}

impl OutputStream {
    pub(super) fn new(writer: Box<dyn Write + Send>, manner: OutputStyle, is_animated: bool) -> Self {
        Self {
            manner,
            is_animated,
            hides_secrets: false,
            inner: Mutex::new(StreamState { writer, bar: None, is_closed: false, failed: None, copy: None }),
        }
    }

    pub(super) fn with_hidden_secrets(self) -> Self {
        Self { hides_secrets: true, ..self }
    }

    /// Returns whether the stream is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.manner.is_terminal
    }

    /// Returns whether output may be animated: on a terminal that is not a CI's.
    pub fn is_animated(&self) -> bool {
        self.is_animated
    }

    /// Returns the width in columns.
    pub fn width(&self) -> usize {
        self.manner.width
    }

    /// Returns whether to use colours.
    pub fn has_colour(&self) -> bool {
        self.manner.has_colour
    }

    /// Returns the colours to use.
    pub fn palette(&self) -> Palette {
        Palette::new(self.manner.has_colour)
    }

    /// Writes `text` in one piece, above the bar if there is one: unchanged, but on standard error
    /// without secrets. Returns false if the reader has left, which is not a failure.
    pub fn put(&self, text: &str) -> bool {
        let text = if self.hides_secrets { &*hide_secrets(text) } else { text };
        let mut inner = self.lock();
        if let Some(copy) = &inner.copy {
            copy.write(text);
        }
        if inner.is_closed {
            return false;
        }
        let bar = inner.bar.clone();
        let written = match bar {
            Some(bar) => bar.suspend(|| write_all(&mut inner.writer, text)),
            None => write_all(&mut inner.writer, text),
        };
        if let Err(error) = written {
            inner.record_failure(error);
        }
        !inner.is_closed
    }

    /// Writes bytes unchanged: the output of a command, which need not be text.
    pub fn put_bytes(&self, bytes: &[u8]) -> bool {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.put(text);
        }
        let mut inner = self.lock();
        if let Some(copy) = &inner.copy {
            copy.write(&String::from_utf8_lossy(bytes));
        }
        if inner.is_closed {
            return false;
        }
        if let Err(error) = inner.writer.write_all(bytes).and_then(|()| inner.writer.flush()) {
            inner.record_failure(error);
        }
        !inner.is_closed
    }

    /// Writes `text` and a line break.
    pub fn write_line(&self, text: &str) -> bool {
        self.put(&format!("{text}\n"))
    }

    /// Copies everything that is written from now on into the file.
    pub fn copy_to(&self, file: Arc<LogFile>) {
        self.lock().copy = Some(file);
    }

    /// Writes `text` into the copy only, if there is one: what this reader did not ask for.
    pub fn put_into_copy(&self, text: &str) {
        if let Some(copy) = &self.lock().copy {
            copy.write(text);
        }
    }

    /// Writes other lines above `bar` from now on; `None` removes it.
    pub fn hold_bar(&self, bar: Option<ProgressBar>) {
        self.lock().bar = bar;
    }

    /// Returns the error that kept the output incomplete, except a reader that left.
    pub(super) fn finish_stream(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if let Some(error) = inner.failed.take() {
            return Err(error);
        }
        match inner.writer.flush() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, StreamState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(writer: &mut dyn Write, text: &str) -> io::Result<()> {
    writer.write_all(text.as_bytes())?;
    writer.flush()
}
