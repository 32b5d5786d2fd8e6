//! The job file as written.
//!
//! In scope: its keys and their types, with the place of each value. The JSON schema is derived
//! from these types, and their docs are the schema's descriptions. Out of scope: the meaning of
//! values (`config::settings`), unknown and missing keys (`config::syntax::keys`), the two ways of
//! writing a column (`config::syntax::column_entry`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::syntax::column_entry::ColumnEntry;
use crate::config::syntax::located::{Located, LocatedText};
use crate::config::syntax::max_changed::MaxChangedEntry;
use crate::config::syntax::stage_section::StageSection;

/// A sheetkeep job.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, title = "sheetkeep job file", extend("required" = ["name"], "anyOf" = [{ "required": ["stage"] }, { "required": ["source", "item", "sheet"] }]))]
pub(crate) struct JobFile {
    /// The job's name: letters, digits, blank, `_`, `.` and `-`, at most 50. It names the tabs that hold the job's state.
    pub(crate) name: Option<LocatedText>,
    /// Who answers for the job, as people read it in the tab Jobs: a name or a mail address.
    pub(crate) owner: Option<LocatedText>,
    /// When the job should run.
    pub(crate) schedule: Option<ScheduleSection>,
    /// Where records come from: exactly one of csv, json, jsonl and xlsx.
    pub(crate) source: Option<Located<SourceSection>>,
    /// What makes two records the same one.
    pub(crate) item: Option<ItemSection>,
    /// What is done with a record, in order; without a step a record is its own row.
    pub(crate) step: Vec<StepSection>,
    /// Commands that run one after the other, each with a checkpoint, in place of source, item and step.
    pub(crate) stage: Vec<StageSection>,
    /// How much time and memory expressions may take.
    pub(crate) jq: Option<JqSection>,
    /// Where rows go.
    pub(crate) sheet: Option<SheetSection>,
    /// How often results are written.
    pub(crate) commit: Option<CommitSection>,
    /// How calls that fail are tried again.
    pub(crate) retry: Option<RetrySection>,
    /// How many calls a minute a run may make.
    pub(crate) quota: Option<QuotaSection>,
    /// What becomes of records that fail.
    pub(crate) failures: Option<FailuresSection>,
    /// Who is running.
    pub(crate) lease: Option<LeaseSection>,
    /// What a run is expected to yield; outside of that it is degraded.
    pub(crate) expect: Option<ExpectSection>,
    /// Where the job reports that it is alive.
    pub(crate) heartbeat: Option<HeartbeatSection>,
    /// What is reported to people, when, and to whom.
    pub(crate) alerts: Option<AlertsSection>,
    /// Where the metrics of each run go.
    pub(crate) metrics: Option<MetricsSection>,
    /// How the job appears in the tab Jobs.
    pub(crate) jobs: Option<JobsSection>,
    /// What is kept on this machine.
    pub(crate) state: Option<StateSection>,
}

/// When the job should run: at the times of `cron`, or so that its rows are there at `ready_by`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["timezone"]))]
pub(crate) struct ScheduleSection {
    /// A cron expression of five fields, a word such as @daily, or an interval such as every 15m.
    pub(crate) cron: Option<LocatedText>,
    /// The IANA zone of the times, such as Europe/Berlin or UTC.
    pub(crate) timezone: Option<LocatedText>,
    /// The local time at which the rows have to be there, such as 09:00, in place of cron.
    pub(crate) ready_by: Option<LocatedText>,
    /// The weekdays of `ready_by`, as a cron field such as 1-5; every day if none are named.
    pub(crate) weekdays: Option<LocatedText>,
    /// With `ready_by`, the local time before which no run starts.
    pub(crate) not_before: Option<LocatedText>,
    /// With `ready_by`, how long before that time a run should end: 10m if none is named.
    pub(crate) margin: Option<LocatedText>,
    /// What is done about times that no scheduler called for: `skip`, `run_once` (the latest), or `run_all(N)` (the latest N).
    #[schemars(extend("pattern" = r"^(skip|run_once|run_all\([0-9]+\))$"))]
    pub(crate) misfire: Option<LocatedText>,
    /// How late a run may start before misfire decides: 1h if none is named.
    pub(crate) misfire_grace: Option<LocatedText>,
    /// What is done about a time that comes while a run is active.
    #[schemars(extend("enum" = ["skip", "queue", "allow"]))]
    pub(crate) overlap: Option<LocatedText>,
    /// Starts each run later by up to this long, always by the same amount for one job.
    pub(crate) jitter: Option<LocatedText>,
    /// Local dates without a run: 2026-12-24, or 2026-12-24..2027-01-02.
    pub(crate) blackout: Vec<LocatedText>,
    /// After how many failed runs in a row the job pauses: 5 if none is named, 0 for never.
    pub(crate) pause_after: Option<Located<i64>>,
}

