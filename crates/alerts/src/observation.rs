//! What the end of a run says about each condition.
//!
//! Not observed at all: a run that a person or the platform interrupted, and retries that worked.
//! Nor is an occurrence that was skipped: an overlap, a pause, a blackout date.

use sheetkeep_base::time::Timestamp;

use crate::alert_rules::AlertRules;
use crate::condition::{Condition, Finding, ProblemReport};

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 600;

/// How a run, or an occurrence without one, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservedEnding {
    /// It reached the end of its source; records may have failed.
    Finished,
    /// It did, and did not yield what is expected.
    Degraded,
    /// It could not reach the end of its source.
    Failed,
    /// It was stopped at its own deadline.
    TimedOut,
    /// Its process died without a report.
    Crashed,
    /// It did not take place.
    Missed,
    /// It was interrupted or skipped on purpose.
    Unobserved,
}

/// A run that ended, as alerts see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunObservation {
    /// How it ended.
    pub ending: ObservedEnding,
    /// The run's id.
    pub run: String,
    /// The time for which it was scheduled, or else its start.
    pub at: Timestamp,
    /// Records that it read.
    pub read: u64,
    /// Items that became done in it.
    pub new: u64,
    /// Records that failed in it.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// The message of its row in Runs, without secrets.
    pub message: String,
}

impl RunObservation {
    /// Returns what the run says about conditions; nothing about those that it does not touch.
    pub fn findings(&self, rules: &AlertRules) -> Vec<(Condition, Finding)> {
        let failed = |headline: &str| vec![(Condition::Run, self.make_bad_finding(headline, &self.message))];
        match self.ending {
            ObservedEnding::Unobserved => Vec::new(),
            ObservedEnding::Failed => failed("failed"),
            ObservedEnding::TimedOut => failed("ran out of time"),
            ObservedEnding::Crashed => failed("vanished"),
            ObservedEnding::Missed => failed("was missed"),
            ObservedEnding::Finished | ObservedEnding::Degraded => self.findings_of_end(rules),
        }
    }

    fn findings_of_end(&self, rules: &AlertRules) -> Vec<(Condition, Finding)> {
        let mut found = vec![(Condition::Run, Finding::Good)];
        let is_degraded = self.ending == ObservedEnding::Degraded;
        let headline = "did not yield what is expected";
        let of_yield = if is_degraded { self.make_bad_finding(headline, &self.message) } else { Finding::Good };
        found.push((Condition::Yield, of_yield));
        if let Some(most) = rules.failed_items {
            let are_many = most.are_too_many(self.failed, self.read);
            let headline = format!("ran, and {} of {} records failed", self.failed, self.read);
            found.push((
                Condition::Items,
                if are_many { self.make_bad_finding(&headline, &self.message) } else { Finding::Good },
            ));
        }
        if let Some(most) = rules.retries_per_record {
            let (share, is_high) = self.retry_share(most);
            let headline = format!("ran, and needed {} retries for {} records", self.retries, self.read);
            let reason = format!("{share:.2} retries a record; alerts.retries_per_record = {most}");
            found.push((
                Condition::Retries,
                if is_high { self.make_bad_finding(&headline, &reason) } else { Finding::Good },
            ));
        }
        found
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    fn retry_share(&self, most: f64) -> (f64, bool) {
        let share = self.retries as f64 / self.read.max(1) as f64;
        (share, share > most)
    }

    fn make_bad_finding(&self, headline: &str, reason: &str) -> Finding {
        Finding::Bad(ProblemReport {
            since: self.at,
            headline: headline.to_owned(),
            reason: shorten(reason),
            run: self.run.clone(),
            read: self.read,
            new: self.new,
            failed: self.failed,
        })
    }
}

/// Returns a text as one line of at most `MAX_REASON` characters.
pub fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_REASON) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
