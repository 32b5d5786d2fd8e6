//! How ready scripts are: habits that they have, of those that they could have.

use std::collections::BTreeSet;

use crate::finding::{LintConfidence, LintSeverity};
use crate::results::report::LintReport;
use crate::rules::rule::Habit;

/// How far scripts can be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadinessLevel {
    /// Something was not read, so that no level can be promised.
    Unknown,
    /// There are errors.
    None,
    /// There is no error.
    C,
    /// No error, and bounded retries, alerts and one run at a time.
    B,
    /// All habits that apply to the scripts.
    A,
}

impl ReadinessLevel {
    /// Returns the letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::C => "C",
            Self::B => "B",
            Self::A => "A",
        }
    }
}

/// The habits of all files together. A habit is had if no file breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Habits that are had, in the order of weight.
    pub kept: Vec<Habit>,
    /// Habits that are missing, in the order of weight.
    pub missing: Vec<Habit>,
    /// The level that follows from the habits and the errors.
    pub level: ReadinessLevel,
    /// Paths that were not read at all.
    pub unread: usize,
    /// Files that were read in part only.
    pub partly_read: usize,
}

impl Readiness {
    /// Returns the readiness of a report.
    pub fn of(report: &LintReport) -> Self {
        let all: BTreeSet<Habit> = report.files.iter().flat_map(|file| &file.habits).copied().collect();
        let broken: BTreeSet<Habit> = report.files.iter().flat_map(|file| &file.broken).copied().collect();
        let (missing, kept): (Vec<_>, Vec<_>) =
            Habit::ALL.into_iter().filter(|habit| all.contains(habit)).partition(|habit| broken.contains(habit));
        let mut findings = report.findings();
        let has_error = findings
            .any(|(_, finding)| finding.severity == LintSeverity::Error && finding.confidence == LintConfidence::High);
        let is_missing = |habit| missing.contains(&habit);
        let unread = report.unread.len();
        let partly_read = report.files.iter().filter(|file| !file.notes.is_empty()).count();
        // An error that was found is one, whatever else was not read.
        let level = if has_error {
            ReadinessLevel::None
        } else if unread + partly_read > 0 || report.files.is_empty() {
            ReadinessLevel::Unknown
        } else if [Habit::BoundedRetries, Habit::Alerts, Habit::OneAtATime].into_iter().any(is_missing) {
            ReadinessLevel::C
        } else if missing.is_empty() {
            ReadinessLevel::A
        } else {
            ReadinessLevel::B
        };
        Self { kept, missing, level, unread, partly_read }
    }

    /// Returns the score as it is printed: `9/14`.
    pub fn score(&self) -> String {
        format!("{}/{}", self.kept.len(), self.kept.len() + self.missing.len())
    }

    /// Returns whether every file was read as a whole, so that score and level are about all of them.
    pub fn is_complete(&self) -> bool {
        self.unread + self.partly_read == 0
    }

    /// Returns score and level as they are printed, with what they are not about: `9/14 (level C)`,
    /// or `9/14 of what was read (level unknown: 1 path not read)`.
    pub fn summary(&self) -> String {
        let (score, level) = (self.score(), self.level.name());
        let left = self.left_out();
        match self.level {
            _ if self.is_complete() => format!("{score} (level {level})"),
            ReadinessLevel::Unknown => format!("{score} of what was read (level {level}: {left})"),
            _ => format!("{score} of what was read (level {level}; {left})"),
        }
    }

    fn left_out(&self) -> String {
        let counted = |count: usize, what: &str, rest: &str| {
            let end = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {what}{end} {rest}"))
        };
        let parts = [counted(self.unread, "path", "not read"), counted(self.partly_read, "file", "read in part")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
