//! The output of `sheetkeep status`.
//!
//! In scope: the facts as a value, their text and their JSON. Out of scope: reading them
//! (`app::inspect::job_overview`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::inspect::job_overview::FailureCounts;
use crate::cli::format::{format_count, format_duration, format_number, format_share};
use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::cli::output::json::SCHEMA_VERSION;
use crate::cli::output::run::summary::choose_status_symbol;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;
use crate::ledger::leases::lease::Holder;
use crate::ledger::runs::capacity::{CELL_LIMIT, Forecast, is_tight};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::time::Timestamp;

/// Shown for values that can't be read; an anomaly gives the reason.
const UNKNOWN: &str = "unknown";

/// A job's status.
#[derive(Debug, Clone, PartialEq)]
pub struct JobStatus {
    /// The job's spreadsheet and tab.
    pub place: JobDestination,
    /// The last run; `Some(None)` before the first run, `None` if it can't be read.
    pub last_run: Option<Option<Run>>,
    /// The lease holder, and the time at which the lease expires unless renewed.
    pub held_by: Option<(Holder, Timestamp)>,
    /// True if the holder was a run on this machine whose process has ended.
    pub is_holder_dead: bool,
    /// Number of keys in Processed; `None` if it can't be read.
    pub keys: Option<u64>,
    /// Numbers of failures; `None` if they can't be read.
    pub failures: Option<FailureCounts>,
    /// Cells of the whole spreadsheet, empty ones included, as Google counts them.
    pub cells: u64,
    /// When the spreadsheet will be full, if the runs so far allow an estimate.
    pub forecast: Option<Forecast>,
    /// The anomalies that the load reported.
    pub anomalies: Vec<String>,
}

#[derive(Serialize)]
struct StatusDocument<'a> {
    schema_version: u32,
    job: &'a str,
    tab: &'a str,
    spreadsheet: &'a Spreadsheet,
    last_run: Option<LastRunDocument<'a>>,
    running: Option<HolderDocument<'a>>,
    keys: Option<u64>,
    open_failures: Option<u64>,
    dead_failures: Option<u64>,
    skipped_failures: Option<u64>,
    cells: CellUseDocument,
    anomalies: &'a [String],
}

#[derive(Serialize)]
struct LastRunDocument<'a> {
    run: &'a str,
    status: &'a str,
    started: String,
    finished: Option<String>,
    seconds: f64,
    read: u64,
    new: u64,
    skipped: u64,
    failed: u64,
    recovered: u64,
    message: &'a str,
}

#[derive(Serialize)]
struct HolderDocument<'a> {
    run: &'a str,
    host: &'a str,
    lease_until: String,
    /// Present if the run's process on this machine has ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    has_died: bool,
}

#[derive(Serialize)]
struct CellUseDocument {
    used: u64,
    limit: u64,
    per_run: Option<u64>,
    runs_left: Option<u64>,
    estimated_full_at: Option<String>,
}

