//! Reads files, and returns what is found in each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::crontab;
use crate::discovery::{UnreadPath, discover};
use crate::finding::{Confidence, LintFinding, LintSeverity, SafeFix};
use crate::job_file;
use crate::python;
use crate::readiness::Readiness;
use crate::requirements;
use crate::rules::rule::Habit;
use crate::rules::table::rule_of;
use crate::secret_patterns::{secrets_by_form, webhooks};
use crate::shell;
use crate::source_text::{SourceKind, SourceText};
use crate::suppression;

/// Findings of one file at most.
const MAX_FINDINGS: usize = 2_000;
const TOO_MANY: &str = "has more than 2,000 findings: the rest is left out";

/// What the user asks of the linter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintSettings {
    /// Findings below this are left out.
    pub min_confidence: Confidence,
    /// Other severities than the table's; `None` turns a code off.
    pub severities: BTreeMap<&'static str, Option<LintSeverity>>,
    /// Whether comments that ignore a finding count.
    pub with_ignores: bool,
}

impl Default for LintSettings {
    fn default() -> Self {
        Self { min_confidence: Confidence::Medium, severities: BTreeMap::new(), with_ignores: true }
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
    /// What the reader should know about the file, such as syntax that is not Python 3.
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

    /// Returns how ready the files are together.
    pub fn readiness(&self) -> Readiness {
        Readiness::of(self)
    }
}

/// Collects the findings of one file.
pub(crate) struct Findings<'a> {
    /// The file.
    pub source: &'a SourceText,
    found: Vec<LintFinding>,
    habits: BTreeSet<Habit>,
    notes: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a SourceText) -> Self {
        Self { source, found: Vec::new(), habits: BTreeSet::new(), notes: Vec::new() }
    }

    /// Adds a finding at a byte.
    pub(crate) fn add(&mut self, code: &str, confidence: Confidence, byte: usize, message: impl Into<String>) {
        self.add_fixable(code, confidence, byte, message, None);
    }

    /// Adds a finding, with a fix if there is a safe one.
    pub(crate) fn add_fixable(
        &mut self,
        code: &str,
        confidence: Confidence,
        byte: usize,
        message: impl Into<String>,
        fix: Option<SafeFix>,
    ) {
        let Some(rule) = rule_of(code) else { return };
        if self.found.len() >= MAX_FINDINGS {
            if !self.notes.iter().any(|note| note == TOO_MANY) {
                self.note(TOO_MANY);
            }
            return;
        }
        let position = self.source.position(byte);
        self.found.push(LintFinding {
            code: rule.code,
            severity: rule.severity,
            confidence,
            position,
            message: message.into(),
            fix,
        });
    }

    /// Records that the file could have these habits: it does what they are about.
    pub(crate) fn applies(&mut self, habits: &[Habit]) {
        self.habits.extend(habits);
    }

    /// Adds a line about the file.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Returns whether a finding of this code is there already.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.found.iter().any(|finding| finding.code == code)
    }

    /// Returns whether a finding of one of the codes is on the line of this byte.
    pub(crate) fn is_on_line(&self, codes: &[&str], byte: usize) -> bool {
        let line = self.source.position(byte).line;
        self.found.iter().any(|finding| codes.contains(&finding.code) && finding.position.line == line)
    }
}

/// Reads every file that `paths` stand for.
pub fn lint_paths(paths: &[PathBuf], settings: &LintSettings) -> LintReport {
    let discovered = discover(paths);
    let mut report = LintReport { unread: discovered.unread, ..LintReport::default() };
    let named = discovered.named.iter().map(|path| (path, true));
    for (path, is_named) in named.chain(discovered.below.iter().map(|path| (path, false))) {
        let why = match SourceText::read(path) {
            Ok(Some(source)) => {
                report.files.push(lint_source(&source, settings));
                continue;
            }
            Ok(None) if !is_named => continue,
            Ok(None) => "is no Python or shell script, crontab, job file or requirements.txt".to_owned(),
            Err(why) => why,
        };
        report.unread.push(UnreadPath { path: path.display().to_string(), why });
    }
    report
}

/// Returns what is found in one text.
pub fn lint_source(source: &SourceText, settings: &LintSettings) -> FileReport {
    let mut findings = Findings::new(source);
    findings.applies(&[Habit::Secrets]);
    for byte in webhooks(&source.text) {
        findings.add("SK103", Confidence::High, byte, "the address of a webhook is in the text");
    }
    for (byte, what) in secrets_by_form(&source.text) {
        findings.add("SK101", Confidence::High, byte, format!("{what} is in the text"));
    }
    match source.kind {
        SourceKind::Python => python::check::check(&mut findings),
        SourceKind::Shell => shell::check::check(&mut findings),
        SourceKind::Crontab => crontab::check(&mut findings),
        SourceKind::Requirements => requirements::check(&mut findings),
        SourceKind::JobFile => job_file::check(&mut findings),
    }
    finish(source, settings, findings)
}

fn finish(source: &SourceText, settings: &LintSettings, findings: Findings<'_>) -> FileReport {
    let Findings { mut found, mut habits, notes, .. } = findings;
    for finding in &mut found {
        if let Some(Some(severity)) = settings.severities.get(finding.code) {
            finding.severity = *severity;
        }
    }
    found.retain(|finding| settings.severities.get(finding.code) != Some(&None));
    found.sort_by(|a, b| (a.position, a.code).cmp(&(b.position, b.code)));
    found.dedup_by(|a, b| (a.position, a.code) == (b.position, b.code));
    let (found, ignored) = if settings.with_ignores { suppression::apply(source, found) } else { (found, 0) };
    let habit = |finding: &LintFinding| rule_of(finding.code).and_then(|rule| rule.habit);
    let broken: BTreeSet<Habit> = found.iter().filter_map(habit).collect();
    habits.extend(&broken);
    let mut found: Vec<LintFinding> =
        found.into_iter().filter(|finding| finding.confidence >= settings.min_confidence).collect();
    found.sort_by(|a, b| (a.position, a.code).cmp(&(b.position, b.code)));
    let line_texts = found.iter().map(|finding| source.line(finding.position.line).trim().to_owned()).collect();
    FileReport {
        path: source.path.clone(),
        lines: source.line_count(),
        findings: found,
        line_texts,
        notes,
        ignored,
        habits,
        broken,
    }
}

/// Returns whether git ignores a file of this name in a folder: `Some(false)` if it does not, `None`
/// if the folder is in no repository.
pub(crate) fn is_ignored_by_git(folder: &Path, name: &str) -> Option<bool> {
    let mut ignored = false;
    for folder in folder.canonicalize().ok()?.ancestors() {
        if let Ok(text) = std::fs::read_to_string(folder.join(".gitignore")) {
            let patterns = text.lines().map(|line| line.trim().trim_start_matches('/'));
            ignored |= patterns.into_iter().any(|pattern| [name, "*.env", ".env*", ".*"].contains(&pattern));
        }
        if folder.join(".git").exists() {
            return Some(ignored);
        }
    }
    None
}
