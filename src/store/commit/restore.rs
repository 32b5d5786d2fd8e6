//! Rows that a batch took out and should not have: what its scratch rows say, and putting them back. Pure.
//!
//! In scope: reading the scratch rows that `store::commit::deletion` draws, finding the columns of today for what stood under the headers of then.
//! Out of scope: taking rows out (`store::commit::deletion`).

use serde_json::Value;

use crate::google::body::{PasteType, Request};
use crate::ledger::commit::row_deletion::{TabKind, mark_of_failure, mark_of_key, mark_of_run};
use crate::ledger::lease::head::HeadId;
use crate::ledger::rows::row_codec::{PROCESSED, read_failure_row, read_run_row};
use crate::ledger::state::snapshot::{Anomaly, RowChecksum};
use crate::store::commit::deletion::{BLANK, FIRST, HEADERS, MARGIN, WORD};
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::parse::{self, cell_in, text};
use crate::store::tabs::requests::{copied, index, rows_of};
use crate::store::tabs::schema::{Tab, Tabs};

/// The number by which a row goes that waits to be put back: the header's, where nothing of it is found.
pub const WAITING: u32 = 1;

/// What the scratch rows say of the head's commit.
#[derive(Debug, Clone, PartialEq)]
pub enum DeletionLog {
    /// It took out nothing.
    Nothing,
    /// Every row was of the mark that was expected.
    Clean,
    /// It took rows out, and what it says of them was changed.
    Unreadable,
    /// A row was not meant.
    Astray(PendingRestores),
}

/// Rows to be put back by the next commit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PendingRestores {
    /// The state tab that holds them.
    state_tab: i32,
    /// All rows that the batch took out: those that were meant belong together with others that it missed.
    rows: Vec<DeletedRow>,
    /// The tabs' headers as the batch found them.
    headers: Vec<(TabKind, Tab)>,
    /// What the state no longer counts of Processed, and stands there all the same once these are back.
    checksum_correction: RowChecksum,
}

/// A row that was taken out.
#[derive(Debug, Clone, PartialEq)]
struct DeletedRow {
    role: TabKind,
    /// The scratch row that holds it, from 0.
    at: u32,
    cells: Vec<Value>,
}

/// Reads what the commit of this head took out; `rows` begin with the first scratch row of this state tab.
pub fn read(rows: &[Vec<Value>], head: HeadId, state_tab: i32) -> DeletionLog {
    let field = |at: usize| cells(rows, STATE_ROWS).get(at).map(text).unwrap_or_default();
    if field(0) != WORD || field(1) != head.to_string() {
        return DeletionLog::Nothing;
    }
    taken(rows, &field(2), state_tab).unwrap_or(DeletionLog::Unreadable)
}

fn taken(rows: &[Vec<Value>], count: &str, state_tab: i32) -> Option<DeletionLog> {
    let copy = |row: u32| cells(rows, row).get(MARGIN as usize..).unwrap_or_default();
    let tab = |header: u32| Tab { header: parse::header(&[copy(header).to_vec()]), ..Tab::default() };
    let headers: Vec<(TabKind, Tab)> = TabKind::ALL.into_iter().zip((HEADERS..).map(tab)).collect();
    let mut found = PendingRestores { state_tab, headers, ..PendingRestores::default() };
    let mut clean = true;
    for at in (FIRST..).take(count.parse().ok()?) {
        let field = |column: usize| cells(rows, at).get(column).map(text).unwrap_or_default();
        let role = TabKind::parse(&field(0))?;
        let expected = Some(field(1)).filter(|mark| mark != BLANK);
        let expected = expected.map(|mark| u64::from_str_radix(&mark, 16)).transpose().ok()?;
        let there = copy(at);
        let blank = there.iter().all(|cell| text(cell).is_empty());
        clean &= if blank {
            expected.is_none()
        } else {
            expected.is_some() && mark_of(role, found.header(role)?, there) == expected
        };
        if !blank {
            found.rows.push(DeletedRow { role, at, cells: there.to_vec() });
        }
        if let Some(mark) = expected.filter(|_| role == TabKind::Processed) {
            found.checksum_correction.add_hash(mark);
        }
    }
    Some(if clean { DeletionLog::Clean } else { DeletionLog::Astray(found) })
}

fn cells(rows: &[Vec<Value>], row: u32) -> &[Value] {
    let at = row.checked_sub(STATE_ROWS).map(|at| at as usize);
    at.and_then(|at| rows.get(at)).map_or(&[], Vec::as_slice)
}

