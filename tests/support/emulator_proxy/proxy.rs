//! A proxy before the emulator. It can edit as a person before a call, lose or delay a call, and
//! record calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use sheetkeep::app::emulator::open;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{
    ApiRequest, ContentHeaders, Emulator, EmulatorOptions, QueryParams, ResponseBody, ResponseContent, UnknownBehaviors,
};
use sheetkeep::sheets_client::sheets::Sheets;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::system::SeededRng;

use super::data_tab::DataTab;
use super::in_process::{TOKEN, connect_in_process, make_api_request, make_http_response, make_reset_error};
use super::simulated_editor::SimulatedEditor;

pub const SPREADSHEET_ID: &str = "1SampleSpreadsheetId000000000000000000000000";

/// Changes the body of each call on its way: the defect that a test plants to see a game fail.
pub type RequestMutation = fn(&mut Value);

/// An emulated spreadsheet behind a proxy, with a simulated editor who may edit before each call.
#[derive(Clone)]
pub struct EmulatorProxy {
    pub emulator: Emulator,
    pub editor: Arc<Mutex<SimulatedEditor>>,
    clock: Arc<dyn Clock>,
    mutation: Option<RequestMutation>,
    calls: Arc<tokio::sync::watch::Sender<u64>>,
    /// Milliseconds before each answer.
    latency: Arc<AtomicU64>,
    planned_loss: Arc<Mutex<Option<PlannedLoss>>>,
    /// What people do right before or after a write.
    scripted_edits: Arc<Mutex<Vec<ScriptedEdit>>>,
    writes: Arc<AtomicU64>,
    /// The calls that arrived, in order, while a test records them.
    recording: Arc<Mutex<Option<Vec<RecordedCall>>>>,
}

/// A write that will be lost.
#[derive(Debug, Clone, Copy)]
pub struct PlannedLoss {
    /// Writes that pass before it.
    pub writes_before: u64,
    /// Whether the service applies it, and only its answer is lost.
    pub is_applied: bool,
}

impl PlannedLoss {
    /// Counts a write. Returns the plan, if this write is the one that is lost.
    pub fn count_write(plan: &mut Option<Self>) -> Option<Self> {
        match plan {
            Some(Self { writes_before: writes @ 1.., .. }) => {
                *writes -= 1;
                None
            }
            _ => plan.take(),
        }
    }
}

/// A call as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    pub method: Method,
    pub path: String,
    /// The raw query.
    pub query: String,
    /// Names and values, in the order in which the client sent them.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The status of the answer; none where no answer came.
    pub status: Option<u16>,
}

/// What happens at a write.
pub struct ScriptedEdit {
    /// Which write, from 1, counted from the start.
    pub write: u64,
    /// Whether before it arrives, or after it was applied and before it is answered.
    pub is_before: bool,
    pub edit: BoxFuture<'static, ()>,
}

impl EmulatorProxy {
    pub fn new(
        behaviors: UnknownBehaviors,
        seed: u64,
        clock: &Arc<dyn Clock>,
        mutation: Option<RequestMutation>,
    ) -> Self {
        let options = EmulatorOptions {
            spreadsheet_id: Some(SPREADSHEET_ID.to_owned()),
            trusted_token: Some(TOKEN.to_owned()),
            is_sequential: true,
            behaviors,
            ..EmulatorOptions::default()
        };
        let rng = Arc::new(SeededRng::new(seed ^ 0xE0E0));
        let emulator = open(options, Arc::clone(clock), rng).expect("memory is there");
        Self {
            emulator,
            editor: Arc::new(Mutex::new(SimulatedEditor::new(seed))),
            clock: Arc::clone(clock),
            mutation,
            calls: Arc::default(),
            latency: Arc::default(),
            planned_loss: Arc::default(),
            scripted_edits: Arc::default(),
            writes: Arc::default(),
            recording: Arc::default(),
        }
    }

