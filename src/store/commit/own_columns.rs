//! The job's own columns of the data tab: adding, marking, and finding them after manual edits.
//! Pure.
//!
//! In scope: the requests that add and mark columns, renamed headers, deleted columns.
//! Out of scope: which fields get a column (`ledger::rows::table_header`), reading the marks
//! (`store::load::column_lookup`).
//!
//! A column is found by its header text. If a user changes that text, a mark still identifies the
//! column: developer metadata, which moves with its column and is deleted with it. If both header
//! and mark are gone, the column was deleted. Marks are read only if a header is missing or
//! occurs twice. **A header text takes precedence over every mark.**

use std::collections::HashMap;

use crate::grid::format_column_letters;
use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::leases::head::HeadId;
use crate::ledger::state::snapshot::{Anomaly, State};
use crate::ledger::state::state_codec::limit_columns;
use crate::ledger::values::columns::trim_header;
use crate::sheets_client::types::cell::{CellData, NumberKind};
use crate::sheets_client::types::request_objects::{
    DeveloperMetadata, Dimension, DimensionRange, GridRange, MetadataLocation,
};
use crate::sheets_client::types::requests::Request;
use crate::sheets_client::types::response_types::ColumnMark;
use crate::store::tabs::cells::{NUMBER, to_cell_data};
use crate::store::tabs::requests::{convert_index, make_room_after_header, write_header_after_last};
use crate::store::tabs::schema::{Tab, derive_id};

/// Maximum number of characters of all marks of a tab. The service accepts 30,000 per tab, and
/// other tools may use some.
const MAX_MARK_CHARS: usize = 20_000;

/// The metadata key of the marks of a job's columns.
pub fn name_mark_key(job: &str) -> String {
    format!("sheetkeep {job}")
}

/// Returns the requests that add this commit's new columns to the right of the last header, and
/// records them in `tab`.
pub fn add_new_columns(tab: &mut Tab, commit: &Commit) -> Vec<Request> {
    let columns = &commit.changes.columns;
    if columns.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let (sheet_id, at) = (tab.id, convert_index(tab.header.len()));
    let (room, header) = (make_room_after_header(tab, names.len()), write_header_after_last(tab, &names));
    tab.header.extend(columns.iter().cloned());
    tab.width += columns.len();
    let formats = (at..).zip(columns).map(|(at, name)| {
        let range = GridRange {
            sheet_id,
            start_column_index: Some(at),
            end_column_index: Some(at.saturating_add(1)),
            ..GridRange::default()
        };
        Request::RepeatCell { range, cell: find_first_format(commit, name), fields: NUMBER.into() }
    });
    std::iter::once(room).chain(formats).chain([header]).collect()
}

/// The number format of a new column: that of its first cell. An inserted column would inherit its
/// neighbour's format, and overwritten rows get values only.
fn find_first_format(commit: &Commit, column: &str) -> CellData {
    let outputs = commit.changes.settled.iter().filter_map(|one| match one {
        ItemResult::Done { output, .. } => Some(output),
        ItemResult::Failed(_) | ItemResult::Revoked { .. } | ItemResult::Removed(_) => None,
    });
    let rows = outputs.flat_map(|output| output.tabs.iter().flat_map(|(_, rows)| rows));
    let is_key = commit.state.key_column.as_deref() == Some(column);
    let format = is_key.then_some(NumberKind::Text);
    let mut cells = rows.filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
    cells.next().map(|cell| to_cell_data(cell, format).without_value()).unwrap_or_default()
}

/// Returns the requests that mark the columns which become the job's own with this head's commit.
/// `marked` are marked already.
pub fn mark_own_columns(head: HeadId, tab: &Tab, own: &OwnColumns<'_>, marked: &[String]) -> Vec<Request> {
    let key = name_mark_key(own.job);
    let unmarked = own.marked_columns().iter().enumerate().filter(|(_, name)| !marked.contains(name));
    let marks = unmarked.filter_map(|(n, name)| {
        let at = u32::try_from(tab.position(name)?).ok()?;
        let range =
            DimensionRange { sheet_id: tab.id, dimension: Dimension::Columns, start_index: at, end_index: at + 1 };
        let developer_metadata = DeveloperMetadata {
            metadata_id: derive_id(head, 16 + n as u64),
            metadata_key: key.clone(),
            metadata_value: name.clone(),
            location: MetadataLocation { dimension_range: range },
            visibility: "DOCUMENT",
        };
        Some(Request::CreateDeveloperMetadata { developer_metadata })
    });
    marks.collect()
}

/// The job's own columns that existed when this state was written. A column that was deleted and is
/// back needs a new mark.
pub fn list_existing_columns(state: &State) -> Vec<String> {
    state.columns.iter().filter(|name| !state.deleted_columns.contains(name)).cloned().collect()
}

/// The job's own columns of its data tab.
#[derive(Debug, Clone, Copy)]
pub struct OwnColumns<'a> {
    /// The name of the job.
    pub job: &'a str,
    /// The tab title in the job file.
    pub tab: &'a str,
    /// The column names.
    pub columns: &'a [String],
}

