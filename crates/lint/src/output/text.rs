//! The report for people.

use std::fmt::Write as _;

use crate::output::json::EarlierReport;
use crate::output::printable::escape_controls;
use crate::results::readiness::Readiness;
use crate::results::report::LintReport;
use crate::rules::table::{find_rule, list_rules};

/// Codes that are listed as gaps of one habit.
const CODES_PER_GAP: usize = 6;

/// Returns the findings, the habits and the readiness. `earlier` is the report of an earlier time.
pub fn render_text(report: &LintReport, earlier: Option<&EarlierReport>) -> String {
    let mut out = String::new();
    for unread in &report.unread {
        let _ = writeln!(out, "{}", escape_controls(&format!("{}: not read: {}", unread.path, unread.why)));
    }
    for file in &report.files {
        for note in &file.notes {
            let _ = writeln!(out, "{}", escape_controls(&format!("{}: {note}", file.path)));
        }
        for finding in &file.findings {
            let place = format!("{}:{}:{}", file.path, finding.position.line, finding.position.column);
            let fix = if finding.fix.is_some() { " [--fix=safe]" } else { "" };
            let severity = finding.severity.name();
            let line = format!("{place}: {severity} {} {}{fix}", finding.code, finding.message);
            let _ = writeln!(out, "{}", escape_controls(&line));
        }
    }
    if report.files.is_empty() {
        return out;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    add_habits(report, &mut out);
    add_readiness(report, earlier, &mut out);
    out
}

fn add_habits(report: &LintReport, out: &mut String) {
    let readiness = Readiness::of(report);
    for habit in &readiness.kept {
        let _ = writeln!(out, "  ✓ {}", habit.text());
    }
    for habit in &readiness.missing {
        let of_habit = |code: &str| find_rule(code).and_then(|rule| rule.habit) == Some(*habit);
        let shown: Vec<&str> = list_rules()
            .map(|rule| rule.code)
            .filter(|code| of_habit(code) && report.findings().any(|(_, finding)| finding.code == *code))
            .take(CODES_PER_GAP)
            .collect();
        let codes = if shown.is_empty() { "see --min-confidence low".to_owned() } else { shown.join(", ") };
        let _ = writeln!(out, "  ✗ {} ({codes})", habit.text());
    }
}

fn add_readiness(report: &LintReport, earlier: Option<&EarlierReport>, out: &mut String) {
    let readiness = Readiness::of(report);
    let _ = writeln!(out, "\nReadiness: {}", readiness.summary());
    if let Some(earlier) = earlier {
        let of_part = match (earlier.is_complete, readiness.is_complete()) {
            (true, true) => "",
            (true, false) => " (now of what was read)",
            (false, true) => " (before: of what was read)",
            (false, false) => " (both of what was read)",
        };
        let _ = writeln!(out, "{} → {}{of_part}", earlier.score, readiness.score());
        let added: Vec<_> =
            readiness.kept.iter().filter(|habit| !earlier.kept.iter().any(|kept| kept == habit.name())).collect();
        for habit in added {
            let _ = writeln!(out, "  + {}", habit.text());
        }
    }
    let count = report.findings().count();
    let ignored: usize = report.files.iter().map(|file| file.ignored).sum();
    let mut parts =
        vec![count_in_words(count, "finding"), format!("in {}", count_in_words(report.files.len(), "file"))];
    if ignored > 0 {
        parts.push(format!("· {ignored} ignored with a reason"));
    }
    if report.in_baseline > 0 {
        parts.push(format!("· {} in the baseline", report.in_baseline));
    }
    if count > 0 {
        parts.push("· sheetkeep lint explain CODE".to_owned());
    }
    let _ = writeln!(out, "{}", parts.join(" "));
}

fn count_in_words(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
