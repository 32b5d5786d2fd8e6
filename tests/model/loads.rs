//! The loads of the model: which reads fit together, and what a runner finds.
//!
//! In scope: the checks of the real code, and the mutations that leave one out. Out of scope: what
//! a runner does with a load (`session`).

use crate::mutations::{Mutation, Rules};
use crate::service::{Sheet, make_key};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::key::Version;
use sheetkeep::ledger::items::write_mode::ReprocessPolicy;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::processed::processed_index::ProcessedIndex;
use sheetkeep::ledger::processed::processed_set::ProcessedSet;
use sheetkeep::ledger::state::snapshot::{LoadCheck, LoadConsistency, LoadObservation, Snapshot, State};
use sheetkeep::store::guard::guard_kind::GuardSupport;
use sheetkeep::store::guard::head_guard::StateLocation;
use std::collections::HashMap;

/// What a load of a job finds.
pub struct LoadedJob {
    pub snapshot: Snapshot,
    pub location: StateLocation,
    pub proof: GuardSupport,
}

/// The result of a load.
pub enum LoadedSheet {
    NewSpreadsheet,
    Missing,
    Job(Box<LoadedJob>),
}

/// Loads a job from three reads. Returns `None` where they do not fit together.
pub fn load_sheet(rules: Rules, meta: &Sheet, state: &Sheet, keys: &Sheet) -> Option<LoadedSheet> {
    let (head, location) = match meta.find_head() {
        (HeadStatus::NotInitialized, _) => return Some(LoadedSheet::NewSpreadsheet),
        (HeadStatus::Missing, _) => return Some(LoadedSheet::Missing),
        (HeadStatus::At { head, .. }, location) => (head, location?),
    };
    let late = rules.has_mutation(Mutation::HeadAfterData);
    let tab = if late { state.find_head().1?.tab } else { location.tab };
    let cell = state.cell(tab)?;
    let mut reading =
        LoadObservation { head: cell.state.head, expected: cell.state.processed, actual: keys.checksum() };
    if rules.has_mutation(Mutation::HeadNotCompared) {
        reading.head = Some(head);
    }
    if rules.has_mutation(Mutation::ChecksumNotCompared) {
        reading.actual = reading.expected;
    }
    let held_against = if late { reading.head? } else { head };
    // A difference within one version never counts as a manual edit: that requires ten seconds.
    if LoadCheck::default().check(held_against, reading, 0) != LoadConsistency::Consistent {
        return None;
    }
    Some(LoadedSheet::Job(Box::new(LoadedJob {
        snapshot: make_snapshot(cell.state.clone(), head, keys),
        location,
        proof: cell.proof,
    })))
}

/// Returns whether a load of these three versions can be used at all, by any runner.
pub fn is_usable_load(rules: Rules, meta: &Sheet, state: &Sheet, keys: &Sheet) -> bool {
    load_sheet(rules, meta, state, keys).is_some()
}

/// Makes the snapshot that the real code starts from.
pub fn make_snapshot(state: State, head: HeadId, keys: &Sheet) -> Snapshot {
    let rows =
        keys.processed.iter().map(|(one, ..)| (make_key(*one).fingerprint(), Version::default().hash())).collect();
    let index = ProcessedIndex::new(ProcessedSet::from_rows(ReprocessPolicy::EachVersion, rows), HashMap::new());
    let (tables, gone, anomalies) = (Vec::new(), Vec::new(), Vec::new());
    Snapshot {
        stored_checksum: state.processed,
        state,
        head,
        processed_index: index,
        data_tabs: tables,
        data_tab_title: None,
        deleted_columns: gone,
        anomalies,
        active_predecessor: None,
    }
}
