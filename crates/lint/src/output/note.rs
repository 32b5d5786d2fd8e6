//! The hardening note: what a script has, what it lacks, and why each matters, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::results::readiness::Readiness;
use crate::results::report::LintReport;
use crate::rules::table::rule_of;

/// Returns the note.
pub fn note(report: &LintReport) -> String {
    let readiness = Readiness::of(report);
    let mut out = format!("# Readiness: {} (level {})\n\n", readiness.score(), readiness.level.name());
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
            if rule_of(finding.code).and_then(|rule| rule.habit) == Some(*habit) {
                places.entry(finding.code).or_default().push(format!("{}:{}", file.path, finding.position.line));
            }
        }
        for (code, places) in places {
            let Some(rule) = rule_of(code) else { continue };
            let _ = writeln!(out, "- **{code}: {}** ({})", rule.title, places.join(", "));
            let _ = writeln!(out, "  Why: {}", rule.why);
            let _ = writeln!(out, "  Instead: {}", rule.advice);
        }
        out.push('\n');
    }
    out
}
