//! A scripted server, faults included: a few lines of HTTP/1.1 over a stream within the process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use crate::auth::credentials::Credentials;
use crate::options::SheetsOptions;
use crate::sheets::Sheets;
use crate::tests::key::service_account;
use crate::transport::connect::{StreamFactory, Transport};
use crate::types::address::SpreadsheetId;
use sheetkeep_base::clock::Clock;
use sheetkeep_base::retry::RetryPolicy;
use sheetkeep_base::system::{SeededRng, TestClock};
use sheetkeep_base::time::Timestamp;

/// The spreadsheet id that all tests use.
pub(crate) const SPREADSHEET_ID: &str = "1SampleSpreadsheetId";

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `METHOD /path?query`.
    pub(crate) line: String,
    /// The head, with names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) at_ms: u64,
}

impl Seen {
    pub(crate) fn is_token(&self) -> bool {
        self.line.contains("/token")
    }

    pub(crate) fn bearer(&self) -> Option<String> {
        let (_, after) = self.head.split_once("authorization: Bearer ")?;
        after.lines().next().map(str::to_owned)
    }
}

/// A scripted response.
pub(crate) enum StubResponse {
    /// A complete response: status, headers, body.
    Whole(u16, Vec<(&'static str, String)>, String),
    /// These bytes, then the connection closes.
    Bytes(String),
    /// These bytes, then nothing more.
    Stall(String),
}

impl StubResponse {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Whole(status, vec![("content-type", "application/json; charset=UTF-8".to_owned())], body.to_string())
    }

    pub(crate) fn html(status: u16) -> Self {
        Self::Whole(status, vec![("content-type", "text/html".to_owned())], "<html>Error!!1</html>".to_owned())
    }

    pub(crate) fn error(status: u16, name: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": status, "message": message, "status": name}}))
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

type Script = dyn Fn(&Seen, usize) -> StubResponse + Send + Sync;

/// The server, the requests that it received, and the shared clock.
#[derive(Clone)]
pub(crate) struct Stub {
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) clock: Arc<TestClock>,
}

impl Stub {
    /// Creates a server that answers the n-th API request (from 0) by `script`. Token requests
    /// always succeed.
    pub(crate) fn new(script: impl Fn(&Seen, usize) -> StubResponse + Send + Sync + 'static) -> Self {
        let script = move |seen: &Seen, n: usize| if seen.is_token() { token(n) } else { script(seen, n) };
        Self::raw(script)
    }

    /// Creates a server that answers token requests by `script` too. n counts requests of the same
    /// kind.
    pub(crate) fn raw(script: impl Fn(&Seen, usize) -> StubResponse + Send + Sync + 'static) -> Self {
        let origin = Timestamp::parse("2026-11-22T09:00:00Z").expect("a moment");
        Self { script: Arc::new(script), seen: Arc::default(), clock: Arc::new(TestClock::starting_at(origin)) }
    }

    pub(crate) fn factory(&self) -> StreamFactory {
        let stub = self.clone();
        Arc::new(move || {
            let (ours, theirs): (DuplexStream, DuplexStream) = tokio::io::duplex(65_536);
            tokio::spawn(stub.clone().serve(theirs));
            ours
        })
    }

    /// Returns options with a fixed token and a retry budget.
    pub(crate) fn options(&self) -> SheetsOptions {
        let credentials = Credentials::from_token("test-token").expect("a token");
        let retry = RetryPolicy { max_attempts: 9, max_elapsed_ms: 600_000, ..RetryPolicy::default() };
        SheetsOptions { retry, ..SheetsOptions::new(credentials, Transport::InProcess(self.factory())) }
    }

    pub(crate) fn client(&self) -> Sheets {
        self.client_with(self.options())
    }

    /// Returns a client that requests its tokens from this server.
    pub(crate) fn robot(&self) -> Sheets {
        let key = service_account("https://oauth2.example/token").to_string();
        let credentials = Credentials::parse(&key, "a test").expect("a key");
        self.client_with(SheetsOptions { credentials, ..self.options() })
    }

    pub(crate) fn client_with(&self, options: SheetsOptions) -> Sheets {
        Sheets::connect(options, self.clock.clone(), Arc::new(SeededRng::new(1))).expect("a client")
    }

    /// Returns the API requests, in order.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|s| !s.is_token()).cloned().collect()
    }

    /// Returns the token requests, in order.
    pub(crate) fn tokens(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|s| s.is_token()).cloned().collect()
    }

    pub(crate) async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut buffer = Vec::new();
        while let Some(seen) = self.read(&mut stream, &mut buffer).await {
            let response = {
                let mut all = self.seen.lock().unwrap();
                let n = all.iter().filter(|s| s.is_token() == seen.is_token()).count();
                all.push(seen.clone());
                (self.script)(&seen, n)
            };
            match response {
                StubResponse::Whole(status, headers, body) => {
                    let mut out = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                    for (name, value) in headers {
                        out.extend([name, ": ", &value, "\r\n"]);
                    }
                    if stream.write_all(format!("{out}\r\n{body}").as_bytes()).await.is_err() {
                        return;
                    }
                }
                StubResponse::Bytes(bytes) => {
                    let _ = stream.write_all(bytes.as_bytes()).await;
                    return;
                }
                StubResponse::Stall(bytes) => {
                    let _ = stream.write_all(bytes.as_bytes()).await;
                    self.clock.sleep(Duration::from_secs(1_000_000)).await;
                    return;
                }
            }
        }
    }

    async fn read(&self, stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Seen> {
        loop {
            let text = String::from_utf8_lossy(buffer).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let (line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
                let length = fields
                    .lines()
                    .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
                    .unwrap_or(0);
                if body.len() >= length {
                    let seen = Seen {
                        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
                        head: fields.to_owned(),
                        body: body.to_owned(),
                        at_ms: self.clock.monotonic_ms(),
                    };
                    buffer.clear();
                    return Some(seen);
                }
            }
            if stream.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}

/// Returns the n-th token.
pub(crate) fn token(n: usize) -> StubResponse {
    let body = json!({"access_token": format!("token-{n}"), "expires_in": 3_599, "token_type": "Bearer"});
    StubResponse::json(200, &body)
}

pub(crate) fn book() -> SpreadsheetId {
    SpreadsheetId::parse(SPREADSHEET_ID).expect("an id")
}

/// Returns the response to `values` for one range that contains `x`.
pub(crate) fn one_value() -> StubResponse {
    StubResponse::json(
        200,
        &json!({"spreadsheetId": SPREADSHEET_ID, "valueRanges": [{"range": "A!A1", "values": [["x"]]}]}),
    )
}

/// Returns the ranges that `one_value` answers.
pub(crate) fn one_range() -> Vec<String> {
    vec!["'A'!A1:A".to_owned()]
}
