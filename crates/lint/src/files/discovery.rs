//! Which files are at and below a list of paths.
//!
//! Folders are searched below; links to folders are not followed there, so that no loop of links is
//! walked.

use std::path::{Path, PathBuf};

/// Folders that hold other people's code, or none.
const SKIPPED_FOLDERS: [&str; 10] =
    ["node_modules", "__pycache__", "site-packages", "venv", "env", "target", "build", "dist", "vendor", "egg-info"];
/// Folders below folders that are searched at most.
const MAX_DEPTH: usize = 64;

/// A path that could not be searched or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadPath {
    /// The path, as the user gave it or as the search found it.
    pub path: String,
    /// Why, as a clause.
    pub why: String,
}

/// The files of a list of paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiscoveredFiles {
    /// Files that were named.
    pub named: Vec<PathBuf>,
    /// Files that are below a folder.
    pub below: Vec<PathBuf>,
    /// What could not be searched.
    pub unread: Vec<UnreadPath>,
}

/// Returns the files at and below `paths`, each folder's in the order of names.
pub fn discover(paths: &[PathBuf]) -> DiscoveredFiles {
    let mut found = DiscoveredFiles::default();
    for path in paths {
        match std::fs::metadata(path) {
            Ok(about) if about.is_dir() => search(path, &mut found),
            Ok(_) => found.named.push(path.clone()),
            Err(error) => found.unread.push(make_unread(path, &error)),
        }
    }
    found
}

fn make_unread(path: &Path, error: &std::io::Error) -> UnreadPath {
    UnreadPath { path: path.display().to_string(), why: format!("can't be read: {error}") }
}

fn search(folder: &Path, found: &mut DiscoveredFiles) {
    let mut stack = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = stack.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                found.unread.push(make_unread(&folder, &error));
                continue;
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().rev() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
            if about.is_dir() {
                if !name.starts_with('.') && !SKIPPED_FOLDERS.contains(&name.as_str()) && depth < MAX_DEPTH {
                    stack.push((path, depth + 1));
                }
            } else if path.is_file() {
                found.below.push(path);
            } else if about.is_symlink()
                && let Err(error) = std::fs::metadata(&path)
            {
                found.unread.push(make_unread(&path, &error));
            }
        }
    }
    found.below.sort();
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn loops_of_links_are_a_line_and_not_a_hang() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("sub")).expect("made");
        std::fs::create_dir(path("node_modules")).expect("made");
        std::fs::write(path("sub/a.py"), "").expect("written");
        std::fs::write(path("node_modules/b.py"), "").expect("written");
        symlink(folder.path(), path("sub/up")).expect("a link");
        symlink(path("x"), path("y")).expect("a link");
        symlink(path("y"), path("x")).expect("a link");
        let found = discover(&[folder.path().to_owned(), path("none")]);
        assert_eq!(found.below, [path("sub/a.py")]);
        let unread: Vec<_> = found.unread.iter().map(|unread| unread.path.rsplit('/').next().unwrap_or("")).collect();
        assert_eq!(unread, ["y", "x", "none"]);
    }
}
