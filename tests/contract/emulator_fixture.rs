//! A store fixture on an emulated spreadsheet: the real client over streams within the process, on
//! a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use hyper::Method;
use serde_json::{Value, json};
use sheetkeep::app::emulator::open;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{
    ApiRequest, Emulator, EmulatorOptions, FaultAction, FaultRule, FaultTarget, QueryParams, ResponseContent,
    UnknownBehaviors,
};
use sheetkeep::grid::quote_title;
use sheetkeep::ledger::rows::row_codec::FAILURES;
use sheetkeep::port::store::Store;
use sheetkeep::sheets_client::auth::credentials::Credentials;
use sheetkeep::sheets_client::options::SheetsOptions;
use sheetkeep::sheets_client::sheets::Sheets;
use sheetkeep::sheets_client::transport::connect::Transport;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::contract::store_fixture::{CommitLoss, RowTexts, StoreContents, StoreFixture};

const ID: &str = "1SampleSpreadsheetId000000000000000000000000";
const TOKEN: &str = "a-token-of-this-test";
/// Bytes under way on one stream.
const STREAM_BYTES: usize = 256 << 10;

/// A spreadsheet of its own.
pub struct EmulatorFixture {
    pub emulator: Emulator,
    clock: Arc<dyn Clock>,
    seed: AtomicU64,
}

impl EmulatorFixture {
    /// An empty spreadsheet on a service that behaves so.
    pub fn new(behaviors: UnknownBehaviors, seed: u64) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let options = EmulatorOptions {
            spreadsheet_id: Some(ID.to_owned()),
            trusted_token: Some(TOKEN.to_owned()),
            behaviors,
            ..EmulatorOptions::default()
        };
        let rng = Arc::new(SeededRng::new(seed ^ 0xE0E0));
        let emulator = open(options, Arc::clone(&clock), rng).expect("memory is there");
        Self { emulator, clock, seed: AtomicU64::new(seed << 16) }
    }

    /// Another machine's client.
    pub fn sheets(&self) -> Sheets {
        let emulator = self.emulator.clone();
        let streams = move || {
            let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
            let emulator = emulator.clone();
            tokio::spawn(async move { emulator.serve_stream(theirs).await });
            ours
        };
        let credentials = Credentials::from_token(TOKEN).expect("a token of plain letters");
        let options = SheetsOptions::new(credentials, Transport::InProcess(Arc::new(streams)));
        let rng = SeededRng::new(self.seed.fetch_add(1, Ordering::Relaxed));
        Sheets::connect(options, Arc::clone(&self.clock), Arc::new(rng)).expect("usual options")
    }

    /// Another machine's store of a job.
    pub fn store_of(&self, job: &str, tab: &str) -> SheetsStore {
        SheetsStore::new(Arc::new(self.sheets()), spreadsheet_id(), job, tab, Arc::clone(&self.clock))
    }

    /// What a person does: a batch of any requests.
    pub async fn edit_sheet(&self, requests: Value) -> Value {
        let body = json!({"requests": requests, "includeSpreadsheetInResponse": true});
        let (status, answer) = self.ask(Method::POST, ":batchUpdate", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The tabs and names as the service returns them.
    pub async fn metadata(&self) -> Value {
        self.ask(Method::GET, "", Value::Null).await.1
    }

    /// The id of a tab.
    pub async fn tab_id(&self, title: &str) -> i64 {
        let metadata = self.metadata().await;
        let tabs = metadata["sheets"].as_array().expect("there is always a tab");
        let found = tabs.iter().find(|tab| tab["properties"]["title"] == title);
        let properties = &found.unwrap_or_else(|| panic!("there is no tab {title}"))["properties"];
        properties["sheetId"].as_i64().unwrap_or(0)
    }

    /// The title of the job's state tab.
    pub async fn state_title(&self) -> String {
        let metadata = self.metadata().await;
        let mut titles = metadata["sheets"].as_array().into_iter().flatten();
        let found = titles.find_map(|tab| {
            tab["properties"]["title"].as_str().filter(|title| title.starts_with("sheetkeep ")).map(str::to_owned)
        });
        found.expect("the job has run")
    }

    /// Whether the head is marked by a named range here.
    pub async fn guards_by_name(&self) -> bool {
        !self.state_title().await.contains('.')
    }

    /// The rows of a tab by its header; without the tab it has no rows.
    pub async fn rows(&self, title: &str) -> Vec<RowTexts> {
        read_tab_texts(&self.sheets(), &spreadsheet_id(), title).await
    }

    async fn ask(&self, method: Method, suffix: &str, body: Value) -> (u16, Value) {
        let call = ApiRequest {
            method,
            path: format!("/v4/spreadsheets/{ID}{suffix}"),
            query: QueryParams::default(),
            host: "sheets.googleapis.com".to_owned(),
            authorization: Some(format!("Bearer {TOKEN}")),
            content: sheetkeep::emulator::ContentHeaders::default(),
            body: if body.is_null() { bytes::Bytes::new() } else { body.to_string().into() },
        };
        let answer = self.emulator.handle(call).await.expect("no fault is pending");
        let value = match answer.content {
            ResponseContent::Json(value) => value,
            ResponseContent::Text(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
            ResponseContent::Html(_) | ResponseContent::File(..) | ResponseContent::Empty => Value::Null,
        };
        (answer.status, value)
    }
}

impl StoreFixture for EmulatorFixture {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store_of(self.job(), self.tab()))
    }

    fn job(&self) -> &'static str {
        "j"
    }

    fn tab(&self) -> &'static str {
        "Data"
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn contents(&self) -> BoxFuture<'_, StoreContents> {
        Box::pin(async { contents(&self.sheets(), &spreadsheet_id(), self.job(), self.tab()).await })
    }

    fn write_action<'a>(&'a self, key: &'a str, text: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let rows = self.contents().await.failures;
            let row = rows.iter().position(|row| row.get("key").is_some_and(|of| of == key)).expect("a failure");
            let column = FAILURES.iter().position(|name| *name == "action").expect("a column");
            let at = json!({
                "sheetId": self.tab_id(&format!("Failures {}", self.job())).await,
                "rowIndex": row + 1,
                "columnIndex": column,
            });
            self.edit_sheet(json!([{"pasteData": {"coordinate": at, "data": text, "delimiter": "\t"}}])).await;
            true
        })
    }

    fn lose_next_commit(&self, loss: CommitLoss) -> bool {
        let action = match loss {
            CommitLoss::Answer => FaultAction::AppliedReset,
            CommitLoss::Request => FaultAction::Reset,
        };
        self.emulator.set_faults(vec![FaultRule { on: FaultTarget::Writes, action, ..FaultRule::default() }]);
        true
    }
}

