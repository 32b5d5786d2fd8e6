//! Plans the rows of a commit: which rewrite existing rows, which fill blank rows, which
//! are new.
//!
//! In scope: the row of each key, the cells of each row. Out of scope: the requests
//! (`store::commit::row_writer`), where the last key is (`store::commit::append_position`).

use std::collections::HashMap;
use std::ops::Range;

use crate::grid::Row;
use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::items::write_mode::WriteMode;
use crate::sheets_client::types::cell::{self, NumberKind};
use crate::store::commit::append_position::AppendPosition;
use crate::store::tabs::cells::to_cell_data;
use crate::store::tabs::requests::convert_index;
use crate::store::tabs::row_index::RowIndex;
use crate::store::tabs::schema::Tab;
use crate::store::upsert::repair::row_repair::RowRepair;
use crate::store::upsert::undo_log::{RowPredicate, RowWrite};

/// The known rows of the data tab.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowContext<'a> {
    /// The write mode: append or upsert.
    pub mode: WriteMode,
    /// The positions of keys; required in upsert mode.
    pub index: Option<&'a RowIndex>,
    /// Where new rows go, if not below everything.
    pub append_position: AppendPosition,
    /// Rows to repair.
    pub repairs: &'a [RowRepair],
    /// The formulas of the header when the repair was planned.
    pub header_formulas: &'a [(usize, String)],
    /// The columns that are the job's own already.
    pub own_columns: &'a [String],
    /// The scratch rows of the previous commit.
    pub scratch: Option<Scratch>,
}

/// The grid of a state tab with scratch rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scratch {
    /// The id of the state tab.
    pub tab: i32,
    /// Its number of rows, including those of the state.
    pub rows: u32,
    /// Its number of columns.
    pub columns: u32,
    /// Columns before the copied cells.
    pub margin: u32,
}

/// A row to rewrite.
pub(super) struct PlannedWrite<'a> {
    /// The row, and what has to be found there.
    pub(super) target: RowWrite,
    /// What is written there.
    pub(super) what: WriteContent<'a>,
}

/// The contents of a row to rewrite.
pub(super) enum WriteContent<'a> {
    /// These cells, by column.
    Cells(Vec<(usize, cell::CellData)>),
    /// These cells with their formats, because the row was blank.
    NewRow(Vec<(usize, cell::CellData)>),
    /// The misplaced cells of a repair.
    Repair(&'a RowRepair),
}

impl PlannedWrite<'_> {
    /// Whether this row fits into one request with the row above it.
    pub(super) fn follows_row(&self, above: &Self) -> bool {
        let cells = matches!(
            (&self.what, &above.what),
            (WriteContent::Cells(_), WriteContent::Cells(_)) | (WriteContent::NewRow(_), WriteContent::NewRow(_))
        );
        cells && self.target.row == above.target.row + 1 && self.target.columns == above.target.columns
    }
}

/// The rows of a commit, by what becomes of them.
pub(super) struct RowPlan<'a> {
    /// Writes to known rows, in the order of rows.
    pub(super) writes: Vec<PlannedWrite<'a>>,
    /// The number of rows that items overwrite.
    pub(super) updated: u64,
    /// Keys of blank rows that the batch fills, one per row.
    pub(super) filled_row_keys: Vec<String>,
    /// Keys of appended or inserted rows, one per row.
    pub(super) appended: Vec<String>,
    /// The appended or inserted rows.
    pub(super) new_rows: Vec<&'a Row>,
}

/// Finds the place of each row of a commit.
pub(super) struct RowPlanner<'a> {
    /// The commit whose rows are planned.
    pub(super) commit: &'a Commit,
    /// What is known of the data tab's rows.
    pub(super) row_context: RowContext<'a>,
    /// The index of each column.
    columns: HashMap<&'a str, usize>,
}

impl<'a> RowPlanner<'a> {
    /// Creates a planner for the columns of this tab.
    pub(super) fn new(commit: &'a Commit, tab: &'a Tab, row_context: RowContext<'a>) -> Self {
        Self { commit, row_context, columns: tab.positions() }
    }

