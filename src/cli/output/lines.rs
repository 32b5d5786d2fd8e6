//! Events as plain lines: few enough for a log that a person reads, never a stream.

use crate::cli::figures::{counted, grouped, lasting, percent};
use crate::cli::output::place::Place;
use crate::cli::terminal::visible;
use crate::ledger::run::event::Event;
use crate::ledger::run::run::Counts;

/// Failures that are told one by one; the others are counted.
pub const FAILURES_TOLD: u64 = 10;
/// No two lines of progress are closer than this, in milliseconds.
const LEAST_GAP_MS: u64 = 2_000;
/// No two are further apart, as long as anything happens.
const LARGEST_GAP_MS: u64 = 30_000;
/// Percents between two lines of progress.
const STRIDE: u64 = 10;

/// Turns events into lines. Elapsed times are handed in.
#[derive(Debug)]
pub struct EventLines {
    job: String,
    place: String,
    verbose: bool,
    with_progress: bool,
    failures: u64,
    retries: u64,
    told_at_ms: u64,
    told_percent: u64,
}

impl EventLines {
    /// Lines about the job at `place`. `verbose` tells of commits and doubts too; `with_progress` tells how far it is.
    pub fn new(place: &Place, verbose: bool, with_progress: bool) -> Self {
        let (job, place) = (visible(&place.job).into_owned(), place.spreadsheet.to_string());
        Self { job, place, verbose, with_progress, failures: 0, retries: 0, told_at_ms: 0, told_percent: 0 }
    }

    /// The line for `event`, if it deserves one, `elapsed_ms` after the start.
    pub fn on(&mut self, event: &Event, elapsed_ms: u64) -> Option<String> {
        let said = self.said(event, elapsed_ms)?;
        Some(format!("{}: {said}", self.job))
    }

    fn said(&mut self, event: &Event, elapsed_ms: u64) -> Option<String> {
        match event {
            Event::Started { run, .. } => Some(format!("run {run} started")),
            Event::Waiting { why } => Some(format!("waiting: {}", visible(why))),
            Event::Loaded { first: true, .. } => Some(format!("first run in {}", self.place)),
            Event::Loaded { keys, open_failures, took_ms, .. } => Some(format!(
                "{} known, {} open ({})",
                counted(*keys, "key"),
                counted(*open_failures, "failure"),
                lasting(*took_ms)
            )),
            Event::Anomaly { message } => Some(format!("warning: {}", visible(message))),
            Event::Buried { run } => Some(format!("warning: the earlier run {run} died; Runs records it as crashed")),
            Event::ItemFailed { key, place, step, error } => self.failed(key.as_str(), place, step, error),
            Event::TriedAgain { key, from_kept } => self.tried_again(key.as_str(), *from_kept),
            Event::Retrying { step, key, attempt, of, delay_ms, cause } => Some(format!(
                "step {} of {}: attempt {attempt} of {of} in {}: {}",
                visible(step),
                visible(key.as_str()),
                lasting(*delay_ms),
                visible(cause)
            )),
            Event::Progress { counts, source } => self.progress(counts, *source, elapsed_ms),
            Event::Stopping { why } => Some(format!("stopping ({}): finishing the items in progress", visible(why))),
            Event::Claimed { fence } if self.verbose => Some(format!("lease {fence} claimed")),
            Event::Committed { number, rows, keys, took_ms } if self.verbose => Some(format!(
                "commit {number}: {}, {} ({})",
                counted(*rows, "row"),
                counted(*keys, "key"),
                lasting(*took_ms)
            )),
            Event::InDoubt { number, why } if self.verbose => {
                Some(format!("commit {number} in doubt: {}; reading the state marker", visible(why)))
            }
            Event::Suspected { number, items, why } if self.verbose => {
                let items = counted(*items, "item");
                Some(format!(
                    "commit {number} with {items} is rejected: {}; searching for the item that causes it",
                    visible(why)
                ))
            }
            Event::Judged { number, verdict } if self.verbose => Some(format!("commit {number}: {verdict}")),
            _ => None,
        }
    }

    fn failed(&mut self, key: &str, place: &str, step: &str, error: &str) -> Option<String> {
        self.failures += 1;
        (self.failures <= FAILURES_TOLD)
            .then(|| format!("failed {} at {}: {}: {}", visible(key), visible(place), visible(step), visible(error)))
    }

    fn tried_again(&mut self, key: &str, from_kept: bool) -> Option<String> {
        self.retries += 1;
        let from = if from_kept { "the record stored in Failures" } else { "the source's record" };
        (self.retries <= FAILURES_TOLD).then(|| format!("trying {} again, from {from}", visible(key)))
    }