/// The mark of a row as it stands; none where it says nothing that the job knows.
fn mark_of(role: TabKind, tab: &Tab, cells: &[Value]) -> Option<u64> {
    match role {
        TabKind::Processed => {
            let cell = |name| tab.position(name).and_then(|at| cells.get(at)).map(text).unwrap_or_default();
            Some(mark_of_key(&PROCESSED.map(cell).each_ref().map(String::as_str)))
        }
        TabKind::Failures => {
            read_failure_row(|name| cell_in(tab, cells, name)).map(|failure| mark_of_failure(&failure))
        }
        TabKind::Runs => read_run_row(|name| cell_in(tab, cells, name)).map(|run| mark_of_run(&run)),
        TabKind::Data => None,
    }
}

impl DeletionLog {
    /// What goes back, if anything.
    pub fn put_back(self) -> Option<PendingRestores> {
        match self {
            Self::Astray(found) => Some(found),
            Self::Nothing | Self::Clean | Self::Unreadable => None,
        }
    }
}

impl PendingRestores {
    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// What the state no longer counts of Processed.
    pub fn checksum_correction(&self) -> RowChecksum {
        self.checksum_correction
    }

    /// The rows of a tab, their cells in the columns that it has now.
    pub fn rows_in(&self, role: TabKind, now: &Tab) -> Vec<Vec<Value>> {
        let blocks = self.blocks(role, now);
        let of = self.rows.iter().filter(|row| row.role == role);
        let laid = of.map(|row| {
            let mut cells = vec![Value::Null; width(now).max(blocks.iter().map(|b| b.1 + b.2).max().unwrap_or(0))];
            for (from, to, length) in &blocks {
                for at in 0..*length {
                    if let (Some(cell), Some(place)) = (row.cells.get(from + at), cells.get_mut(to + at)) {
                        place.clone_from(cell);
                    }
                }
            }
            cells
        });
        laid.collect()
    }

    /// Each row: its tab's part, the header under which it stood, its cells.
    pub fn waiting(&self) -> impl Iterator<Item = (TabKind, &Tab, &[Value])> {
        self.rows.iter().filter_map(|row| Some((row.role, self.header(row.role)?, row.cells.as_slice())))
    }

    /// The requests: new rows below the header of each tab, and in them the cells that were kept, each under its header.
    pub fn requests(&self, tabs: &Tabs) -> Vec<Request> {
        let mut out = Vec::new();
        for of in self.rows.chunk_by(|a, b| a.role == b.role) {
            let Some((role, tab)) = of.first().and_then(|row| Some((row.role, tabs.of(row.role)?))) else { continue };
            let new = rows_of(tab.id, 1..1 + index(of.len()));
            out.push(Request::InsertDimension { range: new, inherit_from_before: false });
            let blocks = self.blocks(role, tab);
            for (row, taken) in (1..).zip(of) {
                out.extend(blocks.iter().map(|(from, to, length)| {
                    let left = MARGIN + index(*from);
                    let cells = (self.state_tab, taken.at..taken.at + 1, left..left + index(*length));
                    copied(cells, (tab.id, row, index(*to)), PasteType::Values)
                }));
            }
        }
        out
    }

    /// What people should know.
    pub fn blemish(&self) -> Anomaly {
        let count = self.rows.len();
        let message = format!(
            "{count} rows of the job's tabs were moved by somebody while old ones were taken out, and are put back below the header now"
        );
        Anomaly { message, blocking: false }
    }

    fn header(&self, role: TabKind) -> Option<&Tab> {
        self.headers.iter().find(|(of, _)| *of == role).map(|(_, tab)| tab)
    }

    /// Where the columns of then are now, as blocks: from, to, how many. One without a header, or whose header is nowhere any more, is
    /// where it was, unless another one has come there.
    fn blocks(&self, role: TabKind, now: &Tab) -> Vec<(usize, usize, usize)> {
        let Some(then) = self.header(role) else { return Vec::new() };
        let last = |row: &DeletedRow| row.cells.iter().rposition(|cell| !text(cell).is_empty());
        let filled = self.rows.iter().filter(|row| row.role == role).filter_map(|row| Some(last(row)? + 1));
        let columns = filled.max().unwrap_or(0);
        let name = |at: usize| then.header.get(at).filter(|name| !name.is_empty());
        let mut places: Vec<Option<usize>> =
            (0..columns).map(|at| name(at).and_then(|name| now.position(name))).collect();
        for at in 0..columns {
            let free = places.get(at) == Some(&None) && at < width(now) && !places.contains(&Some(at));
            if let Some(place) = places.get_mut(at).filter(|_| free) {
                *place = Some(at);
            }
        }
        let moved: Vec<_> = places.into_iter().enumerate().filter_map(|(from, to)| Some((from, to?))).collect();
        let runs = moved.chunk_by(|a, b| a.0 + 1 == b.0 && a.1 + 1 == b.1);
        runs.filter_map(|run| run.first().map(|(from, to)| (*from, *to, run.len()))).collect()
    }
}

fn width(tab: &Tab) -> usize {
    tab.width.max(tab.header.len())
}

#[cfg(test)]
mod tests;
