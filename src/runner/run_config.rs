//! The inputs of a run: configuration as data, dependencies as objects, never both in one type.
//!
//! In scope: `RunConfig`, `Dependencies`, the event sink, and the errors of a run. Out of scope:
//! their construction (`app`).

use std::sync::Arc;

use thiserror::Error;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::write_mode::{Delivery, ReprocessPolicy, WriteMode};
use crate::ledger::leases::head::HeadId;
use crate::ledger::leases::lease::Holder;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::runs::event::{EventSink, RunReport};
use crate::ledger::runs::expectation::Expectations;
use crate::ledger::runs::held_changes::HoldSettings;
use crate::ledger::runs::run::{RunStatus, Trigger};
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::Definition;
use crate::ledger::values::columns::Columns;
use crate::machine::MachineError;
use crate::port::journal::Journal;
use crate::port::process::Processes;
use crate::port::source::{HeaderRow, Source, SourceError};
use crate::port::step::{KeyFinder, Step};
use crate::port::store::{Store, StoreError};
use crate::retry::RetryPolicy;
use crate::rng::Rng;
use crate::runner::alert_recorder::RunAlerts;
use crate::runner::queue::first_records::CommonCause;
use crate::runner::run_scope::RunScope;
use crate::runner::schedule_claim::ScheduleClaim;
use crate::runner::shutdown::StopReason;
use crate::runner::warning_memory::WarningMemory;
use crate::schedule::job_schedule::JobSchedule;
use crate::time::Timestamp;

/// The dependencies of a run.
pub struct Dependencies {
    /// The store of the job's state.
    pub store: Arc<dyn Store>,
    /// The source; `None` if only failures are retried.
    pub source: Option<Box<dyn Source>>,
    /// Finds keys and versions of records.
    pub key_finder: Arc<dyn KeyFinder>,
    /// The processing steps, in order.
    pub steps: Vec<Arc<dyn Step>>,
    /// Changes that were prepared from the snapshot at a head; `None` for an ordinary run.
    pub prepared: Option<PreparedChanges>,
    /// The source of time, wall clock and monotonic.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub rng: Arc<dyn Rng>,
    /// Where results of steps with outside effects are journalled until they are applied; `None`
    /// without a disk.
    pub journal: Option<Arc<dyn Journal>>,
    /// The process list of this machine.
    pub processes: Arc<dyn Processes>,
    /// The event sink.
    pub events: EventSink,
    /// What `events` pass through: which lasting warnings were reported before.
    pub warnings: Arc<WarningMemory>,
}

/// Changes for the sheet, prepared from a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedChanges {
    /// The head of that snapshot, `None` if the job did not exist. If the head has moved, nothing
    /// is changed.
    pub from: Option<HeadId>,
    /// The prepared changes.
    pub settled: Vec<ItemResult>,
}

impl PreparedChanges {
    /// Returns the changes that are still due. A key whose rows were removed from Processed
    /// meanwhile is not revoked again.
    pub fn due_changes(self, index: &ProcessedIndex) -> Vec<ItemResult> {
        // If only one version of a key counts, an older one is not done by itself and is revoked
        // with it.
        let one_counts = index.policy() != ReprocessPolicy::EachVersion;
        let is_due = |settled: &ItemResult| match settled {
            ItemResult::Revoked { key, version } => index.is_done(key, version) || (one_counts && index.has_key(key)),
            ItemResult::Done { .. } | ItemResult::Failed(_) | ItemResult::Removed(_) => true,
        };
        self.settled.into_iter().filter(is_due).collect()
    }
}

