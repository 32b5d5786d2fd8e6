//! Finds a tab again by its id when its title changes during a read.
//!
//! In scope: the current title of a known tab.
//! Out of scope: the load, which looks up all tabs anew (`store::load::loader`).
//!
//! The service addresses ranges by title, not by id. A user can rename a tab between the metadata
//! call and the read.

use crate::ledger::rows::tab_kind::TabKind;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::schema::Tab;

impl SheetsStore {
    /// Returns the tab with its new title if the user renamed it. Returns the error `why` if the
    /// title is the same, because then the title did not cause the error.
    pub(super) async fn with_current_title(&self, kind: TabKind, read: &Tab, why: LoadError) -> Result<Tab, LoadError> {
        if let LoadError::Failed(error) = why {
            return Err(LoadError::Failed(error));
        }
        let metadata = self.loader().read_metadata().await?;
        let there = metadata.tabs.into_iter().find(|tab| tab.sheet_id == read.id);
        let Some(there) = there.filter(|tab| tab.title != read.title) else { return Err(why) };
        let mut session = self.lock_session();
        let tabs = &mut session.tabs;
        let tab = match kind {
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
