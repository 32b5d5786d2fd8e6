//! Measures a run: follows its events, and puts them together at its end.
//!
//! In scope: what is known of a run that an error ended before it made a report. Out of scope: what
//! becomes of the measurement (`app::metrics::delivery`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::ledger::runs::end_state::NextDue;
use crate::ledger::runs::event::{CallTotals, Event, EventSink, RunReport};
use crate::ledger::runs::run::{Counts, RunStatus};
use crate::telemetry::metrics::run_measurement::{CallMeasurement, ItemCounts, RunMeasurement, RunPhase};
use crate::time::Timestamp;

/// Parts of a run that are kept, for its trace.
const MAX_PHASES: usize = 1_000;

/// Measures one run.
pub struct RunMeter {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    started_ms: u64,
    seen: Arc<Mutex<SeenEvents>>,
}

/// What the events of a run have shown so far.
#[derive(Debug, Clone, Default)]
struct SeenEvents {
    run: Option<String>,
    is_claimed: bool,
    counts: Counts,
    retries: u64,
    commits: u64,
    rows: u64,
    keys: Option<u64>,
    open_failures: Option<u64>,
    calls: CallTotals,
    phases: Vec<RunPhase>,
}

/// How a run ended, beside its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEnding {
    /// The job's name.
    pub job: String,
    /// What started the run.
    pub trigger: String,
    /// The exit code.
    pub exit_code: u8,
    /// The name of the exit code and the message, if an error ended the run.
    pub error: Option<(String, String)>,
}

impl RunMeter {
    /// Starts to measure a run that starts now.
    pub fn start(clock: Arc<dyn Clock>) -> Self {
        Self { started: clock.now(), started_ms: clock.monotonic_ms(), clock, seen: Arc::default() }
    }

    /// Returns events that are measured, too.
    pub fn wrap_events(&self, events: EventSink) -> EventSink {
        let (seen, clock) = (Arc::clone(&self.seen), Arc::clone(&self.clock));
        Arc::new(move |event| {
            lock(&seen).note_event(&event, clock.now());
            events(event);
        })
    }

    /// Returns whether the run held the lease.
    pub fn is_claimed(&self) -> bool {
        lock(&self.seen).is_claimed
    }

    /// Returns the run's id, once it has one.
    pub fn run_id(&self) -> Option<String> {
        lock(&self.seen).run.clone()
    }

