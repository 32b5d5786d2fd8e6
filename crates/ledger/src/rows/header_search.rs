//! Finds the header of a data tab if it may not be in row 1.
//!
//! In scope: whether a tab that a user made fits the job's rows, and which row holds a header that
//! was pushed down.
//! Out of scope: reading the rows (`store::load::header_check`), and when to stop
//! (`runner::records::intake`, `store::load::loader`).
//!
//! A tab with content that is not the job's counts as another table: rows written beside it could
//! not be separated later. One of the job's headers in row 1 proves that the tab was made for it.

use crate::values::columns::quote_name;

/// Number of cells of a row that an error shows.
const SHOWN_CELLS: usize = 4;

/// The first rows of a tab to which the job has never written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FirstRows {
    tab: String,
    rows: Vec<Vec<String>>,
}

impl FirstRows {
    /// Creates it for this tab, with formatted texts from row 1 on.
    pub fn new(tab: impl Into<String>, rows: Vec<Vec<String>>) -> Self {
        Self { tab: tab.into(), rows }
    }

    /// True if row 1 has content.
    pub fn has_header(&self) -> bool {
        self.rows.first().is_some_and(|row| !is_blank(row))
    }

    /// Returns why the tab can't be used for any columns: row 1 is blank, and a row below it is
    /// not.
    pub fn explain_missing_header(&self) -> Option<String> {
        let at = self.rows.iter().position(|row| !is_blank(row)).filter(|at| *at > 0)?;
        let (tab, row) = (&self.tab, self.rows.get(at)?);
        Some(format!(
            "tab {tab} has nothing in row 1, where its header has to be, and {} in row {}; if that is the header, delete the rows above \
             it; if the tab is not the job's, name another one in [sheet] tab",
            quote_texts(row),
            at + 1
        ))
    }

    /// Returns why rows with these columns don't belong in the tab: its header, if it has one,
    /// contains none of them.
    pub fn explain_mismatch(&self, columns: &[&str]) -> Option<String> {
        let header = self.rows.first().filter(|row| !is_blank(row))?;
        if matches(header, columns) > 0 {
            return None;
        }
        let (tab, seen) = (&self.tab, quote_texts(header));
        let below = find_header_below(&self.rows, columns);
        let help = if let Some(row) = below {
            format!("row {row} looks like the header: delete the rows above it")
        } else {
            let wanted: Vec<_> = columns.iter().take(SHOWN_CELLS).map(|name| quote_name(name)).collect();
            format!(
                "is it another table? Name another tab in [sheet] tab, or write a column of the job's ({}) into row 1",
                wanted.join(", ")
            )
        };
        Some(format!(
            "tab {tab} has {seen} in row 1, and the job, which has never written there, has no such column: {help}"
        ))
    }
}

/// Returns the row below the first, counted from 1, that has the most of these headers: at least
/// half, and more than row 1.
pub fn find_header_below(rows: &[Vec<String>], wanted: &[&str]) -> Option<usize> {
    let count = |row: &Vec<String>| matches(row, wanted);
    let first = rows.first().map_or(0, count);
    let below = rows.iter().enumerate().skip(1).map(|(at, row)| (count(row), at));
    let (most, at) = below.max_by_key(|(count, at)| (*count, std::cmp::Reverse(*at)))?;
    (most > first && most * 2 >= wanted.len()).then_some(at + 1)
}

fn matches(row: &[String], wanted: &[&str]) -> usize {
    wanted.iter().filter(|name| row.iter().any(|text| text == *name)).count()
}

fn is_blank(row: &[String]) -> bool {
    row.iter().all(String::is_empty)
}

/// Formats texts as `"Report" and "May 2024"`.
fn quote_texts(row: &[String]) -> String {
    let texts: Vec<_> = row.iter().filter(|text| !text.is_empty()).collect();
    let quoted: Vec<_> = texts.iter().take(SHOWN_CELLS).map(|text| quote_name(text)).collect();
    let more = if texts.len() > SHOWN_CELLS { ", …" } else { "" };
    format!("{}{more}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(rows: &[&[&str]]) -> FirstRows {
        FirstRows::new("Data", rows.iter().map(|row| row.iter().map(|&text| text.to_owned()).collect()).collect())
    }

    #[test]
    fn a_tab_with_a_column_of_the_jobs_is_the_jobs() {
        let prepared = first(&[&["note", "id"], &["Report"]]);
        assert_eq!((prepared.explain_missing_header(), prepared.explain_mismatch(&["id", "n"])), (None, None));
        assert_eq!(first(&[]).explain_missing_header().or(first(&[]).explain_mismatch(&["id"])), None);
        assert_eq!(first(&[&["", ""]]).explain_missing_header(), None);
    }

    #[test]
    fn a_header_below_row_1_is_named_with_its_row() {
        let why = first(&[&[], &["", ""], &["", "id", "n"]]).explain_missing_header().expect("row 1 is blank");
        assert!(why.contains("nothing in row 1") && why.contains("\"id\", \"n\" in row 3"), "{why}");
        let why = first(&[&["Report of May"], &["id", "n"]]).explain_mismatch(&["id", "n"]).expect("a title");
        assert!(why.contains("\"Report of May\" in row 1") && why.contains("row 2 looks like the header"), "{why}");
    }

    #[test]
    fn a_table_of_a_user_is_shown_as_far_as_it_helps() {
        let why = first(&[&["a", "b", "c", "d", "e"], &["1"]]).explain_mismatch(&["id", "n"]).expect("a foreign table");
        assert!(why.starts_with("tab Data has \"a\", \"b\", \"c\", \"d\", … in row 1, and the job"), "{why}");
        assert!(why.contains("(\"id\", \"n\") into row 1"), "{why}");
    }

    #[test]
    fn a_row_that_happens_to_show_one_header_is_no_header() {
        let rows = |rows: &[&[&str]]| first(rows).rows;
        assert_eq!(find_header_below(&rows(&[&["x"], &["id", "7"]]), &["id", "n", "name"]), None);
        assert_eq!(find_header_below(&rows(&[&["x"], &[], &["id", "n"]]), &["id", "n", "name"]), Some(3));
        assert_eq!(find_header_below(&rows(&[&["id"], &["id"]]), &["id"]), None);
    }
}
