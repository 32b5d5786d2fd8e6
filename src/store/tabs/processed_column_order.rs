//! Recovers Processed rows that were written under an older column order (columns were moved during
//! an append). Pure.
//!
//! In scope: finding the column order of such rows, and reading them.
//! Out of scope: reading pages (`store::load::paging`), rows of other tabs.
//!
//! A row is appended from its first column on, in the order of the header that its run loaded. From
//! some row on, all rows of that run use one column order. Neither the order nor that row is
//! recorded. But the state has the count and checksum of all rows as intended. So the search tries
//! each possible order; the one that yields the 64-bit checksum is right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::ledger::commit::row_deletion::hash_key_row;
use crate::ledger::leases::row_order::{RowOrder, read_run_cell};
use crate::ledger::rows::row_codec::{DONE, REVOCATION_STATE};
use crate::ledger::runs::run::is_run_cell;
use crate::ledger::state::snapshot::RowChecksum;
use crate::ledger::values::coerce::format_cell_value as text;

/// The number of latest runs that may have such rows. A later run loads the current header.
const MAX_RUNS: usize = 3;
/// The number of a run's rows whose filled columns are examined.
const MAX_ROWS: usize = 50;
/// Maximum number of mappings per run.
const MAX_MAPPINGS: usize = 400;

/// The columns of key, version, state and run; the version may be missing.
type ColumnMapping = [Option<usize>; 4];

/// Rows under another column order, by the hash of all their cells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnRecovery(HashMap<u64, ColumnMapping>);

impl ColumnRecovery {
    /// The number of such rows.
    pub fn count_rows(&self) -> usize {
        self.0.len()
    }

    /// Returns key, version, state and run of a row, and whether it uses the header's column order.
    pub fn read_texts(&self, row: &[Value], usual: [usize; 4]) -> ([String; 4], bool) {
        let cell = |at: usize| row.get(at).map(text).unwrap_or_default();
        if !self.0.is_empty() {
            let cells: Vec<String> = row.iter().map(text).collect();
            if let Some(mapping) = self.0.get(&hash_cells(&cells)) {
                return (mapping.map(|at| at.map(cell).unwrap_or_default()), false);
            }
        }
        (usual.map(cell), true)
    }
}

/// Whether a text is a state of a Processed row.
pub fn is_state(text: &str) -> bool {
    text == DONE || text == REVOCATION_STATE
}

/// Whether a row has a state and a run, but not in the header's columns.
pub fn is_in_other_columns(row: &[Value], usual: [usize; 4]) -> bool {
    let at = |column: usize| row.get(column).map(text).unwrap_or_default();
    let [_, _, state, _] = usual;
    !is_state(&at(state))
        && row.iter().any(|cell| is_state(&text(cell)))
        && row.iter().any(|cell| is_run_cell(&text(cell)))
}

/// The search for the column order of rows.
#[derive(Debug)]
pub struct MappingSearch {
    usual: [usize; 4],
    /// The checksum of rows that are read under the header's order.
    rest: RowChecksum,
    /// The rows of the latest runs.
    runs: BTreeMap<String, RunRows>,
}

/// The rows of one run as found.
#[derive(Debug, Default)]
struct RunRows {
    /// The latest order of its rows; `None` if an earlier sheetkeep version wrote them.
    latest: Option<RowOrder>,
    rows: Vec<Vec<String>>,
}

/// A candidate mapping for a run's rows from one of them on, with the change of the checksum.
struct MappingCandidate<'r> {
    rows: &'r [Vec<String>],
    mapping: ColumnMapping,
    delta: u64,
}

impl MappingSearch {
    /// Creates a search. `usual` are the header's columns of key, version, state and run.
    pub fn new(usual: [usize; 4]) -> Self {
        Self { usual, rest: RowChecksum::default(), runs: BTreeMap::new() }
    }

