//! Whether a stop with 65 is one that the document names.

use std::collections::{BTreeMap, BTreeSet};

use super::TabModel;
use super::job_writes::is_blank;
use crate::tab_snapshot::TabSnapshot;

impl TabModel {
    /// Notes which rows show the same after a write.
    pub(super) fn note_alike_rows(&mut self, after: &TabSnapshot, stamped: &[(usize, u32)]) {
        let mut groups: BTreeMap<_, BTreeSet<u32>> = BTreeMap::new();
        for stamp in self.rows.keys() {
            let new = stamped.iter().find(|(_, new)| new == stamp).map(|(at, _)| *at);
            let texts = new.or_else(|| after.row(*stamp)).map(|at| self.texts_at(after, at)).unwrap_or_default();
            if !is_blank(&texts) {
                groups.entry(texts).or_default().insert(*stamp);
            }
        }
        for (stamp, texts) in &self.deleted_row_texts {
            groups.entry(texts.clone()).or_default().insert(*stamp);
        }
        self.alike_rows.extend(groups.into_values().filter(|group| group.len() > 1));
    }

    /// Whether the document lets a run stop because of these rows.
    pub fn may_stop_for(&self, snapshot: &TabSnapshot, rows: &[usize]) -> bool {
        let stamp = |at: &usize| snapshot.rows.get(*at).and_then(|row_snapshot| row_snapshot.stamp);
        match rows {
            // Rule::OneRowLeftOfTwo
            [one] => stamp(one).is_some_and(|one| self.alike_rows.iter().any(|group| group.contains(&one))),
            // Rule::TwoRowsShowTheSame
            [one, other] => {
                let show_same = self.texts_at(snapshot, *one) == self.texts_at(snapshot, *other);
                let showed_same = stamp(one).zip(stamp(other)).is_some_and(|(one, other)| {
                    self.alike_rows.iter().any(|group| group.contains(&one) && group.contains(&other))
                });
                show_same || showed_same
            }
            _ => false,
        }
    }
}