    /// Plans the commit's rows.
    pub(super) fn plan(&self) -> RowPlan<'a> {
        let mut new_rows: Vec<(&str, &Row)> = Vec::new();
        let mut writes: HashMap<u32, PlannedWrite<'a>> = HashMap::new();
        for repair in self.row_context.repairs {
            let Some(row) = repair.row else { continue };
            let target = RowWrite {
                expect: repair.expect.clone(),
                row,
                columns: repair.columns(),
                moves: repair.moves(),
                is_rewrite: repair.is_rewrite,
            };
            writes.insert(row, PlannedWrite { target, what: WriteContent::Repair(repair) });
        }
        for (key, row) in self.collect_rows() {
            let place = self
                .row_context
                .index
                .filter(|_| self.row_context.mode == WriteMode::Upsert)
                .and_then(|index| index.row(key));
            if let Some(at) = place {
                // The item's new values replace a pending repair of the row.
                writes.insert(at, self.plan_overwrite(key, at, row));
            } else {
                new_rows.push((key, row));
            }
        }
        let mut writes: Vec<_> = writes.into_values().collect();
        let updated = writes.iter().filter(|write| matches!(write.what, WriteContent::Cells(_))).count() as u64;
        let blank = new_rows.len().min(self.row_context.append_position.blank as usize);
        let appended = new_rows.split_off(blank);
        writes.extend(
            (self.row_context.append_position.last + 1..)
                .zip(&new_rows)
                .map(|(at, (key, row))| self.plan_filled_row(key, at, row)),
        );
        writes.sort_by_key(|write| write.target.row);
        RowPlan {
            writes,
            updated,
            filled_row_keys: new_rows.into_iter().map(|(key, _)| key.to_owned()).collect(),
            appended: appended.iter().map(|(key, _)| (*key).to_owned()).collect(),
            new_rows: appended.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// The commit's rows with their keys. In upsert mode, only the last row of each key.
    fn collect_rows(&self) -> Vec<(&'a str, &'a Row)> {
        let settled = self.commit.changes.settled.iter();
        let done = settled.filter_map(|one| match one {
            ItemResult::Done { key, output, .. } => Some((key.as_str(), output)),
            ItemResult::Failed(_) | ItemResult::Revoked { .. } | ItemResult::Removed(_) => None,
        });
        let all = done.flat_map(|(key, output)| {
            output.tabs.iter().flat_map(move |(_, rows)| rows.iter().map(move |row| (key, row)))
        });
        if self.row_context.mode == WriteMode::Append {
            return all.collect();
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut rows: Vec<(&str, &Row)> = Vec::new();
        for (key, row) in all {
            if let Some(there) = places.get(key).and_then(|at| rows.get_mut(*at)) {
                there.1 = row;
            } else {
                places.insert(key, rows.len());
                rows.push((key, row));
            }
        }
        rows
    }

    /// Writes a row's cells over the row at `at`: values only, because formats belong to the user,
    /// and without the key, which is there.
    fn plan_overwrite(&self, key: &str, at: u32, row: &Row) -> PlannedWrite<'a> {
        let key_column = self.find_key_column();
        let mut cells: Vec<_> = self.encode_cells(row).filter(|(column, _)| Some(*column) != key_column).collect();
        cells.sort_by_key(|(column, _)| *column);
        let columns = cells.iter().map(|(column, _)| *column).collect();
        let expect = RowPredicate::Key(key.to_owned());
        let target = RowWrite { expect, row: at, columns, moves: Vec::new(), is_rewrite: false };
        PlannedWrite {
            target,
            what: WriteContent::Cells(
                cells.into_iter().map(|(column, cell)| (column, cell.without_format())).collect(),
            ),
        }
    }

    /// Writes a new row to a row that is blank in the job's columns.
    fn plan_filled_row(&self, key: &str, at: u32, row: &Row) -> PlannedWrite<'a> {
        let mut cells: Vec<_> = self.encode_cells(row).collect();
        cells.sort_by_key(|(column, _)| *column);
        let columns = cells.iter().map(|(column, _)| *column).collect();
        let expect = RowPredicate::Blank(key.to_owned());
        let target = RowWrite { expect, row: at, columns, moves: Vec::new(), is_rewrite: false };
        PlannedWrite { target, what: WriteContent::NewRow(cells) }
    }

    /// Returns the cells of a row, each with the index of its column.
    pub(super) fn encode_cells<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (usize, cell::CellData)> + 'r {
        let key_column = self.commit.state.key_column.as_deref();
        row.cells.iter().filter_map(move |(name, cell)| {
            let format = (Some(name.as_str()) == key_column).then_some(NumberKind::Text);
            self.find_column(name).map(|at| (at, to_cell_data(cell, format)))
        })
    }

    /// Returns the index of the column that carries the key.
    pub(super) fn find_key_column(&self) -> Option<usize> {
        self.commit.state.key_column.as_deref().and_then(|name| self.find_column(name))
    }

    /// Returns the index of a column.
    pub(super) fn find_column(&self, name: &str) -> Option<usize> {
        self.columns.get(name).copied()
    }
}

/// Groups writes to neighbouring rows, as ranges of `writes`.
pub(super) fn group_neighbouring_writes(writes: &[PlannedWrite<'_>]) -> Vec<Range<usize>> {
    let mut at = 0;
    let runs = writes.chunk_by(|a, b| a.target.row + 1 == b.target.row).map(|run| {
        let start = at;
        at += run.len();
        start..at
    });
    runs.collect()
}

/// Returns the rows of a range of `writes` whose rows are neighbours.
pub(super) fn find_written_rows(writes: &[PlannedWrite<'_>], run: &Range<usize>) -> Range<u32> {
    let first = writes.get(run.start).map_or(0, |write| write.target.row);
    first..first + convert_index(run.len())
}
