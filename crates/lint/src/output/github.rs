//! The report as commands of GitHub Actions, which shows them beside the lines.

use std::fmt::Write as _;

use crate::finding::LintSeverity;
use crate::results::report::LintReport;

/// Returns one command for each finding, and for each file that was not read as a whole.
pub fn render_github(report: &LintReport) -> String {
    let mut out = String::new();
    for (file, finding) in report.findings() {
        let kind = match finding.severity {
            LintSeverity::Error => "error",
            LintSeverity::Warning => "warning",
            LintSeverity::Info => "notice",
        };
        let (line, column) = (finding.position.line, finding.position.column);
        let (path, message) = (escape_property(&file.path), escape_data(&finding.message));
        let code = finding.code;
        let _ = writeln!(out, "::{kind} file={path},line={line},col={column},title={code}::{message}");
    }
    for file in &report.files {
        for note in &file.notes {
            let _ = writeln!(out, "::warning file={}::{}", escape_property(&file.path), escape_data(note));
        }
    }
    for unread in &report.unread {
        let _ = writeln!(
            out,
            "::warning file={}::{}",
            escape_property(&unread.path),
            escape_data(&format!("not read: {}", unread.why))
        );
    }
    out
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}
