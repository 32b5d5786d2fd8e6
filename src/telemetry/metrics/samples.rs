//! The samples that a run yields: values of the metrics in the table.
//!
//! In scope: gauges of the run, what it adds to the counters, and sums of those. Out of scope:
//! forms (`prometheus_text`, `statsd_names`), where the sums are kept (`app::metrics`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::telemetry::metrics::metric_table::{
    BUILD_INFO, CELLS_LEFT, CELLS_USED, CHANGES, EXHAUSTED_FAILURES, ITEMS, KEYS, LAST_COMMITS, LAST_DURATION,
    LAST_END, LAST_ERRORS, LAST_EXIT_CODE, LAST_ITEMS, LAST_QUOTA_WAIT, LAST_READ, LAST_REQUESTS, LAST_RETRIES,
    LAST_ROWS, LAST_START, LAST_STATUS, LAST_SUCCESS, LAST_THROTTLED, METHODS, METRIC_FAMILIES, MetricFamily,
    MetricKind, NEXT_DUE, OPEN_FAILURES, OUTCOMES, QUOTA_WAIT, READ, REQUESTS, RETRIES, RETRY_REASONS, ROWS, RUNS,
    THROTTLED,
};
use crate::telemetry::metrics::run_measurement::{RunMeasurement, STATUSES, convert_to_seconds};
use crate::time::Timestamp;

/// Cells that a spreadsheet may have: <https://support.google.com/drive/answer/37603>.
const MAX_CELLS: u64 = 10_000_000;

/// A value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSample {
    /// The name, kind and unit of the value.
    pub family: &'static MetricFamily,
    /// The value of its label, if it has one.
    pub label: Option<String>,
    /// The value, in the metric's unit.
    pub value: f64,
}

impl MetricSample {
    fn new(family: &'static MetricFamily, label: Option<&str>, value: f64) -> Self {
        Self { family, label: label.map(str::to_owned), value }
    }

    /// Returns the name by which sums are kept.
    fn series(&self) -> String {
        match &self.label {
            Some(label) => format!("{} {label}", self.family.name),
            None => self.family.name.to_owned(),
        }
    }
}

/// The samples of one run, in the order of their families.
#[derive(Default)]
struct SampleList(Vec<MetricSample>);

impl SampleList {
    fn add(&mut self, family: &'static MetricFamily, value: f64) {
        self.0.push(MetricSample::new(family, None, value));
    }

    fn add_some(&mut self, family: &'static MetricFamily, value: Option<f64>) {
        if let Some(value) = value {
            self.add(family, value);
        }
    }

    fn add_each<const N: usize>(&mut self, family: &'static MetricFamily, labels: [&str; N], values: [u64; N]) {
        for (label, value) in labels.iter().zip(values) {
            self.0.push(MetricSample::new(family, Some(label), count(value)));
        }
    }
}

/// Returns the gauges of a run. `last_success` is the end of the last run that succeeded, this one
/// included. A gauge whose value is not known is left out.
pub fn make_gauges(run: &RunMeasurement, last_success: Option<Timestamp>) -> Vec<MetricSample> {
    let mut list = SampleList::default();
    list.0.push(MetricSample::new(BUILD_INFO, Some(&run.version), 1.0));
    list.add(LAST_START, convert_to_unix_seconds(run.started));
    list.add(LAST_END, convert_to_unix_seconds(run.ended));
    list.add_some(LAST_SUCCESS, last_success.map(convert_to_unix_seconds));
    list.add_some(NEXT_DUE, run.next_due.map(convert_to_unix_seconds));
    list.add(LAST_DURATION, run.duration_s());
    list.add(LAST_EXIT_CODE, f64::from(run.exit_code));
    list.add_each(LAST_STATUS, STATUSES, STATUSES.map(|status| u64::from(status == run.status)));
    list.add(LAST_READ, count(run.items.read));
    list.add_each(LAST_ITEMS, OUTCOMES, count_outcomes(run));
    list.add_each(LAST_ROWS, CHANGES, [run.rows_added, run.rows_updated]);
    list.add(LAST_ERRORS, count(run.errors()));
    list.add(LAST_COMMITS, count(run.commits));
    list.add_each(LAST_RETRIES, RETRY_REASONS, [run.calls.retries, run.step_retries]);
    list.add_each(LAST_REQUESTS, METHODS, [run.calls.reads, run.calls.writes]);
    list.add(LAST_THROTTLED, count(run.calls.throttled));
    list.add(LAST_QUOTA_WAIT, convert_to_seconds(run.calls.quota_wait_ms));
    list.add_some(KEYS, run.keys.map(count));
    list.add_some(OPEN_FAILURES, run.open_failures.map(count));
    list.add_some(EXHAUSTED_FAILURES, run.exhausted_failures.map(count));
    list.add_some(CELLS_LEFT, run.cells_left.map(count));
    let used = run.cells_left.map(|left| 1.0 - count(left.min(MAX_CELLS)) / count(MAX_CELLS));
    list.add_some(CELLS_USED, used);
    list.0
}

