//! Samples in the text format of Prometheus, version 0.0.4:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.
//!
//! In scope: the text. Out of scope: where it goes. No crate: the official one writes `OpenMetrics`
//! only, whose counters promtool and the Pushgateway read as untyped.

use std::fmt::Write as _;

use crate::telemetry::metrics::metric_table::METRIC_FAMILIES;
use crate::telemetry::metrics::samples::MetricSample;

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the text of the samples of one job. It has no timestamps: neither the Pushgateway nor
/// the textfile collector takes any.
pub fn format_prometheus_text(job: &str, samples: &[MetricSample]) -> String {
    let mut out = String::new();
    let job = escape_label(job);
    for family in METRIC_FAMILIES {
        let mut of_family = samples.iter().filter(|sample| sample.family == *family).peekable();
        if of_family.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "# HELP {} {}", family.name, family.help);
        let _ = writeln!(out, "# TYPE {} {}", family.name, family.kind.as_str());
        for sample in of_family {
            let _ = write!(out, "{}{{job_name=\"{job}\"", family.name);
            if let (Some((name, _)), Some(value)) = (family.label, &sample.label) {
                let _ = write!(out, ",{name}=\"{}\"", escape_label(value));
            }
            let _ = writeln!(out, "}} {}", sample.value);
        }
    }
    out
}

fn escape_label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use crate::telemetry::metrics::metric_table::{KEYS, RETRIES, RUNS};

    use super::*;

    #[test]
    fn samples_are_grouped_by_metric_with_help_and_type() {
        let sample =
            |family, label: Option<&str>, value| MetricSample { family, label: label.map(str::to_owned), value };
        let samples =
            [sample(RETRIES, Some("step"), 0.5), sample(KEYS, None, 1_707.0), sample(RETRIES, Some("a\"b\\c\nd"), 3.0)];
        insta::assert_snapshot!(format_prometheus_text("my job", &samples), @r#"
        # HELP sheetkeep_keys Keys in Processed after the last run
        # TYPE sheetkeep_keys gauge
        sheetkeep_keys{job_name="my job"} 1707
        # HELP sheetkeep_retries_total Attempts after the first one of a call or a step, in runs of this installation
        # TYPE sheetkeep_retries_total counter
        sheetkeep_retries_total{job_name="my job",reason="step"} 0.5
        sheetkeep_retries_total{job_name="my job",reason="a\"b\\c\nd"} 3
        "#);
        assert_eq!(format_prometheus_text("j", &[]), "");
        assert!(format_prometheus_text("j", &[sample(RUNS, Some("failed"), 1.0)]).ends_with("} 1\n"));
    }
}
