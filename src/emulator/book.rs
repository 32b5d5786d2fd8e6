//! A spreadsheet as ranges and formulas see it.
//!
//! In scope: which sheet and cells a text of the A1 grammar means, refusals in Google's words, looking up cells for formulas.
//! Out of scope: the grammar itself (`a1`), reading and writing values.

use std::cell::Cell as Counter;

use crate::emulator::a1::{Span, Tabs, locate};
use crate::emulator::cell::Cell;
use crate::emulator::error::ApiError;
use crate::emulator::formula::Sight;
use crate::emulator::grid::{Area, GridRange};
use crate::emulator::outcome::Outcome;
use crate::emulator::render::effective;
use crate::emulator::storage::StorageError;
use crate::emulator::transaction::{SheetRow, Transaction};

/// How many formulas may refer to each other in a chain; a longer one, or a circle, is `#REF!`.
const CHAIN_LIMIT: u32 = 32;

/// How many cells one formula may look up in all, those of the formulas it refers to included.
const LOOK_LIMIT: u32 = 200_000;

/// The sheets of a spreadsheet inside one transaction.
#[derive(Debug)]
pub struct Book<'t, 's> {
    /// Where its cells are.
    pub transaction: &'t Transaction<'s>,
    /// Its sheets in the order of the tabs.
    pub sheets: Vec<SheetRow>,
    chain: Counter<u32>,
    looks: Counter<u32>,
}

/// Cells of one sheet, as a request named them.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The sheet.
    pub sheet: SheetRow,
    /// The cells as named, with open ends.
    pub span: Span,
}

impl Place {
    /// The cells inside the grid.
    pub fn area(&self) -> Area {
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
    pub fn printed(&self) -> String {
        name_area(&self.sheet, &self.area())
    }

    /// Google's refusal of cells outside the grid.
    pub fn exceeds(&self) -> ApiError {
        let Place { sheet, span } = self;
        ApiError::invalid_argument(format!(
            "Range ({}) exceeds grid limits. Max rows: {}, max columns: {}",
            span.print_with(&sheet.title),
            sheet.row_count,
            sheet.column_count
        ))
    }
}

/// Cells of a sheet as an answer names them.
pub fn name_area(sheet: &SheetRow, area: &Area) -> String {
    Span::block(area.rows.start, area.rows.end, area.cols.start, area.cols.end).print_with(&sheet.title)
}

impl<'t, 's> Book<'t, 's> {
    /// The spreadsheet of a transaction.
    pub fn open(transaction: &'t Transaction<'s>) -> Result<Self, StorageError> {
        Ok(Self { transaction, sheets: transaction.sheets()?, chain: Counter::new(0), looks: Counter::new(0) })
    }

    /// The cells that `text` names; 400 when there are none.
    pub fn find(&self, text: &str) -> Result<Place, ApiError> {
        let (sheet, span) =
            locate(text, &self).ok_or_else(|| ApiError::invalid_argument(format!("Unable to parse range: {text}")))?;
        Ok(Place { sheet: sheet.clone(), span })
    }

    /// The cells that `text` names, to be read or cleared: they may end outside the grid, but not begin there.
    pub fn find_inside(&self, text: &str) -> Result<Place, ApiError> {
        let place = self.find(text)?;
        if place.span.starts_outside(place.sheet.row_count, place.sheet.column_count) {
            return Err(place.exceeds());
        }
        Ok(place)
    }

    /// What a formula on the sheet `home` sees.
    pub fn seen_from(&self, home: i32) -> SeenFrom<'_, 't, 's> {
        SeenFrom { book: self, home }
    }

    fn look(&self, home: i32, title: Option<&str>, row: u32, column: u32) -> Outcome {
        let sheet = title.map_or(Some(home), |title| self.titled(title).map(|sheet| sheet.id));
        let Some(sheet) = sheet else { return Outcome::Error("#REF!") };
        if self.chain.get() == 0 {
            self.looks.set(0);
        }
        self.looks.set(self.looks.get() + 1);
        if self.chain.get() >= CHAIN_LIMIT || self.looks.get() > LOOK_LIMIT {
            return Outcome::Error("#REF!");
        }
        self.chain.set(self.chain.get() + 1);
        let outcome = match self.transaction.row(sheet, row) {
            Ok(mut cells) => {
                let at = usize::try_from(column).unwrap_or(usize::MAX);
                let cell = if at < cells.len() { cells.swap_remove(at) } else { Cell::default() };
                effective(&cell, &self.seen_from(sheet))
            }
            Err(error) => {
                tracing::error!(%error, "a cell that a formula refers to can't be read");
                Outcome::Error("#ERROR!")
            }
        };
        self.chain.set(self.chain.get() - 1);
        outcome
    }

    fn titled(&self, title: &str) -> Option<&SheetRow> {
        let folded = title.to_lowercase();
        let exact = self.sheets.iter().find(|sheet| sheet.title == title);
        exact.or_else(|| self.sheets.iter().find(|sheet| sheet.title.to_lowercase() == folded))
    }
}

/// A spreadsheet as a formula on one of its sheets sees it.
#[derive(Debug, Clone, Copy)]
pub struct SeenFrom<'b, 't, 's> {
    book: &'b Book<'t, 's>,
    home: i32,
}

impl Sight for SeenFrom<'_, '_, '_> {
    fn cell(&self, title: Option<&str>, row: u32, column: u32) -> Outcome {
        self.book.look(self.home, title, row, column)
    }

    fn size(&self, title: Option<&str>) -> Option<(u32, u32)> {
        let home = || self.book.sheets.iter().find(|sheet| sheet.id == self.home);
        let sheet = title.map_or_else(home, |title| self.book.titled(title))?;
        Some((sheet.row_count, sheet.column_count))
    }
}

impl<'b> Tabs for &'b Book<'_, '_> {
    type Tab = &'b SheetRow;

    fn titled(&self, title: &str) -> Option<&'b SheetRow> {
        Book::titled(self, title)
    }

    fn first_visible(&self) -> Option<&'b SheetRow> {
        self.sheets.iter().find(|sheet| !sheet.hidden).or_else(|| self.sheets.first())
    }

    fn named(&self, name: &str) -> Option<(&'b SheetRow, Span)> {
        let range = self.transaction.named_range_called(name).ok()??.range;
        let sheet = self.sheets.iter().find(|sheet| sheet.id == range.sheet_id)?;
        let span = Span {
            start_row: range.start_row,
            end_row: range.end_row,
            start_column: range.start_col,
            end_column: range.end_col,
        };
        Some((sheet, span))
    }
}
