//! The order of a key's rows as stored in the sheet: by commit, never by clock, name or position in
//! a tab.
//!
//! In scope: the order that each row carries after its run's id, and rows of earlier versions,
//! which carry none.
//! Out of scope: reading rows (`store`), the meaning for a key
//! (`ledger::processed::processed_index`).
//!
//! Each commit replaces the head and its number only grows, so all machines agree on one order of
//! commits. A row of Processed or Failures contains in its cell `run` the term and commit that
//! wrote it: `20260921-141320-00d40 #3.17`. A second row of the same key in one commit has
//! `#3.17.1`. So users may sort the tab, and clocks may be wrong.

use std::collections::HashMap;
use std::fmt;

use crate::leases::lease::Fence;

/// The order of a row among all rows that the job has written to its tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowOrder {
    /// The number of the commit that wrote it.
    pub commit: u64,
    /// Number of earlier rows of the same key in that commit.
    pub earlier_rows: u32,
    /// The lease term of that commit, for information: later terms have later commits.
    pub term: Fence,
}

/// When a reprocess was requested, in the order of commits: keys done since then are not processed
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestOrder {
    /// The number of the last commit at that time; `None` if the job had never run.
    pub commit: Option<u64>,
}

impl RequestOrder {
    /// True if a row was written after the request. Rows of earlier versions carry no order.
    pub fn is_before(self, row: Option<RowOrder>) -> bool {
        row.is_some_and(|order| self.commit.is_none_or(|commit| order.commit > commit))
    }
}

/// The separator between a run's id and the order.
const ORDER_SEPARATOR: &str = " #";

impl fmt::Display for RowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.term, self.commit)?;
        if self.earlier_rows > 0 { write!(f, ".{}", self.earlier_rows) } else { Ok(()) }
    }
}

/// Returns the text of a cell `run`: the run's id, and the row's order if it has one.
pub fn run_cell(run: &str, order: Option<RowOrder>) -> String {
    order.map_or_else(|| run.to_owned(), |order| format!("{run} {order}"))
}

/// Splits the text of a cell `run` into run id and order. Rows of earlier versions, and manual
/// edits, have no order.
pub fn read_run_cell(cell: &str) -> (&str, Option<RowOrder>) {
    let read = || {
        let (run, order) = cell.rsplit_once(ORDER_SEPARATOR)?;
        let mut parts = order.split('.');
        let term = Fence(parts.next()?.parse().ok()?);
        let commit = parts.next()?.parse().ok()?;
        let earlier_rows = parts.next().map_or(Some(0), |earlier_rows| earlier_rows.parse().ok())?;
        parts.next().is_none().then_some((run, RowOrder { commit, earlier_rows, term }))
    };
    read().map_or((cell, None), |(run, order)| (run, Some(order)))
}

/// The number of the first commit of each run, by run id, as far as Runs and the state contain it.
pub type FirstCommits = HashMap<String, u64>;

/// Rows in their present order in the tab, each with its stored order.
#[derive(Debug, Clone, Default)]
pub struct CommitSequence {
    /// For each row the packed order, or the number of its run.
    rows: Vec<u64>,
    /// Runs whose rows carry no order.
    runs: HashMap<String, u32>,
}

/// The bit that marks a packed order; without it the value is the number of a run.
const ORDERED: u64 = 1 << 63;
/// Bits for the number of earlier rows of the key in a commit.
const EARLIER_ROWS_BITS: u32 = 20;

fn pack_order(order: RowOrder) -> u64 {
    let earlier_rows = u64::from(order.earlier_rows).min((1 << EARLIER_ROWS_BITS) - 1);
    ORDERED | (order.commit.min((1 << (63 - EARLIER_ROWS_BITS)) - 1) << EARLIER_ROWS_BITS) | earlier_rows
}

impl CommitSequence {
    /// Adds the next row by the text of its cell `run`.
    pub fn push(&mut self, cell: &str) {
        let (run, order) = read_run_cell(cell);
        self.push_row(run, order);
    }

