//! A plain HTTP client of one emulator, with an empty spreadsheet.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sheets_emulator::{Emulator, EmulatorOptions, SeededRandom, SimulatedTimeSource};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The id of the spreadsheet of the samples.
pub const ID: &str = "1SampleSpreadsheetId000000000000000000000000";
/// A bearer token that the emulator accepts.
pub const TOKEN: &str = "a-token-of-this-test";

/// A client, and the emulator that it calls.
pub struct Client {
    /// The address of the emulator, as `host:port`.
    pub address: String,
    /// Stops the emulator.
    pub stop: CancellationToken,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts an emulator with an empty spreadsheet, and returns a client for it.
pub async fn start(options: EmulatorOptions) -> Client {
    let options =
        EmulatorOptions { spreadsheet_id: Some(ID.to_owned()), trusted_token: Some(TOKEN.to_owned()), ..options };
    let clock = Arc::new(SimulatedTimeSource::starting_at(1_790_000_000_000));
    let emulator = Emulator::open(options, clock, Arc::new(SeededRandom::new(7))).expect("memory is there");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let stop = CancellationToken::new();
    let until = stop.clone();
    tokio::spawn(async move { emulator.serve(listener, until).await });
    Client { address, stop }
}

impl Client {
    /// Sends a request over its own connection.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> (u16, hyper::HeaderMap, Bytes) {
        let stream = TcpStream::connect(&self.address).await.expect("the emulator listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let response = sender.send_request(request).await.expect("it answers");
        let (head, body) = response.into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.expect("the whole body").to_bytes())
    }

    /// Sends a call with the token, and returns its status and its body.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let (status, _, bytes) = self.send(request.body(Full::new(bytes)).expect("a request")).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Sends a call to the spreadsheet of the samples, which must succeed.
    pub async fn prepare(&self, method: &str, below: &str, body: Value) {
        let (status, got) = self.call(method, &format!("/v4/spreadsheets/{ID}{below}"), Some(&body)).await;
        assert_eq!(status, 200, "{below}: {got}");
    }

    /// Writes rows from the first cell of a range on.
    pub async fn rows(&self, range: &str, values: Value) {
        let range = utf8_percent_encode(range, NON_ALPHANUMERIC);
        let path = format!("/values/{range}?valueInputOption=RAW");
        self.prepare("PUT", &path, json!({ "values": values })).await;
    }

    /// Sends requests as one batch.
    pub async fn batch(&self, requests: Value) {
        self.prepare("POST", ":batchUpdate", json!({ "requests": requests })).await;
    }
}
