//! What is there in place of a file that is not.
//!
//! In scope: the words about the folder in which a path or a pattern was looked for. Out of scope:
//! opening files (`source::bytes::input`), patterns (`source::file_series`).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Names that are shown of a folder.
const SHOWN_NAMES: usize = 3;

/// What an address begins with, as a path that was joined with a folder shows it.
const ADDRESSES: [&str; 4] = ["https:/", "http:/", "file:/", "ftp:/"];

/// Describes where a path or pattern was looked for: the first folder that is not there, or what
/// the last folder without a wildcard has. Begins with `; `.
pub(crate) fn describe_nearby_files(path: &Path) -> String {
    if let Ok(target) = std::fs::read_link(path) {
        return format!("; it is a link to {}, which is not there", target.display());
    }
    let text = path.to_string_lossy();
    if let Some(at) =
        text.find("~/").filter(|at| *at == 0 || text.get(..*at).is_some_and(|before| before.ends_with('/')))
    {
        let rest = text.get(at..).unwrap_or_default();
        return format!("; {rest} is a path of the shell: write the whole path");
    }
    if let Some((scheme, _)) = ADDRESSES.iter().find_map(|scheme| text.split_once(scheme).map(|found| (scheme, found)))
    {
        return format!(
            "; it is an address ({}), and a source is a file: curl -sSf ADDRESS | sheetkeep run JOB.toml --input -",
            scheme.trim_end_matches('/')
        );
    }
    let mut folder = PathBuf::new();
    for part in path.parent().unwrap_or(Path::new("")).components() {
        if part.as_os_str().to_string_lossy().contains(['*', '?']) {
            break;
        }
        folder.push(part);
        match folder.metadata().map_err(|error| error.kind()) {
            Ok(about) if about.is_dir() => {}
            Err(ErrorKind::PermissionDenied) => {
                return format!("; the folder {} may not be read by this user", folder.display());
            }
            Ok(_) => return format!("; {} is not a folder", folder.display()),
            Err(_) => return format!("; the folder {} is not there", folder.display()),
        }
    }
    if folder.as_os_str().is_empty() {
        folder.push(".");
    }
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return format!("; the folder {} may not be read by this user", folder.display());
        }
        Err(_) => return String::new(),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let wanted = normalize_stem(&path.file_name().unwrap_or_default().to_string_lossy());
    names.sort_by_key(|name| (normalize_stem(name) != wanted, name.clone()));
    let shown: Vec<String> = names.iter().take(SHOWN_NAMES).map(|name| format!("{name:?}")).collect();
    let (folder, shown) = (folder.display(), shown.join(", "));
    match names.len() {
        0 => format!("; the folder {folder} is empty"),
        1..=SHOWN_NAMES => format!("; the folder {folder} has only {shown}"),
        all => format!("; the folder {folder} has {shown} and {} more", all - SHOWN_NAMES),
    }
}

/// Returns a name without its ending, in lower case: what people remember of it.
fn normalize_stem(name: &str) -> String {
    name.split('.').next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_folder_or_the_names_that_are_there_are_shown() {
        let root = tempfile::tempdir().expect("a folder");
        let words = |path: &str| {
            let words = describe_nearby_files(&root.path().join(path));
            words.replace(&root.path().display().to_string(), "ROOT")
        };
        assert!(words("~/orders.csv").starts_with("; ~/orders.csv is a path of the shell"));
        assert!(words("https://example.org/a.csv").starts_with("; it is an address (https:)"));
        assert_eq!(words("exports/*.csv"), "; the folder ROOT/exports is not there");
        std::fs::create_dir(root.path().join("exports")).expect("a folder");
        assert_eq!(words("exports/*.csv"), "; the folder ROOT/exports is empty");
        assert_eq!(words("ex*/2026/*.csv"), "; the folder ROOT has only \"exports\"");
        for name in ["a.txt", "b.tsv", "Orders.CSV", "d.md", ".hidden"] {
            std::fs::write(root.path().join("exports").join(name), "").expect("a file");
        }
        let names = "; the folder ROOT/exports has \"Orders.CSV\", \"a.txt\", \"b.tsv\" and 1 more";
        assert_eq!(words("exports/orders.csv"), names);
    }
}
