//! A tab that a spreadsheet has from the start: the contents of a CSV file, as if typed.
//!
//! In scope: reading the file, the cells.
//! Out of scope: the spreadsheet that gets the tab (`emulator`).

use crate::grid::cell::Cell;
use crate::input::entry_settings::EntrySettings;
use crate::input::value_matrix::enter_text;
use crate::storage::transaction::SheetProperties;

/// A tab with its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedTab {
    title: String,
    rows: Vec<Vec<Cell>>,
}

/// Why a CSV file can't become a tab.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct LoadedTabError {
    why: String,
}

impl LoadedTab {
    /// Reads a CSV file with commas, in UTF-8. Each value is entered as if typed: `0042` becomes a
    /// number, `2026-01-31` a date, `=A1` a formula.
    pub fn from_csv(title: impl Into<String>, text: &[u8]) -> Result<Self, LoadedTabError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| LoadedTabError { why: error.to_string() })?;
            let cells = record.iter().map(|text| enter_text(Cell::default(), text, EntrySettings::default()));
            let line = record.position().map_or(0, csv::Position::line);
            let cells = cells.collect::<Result<Vec<_>, _>>();
            rows.push(cells.map_err(|error| LoadedTabError { why: format!("line {line}: {}", error.message) })?);
        }
        Ok(Self { title: title.into(), rows })
    }

    /// Returns the sheet of the tab, which is the one with this index. It is as large as a new sheet,
    /// or as its rows.
    pub(crate) fn properties(&self, index: u32) -> SheetProperties {
        let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut sheet = SheetProperties::new(i32::try_from(index).unwrap_or(0), self.title.clone(), index);
        sheet.row_count = sheet.row_count.max(length(self.rows.len()));
        let width = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        sheet.column_count = sheet.column_count.max(length(width));
        sheet
    }

    /// Returns the rows, with their numbers from 0.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, Vec<Cell>)> + '_ {
        (0..).zip(self.rows.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::cell::CellValue;

    #[test]
    fn values_are_entered_as_if_typed() {
        let tab = LoadedTab::from_csv("T", b"\xef\xbb\xbfid,when\n0042,2026-01-31\n").unwrap();
        let rows: Vec<_> = tab.rows().collect();
        assert_eq!(rows[0].1[0].value, Some(CellValue::Text("id".into())));
        assert_eq!(rows[1].1[0].value, Some(CellValue::Number(42.0)));
        assert_eq!(rows[1].1[1].value, Some(CellValue::Number(46_053.0)));
        assert_eq!((tab.properties(1).title.as_str(), tab.properties(1).row_count), ("T", 1000));
    }

    #[test]
    fn a_file_that_is_no_csv_is_refused_with_its_line() {
        assert!(LoadedTab::from_csv("T", b"a,\xff").unwrap_err().to_string().contains("UTF-8"));
        let long = format!("a\n{}", "x".repeat(50_001));
        assert!(LoadedTab::from_csv("T", long.as_bytes()).unwrap_err().to_string().starts_with("line 2: "));
    }
}
