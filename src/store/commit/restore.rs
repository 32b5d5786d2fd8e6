//! Restores rows that a batch deleted by mistake. Pure.
//!
//! In scope: parsing the scratch rows that `store::commit::deletion` writes, mapping their columns
//! to the current ones.
//! Out of scope: the deletion (`store::commit::deletion`).

use serde_json::Value;

use crate::ledger::commit::row_deletion::{TabKind, hash_failure_row, hash_key_row, hash_run_row};
use crate::ledger::leases::head::HeadId;
use crate::ledger::rows::row_codec::{PROCESSED, read_failure_row, read_run_row};
use crate::ledger::state::snapshot::{Anomaly, RowChecksum};
use crate::sheets_client::types::request_objects::PasteType;
use crate::sheets_client::types::requests::Request;
use crate::store::commit::deletion::{BLANK, FIRST_DELETED_ROW, HEADERS, MARGIN, SCRATCH_TAG};
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::parse::{self, find_cell, format_cell};
use crate::store::tabs::requests::{convert_index, copy_cells, make_row_range};
use crate::store::tabs::schema::{Tab, Tabs};

/// The row number of a row that waits to be restored: the header's, in which no row is found.
pub const PENDING_ROW: u32 = 1;

/// The result of checking the deletions of the head's commit.
#[derive(Debug, Clone, PartialEq)]
pub enum DeletionLog {
    /// It deleted no rows.
    NoDeletions,
    /// Every row had the expected hash.
    Verified,
    /// It deleted rows, and a user changed the undo log.
    Unreadable,
    /// At least one row had another hash.
    Misplaced(PendingRestores),
}

/// Rows that the next commit restores.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PendingRestores {
    /// The state tab that holds them.
    state_tab: i32,
    /// All rows that the batch deleted, also intended ones: they may belong together with rows that
    /// it missed.
    rows: Vec<DeletedRow>,
    /// The tabs' headers as the batch found them.
    headers: Vec<(TabKind, Tab)>,
    /// Rows of Processed that the state no longer counts, although they are present once restored.
    checksum_correction: RowChecksum,
}

/// A deleted row.
#[derive(Debug, Clone, PartialEq)]
struct DeletedRow {
    role: TabKind,
    /// The scratch row that holds it, 0-based.
    at: u32,
    cells: Vec<Value>,
}

/// Parses the deletions of this head's commit. `rows` start at the first scratch row of this state
/// tab.
pub fn parse(rows: &[Vec<Value>], head: HeadId, state_tab: i32) -> DeletionLog {
    let field = |at: usize| take_row_cells(rows, STATE_ROWS).get(at).map(format_cell).unwrap_or_default();
    if field(0) != SCRATCH_TAG || field(1) != head.to_string() {
        return DeletionLog::NoDeletions;
    }
    parse_rows(rows, &field(2), state_tab).unwrap_or(DeletionLog::Unreadable)
}

fn parse_rows(rows: &[Vec<Value>], count: &str, state_tab: i32) -> Option<DeletionLog> {
    let copy = |row: u32| take_row_cells(rows, row).get(MARGIN as usize..).unwrap_or_default();
    let tab = |header: u32| Tab { header: parse::parse_header(&[copy(header).to_vec()]), ..Tab::default() };
    let headers: Vec<(TabKind, Tab)> = TabKind::ALL.into_iter().zip((HEADERS..).map(tab)).collect();
    let mut found = PendingRestores { state_tab, headers, ..PendingRestores::default() };
    let mut clean = true;
    for at in (FIRST_DELETED_ROW..).take(count.parse().ok()?) {
        let field = |column: usize| take_row_cells(rows, at).get(column).map(format_cell).unwrap_or_default();
        let role = TabKind::parse(&field(0))?;
        let expected = Some(field(1)).filter(|mark| mark != BLANK);
        let expected = expected.map(|mark| u64::from_str_radix(&mark, 16)).transpose().ok()?;
        let there = copy(at);
        let blank = there.iter().all(|cell| format_cell(cell).is_empty());
        clean &= if blank {
            expected.is_none()
        } else {
            expected.is_some() && hash_found_row(role, found.find_header(role)?, there) == expected
        };
        if !blank {
            found.rows.push(DeletedRow { role, at, cells: there.to_vec() });
        }
        if let Some(mark) = expected.filter(|_| role == TabKind::Processed) {
            found.checksum_correction.add_hash(mark);
        }
    }
    Some(if clean { DeletionLog::Verified } else { DeletionLog::Misplaced(found) })
}

fn take_row_cells(rows: &[Vec<Value>], row: u32) -> &[Value] {
    let at = row.checked_sub(STATE_ROWS).map(|at| at as usize);
    at.and_then(|at| rows.get(at)).map_or(&[], Vec::as_slice)
}

