//! What is measured of a run that is over: the one source of its log line, its line in
//! `metrics.jsonl`, and all metrics.
//!
//! In scope: the values and their units. Out of scope: where they come from (`app::metrics`).

use serde_json::{Map, Value};

use crate::telemetry::logs::log_line::LogLevel;
use crate::time::Timestamp;

/// The words for how a run ended, as in the tab Runs but without blanks.
pub const STATUSES: [&str; 6] = ["succeeded", "partial", "degraded", "failed", "interrupted", "timed_out"];

/// A run that is over. Counts are of this run alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunMeasurement {
    /// The job's name.
    pub job: String,
    /// The run's id; `None` if it came to an end before it had one.
    pub run: Option<String>,
    /// How it ended, one of `STATUSES`.
    pub status: &'static str,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The name of the exit code, such as `tempfail`, if an error ended the run.
    pub error_kind: Option<String>,
    /// What people read about the end: a sentence, or nothing.
    pub message: String,
    /// What started it: `cli`, `schedule` and so on.
    pub trigger: String,
    /// When it started, by this machine's clock.
    pub started: Timestamp,
    /// When it ended, by this machine's clock.
    pub ended: Timestamp,
    /// How long it took, in milliseconds, by the monotonic clock.
    pub duration_ms: u64,
    /// What became of its records.
    pub items: ItemCounts,
    /// Rows added to the data tab.
    pub rows_added: u64,
    /// Rows of the data tab that were rewritten.
    pub rows_updated: u64,
    /// Commits that were applied.
    pub commits: u64,
    /// Retries of steps.
    pub step_retries: u64,
    /// Its calls to the service.
    pub calls: CallMeasurement,
    /// Keys in Processed at the end; `None` if the state was not read.
    pub keys: Option<u64>,
    /// Open failures at the end; `None` if the state was not read.
    pub open_failures: Option<u64>,
    /// Failures at the end that used up their attempts; `None` if the state was not read.
    pub exhausted_failures: Option<u64>,
    /// Cells that the spreadsheet has room for; `None` if it is not known.
    pub cells_left: Option<u64>,
    /// When the next run is due; `None` without a schedule.
    pub next_due: Option<Timestamp>,
    /// The version of this program.
    pub version: String,
    /// What it did, in order: reading the state, and each commit.
    pub phases: Vec<RunPhase>,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPhase {
    /// `load` or `commit`.
    pub name: &'static str,
    /// When it ended, by this machine's clock.
    pub ended: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The commit's number.
    pub commit: Option<u64>,
    /// Rows of the commit.
    pub rows: u64,
}

/// What became of the records of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ItemCounts {
    /// Records that the source yielded.
    pub read: u64,
    /// Items that became done.
    pub new: u64,
    /// Items that were done before, or came twice.
    pub skipped: u64,
    /// Items that failed.
    pub failed: u64,
    /// New items that had failed in an earlier run.
    pub recovered: u64,
}

/// The calls of a run to the service, each attempt counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallMeasurement {
    /// Attempts that the service counts as reads.
    pub reads: u64,
    /// Attempts that the service counts as writes.
    pub writes: u64,
    /// Attempts after the first one of a call.
    pub retries: u64,
    /// Attempts that were answered with 429.
    pub throttled: u64,
    /// How long calls waited for the quota, in milliseconds.
    pub quota_wait_ms: u64,
}

impl RunMeasurement {
    /// Returns the number of errors: items that failed, and the run itself if an error ended it.
    pub fn errors(&self) -> u64 {
        self.items.failed + u64::from(self.error_kind.is_some())
    }

    /// Returns the duration in seconds.
    pub fn duration_s(&self) -> f64 {
        convert_to_seconds(self.duration_ms)
    }

    /// Returns whether the run did what it should.
    pub fn is_success(&self) -> bool {
        self.status == "succeeded" && self.exit_code == 0
    }

    /// Returns how serious the run's end is.
    pub fn log_level(&self) -> LogLevel {
        match self.status {
            _ if self.error_kind.is_some() => LogLevel::Error,
            "succeeded" => LogLevel::Info,
            "failed" | "timed_out" => LogLevel::Error,
            _ => LogLevel::Warning,
        }
    }

