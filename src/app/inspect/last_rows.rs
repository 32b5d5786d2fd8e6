//! The last rows of a tab, for people. Nothing is written.
//!
//! In scope: finding the end of a tab, reading backwards from it. Out of scope: output
//! (`cli::table`).

use std::sync::Arc;

use serde_json::Value;

use crate::app::connect::{Sheet, connect_existing};
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::grid::{format_column_letters, quote_title};
use crate::rng::Rng;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::tabs::parse::format_cell;

/// Rows that one call reads from a tab's end.
pub const PAGE: u32 = 1_000;
/// Pages of blank rows that are read at most to find a tab's last rows.
const MAX_PAGES: u32 = 100;
/// Columns of a tab that are shown at most.
const MAX_COLUMNS: u32 = 200;

/// The last rows of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRows {
    /// The tab's title.
    pub tab: String,
    /// The header row.
    pub header: Vec<String>,
    /// The rows' cells, as texts.
    pub rows: Vec<Vec<String>>,
    /// The number of the first row, from 1, without the header row.
    pub first: u64,
    /// Number of rows in the tab.
    pub total: u64,
}

/// Reads the last `count` rows of a tab; of the data tab unless another one is named.
pub async fn read_tab_rows(
    settings: &Settings,
    tab: Option<&str>,
    count: u64,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<LastRows, AppError> {
    let sheet = connect_existing(settings, &clock, &rng)?;
    sheet.file.check(read_tab_rows_of(&sheet, settings, tab, count).await)
}

async fn read_tab_rows_of(
    sheet: &Sheet,
    settings: &Settings,
    tab: Option<&str>,
    count: u64,
) -> Result<LastRows, AppError> {
    let metadata = sheet.sheets.read_metadata(&sheet.id).await?;
    let wanted = tab.unwrap_or(&settings.tab);
    let Some(tab) = metadata.tabs.iter().find(|tab| tab.title == wanted) else {
        let there = metadata.tabs.iter().filter(|tab| !tab.is_hidden).map(|tab| tab.title.clone()).collect();
        return Err(AppError::NoTab { wanted: wanted.to_owned(), there });
    };
    let header = read_page(sheet, tab, 1, 1, true).await?.into_iter().next().unwrap_or_default();
    let (rows, last) = read_last_rows(sheet, tab, count, true).await?;
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(format_cell).collect()).collect();
    let total = u64::from(last.saturating_sub(1));
    let first = total + 1 - (rows.len() as u64).min(total);
    Ok(LastRows { tab: tab.title.clone(), header: header.iter().map(format_cell).collect(), rows, first, total })
}

/// Reads the last rows with contents below the header, and the number of the very last row
/// (1-based).
pub async fn read_last_rows(
    sheet: &Sheet,
    tab: &TabInfo,
    count: u64,
    is_shown: bool,
) -> Result<(Vec<Vec<Value>>, u32), AppError> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut last = 1;
    let mut to = tab.rows;
    for _ in 0..MAX_PAGES {
        if to < 2 || (rows.len() as u64) >= count {
            break;
        }
        let from = to.saturating_sub(PAGE - 1).max(2);
        let mut read = read_page(sheet, tab, from, to, is_shown).await?;
        while read.last().is_some_and(|row| row.iter().all(|cell| format_cell(cell).is_empty())) && rows.is_empty() {
            read.pop();
        }
        if rows.is_empty() && !read.is_empty() {
            last = from + u32::try_from(read.len()).unwrap_or(PAGE) - 1;
        }
        read.append(&mut rows);
        rows = read;
        to = from - 1;
    }
    let spare = rows.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    Ok((rows.split_off(spare), last))
}

/// Reads the cells of these rows, 1-based and both included: as shown, or as numbers and texts.
pub async fn read_page(
    sheet: &Sheet,
    tab: &TabInfo,
    from: u32,
    to: u32,
    is_shown: bool,
) -> Result<Vec<Vec<Value>>, AppError> {
    let width = usize::try_from(tab.columns.clamp(1, MAX_COLUMNS)).unwrap_or(1);
    let range = format!("{}!A{from}:{}{to}", quote_title(&tab.title), format_column_letters(width - 1));
    let ranges = [range];
    let read = if is_shown {
        sheet.sheets.read_formatted_values(&sheet.id, &ranges)
    } else {
        sheet.sheets.read_values(&sheet.id, &ranges)
    };
    Ok(read.await?.into_iter().next().unwrap_or_default())
}
