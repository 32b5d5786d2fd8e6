//! A job file that is a link: which folder counts, and what the other one contains.
//!
//! In scope: the folder of the link's target, if it is another one. Out of scope: the consequences
//! (`config::sections::sheet::target`).
//!
//! The folder of the typed path counts for `.env`, for relative paths, and for the embedded sheet.
//! So one job file may be linked into many folders, each with settings of its own. Files beside the
//! link's target are not read; where that would matter, a warning reports it.

use std::path::{Path, PathBuf};

use crate::private_files::link_target;

/// Returns the folder of the target of a link at `path`; `None` if `path` is not a link, or leads
/// to a file beside it.
pub(crate) fn find_target_folder(path: &Path) -> Option<PathBuf> {
    let typed = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let real = link_target(path)?.parent()?.to_owned();
    (typed.canonicalize().ok().as_ref() != Some(&real)).then_some(real)
}