/// The result of looking up the job's own columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ColumnLookup {
    /// Columns that users deleted.
    pub deleted_columns: Vec<String>,
    /// Anomalies to report to the user.
    pub anomalies: Vec<Anomaly>,
}

impl ColumnLookup {
    /// Whether an anomaly forbids writing.
    pub fn is_blocking(&self) -> bool {
        self.anomalies.iter().any(|anomaly| anomaly.is_blocking)
    }

    fn report(&mut self, is_blocking: bool, message: String) {
        self.anomalies.push(Anomaly { message, is_blocking });
    }
}

impl OwnColumns<'_> {
    /// The columns that carry marks: the first ones, up to the service's limit. The state records
    /// all of them.
    pub fn marked_columns(&self) -> &[String] {
        let key = name_mark_key(self.job).chars().count();
        let mut used = 0;
        let fits = |name: &&String| {
            used += key + name.chars().count();
            used <= MAX_MARK_CHARS
        };
        let count = limit_columns(self.columns).iter().take_while(fits).count();
        self.columns.get(..count).unwrap_or_default()
    }

    /// The columns without a header of their name, before marks are read.
    pub fn find_missing_columns(&self, tab: &Tab) -> Vec<String> {
        let there = tab.positions();
        self.columns.iter().filter(|name| !there.contains_key(name.as_str())).cloned().collect()
    }

    /// Columns whose header occurs twice, each with that header. The job could not verify which
    /// column a write hit. Duplicate headers among the user's own columns are fine.
    pub fn find_duplicated_columns<'n>(&'n self, tab: &'n Tab) -> Vec<(&'n str, &'n str)> {
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

    /// Finds lost columns by their marks and adds their new headers to the tab. `marks` is `None`
    /// if they can't be read. Then a renamed column can't be distinguished from a deleted one, and
    /// the run stops.
    pub fn find_lost_columns(&self, tab: &mut Tab, marks: Option<&[ColumnMark]>) -> ColumnLookup {
        let mut found = ColumnLookup::default();
        let title = self.tab;
        for name in self.find_missing_columns(tab) {
            let Some(at) = self.find_mark(tab, &name, marks) else {
                self.report_unmarked(&name, marks.is_some(), &mut found);
                continue;
            };
            match tab.header.get(at).filter(|text| !text.is_empty()).cloned() {
                None => found.report(
                    true,
                    format!("tab {title}: column \"{name}\" has no header any more: write that word back into its header row"),
                ),
                Some(text) if self.columns.contains(&text) => {
                    found.report(
                        false,
                        format!(
                            "column \"{name}\" of tab {title} has the header of another one, and the values of \"{text}\" go there now; \
                             those of \"{name}\" are left out until a column has that header again"
                        ),
                    );
                    found.deleted_columns.push(name);
                }
                Some(text) => {
                    let message =
                        format!("column \"{name}\" of tab {title} is now called \"{text}\": its values go there");
                    found.report(false, message);
                    tab.aliases.retain(|(own, _)| *own != name);
                    tab.aliases.push((name, text));
                }
            }
        }
        for (name, text) in self.find_duplicated_columns(tab) {
            let ours = find_marks(tab, name, marks).find(|at| tab.header.get(*at).is_some_and(|there| there == text));
            let which = match ours {
                Some(at) => format!("the job's own is {}, so rename the other", format_column_letters(at)),
                None => "rename the one that is not the job's".to_owned(),
            };
            found.report(true, format!("tab {title} has two columns named \"{text}\": {which}"));
        }
        found
    }

    /// The position of a lost column's mark. An older mark may remain on a column that now has
    /// another of the job's headers.
    fn find_mark(&self, tab: &Tab, name: &str, marks: Option<&[ColumnMark]>) -> Option<usize> {
        let taken = |at: &usize| tab.header.get(*at).is_some_and(|text| self.columns.contains(text));
        find_marks(tab, name, marks).min_by_key(taken)
    }

    fn report_unmarked(&self, name: &String, is_readable: bool, found: &mut ColumnLookup) {
        let title = self.tab;
        let advice = "write that word back into its header row";
        let lost = format!("tab {title} has lost its column \"{name}\"");
        if !is_readable {
            found.report(true, format!("{lost}, and whether it was renamed or deleted can't be read: {advice}"));
        } else if !self.marked_columns().contains(name) {
            found.report(
                true,
                format!("{lost}, which is one too many to have a mark by which to find it again: {advice}"),
            );
        } else {
            found.deleted_columns.push(name.clone());
            let message = format!(
                "column \"{name}\" of tab {title} was deleted: its values are left out; add a column of that name to have them again"
            );
            found.report(false, message);
        }
    }
}

/// The columns of a tab that are marked with this name.
fn find_marks<'m>(tab: &Tab, name: &'m str, marks: Option<&'m [ColumnMark]>) -> impl Iterator<Item = usize> + use<'m> {
    let id = tab.id;
    let here = marks.into_iter().flatten().filter(move |mark| mark.sheet_id == id && trim_header(&mark.value) == name);
    here.map(|mark| mark.column as usize)
}

#[cfg(test)]
mod tests;