    /// Returns the sentence of the run's log line.
    pub fn format_sentence(&self) -> String {
        let ItemCounts { read, new, skipped, failed, .. } = self.items;
        let why = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        let (job, status, took) = (&self.job, self.status.replace('_', " "), self.duration_s());
        format!("{job}: run {status} in {took:.1} s, read {read}, new {new}, skipped {skipped}, failed {failed}{why}")
    }

    /// Returns the fields of the run's log line.
    pub fn log_fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("outcome".into(), self.status.into());
        fields.insert("exit_code".into(), self.exit_code.into());
        if let Some(kind) = &self.error_kind {
            fields.insert("error.kind".into(), kind.as_str().into());
            fields.insert("cause".into(), self.message.as_str().into());
        }
        fields.insert("trigger".into(), self.trigger.as_str().into());
        fields.insert("started".into(), self.started.to_string().into());
        for (name, value) in self.list_numbers() {
            fields.insert(name.to_owned(), value);
        }
        fields.insert("version".into(), self.version.as_str().into());
        fields
    }

    /// Returns the run's line in `metrics.jsonl`, without a line break.
    pub fn record(&self) -> String {
        let mut record = Map::new();
        record.insert("at".into(), self.ended.to_string().into());
        record.insert("job".into(), self.job.as_str().into());
        record.insert("run".into(), self.run.as_deref().into());
        record.insert("status".into(), self.status.into());
        record.insert("exit_code".into(), self.exit_code.into());
        record.insert("error".into(), self.error_kind.as_deref().into());
        record.insert("trigger".into(), self.trigger.as_str().into());
        record.insert("started".into(), self.started.to_string().into());
        for (name, value) in self.list_numbers() {
            record.insert(name.to_owned(), value);
        }
        record.insert("next_due".into(), self.next_due.map(|due| due.to_string()).into());
        record.insert("version".into(), self.version.as_str().into());
        Value::Object(record).to_string()
    }

    /// Returns the numbers of a run, in the order in which people read them. What is not known is
    /// null.
    fn list_numbers(&self) -> [(&'static str, Value); 21] {
        let (items, calls) = (self.items, self.calls);
        [
            ("rows", self.rows_added.into()),
            ("errors", self.errors().into()),
            ("duration_s", self.duration_s().into()),
            ("read", items.read.into()),
            ("new", items.new.into()),
            ("skipped", items.skipped.into()),
            ("failed", items.failed.into()),
            ("recovered", items.recovered.into()),
            ("updated", self.rows_updated.into()),
            ("commits", self.commits.into()),
            ("retries", (self.step_retries + calls.retries).into()),
            ("step_retries", self.step_retries.into()),
            ("call_retries", calls.retries.into()),
            ("reads", calls.reads.into()),
            ("writes", calls.writes.into()),
            ("throttled", calls.throttled.into()),
            ("quota_wait_s", convert_to_seconds(calls.quota_wait_ms).into()),
            ("keys", self.keys.into()),
            ("open_failures", self.open_failures.into()),
            ("exhausted_failures", self.exhausted_failures.into()),
            ("cells_left", self.cells_left.into()),
        ]
    }
}

/// Returns milliseconds in seconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
pub fn convert_to_seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_what_every_reader_relies_on() {
        let measurement = RunMeasurement {
            job: "quakes".into(),
            status: "partial",
            exit_code: 3,
            ended: Timestamp(1_517_966_773_840),
            duration_ms: 1_250,
            items: ItemCounts { read: 9, new: 6, failed: 3, ..ItemCounts::default() },
            rows_added: 6,
            ..RunMeasurement::default()
        };
        let record: Value = serde_json::from_str(&measurement.record()).expect("a JSON object");
        for (name, value) in [
            ("at", Value::from("2018-02-07T01:26:13.840Z")),
            ("rows", 6.into()),
            ("errors", 3.into()),
            ("duration_s", 1.25.into()),
            ("cells_left", Value::Null),
        ] {
            assert_eq!(record[name], value, "{name}");
        }
    }

    #[test]
    fn a_run_that_an_error_ended_counts_as_an_error_itself() {
        let failed = RunMeasurement {
            status: "failed",
            error_kind: Some("unavailable".into()),
            message: "the service is down".into(),
            ..RunMeasurement::default()
        };
        assert_eq!((failed.errors(), failed.is_success(), failed.log_level()), (1, false, LogLevel::Error));
        assert!(failed.format_sentence().ends_with(": the service is down"), "{}", failed.format_sentence());
    }
}
