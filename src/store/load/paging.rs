//! Reads machine tabs page by page.
//!
//! In scope: how many pages are requested at once, joining them in order.
//! Out of scope: the meaning of a row (`store::tabs::processed`, `store::tabs::parse`).

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;

use crate::google::types::response_types::TabInfo as Seen;
use crate::ledger::rows::row_codec::PROCESSED;
use crate::ledger::state::snapshot::RowChecksum;
use crate::store::load::loader::Loader;
use crate::store::tabs::column_recovery::MappingSearch;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::load_plan::{NEAR, first_page};
use crate::store::tabs::parse::{self, FailureRows};
use crate::store::tabs::processed::ProcessedRows;
use crate::store::tabs::schema::Tab;

/// Pages of Processed that are requested at once. Four hide most of the round-trip time and still
/// fit in memory.
const PAGES_AT_ONCE: usize = 4;
/// The same for Failures, whose pages wait unparsed and contain long error texts.
const FAILURE_PAGES_AT_ONCE: usize = 2;

/// A machine tab to read page by page.
struct Paged<'a> {
    seen: Option<&'a Seen>,
    /// The number of columns to read.
    width: usize,
    page: u32,
    at_once: usize,
}

impl<'a> Paged<'a> {
    /// A tab of keys. Reads some columns more than the header needs, because rows may use other
    /// columns.
    fn of_keys(tab: &Tab, seen: Option<&'a Seen>) -> Self {
        let width = parse::width(tab, &PROCESSED).max(near(seen));
        Self { seen, width, page: parse::PAGE_ROWS, at_once: PAGES_AT_ONCE }
    }
}

/// The number of columns that the first read covers.
fn near(seen: Option<&Seen>) -> usize {
    seen.and_then(|seen| usize::try_from(seen.columns).ok()).unwrap_or(NEAR).clamp(1, NEAR)
}

impl Loader {
    /// Reads the first page of a tab of keys, including the header.
    pub(super) async fn first_page(&self, seen: &Seen) -> Result<Vec<Vec<Value>>, LoadError> {
        self.page(seen, 1, first_page(seen, parse::PAGE_ROWS), near(Some(seen))).await
    }

    /// Reads every row of a tab of keys.
    ///
    /// If count or checksum differ from `said`, some rows may use another column order. The loader
    /// then searches a mapping that yields the recorded values, and the tab keeps it. Pass no
    /// `said` if the recorded values are not reliable.
    pub(super) async fn read_keys(
        &self,
        tab: &mut Tab,
        seen: Option<&Seen>,
        first: Vec<Vec<Value>>,
        keep: Option<u64>,
        said: Option<RowChecksum>,
    ) -> Result<ProcessedRows, LoadError> {
        let done = self.read_processed(tab, seen, first, keep).await?;
        let Some(said) = said.filter(|said| said.count == done.found.count && *said != done.found) else {
            return Ok(done);
        };
        Ok(self.read_otherwise(tab, seen, said, keep).await?.unwrap_or(done))
    }

    /// Reads every row of a tab of keys after its first page. Keeps the key texts of the commit
    /// `keep`.
    async fn read_processed(
        &self,
        tab: &Tab,
        seen: Option<&Seen>,
        first: Vec<Vec<Value>>,
        keep: Option<u64>,
    ) -> Result<ProcessedRows, LoadError> {
        let empty = || ProcessedRows::of(tab, self.again).keeping(keep).laying(Arc::clone(&tab.laid));
        let mut done = empty();
        let paged = Paged::of_keys(tab, seen);
        self.read_pages(&paged, first, |rows| empty().reading(&rows), |page, _| done.append(page)).await?;
        Ok(done)
    }

    /// Reads the rows under another column order, if one yields the recorded checksum.
    async fn read_otherwise(
        &self,
        tab: &mut Tab,
        seen: Option<&Seen>,
        said: RowChecksum,
        keep: Option<u64>,
    ) -> Result<Option<ProcessedRows>, LoadError> {
        let Some(there) = seen else { return Ok(None) };
        let mut search = MappingSearch::of(PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX)));
        let (paged, first) = (Paged::of_keys(tab, seen), self.first_page(there).await?);
        self.read_pages(&paged, first, |rows| rows, |rows, _| search.read(&rows)).await?;
        let Some(laid) = search.found(said) else { return Ok(None) };
        tab.laid = Arc::new(laid);
        let first = self.first_page(there).await?;
        let done = self.read_processed(tab, seen, first, keep).await?;
        if done.found == said {
            return Ok(Some(done));
        }
        tab.laid = Arc::default();
        Ok(None)
    }

    /// Reads every row of a tab of failures.
    pub(super) async fn read_failures(
        &self,
        tab: &Tab,
        seen: Option<&Seen>,
        first: Vec<Vec<Value>>,
    ) -> Result<FailureRows, LoadError> {
        let mut open = FailureRows::of(tab, self.again);
        let (page, at_once) = (parse::FAILURE_PAGE_ROWS, FAILURE_PAGES_AT_ONCE);
        let paged = Paged { seen, width: parse::width(tab, &parse::FAILURES_READ), page, at_once };
        self.read_pages(&paged, first, |rows| rows, |rows, to| open.read(&rows, to)).await?;
        Ok(open)
    }

    /// Passes a machine tab's rows to `take` page by page, without the header row. Each page comes
    /// with its last row number.
    ///
    /// `small` compacts a page on arrival, because it may wait for earlier ones. The first page was
    /// read already. It is read again, wider, if users moved columns beyond the range read.
    async fn read_pages<P: Send>(
        &self,
        paged: &Paged<'_>,
        first: Vec<Vec<Value>>,
        small: impl Fn(Vec<Vec<Value>>) -> P + Send + Sync,
        mut take: impl FnMut(P, u32) + Send,
    ) -> Result<(), LoadError> {
        let Some(seen) = paged.seen else { return Ok(()) };
        let (width, small) = (paged.width, &small);
        let mut to = first_page(seen, paged.page);
        let first = if width > NEAR { self.page(seen, 1, to, width).await? } else { first };
        take(small(first.into_iter().skip(1).collect()), to);
        let mut asked = FuturesOrdered::new();
        loop {
            while to < seen.rows && asked.len() < paged.at_once {
                let from = to + 1;
                to = seen.rows.min(to + paged.page);
                asked.push_back(async move { (self.page(seen, from, to, width).await.map(small), to) });
            }
            let Some((page, to)) = asked.next().await else { return Ok(()) };
            take(page?, to);
        }
    }

    async fn page(&self, seen: &Seen, from: u32, to: u32, width: usize) -> Result<Vec<Vec<Value>>, LoadError> {
        let range = parse::rows_range(&seen.title, from, to, width);
        Ok(self.rows_of(&[range]).await?.into_iter().next().unwrap_or_default())
    }
}
