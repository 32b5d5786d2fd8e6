//! The throw-away sheet of a drill: an emulator in memory.
//!
//! In scope: connecting to it, its faults, the person who sorts it, the rows of the data tab. Out
//! of scope: when each happens (`drill::mishaps::mishap_store`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::app::connect::{EMBEDDED_ID, EMBEDDED_TOKEN, connect_to_emulator, open_in_memory};
use crate::app::drill::drill_clock::DrillClock;
use crate::app::error::AppError;
use crate::app::single_run::make_sheets_store;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::emulator::{
    ApiRequest, ContentHeaders, Emulator, FaultAction, FaultRule, FaultTarget, QueryParams, ResponseContent,
};
use crate::grid::quote_title;
use crate::port::store::Store;
use crate::rng::Rng;

/// The sheet of a drill. Clones are the same sheet.
#[derive(Clone)]
pub struct DrillSheet {
    emulator: Emulator,
    tab: String,
    pending: Arc<Mutex<Vec<FaultRule>>>,
}

impl DrillSheet {
    /// Creates an empty sheet for a job.
    pub fn new(settings: &Settings, clock: &DrillClock, rng: Arc<dyn Rng>) -> Result<Self, AppError> {
        let emulator = open_in_memory(Arc::new(clock.clone()), rng)?;
        Ok(Self { emulator, tab: settings.tab.clone(), pending: Arc::default() })
    }

    /// Connects a run to the sheet.
    pub fn connect(
        &self,
        settings: &Settings,
        clock: &Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Arc<dyn Store>, AppError> {
        let (sheets, id) = connect_to_emulator(&self.emulator, settings.retry, clock, rng)?;
        Ok(Arc::new(make_sheets_store(settings, sheets, id, clock)))
    }

    /// Answers the next calls with 429.
    pub fn throttle(&self, calls: u32) {
        self.add(FaultRule { status: 429, times: calls, ..FaultRule::default() });
    }

    /// Applies the next write, and drops the connection before the response.
    pub fn lose_next_reply(&self) {
        let action = FaultAction::AppliedReset;
        self.add(FaultRule { on: FaultTarget::Writes, action, ..FaultRule::default() });
    }

    /// Ends all faults.
    pub fn end_faults(&self) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.emulator.set_faults(Vec::new());
    }

    /// Adds a fault. Those that were used up are replaced with it.
    fn add(&self, rule: FaultRule) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.clear();
        pending.push(rule);
        self.emulator.set_faults(pending.clone());
    }

    /// Sorts the rows of the data tab by its first column, as a person would. Returns false if there
    /// is no such tab yet.
    pub async fn sort_rows(&self, is_descending: bool) -> bool {
        let Some(id) = self.find_tab_id().await else { return false };
        let order = if is_descending { "DESCENDING" } else { "ASCENDING" };
        let range = json!({"sheetId": id, "startRowIndex": 1});
        let sort = json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": 0, "sortOrder": order}]}});
        let query = format!("spreadsheet={EMBEDDED_ID}");
        self.call(Method::POST, "/_emulator/edits", &query, &json!({"requests": [sort]})).await.is_some()
    }

    async fn find_tab_id(&self) -> Option<Value> {
        let path = format!("/v4/spreadsheets/{EMBEDDED_ID}");
        let answer = self.call(Method::GET, &path, "fields=sheets.properties(sheetId,title)", &Value::Null).await?;
        let sheets = answer.get("sheets")?.as_array()?;
        let found = sheets.iter().filter_map(|sheet| sheet.get("properties"));
        let mut found = found.filter(|tab| tab.get("title").and_then(Value::as_str) == Some(&self.tab));
        found.next()?.get("sheetId").cloned()
    }

    /// Returns each row of the data tab, and how often it is there. A row is the JSON of its cells
    /// by column.
    pub async fn count_rows(&self) -> BTreeMap<String, u64> {
        let range = quote_title(&self.tab);
        let range = utf8_percent_encode(&range, NON_ALPHANUMERIC);
        let path = format!("/v4/spreadsheets/{EMBEDDED_ID}/values/{range}");
        let answer = self.call(Method::GET, &path, "valueRenderOption=UNFORMATTED_VALUE", &Value::Null).await;
        let rows = answer.and_then(|answer| answer.get("values")?.as_array().cloned()).unwrap_or_default();
        let cells = |row: &Value| row.as_array().cloned().unwrap_or_default();
        let header = rows.first().map(cells).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for row in rows.iter().skip(1).map(cells).filter(|row| row.iter().any(|cell| cell != "")) {
            let named = header.iter().zip(&row).filter(|(_, cell)| *cell != "");
            let named: BTreeMap<String, &Value> = named.map(|(name, cell)| (name.to_string(), cell)).collect();
            *counts.entry(json!(named).to_string()).or_default() += 1;
        }
        counts
    }

    /// Makes a call that meets no quota. Returns the JSON of a successful answer.
    async fn call(&self, method: Method, path: &str, query: &str, body: &Value) -> Option<Value> {
        let request = ApiRequest {
            method,
            path: path.to_owned(),
            query: QueryParams::parse(query),
            host: "sheets.googleapis.com".to_owned(),
            authorization: Some(format!("Bearer {EMBEDDED_TOKEN}")),
            content: ContentHeaders::default(),
            body: if body.is_null() { bytes::Bytes::new() } else { body.to_string().into() },
        };
        let answer = self.emulator.handle(request).await.ok().filter(|answer| answer.status == 200)?;
        match answer.content {
            ResponseContent::Json(value) => Some(value),
            _ => None,
        }
    }
}
