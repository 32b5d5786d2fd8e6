//! Deletes rows of the job's tabs, with an undo log: the deleted cells are kept until the deletion
//! is verified. Pure.
//!
//! In scope: the requests, the scratch rows.
//! Out of scope: which rows to delete (`maintain::prune`), reading the scratch rows and restoring
//! rows (`store::commit::restore`), overwritten rows (`store::upsert::undo_log`).
//!
//! A batch deletes a row at its last known position, and users may sort the tab meanwhile. So the
//! same batch first copies each row to a scratch row on the state tab, and then deletes it:
//!
//! ```text
//!  state tab, below the state
//!   64       removed · head · rows                              header of the undo log
//!  65 … 68  the header rows of the tabs, as the batch found them
//!   69 …     tab · mark │ the row as found                      one per deleted row
//! ```
//!
//! If one row does not have the expected hash (its mark), the next commit restores all rows of the
//! batch, because some rows belong together. It puts them below the headers of their tabs. Until
//! then each loader counts them as present. The order of these tabs has no meaning, so a restored
//! row need not return to its position.

use std::collections::HashMap;

use crate::ledger::commit::row_deletion::{RowDeletion, TabKind};
use crate::ledger::leases::head::HeadId;
use crate::sheets_client::types::cell;
use crate::sheets_client::types::request_objects::PasteType;
use crate::sheets_client::types::requests::Request;
use crate::store::commit::row_plan::Scratch;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::cells::VALUE;
use crate::store::tabs::parse;
use crate::store::tabs::requests::{convert_index, copy_rows, make_row_range, put, resize_grid};
use crate::store::tabs::schema::Tabs;

/// Scratch columns before the copied cells.
pub const MARGIN: u32 = 3;
/// Columns that users may add between the last read of a tab and the batch, before the service
/// refuses the batch.
const EXTRA_COLUMNS: u32 = 16;
/// Maximum width of a tab from which rows are deleted. A wider tab leaves no columns for the undo
/// log.
pub const MAX_COLUMNS: u32 = 18_278 - EXTRA_COLUMNS - MARGIN;
/// The scratch row with the header of the first tab, 0-based.
pub const HEADERS: u32 = STATE_ROWS + 1;
/// The first scratch row with a deleted row.
pub const FIRST_DELETED_ROW: u32 = HEADERS + 4;
/// The tag at the start of this undo log.
pub const SCRATCH_TAG: &str = "removed";
/// The hash column's text for a row that was blank.
pub const BLANK: &str = "blank";

/// Row numbers that batches of this run deleted, as of their last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletedRows(HashMap<TabKind, Vec<u32>>);

impl DeletedRows {
    /// Adjusts a row number for the rows deleted above it since it was read.
    fn adjust_row(&self, removal: RowDeletion) -> RowDeletion {
        let above =
            self.0.get(&removal.role).map_or(0, |deleted_rows| deleted_rows.partition_point(|row| *row < removal.row));
        RowDeletion { row: removal.row.saturating_sub(convert_index(above)), ..removal }
    }

    /// Records the rows that an applied batch deleted.
    pub fn add_deleted(&mut self, seen: &[RowDeletion]) {
        for removal in seen {
            self.0.entry(removal.role).or_default().push(removal.row);
        }
        self.0.values_mut().for_each(|rows| rows.sort_unstable());
    }
}

/// The rows that a batch deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDeletionBatch {
    head: HeadId,
    /// Sorted by tab and row, with row numbers as read.
    seen: Vec<RowDeletion>,
    /// The rows of `seen`, with current row numbers.
    rows: Vec<RowDeletion>,
    /// Columns that the state tab needs.
    columns: u32,
}

