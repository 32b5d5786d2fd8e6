//! The spreadsheet that exists from the start.

use crate::emulator::EmulatorState;
use crate::storage::error::StorageError;
use crate::storage::store::SpreadsheetStore;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

impl EmulatorState {
    /// Creates the initial spreadsheet, unless it is there. Its tabs are the loaded ones, or else
    /// an empty `Sheet1`.
    pub(super) fn create_initial(&self) -> Result<(), StorageError> {
        let store: &SpreadsheetStore = &self.store;
        // A read-only file is not written to.
        let Some(id) = self.options.spreadsheet_id.as_ref().filter(|id| !store.exists(id).unwrap_or(false)) else {
            return Ok(());
        };
        let tabs = &self.options.tabs;
        let mut sheets: Vec<SheetProperties> = (0..).zip(tabs).map(|(index, tab)| tab.properties(index)).collect();
        if sheets.is_empty() {
            sheets.push(SheetProperties::new(0, "Sheet1", 0));
        }
        match store.create(id, &SpreadsheetProperties::default(), &sheets) {
            // Another process made it at the same time.
            Err(StorageError::IdTaken { .. }) => return Ok(()),
            created => created?,
        }
        if tabs.is_empty() {
            return Ok(());
        }
        let transaction = store.write(id)?;
        for (sheet, tab) in sheets.iter().zip(tabs) {
            transaction.put_rows(sheet.id, tab.rows())?;
        }
        transaction.commit()
    }
}
