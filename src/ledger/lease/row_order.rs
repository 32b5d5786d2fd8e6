//! Which of several rows of a key is the later one, as the sheet itself orders them: by commit, never by a clock, a name or a place in a tab.
//!
//! In scope: the order that each row carries behind its run's id, and what is known of rows of earlier versions, which carry none. Out of
//! scope: reading rows (`store`), what follows for a key (`ledger::processed::processed_index`).
//!
//! The head is replaced by each commit and its number only grows, so commits have one order that all machines agree on. A row of Processed or
//! Failures says in its cell `run` which term and commit wrote it: `20260921-141320-00d40 #3.17`. A second row of the same key in one
//! commit says `#3.17.1`. People may sort the tab; clocks may be wrong.

use std::collections::HashMap;
use std::fmt;

use crate::ledger::lease::lease::Fence;

/// Where a row stands among all rows that the job has written to its tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RowOrder {
    /// The number of the commit that wrote it.
    pub commit: u64,
    /// Rows of the same key before it in that commit.
    pub turn: u32,
    /// The lease term of that commit, for people: later terms have later commits.
    pub term: Fence,
}

/// When somebody asked for a forced run, in the order of commits: what was done since then is done again already, whoever did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestOrder {
    /// The number of the commit that was the last one then; none where the job had never run.
    pub commit: Option<u64>,
}

impl RequestOrder {
    /// Whether a row was written after it. Rows of earlier versions do not say.
    pub fn is_before(self, row: Option<RowOrder>) -> bool {
        row.is_some_and(|order| self.commit.is_none_or(|commit| order.commit > commit))
    }
}

/// What parts a run's id from the order behind it.
const BEHIND: &str = " #";

impl fmt::Display for RowOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.term, self.commit)?;
        if self.turn > 0 { write!(f, ".{}", self.turn) } else { Ok(()) }
    }
}

/// The text of a cell `run`: the run's id, and the row's order if it has one.
pub fn run_cell(run: &str, order: Option<RowOrder>) -> String {
    order.map_or_else(|| run.to_owned(), |order| format!("{run} {order}"))
}

/// The run's id and the order in the text of a cell `run`; rows of earlier versions, and what people typed, have no order.
pub fn read_run_cell(cell: &str) -> (&str, Option<RowOrder>) {
    let read = || {
        let (run, order) = cell.rsplit_once(BEHIND)?;
        let mut parts = order.split('.');
        let term = Fence(parts.next()?.parse().ok()?);
        let commit = parts.next()?.parse().ok()?;
        let turn = parts.next().map_or(Some(0), |turn| turn.parse().ok())?;
        parts.next().is_none().then_some((run, RowOrder { commit, turn, term }))
    };
    read().map_or((cell, None), |(run, order)| (run, Some(order)))
}

/// The number of the first commit of runs, as far as Runs and the state tell, by id.
pub type FirstCommits = HashMap<String, u64>;

/// Rows in the order in which they stand, each with what it says of its order.
#[derive(Debug, Clone, Default)]
pub struct CommitSequence {
    /// Of each row the packed order, or the number of its run.
    rows: Vec<u64>,
    /// Runs whose rows carry no order.
    runs: HashMap<String, u32>,
}

/// The bit of a packed order; without it the number is that of a run.
const ORDERED: u64 = 1 << 63;
/// Bits of the turn within a commit.
const TURN_BITS: u32 = 20;

fn packed(order: RowOrder) -> u64 {
    let turn = u64::from(order.turn).min((1 << TURN_BITS) - 1);
    ORDERED | (order.commit.min((1 << (63 - TURN_BITS)) - 1) << TURN_BITS) | turn
}

impl CommitSequence {
    /// Takes in the next row by the text of its cell `run`.
    pub fn push(&mut self, cell: &str) {
        let (run, order) = read_run_cell(cell);
        self.push_row(run, order);
    }

    /// Takes in the next row, of this run and order.
    pub fn push_row(&mut self, run: &str, order: Option<RowOrder>) {
        let entry = order.map_or_else(|| u64::from(self.number_of(run)), packed);
        self.rows.push(entry);
    }

    fn number_of(&mut self, run: &str) -> u32 {
        let next = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        match self.runs.get(run) {
            Some(number) => *number,
            None => *self.runs.entry(run.to_owned()).or_insert(next),
        }
    }

    /// Takes in rows that stand below those so far.
    pub fn append(&mut self, below: Self) {
        let mut names: Vec<(String, u32)> = below.runs.into_iter().collect();
        names.sort_unstable_by_key(|(_, number)| *number);
        let numbers: Vec<u32> = names.iter().map(|(run, _)| self.number_of(run)).collect();
        let moved = |entry: u64| match usize::try_from(entry).ok().and_then(|at| numbers.get(at)) {
            Some(number) if entry & ORDERED == 0 => u64::from(*number),
            _ => entry,
        };
        self.rows.extend(below.rows.into_iter().map(moved));
    }

