//! Events as plain lines. They are few, so that a person can read them in a log.

use crate::cli::format::{format_count, format_duration, format_number, make_shell_safe, round_down_percent};
use crate::cli::output::destination::JobDestination;
use crate::cli::streams::control_characters::make_visible;
use crate::ledger::runs::event::Event;
use crate::ledger::runs::run::Counts;

/// Failures that are printed one by one; further ones are counted.
pub const FAILURES_PRINTED: u64 = 10;
/// Least time between two lines of progress, in milliseconds.
const MIN_INTERVAL_MS: u64 = 2_000;
/// Largest time between two lines of progress while events arrive, in milliseconds.
const LARGEST_GAP_MS: u64 = 30_000;
/// Percentage points between two lines of progress.
const PROGRESS_STEP_PERCENT: u64 = 10;

/// The length from which an error is not repeated line after line, in bytes.
const LONG_ERROR: usize = 80;

/// Turns events into lines. The caller passes elapsed times.
#[derive(Debug)]
pub struct EventLines {
    job: String,
    place: String,
    is_verbose: bool,
    shows_progress: bool,
    failures: u64,
    last_error: String,
    retries: u64,
    printed_at_ms: u64,
    printed_percent: u64,
}

impl EventLines {
    /// Creates the lines of the job at `place`. `verbose` includes commits and in-doubt commits;
    /// `with_progress` includes progress.
    pub fn new(place: &JobDestination, is_verbose: bool, shows_progress: bool) -> Self {
        let (job, place) = (make_visible(&place.job).into_owned(), place.spreadsheet.to_string());
        let (failures, last_error, retries) = (0, String::new(), 0);
        Self {
            job,
            place,
            is_verbose,
            shows_progress,
            failures,
            last_error,
            retries,
            printed_at_ms: 0,
            printed_percent: 0,
        }
    }

    /// Returns the line for `event`, `elapsed_ms` after the start; `None` if the event has no line.
    pub fn format_event(&mut self, event: &Event, elapsed_ms: u64) -> Option<String> {
        let line = self.format_line(event, elapsed_ms)?;
        Some(format!("{}: {line}", self.job))
    }

    fn format_line(&mut self, event: &Event, elapsed_ms: u64) -> Option<String> {
        match event {
            Event::Started { run, .. } => Some(format!("run {run} started")),
            Event::Waiting { why } => Some(format!("waiting: {}", make_visible(why))),
            Event::Loaded { is_first_run: true, .. } => Some(format!("first run in {}", self.place)),
            Event::Loaded { keys, open_failures, took_ms, .. } => Some(format!(
                "{} known, {} open ({})",
                format_count(*keys, "key"),
                format_count(*open_failures, "failure"),
                format_duration(*took_ms)
            )),
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => {
                Some(format!("warning: {}", make_visible(message)))
            }
            Event::RunAbandoned { run } => Some(format!(
                "warning: the earlier run {run} died, or this run took over its lease; Runs records it as crashed"
            )),
            Event::ItemFailed { key, position, step, error } => {
                self.format_failure(key.as_str(), position, step, error)
            }
            Event::RetryRequested { key, uses_stored_record: from_kept } => self.format_retry(key.as_str(), *from_kept),
            Event::Retrying { step, key, attempt, of, delay_ms, cause, .. } => Some(format!(
                "step {} of {}: attempt {attempt} of {of} starts in {}: {}",
                make_visible(step),
                make_visible(key.as_str()),
                format_duration(*delay_ms),
                make_visible(cause)
            )),
            Event::Progress { counts, source } => self.format_progress(counts, *source, elapsed_ms),
            Event::Stopping { why, what } => Some(format!("stopping ({}): {what}", make_visible(why))),
            Event::Claimed { fence } if self.is_verbose => Some(format!("lease {fence} claimed")),
            Event::Committed { number, rows, keys, took_ms } if self.is_verbose => Some(format!(
                "commit {number}: {}, {} ({})",
                format_count(*rows, "row"),
                format_count(*keys, "key"),
                format_duration(*took_ms)
            )),
            Event::InDoubt { number, why } if self.is_verbose => {
                Some(format!("commit {number} in doubt: {}; reading the state marker", make_visible(why)))
            }
            Event::Suspected { number, items, why } if self.is_verbose => {
                let items = format_count(*items, "item");
                Some(format!(
                    "commit {number} with {items} is rejected: {}; searching for the item that causes it",
                    make_visible(why)
                ))
            }
            Event::Resolved { number, resolution: verdict } if self.is_verbose => {
                Some(format!("commit {number}: {verdict}"))
            }
            _ => None,
        }
    }

