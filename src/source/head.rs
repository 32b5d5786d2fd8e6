//! The first bytes of an input: counted, freed of a byte order mark, and looked at.
//!
//! In scope: reading them without waiting for more than is needed. Out of scope: what they mean (`source::magic`).

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::source::magic::{ContentGuess, ContentKind, HEAD_BYTES, recognize};

/// Counts what is read.
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

/// The bytes without the UTF-8 byte order mark that some programs put in front; an error where they are of another kind.
pub(crate) struct BomStripper {
    inner: CountingReader,
    kind: ContentKind,
    seen: Arc<OnceLock<Vec<u8>>>,
    head: Head,
}

/// The input is something else than the job file says.
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
    /// The bytes of `inner`, which are to be of this kind; the first of them are put into `seen`.
    pub(crate) fn new(inner: CountingReader, kind: ContentKind, seen: Arc<OnceLock<Vec<u8>>>) -> Self {
        Self { inner, kind, seen, head: Head::Unread }
    }

    /// The first bytes without their mark. Of a pipe no more than a first line is waited for, because nothing more may come for long.
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
