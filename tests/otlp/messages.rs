//! The messages that a collector gets of a run: ids, times, units and the kind of each metric.

use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use sheetkeep::telemetry::logs::log_format::TraceParent;
use sheetkeep::telemetry::metrics::run_measurement::{RunMeasurement, RunPhase};
use sheetkeep::telemetry::otlp_messages::{make_metrics_request, make_trace_request};
use sheetkeep::time::Timestamp;

fn run() -> RunMeasurement {
    let phase = |name, commit| RunPhase { name, ended: Timestamp(1_500), took_ms: 200, commit, rows: 3 };
    RunMeasurement {
        job: "quakes".into(),
        run: Some("r1".into()),
        status: "failed",
        error_kind: Some("unavailable".into()),
        message: "the service is down".into(),
        started: Timestamp(1_000),
        ended: Timestamp(2_000),
        step_retries: 2,
        phases: vec![phase("load", None), phase("commit", Some(7))],
        ..RunMeasurement::default()
    }
}

#[test]
fn a_trace_has_a_span_for_the_run_and_its_phases() {
    let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("valid");
    let request = make_trace_request(&run(), Some(&parent), &[]);
    let spans = &request.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["run quakes", "load", "commit"]);
    assert_eq!(spans[0].parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert!(spans[1..].iter().all(|span| span.parent_span_id == spans[0].span_id));
    assert!(spans.iter().all(|span| span.trace_id == 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes()));
    assert_eq!(spans[0].status.as_ref().map(|status| status.code), Some(StatusCode::Error.into()));
    assert_eq!((spans[1].start_time_unix_nano, spans[1].end_time_unix_nano), (1_300_000_000, 1_500_000_000));
    let again = make_trace_request(&run(), None, &[]);
    assert_eq!(again, make_trace_request(&run(), None, &[]), "the same ids each time");
}

#[test]
fn metrics_are_grouped_and_counters_are_deltas() {
    let request = make_metrics_request(&run(), &[("service.name".into(), "sync".into())]);
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let retries: Vec<_> = metrics.iter().filter(|metric| metric.name == "sheetkeep.retries").collect();
    assert_eq!(retries.len(), 1);
    let Some(metric::Data::Sum(sum)) = &retries[0].data else { unreachable!("it is a sum") };
    assert_eq!((sum.data_points.len(), sum.is_monotonic), (2, true));
    assert_eq!(sum.aggregation_temporality, i32::from(AggregationTemporality::Delta));
    assert!(metrics.iter().any(|metric| metric.name == "sheetkeep.run_last_duration_seconds" && metric.unit == "s"));
}
