//! The names of metrics in StatsD, whose names have dots, and whose labels are part of the name or
//! tags.
//!
//! In scope: names and tags. Out of scope: the lines and the packets (`app::metrics::statsd`).

use crate::telemetry::metrics::metric_table::MetricKind;
use crate::telemetry::metrics::samples::MetricSample;

/// The prefix of every name.
pub const PREFIX: &str = "sheetkeep";

/// A dialect of StatsD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatsdDialect {
    /// The original, without tags:
    /// <https://github.com/statsd/statsd/blob/master/docs/metric_types.md>.
    Plain,
    /// Datadog's, with tags: <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>.
    DogStatsd,
}

/// A metric's name behind the prefix, and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsdName {
    /// The metric's name behind the prefix, and in the plain dialect its tags.
    pub name: String,
    /// The tags, by name and value; none in the plain dialect.
    pub tags: Vec<(&'static str, String)>,
}

/// Returns the name of a sample. A counter's lacks `_total`, since each line holds an increment. In
/// the plain dialect the job and the value of the label are parts of the name.
pub fn make_statsd_name(job: &str, sample: &MetricSample, dialect: StatsdDialect) -> StatsdName {
    let family = sample.family;
    let short = family.name.trim_start_matches("sheetkeep_");
    let short = if family.kind == MetricKind::Counter { short.trim_end_matches("_total") } else { short };
    match dialect {
        StatsdDialect::Plain => {
            let label = sample.label.as_deref().map(|label| format!(".{}", clean_name_part(label))).unwrap_or_default();
            StatsdName { name: format!("{}.{short}{label}", clean_name_part(job)), tags: Vec::new() }
        }
        StatsdDialect::DogStatsd => {
            let mut tags = vec![("job_name", clean_tag(job))];
            tags.extend(family.label.zip(sample.label.as_deref()).map(|((name, _), value)| (name, clean_tag(value))));
            StatsdName { name: short.to_owned(), tags }
        }
    }
}

/// Returns a text as a part of a name: letters, digits, `_` and `-`.
fn clean_name_part(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// Returns a text as the value of a tag, without what would end it.
fn clean_tag(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '|' | ',' | '#' | ':') || c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use crate::telemetry::metrics::metric_table::{KEYS, RETRIES};

    use super::*;

    #[test]
    fn labels_are_part_of_the_name_or_tags() {
        let sample = MetricSample { family: RETRIES, label: Some("step".into()), value: 1.0 };
        let plain = make_statsd_name("my.job 1", &sample, StatsdDialect::Plain);
        assert_eq!(plain, StatsdName { name: "my_job_1.retries.step".into(), tags: Vec::new() });
        let dog = make_statsd_name("my.job 1", &sample, StatsdDialect::DogStatsd);
        assert_eq!(dog.name, "retries");
        assert_eq!(dog.tags, [("job_name", "my.job 1".to_owned()), ("reason", "step".to_owned())]);
        let gauge = MetricSample { family: KEYS, label: None, value: 1.0 };
        assert_eq!(make_statsd_name("j", &gauge, StatsdDialect::Plain).name, "j.keys");
    }
}