    /// Makes room for this many rows in one step.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve_exact(rows);
    }

    /// Adds the next row by its run and order.
    pub fn push_row(&mut self, run: &str, order: Option<RowOrder>) {
        let entry = order.map_or_else(|| u64::from(self.number_run(run)), pack_order);
        self.rows.push(entry);
    }

    fn number_run(&mut self, run: &str) -> u32 {
        let next = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        match self.runs.get(run) {
            Some(number) => *number,
            None => *self.runs.entry(run.to_owned()).or_insert(next),
        }
    }

    /// Adds rows that are below those so far.
    pub fn append(&mut self, below: Self) {
        let mut names: Vec<(String, u32)> = below.runs.into_iter().collect();
        names.sort_unstable_by_key(|(_, number)| *number);
        let numbers: Vec<u32> = names.iter().map(|(run, _)| self.number_run(run)).collect();
        let moved = |entry: u64| match usize::try_from(entry).ok().and_then(|at| numbers.get(at)) {
            Some(number) if entry & ORDERED == 0 => u64::from(*number),
            _ => entry,
        };
        self.rows.extend(below.rows.into_iter().map(moved));
    }

    /// True if Runs is needed to determine the last row of a key. Rows of earlier versions carry no
    /// order, and the last of several runs counts. `keys` has one key per row.
    pub fn has_doubt<K: Copy + Ord>(&self, keys: impl Iterator<Item = K>) -> bool {
        if self.runs.is_empty() {
            return false;
        }
        let mut rows: Vec<(K, u32)> = keys.zip(0..).collect();
        rows.sort_unstable();
        rows.chunk_by(|a, b| a.0 == b.0).filter(|rows| rows.len() > 1).any(|rows| {
            let of_key = || rows.iter().filter_map(|(_, at)| self.rows.get(*at as usize).copied());
            let last = of_key().next_back().unwrap_or_default();
            let ordered = of_key().any(|entry| entry & ORDERED != 0);
            // A row without order below one with order: an earlier version ran again, or a user
            // sorted the tab.
            if ordered { last & ORDERED == 0 } else { of_key().any(|entry| entry != last) }
        })
    }

    /// Returns for each row a number that grows with its order; rows with equal numbers are ordered
    /// by position.
    ///
    /// A row without order counts as written by the first commit of its run, if that is known. For
    /// other runs the position decides, unless the tab was evidently sorted: rows are only ever
    /// appended. In that case the run's id decides, which contains its start time. Such runs come
    /// before all others, because users delete the oldest rows of Runs.
    pub fn rank_rows(self, known: &FirstCommits) -> Vec<u64> {
        let mut names = vec![""; self.runs.len()];
        for (run, number) in &self.runs {
            if let Some(name) = names.get_mut(*number as usize) {
                *name = run;
            }
        }
        let first = |name: &&str| {
            known.get(*name).map(|commit| pack_order(RowOrder { commit: *commit, ..RowOrder::default() }))
        };
        let first_commits: Vec<Option<u64>> = names.iter().map(first).collect();
        let of_run = |entry: u64| usize::try_from(entry).ok().and_then(|at| first_commits.get(at).copied()).flatten();
        let order_of = |entry: u64| if entry & ORDERED == 0 { of_run(entry) } else { Some(entry) };
        let is_as_written = self.is_as_written(order_of);
        let mut unknown: Vec<usize> = (0..names.len()).filter(|number| order_of(*number as u64).is_none()).collect();
        unknown.sort_by_key(|number| names.get(*number));
        let mut by_name = vec![0_u64; names.len()];
        for (rank, number) in (0..).zip(unknown) {
            if let Some(place) = by_name.get_mut(number) {
                *place = rank;
            }
        }
        let rank = |entry: u64| {
            order_of(entry).unwrap_or_else(|| {
                usize::try_from(entry).ok().and_then(|number| by_name.get(number)).copied().unwrap_or_default()
            })
        };
        let mut ranks = self.rows;
        for (entry, place) in ranks.iter_mut().zip(0..) {
            *entry = if is_as_written { place } else { rank(*entry) };
        }
        ranks
    }

    /// True if the rows are in append order, as far as it can be checked: the rows of each run
    /// together, later ones below. If no run has two rows, the first condition proves nothing.
    fn is_as_written(&self, order_of: impl Fn(u64) -> Option<u64>) -> bool {
        let unordered = || self.rows.iter().filter(|entry| **entry & ORDERED == 0);
        if unordered().any(|entry| order_of(*entry).is_none()) && unordered().count() == self.runs.len() {
            return false;
        }
        let mut seen = vec![false; self.runs.len()];
        let (mut before, mut latest) = (None, 0);
        for entry in &self.rows {
            if *entry & ORDERED == 0 && before != Some(*entry) {
                let Some(seen) = usize::try_from(*entry).ok().and_then(|number| seen.get_mut(number)) else { continue };
                if std::mem::replace(seen, true) {
                    return false;
                }
            }
            before = Some(*entry);
            if let Some(order_of) = order_of(*entry) {
                if order_of < latest {
                    return false;
                }
                latest = order_of;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(term: u64, commit: u64, earlier_rows: u32) -> RowOrder {
        RowOrder { commit, earlier_rows, term: Fence(term) }
    }

    fn sequence(cells: &[&str]) -> CommitSequence {
        let mut sequence = CommitSequence::default();
        for cell in cells {
            sequence.push(cell);
        }
        sequence
    }

    /// Returns the cells in the order of their ranks.
    fn sort_cells<'c>(cells: &[&'c str], known: &[(&str, u64)]) -> Vec<&'c str> {
        let known = known.iter().map(|(run, commit)| ((*run).to_owned(), *commit)).collect();
        let mut ranked: Vec<_> = sequence(cells).rank_rows(&known).into_iter().zip(cells.iter().copied()).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, cell)| cell).collect()
    }

    #[test]
    fn a_run_cell_reads_back_as_run_and_order() {
        assert_eq!(run_cell("20260921-141320-00d40", Some(order(3, 17, 0))), "20260921-141320-00d40 #3.17");
        for cell in ["", "r", "r #", "r #3", "r #3.x", "r #3.4.5.6", "my run #1"] {
            assert_eq!(read_run_cell(cell), (cell, None), "{cell}");
        }
    }

    #[test]
    fn a_sorted_tab_keeps_the_order_of_commits() {
        let cells = ["z #1.9", "a #2.10", "m #1.9.1", "z #1.2"];
        assert_eq!(sort_cells(&cells, &[]), ["z #1.2", "z #1.9", "m #1.9.1", "a #2.10"]);
    }

    #[test]
    fn old_rows_below_each_other_are_in_that_order() {
        // The second run's clock was ahead.
        assert_eq!(sort_cells(&["1856", "1900", "1857", "1857"], &[]), ["1856", "1900", "1857", "1857"]);
        assert_eq!(sort_cells(&["1900", "1857", "1857", "x #4.9"], &[]), ["1900", "1857", "1857", "x #4.9"]);
        // One row per run: nothing shows whether the tab was sorted.
        assert_eq!(sort_cells(&["1900", "1857", "x #4.9"], &[]), ["1857", "1900", "x #4.9"]);
    }

    #[test]
    fn old_rows_of_a_sorted_tab_go_by_runs_and_else_by_name() {
        let sorted = ["1900", "1857", "1900", "1858"];
        assert_eq!(sort_cells(&sorted, &[("1857", 5), ("1900", 3), ("1858", 4)]), ["1900", "1900", "1858", "1857"]);
        assert_eq!(sort_cells(&sorted, &[]), ["1857", "1858", "1900", "1900"]);
        assert_eq!(sort_cells(&["x #4.9", "1857", "1900", "1857"], &[]), ["1857", "1857", "1900", "x #4.9"]);
        // Runs shows that the tab was reversed, although each run's rows are together.
        assert_eq!(sort_cells(&["1900", "1857"], &[("1900", 9), ("1857", 5)]), ["1857", "1900"]);
    }

    #[test]
    fn an_old_version_that_ran_again_counts_by_runs() {
        let mixed = ["x #4.9", "1857"];
        assert!(sequence(&mixed).has_doubt([1, 1].into_iter()));
        assert_eq!(sort_cells(&mixed, &[("1857", 12)]), ["x #4.9", "1857"]);
    }

    #[test]
    fn runs_is_asked_only_where_old_rows_of_a_key_differ() {
        let old = sequence(&["1856", "1900", "1900", "1857"]);
        assert!(!old.has_doubt([1, 2, 3, 4].into_iter()) && !old.has_doubt([1, 2, 2, 4].into_iter()));
        assert!(old.has_doubt([1, 2, 3, 1].into_iter()));
        assert!(!sequence(&["1856", "1900", "x #4.9"]).has_doubt([1, 1, 1].into_iter()));
        assert!(!sequence(&["x #4.8", "x #4.9"]).has_doubt([1, 1].into_iter()));
    }

    proptest! {
        #[test]
        fn any_run_and_order_read_back(run in "[ -~]{0,30}", term: u64, commit: u64, earlier_rows: u32) {
            let order = order(term, commit, earlier_rows);
            let cell = run_cell(&run, Some(order));
            prop_assert_eq!(read_run_cell(&cell), (run.as_str(), Some(order)));
        }

        #[test]
        fn pages_put_together_say_what_one_page_says(
            cells in prop::collection::vec(prop_oneof!["[a-d]", (0_u64..9).prop_map(|n| format!("x #1.{n}"))], 0..40),
            at in 0_usize..40,
        ) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let (above, below) = cells.split_at(at.min(cells.len()));
            let mut joined = sequence(above);
            joined.append(sequence(below));
            let known = FirstCommits::from([("b".to_owned(), 4), ("d".to_owned(), 2)]);
            prop_assert_eq!(joined.rank_rows(&known), sequence(&cells).rank_rows(&known));
        }

        #[test]
        fn however_a_tab_is_sorted_the_last_commit_comes_last(commits in prop::collection::vec(0_u64..1_000_000, 1..40)) {
            let cells: Vec<String> = commits.iter().map(|commit| run_cell("r", Some(order(1, *commit, 0)))).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let last = sort_cells(&cells, &[]).last().map(|cell| (*cell).to_owned());
            let latest = commits.iter().max().map(|commit| run_cell("r", Some(order(1, *commit, 0))));
            prop_assert_eq!(last, latest);
        }
    }
}