/// A service on which the name guards, and one on which the title does.
pub fn both_guards() -> [UnknownBehaviors; 2] {
    [0, 7].map(|nth| UnknownBehaviors::all().nth(nth).expect("there are eight"))
}

/// The spreadsheet.
pub fn spreadsheet_id() -> SpreadsheetId {
    SpreadsheetId::parse(ID).expect("a spreadsheet's id")
}

/// What a job's tabs say.
pub async fn contents(sheets: &Sheets, id: &SpreadsheetId, job: &str, tab: &str) -> StoreContents {
    let mut runs = read_tab_texts(sheets, id, "Runs").await;
    runs.retain(|run| run.get("job").is_some_and(|of| of == job));
    StoreContents {
        data: read_tab_texts(sheets, id, tab).await,
        processed: read_tab_texts(sheets, id, &format!("Processed {job}")).await,
        failures: read_tab_texts(sheets, id, &format!("Failures {job}")).await,
        runs,
    }
}

async fn read_tab_texts(sheets: &Sheets, id: &SpreadsheetId, title: &str) -> Vec<RowTexts> {
    let metadata = sheets.read_metadata(id).await.expect("the service answers");
    if !metadata.tabs.iter().any(|tab| tab.title == title) {
        return Vec::new();
    }
    let mut rows =
        sheets.read_values(id, &[quote_title(title)]).await.expect("the service answers").remove(0).into_iter();
    let header: Vec<String> = rows.next().unwrap_or_default().iter().map(cell_text).collect();
    let rows = rows.map(|row| {
        let named = header.iter().cloned().zip(row.iter().map(cell_text));
        named.filter(|(name, text)| !name.is_empty() && !text.is_empty()).collect()
    });
    rows.filter(|row: &RowTexts| !row.is_empty()).collect()
}

fn cell_text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map(|n| n.to_string()).unwrap_or_default(),
        Value::Bool(b) => b.to_string().to_uppercase(),
        _ => String::new(),
    }
}