    /// Whether Runs has to say which of some key's rows came last: rows of earlier versions carry no order, and where several runs have
    /// done a key, the last of them counts. `keys` are those of the rows, one each.
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
            // One that carries no order below one that does: of a version from before that ran once more, or people have sorted.
            if ordered { last & ORDERED == 0 } else { of_key().any(|entry| entry != last) }
        })
    }

    /// For each row a number that grows with its order; rows of the same number are in the order in which they stand.
    ///
    /// A row that carries no order counts at the first commit of its run, where that is known. Of other runs the place decides while
    /// nothing shows that people have sorted the tab: rows are only ever appended. Then, and only then, the name does, which has the time
    /// at which the run began; and such runs come before all others, because it is the oldest rows of Runs that people take out.
    pub fn ranks(&self, known: &FirstCommits) -> Vec<u64> {
        let mut names = vec![""; self.runs.len()];
        for (run, number) in &self.runs {
            if let Some(name) = names.get_mut(*number as usize) {
                *name = run;
            }
        }
        let commit = |entry: u64| {
            let name = names.get(usize::try_from(entry).ok()?)?;
            known.get(*name).map(|commit| packed(RowOrder { commit: *commit, ..RowOrder::default() }))
        };
        let told = |entry: u64| if entry & ORDERED == 0 { commit(entry) } else { Some(entry) };
        if self.is_as_written(told) {
            return (0..self.rows.len() as u64).collect();
        }
        let mut unknown: Vec<usize> = (0..names.len()).filter(|number| told(*number as u64).is_none()).collect();
        unknown.sort_by_key(|number| names.get(*number));
        let mut by_name = vec![0_u64; names.len()];
        for (rank, number) in (0..).zip(unknown) {
            if let Some(place) = by_name.get_mut(number) {
                *place = rank;
            }
        }
        let rank = |entry: &u64| {
            told(*entry).unwrap_or_else(|| {
                usize::try_from(*entry).ok().and_then(|number| by_name.get(number)).copied().unwrap_or_default()
            })
        };
        self.rows.iter().map(rank).collect()
    }

    /// Whether the rows stand as they were appended, as far as can be seen: the rows of each run together, and the later the lower. Where
    /// no run has two rows, the first shows nothing.
    fn is_as_written(&self, told: impl Fn(u64) -> Option<u64>) -> bool {
        let unordered = || self.rows.iter().filter(|entry| **entry & ORDERED == 0);
        if unordered().any(|entry| told(*entry).is_none()) && unordered().count() == self.runs.len() {
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
            if let Some(told) = told(*entry) {
                if told < latest {
                    return false;
                }
                latest = told;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(term: u64, commit: u64, turn: u32) -> RowOrder {
        RowOrder { commit, turn, term: Fence(term) }
    }

    fn sequence(cells: &[&str]) -> CommitSequence {
        let mut sequence = CommitSequence::default();
        for cell in cells {
            sequence.push(cell);
        }
        sequence
    }

    /// The cells in the order that the ranks give.
    fn ordered<'c>(cells: &[&'c str], known: &[(&str, u64)]) -> Vec<&'c str> {
        let known = known.iter().map(|(run, commit)| ((*run).to_owned(), *commit)).collect();
        let mut ranked: Vec<_> = sequence(cells).ranks(&known).into_iter().zip(cells.iter().copied()).collect();
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
        assert_eq!(ordered(&cells, &[]), ["z #1.2", "z #1.9", "m #1.9.1", "a #2.10"]);
    }

    #[test]
    fn old_rows_below_each_other_are_in_that_order() {
        // The second run's clock was ahead.
        assert_eq!(ordered(&["1856", "1900", "1857", "1857"], &[]), ["1856", "1900", "1857", "1857"]);
        assert_eq!(ordered(&["1900", "1857", "1857", "x #4.9"], &[]), ["1900", "1857", "1857", "x #4.9"]);
        // One row a run: nothing shows whether people have sorted.
        assert_eq!(ordered(&["1900", "1857", "x #4.9"], &[]), ["1857", "1900", "x #4.9"]);
    }

    #[test]
    fn old_rows_of_a_sorted_tab_go_by_runs_and_else_by_name() {
        let sorted = ["1900", "1857", "1900", "1858"];
        assert_eq!(ordered(&sorted, &[("1857", 5), ("1900", 3), ("1858", 4)]), ["1900", "1900", "1858", "1857"]);
        assert_eq!(ordered(&sorted, &[]), ["1857", "1858", "1900", "1900"]);
        assert_eq!(ordered(&["x #4.9", "1857", "1900", "1857"], &[]), ["1857", "1857", "1900", "x #4.9"]);
        // Runs says that the tab was turned round, though each run's rows stand together.
        assert_eq!(ordered(&["1900", "1857"], &[("1900", 9), ("1857", 5)]), ["1857", "1900"]);
    }

    #[test]
    fn an_old_version_that_ran_again_counts_by_runs() {
        let mixed = ["x #4.9", "1857"];
        assert!(sequence(&mixed).has_doubt([1, 1].into_iter()));
        assert_eq!(ordered(&mixed, &[("1857", 12)]), ["x #4.9", "1857"]);
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
        fn any_run_and_order_read_back(run in "[ -~]{0,30}", term: u64, commit: u64, turn: u32) {
            let order = order(term, commit, turn);
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
            prop_assert_eq!(joined.ranks(&known), sequence(&cells).ranks(&known));
        }

        #[test]
        fn however_a_tab_is_sorted_the_last_commit_comes_last(commits in prop::collection::vec(0_u64..1_000_000, 1..40)) {
            let cells: Vec<String> = commits.iter().map(|commit| run_cell("r", Some(order(1, *commit, 0)))).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let last = ordered(&cells, &[]).last().map(|cell| (*cell).to_owned());
            let latest = commits.iter().max().map(|commit| run_cell("r", Some(order(1, *commit, 0))));
            prop_assert_eq!(last, latest);
        }
    }
}
