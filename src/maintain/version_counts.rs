//! Counts the done rows and the revoking rows of each version of a key in Processed.
//!
//! In scope: counting rows. Out of scope: which of them are revoked (`maintain::reprocess`).

use std::collections::{HashMap, HashSet};

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::key::{Fingerprint, Key, Version};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::leases::row_order::RequestOrder;
use crate::store::scan::scanned_tabs::ProcessedRow;

/// A version of a key: the key's fingerprint and the version's hash.
pub type CountedVersion = (Fingerprint, u64);

/// The counts of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCount {
    /// The item's key.
    pub key: Key,
    /// The version, as in the last row.
    pub version: Version,
    /// Rows with the state `done`.
    pub done: u32,
    /// Rows with the state `revoked`.
    pub revoked: u32,
    /// Whether one of these rows belongs to the pending forced run.
    pub is_forced: bool,
    /// Whether it was done after the forced run was requested.
    pub was_done_since: bool,
}

impl VersionCount {
    /// Returns how often the version is done; more than once if people copied rows.
    pub fn done_count(&self) -> u32 {
        self.done.saturating_sub(self.revoked)
    }

    /// Returns the rows that revoke all of it.
    pub fn make_revoking_rows(&self) -> impl Iterator<Item = ItemResult> + use<> {
        let revoked = ItemResult::Revoked { key: self.key.clone(), version: self.version.clone() };
        std::iter::repeat_n(revoked, self.done_count() as usize)
    }
}

/// All of Processed, by version of a key.
#[derive(Debug, Clone)]
pub struct VersionCounts {
    reprocess_policy: ReprocessPolicy,
    counted: HashMap<CountedVersion, VersionCount>,
    versions: HashMap<Fingerprint, Vec<u64>>,
}

impl VersionCounts {
    /// Counts rows. `reprocess_runs` are the runs that revoked keys for a forced run; `requested_at`
    /// is the time of that request, if this machine remembers it.
    pub fn new(
        reprocess_policy: ReprocessPolicy,
        rows: &[ProcessedRow],
        reprocess_runs: &[String],
        requested_at: Option<RequestOrder>,
    ) -> Self {
        let reprocess_runs: HashSet<&str> = reprocess_runs.iter().map(String::as_str).collect();
        let (mut counted, mut versions): (HashMap<CountedVersion, VersionCount>, HashMap<_, Vec<u64>>) =
            (HashMap::new(), HashMap::new());
        for row in rows {
            let of = (row.key.fingerprint(), reprocess_policy.version_hash(&row.version));
            let one = counted.entry(of).or_insert_with(|| {
                versions.entry(of.0).or_default().push(of.1);
                VersionCount {
                    key: row.key.clone(),
                    version: row.version.clone(),
                    done: 0,
                    revoked: 0,
                    is_forced: false,
                    was_done_since: false,
                }
            });
            one.version.clone_from(&row.version);
            if row.is_revoked {
                one.revoked += 1;
                one.is_forced |= reprocess_runs.contains(row.run.as_str());
            } else {
                one.done += 1;
                one.was_done_since |= !row.is_in_predecessor
                    && requested_at.is_some_and(|requested_at| requested_at.is_before(row.order));
            }
        }
        Self { reprocess_policy, counted, versions }
    }

    /// Returns everything that is done, by key and version.
    pub fn done_versions(&self) -> Vec<&VersionCount> {
        let mut done: Vec<&VersionCount> = self.counted.values().filter(|counted| counted.done_count() > 0).collect();
        done.sort_unstable_by_key(|counted| (&counted.key, &counted.version.0));
        done
    }

    /// Returns what prevents this version of a key from being processed. These are its own rows or,
    /// where one version counts, the rows of all versions, last first.
    pub fn blocking_versions(&self, key: Fingerprint, hash: u64) -> Vec<&VersionCount> {
        let one = |hash: u64| self.counted.get(&(key, hash));
        match self.reprocess_policy {
            ReprocessPolicy::EachVersion => one(hash).into_iter().collect(),
            ReprocessPolicy::OnChange | ReprocessPolicy::OnNewer => {
                self.versions.get(&key).into_iter().flatten().rev().filter_map(|hash| one(*hash)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, version: &str, is_revoked: bool, run: &str) -> ProcessedRow {
        ProcessedRow {
            row: 2,
            key: Key::new(key).expect("a key"),
            version: Version(version.into()),
            is_revoked,
            run: run.into(),
            order: None,
            is_in_predecessor: false,
            hash: 0,
        }
    }

    #[test]
    fn a_version_is_done_as_often_as_it_was_not_taken_back() {
        let rows = [
            row("a", "1", false, "r1"),
            row("a", "1", true, "r2"),
            row("a", "1", false, "r3"),
            row("a", "2", false, "r1"),
        ];
        let key = Fingerprint::new("a");
        let every = VersionCounts::new(ReprocessPolicy::EachVersion, &rows, &["r2".to_owned()], None);
        let hash = |version: &str| ReprocessPolicy::EachVersion.version_hash(&Version(version.into()));
        let counted = every.blocking_versions(key, hash("1"));
        assert_eq!((counted.len(), counted[0].done_count(), counted[0].is_forced), (1, 1, true));
        assert!(every.blocking_versions(key, hash("3")).is_empty());
        let other = VersionCounts::new(ReprocessPolicy::OnChange, &rows, &[], None);
        assert_eq!(other.blocking_versions(key, hash("3")).len(), 2, "any version is in the way where one counts");
    }
}