/// Where records come from. A path is relative to the job file; `-` is standard input.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SourceSection {
    /// A CSV file with a header row.
    pub(crate) csv: Option<LocatedText>,
    /// A JSON document.
    pub(crate) json: Option<LocatedText>,
    /// A file with one JSON text a line.
    pub(crate) jsonl: Option<LocatedText>,
    /// An Excel workbook (.xlsx).
    pub(crate) xlsx: Option<LocatedText>,
    /// Which values of a JSON document are records: a path such as `.features[]` streams, any other jq reads the whole document.
    pub(crate) items: Option<LocatedText>,
    /// What sets CSV fields apart: one character, or `auto` (`,` `;` tab or `|`, whichever the header row and the first records show). If
    /// nothing is said, that is tried, and a comma is taken where it is not clear.
    pub(crate) delimiter: Option<LocatedText>,
    /// The encoding of the text: `auto`, or a name such as utf-8, windows-1252, utf-16le or euc-kr.
    /// `auto` is a mark at its start, else UTF-8, and for CSV that is not UTF-8, windows-1252.
    pub(crate) encoding: Option<LocatedText>,
    /// The sheet of a workbook that is read; needed if it has several.
    pub(crate) sheet: Option<LocatedText>,
    /// The number of the row of a sheet that names the fields; the first one with a value if nothing is said.
    pub(crate) header_row: Option<Located<i64>>,
}

/// What makes two records the same one, and a record worth processing again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["key"]))]
pub(crate) struct ItemSection {
    /// jq (jaq) that yields a record's key, a text or a number.
    pub(crate) key: Option<LocatedText>,
    /// jq (jaq) that yields a record's version; a hash of the record if none is named and rows are kept one a key.
    pub(crate) version: Option<LocatedText>,
    /// Which versions are worth processing again: any other one, or only a newer one (versions are then numbers or times).
    #[schemars(extend("enum" = ["any", "newer"]))]
    pub(crate) order: Option<LocatedText>,
}

/// A step: a jq expression or a program that is applied to each item.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct StepSection {
    /// jq (jaq) that yields rows: objects of column and value; none, one or several.
    pub(crate) map: Option<LocatedText>,
    /// A program and its arguments, run for each item: the item on its standard input, values on its standard output.
    pub(crate) command: Option<Located<Vec<String>>>,
    /// How long a program may take for one item, 60s if nothing is said; or an expression, 10s or what `jq.timeout` says.
    pub(crate) timeout: Option<LocatedText>,
    /// Whether a program may be run twice for one item after a crash, with the same idempotency
    /// key, or never. If never, the item is marked on the sheet first, and is in doubt after a
    /// crash.
    #[schemars(extend("enum" = ["at-least-once", "at-most-once"]))]
    pub(crate) delivery: Option<LocatedText>,
    /// The step's name, for failures and idempotency keys.
    pub(crate) name: Option<LocatedText>,
}

/// How much time and memory expressions may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct JqSection {
    /// How long an expression may take for one record; 10s if nothing is said. A `map` step may have its own.
    pub(crate) timeout: Option<LocatedText>,
    /// Megabytes of memory that an expression may take for one record; 512 if nothing is said.
    pub(crate) memory: Option<Located<i64>>,
}

