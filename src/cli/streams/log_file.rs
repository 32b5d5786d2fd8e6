//! The log file: what standard error gets, and what a quiet run leaves out there, in one file a
//! day.
//!
//! In scope: names by date, access for the owner only, appending, deleting old files. Out of scope:
//! what is logged (`cli::streams::logs`, `cli::output`).
//!
//! Not `tracing-appender`: it creates files that the group may read, and it writes events of
//! `tracing` only. Most of what people read of a run is not one.
//!
//! Each text is appended by one write to a file that is open for appending. So the lines of
//! processes that share the file are not mixed.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::known_secrets::hide_secrets;
use crate::private_files;
use crate::private_files::find_parent_folder;

/// Files that are kept, today's included.
const KEPT_FILES: usize = 14;
/// Characters of a date, `2026-11-29`.
const DATE_CHARS: usize = 10;

/// A log file with a name for each day, by UTC.
pub struct LogFile {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    today: Mutex<Option<(String, File)>>,
}

impl std::fmt::Debug for LogFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LogFile {
    /// Opens today's file of `path`: `run.log` becomes `run.2026-11-29.log` beside it. The folder
    /// has to exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let file = Self { path: path.to_owned(), clock, today: Mutex::default() };
        file.append("")?;
        Ok(file)
    }

    /// Appends each line of a text, without colours and secrets, after the time and the process.
    /// Lines that are JSON or have a time of their own stay as they are.
    pub fn write(&self, text: &str) {
        let text = hide_secrets(text);
        let plain = remove_colours(&text);
        let now = self.clock.now().to_string();
        let process = std::process::id();
        let mut lines = String::with_capacity(plain.len() + 64);
        for line in plain.lines().filter(|line| !line.trim().is_empty()) {
            if !line.starts_with('{') {
                let has_time = line.get(..DATE_CHARS).is_some_and(is_date);
                let time = if has_time { String::new() } else { format!("{now} ") };
                let _ = write!(lines, "[{process}] {time}");
            }
            lines.push_str(line);
            lines.push('\n');
        }
        // A log that can't be written does not stop the run; standard error has the same lines.
        let _ = self.append(&lines);
    }

    fn append(&self, lines: &str) -> io::Result<()> {
        let date: String = self.clock.now().to_string().chars().take(DATE_CHARS).collect();
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.as_ref().is_none_or(|(open, _)| *open != date) {
            let file = private_files::open_to_append(&self.path_of_day(&date))?;
            *today = Some((date, file));
            self.delete_old();
        }
        match today.as_mut() {
            Some((_, file)) => file.write_all(lines.as_bytes()),
            None => Ok(()),
        }
    }

    /// Returns the parts of the name before and after the date.
    fn name_parts(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let stem = text(self.path.file_stem()).unwrap_or_default();
        let end = text(self.path.extension()).map(|end| format!(".{end}")).unwrap_or_default();
        (format!("{stem}."), end)
    }

    fn path_of_day(&self, date: &str) -> PathBuf {
        let (start, end) = self.name_parts();
        self.path.with_file_name(format!("{start}{date}{end}"))
    }

    /// Deletes all but the latest files of this name; best effort.
    fn delete_old(&self) {
        let (start, end) = self.name_parts();
        let folder = find_parent_folder(&self.path);
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let is_ours = |name: &String| {
            name.strip_prefix(&start)
                .and_then(|rest| rest.strip_suffix(&end))
                .is_some_and(|date| date.len() == DATE_CHARS && is_date(date))
        };
        let mut ours: Vec<String> = names.filter(is_ours).collect();
        ours.sort();
        ours.truncate(ours.len().saturating_sub(KEPT_FILES));
        for name in ours {
            let _ = std::fs::remove_file(folder.join(name));
        }
    }
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// Returns the text without the escapes that set colours.
fn remove_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').map_or(part.len(), |at| at + 1);
        out.push_str(part.get(end..).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::system::TestClock;
    use crate::time::Timestamp;

    use super::*;

    fn clock(at: &str) -> Arc<TestClock> {
        Arc::new(TestClock::starting_at(Timestamp::parse(at).expect("a time")))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a list").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[tokio::test(start_paused = true)]
    async fn each_day_has_a_file_and_fourteen_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        for kept in ["run.log", "run.notes.log", "run.2026-1-1x.log", "other.2026-11-01.log"] {
            std::fs::write(folder.path().join(kept), "mine").expect("written");
        }
        let clock = clock("2026-11-01T23:59:00Z");
        let log = LogFile::open(&folder.path().join("run.log"), clock.clone()).expect("a log");
        for day in 1..=20 {
            log.write(&format!("day {day}\n"));
            clock.sleep(std::time::Duration::from_hours(24)).await;
        }
        let names = names(folder.path());
        let ours: Vec<_> = names.iter().filter(|name| name.starts_with("run.2026-11-")).collect();
        assert_eq!((ours.len(), ours[0].as_str(), names.len()), (14, "run.2026-11-07.log", 18), "{names:?}");
        let last = std::fs::read_to_string(folder.path().join("run.2026-11-20.log")).expect("the last day");
        assert!(last.ends_with("2026-11-20T23:59:00.000Z day 20\n"), "{last}");
    }

    #[tokio::test(start_paused = true)]
    async fn lines_have_a_time_and_no_colour_and_no_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = LogFile::open(&folder.path().join("run"), clock("2026-11-01T09:00:00Z")).expect("a log");
        log.write("\u{1b}[1;31merror:\u{1b}[0m no \u{1b}[2mrow\u{1b}[0m\n\n  help: see x\n");
        log.write("{\"time\":\"t\"}\n");
        log.write("2026-11-01T08:00:00Z  WARN y\n");
        log.write("Authorization: Bearer ya29.a0AfH6SMBx1234567890abcdefghij\n");
        let path = folder.path().join("run.2026-11-01");
        let text = std::fs::read_to_string(&path).expect("the file");
        let process = format!("[{}] ", std::process::id());
        let lines: Vec<_> = text.lines().map(|line| line.strip_prefix(&process).unwrap_or(line)).collect();
        assert_eq!(
            &lines[..3],
            ["2026-11-01T09:00:00.000Z error: no row", "2026-11-01T09:00:00.000Z   help: see x", "{\"time\":\"t\"}"]
        );
        assert_eq!(lines[3], "2026-11-01T08:00:00Z  WARN y");
        assert!(!lines[4].contains("ya29.a0"), "{}", lines[4]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_log_without_its_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(LogFile::open(&folder.path().join("none/run.log"), clock("2026-11-01T09:00:00Z")).is_err());
    }
}
