//! Tabs whose titles people change while they are read: found again by their ids, as often as that may help.
//!
//! In scope: the title of a known tab as it is now. Out of scope: the load, which looks for all tabs anew (`store::load::loader`).
//!
//! The service takes titles in the ranges that it reads, and no ids. So between the look at the titles and the read somebody may have
//! renamed a tab, which people may do at any time.

use crate::ledger::commit::row_deletion::TabKind;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::schema::Tab;

impl SheetsStore {
    /// The tab of this role under the title that it has now, where that is another one than `read` had; the error where it is the same, so
    /// that the title is not why the tab could not be read.
    pub(super) async fn retitled(&self, role: TabKind, read: &Tab, why: LoadError) -> Result<Tab, LoadError> {
        if let LoadError::Failed(error) = why {
            return Err(LoadError::Failed(error));
        }
        let metadata = self.fetcher().metadata().await?;
        let there = metadata.tabs.into_iter().find(|tab| tab.sheet_id == read.id);
        let Some(there) = there.filter(|tab| tab.title != read.title) else { return Err(why) };
        let mut known = self.known();
        let tabs = &mut known.tabs;
        let tab = match role {
            TabKind::Processed => &mut tabs.processed,
            TabKind::Failures => &mut tabs.failures,
            TabKind::Runs => &mut tabs.runs,
            TabKind::Data => &mut tabs.data,
        };
        if let Some(tab) = tab.as_mut().filter(|tab| tab.id == there.sheet_id) {
            tab.title.clone_from(&there.title);
        }
        Ok(Tab { title: there.title, ..read.clone() })
    }
}
