//! What a run is asked to do, and the configuration that follows from it and the job's settings.
//!
//! In scope: the request, the definition, the runner's configuration. Out of scope: the run's parts,
//! and starting it (`app::single_run`).

use std::sync::Arc;

use crate::app::local_state::processes::SystemProcesses;
use crate::app::provided_parts::ProvidedParts;
use crate::config::sections::limits::Overlap;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::Delivery;
use crate::ledger::leases::lease::Holder;
use crate::ledger::runs::held_changes::{Approval, HoldSettings};
use crate::ledger::runs::run::{RunStatus, Trigger};
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::Definition;
use crate::port::process::Processes;
use crate::retry::RetryPolicy;
use crate::runner::alert_recorder::RunAlerts;
use crate::runner::run_config::{PreparedChanges, RunConfig};
use crate::runner::run_scope::RunScope;
use crate::runner::schedule_claim::ScheduleClaim;

/// Items processed at the same time if steps have no outside effects. Expressions of unknown
/// duration are evaluated one after another; this many items wait for them.
const CONCURRENT_ITEMS: usize = 64;
/// Approximate bytes of one commit; Google recommends payloads of at most 2 MB.
const MAX_BATCH_BYTES: usize = 2_000_000;

/// What a run is asked to do beside the job's settings.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// Accept a changed definition.
    pub accepts_changes: bool,
    /// What to do if another run is active.
    pub overlap: Overlap,
    /// Which failures are tried again.
    pub scope: RunScope,
    /// Prepared changes that the run writes.
    pub changes: Option<PreparedChanges>,
    /// The rollover that the run is part of.
    pub rollover: Option<Rollover>,
    /// Whether missing machine tabs are recreated.
    pub recreates_tabs: bool,
    /// What started the run.
    pub trigger: Trigger,
    /// What the run claims of the job's schedule.
    pub claim: ScheduleClaim,
    /// Set if nothing runs, and only an end is recorded: its status and its reason.
    pub recorded_end: Option<(RunStatus, String)>,
    /// What the run reports to people; `None` for one that reports nothing.
    pub alerts: Option<Arc<RunAlerts>>,
    /// Which changes of existing rows a person approves.
    pub approval: Approval,
    /// Notes about the job file.
    pub notes: Vec<JobNote>,
    /// The machine's name.
    pub host: String,
    /// Parts that do not come from the settings.
    pub own: ProvidedParts,
}

/// A note about a job file, which the job's state remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNote {
    /// One sentence.
    pub message: String,
    /// True if the command has shown it before the run.
    pub is_shown: bool,
}

impl RunRequest {
    /// Returns the request that records this run as one that could not start, and why. It has the
    /// occurrence that the run would have claimed, if there is one.
    #[must_use]
    pub fn from_failed_start(&self, why: &str) -> Self {
        let end = Some((RunStatus::Failed, why.to_owned()));
        let is_of_schedule = self.claim.is_claim();
        Self {
            scope: RunScope::None,
            trigger: self.trigger.clone(),
            claim: ScheduleClaim { recorded_outcome: end.clone().filter(|_| is_of_schedule), ..self.claim.clone() },
            recorded_end: end.filter(|_| !is_of_schedule),
            alerts: self.alerts.clone(),
            host: self.host.clone(),
            ..Self::default()
        }
    }
}

/// Returns what may not change between runs of the job. The spreadsheet is filled in by the load.
pub fn make_definition(settings: &Settings) -> Definition {
    let (kind, key) = (settings.source.kind(), settings.key.source());
    Definition {
        spreadsheet: String::new(),
        tab: settings.tab.clone(),
        mode: settings.mode.as_str().to_owned(),
        key: key.to_owned(),
        hash: Definition::hash_parts(kind, key, &settings.step_expressions()),
    }
}

/// Returns the configuration of a run of this installation. `is_locked`: the run holds the lock.
pub(crate) fn run_config(settings: &Settings, request: &RunRequest, installation: &str, is_locked: bool) -> RunConfig {
    let definition = make_definition(settings);
    // At-most-once steps are never retried automatically, neither in this run nor in the next.
    let once = settings.delivery == Delivery::AtMostOnce;
    let retry = if once { RetryPolicy { max_attempts: 1, ..settings.retry } } else { settings.retry };
    RunConfig {
        job: settings.job.clone(),
        tab: settings.tab.clone(),
        columns: settings.columns.clone(),
        key_column: settings.key_column.clone(),
        mode: settings.mode,
        definition,
        holder: Holder {
            installation: installation.to_owned(),
            run: String::new(),
            host: request.host.clone(),
            process: SystemProcesses.own_process(),
        },
        has_lock: is_locked,
        takes_over: request.overlap == Overlap::Replace,
        accepts_changes: request.accepts_changes,
        trigger: request.trigger.clone(),
        schedule: settings.schedule.clone().map(Arc::new),
        claim: settings.schedule.as_ref().map(|_| request.claim.clone()),
        recorded_end: request.recorded_end.clone(),
        alerts: request.alerts.clone(),
        ttl_ms: settings.lease_ttl_ms,
        commit_every_ms: settings.commit.every_ms,
        max_rows: settings.commit.max_rows,
        max_bytes: MAX_BATCH_BYTES,
        concurrency: request.own.concurrency.unwrap_or(if settings.programs().is_empty() {
            CONCURRENT_ITEMS
        } else {
            1
        }),
        retry,
        scope: request.scope.clone(),
        rollover: request.rollover.clone(),
        max_attempts: if once { 1 } else { settings.max_attempts },
        stop_after: settings.stop_after,
        expectations: if request.scope.reads_source() {
            Arc::new(settings.expectations.clone())
        } else {
            Arc::default()
        },
        hold: HoldSettings {
            limit: settings.max_changed,
            approval: request.approval,
            is_dry_run: false,
            has_jobs_tab: settings.jobs.is_some(),
        },
        delivery: settings.delivery,
        is_rowless: request.own.is_rowless,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
