//! Logs on standard error, for people or as JSON lines of a platform.
//!
//! In scope: levels, format, and caps on what may log. Out of scope: log messages themselves, and
//! the events of a run (`cli::output`, which uses the same format).
//!
//! A line has the fields of its event and of the spans around it: `job` and `run`. Which keys a
//! format gives them is in `telemetry::logs`.

use std::fmt;
use std::io;
use std::sync::Arc;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Registry, fmt as layers};

use crate::cli::streams::terminal::Terminal;
use crate::clock::Clock;
use crate::telemetry::logs::log_format::{LogFormat, LogFormatChoice, LogStyle};
use crate::telemetry::logs::log_line::{LogLevel, LogLine};
use crate::telemetry::logs::rendering::render_line;

impl ValueEnum for LogFormatChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.as_str());
        Some(if *self == Self::Fixed(LogFormat::Pretty) { value.alias("text") } else { value })
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSettings {
    /// The format, and what its lines say about the process.
    pub style: Arc<LogStyle>,
    /// Number of `-v` flags.
    pub verbose: u8,
    /// Log errors only.
    pub is_quiet: bool,
    /// The value of `SHEETKEEP_LOG`; it comes before the two fields above.
    pub directives: Option<String>,
}

/// Why logs can't be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// `SHEETKEEP_LOG` is not a valid list of directives.
    #[error("read SHEETKEEP_LOG: {0}; write it as `debug` or `sheetkeep::google=debug,info`")]
    Directives(String),
    /// Logs were set up before.
    #[error("set up logs: they are set up already")]
    AlreadySetUp,
}

/// Sets up logs for the whole process. `caps` are directives such as `hyper=info` that no setting
/// can raise: some dependencies log secrets at lower levels.
pub fn start_logs(
    terminal: &Arc<Terminal>,
    clock: &Arc<dyn Clock>,
    settings: &LogSettings,
    caps: &[&str],
) -> Result<(), LogError> {
    let subscriber = make_subscriber(terminal, clock, settings, caps)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySetUp)?;
    Ok(())
}

/// Creates the subscriber that `begin` sets up.
pub(crate) fn make_subscriber(
    terminal: &Arc<Terminal>,
    clock: &Arc<dyn Clock>,
    settings: &LogSettings,
    caps: &[&str],
) -> Result<Box<dyn Subscriber + Send + Sync>, LogError> {
    let writer = ErrorStream(Arc::clone(terminal));
    let time = UtcTime(Arc::clone(clock));
    let filtered = Registry::default().with(make_filter(settings)?).with(make_level_caps(caps));
    if settings.style.format.is_structured() {
        let format = StructuredLine { time, style: Arc::clone(&settings.style) };
        let layer = layers::layer().fmt_fields(JsonFields::new()).event_format(format).with_writer(writer);
        return Ok(Box::new(filtered.with(layer)));
    }
    let layer = layers::layer().compact().with_ansi(terminal.stderr().has_colour()).with_timer(time);
    Ok(Box::new(filtered.with(layer.fmt_fields(FieldsForPeople).with_writer(writer))))
}

/// The levels that a directive may name.
const LEVELS: &str = "off, error, warn, info, debug and trace";

/// Returns why a directive would log nothing: it is neither a level nor a module of this program.
/// The filter itself takes any text for the name of a module.
fn refuse_directive(directive: &str) -> Option<String> {
    let is_module = |name: &str| name.contains("::") || name.contains('[') || name.starts_with("sheet");
    // A level is behind the fields of a span, which have equals signs of their own.
    let behind_fields = directive.rfind(']').map_or(0, |end| end + 1);
    let is_fine = match directive.get(behind_fields..).and_then(|rest| rest.split_once('=')) {
        Some((_, level)) => !level.trim().is_empty() && level.trim().parse::<LevelFilter>().is_ok(),
        None => directive.is_empty() || directive.parse::<LevelFilter>().is_ok() || is_module(directive),
    };
    (!is_fine).then(|| format!("{directive:?} is not a level: levels are {LEVELS}"))
}

fn make_filter(settings: &LogSettings) -> Result<EnvFilter, LogError> {
    if let Some(directives) = settings.directives.as_deref().filter(|text| !text.trim().is_empty()) {
        if let Some(why) = directives.split(',').map(str::trim).find_map(refuse_directive) {
            return Err(LogError::Directives(why));
        }
        return EnvFilter::builder().parse(directives).map_err(|error| LogError::Directives(error.to_string()));
    }
    Ok(EnvFilter::new(match (settings.is_quiet, settings.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,sheetkeep=info,sheets_emulator=info",
        (false, 2) => "info,sheetkeep=debug,sheets_emulator=debug",
        (false, _) => "debug,sheetkeep=trace,sheets_emulator=trace",
    }))
}

fn make_level_caps(caps: &[&str]) -> Targets {
    let caps = caps.iter().filter_map(|cap| cap.split_once('='));
    let caps = caps.map(|(target, level)| (target.to_owned(), level.parse().unwrap_or(LevelFilter::WARN)));
    Targets::new().with_default(LevelFilter::TRACE).with_targets(caps)
}

/// Writes through the terminal, so that a progress bar and a log line do not mix.
#[derive(Clone)]
struct ErrorStream(Arc<Terminal>);

impl io::Write for ErrorStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.stderr().put(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for ErrorStream {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

struct UtcTime(Arc<dyn Clock>);

impl FormatTime for UtcTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", self.0.now())
    }
}

/// Writes the fields of an event behind its message, without its name, which only machines read.
struct FieldsForPeople;

