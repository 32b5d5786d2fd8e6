//! The table of all metrics: the one source of every form in which they are written, and of the
//! table in `docs/observability.md`.
//!
//! In scope: names, types, units, labels, help. Out of scope: values (`samples`), forms
//! (`prometheus_text`, `statsd_names`).
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>: a prefix, base units, `_total` for
//! counters, and the instant of an event in place of its age. The label `job_name` is on every
//! series, because scraping reserves `job` and `instance`. No label holds a run, a key, or the text
//! of an error, so the number of series is fixed.

use std::fmt::Write as _;

use crate::telemetry::metrics::run_measurement::STATUSES;

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A value of the last run, or of the state after it.
    Gauge,
    /// A sum over all runs of this installation; it only grows.
    Counter,
}

impl MetricKind {
    /// Returns the text that the Prometheus format uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// One metric with its labels.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct MetricFamily {
    /// The whole name.
    pub name: &'static str,
    /// Whether the value may go down: a counter or a gauge.
    pub kind: MetricKind,
    /// The unit, in words.
    pub unit: &'static str,
    /// The label beside `job_name`, with its values; no values if they are not fixed.
    pub label: Option<(&'static str, &'static [&'static str])>,
    /// One sentence for people, without a full stop.
    pub help: &'static str,
}

/// Why a call or a step was made again.
pub const RETRY_REASONS: [&str; 2] = ["call", "step"];
/// The kinds of calls that the service counts.
pub const METHODS: [&str; 2] = ["read", "write"];
/// What became of an item.
pub const OUTCOMES: [&str; 4] = ["new", "skipped", "failed", "recovered"];
/// What happened to a row of the data tab.
pub const CHANGES: [&str; 2] = ["added", "updated"];

macro_rules! families {
    ($($constant:ident = $name:literal, $kind:ident, $unit:literal, $label:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &MetricFamily = &MetricFamily {
                name: $name,
                kind: MetricKind::$kind,
                unit: $unit,
                label: $label,
                help: $help,
            };
        )*

        /// Every metric, in the order of the documents.
        pub const METRIC_FAMILIES: &[&MetricFamily] = &[$($constant),*];
    };
}

families! {
    BUILD_INFO = "sheetkeep_build_info", Gauge, "1", Some(("version", &[])),
        "The version of the program that made the last run";
    LAST_START = "sheetkeep_run_last_start_timestamp_seconds", Gauge, "seconds", None,
        "When the last run started, as Unix time";
    LAST_END = "sheetkeep_run_last_end_timestamp_seconds", Gauge, "seconds", None,
        "When the last run ended, as Unix time";
    LAST_SUCCESS = "sheetkeep_run_last_success_timestamp_seconds", Gauge, "seconds", None,
        "When the last run that succeeded ended, as Unix time";
    NEXT_DUE = "sheetkeep_run_next_due_timestamp_seconds", Gauge, "seconds", None,
        "When the next run is due, as Unix time; only of a job with a schedule";
    LAST_DURATION = "sheetkeep_run_last_duration_seconds", Gauge, "seconds", None,
        "How long the last run took";
    LAST_EXIT_CODE = "sheetkeep_run_last_exit_code", Gauge, "code", None,
        "The exit code of the last run; 0 is a success";
    LAST_STATUS = "sheetkeep_run_last_status", Gauge, "0 or 1",
        Some(("status", &STATUSES)),
        "1 for the status of the last run, 0 for the others";
    LAST_READ = "sheetkeep_run_last_records_read", Gauge, "records", None,
        "Records that the source of the last run yielded";
    LAST_ITEMS = "sheetkeep_run_last_items", Gauge, "items", Some(("outcome", &OUTCOMES)),
        "Items of the last run by what became of them";
    LAST_ROWS = "sheetkeep_run_last_rows", Gauge, "rows", Some(("change", &CHANGES)),
        "Rows of the data tab that the last run added or rewrote";
    LAST_ERRORS = "sheetkeep_run_last_errors", Gauge, "errors", None,
        "Items that failed in the last run, and 1 more if an error ended the run itself";
    LAST_COMMITS = "sheetkeep_run_last_commits", Gauge, "commits", None,
        "Commits of the last run";
    LAST_RETRIES = "sheetkeep_run_last_retries", Gauge, "attempts", Some(("reason", &RETRY_REASONS)),
        "Attempts of the last run after the first one of a call or a step";
    LAST_REQUESTS = "sheetkeep_run_last_sheets_requests", Gauge, "calls", Some(("method", &METHODS)),
        "Calls of the last run to the Sheets API, each attempt counted";
    LAST_THROTTLED = "sheetkeep_run_last_sheets_throttled", Gauge, "calls", None,
        "Calls of the last run that were answered with 429";
    LAST_QUOTA_WAIT = "sheetkeep_run_last_quota_wait_seconds", Gauge, "seconds", None,
        "How long calls of the last run waited for the quota; calls that wait together count each";
    KEYS = "sheetkeep_keys", Gauge, "keys", None,
        "Keys in Processed after the last run";
    OPEN_FAILURES = "sheetkeep_failures_open", Gauge, "failures", None,
        "Failures that runs try again, after the last run";
    EXHAUSTED_FAILURES = "sheetkeep_failures_exhausted", Gauge, "failures", None,
        "Failures that used up their attempts, after the last run";
    CELLS_LEFT = "sheetkeep_store_cells_left", Gauge, "cells", None,
        "Cells that the spreadsheet has room for, after the last run";
    CELLS_USED = "sheetkeep_store_cells_used_ratio", Gauge, "ratio", None,
        "Share of the cells of a spreadsheet that are in use, from 0 to 1, after the last run";
    RUNS = "sheetkeep_runs_total", Counter, "runs", Some(("status", &STATUSES)),
        "Runs of this installation by how they ended";
    READ = "sheetkeep_records_read_total", Counter, "records", None,
        "Records that the source yielded, in runs of this installation";
    ITEMS = "sheetkeep_items_processed_total", Counter, "items", Some(("outcome", &OUTCOMES)),
        "Items by what became of them, in runs of this installation";
    ROWS = "sheetkeep_rows_written_total", Counter, "rows", Some(("change", &CHANGES)),
        "Rows of the data tab that runs of this installation added or rewrote";
    RETRIES = "sheetkeep_retries_total", Counter, "attempts", Some(("reason", &RETRY_REASONS)),
        "Attempts after the first one of a call or a step, in runs of this installation";
    REQUESTS = "sheetkeep_sheets_requests_total", Counter, "calls", Some(("method", &METHODS)),
        "Calls to the Sheets API in runs of this installation, each attempt counted";
    THROTTLED = "sheetkeep_sheets_throttled_total", Counter, "calls", None,
        "Calls that were answered with 429, in runs of this installation";
    QUOTA_WAIT = "sheetkeep_sheets_quota_wait_seconds_total", Counter, "seconds", None,
        "How long calls waited for the quota, in runs of this installation";
}

/// Returns the table in Markdown, as `docs/observability.md` has it.
pub fn format_markdown_table() -> String {
    let mut out = String::from("| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for MetricFamily { name, kind, unit, label, help } in METRIC_FAMILIES {
        let labels = match label {
            None => String::new(),
            Some((label, [])) => format!("`{label}`"),
            Some((label, values)) => format!("`{label}`: {}", values.join(", ")),
        };
        let _ = writeln!(out, "| `{name}` | {} | {unit} | {labels} | {help} |", kind.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        let names: BTreeSet<&str> = METRIC_FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), METRIC_FAMILIES.len(), "each name occurs once");
        for family in METRIC_FAMILIES {
            let MetricFamily { name, kind, unit, label, help } = family;
            assert!(name.starts_with("sheetkeep_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
            let in_seconds = name.trim_end_matches("_total").ends_with("_seconds");
            assert_eq!(in_seconds, *unit == "seconds", "{name}");
            assert!(help.len() > 20 && !help.ends_with('.') && !help.contains('\n'), "{name}");
            assert!(label.is_none_or(|(label, values)| label != "job" && label != "instance" && values.len() < 10));
        }
    }
}
