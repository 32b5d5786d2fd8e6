//! One file: its text, and what it is.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::finding::TextPosition;

/// The longest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 16 << 20;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A Python script, of version 3.
    Python,
    /// sh or bash.
    Shell,
    /// A crontab of a user or of the system.
    Crontab,
    /// A list of requirements for pip.
    Requirements,
    /// A sheetkeep job file.
    JobFile,
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The path, as it is shown.
    pub path: String,
    /// What it is.
    pub kind: SourceKind,
    /// The whole text of the file.
    pub text: String,
    line_starts: Vec<usize>,
}

impl SourceText {
    /// Creates a source from its text.
    pub fn new(path: impl Into<String>, kind: SourceKind, text: impl Into<String>) -> Self {
        let text = text.into();
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Self { path: path.into(), kind, text, line_starts }
    }

    /// Reads a file. `Ok(None)` if it is none that the linter knows. The error is a clause.
    pub fn read(path: &Path) -> Result<Option<Self>, String> {
        let shown = path.display().to_string();
        let is_toml = path.extension().is_some_and(|end| end == "toml");
        let unreadable = |error: std::io::Error| format!("can't be read: {error}");
        // Asked before it is opened: opening a pipe waits for a writer.
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err("is not a regular file".to_owned());
        }
        let mut by_name = guess_kind_by_name(path);
        if by_name.is_none() && path.extension().is_some() && !is_toml {
            return Ok(None);
        }
        if about.len() > MAX_FILE_BYTES {
            let why = format!("is longer than {} MB, and was not looked at", MAX_FILE_BYTES >> 20);
            return if by_name.is_some() { Err(why) } else { Ok(None) };
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if by_name.is_none() && !bytes.starts_with(b"#!") && !is_toml {
            return Ok(None);
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            bytes.drain(..3);
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if by_name.is_some() => {
                let line =
                    1 + error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|b| **b == b'\n').count();
                return Err(format!("is not UTF-8 in line {line}, and was not looked at"));
            }
            Err(_) => return Ok(None),
        };
        by_name = by_name.or_else(|| guess_kind_by_text(&text));
        Ok(by_name.map(|kind| Self::new(shown, kind, text)))
    }

    /// Returns line and column of a byte.
    pub fn position(&self, byte: usize) -> TextPosition {
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..byte).unwrap_or_default();
        TextPosition { line, column: before.chars().count() + 1 }
    }

    /// Returns the text of a line (from 1), without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at)).copied().unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        rest.lines().next().unwrap_or_default()
    }

    /// Returns the number of lines.
    pub fn line_count(&self) -> usize {
        self.text.lines().count()
    }
}

fn guess_kind_by_name(path: &Path) -> Option<SourceKind> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    let is_in_cron_d = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "cron.d");
    match end.as_str() {
        "py" | "pyw" => Some(SourceKind::Python),
        "sh" | "bash" => Some(SourceKind::Shell),
        "cron" | "crontab" => Some(SourceKind::Crontab),
        "txt" if name.starts_with("requirements") => Some(SourceKind::Requirements),
        "" if name == "crontab" || is_in_cron_d => Some(SourceKind::Crontab),
        _ => None,
    }
}

/// Returns what a text is by its first line, or by the tables of a job file.
fn guess_kind_by_text(text: &str) -> Option<SourceKind> {
    let first = text.lines().next().unwrap_or_default();
    if let Some(program) = first.strip_prefix("#!") {
        if program.contains("python") {
            return Some(SourceKind::Python);
        }
        let is_shell = program.split(['/', ' ']).any(|word| matches!(word, "sh" | "bash" | "dash" | "ksh"));
        return is_shell.then_some(SourceKind::Shell);
    }
    let has = |table: &str| text.lines().any(|line| line.trim() == table);
    (has("[item]") && (has("[source]") || has("[sheet]"))).then_some(SourceKind::JobFile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_lines_and_characters_from_one() {
        let text = SourceText::new("a.py", SourceKind::Python, "ab\nü = 'x'\n");
        let at = |byte| (text.position(byte).line, text.position(byte).column);
        assert_eq!([at(0), at(1), at(3), at(5), at(12)], [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]);
        assert_eq!((text.line(2), text.line(9), text.line_count()), ("ü = 'x'", "", 2));
    }

    #[test]
    fn a_script_without_an_ending_is_known_by_its_first_line() {
        assert_eq!(guess_kind_by_text("#!/usr/bin/env python3\n"), Some(SourceKind::Python));
        assert_eq!(guess_kind_by_text("#!/bin/bash -e\n"), Some(SourceKind::Shell));
        assert_eq!(guess_kind_by_text("#!/usr/bin/perl\n"), None);
        assert_eq!(guess_kind_by_text("name = 'x'\n[source]\n[item]\n"), Some(SourceKind::JobFile));
        assert_eq!(guess_kind_by_text("[package]\n"), None);
    }
}