/// Where rows go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["tab"]))]
pub(crate) struct SheetSection {
    /// The data tab's title.
    pub(crate) tab: Option<LocatedText>,
    /// How rows are written: each appended, or one row a key, whose cells a newer version writes over.
    #[schemars(extend("enum" = ["append", "upsert"]))]
    pub(crate) mode: Option<LocatedText>,
    /// Columns by name, with the type of each: text, number, boolean, date, datetime, duration,
    /// link or formula. Or a table with `type`, `format`, `timezone`, `decimal` and `input`.
    pub(crate) columns: BTreeMap<String, ColumnEntry>,
    /// The first columns of a new tab, in order; the others follow as they come.
    pub(crate) order: Vec<LocatedText>,
    /// What becomes of a field that the tab has no column for: it gets one, is left out, or its record fails.
    #[schemars(extend("enum" = ["add", "ignore", "refuse"]))]
    pub(crate) new_columns: Option<LocatedText>,
    /// The IANA zone in which times are shown; the spreadsheet's own if none is named.
    pub(crate) timezone: Option<LocatedText>,
    /// The column that carries the key; found by itself if none is named.
    pub(crate) key: Option<LocatedText>,
    /// With one row a key: how many rows a run may change before a person has to approve. A number of rows, a share such as 10%, or a
    /// table of both: then a run is held that is beyond both. New rows are written in any case; no limit if nothing is said.
    pub(crate) max_changed: Option<MaxChangedEntry>,
    /// The spreadsheet, by id or address; usually left to the environment variable `SHEETKEEP_SPREADSHEET_ID`.
    pub(crate) spreadsheet: Option<LocatedText>,
}

/// How often results are written.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct CommitSection {
    /// How long a result may wait to be written, such as 2s.
    pub(crate) every: Option<LocatedText>,
    /// The most rows in one write.
    pub(crate) max_rows: Option<Located<i64>>,
}

/// How calls that fail are tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RetrySection {
    /// Tries in all, the first one included; those that were answered 429 are bounded by `max_elapsed` alone.
    pub(crate) attempts: Option<Located<i64>>,
    /// The first wait's upper bound, such as 1s; it doubles with every try.
    pub(crate) base: Option<LocatedText>,
    /// The longest wait, at least 64s.
    pub(crate) cap: Option<LocatedText>,
    /// How long a call may be tried again, such as 3m.
    pub(crate) max_elapsed: Option<LocatedText>,
}

/// How many calls a minute a run may make. Google allows an account 60 of each kind, and its
/// project 300, unless it has granted more.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct QuotaSection {
    /// Reads a minute; 50 if nothing is said.
    pub(crate) reads_per_minute: Option<Located<i64>>,
    /// Writes a minute; 50 if nothing is said.
    pub(crate) writes_per_minute: Option<Located<i64>>,
}

/// What becomes of records that fail.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct FailuresSection {
    /// Tries of one record, over all runs.
    pub(crate) max_attempts: Option<Located<i64>>,
    /// How many of the first records may fail for one cause before a run stops, at most 200. 20 if
    /// nothing is said, 0 for never.
    pub(crate) stop_after: Option<Located<i64>>,
}

/// Who is running.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct LeaseSection {
    /// How long a run that went silent is waited for, such as 5m; at least 1s.
    pub(crate) ttl: Option<LocatedText>,
    /// What a run does that finds another one at work: ends (skip), waits for it (queue), or takes its place (replace).
    #[schemars(extend("enum" = ["skip", "queue", "replace"]))]
    pub(crate) overlap: Option<LocatedText>,
    /// How long a run that waits does so, such as 30m.
    pub(crate) wait: Option<LocatedText>,
}

/// What is kept on this machine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct StateSection {
    /// The folder of the installation's id and lock.
    pub(crate) dir: Option<LocatedText>,
    /// The file of the embedded sheet, which is used where no spreadsheet is named.
    pub(crate) file: Option<LocatedText>,
}

/// Where the job reports that it is alive.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct HeartbeatSection {
    /// The address of a ping service: start, success and failure of each run. It is a secret; write `${NAME}`.
    pub(crate) url: Option<LocatedText>,
    /// The convention of the address: healthchecks, cronitor or sentry. The address itself decides if none is named.
    pub(crate) kind: Option<LocatedText>,
    /// A file that is rewritten after each run, with its result.
    pub(crate) file: Option<LocatedText>,
}

