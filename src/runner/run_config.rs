//! What a pass is given: settings as data, parts as objects; never both in one.
//!
//! In scope: `RunConfig`, `Dependencies`, the sink of events, and how a pass can end badly. Out of scope: where they come from (`app`).

use std::sync::Arc;

use thiserror::Error;

use crate::fault::Fault;
use crate::ledger::columns::columns::Columns;
use crate::ledger::commit::changes::ItemResult;
use crate::ledger::item::write_mode::{Delivery, ReprocessPolicy, WriteMode};
use crate::ledger::lease::head::HeadId;
use crate::ledger::lease::lease::Holder;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::run::event::{Event, RunReport};
use crate::ledger::run::run::Trigger;
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::Definition;
use crate::machine::MachineTrouble;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::port::journal::Journal;
use crate::port::process::Processes;
use crate::port::source::{HeaderRow, Source, SourceError};
use crate::port::step::{Identify, Step};
use crate::port::store::{Store, StoreError};
use crate::retry::RetryPolicy;
use crate::runner::first_records::Cause;
use crate::runner::input_queue::RetryScope;
use crate::runner::shutdown::StopReason;
use crate::time::Timestamp;

/// Where events go.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// What a pass works with.
pub struct Dependencies {
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// Where items come from; none where only failures are tried again.
    pub source: Option<Box<dyn Source>>,
    /// Finds keys.
    pub identify: Arc<dyn Identify>,
    /// What is done with an item, in order.
    pub steps: Vec<Arc<dyn Step>>,
    /// What is brought to the sheet besides what the source yields, made from what it showed at this head; none for an ordinary run.
    pub errands: Option<PreparedChanges>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// Where results of steps with outside effects are kept until they are on the sheet; none where there is no disk.
    pub journal: Option<Arc<dyn Journal>>,
    /// The processes of this machine.
    pub processes: Arc<dyn Processes>,
    /// Where events go.
    pub events: Events,
}

/// Things to be brought to the sheet that were worked out from what it showed.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedChanges {
    /// The head that it showed, none where nothing was there; where it has moved on, nothing is done.
    pub from: Option<HeadId>,
    /// What is to be brought.
    pub settled: Vec<ItemResult>,
}

impl PreparedChanges {
    /// What is still to be brought. What somebody took out of Processed since it was worked out is not to be taken back once more.
    pub fn due(self, book: &ProcessedIndex) -> Vec<ItemResult> {
        // Where one version of a key counts, an older one is not done by itself, and is taken back with it.
        let one_counts = book.again() != ReprocessPolicy::EachVersion;
        let is_due = |settled: &ItemResult| match settled {
            ItemResult::Revoked { key, version } => book.is_done(key, version) || (one_counts && book.knows(key)),
            ItemResult::Done { .. } | ItemResult::Failed(_) | ItemResult::Removed(_) => true,
        };
        self.settled.into_iter().filter(is_due).collect()
    }
}

/// What a pass is to do.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// The job's name.
    pub job: String,
    /// The data tab.
    pub tab: String,
    /// Types of its columns.
    pub columns: Columns,
    /// The column that carries the key, if the job names one; else it is found out by the first row.
    pub key_column: Option<String>,
    /// How rows come to the tab.
    pub mode: WriteMode,
    /// What the job is; its spreadsheet is filled in from the store.
    pub definition: Definition,
    /// Who runs.
    pub holder: Holder,
    /// Whether this installation's lock is held, so that no sibling that has the same directory can be alive.
    pub locked: bool,
    /// Take the lease over though its holder may be alive.
    pub steal: bool,
    /// Accept a changed definition.
    pub adopt: bool,
    /// Who asked for the run.
    pub trigger: Trigger,
    /// The lease's length, in milliseconds.
    pub ttl_ms: u64,
    /// How long results may wait for a commit, in milliseconds.
    pub commit_every_ms: u64,
    /// Rows in one commit at most.
    pub max_rows: usize,
    /// Bytes in one commit at most, roughly.
    pub max_bytes: usize,
    /// Items in hand at once.
    pub concurrency: usize,
    /// How often a step is tried again within a run.
    pub retry: RetryPolicy,
    /// Which failures are tried again.
    pub retrying: RetryScope,
    /// The job's move to another spreadsheet, where the run is for that.
    pub rollover: Option<Rollover>,
    /// Runs in which a version of a key may fail before it is left alone.
    pub max_attempts: u64,
    /// The first records that may fail for one cause before the run stops; 0 for as many as there are.
    pub stop_after: u64,
    /// How often outside effects may be made.
    pub delivery: Delivery,
    /// The version of this tool, for Runs.
    pub version: String,
}

