//! A job file that is a link: which folder counts, and what lies in the other one.
//!
//! In scope: the folder of the file behind the link, where it is another one. Out of scope: what follows from it (`config::target`).
//!
//! The folder of the path as it was typed counts, for `.env`, for relative paths and for the embedded sheet: so one job file may be
//! linked into many folders, each with settings of its own. What lies beside the file behind the link is not read; where that
//! would matter, it is said.

use std::path::{Path, PathBuf};

use crate::private::linked;

/// The folder of the file that a link at `path` leads to; none where it is no link, or leads to a file beside it.
pub(crate) fn elsewhere(path: &Path) -> Option<PathBuf> {
    let typed = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let real = linked(path)?.parent()?.to_owned();
    (typed.canonicalize().ok().as_ref() != Some(&real)).then_some(real)
}
