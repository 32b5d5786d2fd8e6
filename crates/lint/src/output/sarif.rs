//! The report as SARIF 2.1.0, for code scanning.

use serde_json::{Value, json};

use crate::finding::LintSeverity;
use crate::results::report::LintReport;
use crate::rules::table::{all_rules, rule_of};

fn level(severity: LintSeverity) -> &'static str {
    match severity {
        LintSeverity::Error => "error",
        LintSeverity::Warning => "warning",
        LintSeverity::Info => "note",
    }
}

/// Returns the report as one SARIF document. `version` is that of the program.
pub fn sarif(report: &LintReport, version: &str) -> String {
    let rules: Vec<Value> = all_rules()
        .map(|rule| {
            json!({
                "id": rule.code,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.why },
                "help": { "text": rule.advice },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings()
        .map(|(file, finding)| {
            let index = all_rules().position(|rule| rule.code == finding.code);
            let title = rule_of(finding.code).map_or("", |rule| rule.title);
            json!({
                "ruleId": finding.code,
                "ruleIndex": index,
                "level": level(finding.severity),
                "message": { "text": format!("{title}: {}", finding.message) },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": file.path.trim_start_matches("./").replace(' ', "%20") },
                        "region": { "startLine": finding.position.line, "startColumn": finding.position.column },
                    }
                }],
                "properties": { "confidence": finding.confidence.name() },
            })
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "sheetkeep lint", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
