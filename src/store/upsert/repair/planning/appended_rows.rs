//! Moves the cells of rows that were appended under other headers to their columns. Pure.
//!
//! In scope: the moves within such a row, and cells that stay because their column is unknown.
//! Out of scope: following columns (`store::upsert::repair::location::column_search`), rows that were written
//! over (`store::upsert::repair::planning::plan`).

use std::collections::HashSet;

use crate::store::upsert::repair::location::rows::to_row_index;
use crate::store::upsert::repair::planning::plan::RepairPlanner;
use crate::store::upsert::repair::planning::planned_repairs::PlannedRepairs;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource};

impl RepairPlanner<'_> {
    /// Moves the cells of rows appended under other headers to their intended columns. Takes the
    /// lowest `count` rows of the key.
    pub(super) fn move_appended_cells(&self, key: &str, count: usize, out: &mut PlannedRepairs) {
        let used = &self.correspondence.finding.undo_log.written_columns;
        let Some(at) = self.correspondence.columns_now.get(self.correspondence.finding.undo_log.key) else {
            out.unrepaired.push(format!(
                "the row of key \"{key}\" was written while columns moved and is beside its columns; the column of its key was not found again"
            ));
            return;
        };
        let moves: Vec<_> = used
            .iter()
            .filter_map(|&p| {
                Some((self.correspondence.columns_now.get(p)?, self.correspondence.find_intended_column(p)?))
            })
            .collect();
        let is_filled = |column: &usize| moves.iter().any(|(_, to)| to == column);
        let clears: Vec<_> = moves.iter().map(|(from, _)| *from).filter(|column| !is_filled(column)).collect();
        let apart = moves.iter().filter(|(from, to)| from != to);
        let copies: Vec<_> = apart.map(|&(from, to)| CellCopy { source: CellSource::SameRow, from, to }).collect();
        let lost: Vec<_> =
            used.iter().copied().filter(|at| self.correspondence.columns_now.get(*at).is_none()).collect();
        let image = self.correspondence.image;
        // A row of which a write is repaired was not appended.
        let is_free = |row: &usize| image.shown_text(*row, at) == key && !out.has(to_row_index(*row));
        let rows: Vec<_> = (1..image.rows.len()).rev().filter(is_free).take(count).collect();
        for row in rows {
            for column in &lost {
                out.record_lost_column(&self.correspondence.finding.header, *column);
            }
            let free = if lost.is_empty() { copies.clone() } else { self.list_harmless_copies(row, &copies) };
            let stays = |column: usize| copies.iter().any(|copy| copy.from == column && !free.contains(copy));
            let clears = clears.iter().copied().filter(|column| !stays(*column)).collect();
            out.add(Some(to_row_index(row)), key, free, clears);
        }
    }

    /// The copies within a row that write over nothing but cells that other copies move. A cell of a
    /// column that was not found may be where another one belongs: it stays.
    fn list_harmless_copies(&self, row: usize, copies: &[CellCopy]) -> Vec<CellCopy> {
        let mut free = copies.to_vec();
        loop {
            let moved: HashSet<usize> = free.iter().map(|copy| copy.from).collect();
            let before = free.len();
            free.retain(|copy| moved.contains(&copy.to) || !self.correspondence.image.has_constant(row, copy.to));
            if free.len() == before {
                return free;
            }
        }
    }
}
