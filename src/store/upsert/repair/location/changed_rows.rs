//! Finds hit rows in which users changed some cells. Pure.
//!
//! In scope: the best match, if no other row matches as well; rows that differ in nothing but their
//! key.
//! Out of scope: rows with unchanged contents (`store::upsert::repair::location::rows`,
//! `store::upsert::repair::location::equal_rows`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::store::tabs::row_fingerprint::FingerprintMatch;
use crate::store::upsert::repair::location::rows::{MAX_CANDIDATES, RowLocation, RowSearch, to_row_index};
use crate::store::upsert::undo_log::RowPredicate;

impl RowSearch<'_> {
    /// Finds rows in which users changed some cells.
    pub(crate) fn find_by_likeness(&mut self) {
        let is_open = |at: &usize| self.found[*at].is_none() && !self.sought[*at].fingerprint.is_blank();
        let open: Vec<_> = (0..self.sought.len()).filter(is_open).collect();
        let candidates: BTreeMap<usize, Vec<usize>> = open.iter().map(|at| (*at, self.find_candidates(*at))).collect();
        let mut fits: Vec<(i64, usize, usize)> = Vec::new();
        let distinct: HashMap<usize, bool> = open.iter().map(|at| (*at, self.has_written_rare_value(*at))).collect();
        for (at, rows) in &candidates {
            let is_candidate =
                |row: &usize| self.is_free(*row) && !self.lookalikes.contains(row) && !self.is_claimed(*at, *row);
            let rows: Vec<_> = rows.iter().copied().filter(is_candidate).collect();
            let close: Vec<_> = rows.iter().map(|row| (self.compare_row(*at, *row), *row)).collect();
            let is_near = |like: &FingerprintMatch, row: usize| {
                like.is_close() || (like.equal > 0 && self.has_restored_key(*at, row))
            };
            let mut near: Vec<_> = close.iter().filter(|(like, row)| is_near(like, *row)).collect();
            let whole: Vec<_> = close.iter().filter(|(_, row)| self.has_all_written_cells(*at, *row)).collect();
            if near.is_empty() && whole.len() == 1 && distinct.get(at).is_some_and(|is_distinct| *is_distinct) {
                near = whole;
            }
            fits.extend(near.into_iter().map(|(like, row)| (self.score_match(*at, *like, *row), *at, *row)));
        }
        // Best match first. A row that two match equally well is not guessed.
        fits.sort_unstable_by(|a, b| b.cmp(a));
        for same in fits.chunk_by(|a, b| a.0 == b.0) {
            self.resolve_equal(same);
        }
    }

    /// Whether only one row shows some value that the batch wrote into this one.
    fn has_written_rare_value(&mut self, at: usize) -> bool {
        let written = self.sought[at].written.clone();
        written.into_iter().any(|(column, hash)| self.count_showing(column, hash) == 1)
    }

    /// Whether a row resembles one that is known to be another at least as much as the sought one.
    pub(crate) fn is_claimed(&self, at: usize, row: usize) -> bool {
        let own = self.score_match(at, self.compare_row(at, row), row);
        // An excluded row whose position is known is at no other one.
        let excluded_rows = self.excluded_rows.iter().filter(|excluded| excluded.row.is_none_or(|at| at == row));
        let excluded_rows = excluded_rows.map(|excluded| self.image.compare(&excluded.fingerprint, row));
        excluded_rows.filter(|excluded| excluded.is_close()).any(|excluded| excluded.compute_score() >= own)
    }

    /// Resolves equally good matches.
    fn resolve_equal(&mut self, fits: &[(i64, usize, usize)]) {
        let (mut by_sought, mut by_row): (HashMap<usize, Vec<usize>>, HashMap<usize, Vec<usize>>) = Default::default();
        for (_, at, row) in fits {
            by_sought.entry(*at).or_default().push(*row);
            by_row.entry(*row).or_default().push(*at);
        }
        for (_, at, row) in fits {
            if self.found[*at].is_some() || !self.is_free(*row) {
                continue;
            }
            let rows = by_sought.get(at).into_iter().flatten().filter(|other| *other != row && self.is_free(**other));
            let other_row = rows.copied().next();
            let sought = by_row.get(row).into_iter().flatten().filter(|other| *other != at);
            let sought = sought.filter(|other| self.found[**other].is_none());
            let other_sought = sought.copied().find(|other| !self.are_interchangeable(*other, *at));
            match (other_row, other_sought) {
                (Some(other), _) => {
                    self.found[*at] = Some(RowLocation::Ambiguous(to_row_index(*row), to_row_index(other)));
                }
                (None, Some(other)) => {
                    for unknown in [*at, other] {
                        self.found[unknown] = Some(RowLocation::Ambiguous(to_row_index(*row), to_row_index(*row)));
                    }
                }
                (None, None) => self.take(*at, *row),
            }
        }
    }

    /// Finds rows whose key users changed or cleared, while all other cells are unchanged. If two
    /// could be the one, neither is used.
    pub(crate) fn find_by_all_but_key(&mut self) {
        let key = self.image.key;
        let keys = self.collect_known_keys();
        let mut fits: Vec<(usize, usize)> = Vec::new();
        for at in 0..self.sought.len() {
            let sought = &self.sought[at];
            if self.found[at].is_some() || (sought.lost_key.is_none() && sought.key.is_empty()) {
                continue;
            }
            let hashes: Vec<_> = sought.fingerprint.hashes().filter(|(column, _)| *column != key).collect();
            let rows: BTreeSet<usize> =
                self.find_rarest_cells(&hashes, 1).into_iter().flatten().take(MAX_CANDIDATES).collect();
            // A single cell identifies a row if no other row shows the same.
            let least = if rows.len() == 1 { 1 } else { 2 };
            let is_it = |row: &usize| {
                let like = self.image.compare_but(&self.sought[at].fingerprint, *row, key);
                let is_known = keys.contains(&self.image.shown_text(*row, key));
                like.is_exact()
                    && like.equal >= least
                    && !is_known
                    && self.is_free(*row)
                    && !self.lookalikes.contains(row)
                    && !self.is_claimed(at, *row)
            };
            fits.extend(rows.iter().filter(|row| is_it(row)).map(|row| (at, *row)));
        }
        for (at, row) in &fits {
            if fits.iter().filter(|fit| fit.0 == *at || fit.1 == *row).count() == 1 {
                self.take(*at, *row);
            }
        }
    }

    /// Keys that the finding names: of rows that it hit, and of rows for which its writes were
    /// intended.
    fn collect_known_keys(&self) -> HashSet<String> {
        let lost = self.sought.iter().filter_map(|sought| sought.lost_key.clone());
        let shown = self.sought.iter().map(|sought| sought.key.clone());
        let intended = self.sought.iter().filter_map(|sought| match &sought.misplaced.target.expect {
            RowPredicate::Key(key) | RowPredicate::Blank(key) | RowPredicate::Row { key: Some(key), .. } => Some(key),
            RowPredicate::Row { key: None, .. } => None,
        });
        let excluded_keys = self.excluded_rows.iter().filter_map(|excluded| excluded.key.clone());
        lost.chain(shown).chain(excluded_keys).chain(intended.cloned()).filter(|key| !key.is_empty()).collect()
    }
}
