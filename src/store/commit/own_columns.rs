//! The job's own columns of the data tab: new ones, marks by which they are found again, and what people did to them. Pure.
//!
//! In scope: the requests that add and mark columns, renamed headers, deleted columns. Out of scope: which fields get a column
//! (`ledger::rows::table_header`), asking for marks (`store::load::loader`).
//!
//! A column is found by the text of its header. Where people change that text, a mark still tells which column it is: developer
//! metadata, which moves with its column and goes with it. A header that is gone and whose mark is too belonged to a column that
//! was deleted. Marks are asked for only where a header is missed: **where a text stands, the text counts**, whatever a mark says.

use std::collections::HashMap;

use crate::google::types::cell::{CellData, CellFormat, NumberKind};
use crate::google::types::requests::{
    DeveloperMetadata, Dimension, DimensionRange, GridCoordinate, GridRange, MarkedPlace, Request,
};
use crate::google::types::response_types::ColumnMark;
use crate::grid::column_letters;
use crate::ledger::columns::columns::header_text;
use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::lease::head::HeadId;
use crate::ledger::state::snapshot::{Anomaly, State};
use crate::ledger::state::state_codec::remembered;
use crate::store::tabs::cells::{NUMBER, VALUE_AND_FORMAT, sent};
use crate::store::tabs::schema::{Tab, made_number};

/// Characters of all marks of a tab, at most; the service takes 30,000 a tab, and people's tools may use some.
const MAX_MARK_CHARS: usize = 20_000;

/// What the marks of a job's columns are called.
pub fn mark_key(job: &str) -> String {
    format!("sheetkeep {job}")
}

/// The requests that give the tab the columns which this commit adds, to the right of the last one with a header: an inserted column
/// is new, so nothing of people's can be written over.
pub fn added(tab: &mut Tab, commit: &Commit) -> Vec<Request> {
    let columns = &commit.changes.columns;
    let Some(count) = u32::try_from(columns.len()).ok().filter(|count| *count > 0) else { return Vec::new() };
    let at = u32::try_from(tab.header.len()).unwrap_or(u32::MAX);
    let sheet_id = tab.id;
    let room = if tab.header.len() < tab.width {
        let range = DimensionRange {
            sheet_id,
            dimension: Dimension::Columns,
            start_index: at,
            end_index: at.saturating_add(count),
        };
        Request::InsertDimension { range, inherit_from_before: true }
    } else {
        Request::AppendDimension { sheet_id, dimension: Dimension::Columns, length: count }
    };
    let header: Vec<_> =
        columns.iter().map(|name| CellData::text(name.as_str()).with_format(CellFormat::bold())).collect();
    let start = GridCoordinate { sheet_id, row_index: 0, column_index: at };
    let rows = vec![header.into()];
    tab.header.extend(columns.iter().cloned());
    tab.width += columns.len();
    let looks = (at..).zip(columns).map(|(at, name)| {
        let range = GridRange {
            sheet_id,
            start_column_index: Some(at),
            end_column_index: Some(at.saturating_add(1)),
            ..GridRange::default()
        };
        Request::RepeatCell { range, cell: first_look(commit, name), fields: NUMBER.into() }
    });
    let mut requests = vec![room];
    requests.extend(looks);
    requests.push(Request::UpdateCells { rows, fields: VALUE_AND_FORMAT.into(), start: Some(start), range: None });
    requests
}

/// How the numbers of a new column look: as in the first of its cells. An inserted column would look like its neighbour, and rows
/// that are written over get values only.
fn first_look(commit: &Commit, column: &str) -> CellData {
    let outputs = commit.changes.settled.iter().filter_map(|one| match one {
        ItemResult::Done { output, .. } => Some(output),
        ItemResult::Failed(_) | ItemResult::Revoked { .. } | ItemResult::Removed(_) => None,
    });
    let rows = outputs.flat_map(|output| output.tables.iter().flat_map(|(_, rows)| rows));
    let is_key = commit.state.key_column.as_deref() == Some(column);
    let format = is_key.then_some(NumberKind::Text);
    let mut cells = rows.filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
    cells.next().map(|cell| sent(cell, format).without_value()).unwrap_or_default()
}

/// The requests that mark the columns which become the job's own with the commit of this head; `owned` are marked already.
pub fn marks(head: HeadId, tab: &Tab, own: &OwnColumns<'_>, owned: &[String]) -> Vec<Request> {
    let key = mark_key(own.job);
    let unmarked = own.marked().iter().enumerate().filter(|(_, name)| !owned.contains(name));
    let marks = unmarked.filter_map(|(n, name)| {
        let at = u32::try_from(tab.position(name)?).ok()?;
        let range =
            DimensionRange { sheet_id: tab.id, dimension: Dimension::Columns, start_index: at, end_index: at + 1 };
        let developer_metadata = DeveloperMetadata {
            metadata_id: made_number(head, 16 + n as u64),
            metadata_key: key.clone(),
            metadata_value: name.clone(),
            location: MarkedPlace { dimension_range: range },
            visibility: "DOCUMENT",
        };
        Some(Request::CreateDeveloperMetadata { developer_metadata })
    });
    marks.collect()
}

/// The job's own columns that stood when this state was written: one that was deleted and is there again has to be marked anew.
pub fn standing(state: &State) -> Vec<String> {
    state.columns.iter().filter(|name| !state.deleted.contains(name)).cloned().collect()
}

/// The job's own columns of its data tab.
#[derive(Debug, Clone, Copy)]
pub struct OwnColumns<'a> {
    /// The job.
    pub job: &'a str,
    /// The tab, as the job calls it.
    pub tab: &'a str,
    /// The columns.
    pub columns: &'a [String],
}

