//! The HTTP server: HTTP/1.1, and HTTP/2 if the client starts with it.
//!
//! In scope: one connection over any stream, a listener, limits on bodies, heads and time, graceful
//! shutdown.
//! Out of scope: TLS, which loopback does not need; responses (`emulator`).

use std::io::{self, Cursor};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, HOST,
    HeaderName, HeaderValue, VARY,
};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::call::ConnectionDropped;
use crate::api::call::{API_KEY, ApiRequest, ApiResponse, ContentHeaders, QueryParams};
use crate::emulator::Emulator;
use crate::error::ApiError;
use crate::http::body_budget::{BodyBudget, BodyShare};
use crate::http::call_log::{log_call, write_log_path};
use crate::http::compression;
use crate::http::connection_slots::{ConnectionSlot, ConnectionSlots};
use crate::http::host_check::HostCheck;
use crate::http::response_body::ResponseBody;
use crate::time::sleep;

/// The largest body in bytes. Sheets accepts at least 9 MB.
const BODY_LIMIT: usize = 64 << 20;

/// Bytes of bodies that are held at the same time, of all connections.
const BODIES_LIMIT: u64 = 256 << 20;

/// Time for a client to send a body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// Idle time between calls of a connection over a socket, as at Google's front end.
const IDLE_TIMEOUT: Duration = Duration::from_mins(4);

/// Time for a new connection to send its first head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of HTTP/2 pings to an idle client.
const PING_EVERY: Duration = Duration::from_secs(30);

/// The largest head in bytes. A batchGet of many ranges has a long query.
const HEAD_LIMIT: usize = 256 << 10;

/// Time for active calls after a stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that are served at the same time. A further one evicts the connection that was idle
/// for longest.
const CONNECTION_LIMIT: usize = 512;

/// The first bytes of every HTTP/2 connection.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The origin of a connection: this process, or a socket.
#[derive(Debug, Clone, Default)]
struct ConnectionContext {
    host_check: Option<HostCheck>,
    slot: Option<Arc<ConnectionSlot>>,
    /// The budget that its bodies share.
    bodies: Option<Arc<BodyBudget>>,
}

