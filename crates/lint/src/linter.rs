//! Reads files, and returns what is found in each.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::crontab;
use crate::files::discovery::{UnreadPath, discover};
use crate::files::source_text::{SourceKind, SourceText};
use crate::finding::{LintConfidence, LintFinding};
use crate::job_file;
use crate::python;
use crate::requirements;
use crate::results::collector::Findings;
use crate::results::report::{FileReport, LintReport, LintSettings};
use crate::results::suppression;
use crate::rules::rule::Habit;
use crate::rules::table::find_rule;
use crate::secret_patterns::{find_secrets, find_webhooks};
use crate::shell;

/// Why a file of another kind is not read.
const NOT_READ: &str = "is not a Python or shell script, crontab, job file or requirements.txt by its name (a crontab is crontab or *.crontab)";

/// Reads every file at and below `paths`.
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
            Ok(None) => NOT_READ.to_owned(),
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
    for byte in find_webhooks(&source.text) {
        findings.add("SK103", LintConfidence::High, byte, "the address of a webhook is in the text");
    }
    for (byte, what) in find_secrets(&source.text) {
        findings.add("SK101", LintConfidence::High, byte, format!("{what} is in the text"));
    }
    match source.kind {
        SourceKind::Python => python::check::check(&mut findings),
        SourceKind::Shell => shell::check::check(&mut findings),
        SourceKind::Crontab => crontab::check(&mut findings),
        SourceKind::Requirements => requirements::check(&mut findings),
        SourceKind::JobFile => job_file::check(&mut findings),
    }
    finish_report(source, settings, findings)
}

fn finish_report(source: &SourceText, settings: &LintSettings, findings: Findings<'_>) -> FileReport {
    let Findings { mut found, mut habits, notes, .. } = findings;
    for finding in &mut found {
        if let Some(Some(severity)) = settings.severities.get(finding.code) {
            finding.severity = *severity;
        }
    }
    found.retain(|finding| settings.severities.get(finding.code) != Some(&None));
    found.sort_by(|a, b| (a.position, a.code).cmp(&(b.position, b.code)));
    found.dedup_by(|a, b| (a.position, a.code) == (b.position, b.code));
    let (found, ignored) = if settings.honours_ignores { suppression::apply(source, found) } else { (found, 0) };
    let habit = |finding: &LintFinding| find_rule(finding.code).and_then(|rule| rule.habit);
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