impl JobStatus {
    /// Returns the JSON document.
    pub fn make_document(&self) -> impl Serialize + '_ {
        StatusDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.place.job,
            tab: &self.place.tab,
            spreadsheet: &self.place.spreadsheet,
            last_run: self.last_run.as_ref().and_then(Option::as_ref).map(|run| LastRunDocument {
                run: &run.id,
                status: run.status.as_str(),
                started: run.started.to_string(),
                finished: run.finished.map(|end| end.to_string()),
                seconds: run.seconds(),
                read: run.counts.read,
                new: run.counts.new,
                skipped: run.counts.skipped,
                failed: run.counts.failed,
                recovered: run.counts.recovered,
                message: &run.message,
            }),
            running: self.held_by.as_ref().map(|(holder, until)| HolderDocument {
                run: &holder.run,
                host: &holder.host,
                lease_until: until.to_string(),
                has_died: self.is_holder_dead,
            }),
            keys: self.keys,
            open_failures: self.failures.map(|failures| failures.open),
            dead_failures: self.failures.map(|failures| failures.exhausted),
            skipped_failures: self.failures.map(|failures| failures.skipped),
            cells: CellUseDocument {
                used: self.cells,
                limit: CELL_LIMIT,
                per_run: self.forecast.map(|forecast| forecast.cells_a_run),
                runs_left: self.forecast.map(|forecast| forecast.runs_left),
                estimated_full_at: self.forecast.and_then(|forecast| forecast.full_at).map(|at| at.to_string()),
            },
            anomalies: &self.anomalies,
        }
    }

    /// Returns the text for people at `now`; it ends with a line break.
    pub fn format_text(&self, now: Timestamp, palette: Palette) -> String {
        let mut out = format!(
            "{}  {}\n",
            palette.mark_emphasis(&make_visible(&self.place.job)),
            make_visible(&self.place.job_file)
        );
        let mut row = |name: &str, value: String| {
            let _ = writeln!(out, "  {name:<12}{value}");
        };
        row("sheet", self.format_sheet());
        row(
            "last run",
            match &self.last_run {
                None => UNKNOWN.to_owned(),
                Some(None) => "none yet".to_owned(),
                Some(Some(run)) => format_last_run(run, now, palette),
            },
        );
        if let Some((holder, until)) = &self.held_by {
            let who = format!("{} on {}", make_visible(&holder.run), make_visible(&holder.host));
            if self.is_holder_dead {
                row("died", format!("{who}: its process has ended; the next run here takes over at once"));
            } else {
                row("running", format!("{who}, lease until {until}"));
            }
        }
        row("keys", self.keys.map_or_else(|| UNKNOWN.to_owned(), format_number));
        row(
            "failures",
            match self.failures {
                None => UNKNOWN.to_owned(),
                Some(FailureCounts { open: 0, exhausted: 0, skipped: 0 }) => "none open".to_owned(),
                Some(failures) => {
                    let counts = format_failures(failures);
                    let is_quiet = failures.open + failures.exhausted == 0;
                    let counts = if is_quiet { counts } else { palette.mark_warning(&counts) };
                    format!("{counts}  {}", self.place.format_failures_command())
                }
            },
        );
        row("cells", self.format_cells_used(palette));
        if let Some(forecast) = self.forecast {
            row("growth", describe_growth(forecast));
        }
        for anomaly in &self.anomalies {
            row("warning", make_visible(anomaly).into_owned());
        }
        out
    }

    fn format_sheet(&self) -> String {
        let place = match &self.place.spreadsheet {
            Spreadsheet::Remote { url: Some(url), because, .. } => format!("{url}, because {}", make_visible(because)),
            other => other.to_string(),
        };
        format!("tab {} in {place}", make_visible(&self.place.tab))
    }

    fn format_cells_used(&self, palette: Palette) -> String {
        let share = format_share(self.cells, CELL_LIMIT);
        let share = if is_tight(self.cells) { palette.mark_warning(&share) } else { share };
        format!("{} of {} ({share})", format_number(self.cells), format_number(CELL_LIMIT))
    }
}

/// Returns `about 4,800 cells a run, full in 208 runs, about 2018-09-04`.
fn describe_growth(forecast: Forecast) -> String {
    let day = forecast.full_at.map(|at| at.to_string().chars().take(10).collect::<String>());
    let when = day.map_or_else(String::new, |day| format!(", about {day}"));
    let (cells, runs) = (format_count(forecast.cells_a_run, "cell"), format_count(forecast.runs_left, "run"));
    format!("about {cells} a run, full in {runs}{when}")
}

