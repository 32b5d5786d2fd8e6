//! Protected ranges: who may write where.
//!
//! In scope: the cells that are closed to a caller, the check of each row that is written. Out of scope: keeping and
//! showing protections (`batch::named`).
//!
//! Whoever adds a protection may edit what it protects, and so may the editors that it names; a warning stops nobody. A write
//! that leaves protected cells as they are is let through, which is more lenient than the service may be.

use serde_json::{Map, Value};

use crate::auth::test_credentials::TEST_ACCOUNT;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::Cell;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{ProtectedArea, Transaction};

/// The member of a kept protection that says who added it; answers never show it.
pub(crate) const ADDED_BY: &str = "_addedBy";

/// Who owns every spreadsheet, beside the account of the throw-away key: the person whose hands `POST /_emulator/hands` are.
pub(crate) const OWNER: &str = "owner@sheetkeep-emulator.example";

/// Spreadsheets that can be written: by anybody to anything, or by somebody who is held to protections.
pub(crate) trait Writable {
    /// The only writer of the file until it is committed or dropped.
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError>;
}

impl Writable for SpreadsheetStore {
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        SpreadsheetStore::write(self, spreadsheet)
    }
}

/// A store as somebody sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountStore<'a> {
    /// The store.
    pub store: &'a SpreadsheetStore,
    /// The account.
    pub account: &'a str,
}

impl Writable for AccountStore<'_> {
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        Ok(self.store.write(spreadsheet)?.on_behalf_of(self.account))
    }
}

/// Whether this account may edit what a protection protects.
pub(crate) fn may_edit(body: &Value, account: &str) -> bool {
    let added_by = body.get(ADDED_BY).and_then(Value::as_str).unwrap_or(TEST_ACCOUNT);
    let users = body.get("editors").and_then(|editors| editors.get("users")).and_then(Value::as_array);
    let named =
        users.into_iter().flatten().any(|user| user.as_str().is_some_and(|user| user.eq_ignore_ascii_case(account)));
    body.get("warningOnly") == Some(&Value::Bool(true)) || added_by == account || account == OWNER || named
}

impl Transaction<'_> {
    /// The same transaction, held to the protections that this account meets.
    #[must_use]
    pub(crate) fn on_behalf_of(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Who writes; nobody in particular where protections are not looked at.
    pub(crate) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Refuses a row that differs from the one that is there in a cell that is protected against the writer.
    pub(crate) fn check_protection(&self, sheet: i32, row: u32, new: &[Cell]) -> Result<(), StorageError> {
        let Some(account) = &self.account else { return Ok(()) };
        if !self.closed.borrow().contains_key(&sheet) {
            let found = self.protected_areas(sheet, account)?;
            self.closed.borrow_mut().insert(sheet, found);
        }
        let known = self.closed.borrow();
        let areas = known.get(&sheet).map_or(&[][..], Vec::as_slice);
        if areas.is_empty() {
            return Ok(());
        }
        let old = self.row(sheet, row)?;
        let refused = areas.iter().any(|(area, open)| refuses(area, open, row, &old, new));
        if refused { Err(StorageError::Protected) } else { Ok(()) }
    }

    /// The cells of a sheet that are closed to an account, each area with those of its cells that are left open.
    fn protected_areas(&self, sheet: i32, account: &str) -> Result<Vec<ProtectedArea>, StorageError> {
        let kept = self.kept(Some(sheet), "protected")?;
        let bodies: Vec<_> = kept.into_iter().map(|(_, body)| body).filter(|body| !may_edit(body, account)).collect();
        let grid = if bodies.is_empty() { None } else { self.sheet(sheet)? };
        let Some(grid) = grid else { return Ok(Vec::new()) };
        let area = |range: Option<&Value>| {
            let range = range_of(range.and_then(Value::as_object)?, sheet);
            Some(range.resolve(grid.row_count, grid.column_count))
        };
        let mut found = Vec::new();
        for body in bodies {
            let named = match body.get("namedRangeId").and_then(Value::as_str) {
                Some(id) => self.named_range(id)?.map(|named| named.range.resolve(grid.row_count, grid.column_count)),
                None => None,
            };
            let open = body.get("unprotectedRanges").and_then(Value::as_array);
            let open: Vec<Area> = open.into_iter().flatten().filter_map(|range| area(Some(range))).collect();
            found.extend(named.or_else(|| area(body.get("range"))).map(|area| (area, open)));
        }
        Ok(found)
    }
}

/// Whether a row as it is to be differs from the row as it is in a closed cell.
fn refuses(area: &Area, open: &[Area], row: u32, old: &[Cell], new: &[Cell]) -> bool {
    let blank = Cell::default();
    let at = |cells: &[Cell], column: u32| cells.get(column as usize).unwrap_or(&blank).clone();
    let last = u32::try_from(old.len().max(new.len())).unwrap_or(u32::MAX);
    let is_open = |column: &u32| open.iter().any(|open| open.rows.contains(&row) && open.cols.contains(column));
    let mut columns = (area.cols.start..area.cols.end.min(last)).filter(|column| !is_open(column));
    area.rows.contains(&row) && columns.any(|column| at(old, column) != at(new, column))
}

fn range_of(range: &Map<String, Value>, sheet: i32) -> GridRange {
    let bound = |name: &str| range.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    GridRange {
        sheet_id: sheet,
        start_row: bound("startRowIndex"),
        end_row: bound("endRowIndex"),
        start_col: bound("startColumnIndex"),
        end_col: bound("endColumnIndex"),
    }
}
