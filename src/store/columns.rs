//! The job's own columns of the data tab: new ones, marks by which they are found again, and what people did to them. Pure.
//!
//! In scope: the requests that add and mark columns, renamed headers, deleted columns. Out of scope: which fields get a column
//! (`ledger::header`), asking for marks (`store::fetch`).
//!
//! A column is found by the text of its header. Where people change that text, a mark still tells which column it is: developer
//! metadata, which moves with its column and goes with it. A header that is gone and whose mark is too belonged to a column that
//! was deleted.

use crate::google::body::{DeveloperMetadata, Dimension, DimensionRange, GridCoordinate, MarkedPlace, Request};
use crate::google::cell::{Cell, CellFormat};
use crate::google::shape::Mark;
use crate::ledger::head::HeadId;
use crate::ledger::snapshot::Blemish;
use crate::store::cells::VALUE_AND_FORMAT;
use crate::store::layout::{Tab, made_number};

/// Characters of all marks of a tab, at most; the service takes 30,000 a tab, and people's tools may use some.
const MAX_MARK_CHARS: usize = 20_000;

/// What the marks of a job's columns are called.
pub fn mark_key(job: &str) -> String {
    format!("sheetkeep {job}")
}

/// The requests that give the tab these columns, to the right of the last one with a header: an inserted column is new, so nothing
/// of people's can be written over.
pub fn added(tab: &mut Tab, columns: &[String]) -> Vec<Request> {
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
    let header: Vec<_> = columns.iter().map(|name| Cell::text(name.as_str()).shown_as(CellFormat::bold())).collect();
    let start = GridCoordinate { sheet_id, row_index: 0, column_index: at };
    let rows = vec![header.into()];
    tab.header.extend(columns.iter().cloned());
    tab.width += columns.len();
    vec![room, Request::UpdateCells { rows, fields: VALUE_AND_FORMAT.into(), start: Some(start), range: None }]
}

/// The requests that mark the columns which become the job's own with the commit of this head.
pub fn marks(job: &str, head: HeadId, tab: &Tab, own: &[String], owned: &[String]) -> Vec<Request> {
    let key = mark_key(job);
    let chars = |name: &String| key.chars().count() + name.chars().count();
    let mut used = 0;
    let mut marks = Vec::new();
    for (n, name) in own.iter().enumerate() {
        used += chars(name);
        let Some(at) = tab.position(name).and_then(|at| u32::try_from(at).ok()) else { continue };
        if used > MAX_MARK_CHARS || owned.contains(name) {
            continue;
        }
        let range =
            DimensionRange { sheet_id: tab.id, dimension: Dimension::Columns, start_index: at, end_index: at + 1 };
        let developer_metadata = DeveloperMetadata {
            metadata_id: made_number(head, 16 + n as u64),
            metadata_key: key.clone(),
            metadata_value: name.clone(),
            location: MarkedPlace { dimension_range: range },
            visibility: "DOCUMENT",
        };
        marks.push(Request::CreateDeveloperMetadata { developer_metadata });
    }
    marks
}

/// The job's own columns that no header names.
pub fn lost(tab: &Tab, own: &[String]) -> Vec<String> {
    own.iter().filter(|name| tab.position(name).is_none()).cloned().collect()
}

/// What became of columns that no header names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Columns that people deleted.
    pub gone: Vec<String>,
    /// What people should know.
    pub blemishes: Vec<Blemish>,
}

