//! What the run loop reports: progress, unknown columns, the end of the run, its result.
//!
//! In scope: collecting the facts. Out of scope: the texts of an ended run's row
//! (`runner::run_end`), printing (`cli::output`).

use std::sync::Arc;

use crate::ledger::runs::end_state::NextDue;
use crate::ledger::runs::event::{Event, RunReport};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::machine::MachineError;
use crate::runner::queue::first_records::CommonCause;
use crate::runner::run_config::RunError;
use crate::runner::run_end::{EndCause, FullPass, RunEnd};
use crate::runner::run_loop::RunLoop;
use crate::runner::run_scope::RunScope;
use crate::runner::schedule::next_due::{OccurrenceRun, find_next_due};
use crate::schedule::cadence::find_outgrown_interval;

/// The trigger in Runs of runs that fill in past dates.
const BACKFILL: &str = "backfill";
/// Least time between two reports of progress while steps end, in milliseconds.
const PROGRESS_GAP_MS: u64 = 1_000;

impl RunLoop {
    /// Returns the end of the run with its reason, as known by now.
    pub(super) fn end_so_far(&self) -> RunEnd {
        let machine_error = self.machine_error.as_ref().map(ToString::to_string);
        let all_alike = self.intake.first_records.ending_cause().map(CommonCause::sentence);
        let error = machine_error.or(all_alike).or_else(|| self.source_error.as_ref().map(ToString::to_string));
        let verdict = self.config.claim.as_ref().and_then(|claim| claim.recorded_outcome.clone());
        let verdict = self.config.recorded_end.clone().or(verdict);
        // The duration is measured monotonically, because the wall clock may have been set
        // meanwhile.
        let took_ms = self.clock.monotonic_ms().saturating_sub(self.began_ms);
        let cause = match (error, self.stop_reason) {
            (Some(error), _) => EndCause::Failed(error),
            (None, Some(reason)) => EndCause::Stopped(reason),
            (None, None) if let Some((status, why)) = verdict => EndCause::NotRun(status, why),
            (None, None) => EndCause::SourceRead(FullPass {
                job: self.config.job.clone(),
                is_reprocess: self.config.scope == RunScope::Reprocess,
                rowless: self.count_items_without_rows(),
                expectations: Arc::clone(&self.config.expectations),
                filled: self.intake.output.expected_fill.clone(),
                unusual: self.describe_unusual_counts(),
                outgrown: self.describe_outgrown_schedule(took_ms),
                held: self.intake.hold.report(),
            }),
        };
        let finished = self.committer.run.started.add_ms(took_ms);
        let repeated = self.intake.selection.repeats().sentence(self.intake.index.policy());
        RunEnd { finished, cause, repeated, next_due: self.find_next_due(took_ms) }
    }

    /// Returns when the next run is due. A run that does not read the source does not count as one of an
    /// occurrence, nor is one that fills in past dates.
    fn find_next_due(&self, took_ms: u64) -> NextDue {
        let run = &self.committer.run;
        if !self.config.scope.reads_source() || run.trigger.kind == BACKFILL {
            return NextDue::Unknown;
        }
        let occurrence = OccurrenceRun { scheduled_for: run.trigger.scheduled_for, started: run.started, took_ms };
        find_next_due(self.config.schedule.as_deref(), occurrence, &self.sheet_zone)
    }

    /// Returns the number of items that made no row, where each should make one.
    fn count_items_without_rows(&self) -> u64 {
        if self.config.is_rowless { 0 } else { self.intake.rowless }
    }

    /// Returns how the counts are far from those of earlier runs, where the job file expects nothing.
    fn describe_unusual_counts(&self) -> Vec<String> {
        let recorder = self.committer.schedule.as_ref().filter(|_| self.config.expectations.is_empty());
        let run = Run { counts: self.intake.counts, ..self.committer.run.clone() };
        recorder.map(|recorder| recorder.describe_unusual_counts(&run)).unwrap_or_default()
    }

    /// Returns a sentence if the job's runs do not fit into its schedule any more. A run that fills
    /// in a past date may take longer.
    fn describe_outgrown_schedule(&self, took_ms: u64) -> Option<String> {
        let run = &self.committer.run;
        let schedule = self.config.schedule.as_deref().filter(|_| run.trigger.kind != BACKFILL)?;
        let recorder = self.committer.schedule.as_ref()?;
        let (durations, skipped) = (recorder.durations_ms(took_ms), recorder.count_skipped_in_a_row());
        find_outgrown_interval(schedule, run.started, &durations, skipped).map(|outgrown| outgrown.sentence())
    }

    /// Warns about counts that are far from those of earlier runs, once the source is read.
    pub(super) fn report_unusual_counts(&self) {
        if !matches!(self.committer.run.status, RunStatus::Succeeded | RunStatus::Partial) {
            return;
        }
        for unusual in self.describe_unusual_counts() {
            let message =
                format!("{unusual}: is the source whole? read and new in [expect] say what a run has to yield");
            self.emit(Event::Anomaly { message });
        }
    }

