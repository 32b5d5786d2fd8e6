//! Rows that a batch takes out of the job's tabs, with a witness: what was taken out is kept until it was looked at. Pure.
//!
//! In scope: the requests, the scratch rows. Out of scope: which rows go (`maintain::prune`), what the scratch rows say and putting back
//! what was not meant (`store::commit::restore`), rows that are written over (`store::upsert::undo_log`).
//!
//! A row is taken out where it was last seen, and people may sort the tab meanwhile. So the same batch first copies each row to a scratch
//! row on the state tab, and only then deletes it:
//!
//! ```text
//!  state tab, below the state
//!   64       removed · head · rows                              the batch says of itself
//!   65 … 68  the header rows of the tabs, as the batch found them
//!   69 …     tab · mark │ the row as found                      one a row taken out
//! ```
//!
//! Where one row is not of the mark that was expected, all rows of the batch go back, below the headers of their tabs, with the next
//! commit: some rows go together or not at all. Until then whoever loads counts them as if they stood there. These tabs are in no order
//! that means anything, so that a row's place is not missed.

use std::collections::HashMap;

use crate::google::body::{PasteType, Request};
use crate::google::cell;
use crate::ledger::commit::row_deletion::{RowDeletion, TabKind};
use crate::ledger::lease::head::HeadId;
use crate::store::commit::row_writer::Scratch;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::cells::VALUE;
use crate::store::tabs::parse;
use crate::store::tabs::requests::{copied_rows, index, put, resized, rows_of};
use crate::store::tabs::schema::Tabs;

/// Columns of a scratch row before the copied cells.
pub const MARGIN: u32 = 3;
/// Columns that people may put into a tab between a look at it and the batch, before the batch is refused.
const ROOM: u32 = 16;
/// A tab of more columns than this has no room for the witness of rows that go, so none are taken out of it.
pub const MOST_COLUMNS: u32 = 18_278 - ROOM - MARGIN;
/// The scratch row with the header of the first tab, from 0.
pub const HEADERS: u32 = STATE_ROWS + 1;
/// The first scratch row with a row that was taken out.
pub const FIRST: u32 = HEADERS + 4;
/// The word with which such a batch begins what it says of itself.
pub const WORD: &str = "removed";
/// The mark of a row that was blank.
pub const BLANK: &str = "blank";

/// Rows that batches of this run have taken out, where they were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeletedRows(HashMap<TabKind, Vec<u32>>);

impl DeletedRows {
    /// Where a row stands now that was seen before any of these went.
    fn moved(&self, removal: RowDeletion) -> RowDeletion {
        let above = self.0.get(&removal.role).map_or(0, |gone| gone.partition_point(|row| *row < removal.row));
        RowDeletion { row: removal.row.saturating_sub(index(above)), ..removal }
    }

    /// A batch was applied that took these out.
    pub fn extend(&mut self, seen: &[RowDeletion]) {
        for removal in seen {
            self.0.entry(removal.role).or_default().push(removal.row);
        }
        self.0.values_mut().for_each(|rows| rows.sort_unstable());
    }
}

/// What a batch takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowDeletionBatch {
    head: HeadId,
    /// In the order of their tabs and rows, where they were seen.
    seen: Vec<RowDeletion>,
    /// The same, where they stand now.
    rows: Vec<RowDeletion>,
    /// Columns that the state tab needs.
    columns: u32,
}

impl RowDeletionBatch {
    /// What the commit of this head takes out; none if nothing. `gone` are the rows that went since they were seen.
    pub fn of(head: HeadId, removals: Vec<RowDeletion>, tabs: &Tabs, gone: &DeletedRows) -> Option<Self> {
        let mut seen = removals;
        seen.sort_unstable_by_key(|removal| (removal.role, removal.row));
        seen.dedup_by_key(|removal| (removal.role, removal.row));
        let rows: Vec<_> = seen.iter().map(|removal| gone.moved(*removal)).collect();
        let widths = rows.iter().filter_map(|removal| tabs.of(removal.role)).map(|tab| tab.width.max(tab.header.len()));
        let columns = index(widths.max()?) + ROOM + MARGIN;
        Some(Self { head, seen, rows, columns })
    }

    /// The state tab's size while it keeps what was taken out.
    pub fn scratch(&self, tab: i32) -> Scratch {
        Scratch { tab, rows: FIRST + index(self.rows.len()), columns: self.columns, margin: MARGIN }
    }

    /// The requests: room, what the batch says of itself, copies, and then what it is about. `state_tab` is where the state stands once
    /// the batch is applied.
    pub fn requests(&self, tabs: &Tabs, state_tab: i32) -> Vec<Request> {
        let scratch = self.scratch(state_tab);
        let mut out = vec![resized(scratch.tab, scratch.rows, scratch.columns)];
        let about = [WORD.to_owned(), self.head.to_string(), self.rows.len().to_string()];
        out.push(put(state_tab, STATE_ROWS, 0, vec![texts(&about)], VALUE));
        let told = self.rows.iter().map(|removal| {
            let mark = removal.mark.map_or(BLANK.to_owned(), |mark| format!("{mark:016x}"));
            texts(&[removal.role.as_str().to_owned(), mark])
        });
        out.push(put(state_tab, FIRST, 0, told.collect(), VALUE));
        for (header, role) in (HEADERS..).zip(TabKind::ALL) {
            let involved = self.rows.iter().any(|removal| removal.role == role);
            let tab = tabs.of(role).filter(|_| involved);
            out.extend(tab.map(|tab| copied_rows((tab.id, &(0..1)), (state_tab, header, MARGIN), PasteType::Values)));
        }
        let run = |(at, run): (usize, &[RowDeletion])| {
            let first = run.first()?;
            let from = first.row.saturating_sub(1);
            Some((FIRST + index(at), tabs.of(first.role)?.id, from..from + index(run.len())))
        };
        let runs: Vec<_> = self.runs().filter_map(run).collect();
        // Values only: a formula would mean something else there.
        out.extend(
            runs.iter().map(|(at, tab, rows)| copied_rows((*tab, rows), (state_tab, *at, MARGIN), PasteType::Values)),
        );
        // From the bottom up, so that the rows above stay where they are.
        out.extend(
            runs.iter().rev().map(|(_, tab, rows)| Request::DeleteDimension { range: rows_of(*tab, rows.clone()) }),
        );
        out
    }

    /// Neighbouring rows of one tab, each with the place of the first.
    fn runs(&self) -> impl Iterator<Item = (usize, &[RowDeletion])> {
        let mut at = 0;
        self.rows.chunk_by(|a, b| a.role == b.role && a.row + 1 == b.row).map(move |run| {
            at += run.len();
            (at - run.len(), run)
        })
    }

    /// The range that shows what became of it, on the state tab of this title.
    pub fn range(&self, title: &str) -> String {
        parse::rows_range(title, STATE_ROWS + 1, FIRST + index(self.rows.len()), self.columns as usize)
    }

    /// How many rows it takes out.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// These rows, where they were seen.
    pub fn seen(&self) -> &[RowDeletion] {
        &self.seen
    }

    /// The head of its commit.
    pub fn head(&self) -> HeadId {
        self.head
    }
}

fn texts(texts: &[String]) -> cell::CellRow {
    texts.iter().map(|text| cell::CellData::text(text.as_str())).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests;
