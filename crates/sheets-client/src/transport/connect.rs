//! Connections: TLS over the network, or a stream within the process.
//!
//! In scope: trusted roots, proxies, the connect deadline, and a limit on the bytes of one
//! response, because the hub collects bodies without a limit. Out of scope: what is sent
//! (`sheets`), and which addresses are allowed (`sheets_client::types::address`).
//!
//! Only HTTP/1.1 is used. One call then owns its connection. So the bytes read since the last write
//! belong to one response, and a cancelled call closes its connection. A run has few calls in
//! flight, so multiplexing would gain nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tower_service::Service;

use crate::errors::classify::find_root_cause;
use crate::errors::proxy_error::{ProxyError, ProxyErrorKind};
use crate::transport::forward_proxy::ForwardProxyStream;
use crate::transport::proxy::{self, Proxies, Proxy};
use crate::transport::stream::Stream;
use crate::transport::tunnel::Tunnel;
use sheetkeep_base::clock::Clock;
use sheetkeep_base::redact;

/// Idle connections are closed after this time, well before the service closes them. So few writes
/// are sent on a dead connection.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Allowance for the head of a response beside its body, in bytes.
const MAX_RESPONSE_HEAD_BYTES: u64 = 65_536;

/// Opens a stream to a server within this process; called once per connection.
pub type StreamFactory = Arc<dyn Fn() -> DuplexStream + Send + Sync>;

/// How the client reaches the service.
#[derive(Clone)]
pub enum Transport {
    /// TCP, with TLS for https.
    Network {
        /// A PEM file of certificates to trust beside the bundled and the system's: the value of
        /// `SSL_CERT_FILE`.
        ca_file: Option<PathBuf>,
        /// The proxies between this machine and the service.
        proxies: Proxies,
    },
    /// The embedded sheet: every call goes to this process, whatever its URL is.
    InProcess(StreamFactory),
}

/// Why the certificates to trust can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the certificates to trust from {place}: {why}")]
pub struct RootsError {
    place: String,
    why: String,
}

/// A connector whose streams limit the bytes of one response.
#[derive(Clone)]
pub(crate) struct Connector {
    transport_kind: ConnectionKind,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    limit: u64,
    oversized_count: Arc<AtomicU64>,
}

#[derive(Clone)]
enum ConnectionKind {
    Network(Network),
    InProcess(StreamFactory),
}

#[derive(Clone)]
struct Network {
    https_connector: HttpsConnector<HttpConnector>,
    tls: Arc<ClientConfig>,
    proxies: Proxies,
}