/// How a pass can end badly. What was committed before is committed.
#[derive(Debug, Error)]
pub enum RunError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else is running.
    #[error("run the job: {} is running it on {} since {since} (its lease ends {until} unless renewed)", holder.run, holder.host)]
    Held {
        /// Who.
        holder: Box<Holder>,
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// The job file says something that would process everything again.
    #[error("run the job: its {} changed since the last run, which would process {} again", moved.join(" and "), keys_in_words(*keys))]
    Redefined {
        /// What changed.
        moved: Vec<&'static str>,
        /// Keys that are done.
        keys: u64,
    },
    /// Somebody asked for a stop before anything was written.
    #[error("run the job: stopped by {} while the state was being read; nothing was written", reason.word())]
    Stopped {
        /// Who.
        reason: StopReason,
    },
    /// The job has left this spreadsheet.
    #[error("run the job: it continues in spreadsheet {next}, to which it was moved")]
    GoesOn {
        /// Where.
        next: String,
    },
    /// The job has a beginning here, and has not left the spreadsheet before.
    #[error("run the job: its move from spreadsheet {previous} to this one is not complete")]
    Unmoved {
        /// Where it still is.
        previous: String,
    },
    /// Somebody asks for a failure that is none.
    #[error("try failures again: job {job} has no failure of key \"{key}\"")]
    NoFailure {
        /// The job.
        job: String,
        /// The key that was asked for.
        key: String,
    },
    /// The sheet is not what it was when it was looked at.
    #[error("continue: another run has written to the sheet since it was read; run the command again")]
    MovedOn,
    /// Another run took over in the middle.
    #[error("continue: {by}; this run changed nothing after that")]
    Fenced {
        /// Who has taken over, as far as could be read.
        by: String,
    },
    /// The last batch's fate is unknown, or it could not be sent within all bounds.
    #[error("write to the sheet: {why}; the next run reads what was written and continues")]
    Unfinished {
        /// What happened last.
        why: String,
        /// `Transient`, `Throttled`, `Denied` or `Machine`; `Corrupt` where something else answers in the service's place.
        fault: Fault,
    },
    /// The store refuses what a batch says.
    #[error("write to the sheet: it refuses a batch: {why}")]
    Refused {
        /// What the store said.
        why: String,
    },
    /// People change the tabs as fast as they are read and written.
    #[error(
        "write to the sheet: its tabs were edited as often as they were read; leave the tabs alone for a minute, then run \
         again ({why})"
    )]
    Restless {
        /// What happened last.
        why: String,
    },
    /// This machine refuses what the run needs; what was done before is on the sheet, and the item in hand is as it was.
    #[error("continue: {trouble}")]
    Machine {
        /// What it refuses.
        trouble: MachineTrouble,
        /// What was done all the same.
        report: Box<RunReport>,
    },
    /// The source is not what it should be, and nothing was written.
    #[error("read the source: {0}")]
    Input(SourceError),
    /// No record would have a key, or each one would lose its version.
    #[error("run the job: {what} {path} names a field that the header row of {} does not have: it has {}", header_row.what, listed(&header_row.fields))]
    NoField {
        /// `key` or `version`.
        what: &'static str,
        /// The expression.
        path: String,
        /// What the source says of its records.
        header_row: Box<HeaderRow>,
    },
    /// All of the first records fail for one cause.
    #[error("run the job: {}", cause.sentence())]
    AllAlike {
        /// Why.
        cause: Box<Cause>,
        /// How the run ended; none where only the source was looked at.
        report: Option<Box<RunReport>>,
    },
    /// The source could not be read to its end; what came before is on the sheet.
    #[error("read the source: {error}")]
    Source {
        /// Where and why.
        error: SourceError,
        /// What was done all the same.
        report: Box<RunReport>,
    },
}

impl RunError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            Self::Held { .. } | Self::Fenced { .. } | Self::MovedOn => Fault::Fenced,
            Self::Redefined { .. }
            | Self::GoesOn { .. }
            | Self::Unmoved { .. }
            | Self::Refused { .. }
            | Self::NoFailure { .. }
            | Self::NoField { .. }
            | Self::AllAlike { .. } => Fault::Corrupt,
            Self::Stopped { .. } => Fault::Transient,
            Self::Unfinished { fault, .. } => *fault,
            Self::Restless { .. } => Fault::Throttled,
            Self::Machine { .. } => Fault::Machine,
            Self::Source { error, .. } | Self::Input(error) => error.fault(),
        }
    }
}

/// The names of fields, the first ten of many.
fn listed(fields: &[String]) -> String {
    const MOST: usize = 10;
    let cut = |name: &String| match name.char_indices().nth(60) {
        Some((at, _)) => format!("\"{}…\"", name.get(..at).unwrap_or_default()),
        // A header row whose quotes are around other delimiters is shown as it is.
        None if name.starts_with('"') => name.clone(),
        None => format!("\"{name}\""),
    };
    let names: Vec<String> = fields.iter().take(MOST).map(cut).collect();
    let more = if fields.len() > MOST { format!(" and {} more", fields.len() - MOST) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn keys_in_words(keys: u64) -> String {
    if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") }
}
