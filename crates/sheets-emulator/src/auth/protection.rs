//! Protected ranges: which account may write which cells.
//!
//! In scope: the protected cells of an account, the check of each written row.
//! Out of scope: storing and returning protections (`batch::objects`).
//!
//! The account that adds a protection may edit the range, and so may the editors that it names. A
//! warning-only protection rejects no write. A write that leaves protected cells unchanged is
//! accepted, which is more lenient than the service may be.

use serde_json::{Map, Value};

use crate::auth::test_credentials::TEST_ACCOUNT;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::Cell;
use crate::storage::store::{SpreadsheetStore, StorageError};
use crate::storage::transaction::{ProtectedArea, Transaction};

/// Member of a stored protection that holds the account which added it. Responses omit it.
pub(crate) const ADDED_BY: &str = "_addedBy";

/// The owner of every spreadsheet, beside the test account. `POST /_emulator/edits` acts as this
/// user.
pub(crate) const OWNER: &str = "owner@sheetkeep-emulator.example";

/// Opens spreadsheets for writing, with or without a check of protections.
pub(crate) trait WriteOpener {
    /// Returns the only write transaction of the file, until it is committed or dropped.
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError>;
}

impl WriteOpener for SpreadsheetStore {
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        SpreadsheetStore::write(self, spreadsheet)
    }
}

/// A store that checks protections for one account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountStore<'a> {
    pub store: &'a SpreadsheetStore,
    pub account: &'a str,
}

impl WriteOpener for AccountStore<'_> {
    fn write(&self, spreadsheet: &str) -> Result<Transaction<'_>, StorageError> {
        Ok(self.store.write(spreadsheet)?.on_behalf_of(self.account))
    }
}

/// Returns whether this account may edit a protected range.
pub(crate) fn may_edit(body: &Value, account: &str) -> bool {
    let added_by = body.get(ADDED_BY).and_then(Value::as_str).unwrap_or(TEST_ACCOUNT);
    let users = body.get("editors").and_then(|editors| editors.get("users")).and_then(Value::as_array);
    let named =
        users.into_iter().flatten().any(|user| user.as_str().is_some_and(|user| user.eq_ignore_ascii_case(account)));
    body.get("warningOnly") == Some(&Value::Bool(true)) || added_by == account || account == OWNER || named
}

impl Transaction<'_> {
    /// Returns the transaction with protections checked for this account.
    #[must_use]
    pub(crate) fn on_behalf_of(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Returns the writing account; `None` if protections are not checked.
    pub(crate) fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Rejects a row that changes a cell which is protected against the writer.
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
        let refused = areas.iter().any(|(area, open)| changes_protected_cell(area, open, row, &old, new));
        if refused { Err(StorageError::Protected) } else { Ok(()) }
    }

    /// Returns the areas of a sheet that are protected against an account, each with its
    /// unprotected parts.
    fn protected_areas(&self, sheet: i32, account: &str) -> Result<Vec<ProtectedArea>, StorageError> {
        let objects = self.objects(Some(sheet), "protected")?;
        let bodies: Vec<_> =
            objects.into_iter().map(|(_, body)| body).filter(|body| !may_edit(body, account)).collect();
        let grid = if bodies.is_empty() { None } else { self.sheet(sheet)? };
        let Some(grid) = grid else { return Ok(Vec::new()) };
        let area = |range: Option<&Value>| {
            let range = read_range(range.and_then(Value::as_object)?, sheet);
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

/// Returns whether the new row differs from the old one in a protected cell.
fn changes_protected_cell(area: &Area, open: &[Area], row: u32, old: &[Cell], new: &[Cell]) -> bool {
    let blank = Cell::default();
    let at = |cells: &[Cell], column: u32| cells.get(column as usize).unwrap_or(&blank).clone();
    let last = u32::try_from(old.len().max(new.len())).unwrap_or(u32::MAX);
    let is_open = |column: &u32| open.iter().any(|open| open.rows.contains(&row) && open.cols.contains(column));
    let mut columns = (area.cols.start..area.cols.end.min(last)).filter(|column| !is_open(column));
    area.rows.contains(&row) && columns.any(|column| at(old, column) != at(new, column))
}

fn read_range(range: &Map<String, Value>, sheet: i32) -> GridRange {
    let bound = |name: &str| range.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    GridRange {
        sheet_id: sheet,
        start_row: bound("startRowIndex"),
        end_row: bound("endRowIndex"),
        start_col: bound("startColumnIndex"),
        end_col: bound("endColumnIndex"),
    }
}