    /// Reports the progress: the share of the source whose records have been through their steps.
    /// Once the source is read, its records are known and count by themselves.
    pub(super) fn report_progress(&mut self) {
        self.progress_at_ms = self.clock.monotonic_ms();
        let (read, in_hand) = (self.intake.counts.read, self.items_in_hand() as u64);
        let source = match &self.inputs {
            Some(inputs) => inputs.progress(in_hand),
            None => Some((read.saturating_sub(in_hand), read)).filter(|_| in_hand > 0),
        };
        self.emit(Event::Progress { counts: self.intake.counts, source });
    }

    /// Reports the progress of slow steps, while no record is read.
    pub(super) fn report_slow_progress(&mut self) {
        if self.clock.monotonic_ms().saturating_sub(self.progress_at_ms) >= PROGRESS_GAP_MS {
            self.report_progress();
        }
    }

    pub(super) fn report(&self) -> RunReport {
        let usage = self.store.usage();
        let (rows, commits) = self.committer.applied_counts();
        RunReport {
            run: self.committer.run.clone(),
            keys: self.intake.index.count_keys(),
            open_failures: (self.intake.index.open_failures() as u64)
                .saturating_sub(self.intake.first_records.count_unwritten()),
            exhausted_failures: self.intake.index.exhausted_failures() as u64,
            tried_again: self.intake.retry_counts,
            rows: rows.saturating_sub(usage.updated),
            updated: usage.updated,
            commits,
            reads: usage.reads,
            writes: usage.writes,
            throttled: usage.throttled,
            is_quota_shared: usage.is_quota_shared,
            repeats: self.intake.selection.repeats().clone(),
            reprocess_policy: self.intake.index.policy(),
            rowless: self.count_items_without_rows(),
            held: self.intake.hold.report(),
            skips: self.intake.skips,
            outgrown: self.describe_outgrown_schedule(self.clock.monotonic_ms().saturating_sub(self.began_ms)),
        }
    }

    /// Warns about types for columns that the tab lacks (most often a typing error), and about
    /// fields that were left out, before the last commit. Its state remembers these warnings.
    pub(super) fn report_unknown_columns(&self) {
        let header = self.intake.output.header.columns();
        let tab = &self.config.tab;
        let named = self.config.columns.types.iter().map(|(name, _)| name);
        let unknown = named
            .filter(|&name| !header.is_empty() && !header.contains(name))
            .map(|name| format!("[sheet] columns names \"{name}\", and tab {tab} has no such column: is it misspelt?"));
        let ignored = self.intake.output.header.ignored_fields();
        let left_out = ignored.map(|name| format!("field \"{name}\" was left out: tab {tab} has no column for it"));
        for message in unknown.chain(left_out) {
            self.emit(Event::LastingAnomaly { message, is_known: false });
        }
    }

    /// Warns about columns that this run added to an earlier tab.
    pub(super) fn report_added_columns(&self) {
        let added: Vec<String> = self.intake.output.header.added_columns().map(|name| format!("{name:?}")).collect();
        if !added.is_empty() {
            let message = format!(
                "tab {} has got new columns, because records have new fields: {}",
                self.config.tab,
                added.join(", ")
            );
            self.emit(Event::Anomaly { message });
        }
    }

    /// Warns if the approval of the command line had no effect.
    pub(super) fn report_unused_approval(&self) {
        if let Some(message) = self.intake.hold.explain_unused_approval() {
            self.emit(Event::Anomaly { message });
        }
    }

    /// Warns about fields that are empty in all records of a source that was read whole.
    pub(super) fn report_emptied_fields(&mut self) {
        let emptied = self.intake.fields.finish();
        let records = self.intake.fields.count_records();
        for name in emptied {
            self.emit(Event::Anomaly {
                message: format!(
                    "the source's field {name:?} is empty in all {records} records: is it filled where they come \
                     from? This is reported once, until the field is filled again"
                ),
            });
        }
    }

    /// Warns about keys that look the same to people and are different items.
    pub(super) fn report_lookalike_keys(&mut self) {
        let index = &self.intake.index;
        let found = self.intake.lookalikes.finish(|key| index.has_key(key) || index.is_in_hand(key));
        if let Some(message) = found {
            self.emit(Event::LastingAnomaly { message, is_known: false });
        }
    }

    /// Returns the result of the run: `closed` is how its loop ended.
    pub(super) fn into_result(mut self, closed: Result<(), RunError>) -> Result<RunReport, RunError> {
        let (report, machine_error, all_alike) =
            (self.report(), self.machine_error, self.intake.first_records.take_end());
        match (closed, machine_error, self.source_error) {
            (Ok(()), Some(machine_error), _) => {
                Err(RunError::Machine { error: machine_error, report: Box::new(report) })
            }
            // The earlier error is the one to fix. The next run writes what this one could not.
            (Err(error), Some(MachineError { refused, why }), _) => {
                let machine_error = MachineError { refused, why: format!("{why}; nor could it {error}") };
                Err(RunError::Machine { error: machine_error, report: Box::new(report) })
            }
            (Err(error), None, _) => Err(error),
            (Ok(()), None, source_error) => match (all_alike, source_error) {
                (Some(cause), _) => {
                    Err(RunError::CommonCause { cause: Box::new(cause), report: Some(Box::new(report)) })
                }
                (None, Some(error)) => Err(RunError::Source { error, report: Box::new(report) }),
                (None, None) => Ok(report),
            },
        }
    }
}
