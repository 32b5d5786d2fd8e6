//! The metrics of a finished run in CloudWatch's embedded metric format:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//!
//! In scope: the member `_aws` of the line. Out of scope: the values, which are members of the line
//! itself.

use serde_json::{Value, json};

use crate::telemetry::logs::log_line::LogLine;

/// The namespace of the metrics.
const NAMESPACE: &str = "sheetkeep";
/// The fields of a finished run that are metrics, with CloudWatch's units.
const METRICS: [(&str, &str); 14] = [
    ("duration_s", "Seconds"),
    ("read", "Count"),
    ("new", "Count"),
    ("skipped", "Count"),
    ("failed", "Count"),
    ("rows", "Count"),
    ("errors", "Count"),
    ("step_retries", "Count"),
    ("call_retries", "Count"),
    ("throttled", "Count"),
    ("quota_wait_s", "Seconds"),
    ("open_failures", "Count"),
    ("cells_left", "Count"),
    ("exit_code", "None"),
];

/// Returns the member `_aws` of a finished run's line; `None` for other lines. It names only
/// metrics that the line has as numbers, for an entry with a missing one is refused as a whole.
pub fn make_embedded_metrics(line: &LogLine) -> Option<Value> {
    if line.event.as_deref() != Some("run.finished") || line.text("job").is_none() {
        return None;
    }
    let has_number = |name: &str| line.fields.get(name).is_some_and(Value::is_number);
    let metrics: Vec<Value> = METRICS
        .iter()
        .filter(|(name, _)| has_number(name))
        .map(|(name, unit)| json!({ "Name": name, "Unit": unit }))
        .collect();
    Some(json!({
        "Timestamp": line.time.0,
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["job"]], "Metrics": metrics }],
    }))
}

#[cfg(test)]
mod tests {
    use crate::telemetry::logs::log_line::LogLevel;
    use crate::time::Timestamp;

    use super::*;

    #[test]
    fn only_the_line_of_a_finished_run_carries_metrics() {
        let mut line = LogLine::new(Timestamp(1_000), LogLevel::Info, "t", "m");
        line.add("job", "quakes".into());
        line.add("rows", 3.into());
        line.add("cells_left", Value::Null);
        line.add("event", "run.started".into());
        assert_eq!(make_embedded_metrics(&line), None);
        line.add("event", "run.finished".into());
        let metrics = make_embedded_metrics(&line).expect("metrics");
        assert_eq!(metrics["Timestamp"], 1_000);
        assert_eq!(metrics["CloudWatchMetrics"][0]["Metrics"], json!([{ "Name": "rows", "Unit": "Count" }]));
    }
}
