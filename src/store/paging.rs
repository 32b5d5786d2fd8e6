//! Machine tabs, read page by page.
//!
//! In scope: which pages are asked for at the same time, putting them together. Out of scope: what a row says (`store::load`).

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::Value;

use crate::google::shape::Tab as Seen;
use crate::ledger::rows::PROCESSED;
use crate::store::fetch::Fetcher;
use crate::store::layout::Tab;
use crate::store::load::{self, FailureRows, ProcessedRows};
use crate::store::reach::{NEAR, first_page};
use crate::store::unread::Unread;

/// Pages of Processed that are asked for at the same time: enough to hide most of the way there and back, few enough to be held.
const PAGES_AT_ONCE: usize = 4;
/// The same of Failures, whose pages wait for their turn as they came, with long errors in them.
const FAILURE_PAGES_AT_ONCE: usize = 2;

/// A machine tab that is read page by page.
struct Paged<'a> {
    tab: &'a Tab,
    seen: Option<&'a Seen>,
    wanted: &'a [&'a str],
    page: u32,
    at_once: usize,
}

impl Fetcher {
    /// The first page of a tab of keys, its header among them.
    pub(super) async fn first_page(&self, seen: &Seen) -> Result<Vec<Vec<Value>>, Unread> {
        self.page(
            seen,
            1,
            first_page(seen, load::PAGE_ROWS),
            NEAR.min(usize::try_from(seen.columns).unwrap_or(NEAR)).max(1),
        )
        .await
    }

    /// Every row of a tab of keys whose first page was read already; the texts of the last `keep` keys are kept.
    pub(super) async fn read_processed(
        &self,
        tab: &Tab,
        seen: Option<&Seen>,
        first: Vec<Vec<Value>>,
        keep: usize,
    ) -> Result<ProcessedRows, Unread> {
        let empty = || ProcessedRows::of(tab, self.again).keeping(keep);
        let mut done = empty();
        let paged = Paged { tab, seen, wanted: &PROCESSED, page: load::PAGE_ROWS, at_once: PAGES_AT_ONCE };
        self.read_pages(&paged, first, |rows| empty().reading(&rows), |page, _| done.append(page)).await?;
        Ok(done)
    }

    /// Every row of a tab of failures.
    pub(super) async fn read_failures(
        &self,
        tab: &Tab,
        seen: Option<&Seen>,
        first: Vec<Vec<Value>>,
    ) -> Result<FailureRows, Unread> {
        let mut open = FailureRows::of(tab, self.again);
        let (page, at_once) = (load::FAILURE_PAGE_ROWS, FAILURE_PAGES_AT_ONCE);
        let paged = Paged { tab, seen, wanted: &load::FAILURES_READ, page, at_once };
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
    ) -> Result<(), Unread> {
        let Some(seen) = paged.seen else { return Ok(()) };
        let (width, small) = (load::width(paged.tab, paged.wanted), &small);
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

    async fn page(&self, seen: &Seen, from: u32, to: u32, width: usize) -> Result<Vec<Vec<Value>>, Unread> {
        let range = load::rows_range(&seen.title, from, to, width);
        Ok(self.rows_of(&[range]).await?.into_iter().next().unwrap_or_default())
    }
}
