//! The files with metrics: one line a run in `metrics.jsonl`, and the file that node-exporter's
//! textfile collector reads.
//!
//! In scope: writing both so that a reader never sees half of it. Out of scope: their contents
//! (`telemetry::metrics`).

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::private_files;
use crate::private_files::find_parent_folder;

/// The first line of a textfile, before the job's name.
const FIRST_LINE: &str = "# metrics of sheetkeep job ";
/// Bytes that are read of an existing textfile, for its first line.
const FIRST_BYTES: u64 = 512;
/// Bytes that are read at either end of an existing file of records.
const RECORD_BYTES: u64 = 16 << 10;

/// Appends a record as a line, by one write to a file that is open for appending. So records of
/// processes that share the file are not mixed. The file is created for its owner only. A file of
/// another kind stays.
pub fn append_record(path: &Path, record: &str) -> io::Result<()> {
    if let Some(why) = explain_foreign_records(path) {
        return Err(io::Error::other(why));
    }
    let mut file = private_files::open_to_append(path)?;
    // After a full disk the last line may lack its end.
    let start = if ends_within_line(path)? { "\n" } else { "" };
    file.write_all(format!("{start}{record}\n").as_bytes())
}

/// Returns why no record would be appended to this file.
pub fn explain_records_refusal(path: &Path) -> Option<String> {
    explain_folder_refusal(path).or_else(|| explain_foreign_records(path))
}

/// Returns why a file is not one of records. A record is an object with the time `at`. The first
/// line has to be one, or one of the last two: a full disk or a rotation may cut the others.
fn explain_foreign_records(path: &Path) -> Option<String> {
    let is_filled = |about: std::fs::Metadata| about.is_file() && about.len() > 0;
    if !path.symlink_metadata().is_ok_and(is_filled) {
        return None;
    }
    let (start, end) = read_ends(path).ok()?;
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let last = end.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty()).take(2);
    let is_cut = first.starts_with(b"{\"at\"");
    let has_records = std::iter::once(first).chain(last).any(is_record);
    (!has_records && !is_cut).then(|| "it exists and has no metrics of a run, and is left as it is".to_owned())
}

fn is_record(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|record| record.get("at").is_some())
}

/// Returns the bytes at the start and at the end of a file.
fn read_ends(path: &Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut file, mut start, mut end) = (File::open(path)?, Vec::new(), Vec::new());
    let length = file.metadata()?.len();
    Read::by_ref(&mut file).take(RECORD_BYTES).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(length.saturating_sub(RECORD_BYTES)))?;
    file.take(RECORD_BYTES).read_to_end(&mut end)?;
    Ok((start, end))
}

fn ends_within_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Replaces the textfile of `job` as a whole. It is readable for all, because node-exporter runs as
/// another user, and holds no secret. Another job's file, or a file of another kind, stays.
pub fn write_textfile(path: &Path, job: &str, metrics: &str) -> io::Result<()> {
    if let Some(why) = explain_textfile_refusal(path, job) {
        return Err(io::Error::other(why));
    }
    private_files::publish_atomically(path, format!("{FIRST_LINE}{job}\n{metrics}").as_bytes())
}

/// Returns why a run of `job` would not write this textfile.
pub fn explain_textfile_refusal(path: &Path, job: &str) -> Option<String> {
    if path.symlink_metadata().is_err() {
        return explain_folder_refusal(path);
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FIRST_BYTES).read_to_end(&mut start));
    let start = String::from_utf8_lossy(&start);
    let owner = start.lines().next().and_then(|line| line.strip_prefix(FIRST_LINE));
    match (read, owner) {
        (Ok(_), Some(owner)) if owner == job => None,
        (Ok(_), Some(owner)) => Some(format!("it has the metrics of job {owner}, and is left as it is")),
        _ => Some("it exists and has no metrics of a job, and is left as it is".to_owned()),
    }
}

/// Returns why no file can be created at `path`.
pub fn explain_folder_refusal(path: &Path) -> Option<String> {
    let folder = find_parent_folder(path);
    match private_files::check_writable(folder) {
        Ok(()) => None,
        Err(_) if !folder.is_dir() => Some(format!("its folder {} is not there", folder.display())),
        Err(error) => Some(format!("its folder {} can't be written: {error}", folder.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_lines_also_after_one_that_was_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics.jsonl");
        append_record(&path, "{\"at\":1}").expect("written");
        std::fs::write(&path, "{\"at\":1}\n{\"at\":").expect("cut");
        append_record(&path, "{\"at\":2}").expect("written");
        append_record(&path, "{\"at\":3}").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "{\"at\":1}\n{\"at\":\n{\"at\":2}\n{\"at\":3}\n");
        assert!(append_record(&folder.path().join("none/metrics.jsonl"), "{}").is_err());
    }

    #[test]
    fn no_record_is_appended_to_a_file_of_another_kind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metrics.jsonl");
        for text in
            ["name = \"orders\"\n", "id,at\n1,2\n", "{\"features\": [], \"n\": 1}", "{\n\"at\": 1}\n", "KEY=at\n"]
        {
            std::fs::write(&path, text).expect("written");
            assert!(append_record(&path, "{\"at\":1}").is_err(), "{text}");
            assert!(explain_records_refusal(&path).is_some(), "{text}");
            assert_eq!(std::fs::read_to_string(&path).expect("text"), text);
        }
        for text in
            ["", "{\"at\":\"2026", "{\"v\":1,\"at\":1}\n", "s\":1}\n{\"at\":1}\n", "s\":1}\n{\"at\":1}\n{\"at\":"]
        {
            std::fs::write(&path, text).expect("written");
            append_record(&path, "{\"at\":1}").expect(text);
            append_record(&path, "{\"at\":2}").expect(text);
        }
    }

    #[test]
    fn a_textfile_replaces_nothing_but_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quakes.prom");
        write_textfile(&path, "quakes", "a 1\n").expect("written");
        write_textfile(&path, "quakes", "a 2\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "# metrics of sheetkeep job quakes\na 2\n");
        let refused = write_textfile(&path, "others", "a 3\n").expect_err("another job's").to_string();
        assert!(refused.contains("job quakes"), "{refused}");
        std::fs::write(&path, "my notes\n").expect("written");
        assert!(write_textfile(&path, "quakes", "a 4\n").is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "my notes\n");
        let missing = explain_textfile_refusal(&folder.path().join("none/q.prom"), "quakes").expect("no folder");
        assert!(missing.contains("is not there"), "{missing}");
    }

    #[cfg(unix)]
    #[test]
    fn a_textfile_is_readable_for_the_collector() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("quakes.prom");
        write_textfile(&path, "quakes", "a 1\n").expect("written");
        assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o644);
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).expect("a list").flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["quakes.prom"], "no file that the collector would read twice");
    }
}