    /// What is said at the end about the failures that were not told one by one.
    pub fn untold(&self) -> Option<String> {
        let untold = self.failures.checked_sub(FAILURES_TOLD).filter(|&n| n > 0)?;
        Some(format!("{}: and {} more failed", self.job, grouped(untold)))
    }

    fn progress(&mut self, counts: &Counts, source: Option<(u64, u64)>, elapsed_ms: u64) -> Option<String> {
        let since = elapsed_ms.saturating_sub(self.told_at_ms);
        let share = source.map(|(read, all)| percent(read, all));
        let strode = share.is_some_and(|share| share / STRIDE > self.told_percent / STRIDE);
        if !self.with_progress || !((strode && since >= LEAST_GAP_MS) || since >= LARGEST_GAP_MS) {
            return None;
        }
        self.told_at_ms = elapsed_ms;
        self.told_percent = share.unwrap_or(0);
        let share = share.map_or_else(String::new, |share| format!("{share} % · "));
        Some(format!("{share}{} · {}", so_far(counts), lasting(elapsed_ms)))
    }
}

/// Counts in the middle of a run.
pub fn so_far(counts: &Counts) -> String {
    format!(
        "read {} · new {} · skipped {} · failed {}",
        grouped(counts.read),
        grouped(counts.new),
        grouped(counts.skipped),
        grouped(counts.failed)
    )
}

#[cfg(test)]
mod tests {
    use crate::cli::output::sample;
    use crate::ledger::lease::lease::Fence;

    use super::*;

    fn story() -> Vec<(u64, Event)> {
        let counts = |n| Counts { read: n, new: n - 1, failed: 1, ..Counts::default() };
        let progress = |n, all| Event::Progress { counts: counts(n), source: all };
        vec![
            (0, Event::Started { run: "20180207-012613-00abc".into(), job: "quakes".into() }),
            (400, Event::Loaded { keys: 1_200, open_failures: 3, first: false, took_ms: 400 }),
            (400, Event::Buried { run: "20180206-012613-00def".into() }),
            (401, Event::Anomaly { message: "tab Quakes has two columns named id; the first is used".into() }),
            (500, Event::Claimed { fence: Fence(7) }),
            (600, sample::failure(7)),
            (1_000, progress(300, Some((300, 1_000)))),
            (2_400, progress(500, Some((500, 1_000)))),
            (2_500, Event::Committed { number: 3, rows: 499, keys: 499, took_ms: 310 }),
            (2_600, progress(590, Some((590, 1_000)))),
            (2_700, Event::InDoubt { number: 4, why: "the answer was lost".into() }),
            (2_900, Event::Judged { number: 4, verdict: "applied" }),
            (40_000, progress(599, Some((599, 1_000)))),
            (41_000, Event::Stopping { why: "SIGTERM".into() }),
        ]
    }

    fn told(verbose: bool) -> String {
        let mut lines = EventLines::new(&sample::place(), verbose, true);
        story().iter().filter_map(|(at, event)| lines.on(event, *at)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_run_is_told_in_few_lines() {
        insta::assert_snapshot!(told(false), @r"
        quakes: run 20180207-012613-00abc started
        quakes: 1,200 keys known, 3 failures open (0.4 s)
        quakes: warning: the earlier run 20180206-012613-00def died; Runs records it as crashed
        quakes: warning: tab Quakes has two columns named id; the first is used
        quakes: failed us7000007 at feed.json:7 (record 7): map: number (null) can't be⏎divided by 1000
        quakes: 50 % · read 500 · new 499 · skipped 0 · failed 1 · 2.4 s
        quakes: 59 % · read 599 · new 598 · skipped 0 · failed 1 · 40 s
        quakes: stopping (SIGTERM): finishing the items in progress
        ");
    }

    #[test]
    fn a_verbose_run_tells_of_commits_and_doubts_too() {
        insta::assert_snapshot!(told(true), @r"
        quakes: run 20180207-012613-00abc started
        quakes: 1,200 keys known, 3 failures open (0.4 s)
        quakes: warning: the earlier run 20180206-012613-00def died; Runs records it as crashed
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
        let mut lines = EventLines::new(&sample::place(), false, true);
        let told: Vec<String> = (0..1_234).filter_map(|n| lines.on(&sample::failure(n), 0)).collect();
        assert_eq!(told.len(), 10);
        assert_eq!(lines.untold().as_deref(), Some("quakes: and 1,224 more failed"));
    }

    #[test]
    fn a_source_of_unknown_length_is_told_every_thirty_seconds() {
        let mut lines = EventLines::new(&sample::place(), false, true);
        let told: Vec<String> = (0..100)
            .filter_map(|second| lines.on(&Event::Progress { counts: Counts::default(), source: None }, second * 1_000))
            .collect();
        assert_eq!(told.len(), 3);
        assert_eq!(told[0], "quakes: read 0 · new 0 · skipped 0 · failed 0 · 30 s");
    }
}