impl Emulator {
    /// Serves one connection until the client ends it, without an idle timeout. Use it for an
    /// embedded emulator, over `tokio::io::duplex`.
    pub async fn serve_stream<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.serve_until(stream, CancellationToken::new(), ConnectionContext::default()).await;
    }

    /// Serves the connections of a listener until `stop`. Active calls have 10 s to finish.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        let (slots, bodies) = (ConnectionSlots::new(CONNECTION_LIMIT), BodyBudget::new(BODIES_LIMIT));
        let is_open = listener.local_addr().is_ok_and(|bound| !bound.ip().to_canonical().is_loopback());
        loop {
            while connections.try_join_next().is_some() {}
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let slot = tokio::select! {
                        slot = slots.acquire() => Arc::new(slot),
                        () = stop.cancelled() => break,
                    };
                    let (emulator, stop, bodies) = (self.clone(), stop.clone(), Arc::clone(&bodies));
                    connections.spawn(async move { emulator.serve_tcp(stream, is_open, (slot, bodies), stop).await });
                }
                Err(error) => {
                    tracing::warn!(event = "emulator.connection", %error, "a connection could not be accepted");
                    slots.evict_idle();
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        tokio::select! {
            () = drained => {}
            () = sleep(SHUTDOWN_TIMEOUT) => tracing::warn!(event = "emulator.connection", "calls were cut off after 10 s"),
        }
    }

    async fn serve_tcp(
        &self,
        stream: TcpStream,
        is_open: bool,
        (slot, bodies): (Arc<ConnectionSlot>, Arc<BodyBudget>),
        stop: CancellationToken,
    ) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(event = "emulator.connection", %error, "small answers of this connection may be held back");
        }
        let Ok(local) = stream.local_addr() else { return };
        let host_check = HostCheck { address: local.ip().to_canonical(), is_open, hosts: self.hosts() };
        let connection =
            ConnectionContext { host_check: Some(host_check), slot: Some(Arc::clone(&slot)), bodies: Some(bodies) };
        tokio::select! {
            () = self.serve_until(stream, stop, connection) => {}
            () = slot.wait_for_eviction() => tracing::debug!(event = "emulator.connection", "an idle connection made room for another one"),
            () = self.wait_past_first_call(&slot) => tracing::debug!(event = "emulator.connection", "a connection brought no call in time"),
        }
    }

    /// Resolves if a new connection has sent no call in time.
    async fn wait_past_first_call(&self, slot: &ConnectionSlot) {
        sleep(HEAD_TIMEOUT).await;
        if slot.has_called() {
            std::future::pending::<()>().await;
        }
    }

    async fn serve_until<S>(&self, mut stream: S, stop: CancellationToken, connection: ConnectionContext)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let begun = tokio::select! {
            begun = read_beginning(&mut stream) => begun,
            () = stop.cancelled() => return,
        };
        let idle = connection.slot.as_ref().map(|_| IDLE_TIMEOUT);
        let Ok(begun) = begun else { return };
        let is_http2 = begun == HTTP2_PREFACE;
        let (reader, writer) = tokio::io::split(stream);
        let io = TokioIo::new(tokio::io::join(Cursor::new(begun).chain(reader), writer));
        let service = service_fn(|request| self.respond(request, &connection));
        let ended = if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_header_list_size(u32::try_from(HEAD_LIMIT).unwrap_or(u32::MAX))
                .keep_alive_interval(idle.map(|_| PING_EVERY))
                .keep_alive_timeout(HEAD_TIMEOUT);
            let (emulator, connection) = (self.clone(), connection.clone());
            let service = service_fn(move |request| {
                let (emulator, connection) = (emulator.clone(), connection.clone());
                async move { emulator.respond(request, &connection).await }
            });
            let mut connection = std::pin::pin!(builder.serve_connection(io, service));
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        } else {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_LIMIT);
            let mut connection = std::pin::pin!(builder.serve_connection(io, service));
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(event = "emulator.connection", %error, "a connection ended early");
        }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        connection: &ConnectionContext,
    ) -> Result<Response<ResponseBody>, ConnectionDropped> {
        if let Some(slot) = &connection.slot {
            slot.record_request();
        }
        let began = self.time_source().monotonic_ms();
        let (head, body) = request.into_parts();
        let query = QueryParams::parse(head.uri.query().unwrap_or_default());
        let pretty = query.is_pretty();
        let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let host = text(HOST).or_else(|| head.uri.authority().map(ToString::to_string)).unwrap_or_default();
        if let Some(Err(refusal)) =
            connection.host_check.as_ref().map(|host_check| host_check.check(head.uri.path(), &host, &head.headers))
        {
            return Ok(self.build_response(refusal.into(), pretty, false));
        }
        let by_key = || text(HeaderName::from_static("x-goog-api-key")).map(|key| format!("{API_KEY}{key}"));
        let authorization = text(AUTHORIZATION).or_else(by_key);
        let compressed = text(ACCEPT_ENCODING).is_some_and(|takes| compression::accepts_gzip(&takes));
        let decompress = text(CONTENT_ENCODING).is_some_and(|how| how.trim().eq_ignore_ascii_case("gzip"));
        let mut room = connection.bodies.as_ref().map(BodyBudget::begin);
        let read = self.read_body(body, room.as_mut()).await;
        let _at_work = connection.slot.as_ref().map(ConnectionSlot::begin_call);
        let read = if decompress { read.and_then(|body| decompress_body(&body, room.as_mut())) } else { read };
        let is_logged = connection.host_check.is_some()
            && tracing::enabled!(target: "sheets_emulator::calls", tracing::Level::INFO);
        let shown = is_logged.then(|| write_log_path(head.uri.path(), &query));
        let answer = match read {
            Ok(body) => {
                let path = head.uri.path().to_owned();
                let overridden = text(HeaderName::from_static("x-http-method-override"));
                let content = ContentHeaders {
                    content_type: text(CONTENT_TYPE),
                    upload_content_type: text(HeaderName::from_static("x-upload-content-type")),
                    content_range: text(CONTENT_RANGE),
                };
                let call = ApiRequest { method: head.method.clone(), path, query, host, authorization, content, body };
                self.handle(call.with_method_override(overridden.as_deref())).await
            }
            Err(refusal) => Ok(refusal),
        };
        if let Some(path) = shown {
            let ms = self.time_source().monotonic_ms().saturating_sub(began);
            log_call(&head.method, &path, &answer, ms);
        }
        Ok(self.build_response(answer?, pretty, compressed))
    }

    async fn read_body<B>(&self, body: B, held: Option<&mut BodyShare>) -> Result<Bytes, ApiResponse>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let refusal = |code, status, message: String| ApiError { code, status, message, details: None }.into();
        tokio::select! {
            collected = collect_body(body, held) => collected.map_err(|unread| match unread {
                BodyError::OverBudget => refuse_call(),
                BodyError::Broken(error) if error.is::<LengthLimitError>() => {
                    let detail = format!("Request payload size exceeds the limit: {BODY_LIMIT} bytes.");
                    refusal(413, "INVALID_ARGUMENT", detail)
                }
                BodyError::Broken(error) => refusal(400, "INVALID_ARGUMENT", format!("The body could not be read: {error}")),
            }),
            () = sleep(BODY_TIMEOUT) => Err(refusal(408, "DEADLINE_EXCEEDED", "Request Timeout".to_owned())),
        }
    }

    fn build_response(&self, answer: ApiResponse, is_pretty: bool, is_compressed: bool) -> Response<ResponseBody> {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (extra, is_truncated) = (answer.headers.clone(), answer.is_truncated);
        let (mut bytes, kind) = answer.body(is_pretty);
        let is_compressed = is_compressed && bytes.len() >= compression::MIN_COMPRESSED_BYTES;
        if is_compressed {
            bytes = compression::compress(&bytes);
        }
        let mut response = Response::new(ResponseBody::new(bytes.into(), is_truncated));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let ms = u64::try_from(self.time_source().unix_ms()).unwrap_or(0);
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(ms.min(253_402_300_799_000)));
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(DATE, &date);
        set(CACHE_CONTROL, "private");
        set(VARY, "Accept-Encoding");
        if is_compressed {
            set(CONTENT_ENCODING, "gzip");
        }
        if !kind.is_empty() {
            set(CONTENT_TYPE, kind);
        }
        for (name, value) in extra {
            set(HeaderName::from_static(name), &value);
        }
        response
    }
}