    /// Reads rows, without the header row.
    pub fn read(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let cells: Vec<String> = row.iter().map(text).collect();
            let usual = Some(self.usual[3]).and_then(|at| cells.get(at)).filter(|cell| is_run_cell(cell));
            let run = usual.or_else(|| cells.iter().find(|cell| is_run_cell(cell))).cloned();
            if self.usual.iter().all(|at| cells.get(*at).is_none_or(String::is_empty))
                && !is_in_other_columns(row, self.usual)
            {
                continue;
            }
            match run.as_deref().map(read_run_cell) {
                Some((run, order)) => {
                    let of_run = self.runs.entry(run.to_owned()).or_default();
                    of_run.latest = of_run.latest.max(order);
                    of_run.rows.push(cells);
                }
                None => self.rest.add_hash(self.hash_in_header_order(&cells)),
            }
            if self.runs.len() > MAX_RUNS {
                self.drop_first_run();
            }
        }
    }

    /// Adds the rows of the earliest of these runs to the checksum as they are.
    fn drop_first_run(&mut self) {
        let first = self.runs.iter().min_by_key(|(run, of_run)| (of_run.latest, *run)).map(|(run, _)| run.clone());
        for cells in first.and_then(|run| self.runs.remove(&run)).map(|of_run| of_run.rows).unwrap_or_default() {
            self.rest.add_hash(self.hash_in_header_order(&cells));
        }
    }

    /// Returns the rows under another order, if reading them so yields the count and checksum in
    /// the state.
    pub fn find(&self, expected: RowChecksum) -> Option<ColumnRecovery> {
        let mut all = self.rest;
        for cells in self.runs.values().flat_map(|of_run| &of_run.rows) {
            all.add_hash(self.hash_in_header_order(cells));
        }
        if all.count != expected.count {
            return None;
        }
        let wanted_delta = expected.sum.wrapping_sub(all.sum);
        let candidates: Vec<Vec<MappingCandidate<'_>>> =
            self.runs.iter().map(|(run, of_run)| self.list_candidates(run, &of_run.rows)).collect();
        let one = candidates
            .iter()
            .flatten()
            .find(|candidate| candidate.delta == wanted_delta)
            .map(|candidate| vec![candidate]);
        // Two runs: columns were moved under a second run before a user fixed the rows of the
        // first.
        let two = || {
            candidates.iter().enumerate().find_map(|(at, of_run)| {
                let later: HashMap<u64, &MappingCandidate<'_>> =
                    candidates.iter().skip(at + 1).flatten().map(|candidate| (candidate.delta, candidate)).collect();
                of_run.iter().find_map(|candidate| {
                    Some(vec![candidate, later.get(&wanted_delta.wrapping_sub(candidate.delta))?])
                })
            })
        };
        let matching = one.or_else(two)?;
        let recovery = matching
            .into_iter()
            .flat_map(|candidate| candidate.rows.iter().map(|cells| (hash_cells(cells), candidate.mapping)));
        Some(ColumnRecovery(recovery.collect()))
    }

    fn hash_in_header_order(&self, cells: &[String]) -> u64 {
        hash_under_mapping(cells, self.usual.map(Some))
    }

    /// Returns every candidate for the rows of a run, from each of its rows on.
    fn list_candidates<'r>(&self, run: &str, rows: &'r [Vec<String>]) -> Vec<MappingCandidate<'r>> {
        let mut out = Vec::new();
        for mapping in find_mappings(run, rows) {
            let mut delta = 0_u64;
            for (from, cells) in rows.iter().enumerate().rev() {
                let at = |place: Option<usize>| place.and_then(|at| cells.get(at)).map_or("", String::as_str);
                if !is_state(at(mapping[2])) || read_run_cell(at(mapping[3])).0 != run {
                    break;
                }
                delta = delta
                    .wrapping_add(hash_under_mapping(cells, mapping))
                    .wrapping_sub(self.hash_in_header_order(cells));
                out.push(MappingCandidate { rows: rows.get(from..).unwrap_or_default(), mapping, delta });
            }
        }
        out
    }
}

/// Returns the possible mappings for the last rows of a run. State and run are recognisable by
/// their text; key and version are not.
fn find_mappings(run: &str, rows: &[Vec<String>]) -> Vec<ColumnMapping> {
    let Some(last) = rows.last() else { return Vec::new() };
    let seen = rows.iter().rev().take(MAX_ROWS);
    let filled: BTreeSet<usize> = seen
        .flat_map(|cells| cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()).map(|(at, _)| at))
        .collect();
    let of = |is: &dyn Fn(&str) -> bool| {
        let found = last.iter().enumerate().filter(|(_, cell)| is(cell)).map(|(at, _)| at);
        found.collect::<Vec<_>>()
    };
    let (states, runs) = (of(&is_state), of(&|cell| read_run_cell(cell).0 == run));
    let mut out = Vec::new();
    for (state, run) in states.iter().flat_map(|state| runs.iter().map(move |run| (*state, *run))) {
        let others: Vec<usize> = filled.iter().copied().filter(|at| *at != state && *at != run).collect();
        for key in &others {
            let versions = others.iter().filter(|at| *at != key).map(|at| Some(*at)).chain([None]);
            out.extend(versions.map(|version| [Some(*key), version, Some(state), Some(run)]));
        }
    }
    out.truncate(MAX_MAPPINGS);
    out
}

