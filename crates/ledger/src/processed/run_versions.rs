//! The versions of keys that one run has in hand, has failed, or has done since its load.
//!
//! In scope: the state of each version, and the version of a key that was done last. Out of scope:
//! what was loaded (`processed::processed_set`), admission (`processed::processed_index`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::items::key::Fingerprint;
use crate::items::write_mode::ReprocessPolicy;
use crate::processed::key_lifecycle::{KeyEvent, KeyState};
use crate::processed::version_history::VersionUse;

/// A version of a key: the key's fingerprint and the version's hash.
pub(crate) type VersionId = (Fingerprint, u64);

/// The version of a key that was done last in this run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LatestVersion {
    /// The version's hash, and that of a version done beside it; equal if there is only one.
    pub(crate) hashes: [u64; 2],
    /// The change, once its commit is applied.
    pub(crate) change: VersionUse,
}

impl LatestVersion {
    /// Returns the greater hash: the newest version, if versions are ordered.
    pub(crate) fn newest(&self) -> u64 {
        self.hashes[0].max(self.hashes[1])
    }
}

/// The versions of one run.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunVersions {
    /// Versions that are in hand or failed in this run.
    states: HashMap<VersionId, KeyState>,
    /// Versions done in this run, if each one counts. A tree grows node by node; a hash table would
    /// hold two tables while it doubles.
    settled: BTreeSet<VersionId>,
    /// The version done last in this run, of keys that may come again.
    latest: BTreeMap<Fingerprint, LatestVersion>,
}

impl RunVersions {
    /// Returns the state of a version; `Unknown` if this run has not met it.
    pub(crate) fn state_of(&self, id: VersionId) -> KeyState {
        let settled = || if self.settled.contains(&id) { KeyState::Done } else { KeyState::Unknown };
        self.states.get(&id).copied().unwrap_or_else(settled)
    }

    /// Sets the state of a version that is in hand or failed.
    pub(crate) fn set_state(&mut self, id: VersionId, state: KeyState) {
        self.states.insert(id, state);
    }

    /// Applies an event to a version. An event that its state does not allow changes nothing.
    pub(crate) fn advance(&mut self, id: VersionId, event: KeyEvent, policy: ReprocessPolicy) {
        match self.state_of(id).next(event) {
            Ok(KeyState::Done) => {
                self.states.remove(&id);
                // If the last version counts, `latest` holds it; one that another has replaced may
                // be done again.
                if policy == ReprocessPolicy::EachVersion {
                    self.settled.insert(id);
                }
            }
            Ok(next) => self.set_state(id, next),
            Err(_) => {}
        }
    }

    /// True if a version of this key is in its steps, or waits for a commit.
    pub(crate) fn is_in_hand(&self, key: Fingerprint) -> bool {
        self.states.iter().any(|((of, _), state)| *of == key && *state == KeyState::InHand)
    }

    /// Returns the version of the key that was done last.
    pub(crate) fn latest(&self, key: Fingerprint) -> Option<&LatestVersion> {
        self.latest.get(&key)
    }

    /// Returns the version of the key that was done last, to be changed.
    pub(crate) fn latest_mut(&mut self, key: Fingerprint) -> Option<&mut LatestVersion> {
        self.latest.get_mut(&key)
    }

    /// Notes that this version of the key was done last.
    pub(crate) fn set_latest(&mut self, (key, hash): VersionId) {
        self.latest.insert(key, LatestVersion { hashes: [hash; 2], ..LatestVersion::default() });
    }

    /// Forgets what a newer load contains. Of the versions in hand or failed, those for which
    /// `is_kept` returns true remain.
    pub(crate) fn rebase(&mut self, mut is_kept: impl FnMut(VersionId, KeyState) -> bool) {
        self.states.retain(|id, state| is_kept(*id, *state));
        self.settled.clear();
        self.latest.clear();
    }
}
