//! Where new rows of the data tab go: below everything, or next to cells that users prepared
//! further down.
//!
//! In scope: the conclusion from the cells read.
//! Out of scope: reading them (`store::load::read_below`), the requests
//! (`store::commit::row_writer`), the check that a row was blank when it was written
//! (`store::upsert::undo_log`).
//!
//! The service appends below the last row with a cell in any column. Users fill a formula down, or
//! let an `ARRAYFORMULA` spill, over rows that the job has not written yet. Appended rows would
//! land below all of them, and inserted rows would push the formulas down. So the job fills the
//! rows right below the last key while they are blank in its own columns.

use std::ops::Range;

/// Where the next new rows go, as of the last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AppendPosition {
    /// The index of the last row with a key; 0, the header's index, if there is none.
    pub last: u32,
    /// The number of rows right below it that are blank in the job's own columns, with users' cells
    /// in them or further down.
    pub blank: u32,
    /// Whether further rows are inserted, because cells in the job's own columns reach the end of
    /// the grid.
    pub inserts: bool,
}

impl AppendPosition {
    /// Creates the position from 0-based rows: the last key, the last cell in users' columns, and
    /// cells in the job's own columns. `filled`: the last row of the grid has cells.
    pub fn new(last_key: u32, last_users: Option<u32>, own_below: &[u32], is_filled: bool) -> Self {
        let ours = own_below.iter().copied().filter(|row| *row > last_key).min();
        let Some(lowest) = last_users.max(own_below.iter().copied().max()).filter(|row| *row > last_key) else {
            return Self { last: last_key, ..Self::default() };
        };
        let end = ours.map_or(lowest + 1, |row| row.min(lowest + 1));
        Self { last: last_key, blank: end - last_key - 1, inserts: is_filled && ours.is_some() }
    }

    /// Moves the position below `row`, in which another read found a key. No new row goes there or
    /// above it.
    #[must_use]
    pub fn move_below(self, row: u32) -> Self {
        let blank = self.blank.saturating_sub(row.saturating_sub(self.last));
        Self { last: self.last.max(row), blank, ..self }
    }

    /// Takes note of `rows` new rows below the last one with a key.
    pub fn advance(&mut self, rows: u32) {
        self.last = self.last.saturating_add(rows);
        self.blank = self.blank.saturating_sub(rows);
    }
}

/// Groups neighbouring columns into ranges.
pub fn group_columns(columns: &[usize]) -> Vec<Range<usize>> {
    let runs = columns.chunk_by(|a, b| a + 1 == *b);
    runs.filter_map(|run| Some(*run.first()?..run.last()? + 1)).collect()
}

/// Returns the other columns of a grid, as ranges.
pub fn find_other_columns(own: &[usize], width: usize) -> Vec<Range<usize>> {
    group_columns(&(0..width).filter(|at| own.binary_search(at).is_err()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_beside_what_people_filled_down() {
        let all = AppendPosition { last: 0, blank: 999, inserts: false };
        assert_eq!(AppendPosition::new(0, Some(999), &[], true), all);
        let half = AppendPosition { last: 3, blank: 497, inserts: false };
        assert_eq!(AppendPosition::new(3, Some(500), &[], false), half);
        assert_eq!(
            AppendPosition::new(3, Some(3), &[], false),
            AppendPosition { last: 3, ..AppendPosition::default() }
        );
        assert_eq!(AppendPosition::new(3, None, &[], false), AppendPosition { last: 3, ..AppendPosition::default() });
    }

    #[test]
    fn rows_end_above_the_jobs_own_cells_further_down() {
        assert_eq!(AppendPosition::new(2, None, &[999], true), AppendPosition { last: 2, blank: 996, inserts: true });
        assert_eq!(
            AppendPosition::new(2, Some(50), &[10], false),
            AppendPosition { last: 2, blank: 7, inserts: false }
        );
        assert_eq!(AppendPosition::new(2, Some(50), &[3], true), AppendPosition { last: 2, blank: 0, inserts: true });
    }

    #[test]
    fn a_row_in_which_a_key_is_known_to_be_is_not_filled() {
        let below = AppendPosition { last: 3, blank: 5, inserts: false };
        assert_eq!(below.move_below(2), below);
        assert_eq!(below.move_below(5), AppendPosition { last: 5, blank: 3, inserts: false });
        assert_eq!(below.move_below(50).blank, 0);
    }

    #[test]
    fn filled_rows_are_used_up() {
        let mut below = AppendPosition { last: 3, blank: 5, inserts: false };
        below.advance(4);
        assert_eq!(below, AppendPosition { last: 7, blank: 1, inserts: false });
        below.advance(4);
        assert_eq!((below.last, below.blank), (11, 0));
    }

    #[test]
    fn other_columns_are_returned_as_runs() {
        assert_eq!(find_other_columns(&[0, 1, 4], 7), [2..4, 5..7]);
        assert!(find_other_columns(&[0, 1], 2).is_empty());
    }
}
