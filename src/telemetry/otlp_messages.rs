//! A run as messages of the OpenTelemetry protocol: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! In scope: the trace of a run and its metrics. Out of scope: sending them (`app::metrics::otlp`).
//!
//! The messages are the official ones. There is no convention for the run of a job; the names
//! follow those for pipelines where they fit:
//! <https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/>.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use sha2::{Digest, Sha256};

use crate::telemetry::logs::log_format::TraceParent;
use crate::telemetry::metrics::metric_table::MetricKind;
use crate::telemetry::metrics::run_measurement::{RunMeasurement, RunPhase};
use crate::telemetry::metrics::samples::{MetricSample, make_gauges, make_increments};
use crate::time::Timestamp;

/// The name of what makes the messages.
const SCOPE: &str = "sheetkeep";
/// Flag of a span that is recorded.
const SAMPLED_FLAG: u32 = 1;

/// Returns the metrics of a run. Counters carry what this run adds (delta temporality), so they are
/// right with any number of machines.
pub fn make_metrics_request(run: &RunMeasurement, resource: &[(String, String)]) -> ExportMetricsServiceRequest {
    let last_success = run.is_success().then_some(run.ended);
    let mut metrics: Vec<Metric> = Vec::new();
    for sample in make_gauges(run, last_success).into_iter().chain(make_increments(run)) {
        let point = make_data_point(run, &sample);
        let name = make_otlp_name(sample.family.name);
        match metrics.last_mut().filter(|metric| metric.name == name).and_then(|metric| metric.data.as_mut()) {
            Some(metric::Data::Gauge(gauge)) => gauge.data_points.push(point),
            Some(metric::Data::Sum(sum)) => sum.data_points.push(point),
            _ => metrics.push(make_metric(&sample, name, point)),
        }
    }
    let scope_metrics = vec![ScopeMetrics { scope: Some(make_scope(run)), metrics, ..ScopeMetrics::default() }];
    let resource = Some(make_resource(resource));
    let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }
}

fn make_metric(sample: &MetricSample, name: String, point: NumberDataPoint) -> Metric {
    let data_points = vec![point];
    let data = match sample.family.kind {
        MetricKind::Gauge => metric::Data::Gauge(Gauge { data_points }),
        MetricKind::Counter => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Delta.into(),
            is_monotonic: true,
        }),
    };
    let unit = match sample.family.unit {
        "seconds" => "s".to_owned(),
        "ratio" | "1" | "code" | "0 or 1" => "1".to_owned(),
        counted => format!("{{{counted}}}"),
    };
    Metric { name, description: sample.family.help.to_owned(), unit, data: Some(data), ..Metric::default() }
}

/// Returns a name with the prefix as a namespace. `_total` is left to those who export to
/// Prometheus.
fn make_otlp_name(name: &str) -> String {
    name.trim_end_matches("_total").replacen("sheetkeep_", "sheetkeep.", 1)
}

fn make_data_point(run: &RunMeasurement, sample: &MetricSample) -> NumberDataPoint {
    let mut attributes = vec![make_text_attribute("sheetkeep.job.name", &run.job)];
    if let (Some((name, _)), Some(value)) = (sample.family.label, &sample.label) {
        attributes.push(make_text_attribute(name, value));
    }
    NumberDataPoint {
        attributes,
        start_time_unix_nano: convert_to_nanoseconds(run.started),
        time_unix_nano: convert_to_nanoseconds(run.ended),
        value: Some(number_data_point::Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    }
}

/// Returns the trace of a run: a span for the run, below the caller's if there is one, and one for
/// each of its phases. Ids are made of the run's id, so that sending them twice makes one trace.
pub fn make_trace_request(
    run: &RunMeasurement,
    parent: Option<&TraceParent>,
    resource: &[(String, String)],
) -> ExportTraceServiceRequest {
    let seed = format!("{} {} {}", run.job, run.run.as_deref().unwrap_or_default(), run.started.0);
    let trace_id =
        parent.and_then(|parent| decode_hex(&parent.trace_id)).unwrap_or_else(|| derive_id(&seed, "trace", 16));
    let root_id = derive_id(&seed, "run", 8);
    let root = Span {
        trace_id: trace_id.clone(),
        span_id: root_id.clone(),
        parent_span_id: parent.and_then(|parent| decode_hex(&parent.span_id)).unwrap_or_default(),
        flags: SAMPLED_FLAG,
        name: format!("run {}", run.job),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: convert_to_nanoseconds(run.started),
        end_time_unix_nano: convert_to_nanoseconds(run.ended),
        attributes: run_attributes(run),
        status: Some(make_status(run)),
        ..Span::default()
    };
    let phases = run.phases.iter().enumerate().map(|(nth, phase)| Span {
        trace_id: trace_id.clone(),
        span_id: derive_id(&seed, &format!("phase {nth}"), 8),
        parent_span_id: root_id.clone(),
        flags: SAMPLED_FLAG,
        ..make_phase_span(phase)
    });
    let spans: Vec<Span> = std::iter::once(root).chain(phases).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(make_scope(run)), spans, ..ScopeSpans::default() }];
    let resource = Some(make_resource(resource));
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