/// The hash of a row under this mapping.
fn hash_under_mapping(cells: &[String], mapping: ColumnMapping) -> u64 {
    let text = |place: Option<usize>| place.and_then(|at| cells.get(at)).map_or("", String::as_str);
    hash_key_row(&mapping.map(text))
}

/// The hash of all cells of a row. Trailing blank cells do not count, because the service may omit
/// them.
fn hash_cells(cells: &[String]) -> u64 {
    let last = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
    let texts: Vec<&str> = cells.iter().take(last).map(String::as_str).collect();
    RowChecksum::hash_row(&texts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USUAL: [usize; 4] = [0, 1, 2, 3];
    const OLD: &str = "20260921-141320-00d40";
    const NEW: &str = "20260922-141320-00d41";

    fn row(texts: [&str; 4], mapping: &[usize; 4]) -> Vec<Value> {
        let mut cells = vec![Value::Null; 9];
        for (text, at) in texts.into_iter().zip(mapping) {
            cells[*at] = text.into();
        }
        cells
    }

    proptest! {
        #[test]
        fn rows_appended_beside_their_columns_are_read_as_meant(
            mapping in Just(vec![0_usize, 1, 2, 3, 4, 5]).prop_shuffle(),
            before in 0_usize..6,
            shifted in 1_usize..6,
            versions in any::<bool>(),
        ) {
            let mapping = [mapping[0], mapping[1], mapping[2], mapping[3]];
            let texts: Vec<[String; 4]> = (0..before + shifted)
                .map(|n| [format!("k{n}"), if versions { format!("v{n}") } else { String::new() }, DONE.into(), NEW.into()])
                .collect();
            let old = ["old", "1", DONE, OLD];
            let mut expected = RowChecksum::default();
            expected.add(&old);
            let mut rows = vec![row(old, &USUAL)];
            for (n, one) in texts.iter().enumerate() {
                let one = one.each_ref().map(String::as_str);
                expected.add(&one);
                rows.push(row(one, if n < before { &USUAL } else { &mapping }));
            }
            let mut search = MappingSearch::new(USUAL);
            search.read(&rows);
            let recovery = search.find(expected).expect("a way is found");
            for (row, intended) in rows.iter().skip(1).zip(&texts) {
                prop_assert_eq!(&recovery.read_texts(row, USUAL).0, intended);
            }
        }
    }

    #[test]
    fn rows_of_two_runs_may_have_an_order_of_their_own() {
        let mappings = [[1, 0, 2, 3], [3, 0, 1, 2]];
        let texts = [["a", "1", DONE, OLD], ["b", "2", REVOCATION_STATE, NEW]];
        let mut expected = RowChecksum::default();
        for one in &texts {
            expected.add(one);
        }
        let mut search = MappingSearch::new(USUAL);
        let rows: Vec<_> = texts.iter().zip(&mappings).map(|(one, mapping)| row(*one, mapping)).collect();
        search.read(&rows);
        let recovery = search.find(expected).expect("both are found");
        assert_eq!(recovery.count_rows(), 2);
        for (row, intended) in rows.iter().zip(texts) {
            assert_eq!(recovery.read_texts(row, USUAL), (intended.map(str::to_owned), false));
        }
    }

    #[test]
    fn the_last_run_is_known_by_its_commits_not_by_its_name() {
        let (mut expected, mut rows) = (RowChecksum::default(), Vec::new());
        let early = format!("19700101-000000-00001 {}", RowOrder { commit: 90, ..RowOrder::default() });
        let runs = (0..5).map(|n| format!("2026092{n}-141320-00d40 {}", RowOrder { commit: n, ..RowOrder::default() }));
        for (n, run) in runs.chain([early]).enumerate() {
            let key = format!("k{n}");
            let one = [&*key, "1", DONE, &*run];
            expected.add(&one);
            rows.push(row(one, if n == 5 { &[1, 0, 2, 3] } else { &USUAL }));
        }
        let mut search = MappingSearch::new(USUAL);
        search.read(&rows);
        assert_eq!(search.find(expected).map(|recovery| recovery.count_rows()), Some(1));
    }

    #[test]
    fn what_people_have_changed_otherwise_is_not_guessed_at() {
        let mut expected = RowChecksum::default();
        expected.add(&["a", "1", DONE, NEW]);
        let mut search = MappingSearch::new(USUAL);
        search.read(&[row(["b", "1", DONE, NEW], &USUAL)]);
        assert_eq!(search.find(expected), None);
        assert_eq!(MappingSearch::new(USUAL).find(expected), None, "a row that is gone is gone");
    }
}
