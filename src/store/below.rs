//! Where new rows of the data tab go: below everything, or beside what people prepared further down.
//!
//! In scope: reading people's columns and the rows below the last key, and what follows: pure in `Below`. Out of scope: the requests
//! (`store::data_rows`), and seeing that a row was blank when it was written (`store::witness`).
//!
//! The service appends below the last row in which anything stands, in whatever column. People fill a formula down, or let an
//! `ARRAYFORMULA` spill, over rows that are still to come; appended rows would land below all of them, and inserted ones would push the
//! formulas away. So the rows right below the last key are filled as long as nothing stands there in the job's own columns.

use std::ops::Range;

use serde_json::Value;

use crate::grid::{column_letters, quoted};
use crate::store::fetch::Fetcher;
use crate::store::layout::Tab;
use crate::store::load::{PAGE_ROWS, text};
use crate::store::requests::index;
use crate::store::unread::Unread;

/// Where the next new rows go, as last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Below {
    /// The last row with a key, from 0; 0, the header's, where none has.
    pub last: u32,
    /// Rows right below it that are blank in the job's own columns, with something of people's in them or further down.
    pub blank: u32,
    /// Whether rows beyond these are inserted, because cells in the job's own columns reach the end of the grid.
    pub inserts: bool,
}

impl Below {
    /// What was read, rows from 0 on: keys, cells in people's columns, and cells in the job's own ones. `filled` where the last row of the
    /// grid holds something.
    pub fn of(last_key: u32, last_theirs: Option<u32>, ours_below: &[u32], filled: bool) -> Self {
        let ours = ours_below.iter().copied().filter(|row| *row > last_key).min();
        let Some(lowest) = last_theirs.max(ours_below.iter().copied().max()).filter(|row| *row > last_key) else {
            return Self { last: last_key, ..Self::default() };
        };
        let end = ours.map_or(lowest + 1, |row| row.min(lowest + 1));
        Self { last: last_key, blank: end - last_key - 1, inserts: filled && ours.is_some() }
    }

    /// So many new rows were put below the last one with a key.
    pub fn grown(&mut self, rows: u32) {
        self.last = self.last.saturating_add(rows);
        self.blank = self.blank.saturating_sub(rows);
    }
}

impl Fetcher {
    /// Looks below the last key of a tab that has `rows` rows. `own` are the positions of the job's columns, `key` the one of the key.
    pub async fn below(&self, tab: &Tab, key: usize, own: &[usize], rows: u32, filled: bool) -> Result<Below, Unread> {
        let last = |rows: &[Vec<Value>], counts: fn(&Vec<Value>) -> bool| rows.iter().rposition(counts).map(index);
        // What people have beside the job's rows is seldom much; where it is nothing, no key has to be read.
        let theirs = self.entered_columns(tab, &columns_but(own, tab.width), 1, rows).await?;
        // A formula may show nothing, and counts all the same.
        let last_theirs = theirs.iter().filter_map(|rows| last(rows, |row| !row.is_empty())).max();
        if !filled && last_theirs.is_none_or(|row| row == 0) {
            return Ok(Below::default());
        }
        let keys = self.entered_columns(tab, &blocks(&[key]), 1, rows).await?.pop().unwrap_or_default();
        let last_key = last(&keys, |row| row.iter().any(|cell| !text(cell).is_empty())).unwrap_or_default();
        if !filled && last_theirs.is_none_or(|row| row <= last_key) {
            return Ok(Below { last: last_key, ..Below::default() });
        }
        let from = last_key + 2;
        let read = self.entered_columns(tab, &blocks(own), from, rows).await?;
        let mut ours: Vec<u32> = Vec::new();
        for block in &read {
            let rows = (from - 1..).zip(block).filter(|(_, row)| row.iter().any(|cell| !text(cell).is_empty()));
            ours.extend(rows.map(|(row, _)| row));
        }
        Ok(Below::of(last_key, last_theirs, &ours, filled))
    }

    /// What was entered into these columns from a row (1-based) on; page by page, and to the end of the grid, wherever it is by then.
    async fn entered_columns(
        &self,
        tab: &Tab,
        columns: &[Range<usize>],
        from: u32,
        rows: u32,
    ) -> Result<Vec<Vec<Vec<Value>>>, Unread> {
        let mut all = vec![Vec::new(); columns.len()];
        let mut start = from;
        if columns.is_empty() {
            return Ok(all);
        }
        loop {
            let end = start.saturating_add(PAGE_ROWS - 1);
            let to = if end < rows { end.to_string() } else { String::new() };
            let range = |block: &Range<usize>| {
                let (first, last) = (column_letters(block.start), column_letters(block.end.saturating_sub(1)));
                format!("{}!{first}{start}:{last}{to}", quoted(&tab.title))
            };
            let read = self.entered_in(&columns.iter().map(range).collect::<Vec<_>>()).await?;
            for (all, page) in all.iter_mut().zip(read) {
                if !page.is_empty() {
                    all.resize((start - from) as usize, Vec::new());
                    all.extend(page);
                }
            }
            if end >= rows {
                return Ok(all);
            }
            start = end + 1;
        }
    }
}

/// Runs of neighbouring columns.
pub fn blocks(columns: &[usize]) -> Vec<Range<usize>> {
    let runs = columns.chunk_by(|a, b| a + 1 == *b);
    runs.filter_map(|run| Some(*run.first()?..run.last()? + 1)).collect()
}

/// The other columns of a grid, as runs.
fn columns_but(own: &[usize], width: usize) -> Vec<Range<usize>> {
    blocks(&(0..width).filter(|at| own.binary_search(at).is_err()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_beside_what_people_filled_down() {
        let all = Below { last: 0, blank: 999, inserts: false };
        assert_eq!(Below::of(0, Some(999), &[], true), all);
        let half = Below { last: 3, blank: 497, inserts: false };
        assert_eq!(Below::of(3, Some(500), &[], false), half);
        assert_eq!(Below::of(3, Some(3), &[], false), Below { last: 3, ..Below::default() });
        assert_eq!(Below::of(3, None, &[], false), Below { last: 3, ..Below::default() });
    }

    #[test]
    fn rows_end_above_the_jobs_own_cells_further_down() {
        assert_eq!(Below::of(2, None, &[999], true), Below { last: 2, blank: 996, inserts: true });
        assert_eq!(Below::of(2, Some(50), &[10], false), Below { last: 2, blank: 7, inserts: false });
        assert_eq!(Below::of(2, Some(50), &[3], true), Below { last: 2, blank: 0, inserts: true });
    }

    #[test]
    fn filled_rows_are_used_up() {
        let mut below = Below { last: 3, blank: 5, inserts: false };
        below.grown(4);
        assert_eq!(below, Below { last: 7, blank: 1, inserts: false });
        below.grown(4);
        assert_eq!((below.last, below.blank), (11, 0));
    }

    #[test]
    fn other_columns_are_told_as_runs() {
        assert_eq!(columns_but(&[0, 1, 4], 7), [2..4, 5..7]);
        assert!(columns_but(&[0, 1], 2).is_empty());
    }
}