    /// Returns the measurement of the run, which ends now.
    pub fn measure_run(&self, ending: RunEnding, report: Option<&RunReport>) -> RunMeasurement {
        let seen = lock(&self.seen).clone();
        let (error_kind, error) = ending.error.unzip();
        let status = match (report, &error_kind) {
            (Some(report), None) => name_status(report.run.status),
            (Some(report), Some(_)) if report.run.status != RunStatus::Running => name_status(report.run.status),
            _ => "failed",
        };
        let counts = report.map_or(seen.counts, |report| report.run.counts);
        let known = |value: fn(&RunReport) -> u64, before: Option<u64>| report.map(value).or(before);
        let end_state = report.map(|report| report.run.end_state).unwrap_or_default();
        RunMeasurement {
            job: ending.job,
            run: seen.run,
            status,
            exit_code: ending.exit_code,
            error_kind,
            message: error.or_else(|| report.map(|report| report.run.message.clone())).unwrap_or_default(),
            trigger: ending.trigger,
            started: self.started,
            ended: self.clock.now(),
            duration_ms: self.clock.monotonic_ms().saturating_sub(self.started_ms),
            items: convert_counts(counts),
            rows_added: report.map_or(seen.rows, |report| report.rows),
            rows_updated: report.map_or(0, |report| report.updated),
            commits: report.map_or(seen.commits, |report| report.commits),
            step_retries: seen.retries,
            calls: call_measurement(seen.calls),
            keys: known(|report| report.keys, seen.keys),
            open_failures: known(|report| report.open_failures, seen.open_failures),
            exhausted_failures: report.map(|report| report.exhausted_failures),
            cells_left: end_state.cells_left,
            next_due: match end_state.next_due {
                NextDue::At { due, .. } => Some(due),
                NextDue::Unknown | NextDue::Never => None,
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            phases: seen.phases,
        }
    }
}

impl SeenEvents {
    fn note_event(&mut self, event: &Event, now: Timestamp) {
        if let (Some(phase), true) = (find_ended_phase(event, now), self.phases.len() < MAX_PHASES) {
            self.phases.push(phase);
        }
        match event {
            Event::Started { run, .. } => self.run = Some(run.clone()),
            Event::Claimed { .. } => self.is_claimed = true,
            Event::Loaded { keys, open_failures, .. } => {
                (self.keys, self.open_failures) = (Some(*keys), Some(*open_failures));
            }
            Event::Progress { counts, .. } => self.counts = *counts,
            Event::Retrying { .. } => self.retries += 1,
            Event::Committed { rows, .. } => {
                self.commits += 1;
                self.rows += rows;
            }
            Event::CallsCounted(calls) => self.calls = *calls,
            _ => {}
        }
    }
}

/// Returns the part of the run that an event ends.
fn find_ended_phase(event: &Event, ended: Timestamp) -> Option<RunPhase> {
    match event {
        Event::Loaded { took_ms, .. } => {
            Some(RunPhase { name: "load", ended, took_ms: *took_ms, commit: None, rows: 0 })
        }
        Event::Committed { number, rows, took_ms, .. } => {
            Some(RunPhase { name: "commit", ended, took_ms: *took_ms, commit: Some(*number), rows: *rows })
        }
        _ => None,
    }
}

fn convert_counts(counts: Counts) -> ItemCounts {
    let Counts { read, new, skipped, failed, recovered, .. } = counts;
    ItemCounts { read, new, skipped, failed, recovered }
}

fn call_measurement(calls: CallTotals) -> CallMeasurement {
    let CallTotals { reads, writes, retries, throttled, quota_wait_ms } = calls;
    CallMeasurement { reads, writes, retries, throttled, quota_wait_ms }
}

/// Returns the word of a status in metrics. An occurrence that did not run counts as what its row
/// says: nothing failed.
fn name_status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Succeeded | RunStatus::Skipped | RunStatus::Missed => "succeeded",
        RunStatus::Partial => "partial",
        RunStatus::Degraded => "degraded",
        RunStatus::Failed | RunStatus::Crashed | RunStatus::Running => "failed",
        RunStatus::Interrupted => "interrupted",
        RunStatus::TimedOut => "timed_out",
    }
}

fn lock(seen: &Mutex<SeenEvents>) -> MutexGuard<'_, SeenEvents> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use crate::fault::Fault;
    use crate::ledger::items::key::Key;
    use crate::system::TestClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_without_a_report_is_measured_by_its_events() {
        let clock = Arc::new(TestClock::starting_at(Timestamp(1_000)));
        let meter = RunMeter::start(clock.clone());
        let events = meter.wrap_events(Arc::new(|_| {}));
        events(Event::Started { run: "r1".into(), job: "quakes".into() });
        events(Event::Loaded { keys: 7, open_failures: 1, is_first_run: false, took_ms: 3 });
        events(Event::Retrying {
            step: "map".into(),
            key: Key::new("k").expect("a key"),
            attempt: 2,
            of: 6,
            delay_ms: 500,
            fault: Fault::Transient,
            cause: "busy".into(),
        });
        events(Event::Committed { number: 1, rows: 5, keys: 5, took_ms: 9 });
        events(Event::CallsCounted(CallTotals { reads: 2, retries: 4, ..CallTotals::default() }));
        clock.sleep(std::time::Duration::from_secs(2)).await;
        let error = Some(("unavailable".to_owned(), "the service is down".to_owned()));
        let ending = RunEnding { job: "quakes".into(), trigger: "cli".into(), exit_code: 69, error };
        let measured = meter.measure_run(ending, None);
        assert_eq!((measured.status, measured.errors(), measured.rows_added), ("failed", 1, 5));
        assert_eq!((measured.step_retries, measured.calls.retries, measured.keys), (1, 4, Some(7)));
        assert_eq!((measured.run.as_deref(), measured.duration_ms), (Some("r1"), 2_000));
        assert!(!meter.is_claimed());
    }
}
