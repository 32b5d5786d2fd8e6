//! Finds the blank rows at the end of tabs: appends use them before a tab grows, and a prune may
//! delete them.
//!
//! In scope: reading tabs backwards from their end, in growing pages.
//! Out of scope: when this is needed (`store::spreadsheet::preconditions`), what to delete
//! (`maintain::prune`).

use std::collections::HashMap;

use serde_json::Value;

use crate::ledger::commit::row_deletion::TabKind;
use crate::port::store::StoreError;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::commit::deletion::MAX_COLUMNS;
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::into_store_error;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::FIRST_READ_COLUMNS;
use crate::store::tabs::parse::{format_cell, make_rows_range};

/// Rows of the first page. Each further page is four times as long, up to the longest.
const FIRST_PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 25_600;
/// Maximum number of cells of a page.
const PAGE_CELLS: u32 = 600_000;
/// Maximum number of pages of a tab. Blank rows beyond them are not counted.
const MAX_PAGES: u32 = 12;

/// A tab's grid size, and the blank rows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabExtent {
    /// The kind of tab.
    pub role: TabKind,
    /// The number of rows in its grid.
    pub rows: u32,
    /// The number of columns in its grid.
    pub columns: u32,
    /// The number of rows at its end without any entered cell.
    pub blank: u32,
}

/// The rule by which a row counts as blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlankRule {
    /// No displayed text in the first columns, to which the job writes.
    NoTextInJobColumns,
    /// No entered cell in any column, not even a formula with an empty result.
    NoEntryAnywhere,
}

impl SheetsStore {
    /// The grid sizes and trailing blank rows of the job's tabs, as loaded last.
    pub async fn measure_tabs(&self) -> Result<Vec<TabExtent>, StoreError> {
        let tabs = self.tabs();
        let metadata = self.loader().read_metadata().await?;
        let mut extents = Vec::new();
        for role in TabKind::ALL {
            let info = |id: i32| metadata.tabs.iter().find(|info| info.sheet_id == id);
            let Some(info) = tabs.tab(role).and_then(|tab| info(tab.id)) else { continue };
            if info.columns > MAX_COLUMNS {
                continue;
            }
            let read = self.loader().count_trailing_blanks(info, BlankRule::NoEntryAnywhere).await;
            let blank = match read {
                Ok(blank) => blank,
                Err(error) => return Err(into_store_error(error)),
            };
            extents.push(TabExtent { role, rows: info.rows, columns: info.columns, blank });
        }
        Ok(extents)
    }
}

impl Loader {
    /// The number of blank rows at the end of each tab. Cells beyond the first twelve columns are
    /// not read; the service's own check decides.
    pub async fn count_blanks_of_tabs(&self, tabs: &[&TabInfo]) -> Result<HashMap<i32, u32>, LoadError> {
        let mut found = HashMap::new();
        for tab in tabs {
            found.insert(tab.sheet_id, self.count_trailing_blanks(tab, BlankRule::NoTextInJobColumns).await?);
        }
        Ok(found)
    }

    async fn count_trailing_blanks(&self, tab: &TabInfo, rule: BlankRule) -> Result<u32, LoadError> {
        let columns = usize::try_from(tab.columns).unwrap_or(FIRST_READ_COLUMNS).max(1);
        let columns = if rule == BlankRule::NoTextInJobColumns { columns.min(FIRST_READ_COLUMNS) } else { columns };
        let longest = (PAGE_CELLS / u32::try_from(columns).unwrap_or(u32::MAX)).clamp(1, LONGEST_PAGE);
        let (mut to, mut page) = (tab.rows, FIRST_PAGE.min(longest));
        for _ in 0..MAX_PAGES {
            if to == 0 {
                break;
            }
            let from = to.saturating_sub(page - 1).max(1);
            let range = [make_rows_range(&tab.title, from, to, columns)];
            let read = match rule {
                BlankRule::NoTextInJobColumns => self.read_values(&range).await?,
                BlankRule::NoEntryAnywhere => self.read_entered_values(&range).await?,
            };
            let last = read.first().and_then(|rows| rows.iter().rposition(|row| !is_blank(row)));
            if let Some(last) = last {
                let last = from.saturating_add(u32::try_from(last).unwrap_or(u32::MAX));
                return Ok(tab.rows.saturating_sub(last));
            }
            (to, page) = (from - 1, page.saturating_mul(4).min(longest));
        }
        Ok(tab.rows - to)
    }
}

fn is_blank(row: &[Value]) -> bool {
    row.iter().all(|cell| format_cell(cell).is_empty())
}
