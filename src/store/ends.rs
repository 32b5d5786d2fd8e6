//! Where the rows of tabs end: how many blank ones appending uses up before a tab has to grow.
//!
//! In scope: reading tabs from their ends, in pages that grow. Out of scope: whether anybody needs to know (`store::sheets`).

use std::collections::HashMap;

use serde_json::Value;

use crate::google::shape::Tab as Seen;
use crate::store::fetch::{Fetcher, Unread};
use crate::store::load::{rows_range, text};
use crate::store::reach::NEAR;

/// Rows of the first page; each further one is four times as long, up to the longest.
const FIRST_PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 25_600;
/// Pages of one tab at most; blank rows beyond them are not reckoned with.
const MAX_PAGES: u32 = 12;

impl Fetcher {
    /// The blank rows at the ends of these tabs. What stands beyond the first twelve columns alone is not seen: the service has the last
    /// word.
    pub async fn blank_ends(&self, tabs: &[&Seen]) -> Result<HashMap<i32, u32>, Unread> {
        let mut found = HashMap::new();
        for tab in tabs {
            found.insert(tab.sheet_id, self.blank_end(tab).await?);
        }
        Ok(found)
    }

    async fn blank_end(&self, tab: &Seen) -> Result<u32, Unread> {
        let columns = NEAR.min(usize::try_from(tab.columns).unwrap_or(NEAR)).max(1);
        let (mut to, mut page) = (tab.rows, FIRST_PAGE);
        for _ in 0..MAX_PAGES {
            if to == 0 {
                break;
            }
            let from = to.saturating_sub(page - 1).max(1);
            let read = self.rows_of(&[rows_range(&tab.title, from, to, columns)]).await?;
            let last = read.first().and_then(|rows| rows.iter().rposition(|row| !is_blank(row)));
            if let Some(last) = last {
                let last = from.saturating_add(u32::try_from(last).unwrap_or(u32::MAX));
                return Ok(tab.rows.saturating_sub(last));
            }
            (to, page) = (from - 1, page.saturating_mul(4).min(LONGEST_PAGE));
        }
        Ok(tab.rows - to)
    }
}

fn is_blank(row: &[Value]) -> bool {
    row.iter().all(|cell| text(cell).is_empty())
}