/// Returns `3 open, 2 exhausted, 1 skipped`.
fn format_failures(failures: FailureCounts) -> String {
    let FailureCounts { open, exhausted, skipped } = failures;
    let open = if open == 0 { "none".to_owned() } else { format_number(open) };
    let others = [(exhausted, "exhausted"), (skipped, "skipped")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    others.fold(format!("{open} open"), |text, (count, state)| format!("{text}, {} {state}", format_number(count)))
}

/// A run that ends more than this after now, in milliseconds, was timed by another clock.
const CLOCK_TOLERANCE_MS: u64 = 60_000;

fn format_last_run(run: &Run, now: Timestamp, palette: Palette) -> String {
    let verdict = format!("{} {}", choose_status_symbol(run.status), run.status.as_str());
    let verdict = match run.status {
        RunStatus::Succeeded => palette.mark_success(&verdict),
        RunStatus::Failed | RunStatus::Crashed | RunStatus::TimedOut | RunStatus::Missed => {
            palette.mark_error(&verdict)
        }
        RunStatus::Partial | RunStatus::Degraded | RunStatus::Interrupted | RunStatus::Running | RunStatus::Skipped => {
            palette.mark_warning(&verdict)
        }
    };
    // The run's times come from the clock of the machine that it ran on.
    let when = |at: Timestamp| {
        let ahead = at.ms_since(now) > CLOCK_TOLERANCE_MS;
        if ahead {
            format!("at {at} by a clock ahead of this one")
        } else {
            format!("{} ago", format_duration(now.ms_since(at)))
        }
    };
    let ago = run.finished.map_or_else(
        || format!("begun {}", when(run.started)),
        |end| format!("{}, took {}", when(end), format_duration(end.ms_since(run.started))),
    );
    let counts = &run.counts;
    let counts = format!(
        "{} read, {} new, {} skipped, {} failed",
        format_number(counts.read),
        format_number(counts.new),
        format_number(counts.skipped),
        format_number(counts.failed)
    );
    let message = if run.message.is_empty() { String::new() } else { format!(" · {}", make_visible(&run.message)) };
    format!("{verdict} {ago} · {counts}{message}")
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;
    use crate::cli::output::json::format_json_line;

    use super::*;

    fn status() -> JobStatus {
        JobStatus {
            place: fixtures::make_place(),
            last_run: Some(Some(fixtures::make_partial_report().run)),
            held_by: Some((
                Holder { install: "i".into(), run: "20180207-022613-00def".into(), host: "box".into(), process: None },
                Timestamp(1_517_970_673_840),
            )),
            is_holder_dead: false,
            keys: Some(1_704),
            failures: Some(FailureCounts { open: 5, ..FailureCounts::default() }),
            cells: 8_123_456,
            forecast: Some(Forecast {
                cells_a_run: 18_021,
                runs_left: 104,
                full_at: Some(Timestamp(1_526_952_373_840)),
            }),
            anomalies: vec!["tab Quakes has two columns named id; the first is used".into()],
        }
    }

    #[test]
    fn a_status_has_the_last_run_failures_keys_and_cells() {
        insta::assert_snapshot!(status().format_text(Timestamp(1_517_970_373_840), Palette::new(false)), @r"
        quakes  fixtures/quakes.toml
          sheet       tab Quakes in local file fixtures/quakes.sheet, because no spreadsheet is set
          last run    ▲ partial 57 min 55 s ago, took 2 min 05 s · 1,707 read, 1,500 new, 204 skipped, 3 failed · 3 items failed
          running     20180207-022613-00def on box, lease until 2018-02-07T02:31:13.840Z
          keys        1,704
          failures    5 open  sheetkeep failures list fixtures/quakes.toml
          cells       8,123,456 of 10,000,000 (81.2 %)
          growth      about 18,021 cells a run, full in 104 runs, about 2018-05-22
          warning     tab Quakes has two columns named id; the first is used
        ");
    }

    #[test]
    fn skipped_failures_are_counted_beside_the_others() {
        let counts = |open, exhausted, skipped| format_failures(FailureCounts { open, exhausted, skipped });
        assert_eq!(counts(0, 0, 1), "none open, 1 skipped");
        assert_eq!(counts(3, 2, 1), "3 open, 2 exhausted, 1 skipped");
    }

    #[test]
    fn a_job_that_never_ran_says_so() {
        let fresh = JobStatus {
            last_run: Some(None),
            held_by: None,
            is_holder_dead: false,
            keys: Some(0),
            failures: Some(FailureCounts::default()),
            cells: 26_000,
            forecast: None,
            anomalies: Vec::new(),
            ..status()
        };
        insta::assert_snapshot!(fresh.format_text(Timestamp(0), Palette::new(false)), @r"
        quakes  fixtures/quakes.toml
          sheet       tab Quakes in local file fixtures/quakes.sheet, because no spreadsheet is set
          last run    none yet
          keys        0
          failures    none open
          cells       26,000 of 10,000,000 (0.2 %)
        ");
    }

    #[test]
    fn the_document_of_a_status_is_frozen() {
        insta::assert_snapshot!(format_json_line(&status().make_document()).trim_end(), @r#"{"schema_version":2,"job":"quakes","tab":"Quakes","spreadsheet":{"kind":"embedded","file":"fixtures/quakes.sheet","because":"no spreadsheet is set"},"last_run":{"run":"20180207-012613-00abc","status":"partial","started":"2018-02-07T01:26:13.840Z","finished":"2018-02-07T01:28:18.840Z","seconds":125.0,"read":1707,"new":1500,"skipped":204,"failed":3,"recovered":2,"message":"3 items failed"},"running":{"run":"20180207-022613-00def","host":"box","lease_until":"2018-02-07T02:31:13.840Z"},"keys":1704,"open_failures":5,"dead_failures":0,"skipped_failures":0,"cells":{"used":8123456,"limit":10000000,"per_run":18021,"runs_left":104,"estimated_full_at":"2018-05-22T01:26:13.840Z"},"anomalies":["tab Quakes has two columns named id; the first is used"]}"#);
    }
}
