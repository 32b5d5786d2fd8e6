//! Machine tabs, read page by page.
//!
//! In scope: which pages are asked for at the same time, putting them together. Out of scope: what a row says (`store::tabs::processed`, `store::tabs::parse`).

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

/// Pages of Processed that are asked for at the same time: enough to hide most of the way there and back, few enough to be held.
const PAGES_AT_ONCE: usize = 4;
/// The same of Failures, whose pages wait for their turn as they came, with long errors in them.
const FAILURE_PAGES_AT_ONCE: usize = 2;

/// A machine tab that is read page by page.
struct Paged<'a> {
    seen: Option<&'a Seen>,
    /// Columns that are read.
    width: usize,
    page: u32,
    at_once: usize,
}

impl<'a> Paged<'a> {
    /// A tab of keys: rows may be laid beside their columns, so that somewhat more is read than these.
    fn of_keys(tab: &Tab, seen: Option<&'a Seen>) -> Self {
        let width = parse::width(tab, &PROCESSED).max(near(seen));
        Self { seen, width, page: parse::PAGE_ROWS, at_once: PAGES_AT_ONCE }
    }
}

/// The columns of a tab that are read at first.
fn near(seen: Option<&Seen>) -> usize {
    seen.and_then(|seen| usize::try_from(seen.columns).ok()).unwrap_or(NEAR).clamp(1, NEAR)
}

impl Loader {
    /// The first page of a tab of keys, its header among them.
    pub(super) async fn first_page(&self, seen: &Seen) -> Result<Vec<Vec<Value>>, LoadError> {
        self.page(seen, 1, first_page(seen, parse::PAGE_ROWS), near(Some(seen))).await
    }

    /// Every row of a tab of keys, some of them as laid otherwise than the header says, if only so they give the count and the sum that the
    /// state says; none where what the state says is not to be gone by. The tab remembers which rows these are.
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

    /// Every row of a tab of keys whose first page was read already; the texts of the keys of the commit `keep` are kept.
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

    /// The same, if there is a way to read them that gives what the state says.
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

    /// Every row of a tab of failures.
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

    /// Hands over a machine tab's rows page by page, the header row not among them, each with the row that it was read to. A page is
    /// made small as soon as it comes, because it may have to wait for those before it. The first page was read already; it is
    /// read again, wider, if people moved the tab's columns beyond what was read.
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
