//! A proxy in front of the emulator. It can act as a person before a call, lose or delay a call, and record calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sheetkeep::app::emulator::open;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{
    ApiRequest, ApiResponse, ContentHeaders, Emulator, EmulatorOptions, QueryParams, ResponseBody, ResponseContent,
    UnknownBehaviors,
};
use sheetkeep::sheets_client::auth::credentials::Credentials;
use sheetkeep::sheets_client::calls::quota::CallRates;
use sheetkeep::sheets_client::options::SheetsOptions;
use sheetkeep::sheets_client::sheets::Sheets;
use sheetkeep::sheets_client::transport::connect::Transport;
use sheetkeep::sheets_client::types::address::SpreadsheetId;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::person::SimulatedEditor;

pub const ID: &str = "1SampleSpreadsheetId000000000000000000000000";
const TOKEN: &str = "a-token-of-this-test";
const STREAM_BYTES: usize = 256 << 10;

/// What is done to a call on its way, for tests that have to see the simulation fail.
pub type Tampering = fn(&mut Value);

/// An emulated spreadsheet behind a proxy, with a simulated editor who may act before each call.
#[derive(Clone)]
pub struct EmulatorProxy {
    pub emulator: Emulator,
    pub editor: Arc<Mutex<SimulatedEditor>>,
    clock: Arc<dyn Clock>,
    tampering: Option<Tampering>,
    calls: Arc<tokio::sync::watch::Sender<u64>>,
    /// Milliseconds before each answer.
    latency: Arc<AtomicU64>,
    /// Writes that pass before one is lost, and whether that one is applied.
    loss: Arc<Mutex<Option<(u64, bool)>>>,
    /// What people do right before or after a write.
    script: Arc<Mutex<Vec<Scripted>>>,
    writes: Arc<AtomicU64>,
    /// The calls that arrived, in order, while a test records them.
    recording: Arc<Mutex<Option<Vec<RecordedCall>>>>,
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
pub struct Scripted {
    /// Which write, from 1, counted from the start.
    pub write: u64,
    /// Whether before it arrives, or after it was applied and before it is answered.
    pub is_before: bool,
    pub edit: BoxFuture<'static, ()>,
}

impl EmulatorProxy {
    pub fn new(doubts: UnknownBehaviors, seed: u64, clock: &Arc<dyn Clock>, tampering: Option<Tampering>) -> Self {
        let options = EmulatorOptions {
            spreadsheet_id: Some(ID.to_owned()),
            trusted_token: Some(TOKEN.to_owned()),
            is_sequential: true,
            behaviors: doubts,
            ..EmulatorOptions::default()
        };
        let rng = Arc::new(SeededRng::new(seed ^ 0xE0E0));
        let emulator = open(options, Arc::clone(clock), rng).expect("memory is there");
        Self {
            emulator,
            editor: Arc::new(Mutex::new(SimulatedEditor::new(seed))),
            clock: Arc::clone(clock),
            tampering,
            calls: Arc::default(),
            latency: Arc::default(),
            loss: Arc::default(),
            script: Arc::default(),
            writes: Arc::default(),
            recording: Arc::default(),
        }
    }

    /// Records every call from now on.
    pub fn record(&self) {
        *self.recording.lock().expect("no thread panics while it holds it") = Some(Vec::new());
    }

    /// Ends the recording and returns it.
    pub fn recorded(&self) -> Vec<RecordedCall> {
        self.recording.lock().expect("no thread panics while it holds it").take().unwrap_or_default()
    }