    fn format_failure(&mut self, key: &str, place: &str, step: &str, error: &str) -> Option<String> {
        self.failures += 1;
        if self.failures > FAILURES_PRINTED {
            return None;
        }
        let is_long = error.len() > LONG_ERROR;
        let error_shown = if is_long && error == self.last_error {
            "the same error".into()
        } else if is_long && remove_values(error) == remove_values(&self.last_error) {
            "the same error with other values".into()
        } else {
            make_visible(error)
        };
        error.clone_into(&mut self.last_error);
        let error = error_shown;
        Some(format!(
            "failed {} at {}: {}: {error}",
            make_visible(make_shell_safe(key)),
            make_visible(place),
            make_visible(step)
        ))
    }

    fn format_retry(&mut self, key: &str, uses_stored_record: bool) -> Option<String> {
        self.retries += 1;
        let from = if uses_stored_record { "the record stored in Failures" } else { "the source's record" };
        (self.retries <= FAILURES_PRINTED).then(|| format!("trying {} again, from {from}", make_visible(key)))
    }

    /// Returns the line that counts the failures without a line of their own.
    pub fn format_omitted_failures(&self) -> Option<String> {
        let omitted_failures = self.failures.checked_sub(FAILURES_PRINTED).filter(|&n| n > 0)?;
        Some(format!("{}: and {} more failed", self.job, format_number(omitted_failures)))
    }

    fn format_progress(&mut self, counts: &Counts, source: Option<(u64, u64)>, elapsed_ms: u64) -> Option<String> {
        let since = elapsed_ms.saturating_sub(self.printed_at_ms);
        let share = source.map(|(read, all)| round_down_percent(read, all));
        let has_advanced =
            share.is_some_and(|share| share / PROGRESS_STEP_PERCENT > self.printed_percent / PROGRESS_STEP_PERCENT);
        if !self.shows_progress || !((has_advanced && since >= MIN_INTERVAL_MS) || since >= LARGEST_GAP_MS) {
            return None;
        }
        self.printed_at_ms = elapsed_ms;
        self.printed_percent = share.unwrap_or(0);
        let share = share.map_or_else(String::new, |share| format!("{share} % · "));
        Some(format!("{share}{} · {}", format_counts(counts), format_duration(elapsed_ms)))
    }
}

/// Returns the counts in the middle of a run.
pub fn format_counts(counts: &Counts) -> String {
    format!(
        "read {} · new {} · skipped {} · failed {}",
        format_number(counts.read),
        format_number(counts.new),
        format_number(counts.skipped),
        format_number(counts.failed)
    )
}

