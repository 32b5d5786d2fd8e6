//! The lines of a whole run in each format of logs, by a fixed clock.

use std::sync::Arc;

use serde_json::Value;
use tracing::subscriber::with_default;

use crate::cli::output::fixtures;
use crate::cli::output::run::reporter::{Reporter, ReporterOptions};
use crate::cli::streams::logs::{LogSettings, make_subscriber};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::ledger::items::key::Key;
use crate::ledger::leases::lease::Fence;
use crate::ledger::runs::event::Event;
use crate::system::TestClock;
use crate::telemetry::logs::log_format::{LogContext, LogFormat, LogStyle};
use crate::telemetry::metrics::run_measurement::{CallMeasurement, ItemCounts, RunMeasurement};
use crate::time::Timestamp;

fn style(format: LogFormat) -> Arc<LogStyle> {
    let env = |name: &str| {
        let value = match name {
            "DD_SERVICE" => "sync",
            "DD_ENV" => "prod",
            "GOOGLE_CLOUD_PROJECT" => "my-project",
            "TRACEPARENT" => "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            _ => return None,
        };
        Some(value.to_owned())
    };
    Arc::new(LogStyle { format, context: LogContext::read(&env, "0.1.0", "box") })
}

fn measurement() -> RunMeasurement {
    RunMeasurement {
        job: "quakes".into(),
        run: Some("20180207-012613-00abc".into()),
        status: "partial",
        exit_code: 3,
        message: "1 failed; see Failures quakes".into(),
        trigger: "schedule".into(),
        started: Timestamp(1_517_966_773_840),
        ended: Timestamp(1_517_966_775_074),
        duration_ms: 1_234,
        items: ItemCounts { read: 1_707, new: 1_706, failed: 1, ..ItemCounts::default() },
        rows_added: 1_706,
        commits: 2,
        step_retries: 1,
        calls: CallMeasurement { reads: 3, writes: 3, retries: 1, throttled: 1, quota_wait_ms: 500 },
        keys: Some(1_706),
        open_failures: Some(1),
        exhausted_failures: Some(0),
        cells_left: Some(9_976_102),
        version: "0.1.0".into(),
        ..RunMeasurement::default()
    }
}

/// Returns what standard error gets of a run: its own lines, and that of a call that is made again.
fn whole_run(format: LogFormat) -> String {
    let (terminal, captured) = fixtures::make_pipes();
    let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_517_966_773_840)));
    let style = style(format);
    let settings = LogSettings { style: Arc::clone(&style), ..LogSettings::default() };
    let logs = make_subscriber(&terminal, &clock, &settings, &[]).expect("valid settings");
    let reporter_options = ReporterOptions { is_verbose: true, ..ReporterOptions::default() };
    let mut reporter = Reporter::new(terminal, clock, reporter_options, fixtures::make_place(), style);
    reporter.show_event(&Event::Started { run: "20180207-012613-00abc".into(), job: "quakes".into() });
    reporter.show_event(&Event::Loaded { keys: 204, open_failures: 1, is_first_run: false, took_ms: 3 });
    with_default(logs, || {
        let span = tracing::error_span!("run", job = "quakes", run = tracing::field::Empty);
        span.record("run", "20180207-012613-00abc");
        let _within = span.enter();
        tracing::warn!(
            target: "sheetkeep::google",
            event = "call.retrying",
            method = "spreadsheets.get",
            attempt = 2,
            of = 6,
            delay_ms = 500_u64,
            error.kind = %Fault::Throttled,
            cause = %"429: quota exceeded",
            "a call failed and is made again"
        );
    });
    reporter.show_event(&Event::Claimed { fence: Fence(3) });
    reporter.show_event(&Event::Retrying {
        step: "letter".into(),
        key: Key::new("us7000abc").expect("a key"),
        attempt: 2,
        of: 6,
        delay_ms: 1_250,
        fault: Fault::Transient,
        cause: "exit code 75".into(),
    });
    reporter.show_event(&fixtures::make_failure(7));
    reporter.show_event(&Event::Committed { number: 12, rows: 1_706, keys: 1_706, took_ms: 420 });
    reporter.write_measurement(&measurement());
    captured.captured_err()
}

/// Checks the member `_aws` by the rules of the embedded metric format.
fn check_embedded_metrics(line: &Value) {
    let directive = &line["_aws"];
    assert!(directive["Timestamp"].as_u64().is_some_and(|ms| ms > 1_500_000_000_000), "{directive}");
    let sets = directive["CloudWatchMetrics"].as_array().expect("a list");
    assert_eq!(sets.len(), 1);
    let namespace = sets[0]["Namespace"].as_str().expect("a namespace");
    assert!((1..=255).contains(&namespace.len()) && !namespace.starts_with("AWS/"), "{namespace}");
    let dimensions = sets[0]["Dimensions"].as_array().expect("sets of dimensions");
    for name in dimensions.iter().flat_map(|set| set.as_array().expect("a set")) {
        assert!(line[name.as_str().expect("a name")].as_str().is_some_and(|value| (1..=1024).contains(&value.len())));
    }
    let metrics = sets[0]["Metrics"].as_array().expect("metrics");
    assert!((1..=100).contains(&metrics.len()), "{metrics:?}");
    for metric in metrics {
        assert!(line[metric["Name"].as_str().expect("a name")].is_number(), "{metric} has no value");
        assert!(["Seconds", "Count", "None"].contains(&metric["Unit"].as_str().expect("a unit")), "{metric}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_format_has_the_lines_of_a_whole_run() {
    for format in LogFormat::ALL {
        let text = whole_run(format);
        insta::assert_snapshot!(format.as_str(), text);
        if !format.is_structured() {
            continue;
        }
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("each line is a JSON object")).collect();
        assert_eq!(lines.len(), 8, "{format:?}: {text}");
        for line in &lines {
            let own = if format == LogFormat::Ecs { &line["sheetkeep"] } else { line };
            assert_eq!((&own["job"], &own["run"]), (&"quakes".into(), &"20180207-012613-00abc".into()), "{line}");
        }
        if format == LogFormat::CloudWatch {
            let with_metrics: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
            assert_eq!(with_metrics.len(), 1);
            check_embedded_metrics(with_metrics[0]);
        }
    }
}
