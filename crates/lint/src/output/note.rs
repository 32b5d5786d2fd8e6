//! The hardening note: what a script has, what it lacks, and why each matters, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::output::printable::escape_controls;
use crate::results::readiness::Readiness;
use crate::results::report::LintReport;
use crate::rules::table::find_rule;

/// Returns the note.
pub fn render_note(report: &LintReport) -> String {
    let readiness = Readiness::of(report);
    let mut out = format!("# Readiness: {}\n\n", readiness.summary());
    add_limits(report, &mut out);
    if !readiness.kept.is_empty() {
        out.push_str("What is there:\n\n");
        for habit in &readiness.kept {
            let _ = writeln!(out, "- ✓ {}", habit.text());
        }
        out.push('\n');
    }
    for habit in &readiness.missing {
        let _ = writeln!(out, "## Missing: {}\n", habit.text());
        let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (file, finding) in report.findings() {
            if find_rule(finding.code).and_then(|rule| rule.habit) == Some(*habit) {
                places
                    .entry(finding.code)
                    .or_default()
                    .push(escape_controls(&format!("{}:{}", file.path, finding.position.line)));
            }
        }
        for (code, places) in places {
            let Some(rule) = find_rule(code) else { continue };
            let _ = writeln!(out, "- **{code}: {}** ({})", rule.title, places.join(", "));
            let _ = writeln!(out, "  Why: {}", rule.why);
            let _ = writeln!(out, "  Instead: {}", rule.advice);
        }
        out.push('\n');
    }
    out
}

/// Adds what the note is not about.
fn add_limits(report: &LintReport, out: &mut String) {
    let unread = report
        .unread
        .iter()
        .map(|unread| escape_controls(&format!("- {}: not read: {}", unread.path, unread.why)) + "\n");
    let partly = report
        .files
        .iter()
        .flat_map(|file| file.notes.iter().map(|note| escape_controls(&format!("- {}: {note}", file.path)) + "\n"));
    let lines: String = unread.chain(partly).collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "This note is not about:\n\n{lines}");
    }
}
