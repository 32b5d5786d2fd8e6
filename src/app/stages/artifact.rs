//! An artefact: the file that a stage makes.
//!
//! In scope: its description, and putting a file in its place as a whole. Out of scope: who writes
//! it (`app::stages::stage_command`).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::private_files;
use crate::private_files::find_parent_folder;

/// Bytes per read.
const CHUNK: usize = 64 << 10;
/// The end of the names of files that are not complete.
const PART: &str = ".part";

/// The description of a file that a stage made or delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its path, as the job file has it, with the variables of the run put in.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
}

impl Artifact {
    /// Reads the file to its end. `path` is its path as people know it. It blocks.
    pub fn read(file: &Path, path: &str) -> io::Result<Self> {
        let mut input = File::open(file)?;
        let (mut hash, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
        loop {
            let count = input.read(&mut chunk)?;
            if count == 0 {
                break;
            }
            hash.update(chunk.get(..count).unwrap_or_default());
            bytes += count as u64;
        }
        Ok(Self { path: path.to_owned(), bytes, sha256: HEXLOWER.encode(&hash.finalize()) })
    }

    /// Returns the text of the checkpoint: path, size, hash.
    pub fn description(&self) -> String {
        format!("{} {} B sha256:{}", self.path, self.bytes, self.sha256)
    }

    /// Reads the description in a record; `None` if it is not complete.
    pub fn from_record(record: &Value) -> Option<Self> {
        Some(Self {
            path: record.get("path")?.as_str()?.to_owned(),
            bytes: record.get("bytes")?.as_u64()?,
            sha256: record.get("sha256")?.as_str()?.to_owned(),
        })
    }

    /// Returns the members of a record that describe it.
    pub fn members(&self) -> [(&'static str, Value); 3] {
        [("path", json!(self.path)), ("bytes", json!(self.bytes)), ("sha256", json!(self.sha256))]
    }
}

/// Returns the path of a file that is not complete, beside `target`; `nonce` distinguishes
/// attempts.
pub fn make_part_path(target: &Path, nonce: u64) -> PathBuf {
    let mut name = name_part_start(target);
    name.push(format!("{nonce:016x}{PART}"));
    target.with_file_name(name)
}

fn name_part_start(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".");
    name
}

/// Removes files beside `target` that processes left which were killed.
pub fn remove_parts(target: &Path) -> io::Result<()> {
    let folder = find_folder(target);
    let start = name_part_start(target);
    let (start, entries) = (start.to_string_lossy().into_owned(), std::fs::read_dir(folder)?);
    for entry in entries {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        let nonce = text.strip_prefix(start.as_str()).and_then(|rest| rest.strip_suffix(PART));
        if nonce.is_some_and(|nonce| nonce.len() == 16 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            std::fs::remove_file(folder.join(&name))?;
        }
    }
    Ok(())
}

/// Makes the folder of `target`, if it is missing.
pub fn make_folder_of(target: &Path) -> io::Result<()> {
    private_files::make_folder(find_folder(target))
}

/// Puts a complete file that is on the disk in the place of `target`, durably: a crash leaves the
/// old file or this one. It blocks.
pub fn publish_part(part: &Path, target: &Path) -> io::Result<()> {
    std::fs::rename(part, target)?;
    File::open(find_folder(target))?.sync_all()
}

/// Copies a file as a whole, durably, for its owner only. It blocks.
pub fn copy_whole(from: &Path, target: &Path, nonce: u64) -> io::Result<()> {
    make_folder_of(target)?;
    let part = make_part_path(target, nonce);
    let copied = File::open(from).and_then(|mut input| {
        let mut output = private_files::create_new(&part)?;
        io::copy(&mut input, &mut output)?;
        output.sync_all()?;
        publish_part(&part, target)
    });
    if copied.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    copied
}

fn find_folder(target: &Path) -> &Path {
    find_parent_folder(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_path_size_and_hash() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.json");
        std::fs::write(&file, "abc").expect("written");
        let artifact = Artifact::read(&file, "data/a.json").expect("read");
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(artifact.description(), format!("data/a.json 3 B sha256:{hash}"));
        let record: Value = artifact.members().map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        assert_eq!(Artifact::from_record(&record), Some(artifact));
        assert_eq!(Artifact::from_record(&json!({ "path": "a", "bytes": -1, "sha256": "x" })), None);
    }

    #[test]
    fn only_parts_of_the_same_artefact_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.json");
        for name in [".a.json.00000000000000ff.part", ".b.json.00000000000000ff.part", ".a.json.x.part", "a.json"] {
            std::fs::write(folder.path().join(name), "x").expect("written");
        }
        assert_eq!(make_part_path(&target, 255), folder.path().join(".a.json.00000000000000ff.part"));
        remove_parts(&target).expect("removed");
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).expect("a list").flatten().map(|e| e.file_name()).collect();
        left.sort();
        assert_eq!(left, [".a.json.x.part", ".b.json.00000000000000ff.part", "a.json"]);
    }

    #[test]
    fn a_copy_is_whole_and_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("a"), folder.path().join("dead/a"));
        std::fs::write(&from, "content").expect("written");
        copy_whole(&from, &to, 1).expect("copied");
        assert_eq!(std::fs::read_to_string(&to).expect("text"), "content");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&to).expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert!(copy_whole(&folder.path().join("none"), &to, 2).is_err());
        assert_eq!(std::fs::read_dir(folder.path().join("dead")).expect("a list").count(), 1);
    }
}