/// Returns an error without what is in quotes, the values of its record; the name of its column
/// stays.
fn remove_values(error: &str) -> String {
    let (column, rest) = match error.strip_prefix("column \"").and_then(|text| text.split_once("\": ")) {
        Some((column, rest)) => (column, rest),
        None => ("", error),
    };
    std::iter::once(column).chain(rest.split('"').step_by(2)).collect()
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;
    use crate::ledger::leases::lease::Fence;

    use super::*;

    #[test]
    fn errors_of_two_columns_are_not_the_same() {
        let of =
            |column: &str, value: &str| remove_values(&format!("column \"{column}\": \"{value}\" is not a number"));
        assert_eq!(of("price", "n/a"), of("price", "none"));
        assert_ne!(of("price", "n/a"), of("quantity", "n/a"));
    }

    fn list_events() -> Vec<(u64, Event)> {
        let counts = |n| Counts { read: n, new: n - 1, failed: 1, ..Counts::default() };
        let progress = |n, all| Event::Progress { counts: counts(n), source: all };
        vec![
            (0, Event::Started { run: "20180207-012613-00abc".into(), job: "quakes".into() }),
            (400, Event::Loaded { keys: 1_200, open_failures: 3, is_first_run: false, took_ms: 400 }),
            (400, Event::RunAbandoned { run: "20180206-012613-00def".into() }),
            (401, Event::Anomaly { message: "tab Quakes has two columns named id; the first is used".into() }),
            (500, Event::Claimed { fence: Fence(7) }),
            (600, fixtures::make_failure(7)),
            (1_000, progress(300, Some((300, 1_000)))),
            (2_400, progress(500, Some((500, 1_000)))),
            (2_500, Event::Committed { number: 3, rows: 499, keys: 499, took_ms: 310 }),
            (2_600, progress(590, Some((590, 1_000)))),
            (2_700, Event::InDoubt { number: 4, why: "the answer was lost".into() }),
            (2_900, Event::Resolved { number: 4, resolution: "applied" }),
            (40_000, progress(599, Some((599, 1_000)))),
            (41_000, Event::Stopping { why: "SIGTERM".into(), what: "finishing the items in progress".into() }),
        ]
    }

    fn lines_of(is_verbose: bool) -> String {
        let mut lines = EventLines::new(&fixtures::make_place(), is_verbose, true);
        list_events().iter().filter_map(|(at, event)| lines.format_event(event, *at)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_run_is_shown_in_few_lines() {
        insta::assert_snapshot!(lines_of(false), @r"
        quakes: run 20180207-012613-00abc started
        quakes: 1,200 keys known, 3 failures open (0.4 s)
        quakes: warning: the earlier run 20180206-012613-00def died, or this run took over its lease; Runs records it as crashed
        quakes: warning: tab Quakes has two columns named id; the first is used
        quakes: failed us7000007 at feed.json:7 (record 7): map: number (null) can't be⏎divided by 1000
        quakes: 50 % · read 500 · new 499 · skipped 0 · failed 1 · 2.4 s
        quakes: 59 % · read 599 · new 598 · skipped 0 · failed 1 · 40 s
        quakes: stopping (SIGTERM): finishing the items in progress
        ");
    }

    #[test]
    fn a_verbose_run_shows_commits_and_unknown_outcomes() {
        insta::assert_snapshot!(lines_of(true), @r"
        quakes: run 20180207-012613-00abc started
        quakes: 1,200 keys known, 3 failures open (0.4 s)
        quakes: warning: the earlier run 20180206-012613-00def died, or this run took over its lease; Runs records it as crashed
        quakes: warning: tab Quakes has two columns named id; the first is used
        quakes: lease 7 claimed
        quakes: failed us7000007 at feed.json:7 (record 7): map: number (null) can't be⏎divided by 1000
        quakes: 50 % · read 500 · new 499 · skipped 0 · failed 1 · 2.4 s
        quakes: commit 3: 499 rows, 499 keys (0.3 s)
        quakes: commit 4 in doubt: the answer was lost; reading the state marker
        quakes: commit 4: applied
        quakes: 59 % · read 599 · new 598 · skipped 0 · failed 1 · 40 s
        quakes: stopping (SIGTERM): finishing the items in progress
        ");
    }

    #[test]
    fn failures_beyond_the_tenth_are_counted() {
        let mut lines = EventLines::new(&fixtures::make_place(), false, true);
        let lines_of: Vec<String> =
            (0..1_234).filter_map(|n| lines.format_event(&fixtures::make_failure(n), 0)).collect();
        assert_eq!(lines_of.len(), 10);
        assert_eq!(lines.format_omitted_failures().as_deref(), Some("quakes: and 1,224 more failed"));
    }

    #[test]
    fn a_source_of_unknown_length_is_shown_every_30_seconds() {
        let mut lines = EventLines::new(&fixtures::make_place(), false, true);
        let lines_of: Vec<String> = (0..100)
            .filter_map(|second| {
                lines.format_event(&Event::Progress { counts: Counts::default(), source: None }, second * 1_000)
            })
            .collect();
        assert_eq!(lines_of.len(), 3);
        assert_eq!(lines_of[0], "quakes: read 0 · new 0 · skipped 0 · failed 0 · 30 s");
    }
}
