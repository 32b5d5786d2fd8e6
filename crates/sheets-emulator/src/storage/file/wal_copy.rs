//! A copy of the write-ahead log at the end of the file.
//!
//! In scope: appending it, finding it in a file that was copied alone, restoring from it.
//! Out of scope: when this happens (`checkpoint`).
//!
//! A commit is in the log first, and then its pages are overwritten in the file, one after the
//! other. A copy of the file alone, taken after a process was killed in between, would have some
//! pages and not others. The log's bytes are therefore appended after the last page before the
//! first page is overwritten, and removed after the last one. `SQLite` ignores bytes after the last
//! page.
//!
//! The copy consists of the log and 64 bytes. These are a magic text, the start of the copy, the
//! length of the log, and a hash of all of them. It is valid only at the end of the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The magic text of a trailer.
const TRAILER_MAGIC: &[u8; 16] = b"sheetkeep tail 1";
/// Bytes of a trailer.
const TRAILER_BYTES: usize = 64;
/// Bytes of a log's header, and of the header of each frame.
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Bytes that are copied in one step.
const CHUNK: usize = 1 << 20;

/// The position of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalCopy {
    /// Its start, in bytes from the start of the file.
    pub start: u64,
    /// The length of the log in it.
    pub length: u64,
    hash: [u8; 32],
}

impl WalCopy {
    /// Finds the copy at the end of the file. `restore` checks whether it is complete.
    pub(crate) fn find(file: &File) -> io::Result<Option<Self>> {
        let Some(at) = file.metadata()?.len().checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
        let mut foot = [0; TRAILER_BYTES];
        read_at(file, &mut foot, at)?;
        let number = |from: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&foot[from..from + 8]);
            u64::from_le_bytes(bytes)
        };
        let mut hash = [0; 32];
        hash.copy_from_slice(&foot[32..]);
        let found = Self { start: number(16), length: number(24), hash };
        let fits = foot.starts_with(TRAILER_MAGIC) && found.start.checked_add(found.length) == Some(at);
        Ok(fits.then_some(found))
    }

    /// Appends the log after byte `after` of the file, and after all existing bytes. A failure
    /// restores the end of the file.
    pub(crate) fn append_to(file: &File, log: &Path, after: u64) -> io::Result<()> {
        let before = file.metadata()?.len();
        Self::write(file, log, after.max(before)).inspect_err(|_| {
            // Bytes after the last page that are not a copy are harmless.
            let _ = file.set_len(before);
        })
    }

    fn write(file: &File, log: &Path, start: u64) -> io::Result<()> {
        let (mut log, mut hasher) = (File::open(log)?, Sha256::new());
        let mut chunk = vec![0; CHUNK];
        let mut length = 0;
        loop {
            let read = log.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hasher.update(&chunk[..read]);
            write_at(file, &chunk[..read], start + length)?;
            length += read as u64;
        }
        let mut foot = Vec::with_capacity(TRAILER_BYTES);
        foot.extend_from_slice(TRAILER_MAGIC);
        foot.extend_from_slice(&start.to_le_bytes());
        foot.extend_from_slice(&length.to_le_bytes());
        hasher.update(&foot);
        foot.extend_from_slice(&hasher.finalize());
        write_at(file, &foot, start + length)
    }

    /// Writes the pages of the copied commits into the file, syncs it, and removes the copy.
    /// Returns false, and changes nothing, if the copy is incomplete. The operation may be
    /// interrupted and repeated.
    pub(crate) fn restore(&self, file: &File) -> io::Result<bool> {
        if !self.is_complete(file)? {
            return Ok(false);
        }
        let mut head = [0; LOG_HEADER_BYTES];
        read_at(file, &mut head, self.start)?;
        let size = match read_number(&head, 8) {
            1 => 65_536,
            size => u64::from(size),
        };
        let (log_head, frame_head) = (LOG_HEADER_BYTES as u64, FRAME_HEADER_BYTES as u64);
        let frames = self.length.saturating_sub(log_head) / (frame_head + size);
        let place = |frame: u64| self.start + log_head + frame * (frame_head + size);
        // Frames of an earlier log have other salts. Frames after the last commit were not
        // committed.
        let mut heads = Vec::new();
        for frame in 0..frames {
            let mut bytes = [0; FRAME_HEADER_BYTES];
            read_at(file, &mut bytes, place(frame))?;
            if bytes[8..16] != head[16..24] {
                break;
            }
            heads.push((read_number(&bytes, 0), read_number(&bytes, 4)));
        }
        let Some(last) = heads.iter().rposition(|(_, pages)| *pages > 0) else { return Ok(false) };
        let mut page = vec![0; usize::try_from(size).unwrap_or(0)];
        for (frame, (number, _)) in (0..).zip(&heads).take(last + 1) {
            read_at(file, &mut page, place(frame) + frame_head)?;
            write_at(file, &page, u64::from(number.saturating_sub(1)) * size)?;
        }
        file.sync_all()?;
        file.set_len(u64::from(heads[last].1) * size)?;
        file.sync_all()?;
        Ok(true)
    }

    /// Returns whether the log at this path is the copied one, by its header.
    pub(crate) fn matches_log(&self, file: &File, log: &Path) -> io::Result<bool> {
        let (mut own, mut other) = ([0; LOG_HEADER_BYTES], [0; LOG_HEADER_BYTES]);
        read_at(file, &mut own, self.start)?;
        File::open(log)?.read_exact(&mut other)?;
        Ok(own == other)
    }

    fn is_complete(&self, file: &File) -> io::Result<bool> {
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        // The log, and the trailer without its hash.
        let (mut at, end) = (self.start, self.start + self.length + 32);
        while at < end {
            let size = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            read_at(file, &mut chunk[..size], at)?;
            hasher.update(&chunk[..size]);
            at += size as u64;
        }
        Ok(hasher.finalize().as_slice() == self.hash)
    }
}

/// Reads a big-endian number of the log.
fn read_number(bytes: &[u8], from: usize) -> u32 {
    bytes[from..from + 4].iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

#[cfg(unix)]
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Write::write_all(&mut file, bytes)
}

#[cfg(test)]
mod tests;
