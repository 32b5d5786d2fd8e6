//! The keys of a log line in each structured format.
//!
//! In scope: names, severities, and what a platform reads specially. Out of scope: lines for people
//! (`cli`), which lines there are.
//!
//! The keys follow each platform's own documentation, see `LogFormat`. What a platform has no place
//! for keeps its name: `job`, `run`, `step`, `attempt`, `delay_ms`.

use serde_json::{Map, Value, json};

use crate::telemetry::logs::embedded_metrics::make_embedded_metrics;
use crate::telemetry::logs::log_format::{LogContext, LogFormat};
use crate::telemetry::logs::log_line::{LogLevel, LogLine};

/// The version of the Elastic Common Schema that the names are of.
const ECS_VERSION: &str = "8.11.0";
/// Nanoseconds of a second.
const NANOS: f64 = 1e9;

/// Returns the line as a JSON object on one line, without a line break.
pub fn render_line(line: &LogLine, format: LogFormat, context: &LogContext) -> String {
    let members = match format {
        LogFormat::Pretty | LogFormat::Json => render_plain(line),
        LogFormat::Gcp => render_google(line, context),
        LogFormat::Datadog => render_datadog(line, context),
        LogFormat::CloudWatch => render_cloud_watch(line),
        LogFormat::Ecs => render_elastic(line, context),
    };
    Value::Object(members).to_string()
}

/// A JSON object that is filled member by member.
#[derive(Default)]
struct MemberMap(Map<String, Value>);

impl MemberMap {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds the fields of a line that have no place of their own and no name of the format's.
    fn with_fields(mut self, line: &LogLine, placed: &[&str]) -> Self {
        for (name, value) in line.fields.iter().filter(|(name, _)| !placed.contains(&name.as_str())) {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}

fn render_plain(line: &LogLine) -> Map<String, Value> {
    MemberMap::default()
        .with("time", line.time.to_string())
        .with("severity", name_google_severity(line.level))
        .with("message", line.message.as_str())
        .with("target", line.target.as_str())
        .with_some("event", line.event.as_deref())
        .with_fields(line, &[])
        .0
}

/// Returns a severity of Google Cloud, which has no `WARN` and no `TRACE`.
fn name_google_severity(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace | LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warning => "WARNING",
        LogLevel::Error => "ERROR",
    }
}

/// The operation groups the lines of a run; labels are what the log explorer filters by first.
fn render_google(line: &LogLine, context: &LogContext) -> Map<String, Value> {
    let (job, run, event) = (line.text("job"), line.text("run"), line.event.as_deref());
    let operation = run.map(|run| {
        let producer = job.map_or_else(|| "sheetkeep".to_owned(), |job| format!("sheetkeep/{job}"));
        let (first, last) = (event == Some("run.started"), event == Some("run.finished"));
        json!({ "id": run, "producer": producer, "first": first, "last": last })
    });
    let labels = MemberMap::default().with_some("job", job).with_some("run", run).0;
    let trace = context.trace.as_ref().zip(context.project.as_ref());
    let trace_name = trace.map(|(parent, project)| format!("projects/{project}/traces/{}", parent.trace_id));
    MemberMap::default()
        .with("severity", name_google_severity(line.level))
        .with("time", line.time.to_string())
        .with("message", line.message.as_str())
        .with("target", line.target.as_str())
        .with_some("event", event)
        .with_some("logging.googleapis.com/labels", Some(labels).filter(|labels| !labels.is_empty()))
        .with_some("logging.googleapis.com/operation", operation)
        .with_some("logging.googleapis.com/trace", trace_name)
        .with_some("logging.googleapis.com/spanId", trace.map(|(parent, _)| parent.span_id.as_str()))
        .with_some("logging.googleapis.com/trace_sampled", trace.map(|(parent, _)| parent.is_sampled))
        .with_fields(line, &[])
        .0
}

fn render_datadog(line: &LogLine, context: &LogContext) -> Map<String, Value> {
    let status = match line.level {
        LogLevel::Trace | LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error => "error",
    };
    let error =
        MemberMap::default().with_some("kind", line.text("error.kind")).with_some("message", line.text("cause")).0;
    let trace = context.trace.as_ref();
    MemberMap::default()
        .with("timestamp", line.time.to_string())
        .with("status", status)
        .with("message", line.message.as_str())
        .with("service", context.service.as_str())
        .with("ddsource", "sheetkeep")
        .with("version", context.version.as_str())
        .with_some("env", context.environment.as_deref())
        .with_some("host", context.host.as_deref())
        .with("logger", json!({ "name": line.target }))
        .with_some("event", line.event.as_deref())
        .with_some("error", Some(error).filter(|error| !error.is_empty()))
        .with_some("duration", find_duration_ns(line))
        .with_some("dd", trace.map(|parent| json!({ "trace_id": parent.trace_id, "span_id": parent.span_id })))
        .with_fields(line, &["error.kind", "cause"])
        .0
}

/// The keys of Lambda's own JSON logs; the line of a finished run also carries metrics.
fn render_cloud_watch(line: &LogLine) -> Map<String, Value> {
    let level = match line.level {
        LogLevel::Trace => "TRACE",
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warning => "WARN",
        LogLevel::Error => "ERROR",
    };
    MemberMap::default()
        .with_some("_aws", make_embedded_metrics(line))
        .with("timestamp", line.time.to_string())
        .with("level", level)
        .with("message", line.message.as_str())
        .with("logger", line.target.as_str())
        .with_some("event", line.event.as_deref())
        .with_fields(line, &[])
        .0
}

/// The order of the first three keys is that of the ECS logging libraries. What ECS does not know
/// is below `sheetkeep`, as its rules for own fields want it.
fn render_elastic(line: &LogLine, context: &LogContext) -> Map<String, Value> {
    let level = match line.level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error => "error",
    };
    let own = MemberMap::default().with_fields(line, &["error.kind", "cause"]).0;
    let outcome = line.text("outcome").filter(|_| line.event.as_deref() == Some("run.finished"));
    let outcome = outcome.map(|outcome| if outcome == "succeeded" { "success" } else { "failure" });
    let trace = context.trace.as_ref();
    MemberMap::default()
        .with("@timestamp", line.time.to_string())
        .with("log.level", level)
        .with("message", line.message.as_str())
        .with("ecs.version", ECS_VERSION)
        .with("log.logger", line.target.as_str())
        .with("service.name", context.service.as_str())
        .with("service.version", context.version.as_str())
        .with_some("service.environment", context.environment.as_deref())
        .with_some("host.hostname", context.host.as_deref())
        .with("event.dataset", "sheetkeep.log")
        .with_some("event.action", line.event.as_deref())
        .with_some("event.outcome", outcome)
        .with_some("event.duration", find_duration_ns(line))
        .with_some("error.type", line.text("error.kind"))
        .with_some("error.message", line.text("cause"))
        .with_some("trace.id", trace.map(|parent| parent.trace_id.as_str()))
        .with_some("span.id", trace.map(|parent| parent.span_id.as_str()))
        .with_some("sheetkeep", Some(own).filter(|own| !own.is_empty()))
        .0
}

