//! A store fixture on a real spreadsheet, if one is given: `SHEETKEEP_LIVE_SPREADSHEET_ID`, and
//! credentials in `GOOGLE_APPLICATION_CREDENTIALS` (a path) or `SHEETKEEP_CREDENTIALS_JSON`. Each
//! check makes tabs of its own there and leaves them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::port::store::Store;
use sheetkeep::rng::Rng;
use sheetkeep::sheets_client::auth::credentials::{CredentialSource, Credentials};
use sheetkeep::sheets_client::options::SheetsOptions;
use sheetkeep::sheets_client::sheets::Sheets;
use sheetkeep::sheets_client::transport::connect::Transport;
use sheetkeep::sheets_client::transport::proxy::Proxies;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::{SystemClock, SystemRng};

use crate::contract::emulator_fixture::contents;
use crate::contract::store_fixture::{CommitLoss, StoreContents, StoreFixture};

/// A job of its own on a real spreadsheet.
pub struct LiveFixture {
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    job: String,
    tab: String,
    clock: Arc<dyn Clock>,
}

impl LiveFixture {
    /// The spreadsheet, if one is given.
    pub fn find_configured() -> Option<(Arc<Sheets>, SpreadsheetId, Arc<dyn Clock>)> {
        let id = read_setting("SHEETKEEP_LIVE_SPREADSHEET_ID")?;
        let source = CredentialSource {
            path: read_setting("GOOGLE_APPLICATION_CREDENTIALS").map(Into::into),
            inline: read_setting("SHEETKEEP_CREDENTIALS_JSON").map(Into::into),
            ..CredentialSource::default()
        };
        if source.path.is_none() && source.inline.is_none() {
            return None;
        }
        let credentials = Credentials::find(&source).expect("the credentials that are given can be read");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let options =
            SheetsOptions::new(credentials, Transport::Network { ca_file: None, proxies: Proxies::default() });
        let sheets = Sheets::connect(options, Arc::clone(&clock), Arc::new(SystemRng)).expect("usual options");
        Some((Arc::new(sheets), SpreadsheetId::parse(&id).expect("a spreadsheet's id"), clock))
    }

    /// A job that never ran there.
    pub fn with_new_job((sheets, id, clock): &(Arc<Sheets>, SpreadsheetId, Arc<dyn Clock>)) -> Self {
        let word = format!("contract {:08x}", SystemRng.next_u64() >> 32);
        let (sheets, id, clock) = (Arc::clone(sheets), id.clone(), Arc::clone(clock));
        Self { sheets, id, tab: format!("Data {word}"), job: word, clock }
    }
}

impl StoreFixture for LiveFixture {
    fn store(&self) -> Arc<dyn Store> {
        let (sheets, clock) = (Arc::clone(&self.sheets), Arc::clone(&self.clock));
        Arc::new(SheetsStore::new(sheets, self.id.clone(), &self.job, &self.tab, clock))
    }

    fn job(&self) -> &str {
        &self.job
    }

    fn tab(&self) -> &str {
        &self.tab
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn contents(&self) -> BoxFuture<'_, StoreContents> {
        Box::pin(contents(&self.sheets, &self.id, &self.job, &self.tab))
    }

    fn write_action<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }

    fn lose_next_commit(&self, _: CommitLoss) -> bool {
        false
    }
}

#[expect(clippy::disallowed_methods, reason = "a real spreadsheet can only be named from outside")]
fn read_setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}
