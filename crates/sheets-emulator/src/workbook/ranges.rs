//! A spreadsheet as ranges and formulas read it.
//!
//! In scope: the sheet and cells of an A1 text, Google's errors, caches of one read.
//! Out of scope: A1 notation (`grid::a1`), values of cells (`evaluated_view`), reading and writing
//! values (`methods`).

use std::cell::{Cell as Counter, RefCell};
use std::collections::HashMap;

use crate::error::ApiError;
use crate::formula::budget::EvalBudget;
use crate::formula::settings::FormulaSettings;
use crate::formula::spill::SpillAnchor;
use crate::grid::a1::{CellSpan, SheetLookup, locate};
use crate::grid::area::{Area, GridRange};
use crate::grid::value::Scalar;
use crate::storage::store::StorageError;
use crate::storage::transaction::{SheetProperties, Transaction};
use crate::workbook::sheet_columns::ColumnCache;

/// The sheets of a spreadsheet in one transaction.
#[derive(Debug)]
pub(crate) struct Workbook<'t, 's> {
    /// The transaction in which everything is read and written.
    pub transaction: &'t Transaction<'s>,
    /// The sheets in their order.
    pub sheets: Vec<SheetProperties>,
    /// The current depth of formulas that refer to each other.
    pub(crate) chain: Counter<u32>,
    /// The look-ups of the outermost formula.
    pub(crate) looks: Counter<u32>,
    /// The remaining budget of formulas.
    pub(crate) budget: EvalBudget,
    /// The decimal sign and the time of formulas.
    pub(crate) settings: FormulaSettings,
    /// Cells that array results fill.
    pub(crate) filled: Counter<u64>,
    /// By sheet, the formulas that may fill several cells, once they were read.
    pub(crate) spilling: RefCell<HashMap<i32, Vec<SpillAnchor>>>,
    /// Whether the formula in progress read another one that is in progress.
    pub(crate) met_running: Counter<bool>,
    /// Columns that formulas read.
    pub(crate) columns: RefCell<ColumnCache>,
    /// Results of other formulas, by sheet, row and column.
    pub(crate) results: RefCell<HashMap<(i32, u32, u32), Scalar>>,
}

/// A range of one sheet in a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SheetRange {
    pub sheet: SheetProperties,
    /// The range as written, with open ends.
    pub span: CellSpan,
}

impl SheetRange {
    /// Returns the cells inside the grid.
    pub(crate) fn area(&self) -> Area {
        let range = GridRange {
            sheet_id: self.sheet.id,
            start_row: self.span.start_row,
            end_row: self.span.end_row,
            start_col: self.span.start_column,
            end_col: self.span.end_column,
        };
        range.resolve(self.sheet.row_count, self.sheet.column_count)
    }

    /// Returns the range as responses write it.
    pub(crate) fn print(&self) -> String {
        print_area(&self.sheet, &self.area())
    }

    /// Returns Google's error for cells outside the grid.
    pub(crate) fn make_outside_error(&self) -> ApiError {
        let SheetRange { sheet, span } = self;
        ApiError::invalid_argument(format!(
            "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
            span.print_with(&sheet.title),
            sheet.row_count,
            sheet.column_count
        ))
    }
}

/// Returns an area as responses write it.
pub(crate) fn print_area(sheet: &SheetProperties, area: &Area) -> String {
    CellSpan::block(area.rows.start, area.rows.end, area.cols.start, area.cols.end).print_with(&sheet.title)
}

impl<'t, 's> Workbook<'t, 's> {
    /// Opens the spreadsheet of a transaction. After a write that may change results it must be
    /// opened again.
    pub(crate) fn open(transaction: &'t Transaction<'s>) -> Result<Self, StorageError> {
        let properties = transaction.properties()?;
        let recalculated_ms = transaction.recalculated_ms(&properties.auto_recalc)?;
        Ok(Self {
            transaction,
            settings: FormulaSettings::new(&properties.locale, &properties.time_zone, recalculated_ms),
            sheets: transaction.sheets()?,
            chain: Counter::new(0),
            looks: Counter::new(0),
            budget: EvalBudget::default(),
            filled: Counter::new(0),
            spilling: RefCell::default(),
            met_running: Counter::new(false),
            columns: RefCell::default(),
            results: RefCell::default(),
        })
    }

    /// Returns the cells of `text`; 400 if there are none.
    pub(crate) fn find(&self, text: &str) -> Result<SheetRange, ApiError> {
        let (sheet, span) =
            locate(text, &self).ok_or_else(|| ApiError::invalid_argument(format!("Unable to parse range: {text}")))?;
        Ok(SheetRange { sheet: sheet.clone(), span })
    }

    /// Returns the cells of `text` for reading or clearing. They may end outside the grid, but not
    /// begin there.
    pub(crate) fn find_inside(&self, text: &str) -> Result<SheetRange, ApiError> {
        let place = self.find(text)?;
        if place.span.starts_outside(place.sheet.row_count, place.sheet.column_count) {
            return Err(place.make_outside_error());
        }
        Ok(place)
    }

    /// Returns the sheet with this title, regardless of case.
    pub(crate) fn find_titled(&self, title: &str) -> Option<&SheetProperties> {
        let folded = title.to_lowercase();
        let exact = self.sheets.iter().find(|sheet| sheet.title == title);
        exact.or_else(|| self.sheets.iter().find(|sheet| sheet.title.to_lowercase() == folded))
    }
}

impl<'b> SheetLookup for &'b Workbook<'_, '_> {
    type Tab = &'b SheetProperties;

    fn find_titled(&self, title: &str) -> Option<&'b SheetProperties> {
        Workbook::find_titled(self, title)
    }

    fn find_first_visible(&self) -> Option<&'b SheetProperties> {
        self.sheets.iter().find(|sheet| !sheet.is_hidden).or_else(|| self.sheets.first())
    }

    fn find_named(&self, name: &str) -> Option<(&'b SheetProperties, CellSpan)> {
        let range = self.transaction.named_range_by_name(name).ok()??.range;
        let sheet = self.sheets.iter().find(|sheet| sheet.id == range.sheet_id)?;
        let span = CellSpan {
            start_row: range.start_row,
            end_row: range.end_row,
            start_column: range.start_col,
            end_column: range.end_col,
        };
        Some((sheet, span))
    }
}