/// Looks for lost columns by their marks, and lets the tab know them by their new headers. `marks` is none where they can't be
/// read: then nobody can tell a renamed column from a deleted one, and the run has to stop.
pub fn found_again(tab: &mut Tab, title: &str, own: &[String], lost: &[String], marks: Option<&[Mark]>) -> Found {
    let mut found = Found::default();
    for name in lost {
        let marked = |mark: &&Mark| mark.sheet_id == tab.id && mark.value == *name;
        let column = marks.map(|marks| marks.iter().find(marked).map(|mark| mark.column as usize));
        let now = column.map(|column| column.and_then(|at| tab.header.get(at)).cloned());
        let (message, blocking) = match now {
            None => {
                (format!("tab {title} has lost its column \"{name}\": write that word back into its header row"), true)
            }
            // A mark on a column that goes by another name of the job's is of no use: its own header tells more.
            Some(Some(text)) if !text.is_empty() && !own.contains(&text) => {
                let message = format!("column \"{name}\" of tab {title} is now called \"{text}\": its values go there");
                tab.renamed.retain(|(own, _)| own != name);
                tab.renamed.push((name.clone(), text));
                (message, false)
            }
            Some(Some(text)) if text.is_empty() => (
                format!(
                    "tab {title}: column \"{name}\" has no header any more: write that word back into its header row"
                ),
                true,
            ),
            Some(_) => {
                found.gone.push(name.clone());
                let message = format!(
                    "column \"{name}\" of tab {title} was deleted: its values are left out; add a column of that name to have them again"
                );
                (message, false)
            }
        };
        found.blemishes.push(Blemish { message, blocking });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tab(header: &[&str], width: usize) -> Tab {
        let header = header.iter().map(|&text| text.to_owned()).collect();
        Tab { id: 7, title: "T".into(), header, width, ..Tab::default() }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_new_column_is_put_right_of_the_last_header_and_at_the_grids_end_the_grid_grows() {
        let mut roomy = tab(&["id", "mine"], 26);
        let requests = added(&mut roomy, &names(&["n"]));
        assert!(matches!(requests[0], Request::InsertDimension { range, .. } if range.start_index == 2));
        assert_eq!((roomy.header, roomy.width), (names(&["id", "mine", "n"]), 27));
        let mut full = tab(&["id"], 1);
        assert!(matches!(added(&mut full, &names(&["n"]))[0], Request::AppendDimension { length: 1, .. }));
        assert!(added(&mut full, &[]).is_empty());
    }

    #[test]
    fn only_columns_that_become_the_jobs_own_are_marked_and_each_with_an_id_of_its_own() {
        let (tab, head) = (tab(&["id", "mine", "n"], 3), HeadId { commit: 1, nonce: 5 });
        let made = marks("j", head, &tab, &names(&["id", "n", "elsewhere"]), &names(&["id"]));
        let [Request::CreateDeveloperMetadata { developer_metadata: mark }] = made.as_slice() else {
            panic!("one mark: {made:?}");
        };
        assert_eq!((mark.metadata_value.as_str(), mark.location.dimension_range.start_index), ("n", 2));
        let all = marks("j", head, &tab, &names(&["id", "n"]), &[]);
        assert!(all.len() == 2 && all[0] != all[1]);
        let wide: Vec<String> = (0..2_000).map(|n| format!("a long name of a column, number {n}")).collect();
        let wide_tab = Tab { header: wide.clone(), ..tab };
        assert!(marks("j", head, &wide_tab, &wide, &[]).len() < 600, "the service's budget is kept");
    }

    #[test]
    fn a_renamed_column_is_found_by_its_mark_and_a_deleted_one_is_left_out() {
        let mut tab = tab(&["id", "Mag (Mw)", "mine"], 3);
        let own = names(&["id", "magnitude", "depth"]);
        let lost = lost(&tab, &own);
        assert_eq!(lost, names(&["magnitude", "depth"]));
        let mark = |sheet_id, column, value: &str| Mark { sheet_id, column, value: value.into() };
        let marks = [mark(7, 0, "id"), mark(7, 1, "magnitude"), mark(8, 2, "depth")];
        let found = found_again(&mut tab, "Quakes", &own, &lost, Some(&marks));
        assert_eq!(found.gone, names(&["depth"]));
        assert_eq!((tab.position("magnitude"), tab.position("depth")), (Some(1), None));
        assert_eq!(tab.columns(), names(&["id", "magnitude", "mine"]));
        assert_eq!(
            found.blemishes[0].message,
            "column \"magnitude\" of tab Quakes is now called \"Mag (Mw)\": its values go there"
        );
        assert!(found.blemishes.iter().all(|blemish| !blemish.blocking));
    }

    #[test]
    fn where_marks_can_not_be_read_a_lost_header_stops_the_run() {
        let mut tab = tab(&["id"], 3);
        let found = found_again(&mut tab, "Q", &names(&["id", "n"]), &names(&["n"]), None);
        assert!(found.blemishes[0].blocking && found.gone.is_empty());
    }
}
