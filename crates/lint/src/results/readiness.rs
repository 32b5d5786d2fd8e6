//! How ready scripts are: habits that they have, of those that they could have.

use std::collections::BTreeSet;

use crate::finding::{LintConfidence, LintSeverity};
use crate::results::report::LintReport;
use crate::rules::rule::Habit;

/// How far scripts can be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadinessLevel {
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
        let level = if has_error {
            ReadinessLevel::None
        } else if [Habit::BoundedRetries, Habit::Alerts, Habit::OneAtATime].into_iter().any(is_missing) {
            ReadinessLevel::C
        } else if missing.is_empty() {
            ReadinessLevel::A
        } else {
            ReadinessLevel::B
        };
        Self { kept, missing, level }
    }

    /// Returns the score as it is printed: `9/14`.
    pub fn score(&self) -> String {
        format!("{}/{}", self.kept.len(), self.kept.len() + self.missing.len())
    }
}
