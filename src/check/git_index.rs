//! Whether git tracks a file, read from the repository's index. Git itself is not started: a
//! repository's settings may name programs that it would run.
//!
//! In scope: indexes of versions 2 to 4 (git's `gitformat-index`). Out of scope: everything else
//! that a repository holds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::private_files::find_parent_folder;

/// The largest index that is read, in bytes: about a million files.
const MAX_BYTES: u64 = 128 << 20;
/// Bytes of an entry before its path, and those of the optional flags of version 3.
const FIXED: usize = 62;
const EXTENDED: usize = 2;
/// The flag of an entry with optional flags.
const EXTENDED_FLAG: u16 = 0x4000;

/// Returns whether git tracks the file. A file outside of a repository, or in one whose index can't
/// be read, counts as untracked.
pub fn is_tracked(file: &Path) -> bool {
    find_in_index(file).unwrap_or(false)
}

fn find_in_index(file: &Path) -> Option<bool> {
    let name = file.file_name()?;
    let folder = find_parent_folder(file);
    let file = folder.canonicalize().ok()?.join(name);
    let (root, git) = file.ancestors().skip(1).find_map(|folder| Some((folder, find_git_folder(folder)?)))?;
    let index = git.join("index");
    let is_small = fs::metadata(&index).ok()?.len() <= MAX_BYTES;
    let bytes = is_small.then(|| fs::read(&index).ok()).flatten()?;
    let path = file.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
    Some(parse_paths(&bytes)?.iter().any(|tracked| tracked == path.as_bytes()))
}

/// Returns the folder that holds a repository's index; a worktree names it in a file.
fn find_git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir:")?.trim()))
}

/// Returns the paths of an index's entries; `None` for another format.
fn parse_paths(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let version = read_number(bytes, 4)?;
    if bytes.get(..4)? != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let count = read_number(bytes, 8)?;
    let mut paths: Vec<Vec<u8>> = Vec::new();
    let mut at = 12;
    for _ in 0..count {
        let flags = u16::from_be_bytes(bytes.get(at + FIXED - 2..at + FIXED)?.try_into().ok()?);
        let mut name_at = at + FIXED + if flags & EXTENDED_FLAG == 0 { 0 } else { EXTENDED };
        let mut path = Vec::new();
        if version == 4 {
            // The path shares the beginning of the one before, all but so many bytes.
            let (cut, after) = read_varint(bytes, name_at)?;
            let before = paths.last().map(Vec::as_slice).unwrap_or_default();
            path.extend_from_slice(before.get(..before.len().checked_sub(cut)?)?);
            name_at = after;
        }
        let length = bytes.get(name_at..)?.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(bytes.get(name_at..name_at + length)?);
        let end = name_at + length;
        // Up to version 3, entries are padded with 1 to 8 zeros to a multiple of 8 bytes.
        at = if version == 4 { end + 1 } else { at + ((end - at) / 8 + 1) * 8 };
        paths.push(path);
    }
    Some(paths)
}

fn read_number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads a number of git's variable length, and where it ends.
fn read_varint(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut byte = *bytes.get(at)?;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        at += 1;
        byte = *bytes.get(at)?;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some((value, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index of version 2 or 4 with these paths, in order.
    fn index(version: u32, names: &[&str]) -> Vec<u8> {
        let mut bytes = b"DIRC".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend(u32::try_from(names.len()).expect("few").to_be_bytes());
        let mut before = String::new();
        for name in names {
            let start = bytes.len();
            bytes.extend([1; FIXED - 2]);
            bytes.extend([0, 0]);
            if version == 4 {
                let shared = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
                bytes.push(u8::try_from(before.len() - shared).expect("short"));
                bytes.extend(name[shared..].bytes().chain([0]));
            } else {
                bytes.extend(name.bytes());
                let length = bytes.len() - start;
                bytes.extend(std::iter::repeat_n(0, 8 - length % 8));
            }
            before = (*name).to_owned();
        }
        bytes
    }

    #[test]
    fn the_paths_of_an_index_are_read_in_each_version() {
        let names = [".env", ".gitignore", "jobs/a.toml", "jobs/long-name-of-a-job.toml"];
        for version in [2, 3, 4] {
            let read = parse_paths(&index(version, &names)).expect("an index");
            assert_eq!(read, names.map(|name| name.as_bytes().to_vec()), "version {version}");
        }
        assert_eq!(parse_paths(b"DIRC"), None);
        let cut = index(2, &names);
        assert_eq!(parse_paths(&cut[..cut.len() - 30]), None);
    }
}
