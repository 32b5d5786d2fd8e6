//! The `.env` file beside the job file, or the file that a flag names in its place.
//!
//! In scope: finding and reading it, naming a wrong line without showing it. Out of scope:
//! precedence of names (`config::external::environment`).

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use crate::config::problem::ConfigProblem;

/// The file's name.
pub const NAME: &str = ".env";
/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;
const TOO_LONG: &str = "it is longer than 64 KiB";
const UTF_16: &str = "it is UTF-16 text";
const NOT_UTF_8: &str = "it is not UTF-8 text";
const FOLDER: &str = "it is a folder";

/// Reads a file that a flag names; it has to exist.
pub(crate) fn read_named(path: &Path) -> Result<BTreeMap<String, String>, ConfigProblem> {
    if path.symlink_metadata().is_err() {
        let problem = ConfigProblem::new(format!("{} was not found", path.display()));
        return Err(problem.help("--env-file names a file with lines NAME=VALUE, from the present folder"));
    }
    read(path)
}

/// Reads the names and values of the file at `path`; none if there is no file. An error names the
/// line and shows nothing of it.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, String>, ConfigProblem> {
    let unreadable =
        |why: &str| ConfigProblem::new(format!("{} can't be read: {why}", path.display())).help(find_advice(why));
    let text = match open(path) {
        Ok(None) => return Ok(BTreeMap::new()),
        Ok(Some(bytes)) if bytes.len() as u64 > MAX_BYTES => return Err(unreadable(TOO_LONG)),
        Ok(Some(bytes)) if is_utf16(&bytes) => return Err(unreadable(UTF_16)),
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| unreadable(NOT_UTF_8))?,
        Err(error) => return Err(unreadable(&explain_read_error(path, &error))),
    };
    parse(text.trim_start_matches('\u{feff}')).map_err(|line| {
        ConfigProblem::new(format!("{} can't be read: line {line} is not of the form NAME=VALUE", path.display())).help(
            "each line is NAME=VALUE; put a value with spaces, quotes or $ into single quotes. The line is not shown, for it may hold a secret",
        )
    })
}

/// Opens the file. A link that leads nowhere is an error, not a missing file: a file was intended.
fn open(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::File::open(path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the bytes are UTF-16 text: with its mark, or with a zero in one half of each
/// character.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.iter().take(2).any(|byte| *byte == 0)
}

/// Returns the next step for a file that can't be read for this reason.
fn find_advice(why: &str) -> &'static str {
    match why {
        TOO_LONG => "keep only lines NAME=VALUE in it, or name another file with --env-file",
        UTF_16 | NOT_UTF_8 => "save it again as UTF-8, with the encoding that the editor offers when it saves",
        FOLDER => "rename that folder, and write the settings to a file of this name, as lines NAME=VALUE",
        _ => "make it readable for this user, or remove it; without it, settings come from the environment alone",
    }
}

fn explain_read_error(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is a link to a file that is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ if path.is_dir() => FOLDER.to_owned(),
        _ => error.to_string(),
    }
}

/// Parses names and values. An error is the number of the line at which the first invalid entry
/// begins.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let read = |text: &str| dotenvy::Iter::new(text.as_bytes()).collect::<Result<BTreeMap<_, _>, _>>();
    // The parser's error would quote the line, so the line is found by parsing ever longer
    // prefixes.
    read(text).map_err(|_| {
        let upto = |lines: usize| text.split_inclusive('\n').take(lines).collect::<String>();
        (0..text.lines().count()).rev().find(|&lines| read(&upto(lines)).is_ok()).unwrap_or(0) + 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(text: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        std::fs::write(&path, text).expect("a file");
        let problem = read(&path).expect_err("an unreadable file");
        format!("{} {}", problem.message, problem.help.unwrap_or_default())
    }

    #[test]
    fn a_line_that_is_none_is_named_and_not_shown() {
        for (text, line) in [
            ("A=1\n# note\n\nhunter two\nB=2\n", "line 4 "),
            ("A=1\nB='hunter two\nC=3\n", "line 2 "),
            ("A='1\n2'\nB=\"hunter\n", "line 3 "),
            ("A=hunter two\n", "line 1 "),
            ("{\"private_key\": \"hunter\"}\n", "line 1 "),
        ] {
            let message_of = message_of(text.as_bytes());
            assert!(message_of.contains(line) && !message_of.contains("hunter"), "{line}: {message_of}");
        }
        assert!(message_of(b"A=\xff\n").contains("not UTF-8 text save it again as UTF-8"));
        for utf_16 in [b"\xff\xfeA\0=\0".as_slice(), b"A\0=\x001\0", b"\0A\0=\x001"] {
            assert!(message_of(utf_16).contains("UTF-16 text save it again as UTF-8"));
        }
        assert!(message_of("#".repeat(70_000).as_bytes()).contains("longer"));
    }

    #[test]
    fn a_mark_at_the_start_and_line_ends_of_windows_are_no_mistake() {
        let values = parse("A=1\r\nexport B='2 3'\r\n").expect("entries");
        assert_eq!((values["A"].as_str(), values["B"].as_str()), ("1", "2 3"));
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(NAME), "\u{feff}A=1\n").expect("a file");
        assert_eq!(read(&folder.path().join(NAME)).expect("entries")["A"], "1");
    }

    #[cfg(unix)]
    #[test]
    fn only_a_missing_env_file_counts_as_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        assert_eq!(read(&path), Ok(BTreeMap::new()));
        std::os::unix::fs::symlink("nowhere", &path).expect("a link");
        let message = read(&path).expect_err("it leads nowhere").message;
        assert!(message.contains("a link to a file that is not there"), "{message}");
        std::fs::remove_file(&path).expect("it is there");
        std::fs::create_dir(&path).expect("a folder");
        let folder = read(&path).expect_err("a folder");
        assert!(folder.message.contains("it is a folder") && folder.help.is_some_and(|help| help.contains("rename")));
    }
}
