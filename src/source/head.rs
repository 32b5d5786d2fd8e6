//! The first bytes of an input: counted, stripped of a byte order mark, and checked for another
//! format.
//!
//! In scope: reading them without waiting for more bytes than necessary. Out of scope: recognising
//! formats (`source::magic`).

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::source::magic::{ContentGuess, ContentKind, HEAD_BYTES, recognize};

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

/// Strips the UTF-8 byte order mark that some programs write; fails if the bytes are of another
/// format.
pub(crate) struct BomStripper {
    inner: CountingReader,
    kind: ContentKind,
    seen: Arc<OnceLock<Vec<u8>>>,
    head: Head,
}

/// The error that the input is of another format than configured.
#[derive(Debug, thiserror::Error)]
#[error("the input is {}", .0.what)]
pub(crate) struct ForeignContent(pub(crate) ContentGuess);

enum Head {
    Unread,
    Held(io::Cursor<Vec<u8>>),
    Passed,
}

impl Read for BomStripper {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.head, Head::Unread) {
            let head = self.read_head()?;
            let _ = self.seen.set(head.clone());
            self.head = Head::Held(io::Cursor::new(head));
        }
        if let Head::Held(head) = &mut self.head {
            let n = head.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            self.head = Head::Passed;
        }
        self.inner.read(buffer)
    }
}

impl BomStripper {
    /// Wraps `inner`, whose bytes are expected to be of `kind`. Stores the first of them in `seen`.
    pub(crate) fn new(inner: CountingReader, kind: ContentKind, seen: Arc<OnceLock<Vec<u8>>>) -> Self {
        Self { inner, kind, seen, head: Head::Unread }
    }

    /// Reads the first bytes without their mark. From a pipe it reads at most the first line,
    /// because more may not arrive for a long time.
    fn read_head(&mut self) -> io::Result<Vec<u8>> {
        const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];
        let mut head = vec![0; HEAD_BYTES];
        let (mut filled, mut is_whole) = (0, false);
        let is_enough =
            |head: &[u8]| head.len() > MARK.len() && (self.kind == ContentKind::Json || head.contains(&b'\n'));
        while filled < HEAD_BYTES && !is_whole && !is_enough(head.get(..filled).unwrap_or_default()) {
            let n = self.inner.read(head.get_mut(filled..).unwrap_or_default())?;
            (filled, is_whole) = (filled + n, n == 0);
        }
        head.truncate(filled);
        if head.starts_with(MARK) {
            head.drain(..MARK.len());
        }
        match recognize(&head, self.kind, is_whole) {
            Some(seen) => Err(io::Error::new(io::ErrorKind::InvalidData, ForeignContent(seen))),
            None => Ok(head),
        }
    }
}