/// Why a body is missing.
enum BodyError {
    /// Other bodies use the whole budget.
    OverBudget,
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Reads a body. Bytes count as they arrive.
async fn collect_body<B>(body: B, mut held: Option<&mut BodyShare>) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = std::pin::pin!(Limited::new(body, BODY_LIMIT));
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        if held.as_mut().is_some_and(|held| !held.grow(data.len())) {
            return Err(BodyError::OverBudget);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.into())
}

fn refuse_call() -> ApiResponse {
    let message =
        format!("This emulator holds {BODIES_LIMIT} bytes of the bodies of calls already; send it again later.");
    ApiError { code: 503, status: "UNAVAILABLE", message, details: None }.into()
}

/// Decompresses a body. Rejects one that exceeds the limit.
fn decompress_body(body: &Bytes, held: Option<&mut BodyShare>) -> Result<Bytes, ApiResponse> {
    let body = compression::decompress(body, BODY_LIMIT).map_err(|why| {
        let message = format!("The body could not be unpacked: {why}");
        ApiResponse::from(ApiError { code: 400, status: "INVALID_ARGUMENT", message, details: None })
    })?;
    if held.is_some_and(|held| !held.grow(body.len())) { Err(refuse_call()) } else { Ok(body.into()) }
}

/// Binds a listener; port 0 takes a free port.
pub(crate) async fn listen(host: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((host, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Reads enough to distinguish HTTP/2 from HTTP/1.1. The bytes belong to the connection.
async fn read_beginning(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut begun = Vec::with_capacity(HTTP2_PREFACE.len());
    while begun.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&begun) {
        let mut rest = stream.take((HTTP2_PREFACE.len() - begun.len()) as u64);
        if rest.read_buf(&mut begun).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(begun)
}

#[cfg(test)]
mod tests;
