//! Reads machine tabs page by page.
//!
//! In scope: how many pages are requested at the same time, joining them in order.
//! Out of scope: the meaning of a row (`store::tabs::processed`, `store::tabs::parse`).

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;

use crate::ledger::rows::row_codec::PROCESSED;
use crate::ledger::state::snapshot::RowChecksum;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::{FIRST_READ_COLUMNS, find_first_page_end};
use crate::store::tabs::parse::{self, FailureRows};
use crate::store::tabs::processed::ProcessedRows;
use crate::store::tabs::processed_column_order::MappingSearch;
use crate::store::tabs::schema::Tab;

/// Pages of Processed that are requested at the same time. Three hide most of the round-trip time.
/// Each holds up to 10 MB while it arrives, and a load of a million keys has little room.
const PAGES_AT_ONCE: usize = 3;
/// Pages of Failures that are requested at the same time. They wait unparsed and contain long
/// error texts.
const FAILURE_PAGES_AT_ONCE: usize = 2;

/// A machine tab to read page by page.
struct PagedTab<'a> {
    info: Option<&'a TabInfo>,
    /// The number of columns to read.
    width: usize,
    page: u32,
    at_once: usize,
}

impl<'a> PagedTab<'a> {
    /// A tab of keys. Reads some columns more than the header needs, because rows may use other
    /// columns.
    fn for_key_tab(tab: &Tab, info: Option<&'a TabInfo>) -> Self {
        let width = parse::count_columns(tab, &PROCESSED).max(choose_first_width(info));
        Self { info, width, page: parse::PAGE_ROWS, at_once: PAGES_AT_ONCE }
    }
}

/// The number of columns that the first read covers.
fn choose_first_width(info: Option<&TabInfo>) -> usize {
    info.and_then(|info| usize::try_from(info.columns).ok()).unwrap_or(FIRST_READ_COLUMNS).clamp(1, FIRST_READ_COLUMNS)
}

impl Loader {
    /// Reads the first page of a tab of keys, including the header.
    pub(super) async fn read_first_page(&self, info: &TabInfo) -> Result<Vec<Vec<Value>>, LoadError> {
        self.read_page(info, 1, find_first_page_end(info, parse::PAGE_ROWS), choose_first_width(Some(info))).await
    }

    /// Reads every row of a tab of keys.
    ///
    /// If count or checksum differ from `expected`, some rows may use another column order. The
    /// loader then searches a mapping that yields the recorded values, and the tab keeps it. Pass
    /// no `expected` if the recorded values are not reliable.
    pub(super) async fn read_keys(
        &self,
        tab: &mut Tab,
        info: Option<&TabInfo>,
        first: Vec<Vec<Value>>,
        keep_commit: Option<u64>,
        expected: Option<RowChecksum>,
    ) -> Result<ProcessedRows, LoadError> {
        let done = self.read_processed(tab, info, first, keep_commit).await?;
        let Some(expected) = expected.filter(|expected| expected.count == done.found.count && *expected != done.found)
        else {
            return Ok(done);
        };
        Ok(self.read_reordered(tab, info, expected, keep_commit).await?.unwrap_or(done))
    }

    /// Reads every row of a tab of keys after its first page. Keeps the key texts of the commit
    /// `keep_commit`.
    async fn read_processed(
        &self,
        tab: &Tab,
        info: Option<&TabInfo>,
        first: Vec<Vec<Value>>,
        keep_commit: Option<u64>,
    ) -> Result<ProcessedRows, LoadError> {
        let empty = || {
            ProcessedRows::new(tab, self.again)
                .with_texts_of(keep_commit)
                .with_version_texts(self.keeps_version_texts)
                .with_recovery(Arc::clone(&tab.recovery))
        };
        let mut done = empty();
        done.reserve_rows(info.map_or(0, |info| info.rows));
        let paged = PagedTab::for_key_tab(tab, info);
        self.read_pages(&paged, first, |rows| empty().with_rows(&rows), |page, _| done.append(page)).await?;
        Ok(done)
    }

    /// Reads the rows under another column order, if one yields the recorded checksum.
    async fn read_reordered(
        &self,
        tab: &mut Tab,
        info: Option<&TabInfo>,
        expected: RowChecksum,
        keep_commit: Option<u64>,
    ) -> Result<Option<ProcessedRows>, LoadError> {
        let Some(there) = info else { return Ok(None) };
        let mut search = MappingSearch::new(PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX)));
        let (paged, first) = (PagedTab::for_key_tab(tab, info), self.read_first_page(there).await?);
        self.read_pages(&paged, first, |rows| rows, |rows, _| search.read(&rows)).await?;
        let Some(recovery) = search.find(expected) else { return Ok(None) };
        tab.recovery = Arc::new(recovery);
        let first = self.read_first_page(there).await?;
        let done = self.read_processed(tab, info, first, keep_commit).await?;
        if done.found == expected {
            return Ok(Some(done));
        }
        tab.recovery = Arc::default();
        Ok(None)
    }

    /// Reads every row of a tab of failures.
    pub(super) async fn read_failures(
        &self,
        tab: &Tab,
        info: Option<&TabInfo>,
        first: Vec<Vec<Value>>,
    ) -> Result<FailureRows, LoadError> {
        let mut open = FailureRows::new(tab, self.again);
        let (page, at_once) = (parse::FAILURE_PAGE_ROWS, FAILURE_PAGES_AT_ONCE);
        let paged = PagedTab { info, width: parse::count_columns(tab, &parse::FAILURES_READ), page, at_once };
        self.read_pages(&paged, first, |rows| rows, |rows, to| open.read(&rows, to)).await?;
        Ok(open)
    }

    /// Passes a machine tab's rows to `take` page by page, without the header row. Each page comes
    /// with its last row number.
    ///
    /// `compact` compacts a page on arrival, because it may wait for earlier ones. The first page
    /// was read already. It is read again, wider, if users moved columns beyond the range read.
    async fn read_pages<P: Send>(
        &self,
        paged: &PagedTab<'_>,
        first: Vec<Vec<Value>>,
        compact: impl Fn(Vec<Vec<Value>>) -> P + Send + Sync,
        mut take: impl FnMut(P, u32) + Send,
    ) -> Result<(), LoadError> {
        let Some(info) = paged.info else { return Ok(()) };
        let (width, compact) = (paged.width, &compact);
        let mut to = find_first_page_end(info, paged.page);
        let first = if width > FIRST_READ_COLUMNS { self.read_page(info, 1, to, width).await? } else { first };
        take(compact(first.into_iter().skip(1).collect()), to);
        let mut pending = FuturesOrdered::new();
        loop {
            while to < info.rows && pending.len() < paged.at_once {
                let from = to + 1;
                to = info.rows.min(to + paged.page);
                pending.push_back(async move { (self.read_page(info, from, to, width).await.map(compact), to) });
            }
            let Some((page, to)) = pending.next().await else { return Ok(()) };
            take(page?, to);
        }
    }

    async fn read_page(&self, info: &TabInfo, from: u32, to: u32, width: usize) -> Result<Vec<Vec<Value>>, LoadError> {
        let range = parse::make_rows_range(&info.title, from, to, width);
        Ok(self.read_values(&[range]).await?.into_iter().next().unwrap_or_default())
    }
}