    /// Records every call from now on.
    pub fn start_recording(&self) {
        *self.recording.lock().expect("no thread panics while it holds it") = Some(Vec::new());
    }

    /// Ends the recording and returns it.
    pub fn take_recording(&self) -> Vec<RecordedCall> {
        self.recording.lock().expect("no thread panics while it holds it").take().unwrap_or_default()
    }

    /// Adds a call to the recording, if there is one, and returns its place in it.
    fn record_call(&self, head: &Parts, body: &Bytes) -> Option<usize> {
        let mut recording = self.recording.lock().expect("no thread panics while it holds it");
        let calls = recording.as_mut()?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        calls.push(RecordedCall {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.iter().map(header).collect(),
            body: body.clone(),
            status: None,
        });
        Some(calls.len() - 1)
    }

    /// Adds the status of the answer to a recorded call.
    fn record_status(&self, index: Option<usize>, status: u16) {
        let mut recording = self.recording.lock().expect("no thread panics while it holds it");
        let call = index.and_then(|index| recording.as_mut()?.get_mut(index));
        if let Some(call) = call {
            call.status = Some(status);
        }
    }

    /// From now on each answer takes so long.
    pub fn set_latency(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// After so many writes one is lost: applied without an answer, or not even applied.
    pub fn lose_write(&self, writes_before: u64, is_applied: bool) {
        self.plan_loss(Some(PlannedLoss { writes_before, is_applied }));
    }

    /// No write is lost any more.
    pub fn lose_no_write(&self) {
        self.plan_loss(None);
    }

    fn plan_loss(&self, plan: Option<PlannedLoss>) {
        *self.planned_loss.lock().expect("no thread panics while it holds it") = plan;
    }

    /// Returns the plan, if this call is the write that is lost.
    fn take_planned_loss(&self, path: &str) -> Option<PlannedLoss> {
        if !path.ends_with(":batchUpdate") {
            return None;
        }
        PlannedLoss::count_write(&mut self.planned_loss.lock().expect("no thread panics while it holds it"))
    }

    /// Resolves when so many more calls have been answered.
    pub async fn wait_for_calls(&self, count: u64) {
        let mut calls = self.calls.subscribe();
        let until = *calls.borrow() + count;
        let _ = calls.wait_for(|calls| *calls >= until).await;
    }

    /// At the nth write from now on this happens, right before it arrives or right after it was applied.
    pub fn edit_at_write(&self, nth: u64, is_before: bool, edit: BoxFuture<'static, ()>) {
        let write = self.writes.load(Ordering::Relaxed) + nth;
        self.scripted_edits.lock().expect("no thread panics while it holds it").push(ScriptedEdit {
            write,
            is_before,
            edit,
        });
    }

    async fn apply_scripted_edit(&self, write: u64, is_before: bool) {
        let due = |scripted: &ScriptedEdit| scripted.write == write && scripted.is_before == is_before;
        let edit = {
            let mut scripted_edits = self.scripted_edits.lock().expect("no thread panics while it holds it");
            scripted_edits.iter().position(due).map(|at| scripted_edits.remove(at).edit)
        };
        if let Some(edit) = edit {
            edit.await;
        }
    }

    /// Returns a client whose calls go through this proxy.
    pub fn sheets(&self, seed: u64) -> Sheets {
        let proxy = self.clone();
        let respond = move |request| {
            let proxy = proxy.clone();
            async move { proxy.respond(request).await }
        };
        connect_in_process(respond, &self.clock, seed)
    }

    pub fn spreadsheet_id() -> SpreadsheetId {
        SpreadsheetId::parse(SPREADSHEET_ID).expect("a spreadsheet's id")
    }

    async fn respond(&self, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        self.edit_if_drawn().await;
        let is_write = request.uri().path().ends_with(":batchUpdate");
        let write = if is_write { self.writes.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        self.apply_scripted_edit(write, true).await;
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let index = self.record_call(&head, &body);
        let mut call = make_api_request(head, body);
        if let (Some(mutate), Ok(mut value)) = (self.mutation, serde_json::from_slice::<Value>(&call.body)) {
            mutate(&mut value);
            call.body = value.to_string().into();
        }
        let latency = self.latency.load(Ordering::Relaxed);
        if latency > 0 {
            self.clock.sleep(Duration::from_millis(latency)).await;
        }
        let lost = self.take_planned_loss(&call.path);
        if lost.is_some_and(|loss| !loss.is_applied) {
            return Err(make_reset_error());
        }
        let answer = self.emulator.handle(call).await;
        self.apply_scripted_edit(write, false).await;
        self.calls.send_modify(|calls| *calls += 1);
        let Ok(answer) = answer else { return Err(make_reset_error()) };
        if lost.is_some() {
            return Err(make_reset_error());
        }
        self.record_status(index, answer.status);
        Ok(make_http_response(answer, self.clock.now()))
    }

    /// The person does what comes to mind, if anything does.
    pub async fn edit_if_drawn(&self) {
        let is_wanted = self.editor.lock().expect("no thread panics while it holds it").draws_edit();
        if is_wanted {
            self.edit_now().await;
        }
    }

    /// The person does one thing.
    pub async fn edit_now(&self) {
        let Some(data_tab) = self.read_data_tab().await else { return };
        let requests = self.editor.lock().expect("no thread panics while it holds it").draw_edit(&data_tab);
        if !requests.is_empty() {
            self.edit_sheet(json!(requests)).await;
        }
    }

    /// A batch of the person's.
    pub async fn edit_sheet(&self, requests: Value) {
        let body = json!({"requests": requests});
        let (status, answer) = self.call(Method::POST, ":batchUpdate", "", body).await;
        assert_eq!(status, 200, "{requests} {answer}");
    }

    /// A batch of the spreadsheet's owner, whom no protection keeps out and whose protections keep others out.
    pub async fn edit_as_owner(&self, requests: Value) {
        let call = ApiRequest {
            method: Method::POST,
            path: "/_emulator/hands".to_owned(),
            query: QueryParams::parse(&format!("spreadsheet={SPREADSHEET_ID}")),
            host: "sheets.googleapis.com".to_owned(),
            authorization: None,
            content: ContentHeaders::default(),
            body: json!({"requests": requests}).to_string().into(),
        };
        let answer = self.emulator.handle(call).await.expect("no fault of the emulator's own is pending");
        assert_eq!(answer.status, 200);
    }

    /// The data tab as it is at this moment; none before it was made.
    pub async fn read_data_tab(&self) -> Option<DataTab> {
        let fields = "fields=sheets(properties(sheetId,title,gridProperties))";
        let (_, metadata) = self.call(Method::GET, "", fields, Value::Null).await;
        let machine = ["Runs", "Runs of ours", "Notes", "Sheet1"];
        let tab = metadata["sheets"].as_array()?.iter().map(|sheet| &sheet["properties"]).find(|tab| {
            let title = tab["title"].as_str().unwrap_or_default();
            !machine.contains(&title) && !["Processed ", "Failures ", "sheetkeep "].iter().any(|p| title.starts_with(p))
        })?;
        let title = tab["title"].as_str()?.to_owned();
        let quoted = title.replace('\'', "''");
        let range = percent_encoding::utf8_percent_encode(&format!("'{quoted}'"), percent_encoding::NON_ALPHANUMERIC)
            .to_string();
        let fields = format!("ranges={range}&fields=sheets.data.rowData.values(userEnteredValue,effectiveValue,note)");
        let (status, data) = self.call(Method::GET, "", &fields, Value::Null).await;
        assert_eq!(status, 200, "{data}");
        let rows = data["sheets"][0]["data"][0]["rowData"].as_array().cloned().unwrap_or_default();
        let rows = rows.iter().map(|row| row["values"].as_array().cloned().unwrap_or_default()).collect();
        let size = |name: &str| tab["gridProperties"][name].as_u64().unwrap_or_default();
        Some(DataTab { id: tab["sheetId"].as_i64().unwrap_or(0), rows, grid: (size("rowCount"), size("columnCount")) })
    }

    /// The cells of a tab as people see them, the header's among them.
    pub async fn tab_rows(&self, title: &str) -> Vec<Vec<String>> {
        let quoted = format!("'{title}'");
        let range = percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC);
        let (status, answer) = self.call(Method::GET, &format!("/values/{range}"), "", Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer["values"].clone()).expect("texts")
    }

    pub async fn tab_id(&self, title: &str) -> Value {
        let (_, metadata) = self.call(Method::GET, "", "fields=sheets.properties(sheetId,title)", Value::Null).await;
        let sheets = metadata["sheets"].as_array().expect("sheets").iter();
        let found = sheets.map(|sheet| &sheet["properties"]).find(|tab| tab["title"] == title);
        found.expect("a tab of this title")["sheetId"].clone()
    }

    /// A column of a tab below its header, as people see it.
    pub async fn column(&self, title: &str, name: &str) -> Vec<String> {
        let rows = self.tab_rows(title).await;
        let at = rows[0].iter().position(|cell| cell == name).expect("a column");
        rows.iter().skip(1).map(|row| row.get(at).cloned().unwrap_or_default()).collect()
    }

    /// A person types a text into a cell of a tab.
    pub async fn type_text(&self, title: &str, row: usize, column: usize, text: &str) {
        let start = json!({"sheetId": self.tab_id(title).await, "rowIndex": row, "columnIndex": column});
        let cell = json!({"values": [{"userEnteredValue": {"stringValue": text}}]});
        self.edit_sheet(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}])).await;
    }

    /// A person turns the rows of a tab upside down.
    pub async fn reverse_rows(&self, title: &str) {
        let id = self.tab_id(title).await;
        let rows = self.tab_rows(title).await.len();
        let moves = (2..rows).map(|row| {
            let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
            json!({"moveDimension": {"source": source, "destinationIndex": 1}})
        });
        let moves: Vec<_> = moves.collect();
        if !moves.is_empty() {
            self.edit_sheet(json!(moves)).await;
        }
    }

    /// A person moves a column of a tab.
    pub async fn move_column(&self, title: &str, from: usize, to: usize) {
        let source = json!({"sheetId": self.tab_id(title).await, "dimension": "COLUMNS", "startIndex": from, "endIndex": from + 1});
        self.edit_sheet(json!([{"moveDimension": {"source": source, "destinationIndex": to}}])).await;
    }

    /// A call that nothing happens to.
    pub async fn call(&self, method: Method, suffix: &str, query: &str, body: Value) -> (u16, Value) {
        self.call_path(&format!("/v4/spreadsheets/{SPREADSHEET_ID}{suffix}"), method, query, body).await
    }

    /// The same, of any path.
    pub async fn call_path(&self, path: &str, method: Method, query: &str, body: Value) -> (u16, Value) {
        let call = ApiRequest {
            method,
            path: path.to_owned(),
            query: QueryParams::parse(query),
            host: "sheets.googleapis.com".to_owned(),
            authorization: Some(format!("Bearer {TOKEN}")),
            content: ContentHeaders::default(),
            body: if body.is_null() { Bytes::new() } else { body.to_string().into() },
        };
        let answer = self.emulator.handle(call).await.expect("no fault of the emulator's own is pending");
        let value = match answer.content {
            ResponseContent::Json(value) => value,
            ResponseContent::Text(bytes) => serde_json::from_slice(&bytes).expect("JSON"),
            ResponseContent::Html(_) | ResponseContent::File(..) | ResponseContent::Empty => Value::Null,
        };
        (answer.status, value)
    }
}
