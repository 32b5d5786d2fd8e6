//! The one way out: TLS over the network, or a stream within the process.
//!
//! In scope: trusted roots, the connect deadline, and a bound on the bytes of one answer, because the hub collects bodies unbounded.
//! Out of scope: what is sent (`sheets`), and which addresses are allowed (`address`).
//!
//! Only HTTP/1.1 is spoken: one call then owns its connection, so that bytes since the last write are bytes of one answer, and a
//! call that is given up closes its connection. A run has a handful of calls in flight at most, so sharing one gains nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower_service::Service;

use crate::port::clock::Clock;

/// Idle connections are closed after this long: well before the other side does, so that few writes go out on a dead one.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// What the head of an answer may take beside the body, in bytes.
const HEAD_ROOM: u64 = 65_536;

/// Opens a stream to a server within this process; called once for each connection.
pub type StreamFactory = Arc<dyn Fn() -> DuplexStream + Send + Sync>;

/// The way out.
#[derive(Clone)]
pub enum Transport {
    /// TCP, with TLS for https.
    Network {
        /// Certificates to trust beside the bundled and the system's, as PEM: the value of `SSL_CERT_FILE`.
        ca_file: Option<PathBuf>,
    },
    /// The embedded sheet: every call goes to this process, whatever its URL says.
    InProcess(StreamFactory),
}

/// Why the certificates to trust can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the certificates to trust from {place}: {why}")]
pub struct RootsError {
    place: String,
    why: String,
}

/// A connector whose streams bound what they read for one answer.
#[derive(Clone)]
pub(crate) struct Connector {
    way: Way,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    limit: u64,
    oversized: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Way {
    Network(HttpsConnector<HttpConnector>),
    InProcess(StreamFactory),
}

impl Connector {
    /// A connector that gives up after `timeout` and reads at most `body_limit` bytes of body for one answer.
    pub(crate) fn new(
        transport: &Transport,
        timeout: Duration,
        body_limit: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RootsError> {
        let way = match transport {
            Transport::Network { ca_file } => Way::Network(network(ca_file.as_deref())?),
            Transport::InProcess(factory) => Way::InProcess(factory.clone()),
        };
        Ok(Self { way, clock, timeout, limit: body_limit.saturating_add(HEAD_ROOM), oversized: Arc::default() })
    }

    /// How many answers were cut off because they were too long.
    pub(crate) fn oversized(&self) -> u64 {
        self.oversized.load(Ordering::Relaxed)
    }

    /// A pooling client over this connector.
    pub(crate) fn client<B>(&self) -> Client<Self, B>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
    {
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .build(self.clone())
    }

    async fn open(self, uri: Uri) -> Result<TokioIo<Bounded>, BoxError> {
        let stream: Box<dyn Stream> = match self.way {
            Way::InProcess(factory) => Box::new(factory()),
            Way::Network(mut https) => {
                let connected = async move {
                    std::future::poll_fn(|cx| https.poll_ready(cx)).await?;
                    https.call(uri).await
                };
                let gave_up = self.clock.sleep(self.timeout);
                tokio::select! {
                    stream = connected => Box::new(TokioIo::new(stream?)),
                    () = gave_up => return Err(format!("not connected within {} s", self.timeout.as_secs()).into()),
                }
            }
        };
        Ok(TokioIo::new(Bounded { stream, read: 0, limit: self.limit, oversized: self.oversized }))
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Bounded>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

/// TLS and TCP, trusting the bundled roots, the system's, and those of `ca_file`.
fn network(ca_file: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, RootsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without a readable store of its own still has the bundled roots.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let refuse = |why: String| RootsError { place: path.display().to_string(), why };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| refuse(e.to_string()))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(refuse("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp))
}

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream that fails once more than `limit` bytes were read since the last write: one answer's bytes, on HTTP/1.1.
pub(crate) struct Bounded {
    stream: Box<dyn Stream>,
    read: u64,
    limit: u64,
    oversized: Arc<AtomicU64>,
}

impl Connection for Bounded {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Bounded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let more = buf.filled().len().saturating_sub(before);
        self.read = self.read.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        if self.read > self.limit {
            self.oversized.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the answer is too long")));
        }
        polled
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
