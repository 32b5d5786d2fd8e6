//! What is asked of the linter, and what it found.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::discovery::UnreadPath;
use crate::finding::{LintConfidence, LintFinding, LintSeverity};
use crate::rules::rule::Habit;

/// What the user asks of the linter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintSettings {
    /// Findings below this are left out.
    pub min_confidence: LintConfidence,
    /// Other severities than the table's; `None` turns a code off.
    pub severities: BTreeMap<&'static str, Option<LintSeverity>>,
    /// Whether comments that ignore a finding count.
    pub honours_ignores: bool,
}

impl Default for LintSettings {
    fn default() -> Self {
        Self { min_confidence: LintConfidence::Medium, severities: BTreeMap::new(), honours_ignores: true }
    }
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The path, as it is shown.
    pub path: String,
    /// Lines of the file.
    pub lines: usize,
    /// The findings, by place.
    pub findings: Vec<LintFinding>,
    /// The text of each finding's line, for the baseline.
    pub line_texts: Vec<String>,
    /// What of the file was not looked at, such as syntax that is not Python 3; none if all was.
    pub notes: Vec<String>,
    /// Findings that comments keep.
    pub ignored: usize,
    /// Habits that the file could have.
    pub habits: BTreeSet<Habit>,
    /// Habits that a finding breaks, also one of low confidence.
    pub broken: BTreeSet<Habit>,
}

/// What was found in all files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LintReport {
    /// Each file that was read.
    pub files: Vec<FileReport>,
    /// Paths that were not.
    pub unread: Vec<UnreadPath>,
    /// Findings that a baseline has.
    pub in_baseline: usize,
}

impl LintReport {
    /// Returns every finding with its file.
    pub fn findings(&self) -> impl Iterator<Item = (&FileReport, &LintFinding)> {
        self.files.iter().flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    }
}
