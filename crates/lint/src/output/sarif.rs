//! The report as SARIF 2.1.0, for code scanning.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::finding::LintSeverity;
use crate::results::readiness::Readiness;
use crate::results::report::LintReport;
use crate::rules::table::{find_rule, list_rules};

fn name_level(severity: LintSeverity) -> &'static str {
    match severity {
        LintSeverity::Error => "error",
        LintSeverity::Warning => "warning",
        LintSeverity::Info => "note",
    }
}

/// Returns what was not read, or in part only.
fn list_notifications(report: &LintReport) -> Vec<Value> {
    let about = |level: &str, path: &str, text: String| {
        json!({
            "level": level,
            "message": { "text": text },
            "locations": [{ "physicalLocation": { "artifactLocation": { "uri": encode_path(path) } } }],
        })
    };
    let unread = report.unread.iter().map(|path| about("error", &path.path, format!("not read: {}", path.why)));
    let partly = report.files.iter().flat_map(|file| file.notes.iter().map(move |note| (file, note)));
    unread.chain(partly.map(|(file, note)| about("warning", &file.path, note.clone()))).collect()
}

/// Returns a path as the reference that SARIF asks for.
fn encode_path(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Returns the report as one SARIF document. `version` is that of the program.
pub fn render_sarif(report: &LintReport, version: &str) -> String {
    let rules: Vec<Value> = list_rules()
        .map(|rule| {
            json!({
                "id": rule.code,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.why },
                "help": { "text": rule.advice },
                "defaultConfiguration": { "level": name_level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings()
        .map(|(file, finding)| {
            let index = list_rules().position(|rule| rule.code == finding.code);
            let title = find_rule(finding.code).map_or("", |rule| rule.title);
            json!({
                "ruleId": finding.code,
                "ruleIndex": index,
                "level": name_level(finding.severity),
                "message": { "text": format!("{title}: {}", finding.message) },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": encode_path(&file.path) },
                        "region": { "startLine": finding.position.line, "startColumn": finding.position.column },
                    }
                }],
                "properties": { "confidence": finding.confidence.name() },
            })
        })
        .collect();
    let readiness = Readiness::of(report);
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "sheetkeep lint", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.unread.is_empty(),
                "toolExecutionNotifications": list_notifications(report),
            }],
            "properties": {
                "readiness": {
                    "score": readiness.score(),
                    "level": readiness.level.name(),
                    "is_complete": readiness.is_complete(),
                },
            },
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
