//! A client that reaches its server within the process, and what both exchange: requests, answers,
//! and the end of a connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::{ApiRequest, ApiResponse, ContentHeaders, QueryParams, ResponseBody};
use sheetkeep::sheets_client::auth::credentials::Credentials;
use sheetkeep::sheets_client::calls::quota::CallRates;
use sheetkeep::sheets_client::options::SheetsOptions;
use sheetkeep::sheets_client::sheets::Sheets;
use sheetkeep::sheets_client::transport::connect::Transport;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

pub(super) const TOKEN: &str = "a-token-of-this-test";
const STREAM_BYTES: usize = 256 << 10;

/// Returns a client whose every call is answered by `respond`.
pub fn connect_in_process<F, R>(respond: F, clock: &Arc<dyn Clock>, seed: u64) -> Sheets
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = std::io::Result<Response<ResponseBody>>> + Send + 'static,
{
    let streams = move || {
        let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
        let respond = respond.clone();
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(theirs), service_fn(respond)).await;
        });
        ours
    };
    let credentials = Credentials::from_token(TOKEN).expect("a token of plain letters");
    let mut options = SheetsOptions::new(credentials, Transport::InProcess(Arc::new(streams)));
    options.pacing = CallRates::unlimited();
    Sheets::connect(options, Arc::clone(clock), Arc::new(SeededRng::new(seed))).expect("usual options")
}

/// Reads an HTTP request as the emulator takes it.
pub async fn read_api_request(request: Request<Incoming>) -> ApiRequest {
    let (head, body) = request.into_parts();
    make_api_request(head, body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default())
}

pub(super) fn make_api_request(head: Parts, body: Bytes) -> ApiRequest {
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

/// Makes the HTTP response of an answer, dated.
pub fn make_http_response(answer: ApiResponse, now: Timestamp) -> Response<ResponseBody> {
    let moment = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    let mut response = Response::builder().status(answer.status).header("date", httpdate::fmt_http_date(moment));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let is_truncated = answer.is_truncated;
    let (bytes, kind) = answer.body(false);
    let response = if kind.is_empty() { response } else { response.header("content-type", kind) };
    response.body(ResponseBody::new(bytes.into(), is_truncated)).expect("a status and a date")
}

/// The error of a connection that ends before its answer.
pub fn make_reset_error() -> std::io::Error {
    std::io::ErrorKind::ConnectionReset.into()
}
