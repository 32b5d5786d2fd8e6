//! A reader for tests that returns a few bytes at a time, so that every border falls between reads.

use std::io::{self, Read};

/// The bytes that are left, and the most that one read returns.
pub(crate) struct DrippingReader<'a>(pub(crate) &'a [u8], pub(crate) usize);

impl Read for DrippingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.1.clamp(1, buffer.len()).min(self.0.len());
        let (now, rest) = self.0.split_at(n);
        buffer[..n].copy_from_slice(now);
        self.0 = rest;
        Ok(n)
    }
}