/// What became of the job's own columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ColumnLookup {
    /// Columns that people deleted.
    pub gone: Vec<String>,
    /// What people should know.
    pub blemishes: Vec<Anomaly>,
}

impl ColumnLookup {
    /// Whether nothing may be written.
    pub fn blocks(&self) -> bool {
        self.blemishes.iter().any(|blemish| blemish.blocking)
    }

    fn tell(&mut self, blocking: bool, message: String) {
        self.blemishes.push(Anomaly { message, blocking });
    }
}

impl OwnColumns<'_> {
    /// Those that carry marks: as many of the first ones as the service has room for, all of them remembered by the state.
    pub fn marked(&self) -> &[String] {
        let key = mark_key(self.job).chars().count();
        let mut used = 0;
        let fits = |name: &&String| {
            used += key + name.chars().count();
            used <= MAX_MARK_CHARS
        };
        let count = remembered(self.columns).iter().take_while(fits).count();
        self.columns.get(..count).unwrap_or_default()
    }

    /// Those that no header names, as far as is known without asking for marks.
    pub fn lost(&self, tab: &Tab) -> Vec<String> {
        let there = tab.positions();
        self.columns.iter().filter(|name| !there.contains_key(name.as_str())).cloned().collect()
    }

    /// Those whose header stands over another column too, so that nothing on the sheet tells a write which one it hit; with that
    /// header. Of two columns of people's that have the same header nobody needs to know.
    pub fn doubled<'n>(&'n self, tab: &'n Tab) -> Vec<(&'n str, &'n str)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for text in tab.header.iter().filter(|text| !text.is_empty()) {
            *counts.entry(text).or_default() += 1;
        }
        if counts.values().all(|count| *count == 1) {
            return Vec::new();
        }
        let headers = self.columns.iter().filter_map(|name| {
            let text = tab.position(name).and_then(|at| tab.header.get(at))?;
            Some((name.as_str(), text.as_str()))
        });
        headers.filter(|(_, text)| counts.get(text).is_some_and(|count| *count > 1)).collect()
    }

    /// Looks for lost columns by their marks, and lets the tab know them by their new headers. `marks` is none where they can't be
    /// read: then nobody can tell a renamed column from a deleted one, and the run has to stop.
    pub fn found_again(&self, tab: &mut Tab, marks: Option<&[ColumnMark]>) -> ColumnLookup {
        let mut found = ColumnLookup::default();
        let title = self.tab;
        for name in self.lost(tab) {
            let Some(at) = self.marked_at(tab, &name, marks) else {
                self.without_a_mark(&name, marks.is_some(), &mut found);
                continue;
            };
            match tab.header.get(at).filter(|text| !text.is_empty()).cloned() {
                None => found.tell(
                    true,
                    format!("tab {title}: column \"{name}\" has no header any more: write that word back into its header row"),
                ),
                Some(text) if self.columns.contains(&text) => {
                    found.tell(
                        false,
                        format!(
                            "column \"{name}\" of tab {title} has the header of another one, and the values of \"{text}\" go there now; \
                             those of \"{name}\" are left out until a column has that header again"
                        ),
                    );
                    found.gone.push(name);
                }
                Some(text) => {
                    let message =
                        format!("column \"{name}\" of tab {title} is now called \"{text}\": its values go there");
                    found.tell(false, message);
                    tab.renamed.retain(|(own, _)| *own != name);
                    tab.renamed.push((name, text));
                }
            }
        }
        for (name, text) in self.doubled(tab) {
            let ours = marks_of(tab, name, marks).find(|at| tab.header.get(*at).is_some_and(|there| there == text));
            let which = match ours {
                Some(at) => format!("the job's own is {}, so rename the other", column_letters(at)),
                None => "rename the one that is not the job's".to_owned(),
            };
            found.tell(true, format!("tab {title} has two columns named \"{text}\": {which}"));
        }
        found
    }

    /// Where the mark of a lost column is. There may be an older one, left on a column that goes by another name of the job's now.
    fn marked_at(&self, tab: &Tab, name: &str, marks: Option<&[ColumnMark]>) -> Option<usize> {
        let taken = |at: &usize| tab.header.get(*at).is_some_and(|text| self.columns.contains(text));
        marks_of(tab, name, marks).min_by_key(taken)
    }

    fn without_a_mark(&self, name: &String, readable: bool, found: &mut ColumnLookup) {
        let title = self.tab;
        let mend = "write that word back into its header row";
        let lost = format!("tab {title} has lost its column \"{name}\"");
        if !readable {
            found.tell(true, format!("{lost}, and whether it was renamed or deleted can't be read: {mend}"));
        } else if !self.marked().contains(name) {
            found.tell(true, format!("{lost}, which is one too many to have a mark by which to find it again: {mend}"));
        } else {
            found.gone.push(name.clone());
            let message = format!(
                "column \"{name}\" of tab {title} was deleted: its values are left out; add a column of that name to have them again"
            );
            found.tell(false, message);
        }
    }
}

/// The columns of a tab that are marked with this name.
fn marks_of<'m>(tab: &Tab, name: &'m str, marks: Option<&'m [ColumnMark]>) -> impl Iterator<Item = usize> + use<'m> {
    let id = tab.id;
    let here = marks.into_iter().flatten().filter(move |mark| mark.sheet_id == id && header_text(&mark.value) == name);
    here.map(|mark| mark.column as usize)
}

#[cfg(test)]
mod tests;
