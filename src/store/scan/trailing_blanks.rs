//! Where the rows of tabs end: how many blank ones appending uses up before a tab has to grow, and how many nobody needs.
//!
//! In scope: reading tabs from their ends, in pages that grow. Out of scope: whether anybody needs to know (`store::spreadsheet::store`), and what goes
//! (`maintain::prune`).

use std::collections::HashMap;

use serde_json::Value;

use crate::google::types::response_types::TabInfo as Seen;
use crate::ledger::commit::row_deletion::TabKind;
use crate::port::store::StoreError;
use crate::store::commit::deletion::MOST_COLUMNS;
use crate::store::load::loader::Loader;
use crate::store::load::unstable_tabs::settled;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::NEAR;
use crate::store::tabs::parse::{rows_range, text};

/// Rows of the first page; each further one is four times as long, up to the longest.
const FIRST_PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 25_600;
/// Cells of a page at most.
const PAGE_CELLS: u32 = 600_000;
/// Pages of one tab at most; blank rows beyond them are not reckoned with.
const MAX_PAGES: u32 = 12;

/// A tab's grid, and the blank rows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabExtent {
    /// Which tab.
    pub role: TabKind,
    /// Rows of its grid.
    pub rows: u32,
    /// Columns of its grid.
    pub columns: u32,
    /// Rows at its end in which nothing was entered, in no column.
    pub blank: u32,
}

/// What counts as blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlankRule {
    /// Nothing to be seen in the first columns, in which the job writes.
    Near,
    /// Nothing entered anywhere, a formula that shows nothing neither.
    Everywhere,
}

impl SheetsStore {
    /// The ends of the job's tabs, as they were loaded last.
    pub async fn ends(&self) -> Result<Vec<TabExtent>, StoreError> {
        let tabs = self.tabs();
        let metadata = self.fetcher().metadata().await?;
        let mut ends = Vec::new();
        for role in TabKind::ALL {
            let seen = |id: i32| metadata.tabs.iter().find(|seen| seen.sheet_id == id);
            let Some(seen) = tabs.of(role).and_then(|tab| seen(tab.id)) else { continue };
            if seen.columns > MOST_COLUMNS {
                continue;
            }
            let read = self.fetcher().blank_end(seen, BlankRule::Everywhere).await;
            let blank = match read {
                Ok(blank) => blank,
                Err(error) => return Err(settled(error)),
            };
            ends.push(TabExtent { role, rows: seen.rows, columns: seen.columns, blank });
        }
        Ok(ends)
    }
}

impl Loader {
    /// The blank rows at the ends of these tabs. What stands beyond the first twelve columns alone is not seen: the service has the last
    /// word.
    pub async fn blank_ends(&self, tabs: &[&Seen]) -> Result<HashMap<i32, u32>, LoadError> {
        let mut found = HashMap::new();
        for tab in tabs {
            found.insert(tab.sheet_id, self.blank_end(tab, BlankRule::Near).await?);
        }
        Ok(found)
    }

    async fn blank_end(&self, tab: &Seen, looking: BlankRule) -> Result<u32, LoadError> {
        let columns = usize::try_from(tab.columns).unwrap_or(NEAR).max(1);
        let columns = if looking == BlankRule::Near { columns.min(NEAR) } else { columns };
        let longest = (PAGE_CELLS / u32::try_from(columns).unwrap_or(u32::MAX)).clamp(1, LONGEST_PAGE);
        let (mut to, mut page) = (tab.rows, FIRST_PAGE.min(longest));
        for _ in 0..MAX_PAGES {
            if to == 0 {
                break;
            }
            let from = to.saturating_sub(page - 1).max(1);
            let range = [rows_range(&tab.title, from, to, columns)];
            let read = match looking {
                BlankRule::Near => self.rows_of(&range).await?,
                BlankRule::Everywhere => self.entered_in(&range).await?,
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
    row.iter().all(|cell| text(cell).is_empty())
}
