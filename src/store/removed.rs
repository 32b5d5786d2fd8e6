//! Rows that a batch takes out of the job's tabs, with a witness: what was taken out is kept until it was looked at. Pure.
//!
//! In scope: the scratch rows of such a batch, what they say, putting back what was not meant. Out of scope: which rows go
//! (`maintain::prune`), rows that are written over (`store::witness`).
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

use serde_json::Value;

use crate::google::body::{PasteType, Request};
use crate::google::cell;
use crate::ledger::head::HeadId;
use crate::ledger::removal::{Removal, Role, mark_of_failure, mark_of_key, mark_of_run};
use crate::ledger::rows::{PROCESSED, read_failure_row, read_run_row};
use crate::ledger::snapshot::{Blemish, Tally};
use crate::store::cells::VALUE;
use crate::store::data_rows::Scratch;
use crate::store::guard::STATE_ROWS;
use crate::store::layout::{Tab, Tabs};
use crate::store::load::{self, cell_in, text};
use crate::store::requests::{copied, copied_rows, index, put, resized, rows_of};

/// Columns of a scratch row before the copied cells.
const MARGIN: u32 = 3;
/// Columns that people may put into a tab between a look at it and the batch, before the batch is refused.
const ROOM: u32 = 16;
/// The scratch row with the header of the first tab, from 0.
const HEADERS: u32 = STATE_ROWS + 1;
/// The first scratch row with a row that was taken out.
const FIRST: u32 = HEADERS + 4;
const WORD: &str = "removed";
/// The mark of a row that was blank.
const BLANK: &str = "blank";

/// Rows that batches of this run have taken out, where they were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gone(HashMap<Role, Vec<u32>>);

impl Gone {
    /// Where a row stands now that was seen before any of these went.
    fn moved(&self, removal: Removal) -> Removal {
        let above = self.0.get(&removal.role).map_or(0, |gone| gone.partition_point(|row| *row < removal.row));
        Removal { row: removal.row.saturating_sub(index(above)), ..removal }
    }

    /// A batch was applied that took these out.
    pub fn extend(&mut self, seen: &[Removal]) {
        for removal in seen {
            self.0.entry(removal.role).or_default().push(removal.row);
        }
        self.0.values_mut().for_each(|rows| rows.sort_unstable());
    }
}

/// What a batch takes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    head: HeadId,
    /// In the order of their tabs and rows, where they were seen.
    seen: Vec<Removal>,
    /// The same, where they stand now.
    rows: Vec<Removal>,
    /// Columns that the state tab needs.
    columns: u32,
}

/// What the scratch rows say of a batch that hit a row which was not meant; nothing of one that hit none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// All rows that it took out: those that were meant belong together with others that it missed.
    pub rows: Vec<Taken>,
    /// What the state no longer counts of Processed, and stands there all the same once these are back.
    pub uncounted: Tally,
}

/// A row that was taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Its tab.
    pub role: Role,
    /// The scratch row that holds it, from 0.
    pub at: u32,
    /// Its cells.
    pub cells: Vec<Value>,
}

/// Rows to be put back by the next commit, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutBack {
    state_tab: i32,
    /// Each with its tab and the scratch row that holds it.
    rows: Vec<(Role, u32)>,
}

impl Removed {
    /// What the commit of this head takes out; none if nothing. `gone` are the rows that went since they were seen.
    pub fn of(head: HeadId, removals: Vec<Removal>, tabs: &Tabs, gone: &Gone) -> Option<Self> {
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
        Scratch { tab, rows: FIRST + index(self.rows.len()), columns: self.columns }
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
            texts(&[removal.role.word().to_owned(), mark])
        });
        out.push(put(state_tab, FIRST, 0, told.collect(), VALUE));
        for (header, role) in (HEADERS..).zip(Role::ALL) {
            let involved = self.rows.iter().any(|removal| removal.role == role);
            let tab = tabs.of(role).filter(|_| involved);
            out.extend(tab.map(|tab| copied_rows((tab.id, &(0..1)), (state_tab, header, MARGIN), PasteType::Values)));
        }
        let run = |(at, run): (usize, &[Removal])| {
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
    fn runs(&self) -> impl Iterator<Item = (usize, &[Removal])> {
        let mut at = 0;
        self.rows.chunk_by(|a, b| a.role == b.role && a.row + 1 == b.row).map(move |run| {
            at += run.len();
            (at - run.len(), run)
        })
    }

    /// The range that shows what became of it, on the state tab of this title.
    pub fn range(&self, title: &str) -> String {
        load::rows_range(title, STATE_ROWS + 1, FIRST + index(self.rows.len()), self.columns as usize)
    }

    /// How many rows it takes out.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// These rows, where they were seen.
    pub fn seen(&self) -> &[Removal] {
        &self.seen
    }

    /// The head of its commit.
    pub fn head(&self) -> HeadId {
        self.head
    }
}