impl<'w> FormatFields<'w> for FieldsForPeople {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = PeopleVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct PeopleVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for PeopleVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "event" || self.result.is_err() {
            return;
        }
        let gap = if std::mem::take(&mut self.is_first) { "" } else { " " };
        self.result = match field.name() {
            "message" => write!(self.writer, "{gap}{value:?}"),
            name => write!(self.writer, "{gap}{name}={value:?}"),
        };
    }
}

/// Writes an event as a line of a structured format.
struct StructuredLine {
    time: UtcTime,
    style: Arc<LogStyle>,
}

impl<S> FormatEvent<S, JsonFields> for StructuredLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = LogLine::new(self.time.0.now(), convert_level(*metadata.level()), metadata.target(), "");
        for span in context.event_scope().into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>().map_or("", |fields| fields.fields.as_str());
            if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
                fields.into_iter().for_each(|(name, value)| line.add(&name, value));
            }
        }
        event.record(&mut LineVisitor(&mut line));
        writeln!(writer, "{}", render_line(&line, self.style.format, &self.style.context))
    }
}

fn convert_level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warning,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

struct LineVisitor<'a>(&'a mut LogLine);

impl LineVisitor<'_> {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        match (field.name(), value.into()) {
            ("message", Value::String(text)) => self.0.set_message(&text),
            (name, value) => self.0.add(name, value),
        }
    }
}

impl Visit for LineVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.add(field, u64::try_from(value).unwrap_or(u64::MAX));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use crate::cli::streams::output_stream::OutputStyle;
    use crate::system::TestClock;
    use crate::time::Timestamp;

    use super::*;

    const PLAIN: OutputStyle = OutputStyle { is_terminal: false, has_colour: false, width: 80 };

    fn style(format: LogFormat) -> Arc<LogStyle> {
        Arc::new(LogStyle { format, ..LogStyle::default() })
    }

    fn capture_logs(settings: &LogSettings, caps: &[&str], speak: impl FnOnce()) -> String {
        let (terminal, captured) = Terminal::new_captured(PLAIN, PLAIN);
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_517_966_773_840)));
        with_default(make_subscriber(&terminal, &clock, settings, caps).expect("valid settings"), speak);
        assert_eq!(captured.captured_out(), "", "logs never stand on standard output");
        captured.captured_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_json_line_has_the_fields_that_log_services_read() {
        let settings = LogSettings { style: style(LogFormat::Json), verbose: 1, ..LogSettings::default() };
        let text = capture_logs(&settings, &[], || {
            let span = tracing::info_span!("run", job = "quakes", run_id = "20180207-012613-00abc");
            let _in = span.enter();
            tracing::info!(rows = 1_707, took = 1.5, "commit \"3\" is on the sheet");
        });
        let line: Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!(
            line,
            serde_json::json!({
                "time": "2018-02-07T01:26:13.840Z", "severity": "INFO", "message": "commit \"3\" is on the sheet",
                "target": "sheetkeep::cli::streams::logs::tests", "job": "quakes", "run_id": "20180207-012613-00abc",
                "rows": 1_707, "took": 1.5
            })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_line_says_the_same_to_people() {
        let settings = LogSettings { verbose: 1, ..LogSettings::default() };
        let text = capture_logs(&settings, &[], || {
            tracing::warn!(event = "sheet.anomaly", job = "quakes", "the tab has two headers");
        });
        insta::assert_snapshot!(text, @"2018-02-07T01:26:13.840Z  WARN sheetkeep::cli::streams::logs::tests: the tab has two headers job=\"quakes\"");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_a_user_says_raises_a_package_above_its_cap() {
        let settings = LogSettings { directives: Some("trace,secretive=trace".into()), ..LogSettings::default() };
        let text = capture_logs(&settings, &["secretive=warn"], || {
            tracing::debug!(target: "secretive::token", "a token");
            tracing::trace!(target: "secretive", "a token");
            tracing::warn!(target: "secretive::token", "a warning");
            tracing::trace!(target: "harmless", "a trace");
        });
        assert!(!text.contains("a token"), "{text}");
        assert!(text.contains("a warning") && text.contains("a trace"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn verbosity_sets_the_level_and_the_variable_comes_before_it() {
        let speak = || {
            tracing::error!("E");
            tracing::warn!("W");
            tracing::info!("I");
            tracing::debug!("D");
        };
        let heard = |quiet, verbose, directives: Option<&str>| {
            let settings = LogSettings {
                is_quiet: quiet,
                verbose,
                directives: directives.map(Into::into),
                ..LogSettings::default()
            };
            capture_logs(&settings, &[], speak).lines().count()
        };
        assert_eq!(
            [heard(true, 0, None), heard(false, 0, None), heard(false, 1, None), heard(false, 2, None)],
            [1, 2, 3, 4]
        );
        assert_eq!(heard(false, 2, Some("error")), 1);
    }

    #[test]
    fn directives_that_mean_nothing_are_refused() {
        let settings = LogSettings { directives: Some("a=b=c".into()), ..LogSettings::default() };
        assert!(matches!(make_filter(&settings), Err(LogError::Directives(_))));
        for (text, is_fine) in [
            ("loud", false),
            ("info,hyper", false),
            ("DEBUG", true),
            ("4", true),
            ("hyper=info, warn", true),
            ("in-fo", false),
            ("debug;info", false),
            ("loud=", false),
            ("sheetkeep", true),
            ("sheetkeep::google=debug,info,", true),
            ("[run]=debug", true),
        ] {
            let settings = LogSettings { directives: Some(text.into()), ..LogSettings::default() };
            assert_eq!(make_filter(&settings).is_ok(), is_fine, "{text}");
        }
    }
}