fn make_phase_span(phase: &RunPhase) -> Span {
    let start = Timestamp(phase.ended.0.saturating_sub(i64::try_from(phase.took_ms).unwrap_or(i64::MAX)));
    let mut attributes = Vec::new();
    if let Some(commit) = phase.commit {
        attributes.push(make_number_attribute("sheetkeep.commit", commit));
        attributes.push(make_number_attribute("sheetkeep.rows", phase.rows));
    }
    Span {
        name: phase.name.to_owned(),
        kind: SpanKind::Client.into(),
        start_time_unix_nano: convert_to_nanoseconds(start),
        end_time_unix_nano: convert_to_nanoseconds(phase.ended),
        attributes,
        ..Span::default()
    }
}

fn run_attributes(run: &RunMeasurement) -> Vec<KeyValue> {
    let result = match run.status {
        "succeeded" => "success",
        "interrupted" => "cancellation",
        "timed_out" => "timeout",
        _ if run.error_kind.is_some() => "error",
        _ => "failure",
    };
    let mut attributes = vec![
        make_text_attribute("cicd.pipeline.name", &run.job),
        make_text_attribute("cicd.pipeline.result", result),
        make_text_attribute("sheetkeep.status", run.status),
        make_text_attribute("sheetkeep.trigger", &run.trigger),
        make_number_attribute("process.exit.code", u64::from(run.exit_code)),
        make_number_attribute("sheetkeep.items.read", run.items.read),
        make_number_attribute("sheetkeep.items.new", run.items.new),
        make_number_attribute("sheetkeep.items.failed", run.items.failed),
        make_number_attribute("sheetkeep.retries", run.step_retries + run.calls.retries),
        make_number_attribute("sheetkeep.quota_wait_ms", run.calls.quota_wait_ms),
    ];
    attributes.extend(run.run.as_deref().map(|id| make_text_attribute("cicd.pipeline.run.id", id)));
    attributes.extend(run.error_kind.as_deref().map(|kind| make_text_attribute("error.type", kind)));
    attributes
}

/// Errors that were tried again, and items that failed in a run that continued, do not count as
/// errors of it.
fn make_status(run: &RunMeasurement) -> Status {
    match &run.error_kind {
        Some(_) => Status { code: StatusCode::Error.into(), message: run.message.clone() },
        None => Status { code: StatusCode::Unset.into(), message: String::new() },
    }
}

fn make_scope(run: &RunMeasurement) -> InstrumentationScope {
    InstrumentationScope { name: SCOPE.to_owned(), version: run.version.clone(), ..InstrumentationScope::default() }
}

fn make_resource(attributes: &[(String, String)]) -> Resource {
    Resource {
        attributes: attributes.iter().map(|(name, value)| make_text_attribute(name, value)).collect(),
        ..Resource::default()
    }
}

fn make_text_attribute(name: &str, value: &str) -> KeyValue {
    make_attribute(name, Value::StringValue(value.to_owned()))
}

fn make_number_attribute(name: &str, value: u64) -> KeyValue {
    make_attribute(name, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn make_attribute(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn convert_to_nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or_default().saturating_mul(1_000_000)
}

fn derive_id(seed: &str, of: &str, bytes: usize) -> Vec<u8> {
    Sha256::digest(format!("{of}\u{1f}{seed}").as_bytes()).iter().take(bytes).copied().collect()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()
}