/// Returns what a run adds to the counters; also zeros, so that every series exists from the start.
pub fn make_increments(run: &RunMeasurement) -> Vec<MetricSample> {
    let mut list = SampleList::default();
    list.add_each(RUNS, STATUSES, STATUSES.map(|status| u64::from(status == run.status)));
    list.add(READ, count(run.items.read));
    list.add_each(ITEMS, OUTCOMES, count_outcomes(run));
    list.add_each(ROWS, CHANGES, [run.rows_added, run.rows_updated]);
    list.add_each(RETRIES, RETRY_REASONS, [run.calls.retries, run.step_retries]);
    list.add_each(REQUESTS, METHODS, [run.calls.reads, run.calls.writes]);
    list.add(THROTTLED, count(run.calls.throttled));
    list.add(QUOTA_WAIT, convert_to_seconds(run.calls.quota_wait_ms));
    list.0
}

fn count_outcomes(run: &RunMeasurement) -> [u64; 4] {
    [run.items.new, run.items.skipped, run.items.failed, run.items.recovered]
}

/// The sums of an installation: what its counters were after its last run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricTotals {
    schema_version: u32,
    /// The end of the last run that succeeded, in milliseconds since 1970.
    pub last_success_ms: Option<i64>,
    counters: BTreeMap<String, f64>,
}

impl MetricTotals {
    /// Adds a run.
    pub fn add(&mut self, run: &RunMeasurement) {
        self.schema_version = 1;
        if run.is_success() {
            self.last_success_ms = Some(run.ended.0);
        }
        for sample in make_increments(run) {
            *self.counters.entry(sample.series()).or_default() += sample.value;
        }
    }

    /// Returns the counters as samples. Series that the table no longer has are left out.
    pub fn samples(&self) -> Vec<MetricSample> {
        let find = |series: &str| {
            let (name, label) = series.split_once(' ').map_or((series, None), |(name, label)| (name, Some(label)));
            let family =
                METRIC_FAMILIES.iter().find(|family| family.name == name && family.kind == MetricKind::Counter)?;
            Some((*family, label.map(str::to_owned)))
        };
        let known = self.counters.iter().filter_map(|(series, value)| Some((find(series)?, *value)));
        known.map(|((family, label), value)| MetricSample { family, label, value }).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn convert_to_unix_seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use crate::telemetry::metrics::run_measurement::{CallMeasurement, ItemCounts};

    use super::*;

    fn run(status: &'static str) -> RunMeasurement {
        RunMeasurement {
            job: "quakes".into(),
            status,
            ended: Timestamp(2_500),
            items: ItemCounts { read: 3, new: 2, failed: 1, ..ItemCounts::default() },
            calls: CallMeasurement { retries: 4, quota_wait_ms: 1_500, ..CallMeasurement::default() },
            cells_left: Some(2_500_000),
            ..RunMeasurement::default()
        }
    }

    fn value(samples: &[MetricSample], family: &MetricFamily, label: Option<&str>) -> Option<f64> {
        let found = samples.iter().find(|one| one.family == family && one.label.as_deref() == label);
        found.map(|sample| sample.value)
    }

    #[test]
    fn gauges_are_of_the_run_and_what_is_unknown_is_left_out() {
        let samples = make_gauges(&run("partial"), None);
        assert_eq!(value(&samples, LAST_STATUS, Some("partial")), Some(1.0));
        assert_eq!(value(&samples, LAST_STATUS, Some("failed")), Some(0.0));
        assert_eq!(value(&samples, CELLS_USED, None), Some(0.75));
        assert_eq!(value(&samples, LAST_QUOTA_WAIT, None), Some(1.5));
        assert_eq!((value(&samples, LAST_SUCCESS, None), value(&samples, KEYS, None)), (None, None));
        assert_eq!(value(&make_gauges(&run("partial"), Some(Timestamp(2_500))), LAST_SUCCESS, None), Some(2.5));
    }

    #[test]
    fn totals_grow_with_every_run_and_remember_the_last_success() {
        let mut totals = MetricTotals::default();
        totals.add(&run("succeeded"));
        totals.add(&RunMeasurement { ended: Timestamp(9_000), ..run("failed") });
        let text = serde_json::to_string(&totals).expect("serializable");
        let totals: MetricTotals = serde_json::from_str(&text).expect("as it was written");
        let samples = totals.samples();
        assert_eq!(value(&samples, RETRIES, Some("call")), Some(8.0));
        assert_eq!(value(&samples, RUNS, Some("failed")), Some(1.0));
        assert_eq!(value(&samples, RUNS, Some("degraded")), Some(0.0), "a series exists before its first event");
        assert_eq!((value(&samples, QUOTA_WAIT, None), totals.last_success_ms), (Some(3.0), Some(2_500)));
    }

    #[test]
    fn every_metric_of_the_table_has_a_sample() {
        let whole = RunMeasurement {
            keys: Some(1),
            open_failures: Some(1),
            exhausted_failures: Some(0),
            next_due: Some(Timestamp(1)),
            ..run("succeeded")
        };
        let all: Vec<MetricSample> =
            make_gauges(&whole, Some(whole.ended)).into_iter().chain(make_increments(&whole)).collect();
        for family in METRIC_FAMILIES {
            let labels: Vec<&str> =
                all.iter().filter(|one| one.family == *family).filter_map(|one| one.label.as_deref()).collect();
            match family.label {
                Some((_, [])) => assert_eq!(labels.len(), 1, "{}", family.name),
                Some((_, values)) => assert_eq!(labels, values, "{}", family.name),
                None => assert!(all.iter().any(|one| one.family == *family), "{}", family.name),
            }
        }
    }
}
