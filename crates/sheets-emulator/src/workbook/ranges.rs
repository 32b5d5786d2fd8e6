//! A spreadsheet as ranges and formulas see it.
//!
//! In scope: which sheet and cells a text of the A1 grammar means, refusals in Google's words, what is remembered while it is read.
//! Out of scope: the grammar itself (`a1`), what the cells come to (`seen`), reading and writing values.

use std::cell::{Cell as Counter, RefCell};
use std::collections::HashMap;

use crate::error::ApiError;
use crate::formula::budget::EvalBudget;
use crate::formula::spill::SpillAnchor;
use crate::grid::a1::{CellSpan, SheetLookup, locate};
use crate::grid::area::{Area, GridRange};
use crate::grid::value::Scalar;
use crate::storage::store::StorageError;
use crate::storage::transaction::{SheetProperties, Transaction};

/// The sheets of a spreadsheet inside one transaction.
#[derive(Debug)]
pub(crate) struct Workbook<'t, 's> {
    /// Where its cells are.
    pub transaction: &'t Transaction<'s>,
    /// Its sheets in the order of the tabs.
    pub sheets: Vec<SheetProperties>,
    /// How deep formulas refer to each other just now.
    pub(crate) chain: Counter<u32>,
    /// How much the outermost of them has looked up.
    pub(crate) looks: Counter<u32>,
    /// What is left of all that formulas may use.
    pub(crate) budget: EvalBudget,
    /// How many cells the results of formulas fill.
    pub(crate) filled: Counter<u64>,
    /// By sheet, the formulas that may fill more cells than their own, once they were asked for.
    pub(crate) spilling: RefCell<HashMap<i32, Vec<SpillAnchor>>>,
    /// What other formulas came to, by sheet, row and column.
    pub(crate) results: RefCell<HashMap<(i32, u32, u32), Scalar>>,
}

/// Cells of one sheet, as a request named them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SheetRange {
    /// The sheet.
    pub sheet: SheetProperties,
    /// The cells as named, with open ends.
    pub span: CellSpan,
}

impl SheetRange {
    /// The cells inside the grid.
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

    /// The cells as an answer names them.
    pub(crate) fn printed(&self) -> String {
        name_area(&self.sheet, &self.area())
    }

    /// Google's refusal of cells outside the grid.
    pub(crate) fn exceeds(&self) -> ApiError {
        let SheetRange { sheet, span } = self;
        ApiError::invalid_argument(format!(
            "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
            span.print_with(&sheet.title),
            sheet.row_count,
            sheet.column_count
        ))
    }
}

/// Cells of a sheet as an answer names them.
pub(crate) fn name_area(sheet: &SheetProperties, area: &Area) -> String {
    CellSpan::block(area.rows.start, area.rows.end, area.cols.start, area.cols.end).print_with(&sheet.title)
}

impl<'t, 's> Workbook<'t, 's> {
    /// The spreadsheet of a transaction as it is now; after a write that may change what formulas come to, it is to be opened anew.
    pub(crate) fn open(transaction: &'t Transaction<'s>) -> Result<Self, StorageError> {
        Ok(Self {
            transaction,
            sheets: transaction.sheets()?,
            chain: Counter::new(0),
            looks: Counter::new(0),
            budget: EvalBudget::default(),
            filled: Counter::new(0),
            spilling: RefCell::default(),
            results: RefCell::default(),
        })
    }

    /// The cells that `text` names; 400 when there are none.
    pub(crate) fn find(&self, text: &str) -> Result<SheetRange, ApiError> {
        let (sheet, span) =
            locate(text, &self).ok_or_else(|| ApiError::invalid_argument(format!("Unable to parse range: {text}")))?;
        Ok(SheetRange { sheet: sheet.clone(), span })
    }

    /// The cells that `text` names, to be read or cleared: they may end outside the grid, but not begin there.
    pub(crate) fn find_inside(&self, text: &str) -> Result<SheetRange, ApiError> {
        let place = self.find(text)?;
        if place.span.starts_outside(place.sheet.row_count, place.sheet.column_count) {
            return Err(place.exceeds());
        }
        Ok(place)
    }

    /// The sheet of a title, whatever its case.
    pub(crate) fn titled(&self, title: &str) -> Option<&SheetProperties> {
        let folded = title.to_lowercase();
        let exact = self.sheets.iter().find(|sheet| sheet.title == title);
        exact.or_else(|| self.sheets.iter().find(|sheet| sheet.title.to_lowercase() == folded))
    }
}

impl<'b> SheetLookup for &'b Workbook<'_, '_> {
    type Tab = &'b SheetProperties;

    fn titled(&self, title: &str) -> Option<&'b SheetProperties> {
        Workbook::titled(self, title)
    }

    fn first_visible(&self) -> Option<&'b SheetProperties> {
        self.sheets.iter().find(|sheet| !sheet.hidden).or_else(|| self.sheets.first())
    }

    fn named(&self, name: &str) -> Option<(&'b SheetProperties, CellSpan)> {
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
