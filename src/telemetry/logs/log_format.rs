//! The formats of logs, and the one that an environment asks for.
//!
//! In scope: names, detection, what the environment shows of the service. Out of scope: the keys
//! of each format (`telemetry::logs::rendering`).

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
    /// Google Cloud Logging: <https://cloud.google.com/logging/docs/structured-logging>.
    Gcp,
    /// Datadog: <https://docs.datadoghq.com/logs/log_configuration/attributes_naming_convention/>.
    Datadog,
    /// Amazon CloudWatch, with embedded metrics.
    CloudWatch,
    /// Elastic Common Schema: <https://www.elastic.co/docs/reference/ecs/logging>.
    Ecs,
}

/// What is asked for: one format, or the one that fits the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormatChoice {
    /// The format that fits the environment.
    #[default]
    Auto,
    /// This format, wherever the process runs.
    Fixed(LogFormat),
}

/// Variables that only the platform of a format sets, in the order in which they count. Datadog
/// comes first: where a service is named for it, its agent reads the lines, whatever the platform
/// is.
const PLATFORM_VARIABLES: [(LogFormat, &[&str]); 3] = [
    (LogFormat::Datadog, &["DD_SERVICE", "DD_ENV", "DD_AGENT_HOST"]),
    (LogFormat::Gcp, &["K_SERVICE", "CLOUD_RUN_JOB", "FUNCTION_TARGET"]),
    (
        LogFormat::CloudWatch,
        &[
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_BATCH_JOB_ID",
            "ECS_CONTAINER_METADATA_URI",
            "ECS_CONTAINER_METADATA_URI_V4",
        ],
    ),
];

/// A reader of environment variables.
pub type LogEnvironment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl LogFormat {
    /// Every format, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Pretty, Self::Json, Self::Gcp, Self::Datadog, Self::CloudWatch, Self::Ecs];

    /// Returns the text that the command line uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
            Self::Gcp => "gcp",
            Self::Datadog => "datadog",
            Self::CloudWatch => "cloudwatch",
            Self::Ecs => "ecs",
        }
    }

    /// Returns whether each line is a JSON object.
    pub fn is_structured(self) -> bool {
        self != Self::Pretty
    }

    /// Returns the format that fits this environment. A person at a terminal gets lines for people,
    /// and so does a machine that none of the variables identifies: cron mails what it reads.
    pub fn detect(env: LogEnvironment<'_>, is_terminal: bool) -> Self {
        let is_set = |name: &&str| env(name).is_some_and(|value| !value.is_empty());
        let found = PLATFORM_VARIABLES.iter().find(|(_, names)| names.iter().any(is_set));
        found.filter(|_| !is_terminal).map_or(Self::Pretty, |(format, _)| *format)
    }
}

impl LogFormatChoice {
    /// Every choice, in the order of the help.
    pub const ALL: [Self; 7] = [
        Self::Auto,
        Self::Fixed(LogFormat::Pretty),
        Self::Fixed(LogFormat::Json),
        Self::Fixed(LogFormat::Gcp),
        Self::Fixed(LogFormat::Datadog),
        Self::Fixed(LogFormat::CloudWatch),
        Self::Fixed(LogFormat::Ecs),
    ];

    /// Returns the text that the command line uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fixed(format) => format.as_str(),
        }
    }

    /// Parses the word; `text` is the earlier name of `pretty`.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        let word = if word == "text" { "pretty" } else { word.as_str() };
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }
}

/// What every line reports of the process, in the formats that have a place for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogContext {
    /// The name of the service, `sheetkeep` unless the environment names one.
    pub service: String,
    /// The version of this program.
    pub version: String,
    /// The environment, such as `prod`.
    pub environment: Option<String>,
    /// The machine's name.
    pub host: Option<String>,
    /// The Google Cloud project, for the name of a trace.
    pub project: Option<String>,
    /// The trace that the process is part of.
    pub trace: Option<TraceParent>,
}

/// A format with what its lines say about the process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStyle {
    /// The form of each line.
    pub format: LogFormat,
    /// What each line reports of the process, such as its service and trace.
    pub context: LogContext,
}

/// The trace and the span of a caller, as in `traceparent`: <https://www.w3.org/TR/trace-context/>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// Whether the caller records the trace.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Parses a `traceparent` of version 00; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex =
            |part: &str, digits| part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
        let is_valid = is_hex(version, 2) && version != "ff" && is_hex(trace_id, 32) && is_hex(span_id, 16);
        if !is_valid || !is_hex(flags, 2) || is_zero(trace_id) || is_zero(span_id) {
            return None;
        }
        let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        Some(Self { trace_id: trace_id.to_owned(), span_id: span_id.to_owned(), is_sampled })
    }
}

impl LogContext {
    /// Reads the context from this environment.
    pub fn read(env: LogEnvironment<'_>, version: &str, host: &str) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| env(name).filter(|value| !value.trim().is_empty()));
        let names = ["DD_SERVICE", "OTEL_SERVICE_NAME", "K_SERVICE", "CLOUD_RUN_JOB", "AWS_LAMBDA_FUNCTION_NAME"];
        Self {
            service: first(&names).unwrap_or_else(|| "sheetkeep".to_owned()),
            version: version.to_owned(),
            environment: first(&["DD_ENV"]),
            host: Some(host.to_owned()).filter(|host| !host.is_empty()),
            project: first(&["GOOGLE_CLOUD_PROJECT"]),
            trace: first(&["TRACEPARENT"]).and_then(|text| TraceParent::parse(&text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect_format(names: &[&str], is_terminal: bool) -> LogFormat {
        let env = |name: &str| names.contains(&name).then(|| "x".to_owned());
        LogFormat::detect(&env, is_terminal)
    }

    #[test]
    fn each_platform_gets_the_format_that_it_reads() {
        for (names, format) in [
            (&["K_SERVICE"][..], LogFormat::Gcp),
            (&["CLOUD_RUN_JOB"], LogFormat::Gcp),
            (&["FUNCTION_TARGET"], LogFormat::Gcp),
            (&["AWS_LAMBDA_FUNCTION_NAME"], LogFormat::CloudWatch),
            (&["AWS_BATCH_JOB_ID"], LogFormat::CloudWatch),
            (&["K_SERVICE", "DD_SERVICE"], LogFormat::Datadog),
            (&["HOME", "USER"], LogFormat::Pretty),
        ] {
            assert_eq!(detect_format(names, false), format, "{names:?}");
            assert_eq!(detect_format(names, true), LogFormat::Pretty, "a person at a terminal: {names:?}");
        }
    }

    #[test]
    fn every_word_is_parsed_and_text_is_still_pretty() {
        for choice in LogFormatChoice::ALL {
            assert_eq!(LogFormatChoice::parse(choice.as_str()), Some(choice));
        }
        assert_eq!(LogFormatChoice::parse("text"), Some(LogFormatChoice::Fixed(LogFormat::Pretty)));
        assert_eq!(LogFormatChoice::parse("logfmt"), None);
    }

    #[test]
    fn a_traceparent_is_taken_only_if_it_is_valid() {
        let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = TraceParent::parse(valid).expect("a valid one");
        assert_eq!((parent.span_id.as_str(), parent.is_sampled), ("00f067aa0ba902b7", true));
        for invalid in [
            "",
            "00-4bf9-00f067aa0ba902b7-01",
            &valid.replace("4bf92f", "4BF92F"),
            &valid.replace("00f067aa0ba902b7", "0000000000000000"),
        ] {
            assert_eq!(TraceParent::parse(invalid), None, "{invalid}");
        }
    }
}