/// Returns the duration of a line that has one, in nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "durations are positive and below 2^63 ns")]
fn find_duration_ns(line: &LogLine) -> Option<u64> {
    let seconds = line.fields.get("duration_s").and_then(Value::as_f64)?;
    Some((seconds * NANOS).round() as u64)
}

#[cfg(test)]
mod tests {
    use crate::time::Timestamp;

    use super::*;

    fn line(level: LogLevel) -> LogLine {
        let mut line = LogLine::new(Timestamp(1_517_966_773_840), level, "sheetkeep::google", "a call failed");
        for (name, value) in [
            ("event", json!("call.retrying")),
            ("job", json!("quakes")),
            ("run", json!("20180207-012613-00abc")),
            ("attempt", json!(2)),
            ("delay_ms", json!(500)),
            ("error.kind", json!("throttled")),
            ("cause", json!("429: quota\nexceeded")),
        ] {
            line.add(name, value);
        }
        line
    }

    fn context() -> LogContext {
        LogContext {
            service: "sync".into(),
            version: "0.1.0".into(),
            environment: Some("prod".into()),
            host: Some("box".into()),
            project: Some("my-project".into()),
            trace: crate::telemetry::logs::log_format::TraceParent::parse(
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ),
        }
    }

    fn object(format: LogFormat, level: LogLevel) -> Value {
        let text = render_line(&line(level), format, &context());
        assert!(!text.contains('\n'), "{text}");
        serde_json::from_str(&text).expect("a JSON object")
    }

    #[test]
    fn each_format_has_a_severity_that_its_platform_knows() {
        let levels = [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error];
        for (format, key, words) in [
            (LogFormat::Json, "severity", ["DEBUG", "DEBUG", "INFO", "WARNING", "ERROR"]),
            (LogFormat::Gcp, "severity", ["DEBUG", "DEBUG", "INFO", "WARNING", "ERROR"]),
            (LogFormat::Datadog, "status", ["debug", "debug", "info", "warn", "error"]),
            (LogFormat::CloudWatch, "level", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
            (LogFormat::Ecs, "log.level", ["trace", "debug", "info", "warn", "error"]),
        ] {
            assert_eq!(levels.map(|level| object(format, level)[key].clone()), words.map(Value::from), "{format:?}");
        }
    }

    #[test]
    fn a_google_line_names_its_run_as_an_operation_and_its_trace() {
        let object = object(LogFormat::Gcp, LogLevel::Warning);
        let operation = json!({
            "id": "20180207-012613-00abc", "producer": "sheetkeep/quakes", "first": false, "last": false
        });
        assert_eq!(object["logging.googleapis.com/operation"], operation);
        assert_eq!(object["logging.googleapis.com/labels"]["job"], "quakes");
        let trace = "projects/my-project/traces/4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(object["logging.googleapis.com/trace"], trace);
    }

    #[test]
    fn a_datadog_line_has_its_error_where_datadog_looks_for_it() {
        let object = object(LogFormat::Datadog, LogLevel::Warning);
        assert_eq!(object["error"], json!({ "kind": "throttled", "message": "429: quota\nexceeded" }));
        assert_eq!(
            (&object["service"], &object["env"], &object["attempt"]),
            (&json!("sync"), &json!("prod"), &json!(2))
        );
        assert!(object.get("time").is_none(), "Datadog does not read it");
    }

    #[test]
    fn an_elastic_line_keeps_own_fields_below_one_name() {
        let text = render_line(&line(LogLevel::Warning), LogFormat::Ecs, &context());
        assert!(
            text.starts_with(r#"{"@timestamp":"2018-02-07T01:26:13.840Z","log.level":"warn","message":"#),
            "{text}"
        );
        let object: Value = serde_json::from_str(&text).expect("a JSON object");
        assert_eq!((&object["error.type"], &object["sheetkeep"]["job"]), (&json!("throttled"), &json!("quakes")));
        assert_eq!(object["ecs.version"], ECS_VERSION);
    }
}