impl Connector {
    /// Creates a connector that gives up after `timeout` and reads at most `body_limit` bytes of
    /// body per response.
    pub(crate) fn new(
        transport: &Transport,
        timeout: Duration,
        body_limit: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RootsError> {
        let transport_kind = match transport {
            Transport::Network { ca_file, proxies } => {
                let tls = build_tls_config(ca_file.as_deref())?;
                ConnectionKind::Network(Network {
                    https_connector: build_https_connector(&tls),
                    tls,
                    proxies: proxies.clone(),
                })
            }
            Transport::InProcess(factory) => ConnectionKind::InProcess(factory.clone()),
        };
        Ok(Self {
            transport_kind,
            clock,
            timeout,
            limit: body_limit.saturating_add(MAX_RESPONSE_HEAD_BYTES),
            oversized_count: Arc::default(),
        })
    }

    /// Returns the same connector without proxies, for addresses that only this machine reaches.
    pub(crate) fn direct(&self) -> Self {
        let mut direct = self.clone();
        if let ConnectionKind::Network(network) = &mut direct.transport_kind {
            network.proxies = Proxies::default();
        }
        direct
    }

    /// Returns how many responses were cut off because they were too long.
    pub(crate) fn oversized_count(&self) -> u64 {
        self.oversized_count.load(Ordering::Relaxed)
    }

    /// Returns a pooling client over this connector.
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

    async fn open(self, uri: Uri) -> Result<TokioIo<BoundedStream>, BoxError> {
        let (stream, forwards) = match self.transport_kind {
            ConnectionKind::InProcess(factory) => (Box::new(factory()) as Box<dyn Stream>, false),
            ConnectionKind::Network(network) => {
                let after_s = self.timeout.as_secs();
                let timed_out = self.clock.sleep(self.timeout);
                let through = match network.proxies.route(&uri) {
                    proxy::ProxyRoute::Via(proxy) => Some(proxy.clone()),
                    proxy::ProxyRoute::Direct | proxy::ProxyRoute::Bypassed(..) => None,
                };
                let late = through.as_ref().map(|proxy| proxy.error(ProxyErrorKind::TimedOut { after_s }));
                tokio::select! {
                    connected = network.connect(uri, through) => connected?,
                    () = timed_out => {
                        return Err(late.map_or_else(|| format!("not connected within {after_s} s").into(), Into::into));
                    }
                }
            }
        };
        Ok(TokioIo::new(BoundedStream {
            stream,
            forwards,
            read: 0,
            limit: self.limit,
            oversized_count: self.oversized_count,
        }))
    }
}

impl Network {
    /// Connects to `uri`. Returns the connection, and whether its other end is a proxy that
    /// forwards requests.
    async fn connect(mut self, uri: Uri, through: Option<Proxy>) -> Result<(Box<dyn Stream>, bool), BoxError> {
        let Some(proxy) = through else {
            std::future::poll_fn(|cx| self.https_connector.poll_ready(cx)).await?;
            return Ok((Box::new(TokioIo::new(self.https_connector.call(uri).await?)), false));
        };
        let mut tunnel = Tunnel { connector: self.https_connector, proxy: proxy.clone() };
        let host = uri.host().unwrap_or_default().to_owned();
        if uri.scheme_str() != Some("https") {
            let stream = tunnel.connect_to_proxy().await?;
            return Ok((Box::new(ForwardProxyStream::new(stream, proxy, host)), true));
        }
        let stream = HttpsConnector::from((tunnel, self.tls)).call(uri).await.map_err(|error| {
            let of_proxy = ProxyError::find_within(error.as_ref());
            of_proxy.unwrap_or_else(|| {
                proxy.error(ProxyErrorKind::Untrusted { host, why: find_root_cause(error.as_ref()) })
            })
        })?;
        Ok((Box::new(TokioIo::new(stream)), false))
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<BoundedStream>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

/// Returns a TLS configuration that trusts the bundled roots, the system's, and those of `ca_file`.
fn build_tls_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, RootsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without a readable root store still has the bundled roots.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let shown = path.to_string_lossy();
        // The variable may hold a key by mistake.
        let hidden = redact::is_no_path(&shown) && !path.exists();
        let place =
            if hidden { "SSL_CERT_FILE, which holds no path and is not shown".to_owned() } else { shown.into_owned() };
        let roots_error = |why: String| RootsError { place: place.clone(), why };
        let certificates = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| roots_error(e.to_string()))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(roots_error("it holds no certificate".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Returns a connector for TCP, with TLS for https.
fn build_https_connector(tls: &Arc<ClientConfig>) -> HttpsConnector<HttpConnector> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    HttpsConnector::from((tcp, Arc::clone(tls)))
}

/// A stream that fails once more than `limit` bytes were read since the last write: on HTTP/1.1,
/// the bytes of one response.
pub(crate) struct BoundedStream {
    stream: Box<dyn Stream>,
    /// Whether the other end is a proxy that forwards requests, and so needs absolute request URIs.
    forwards: bool,
    read: u64,
    limit: u64,
    oversized_count: Arc<AtomicU64>,
}

impl Connection for BoundedStream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.forwards)
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let more = buf.filled().len().saturating_sub(before);
        self.read = self.read.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        if self.read > self.limit {
            self.oversized_count.fetch_add(1, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other("the response is too long")));
        }
        polled
    }
}

impl AsyncWrite for BoundedStream {
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
