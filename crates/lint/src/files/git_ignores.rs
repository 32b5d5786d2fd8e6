//! Whether git ignores a file.

use std::path::Path;

/// Returns whether git ignores a file of this name in a folder: `Some(false)` if it does not,
/// `None` if the folder is in no repository.
pub(crate) fn is_ignored_by_git(folder: &Path, name: &str) -> Option<bool> {
    let mut ignored = false;
    for folder in folder.canonicalize().ok()?.ancestors() {
        if let Ok(text) = std::fs::read_to_string(folder.join(".gitignore")) {
            let patterns = text.lines().map(|line| line.trim().trim_start_matches('/'));
            ignored |= patterns.into_iter().any(|pattern| [name, "*.env", ".env*", ".*"].contains(&pattern));
        }
        if folder.join(".git").exists() {
            return Some(ignored);
        }
    }
    None
}