/// The configuration of a run.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct RunConfig {
    /// The job's name.
    pub job: String,
    /// The title of the data tab.
    pub tab: String,
    /// The types of its columns.
    pub columns: Columns,
    /// The key column, if the job file names one; otherwise the first row determines it.
    pub key_column: Option<String>,
    /// How rows are written to the tab.
    pub mode: WriteMode,
    /// The job's definition; its spreadsheet is filled in from the store.
    pub definition: Definition,
    /// The lease holder: this process.
    pub holder: Holder,
    /// True if the lock of this installation is held, so that no other process of the same
    /// directory can be alive.
    pub has_lock: bool,
    /// Take over the lease although its holder may be alive.
    pub takes_over: bool,
    /// Accept a changed definition.
    pub accepts_changes: bool,
    /// What triggered the run.
    pub trigger: Trigger,
    /// The job's schedule, for the next due time; `None` without one.
    pub schedule: Option<Arc<JobSchedule>>,
    /// What the run claims of its job's schedule; `None` for a job without one.
    pub claim: Option<ScheduleClaim>,
    /// Set if nothing runs, and only an end is recorded: its status and its reason.
    pub recorded_end: Option<(RunStatus, String)>,
    /// What the run reports to people; `None` for a job without a channel.
    pub alerts: Option<Arc<RunAlerts>>,
    /// Length of the lease, in milliseconds.
    pub ttl_ms: u64,
    /// Maximum time that results wait for a commit, in milliseconds.
    pub commit_every_ms: u64,
    /// Maximum number of rows in one commit.
    pub max_rows: usize,
    /// Maximum size of one commit in bytes, approximately.
    pub max_bytes: usize,
    /// Maximum number of items in their steps at the same time.
    pub concurrency: usize,
    /// The retry policy of a step within a run.
    pub retry: RetryPolicy,
    /// What the run processes: the source, failures, or neither.
    pub scope: RunScope,
    /// The job's rollover, if this run performs one.
    pub rollover: Option<Rollover>,
    /// Runs in which a version may fail before it is exhausted.
    pub max_attempts: u64,
    /// How many first records may fail for one cause before the run stops; 0 disables the check.
    pub stop_after: u64,
    /// What a run that reads the whole source is expected to yield.
    pub expectations: Arc<Expectations>,
    /// Which changes of existing rows the run holds back.
    pub hold: HoldSettings,
    /// The delivery guarantee of outside effects.
    pub delivery: Delivery,
    /// True if items need not make rows: a run that makes none causes no warning.
    pub is_rowless: bool,
    /// The version of this tool, for Runs.
    pub version: String,
}

/// The errors of a run. Earlier commits remain.
#[derive(Debug, Error)]
pub enum RunError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another run holds the lease.
    #[error("run the job: {} is running it on {} since {since} (its lease ends {until} unless renewed)", holder.run, holder.host)]
    LeaseHeld {
        /// The lease holder.
        holder: Box<Holder>,
        /// Start of its lease.
        since: Timestamp,
        /// End of its lease.
        until: Timestamp,
    },
    /// Another run has claimed the occurrence, or answered the request, for which this one began.
    #[error("run the job: another run has taken {what} already")]
    AlreadyClaimed {
        /// The occurrence or the request.
        what: String,
    },
    /// The definition in the job file changed: everything would be processed again.
    #[error("run the job: its {} changed since the last run, which would process {} again", changed.join(" and "), count_keys_in_words(*keys))]
    DefinitionChanged {
        /// The changed settings.
        changed: Vec<&'static str>,
        /// Number of done keys.
        keys: u64,
    },
    /// The mode in the job file changed, and keys are done in the other one.
    #[error("run the job: its mode changed from {before} to {now}, which would write {} again", count_keys_in_words(*keys))]
    ModeChanged {
        /// The mode of the last run.
        before: String,
        /// The mode in the job file.
        now: String,
        /// Number of done keys.
        keys: u64,
    },
    /// The job file names a tab that is not the one with the job's rows.
    #[error("run the job: the job file names tab {named}, and the rows of {} are in tab {title}", count_keys_in_words(*keys))]
    TabChanged {
        /// The title of the tab with the job's rows.
        title: String,
        /// The title in the job file.
        named: String,
        /// Number of done keys.
        keys: u64,
    },
    /// A stop was requested before anything was written.
    #[error("run the job: stopped by {} while the state was being read; nothing was written", reason.as_str())]
    Stopped {
        /// The reason of the request.
        reason: StopReason,
    },
    /// The job was moved to another spreadsheet.
    #[error("run the job: it continues in spreadsheet {next}, to which it was moved")]
    RolledOver {
        /// The id of that spreadsheet.
        next: String,
    },
    /// The job was started here by a rollover that has not left the previous spreadsheet yet.
    #[error("run the job: its move from spreadsheet {previous} to this one is not complete")]
    RolloverIncomplete {
        /// The id of the spreadsheet in which it is still active.
        previous: String,
    },
    /// A requested key has no failure.
    #[error("find the failure: job {job} has no failure of key \"{key}\"")]
    NoFailure {
        /// The job's name.
        job: String,
        /// The requested key.
        key: String,
    },
    /// The sheet has changed since the changes were prepared.
    #[error("continue: another run has written to the sheet since it was read; run the command again")]
    SheetChanged,
    /// Another run took over during the run.
    #[error("continue: {by}; this run changed nothing after that")]
    Fenced {
        /// The run that has taken over, as far as it could be read.
        by: String,
    },
    /// The outcome of the last batch is unknown, or it could not be sent within all bounds.
    #[error("write to the sheet: {why}; the next run reads what was written and continues")]
    Unfinished {
        /// The last error message.
        why: String,
        /// `Transient`, `Throttled`, `Denied` or `Machine`; `Inconsistent` if something other than
        /// the service answered.
        fault: Fault,
        /// True if a proxy is the cause.
        is_proxy_error: bool,
    },
    /// The store refuses the content of a batch.
    #[error("write to the sheet: it refuses a batch: {why}")]
    Refused {
        /// The store's message.
        why: String,
    },
    /// Users change the tabs as fast as they are read and written.
    #[error(
        "write to the sheet: its tabs were edited as often as they were read; leave the tabs alone for a minute, then run \
         again ({why})"
    )]
    EditedWhileRead {
        /// The last error message.
        why: String,
    },
    /// This machine refuses something that the run needs. Finished items are applied; the item in
    /// hand is untouched.
    #[error("continue: {error}")]
    Machine {
        /// What the machine refuses.
        error: MachineError,
        /// What the run achieved.
        report: Box<RunReport>,
    },
    /// The source is not what it should be, and nothing was written.
    #[error("read the source: {0}")]
    Input(SourceError),
    /// No record would have a key, or every record would lose its version.
    #[error("run the job: {what} {path} names a field that the header row of {} does not have: it has {}", header_row.what, join_fields(&header_row.fields))]
    NoField {
        /// `key` or `version`, or where a column is named.
        what: &'static str,
        /// The field that the expression names, as written there.
        path: String,
        /// The source's header row.
        header_row: Box<HeaderRow>,
    },
    /// All of the first records fail for one cause.
    #[error("run the job: {}", cause.sentence())]
    CommonCause {
        /// The common cause.
        cause: Box<CommonCause>,
        /// What the run achieved; `None` if only the source was checked.
        report: Option<Box<RunReport>>,
    },
    /// The source could not be read to its end. Earlier records are applied.
    #[error("{}: {error}", describe_source_work(error))]
    Source {
        /// The error and its place.
        error: SourceError,
        /// What the run achieved.
        report: Box<RunReport>,
    },
}

