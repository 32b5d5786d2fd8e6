//! Job files of sheetkeep: what makes a job known to people.
//!
//! Whether a job file is valid is `sheetkeep check`'s question.

use toml::{Table, Value};

use crate::finding::LintConfidence::High;
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::secret_patterns::{looks_random, names_secret};
use crate::shell::habits::is_in_a_home;

/// Checks a job file.
pub(crate) fn check(findings: &mut Findings<'_>) {
    findings.applies(&[Habit::Alerts, Habit::SameEverywhere]);
    let table: Table = match findings.source.text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            findings.note(format!("is not valid TOML: {}", error.message()));
            return;
        }
    };
    check_texts(findings, "", &Value::Table(table.clone()));
    if !table.contains_key("owner") {
        findings.add("SK616", High, 0, "the job has no owner");
    }
    if !["heartbeat", "alerts"].iter().any(|key| table.contains_key(*key)) {
        findings.add(
            "SK603",
            High,
            0,
            "there is neither [heartbeat] nor [alerts]: no one notices that no run happened",
        );
    }
    let cron = table.get("schedule").and_then(|schedule| schedule.get("cron")).and_then(Value::as_str);
    let zone = table.get("schedule").and_then(|schedule| schedule.get("timezone")).and_then(Value::as_str);
    let hour: Option<u8> = cron.and_then(|cron| cron.split_whitespace().nth(1)).and_then(|hour| hour.parse().ok());
    if matches!(hour, Some(1 | 2)) && !zone.is_some_and(|zone| zone.contains("UTC")) {
        let byte = findings.source.text.find("cron").unwrap_or_default();
        findings.add("SK614", High, byte, "this hour is skipped or repeated when the clocks change");
    }
}

/// Secrets and paths among the texts, wherever they are. `name` is the key around `value`.
fn check_texts(findings: &mut Findings<'_>, name: &str, value: &Value) {
    match value {
        Value::Table(table) => table.iter().for_each(|(name, value)| check_texts(findings, name, value)),
        Value::Array(values) => values.iter().for_each(|value| check_texts(findings, name, value)),
        Value::String(text) => {
            let byte = findings.source.text.find(text.as_str()).unwrap_or_default();
            if is_in_a_home(text) {
                findings.add("SK201", High, byte, "this path exists on one machine only");
            }
            if names_secret(name) && looks_random(text) && !findings.is_on_line(&["SK101", "SK103"], byte) {
                findings.add("SK102", High, byte, format!("{name} is a literal"));
            }
        }
        _ => {}
    }
}