/// The hash of a row as found; `None` if its cells can't be parsed.
fn hash_found_row(role: TabKind, tab: &Tab, cells: &[Value]) -> Option<u64> {
    match role {
        TabKind::Processed => {
            let cell = |name| tab.position(name).and_then(|at| cells.get(at)).map(format_cell).unwrap_or_default();
            Some(hash_key_row(&PROCESSED.map(cell).each_ref().map(String::as_str)))
        }
        TabKind::Failures => {
            read_failure_row(|name| find_cell(tab, cells, name)).map(|failure| hash_failure_row(&failure))
        }
        TabKind::Runs => read_run_row(|name| find_cell(tab, cells, name)).map(|run| hash_run_row(&run)),
        TabKind::Data => None,
    }
}

impl DeletionLog {
    /// The rows to restore, if any.
    pub fn pending_restores(self) -> Option<PendingRestores> {
        match self {
            Self::Misplaced(found) => Some(found),
            Self::NoDeletions | Self::Verified | Self::Unreadable => None,
        }
    }
}

impl PendingRestores {
    /// The number of rows to restore.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The checksum of rows of Processed that the state no longer counts.
    pub fn compute_checksum_correction(&self) -> RowChecksum {
        self.checksum_correction
    }

    /// The rows of a tab, with their cells in its current columns.
    pub fn arrange_rows(&self, role: TabKind, now: &Tab) -> Vec<Vec<Value>> {
        let blocks = self.map_column_blocks(role, now);
        let of = self.rows.iter().filter(|row| row.role == role);
        let mapped = of.map(|row| {
            let mut cells =
                vec![Value::Null; count_columns(now).max(blocks.iter().map(|b| b.1 + b.2).max().unwrap_or(0))];
            for (from, to, length) in &blocks {
                for at in 0..*length {
                    if let (Some(cell), Some(place)) = (row.cells.get(from + at), cells.get_mut(to + at)) {
                        place.clone_from(cell);
                    }
                }
            }
            cells
        });
        mapped.collect()
    }

    /// The rows to restore: the kind of tab, the header as of the deletion, the cells.
    pub fn pending_rows(&self) -> impl Iterator<Item = (TabKind, &Tab, &[Value])> {
        self.rows.iter().filter_map(|row| Some((row.role, self.find_header(row.role)?, row.cells.as_slice())))
    }

    /// Returns the requests: new rows below each tab's header, and copies of the kept cells under
    /// their headers.
    pub fn make_requests(&self, tabs: &Tabs) -> Vec<Request> {
        let mut out = Vec::new();
        for of in self.rows.chunk_by(|a, b| a.role == b.role) {
            let Some((role, tab)) = of.first().and_then(|row| Some((row.role, tabs.tab(row.role)?))) else { continue };
            let new = make_row_range(tab.id, 1..1 + convert_index(of.len()));
            out.push(Request::InsertDimension { range: new, inherit_from_before: false });
            let blocks = self.map_column_blocks(role, tab);
            for (row, taken) in (1..).zip(of) {
                out.extend(blocks.iter().map(|(from, to, length)| {
                    let left = MARGIN + convert_index(*from);
                    let cells = (self.state_tab, taken.at..taken.at + 1, left..left + convert_index(*length));
                    copy_cells(cells, (tab.id, row, convert_index(*to)), PasteType::Values)
                }));
            }
        }
        out
    }

    /// The anomaly to report to the user.
    pub fn make_anomaly(&self) -> Anomaly {
        let count = self.rows.len();
        let message = format!(
            "{count} rows of the job's tabs were moved while old ones were deleted, and are restored below the header now"
        );
        Anomaly { message, is_blocking: false }
    }

    fn find_header(&self, role: TabKind) -> Option<&Tab> {
        self.headers.iter().find(|(of, _)| *of == role).map(|(_, tab)| tab)
    }

    /// Maps the columns at the deletion to the current ones, as blocks: from, to, count. A column
    /// whose header is empty or gone keeps its position, unless another column is there now.
    fn map_column_blocks(&self, role: TabKind, now: &Tab) -> Vec<(usize, usize, usize)> {
        let Some(then) = self.find_header(role) else { return Vec::new() };
        let last = |row: &DeletedRow| row.cells.iter().rposition(|cell| !format_cell(cell).is_empty());
        let filled = self.rows.iter().filter(|row| row.role == role).filter_map(|row| Some(last(row)? + 1));
        let columns = filled.max().unwrap_or(0);
        let name = |at: usize| then.header.get(at).filter(|name| !name.is_empty());
        let mut places: Vec<Option<usize>> =
            (0..columns).map(|at| name(at).and_then(|name| now.position(name))).collect();
        for at in 0..columns {
            let free = places.get(at) == Some(&None) && at < count_columns(now) && !places.contains(&Some(at));
            if let Some(place) = places.get_mut(at).filter(|_| free) {
                *place = Some(at);
            }
        }
        let moved: Vec<_> = places.into_iter().enumerate().filter_map(|(from, to)| Some((from, to?))).collect();
        let runs = moved.chunk_by(|a, b| a.0 + 1 == b.0 && a.1 + 1 == b.1);
        runs.filter_map(|run| run.first().map(|(from, to)| (*from, *to, run.len()))).collect()
    }
}

fn count_columns(tab: &Tab) -> usize {
    tab.width.max(tab.header.len())
}

#[cfg(test)]
mod tests;