impl RunError {
    /// Returns the class of the error, which decides what to do.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::LeaseHeld { .. } | Self::Fenced { .. } | Self::SheetChanged | Self::AlreadyClaimed { .. } => {
                Fault::Fenced
            }
            Self::DefinitionChanged { .. }
            | Self::ModeChanged { .. }
            | Self::TabChanged { .. }
            | Self::RolledOver { .. }
            | Self::RolloverIncomplete { .. }
            | Self::Refused { .. }
            | Self::NoFailure { .. }
            | Self::NoField { .. }
            | Self::CommonCause { .. } => Fault::Inconsistent,
            Self::Stopped { .. } => Fault::Transient,
            Self::Unfinished { fault, .. } => *fault,
            Self::EditedWhileRead { .. } => Fault::Throttled,
            Self::Machine { .. } => Fault::Machine,
            Self::Source { error, .. } | Self::Input(error) => error.fault(),
        }
    }
}

/// Returns what the run was doing with its source.
fn describe_source_work(error: &SourceError) -> &'static str {
    if matches!(error, SourceError::Stage { .. }) { "run the job" } else { "read the source" }
}

/// Lists field names, at most the first ten.
fn join_fields(fields: &[String]) -> String {
    const MOST: usize = 10;
    let cut = |name: &String| match name.char_indices().nth(60) {
        Some((at, _)) => format!("\"{}…\"", name.get(..at).unwrap_or_default()),
        // A header row with quotes around other delimiters is shown as it is.
        None if name.starts_with('"') => name.clone(),
        None => format!("\"{name}\""),
    };
    let names: Vec<String> = fields.iter().take(MOST).map(cut).collect();
    let more = if fields.len() > MOST { format!(" and {} more", fields.len() - MOST) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn count_keys_in_words(keys: u64) -> String {
    if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") }
}