/// Reads what the commit of this head took out; `rows` begin with the first scratch row. `None` where it took out nothing.
pub fn read(rows: &[Vec<Value>], head: HeadId) -> Option<Found> {
    let field = |row: u32, at: usize| cells(rows, row).get(at).map(text).unwrap_or_default();
    if field(STATE_ROWS, 0) != WORD || field(STATE_ROWS, 1) != head.to_string() {
        return None;
    }
    let taken: u32 = field(STATE_ROWS, 2).parse().ok()?;
    let copy = |row: u32| cells(rows, row).get(MARGIN as usize..).unwrap_or_default();
    let tab = |header: u32| Tab { header: load::header(&[copy(header).to_vec()]), ..Tab::default() };
    let headers: Vec<(Role, Tab)> = Role::ALL.into_iter().zip((HEADERS..).map(tab)).collect();
    let (mut found, mut clean) = (Found::default(), true);
    for at in (FIRST..).take(taken as usize) {
        let role = Role::of_word(&field(at, 0))?;
        let expected = Some(field(at, 1)).filter(|mark| mark != BLANK);
        let expected = expected.map(|mark| u64::from_str_radix(&mark, 16)).transpose().ok()?;
        let header = headers.iter().find(|(of, _)| *of == role).map(|(_, tab)| tab)?;
        let there = copy(at);
        let blank = there.iter().all(|cell| text(cell).is_empty());
        clean &=
            if blank { expected.is_none() } else { expected.is_some() && mark_of(role, header, there) == expected };
        if !blank {
            found.rows.push(Taken { role, at, cells: there.to_vec() });
        }
        if let Some(mark) = expected.filter(|_| role == Role::Processed) {
            found.uncounted.add_hash(mark);
        }
    }
    Some(if clean { Found::default() } else { found })
}

fn cells(rows: &[Vec<Value>], row: u32) -> &[Value] {
    let at = row.checked_sub(STATE_ROWS).map(|at| at as usize);
    at.and_then(|at| rows.get(at)).map_or(&[], Vec::as_slice)
}

/// The mark of a row as it stands; none where it says nothing that the job knows.
pub fn mark_of(role: Role, tab: &Tab, cells: &[Value]) -> Option<u64> {
    match role {
        Role::Processed => {
            let texts =
                PROCESSED.map(|name| tab.position(name).and_then(|at| cells.get(at)).map(text).unwrap_or_default());
            Some(mark_of_key(&texts.each_ref().map(String::as_str)))
        }
        Role::Failures => read_failure_row(|name| cell_in(tab, cells, name)).map(|failure| mark_of_failure(&failure)),
        Role::Runs => read_run_row(|name| cell_in(tab, cells, name)).map(|run| mark_of_run(&run)),
        Role::Data => None,
    }
}

impl Found {
    /// The cells of the rows of a tab.
    pub fn rows_of(&self, role: Role) -> Vec<Vec<Value>> {
        self.rows.iter().filter(|row| row.role == role).map(|row| row.cells.clone()).collect()
    }

    /// What the next commit puts back from this state tab.
    pub fn put_back(&self, state_tab: i32) -> Option<PutBack> {
        let rows: Vec<_> = self.rows.iter().map(|row| (row.role, row.at)).collect();
        (!rows.is_empty()).then_some(PutBack { state_tab, rows })
    }
}

impl PutBack {
    /// The requests: new rows below the header of each tab, and in them the cells that were kept.
    pub fn requests(&self, tabs: &Tabs) -> Vec<Request> {
        let mut out = Vec::new();
        for of in self.rows.chunk_by(|a, b| a.0 == b.0) {
            let Some(tab) = of.first().and_then(|(role, _)| tabs.of(*role)) else { continue };
            let new = rows_of(tab.id, 1..1 + index(of.len()));
            out.push(Request::InsertDimension { range: new, inherit_from_before: false });
            let width = index(tab.width.max(tab.header.len()));
            out.extend((1..).zip(of).map(|(row, (_, at))| {
                copied((self.state_tab, *at..*at + 1, MARGIN..MARGIN + width), (tab.id, row, 0), PasteType::Values)
            }));
        }
        out
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// What people should know.
    pub fn blemish(&self) -> Blemish {
        let count = self.rows.len();
        let message = format!(
            "{count} rows of the job's tabs were moved by somebody while old ones were taken out, and are put back below the header now"
        );
        Blemish { message, blocking: false }
    }
}

fn texts(texts: &[String]) -> cell::Row {
    texts.iter().map(|text| cell::Cell::text(text.as_str())).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests;
