//! Whether a run may start here and now: checks of the loaded state.
//!
//! In scope: blocking anomalies, the job's place, its definition, the lease, the key column. Out of
//! scope: loading the state, and what a run does with it (`runner::startup`).

use std::sync::Arc;

use crate::ledger::leases::lease::{Holder, LeaseStatus};
use crate::ledger::runs::run::{Run, RunStatus};
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::{Definition, Snapshot};
use crate::port::process::Processes;
use crate::port::store::StoreError;
use crate::runner::run_config::{RunConfig, RunError};
use crate::time::Timestamp;

/// The lease request of a run.
#[derive(Clone)]
pub struct LeaseRequest {
    me: Holder,
    has_lock: bool,
    takes_over: bool,
    processes: Arc<dyn Processes>,
}

impl LeaseRequest {
    /// Creates the request of this run configuration.
    pub fn from_config(config: &RunConfig, processes: &Arc<dyn Processes>) -> Self {
        let processes = Arc::clone(processes);
        Self { me: config.holder.clone(), has_lock: config.has_lock, takes_over: config.takes_over, processes }
    }

    /// True if the holder was a run of this installation and has ended: this run has the lock, and
    /// that process is gone.
    fn has_outlived(&self, holder: &Holder) -> bool {
        self.has_lock && self.me.has_outlived(holder, |number| self.processes.find_start(number))
    }
}

/// Stops at the first blocking anomaly. The processed index of such a snapshot can't be trusted
/// either.
pub fn check_not_blocked(snapshot: &Snapshot) -> Result<(), RunError> {
    match snapshot.anomalies.iter().find(|anomaly| anomaly.is_blocking) {
        Some(anomaly) => Err(StoreError::Inconsistent { why: anomaly.message.clone() }.into()),
        None => Ok(()),
    }
}

/// Checks that the job is active in this spreadsheet. The old one is active until it names its
/// successor; from then on the new one is.
pub fn check_job_location(snapshot: &Snapshot, rollover: Option<&Rollover>) -> Result<(), RunError> {
    if let Some(next) = snapshot.state.successor.clone() {
        return Err(RunError::RolledOver { next });
    }
    match (&snapshot.active_predecessor, rollover) {
        (Some(previous), None | Some(Rollover::LastRun(_))) => {
            Err(RunError::RolloverIncomplete { previous: previous.clone() })
        }
        _ => Ok(()),
    }
}

/// True if the key or the data tab changed and nothing is done yet. The job then starts afresh, and
/// what it had learned about its tab is dropped.
pub fn starts_afresh(snapshot: &Snapshot, definition: &Definition) -> bool {
    let before = &snapshot.state.definition;
    snapshot.processed_index.count_keys() == 0 && (definition.key != before.key || definition.tab != before.tab)
}

/// Checks the definition: a change would process done items again. While no key is done, in
/// predecessors neither, nothing can be lost, and a wrong key may be corrected. A copied
/// spreadsheet is another place in any case.
pub fn check_definition(snapshot: &Snapshot, definition: &Definition, accepts_changes: bool) -> Result<(), RunError> {
    let keys = snapshot.processed_index.count_keys();
    let is_copy = definition.spreadsheet != snapshot.state.definition.spreadsheet;
    let changed = definition.changed_parts(&snapshot.state.definition);
    if changed.is_empty() || (keys == 0 && !is_copy) {
        return Ok(());
    }
    if keys > 0 {
        check_lasting_parts(snapshot, definition, keys)?;
    }
    if accepts_changes { Ok(()) } else { Err(RunError::DefinitionChanged { changed, keys }) }
}

/// Checks what no one can accept once keys are done. The rows stay in their tab, whatever its title
/// is. In another mode the keys have other versions, so that each would get its rows once more.
fn check_lasting_parts(snapshot: &Snapshot, definition: &Definition, keys: u64) -> Result<(), RunError> {
    let kept = &snapshot.state.definition;
    if definition.mode != kept.mode {
        let (before, now) = (kept.mode.clone(), definition.mode.clone());
        return Err(RunError::ModeChanged { before, now, keys });
    }
    match &snapshot.data_tab_title {
        Some(title) if definition.tab != kept.tab && definition.tab != *title => {
            Err(RunError::TabChanged { title: title.clone(), named: definition.tab.clone(), keys })
        }
        _ => Ok(()),
    }
}

/// Checks whether the lease may be claimed. Returns the abandoned run that left it, as crashed.
pub fn check_lease(snapshot: &Snapshot, lease_request: &LeaseRequest, now: Timestamp) -> Result<Option<Run>, RunError> {
    let lease = &snapshot.state.lease;
    let holder = match lease.status(|holder| lease_request.has_outlived(holder), now) {
        LeaseStatus::Free => return Ok(None),
        LeaseStatus::Held { holder, until } if !lease_request.takes_over => {
            return Err(RunError::LeaseHeld { holder: Box::new(holder), since: lease.since, until });
        }
        LeaseStatus::Abandoned(holder) | LeaseStatus::Held { holder, .. } => holder,
    };
    Ok(snapshot.state.run.clone().map(|run| Run {
        status: RunStatus::Crashed,
        message: format!("vanished; its lease on {} was taken over", holder.host),
        ..run
    }))
}

/// Checks that an existing data tab has the key column, once that is known.
pub fn check_key_column(
    tab: &str,
    data_tabs: &[(String, Vec<String>)],
    key_column: Option<&str>,
) -> Result<(), StoreError> {
    let columns = data_tabs.iter().find(|(of, columns)| of == tab && !columns.is_empty()).map(|(_, columns)| columns);
    match (columns, key_column) {
        (Some(columns), Some(name)) if !columns.iter().any(|column| column == name) => {
            let why = format!(
                "tab {tab} has no column \"{name}\", which carries the keys: write that word into its header row"
            );
            Err(StoreError::Inconsistent { why })
        }
        _ => Ok(()),
    }
}
