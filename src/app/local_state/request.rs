//! The request for a forced run, remembered on this machine until its success was shown. If the
//! process dies before that, a repeated request continues the same one, and no key is processed
//! once more.
//!
//! In scope: the file in the state directory. Out of scope: what a request means for a key
//! (`maintain::reprocess`). Without a disk nothing is remembered: a request after an unseen success
//! is a new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::ledger::leases::row_order::RequestOrder;
use crate::private_files;

/// The file's contents if the job had never run.
const NEVER_RAN: &str = "never ran";

/// The file of one job's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFile(PathBuf);

impl RequestFile {
    /// Returns the file of `job` at `target`.
    pub fn new(dir: &Path, job: &str, target: &str) -> Self {
        let digest = Sha256::digest(format!("{target}\u{1f}{job}").as_bytes());
        let name = format!("{}.forced", HEXLOWER.encode(digest.get(..12).unwrap_or(&digest)));
        Self(dir.join("requests").join(name))
    }

    /// Returns the path, which is removed as the very last action.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the pending request, if any.
    pub fn read(&self) -> Option<RequestOrder> {
        let text = fs::read_to_string(&self.0).ok()?;
        match text.trim() {
            NEVER_RAN => Some(RequestOrder { commit: None }),
            number => number.parse().ok().map(|commit| RequestOrder { commit: Some(commit) }),
        }
    }

    /// Writes a request, atomically and durably.
    pub fn write(&self, asked: RequestOrder) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        private_files::make_folder(folder)?;
        let text = asked.commit.map_or_else(|| NEVER_RAN.to_owned(), |commit| commit.to_string());
        private_files::write_atomically(&self.0, format!("{text}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_remembered_until_its_file_is_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = RequestFile::new(&dir.path().join("state"), "j", "s");
        assert_eq!(file.read(), None);
        for asked in [RequestOrder { commit: None }, RequestOrder { commit: Some(7) }] {
            file.write(asked).expect("it can be written");
            assert_eq!(file.read(), Some(asked));
        }
        assert_eq!(RequestFile::new(&dir.path().join("state"), "other", "s").read(), None);
        fs::remove_file(file.path()).expect("it is there");
        assert_eq!(file.read(), None);
    }
}