impl RowDeletionBatch {
    /// Creates the deletions of the commit with this head; `None` if it deletes nothing.
    /// `deleted_rows` are the rows deleted since the read.
    pub fn new(head: HeadId, removals: Vec<RowDeletion>, tabs: &Tabs, deleted_rows: &DeletedRows) -> Option<Self> {
        let mut seen = removals;
        seen.sort_unstable_by_key(|removal| (removal.role, removal.row));
        seen.dedup_by_key(|removal| (removal.role, removal.row));
        let rows: Vec<_> = seen.iter().map(|removal| deleted_rows.adjust_row(*removal)).collect();
        let widths =
            rows.iter().filter_map(|removal| tabs.tab(removal.role)).map(|tab| tab.width.max(tab.header.len()));
        let columns = convert_index(widths.max()?) + EXTRA_COLUMNS + MARGIN;
        Some(Self { head, seen, rows, columns })
    }

    /// The size of the state tab while it keeps the deleted rows.
    pub fn measure_scratch(&self, tab: i32) -> Scratch {
        Scratch { tab, rows: FIRST_DELETED_ROW + convert_index(self.rows.len()), columns: self.columns, margin: MARGIN }
    }

    /// Returns the requests: grid size, undo-log header, copies, and then the deletions.
    /// `state_tab` has the state once the batch is applied.
    pub fn make_requests(&self, tabs: &Tabs, state_tab: i32) -> Vec<Request> {
        let scratch = self.measure_scratch(state_tab);
        let mut out = vec![resize_grid(scratch.tab, scratch.rows, scratch.columns)];
        let about = [SCRATCH_TAG.to_owned(), self.head.to_string(), self.rows.len().to_string()];
        out.push(put(state_tab, STATE_ROWS, 0, vec![encode_texts(&about)], VALUE));
        let expectations = self.rows.iter().map(|removal| {
            let mark = removal.mark.map_or(BLANK.to_owned(), |mark| format!("{mark:016x}"));
            encode_texts(&[removal.role.as_str().to_owned(), mark])
        });
        out.push(put(state_tab, FIRST_DELETED_ROW, 0, expectations.collect(), VALUE));
        for (header, role) in (HEADERS..).zip(TabKind::ALL) {
            let involved = self.rows.iter().any(|removal| removal.role == role);
            let tab = tabs.tab(role).filter(|_| involved);
            out.extend(tab.map(|tab| copy_rows((tab.id, &(0..1)), (state_tab, header, MARGIN), PasteType::Values)));
        }
        let run = |(at, run): (usize, &[RowDeletion])| {
            let first = run.first()?;
            let from = first.row.saturating_sub(1);
            Some((
                FIRST_DELETED_ROW + convert_index(at),
                tabs.tab(first.role)?.id,
                from..from + convert_index(run.len()),
            ))
        };
        let runs: Vec<_> = self.group_neighbouring_rows().filter_map(run).collect();
        // Values only: a formula would have another meaning there.
        out.extend(
            runs.iter().map(|(at, tab, rows)| copy_rows((*tab, rows), (state_tab, *at, MARGIN), PasteType::Values)),
        );
        // From the bottom up, so that rows above keep their positions.
        out.extend(
            runs.iter()
                .rev()
                .map(|(_, tab, rows)| Request::DeleteDimension { range: make_row_range(*tab, rows.clone()) }),
        );
        out
    }

    /// Groups neighbouring rows of a tab, each group with the index of its first row.
    fn group_neighbouring_rows(&self) -> impl Iterator<Item = (usize, &[RowDeletion])> {
        let mut at = 0;
        self.rows.chunk_by(|a, b| a.role == b.role && a.row + 1 == b.row).map(move |run| {
            at += run.len();
            (at - run.len(), run)
        })
    }

    /// The range of the undo log, on the state tab with this title.
    pub fn make_range(&self, title: &str) -> String {
        parse::make_rows_range(
            title,
            STATE_ROWS + 1,
            FIRST_DELETED_ROW + convert_index(self.rows.len()),
            self.columns as usize,
        )
    }

    /// The number of rows that it deletes.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The deleted rows, with row numbers as read.
    pub fn deleted_rows(&self) -> &[RowDeletion] {
        &self.seen
    }

    /// The head of its commit.
    pub fn head(&self) -> HeadId {
        self.head
    }
}

fn encode_texts(texts: &[String]) -> cell::CellRow {
    texts.iter().map(|text| cell::CellData::text(text.as_str())).collect::<Vec<_>>().into()
}

#[cfg(test)]
pub(super) mod tests;
