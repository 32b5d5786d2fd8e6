//! Checks that `docs/observability.md` and the alerting rules agree with the code: metrics, events
//! and formats.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use sheetkeep::telemetry::logs::log_format::LogFormatChoice;
use sheetkeep::telemetry::metrics::metric_table::{METRIC_FAMILIES, format_markdown_table};

const OBSERVABILITY: &str = include_str!("../docs/observability.md");
const RULES: &str = include_str!("../monitoring/prometheus-rules.yml");
const TESTS_OF_RULES: &str = include_str!("../monitoring/prometheus-rules.test.yml");

/// Returns the first capture of each match.
fn find_names(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a valid pattern");
    pattern.captures_iter(text).map(|captures| captures[1].to_owned()).collect()
}

/// Returns the code of the program, without that of tests.
fn read_code() -> String {
    fn list_files(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of this repository") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                list_files(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    for folder in
        ["src", "crates/sheets-client/src", "crates/sheets-emulator/src", "crates/base/src", "crates/command-retry/src"]
    {
        list_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut paths);
    }
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("readable code");
    let production = |text: String| text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    paths.iter().map(text).map(production).collect()
}

/// Returns the rows of the first table below a marker.
fn read_table(marker: &str) -> String {
    let rows = OBSERVABILITY.lines().skip_while(|line| *line != marker).skip(1);
    rows.take_while(|line| line.starts_with('|')).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_documented_metrics_are_those_of_the_table() {
    assert_eq!(read_table("<!-- metrics -->"), format_markdown_table());
}

#[test]
fn every_log_line_has_an_event() {
    let code = read_code();
    let line =
        Regex::new(r"tracing::(?:error|warn|info|debug)!\(\s*(?:target: [A-Z_]+,\s*)?([^;]{1,300})").expect("valid");
    let lines: Vec<_> = line.captures_iter(&code).map(|captures| captures[1].to_owned()).collect();
    assert!(lines.len() > 60, "{}", lines.len());
    for line in lines {
        assert!(line.contains("event"), "a log line has no event: {line}");
    }
}

#[test]
fn every_event_is_documented_and_every_documented_one_exists() {
    let documented: BTreeSet<String> = read_table("<!-- events -->")
        .lines()
        .flat_map(|row| find_names(r"`([a-z]+\.[a-z_]+)`", row.split('|').nth(1).unwrap_or_default()))
        .collect();
    let code = read_code();
    let logged = find_names(r#"event = "([a-z_.]+)""#, &code);
    let of_runs = find_names(r#"Event::\w+[^=]*=> "([a-z_]+\.[a-z_]+)""#, &code);
    for event in logged.iter().chain(&of_runs).filter(|event| *event != "run.ended") {
        assert!(documented.contains(event), "{event} is not in docs/observability.md");
    }
    for event in &documented {
        assert!(code.contains(&format!("\"{event}\"")), "{event} is in docs/observability.md only");
    }
    assert!(logged.len() > 30 && of_runs.len() > 10, "{} and {} events", logged.len(), of_runs.len());
}

#[test]
fn every_format_of_logs_is_documented() {
    for choice in LogFormatChoice::ALL {
        assert!(OBSERVABILITY.contains(&format!("`{}`", choice.as_str())), "{choice:?}");
    }
}

#[test]
fn the_alerting_rules_use_metrics_that_exist() {
    let names: BTreeSet<String> = METRIC_FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    let in_rules = find_names(r"\b(sheetkeep_[a-z_]+)", RULES);
    assert!(in_rules.len() >= 8 && in_rules.is_subset(&names), "{in_rules:?}");
    let in_tests = find_names(r"series: '(sheetkeep_[a-z_]+)\{", TESTS_OF_RULES);
    assert_eq!(in_tests, in_rules, "every metric of the rules is tested");
    let alerts = find_names(r"- alert: (\w+)", RULES);
    assert_eq!(find_names(r"alertname: (\w+)", TESTS_OF_RULES), alerts, "every alert is tested");
}