    /// Adds a call to the recording, if there is one, and returns its place in it.
    fn note(&self, head: &Parts, body: &Bytes) -> Option<usize> {
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
    fn note_status(&self, place: Option<usize>, status: u16) {
        let mut recording = self.recording.lock().expect("no thread panics while it holds it");
        let call = place.and_then(|place| recording.as_mut()?.get_mut(place));
        if let Some(call) = call {
            call.status = Some(status);
        }
    }

    /// From now on each answer takes so long.
    pub fn slow_down(&self, latency: Duration) {
        self.latency.store(u64::try_from(latency.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// After so many writes one is lost: applied without an answer, or not even applied.
    pub fn lose(&self, loss: Option<(u64, bool)>) {
        *self.loss.lock().expect("no thread panics while it holds it") = loss;
    }

    /// Whether this write is the one that is lost, and whether it is applied.
    fn is_lost(&self, path: &str) -> Option<bool> {
        let mut loss = self.loss.lock().expect("no thread panics while it holds it");
        match &mut *loss {
            Some((skip @ 1.., _)) if path.ends_with(":batchUpdate") => *skip -= 1,
            Some((0, _)) if path.ends_with(":batchUpdate") => return loss.take().map(|(_, applied)| applied),
            _ => {}
        }
        None
    }

    /// Resolves when so many more calls have been answered.
    pub async fn after_calls(&self, count: u64) {
        let mut calls = self.calls.subscribe();
        let until = *calls.borrow() + count;
        let _ = calls.wait_for(|calls| *calls >= until).await;
    }

    /// At the nth write from now on this happens, right before it arrives or right after it was applied.
    pub fn at_write(&self, nth: u64, is_before: bool, edit: BoxFuture<'static, ()>) {
        let write = self.writes.load(Ordering::Relaxed) + nth;
        self.script.lock().expect("no thread panics while it holds it").push(Scripted { write, is_before, edit });
    }

    async fn play(&self, write: u64, is_before: bool) {
        let due = |scripted: &Scripted| scripted.write == write && scripted.is_before == is_before;
        let edit = {
            let mut script = self.script.lock().expect("no thread panics while it holds it");
            script.iter().position(due).map(|at| script.remove(at).edit)
        };
        if let Some(edit) = edit {
            edit.await;
        }
    }

    /// Returns a client whose calls go through this proxy.
    pub fn sheets(&self, seed: u64) -> Sheets {
        let proxy = self.clone();
        let answering = move |request| {
            let proxy = proxy.clone();
            async move { proxy.respond(request).await }
        };
        client(answering, &self.clock, seed)
    }

    pub fn id() -> SpreadsheetId {
        SpreadsheetId::parse(ID).expect("a spreadsheet's id")
    }

    async fn respond(&self, request: Request<Incoming>) -> std::io::Result<Response<ResponseBody>> {
        self.act().await;
        let is_write = request.uri().path().ends_with(":batchUpdate");
        let write = if is_write { self.writes.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        self.play(write, true).await;
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let place = self.note(&head, &body);
        let mut call = call_with(head, body);
        if let (Some(tamper), Ok(mut value)) = (self.tampering, serde_json::from_slice::<Value>(&call.body)) {
            tamper(&mut value);
            call.body = value.to_string().into();
        }
        let latency = self.latency.load(Ordering::Relaxed);
        if latency > 0 {
            self.clock.sleep(Duration::from_millis(latency)).await;
        }
        let lost = self.is_lost(&call.path);
        if lost == Some(false) {
            return Err(gone());
        }
        let answer = self.emulator.handle(call).await;
        self.play(write, false).await;
        self.calls.send_modify(|calls| *calls += 1);
        let Ok(answer) = answer else { return Err(gone()) };
        if lost == Some(true) {
            return Err(gone());
        }
        self.note_status(place, answer.status);
        Ok(dressed(answer, self.clock.now()))
    }

    /// The person does what comes to mind, if anything does.
    pub async fn act(&self) {
        let wants = self.editor.lock().expect("no thread panics while it holds it").wants_to_act();
        if wants {
            self.act_now().await;
        }
    }

    /// The person does one thing.
    pub async fn act_now(&self) {
        let Some(view) = self.view().await else { return };
        let requests = self.editor.lock().expect("no thread panics while it holds it").act(&view);
        if !requests.is_empty() {
            self.hands(json!(requests)).await;
        }
    }

    /// A batch of the person's.
    pub async fn hands(&self, requests: Value) {
        let body = json!({"requests": requests});
        let (status, answer) = self.ask(Method::POST, ":batchUpdate", "", body).await;
        assert_eq!(status, 200, "{requests} {answer}");
    }

    /// A batch of the spreadsheet's owner, whom no protection keeps out and whose protections keep others out.
    pub async fn owner_does(&self, requests: Value) {
        let call = ApiRequest {
            method: Method::POST,
            path: "/_emulator/hands".to_owned(),
            query: QueryParams::parse(&format!("spreadsheet={ID}")),
            host: "sheets.googleapis.com".to_owned(),
            authorization: None,
            content: ContentHeaders::default(),
            body: json!({"requests": requests}).to_string().into(),
        };
        let answer = self.emulator.handle(call).await.expect("no fault of the emulator's own is pending");
        assert_eq!(answer.status, 200);
    }

    /// The data tab as it is at this moment; none before it was made.
    pub async fn view(&self) -> Option<View> {
        let fields = "fields=sheets(properties(sheetId,title,gridProperties))";
        let (_, metadata) = self.ask(Method::GET, "", fields, Value::Null).await;
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
        let (status, data) = self.ask(Method::GET, "", &fields, Value::Null).await;
        assert_eq!(status, 200, "{data}");
        let rows = data["sheets"][0]["data"][0]["rowData"].as_array().cloned().unwrap_or_default();
        let rows = rows.iter().map(|row| row["values"].as_array().cloned().unwrap_or_default()).collect();
        let size = |name: &str| tab["gridProperties"][name].as_u64().unwrap_or_default();
        Some(View { id: tab["sheetId"].as_i64().unwrap_or(0), rows, grid: (size("rowCount"), size("columnCount")) })
    }

    /// The cells of a tab as people see them, the header's among them.
    pub async fn tab(&self, title: &str) -> Vec<Vec<String>> {
        let quoted = format!("'{title}'");
        let range = percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC);
        let (status, answer) = self.ask(Method::GET, &format!("/values/{range}"), "", Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_value(answer["values"].clone()).expect("texts")
    }

    pub async fn id_of(&self, title: &str) -> Value {
        let (_, metadata) = self.ask(Method::GET, "", "fields=sheets.properties(sheetId,title)", Value::Null).await;
        let sheets = metadata["sheets"].as_array().expect("sheets").iter();
        let found = sheets.map(|sheet| &sheet["properties"]).find(|tab| tab["title"] == title);
        found.expect("a tab of this title")["sheetId"].clone()
    }

    /// A column of a tab below its header, as people see it.
    pub async fn column(&self, title: &str, name: &str) -> Vec<String> {
        let rows = self.tab(title).await;
        let at = rows[0].iter().position(|cell| cell == name).expect("a column");
        rows.iter().skip(1).map(|row| row.get(at).cloned().unwrap_or_default()).collect()
    }

    /// A person types a text into a cell of a tab.
    pub async fn type_in(&self, title: &str, row: usize, column: usize, text: &str) {
        let start = json!({"sheetId": self.id_of(title).await, "rowIndex": row, "columnIndex": column});
        let cell = json!({"values": [{"userEnteredValue": {"stringValue": text}}]});
        self.hands(json!([{"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [cell]}}])).await;
    }

    /// A person turns the rows of a tab upside down.
    pub async fn sort_upside_down(&self, title: &str) {
        let id = self.id_of(title).await;
        let rows = self.tab(title).await.len();
        let moves = (2..rows).map(|row| {
            let source = json!({"sheetId": id, "dimension": "ROWS", "startIndex": row, "endIndex": row + 1});
            json!({"moveDimension": {"source": source, "destinationIndex": 1}})
        });
        let moves: Vec<_> = moves.collect();
        if !moves.is_empty() {
            self.hands(json!(moves)).await;
        }
    }

    /// A person moves a column of a tab.
    pub async fn move_column(&self, title: &str, from: usize, to: usize) {
        let source = json!({"sheetId": self.id_of(title).await, "dimension": "COLUMNS", "startIndex": from, "endIndex": from + 1});
        self.hands(json!([{"moveDimension": {"source": source, "destinationIndex": to}}])).await;
    }

    /// A call that nothing happens to.
    pub async fn ask(&self, method: Method, suffix: &str, query: &str, body: Value) -> (u16, Value) {
        self.ask_at(&format!("/v4/spreadsheets/{ID}{suffix}"), method, query, body).await
    }

    /// The same, of any path.
    pub async fn ask_at(&self, path: &str, method: Method, query: &str, body: Value) -> (u16, Value) {
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

/// A client whose every call is answered so.
pub fn client<F, R>(answering: F, clock: &Arc<dyn Clock>, seed: u64) -> Sheets
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = std::io::Result<Response<ResponseBody>>> + Send + 'static,
{
    let streams = move || {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let answering = answering.clone();
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(theirs), service_fn(answering)).await;
        });
        ours
    };
    let credentials = Credentials::from_token(TOKEN).expect("a token of plain letters");
    let mut options = SheetsOptions::new(credentials, Transport::InProcess(Arc::new(streams)));
    options.pacing = CallRates::unlimited();
    Sheets::connect(options, Arc::clone(clock), Arc::new(SeededRng::new(seed))).expect("usual options")
}

/// What a request asks of the emulator.
pub async fn call_of(request: Request<Incoming>) -> ApiRequest {
    let (head, body) = request.into_parts();
    call_with(head, body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default())
}

fn call_with(head: Parts, body: Bytes) -> ApiRequest {
    ApiRequest {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: QueryParams::parse(head.uri.query().unwrap_or_default()),
        host: "sheets.googleapis.com".to_owned(),
        authorization: Some(format!("Bearer {TOKEN}")),
        content: ContentHeaders::default(),
        body,
    }
}

/// An answer on its way, dated.
pub fn dressed(answer: ApiResponse, now: Timestamp) -> Response<ResponseBody> {
    let moment = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let mut response = Response::builder().status(answer.status).header("date", httpdate::fmt_http_date(moment));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let breaks_off = answer.is_truncated;
    let (bytes, kind) = answer.body(false);
    let response = if kind.is_empty() { response } else { response.header("content-type", kind) };
    response.body(ResponseBody::new(bytes.into(), breaks_off)).expect("a status and a date")
}

/// The end of a connection.
pub fn gone() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}

/// The data tab.
pub struct View {
    pub id: i64,
    pub rows: Vec<Vec<Value>>,
    pub grid: (u64, u64),
}

impl View {
    /// What was entered into a cell, as a text.
    pub fn text(&self, row: usize, column: usize) -> String {
        let cell = self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
        match &cell["userEnteredValue"] {
            Value::Object(value) => match value.values().next() {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            },
            _ => String::new(),
        }
    }

    /// Rows or columns of it, as requests name them.
    pub fn span(&self, dimension: &str, from: usize, to: usize) -> Value {
        json!({"sheetId": self.id, "dimension": dimension, "startIndex": from, "endIndex": to})
    }

    pub fn note(&self, row: usize, column: usize) -> String {
        let cell = self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
        cell["note"].as_str().unwrap_or_default().to_owned()
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        (0..self.width()).find(|&column| self.text(0, column) == name)
    }

    pub fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }
}
