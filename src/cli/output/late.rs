//! The output of `sheetkeep late`: one line for each job.
//!
//! In scope: the lines as values, their text and their JSON. Out of scope: the verdict
//! (`schedule::lateness`), reading the history (`app::schedule::run_history`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::format::{format_duration, format_number};
use crate::cli::output::json::SCHEMA_VERSION;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;
use crate::schedule::explanation::explain_time;
use crate::schedule::job_schedule::{JobSchedule, Occurrence};
use crate::schedule::lateness::{LatenessReport, LatenessState, RunSummary};
use crate::time::Timestamp;

/// The verdict about one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateLine {
    /// The job's name; its file's name if that can't be read.
    pub job: String,
    /// The job file, if one was named.
    pub job_file: Option<String>,
    /// Whether the job is on time, late, stuck or stale.
    pub state: LatenessState,
    /// The reason, in one sentence without a full stop.
    pub message: String,
    /// What to do about a job that can't be read.
    pub hint: Option<String>,
    /// The end of the last successful run.
    pub last_success: Option<Timestamp>,
    /// Milliseconds since then.
    pub age_ms: Option<u64>,
    /// The occurrence that has no successful run, by its logical time.
    pub expected: Option<Timestamp>,
    /// The next occurrence, by its logical time.
    pub next: Option<Timestamp>,
    /// Failed runs since the last one that succeeded.
    pub failures_in_a_row: u32,
}

/// The verdicts about all jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateOutput {
    /// One line for each job, in the order of the command line.
    pub lines: Vec<LateLine>,
    /// The exit of the worst.
    pub exit: Exit,
}

#[derive(Serialize)]
struct LateDocument<'a> {
    schema_version: u32,
    state: &'a str,
    jobs: Vec<LateJobDocument<'a>>,
    exit_code: u8,
}

#[derive(Serialize)]
struct LateJobDocument<'a> {
    job: &'a str,
    job_file: Option<&'a str>,
    state: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    last_success: Option<String>,
    age_seconds: Option<u64>,
    expected: Option<String>,
    next: Option<String>,
    failures_in_a_row: u32,
}

impl LateLine {
    /// Creates the line of a job that was judged.
    pub fn from_verdict(
        (job, job_file): (String, Option<String>),
        schedule: Option<&JobSchedule>,
        max_age_ms: Option<u64>,
        report: &LatenessReport,
        summary: &RunSummary,
    ) -> Self {
        Self {
            job,
            job_file,
            state: report.state,
            message: describe_lateness(schedule, max_age_ms, report, summary),
            hint: None,
            last_success: summary.last_success.map(|run| run.ended_at),
            age_ms: report.age_ms,
            expected: report.expected.map(|expected| expected.scheduled_for),
            next: report.next.map(|next| next.scheduled_for),
            failures_in_a_row: summary.failures_in_a_row,
        }
    }

    /// Creates the line of a job that can't be read.
    pub fn from_error((job, job_file): (String, Option<String>), message: String, hint: Option<String>) -> Self {
        let state = LatenessState::Unknown;
        let (last_success, age_ms, expected, next, failures_in_a_row) = (None, None, None, None, 0);
        Self { job, job_file, state, message, hint, last_success, age_ms, expected, next, failures_in_a_row }
    }
}

/// Returns why a job is in its state, and its next time.
fn describe_lateness(
    schedule: Option<&JobSchedule>,
    max_age_ms: Option<u64>,
    report: &LatenessReport,
    summary: &RunSummary,
) -> String {
    let age = report.age_ms.map(format_age);
    let success = match &age {
        Some(age) => format!("last success {age} ago"),
        None => "no run succeeded yet".to_owned(),
    };
    let mut parts = match report.state {
        LatenessState::Stale => {
            let most = max_age_ms.map(format_age).unwrap_or_default();
            vec![format!("{success}, and --max-age is {most}")]
        }
        LatenessState::Stuck => {
            let run = summary.unfinished;
            let began = run.map(|run| run.started_at.to_string()).unwrap_or_default();
            let ended = run.map(|run| run.lease_until.to_string()).unwrap_or_default();
            vec![
                format!("a run began at {began}, its lease ended at {ended}, and it never ended"),
                "the next run records it as crashed".to_owned(),
                success,
            ]
        }
        LatenessState::Degraded => vec![format!("{success}, and it was degraded, or items of it failed")],
        _ => vec![success],
    };
    if let Some(at) = report.expected.and_then(|expected| format_local_time(schedule, &expected)) {
        parts.insert(0, format!("expected {at}"));
    }
    if summary.failures_in_a_row > 0 {
        let pauses = if report.is_paused_by_failures { ", so the schedule pauses" } else { "" };
        parts.push(format!("failed runs in a row: {}{pauses}", summary.failures_in_a_row));
    }
    parts.extend(report.outgrown.map(|outgrown| outgrown.sentence()));
    if let Some(at) = report.next.and_then(|next| format_local_time(schedule, &next)) {
        parts.push(format!("next {at}"));
    }
    parts.join("; ")
}

/// Formats an age. Services give their time in whole seconds, so shorter ages are not shown.
fn format_age(ms: u64) -> String {
    match ms / 3_600_000 {
        _ if ms < 60_000 => "less than a minute".to_owned(),
        0..72 => format_duration(ms),
        hours => format!("{} days", format_number(hours / 24)),
    }
}

/// Returns the logical time of an occurrence in its zone and in UTC.
fn format_local_time(schedule: Option<&JobSchedule>, occurrence: &Occurrence) -> Option<String> {
    let time = explain_time(occurrence.scheduled_for, &schedule?.zone)?;
    Some(format!("{} ({})", time.local, time.utc))
}

impl LateOutput {
    /// Returns the JSON document.
    pub fn make_document(&self) -> impl Serialize + '_ {
        let worst = crate::schedule::lateness::find_worst_state(self.lines.iter().map(|line| line.state));
        LateDocument {
            schema_version: SCHEMA_VERSION,
            state: worst.as_str(),
            jobs: self.lines.iter().map(LateLine::make_document).collect(),
            exit_code: self.exit.code(),
        }
    }

    /// Returns the text for people; it ends with a line break.
    pub fn format_text(&self, palette: Palette) -> String {
        let mut out = String::new();
        let width = self.lines.iter().map(|line| line.job.chars().count()).max().unwrap_or_default();
        for line in &self.lines {
            let word = format!("{:<9}", line.state.as_str());
            let word = match line.state {
                LatenessState::Ok => palette.mark_success(&word),
                LatenessState::Paused | LatenessState::Degraded | LatenessState::Unknown => palette.mark_warning(&word),
                _ => palette.mark_error(&word),
            };
            let _ = writeln!(out, "{word} {:<width$}  {}", make_visible(&line.job), make_visible(&line.message));
            if let Some(hint) = &line.hint {
                let _ = writeln!(out, "{:<9} {:<width$}  {}", "", "", palette.mark_dimmed(&make_visible(hint)));
            }
        }
        out
    }
}

impl LateLine {
    fn make_document(&self) -> LateJobDocument<'_> {
        LateJobDocument {
            job: &self.job,
            job_file: self.job_file.as_deref(),
            state: self.state.as_str(),
            message: &self.message,
            hint: self.hint.as_deref(),
            last_success: self.last_success.map(|at| at.to_string()),
            age_seconds: self.age_ms.map(|ms| ms / 1_000),
            expected: self.expected.map(|at| at.to_string()),
            next: self.next.map(|at| at.to_string()),
            failures_in_a_row: self.failures_in_a_row,
        }
    }
}
