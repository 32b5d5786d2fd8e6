//! The current contents of the data tab, for a repair. Pure.
//!
//! In scope: displayed cells, and whether a formula computes them.
//! Out of scope: reading them (`store::load::reread`).

use serde_json::Value;

use crate::store::tabs::column_map::is_error;
use crate::store::tabs::parse::format_cell;
use crate::store::tabs::row_fingerprint::{FingerprintMatch, RowFingerprint};
use crate::store::tabs::schema::Tab;
use crate::store::upsert::undo_log::HeaderFormulas;

/// The current contents of the data tab.
#[derive(Debug, Clone, Copy)]
pub struct TabImage<'a> {
    /// The tab with its header.
    pub tab: &'a Tab,
    /// The position of the key column.
    pub key: usize,
    /// All rows, including the header, without trailing blank rows.
    pub rows: &'a [Vec<Value>],
    /// The number of rows in its grid.
    pub height: u32,
    /// The cells of `rows` as entered, formulas as text; empty if not known.
    pub entered: &'a [Vec<Value>],
    /// The cells of the undo rows as entered.
    pub undo: &'a EnteredImages,
}

/// The cells of the undo rows as entered (formulas as text), in the order of the misplaced writes;
/// empty if they were not read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnteredImages {
    /// The pre-images.
    pub pre_images: Vec<Vec<Value>>,
    /// The post-images of a repair. Other batches write no formulas.
    pub post_images: Vec<Vec<Value>>,
    /// The header as found by a repair, if that kept its formulas.
    pub header: Vec<Value>,
}

impl TabImage<'_> {
    /// The rows below the header, with their indices.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &Vec<Value>)> {
        self.rows.iter().enumerate().skip(1)
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<&Value> {
        self.rows.get(row)?.get(column)
    }

    /// Whether nothing was entered into a row. A formula elsewhere may still fill cells of it.
    pub(crate) fn is_blank(&self, row: usize) -> bool {
        let entered = self.entered.get(row);
        let has_no_entry =
            |at: usize| entered.is_some_and(|cells| cells.get(at).is_none_or(|cell| format_cell(cell).is_empty()));
        let is_blank = |(at, cell): (usize, &Value)| {
            format_cell(cell).is_empty() || has_no_entry(at) || self.has_header_formula(at)
        };
        self.rows.get(row).is_none_or(|cells| cells.iter().enumerate().all(is_blank))
    }

    /// Whether a row has cells that no formula computes.
    pub(crate) fn has_constants(&self, row: usize) -> bool {
        let cells = self.rows.get(row).map_or(&[][..], Vec::as_slice);
        !RowFingerprint::new(cells, |column| self.is_computed(row, column)).is_blank()
    }

    /// Whether a cell shows something that no formula computes.
    pub(crate) fn has_constant(&self, row: usize, column: usize) -> bool {
        !self.shown_text(row, column).is_empty() && !self.is_computed(row, column)
    }

    /// The formula of a column's header.
    pub(crate) fn header_formula(&self, column: usize) -> Option<&str> {
        let entered = self.entered.first()?.get(column)?.as_str()?;
        let is_formula = entered.starts_with('=') && self.tab.header.get(column).is_some_and(|shown| shown != entered);
        is_formula.then_some(entered)
    }

    /// The formulas of the header, each with its column.
    pub fn header_formulas(&self) -> HeaderFormulas {
        let formula = |at| Some((at, self.header_formula(at)?.to_owned()));
        (0..self.tab.header.len()).filter_map(formula).collect()
    }

    /// Whether the formula of its header fills a column.
    pub(crate) fn has_header_formula(&self, column: usize) -> bool {
        let is_well = |text: &String| !text.is_empty() && !is_error(text);
        self.header_formula(column).is_some() && self.tab.header.get(column).is_some_and(is_well)
    }

    /// The formula of a cell. A text that starts with `=` displays itself and is not a formula.
    pub(crate) fn formula(&self, row: usize, column: usize) -> Option<&str> {
        let entered = self.entered.get(row)?.get(column)?.as_str()?;
        (entered.starts_with('=') && self.shown_text(row, column) != entered).then_some(entered)
    }

    pub(crate) fn shown_text(&self, row: usize, column: usize) -> String {
        self.cell(row, column).map(format_cell).unwrap_or_default()
    }

    /// The number of columns of its widest row.
    pub(crate) fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default().max(self.tab.header.len())
    }

    /// Whether a formula computes the displayed cell: its own, or another cell's.
    fn is_computed(&self, row: usize, column: usize) -> bool {
        let Some(entered) = self.entered.get(row) else { return false };
        // The service may return the computed values of an array for its cells.
        if self.has_header_formula(column) {
            return true;
        }
        match entered.get(column) {
            // A text may also start with `=`. Then it displays itself.
            Some(Value::String(entered)) if entered.starts_with('=') => self.shown_text(row, column) != *entered,
            Some(cell) if !format_cell(cell).is_empty() => false,
            _ => !self.shown_text(row, column).is_empty(),
        }
    }

    /// The fingerprint of a row. Only its constants identify it; without any, its own formulas do.
    pub(crate) fn fingerprint(&self, row: usize) -> RowFingerprint {
        let cells = self.rows.get(row).map_or(&[][..], Vec::as_slice);
        let constants = RowFingerprint::new(cells, |column| self.is_computed(row, column));
        if !constants.is_blank() {
            return constants;
        }
        let is_own = |column: usize| self.formula(row, column).is_some() && !self.has_header_formula(column);
        RowFingerprint::new(cells, |column| self.is_computed(row, column) && !is_own(column))
    }

    /// As `fingerprint`, also with the results of formulas in these columns, which a repair is to
    /// write: a user may enter something there.
    pub(crate) fn fingerprint_with_columns(&self, row: usize, columns: &[usize]) -> RowFingerprint {
        let cells = self.rows.get(row).map_or(&[][..], Vec::as_slice);
        let is_written = |column: usize| columns.contains(&column) && self.formula(row, column).is_some();
        let is_left_out =
            |column: usize| self.is_computed(row, column) && (self.has_header_formula(column) || !is_written(column));
        let covering = RowFingerprint::new(cells, is_left_out);
        if covering.is_blank() { self.fingerprint(row) } else { covering }
    }

    pub(crate) fn compare(&self, fingerprint: &RowFingerprint, row: usize) -> FingerprintMatch {
        fingerprint.compare(self.rows.get(row).map_or(&[], Vec::as_slice), |column| self.is_computed(row, column))
    }

    /// As `compare`, without one column.
    pub(crate) fn compare_but(&self, fingerprint: &RowFingerprint, row: usize, left_out: usize) -> FingerprintMatch {
        let is_skipped = |column| column == left_out || self.is_computed(row, column);
        fingerprint.compare(self.rows.get(row).map_or(&[], Vec::as_slice), is_skipped)
    }
}
