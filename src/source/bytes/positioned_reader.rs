//! A reader with a place of its own in a file that others read, too.
//!
//! In scope: reading from a position. Out of scope: opening the file (`source::bytes::input`).
//!
//! A copy of a file's handle shares its position with the original. A source that is rewound while
//! its thread still reads ahead would get bytes from the middle.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// A reader of a file from its start.
pub(crate) struct PositionedReader {
    file: Arc<File>,
    at: u64,
}

impl PositionedReader {
    /// Creates a reader that begins at the start of the file.
    pub(crate) fn new(file: Arc<File>) -> Self {
        Self { file, at: 0 }
    }
}

impl Read for PositionedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