/// What is reported to people, when, and to whom. With `SLACK_WEBHOOK_URL` set, none of it is needed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AlertsSection {
    /// Whether anything is reported; true by default.
    pub(crate) enabled: Option<Located<bool>>,
    /// Bad runs in a row before the first message: 1, or 2 for a job that runs more than once an hour.
    pub(crate) after: Option<Located<i64>>,
    /// Good runs in a row before the message that it is over; 1 by default.
    pub(crate) recover_after: Option<Located<i64>>,
    /// The time until a reminder, then daily; 4h by default, or never.
    pub(crate) remind_every: Option<LocatedText>,
    /// Failed records of a run that are reported: a number from 1, a share such as 5%, or never; 1 by default.
    pub(crate) failed_items: Option<LocatedText>,
    /// Retries for each record read above which a run is reported; nothing by default.
    pub(crate) retries_per_record: Option<Located<f64>>,
    /// Messages in any hour, 10 by default; the rest waits and is joined.
    pub(crate) most_per_hour: Option<Located<i64>>,
    /// Local times between which warnings wait, such as 22:00-07:00.
    pub(crate) quiet_hours: Option<LocatedText>,
    /// The IANA zone of `quiet_hours` and of times in messages; the schedule's by default.
    pub(crate) timezone: Option<LocatedText>,
    /// Who hears of a problem that lasts, in order.
    pub(crate) escalate: Vec<EscalateSection>,
    /// Where messages go, beside `SLACK_WEBHOOK_URL`. If all of them fail, the first other one is used.
    pub(crate) channel: Vec<AlertChannelSection>,
}

/// A channel that hears of a problem that lasts.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["after", "to"]))]
pub(crate) struct EscalateSection {
    /// How long it may last: 3 failures, or a time such as 24h.
    pub(crate) after: Option<LocatedText>,
    /// The channel's name.
    pub(crate) to: Option<LocatedText>,
}

/// Where messages go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["kind"]))]
pub(crate) struct AlertChannelSection {
    /// The channel's name; its kind by default.
    pub(crate) name: Option<LocatedText>,
    /// What it is.
    #[schemars(extend("enum" = ["slack", "pagerduty", "teams", "discord", "ntfy", "email", "webhook", "command"]))]
    pub(crate) kind: Option<LocatedText>,
    /// The webhook's address, the ntfy topic's, or the mail server's: `smtps://USER:PASSWORD@HOST`. It is a secret; write `${NAME}`.
    pub(crate) url: Option<LocatedText>,
    /// The routing key of `PagerDuty`, the access token of ntfy, or the signing secret of a webhook. It is a secret; write `${NAME}`.
    pub(crate) key: Option<LocatedText>,
    /// The least severity: info, warning, critical; never for a channel of escalate only.
    #[schemars(extend("enum" = ["info", "warning", "critical", "never"]))]
    pub(crate) severity: Option<LocatedText>,
    /// The sender of e-mail.
    pub(crate) from: Option<LocatedText>,
    /// The recipients of e-mail.
    pub(crate) to: Vec<LocatedText>,
    /// A program and its arguments; it gets the message as JSON on its standard input.
    pub(crate) command: Option<Located<Vec<String>>>,
}

/// Where the metrics of each run go, once it is over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct MetricsSection {
    /// A file that gets one line of JSON for each run.
    pub(crate) jsonl: Option<LocatedText>,
    /// A file for node-exporter's textfile collector, which is rewritten after each run; it has to end in .prom.
    pub(crate) textfile: Option<LocatedText>,
    /// The address of a Prometheus Pushgateway. It may hold a password; write `${NAME}` then.
    pub(crate) pushgateway: Option<LocatedText>,
    /// A StatsD daemon by host and port, such as 127.0.0.1:8125; with `dogstatsd://` in front for Datadog's agent.
    pub(crate) statsd: Option<LocatedText>,
}

/// How the job appears in the tab Jobs, in which all jobs of the spreadsheet show their state.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct JobsSection {
    /// Whether the job has a row there; true by default.
    pub(crate) tab: Option<Located<bool>>,
    /// Whether the job sets hourly recalculation when it makes the tab, so that `overdue` turns by itself; true by default.
    pub(crate) recalculate: Option<Located<bool>>,
}

/// What a run is expected to yield. A range is `1..`, `..100`, `10..20`, or a share of the records read such as `..5%`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ExpectSection {
    /// Records that are read.
    pub(crate) read: Option<LocatedText>,
    /// Keys that become done.
    pub(crate) new: Option<LocatedText>,
    /// Records that fail.
    pub(crate) failed: Option<LocatedText>,
    /// Columns that may not be empty in all rows of a run.
    pub(crate) filled: Vec<LocatedText>,
}
