//! The report for machines, and what is read of an earlier one.

use serde::{Deserialize, Serialize};

use crate::results::readiness::Readiness;
use crate::results::report::LintReport;
use crate::rules::table::find_rule;

/// The version of the document; it grows when a meaning changes.
pub const LINT_SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    readiness: ReadinessDocument,
    findings: Vec<FindingDocument<'a>>,
    unread: Vec<PathNote<'a>>,
    notes: Vec<PathNote<'a>>,
    files: usize,
    ignored: usize,
    in_baseline: usize,
}

#[derive(Serialize)]
struct ReadinessDocument {
    score: String,
    level: &'static str,
    /// Whether every file was read as a whole.
    is_complete: bool,
    kept: Vec<&'static str>,
    missing: Vec<&'static str>,
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    path: &'a str,
    line: usize,
    column: usize,
    code: &'a str,
    severity: &'static str,
    confidence: &'static str,
    message: &'a str,
    title: &'static str,
    is_fixable: bool,
}

#[derive(Serialize)]
struct PathNote<'a> {
    path: &'a str,
    message: &'a str,
}

/// Returns the report as one JSON document.
pub fn render_json(report: &LintReport) -> String {
    let readiness = Readiness::of(report);
    let document = Document {
        schema_version: LINT_SCHEMA_VERSION,
        readiness: ReadinessDocument {
            score: readiness.score(),
            level: readiness.level.name(),
            is_complete: readiness.is_complete(),
            kept: readiness.kept.iter().map(|habit| habit.name()).collect(),
            missing: readiness.missing.iter().map(|habit| habit.name()).collect(),
        },
        findings: report
            .findings()
            .map(|(file, finding)| FindingDocument {
                path: &file.path,
                line: finding.position.line,
                column: finding.position.column,
                code: finding.code,
                severity: finding.severity.name(),
                confidence: finding.confidence.name(),
                message: &finding.message,
                title: find_rule(finding.code).map_or("", |rule| rule.title),
                is_fixable: finding.fix.is_some(),
            })
            .collect(),
        unread: report.unread.iter().map(|unread| PathNote { path: &unread.path, message: &unread.why }).collect(),
        notes: report
            .files
            .iter()
            .flat_map(|file| file.notes.iter().map(|note| PathNote { path: &file.path, message: note }))
            .collect(),
        files: report.files.len(),
        ignored: report.files.iter().map(|file| file.ignored).sum(),
        in_baseline: report.in_baseline,
    };
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// What is read of an earlier report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierReport {
    /// The score, such as `2/7`.
    pub score: String,
    /// Whether every file was read as a whole.
    pub is_complete: bool,
    /// Names of the habits that were kept.
    pub kept: Vec<String>,
}

#[derive(Deserialize)]
struct EarlierDocument {
    readiness: EarlierReadiness,
}

#[derive(Deserialize)]
struct EarlierReadiness {
    score: String,
    /// Reports of earlier versions lack it.
    #[serde(default = "assume_true")]
    is_complete: bool,
    kept: Vec<String>,
}

fn assume_true() -> bool {
    true
}

impl EarlierReport {
    /// Reads a report that `json` wrote. The error is a clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: EarlierDocument =
            serde_json::from_str(text).map_err(|error| format!("is not a report of `lint --format json`: {error}"))?;
        let EarlierReadiness { score, is_complete, kept } = read.readiness;
        Ok(Self { score, is_complete, kept })
    }
}
