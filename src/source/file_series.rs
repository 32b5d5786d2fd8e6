//! Several files as one source: those that a pattern such as `exports/*.csv` matches, in the order
//! of their names.
//!
//! In scope: finding them, reading one after the other. Out of scope: reading one file
//! (`source::csv` and the others).
//!
//! All files are opened before the first is read. So a second pass reads the same files, whatever
//! takes their names meanwhile.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use crate::port::source::{HeaderRow, Record, Source, SourceError};
use crate::source::background_reader::BackgroundReader;
use crate::source::bytes::input::Input;
use crate::source::nearby_files::describe_nearby_files;

/// What makes a path a pattern.
const WILDCARD_CHARS: [char; 2] = ['*', '?'];

/// Maximum number of files that one pattern may match; each is held open.
pub const MAX_FILES: usize = 500;

/// Returns the files that an input names: itself, or those that its pattern matches, in the order
/// of their names. Fails if a pattern matches none, or more than [`MAX_FILES`].
///
/// A path is a pattern if it holds `*` or `?`, and no file has that very name. Brackets count only
/// in a part of the path that holds one of them: folders and files often have brackets in their
/// names.
pub fn list_files(input: &Input) -> Result<Vec<Input>, SourceError> {
    let Some(pattern) = find_pattern(input) else { return Ok(vec![input.clone()]) };
    let what = pattern.to_owned();
    let options =
        glob::MatchOptions { require_literal_separator: true, require_literal_leading_dot: true, case_sensitive: true };
    let found = glob::glob_with(&with_plain_brackets(pattern), options).map_err(|error| SourceError::Missing {
        what: what.clone(),
        hint: format!("; it is not a valid pattern: {error}"),
    })?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in found {
        match path {
            Ok(path) if path.is_dir() => {}
            Ok(path) if path.is_file() => paths.push(path),
            Ok(path) => {
                let advice = format!("move it away, or write {what} so that only files match");
                let seen = match std::fs::read_link(&path) {
                    Ok(target) => format!("a link to {}, which is not there", target.display()),
                    Err(_) => "neither a file nor a folder, such as a pipe".to_owned(),
                };
                return Err(SourceError::OtherFormat { what: path.display().to_string(), seen, advice });
            }
            Err(error) => {
                let what = error.path().display().to_string();
                return Err(SourceError::Denied { what, why: error.error().to_string() });
            }
        }
    }
    paths.sort();
    if paths.is_empty() {
        let hint = describe_nearby_files(Path::new(pattern));
        return Err(SourceError::Missing { what: format!("a file that matches {what}"), hint });
    }
    if paths.len() > MAX_FILES {
        let seen = format!("a pattern of {} files, and at most {MAX_FILES} are read in one run", paths.len());
        return Err(SourceError::OtherFormat { what, seen, advice: "write it so that fewer files match".to_owned() });
    }
    Ok(paths.into_iter().map(Input::File).collect())
}

/// Returns the pattern of an input that is one.
fn find_pattern(input: &Input) -> Option<&str> {
    let Input::File(path) = input else { return None };
    let text = path.to_str()?;
    (text.contains(WILDCARD_CHARS) && !Path::exists(path)).then_some(text)
}

/// Escapes the brackets of the parts of a path that are not patterns.
fn with_plain_brackets(pattern: &str) -> String {
    let plain = |part: &str| if part.contains(WILDCARD_CHARS) { part.to_owned() } else { glob::Pattern::escape(part) };
    pattern.split('/').map(plain).collect::<Vec<_>>().join("/")
}

/// Several sources, one after the other.
pub struct FileSeries {
    readers: VecDeque<BackgroundReader>,
    /// The number of readers that were read to their end, which are the last ones of the queue.
    done: usize,
    /// The fields of the first file.
    fields: Option<Vec<String>>,
    is_begun: bool,
    is_rewound: bool,
    notes: Vec<String>,
    failed: Option<SourceError>,
}

impl FileSeries {
    /// Creates the source of these files, at least one.
    pub fn new(readers: Vec<BackgroundReader>) -> Self {
        Self {
            readers: readers.into(),
            done: 0,
            fields: None,
            is_begun: false,
            is_rewound: false,
            notes: Vec::new(),
            failed: None,
        }
    }

    /// Reads the header row of the present file. Each has to have the fields of the first one.
    async fn begin(&mut self) -> Result<Option<HeaderRow>, SourceError> {
        self.is_begun = true;
        let Some(reader) = self.readers.front_mut() else { return Ok(None) };
        let Some(row) = reader.header_row().await else { return Ok(None) };
        let Some(first) = &self.fields else {
            self.fields = Some(row.fields.clone());
            return Ok(Some(row));
        };
        match first.iter().find(|field| !row.fields.contains(field)) {
            Some(field) => Err(SourceError::InvalidContent {
                position: format!("{}:1 (header row)", row.what),
                why: format!(
                    "it has no field {field:?}, which the first file has: correct it, or make it a job of its own"
                ),
            }),
            None => Ok(Some(row)),
        }
    }

    async fn advance(&mut self) -> Result<Option<Record>, SourceError> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if self.done == self.readers.len() {
                return Ok(None);
            }
            if !self.is_begun {
                match self.begin().await {
                    Ok(Some(row)) if !self.is_rewound => self.notes.extend(row.notes),
                    Ok(_) => {}
                    Err(error) => {
                        self.failed = Some(error);
                        continue;
                    }
                }
            }
            let Some(reader) = self.readers.front_mut() else { return Ok(None) };
            match reader.next().await {
                Ok(None) => {
                    self.notes.extend(reader.take_notes());
                    self.readers.rotate_left(1);
                    (self.done, self.is_begun) = (self.done + 1, false);
                }
                other => return other,
            }
        }
    }
}

impl Source for FileSeries {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(self.advance())
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        // An error of the header row comes with the first record.
        Box::pin(async { self.begin().await.ok().flatten() })
    }

    fn is_rereadable(&self) -> bool {
        self.readers.iter().all(Source::is_rereadable)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        let done = self.done;
        self.readers.rotate_right(done);
        // Also those that were not read yet: they are read in full now.
        for reader in &mut self.readers {
            reader.rewind()?;
        }
        (self.done, self.is_begun, self.is_rewound, self.failed) = (0, false, true, None);
        Ok(())
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.readers.iter().map(Source::progress).try_fold((0, 0), |(read, all), one| {
            let (part, whole) = one?;
            Some((read + part, all + whole))
        })
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

#[cfg(test)]
mod tests;
