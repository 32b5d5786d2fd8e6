//! A tunnel through a proxy to an https address: CONNECT, then TLS.
//!
//! In scope: requesting the tunnel, and the meaning of each response. Out of scope: which proxy
//! (`sheets_client::transport::proxy`), TLS and deadlines (`sheets_client::transport::connect`).

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::errors::classify::find_root_cause;
use crate::errors::proxy_error::{ProxyError, ProxyErrorKind};
use crate::transport::proxy::Proxy;
use crate::transport::stream::Stream;
use crate::types::address::AGENT;

/// Connects to the proxy, and requests a tunnel to each address.
#[derive(Clone)]
pub(crate) struct Tunnel {
    pub(crate) connector: HttpsConnector<HttpConnector>,
    pub(crate) proxy: Proxy,
}

impl Service<Uri> for Tunnel {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = ProxyError;
    type Future = BoxFuture<'static, Result<Self::Response, ProxyError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().open(uri))
    }
}

impl Tunnel {
    /// Connects to the proxy itself.
    pub(crate) async fn connect_to_proxy(&mut self) -> Result<Box<dyn Stream>, ProxyError> {
        let unreachable = |error: Box<dyn std::error::Error + Send + Sync>| {
            self.proxy.error(ProxyErrorKind::Unreachable(find_root_cause(error.as_ref())))
        };
        std::future::poll_fn(|cx| self.connector.poll_ready(cx)).await.map_err(unreachable)?;
        let stream = self.connector.call(self.proxy.uri().clone()).await.map_err(unreachable)?;
        Ok(Box::new(TokioIo::new(stream)))
    }

    async fn open(mut self, uri: Uri) -> Result<TokioIo<Box<dyn Stream>>, ProxyError> {
        let stream = self.connect_to_proxy().await?;
        let host = uri.host().unwrap_or_default().to_owned();
        let to = format!("{host}:{}", uri.port_u16().unwrap_or(443));
        let garbled = |why: &(dyn std::error::Error + 'static)| {
            self.proxy.error(ProxyErrorKind::InvalidResponse(find_root_cause(why)))
        };
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| garbled(&error))?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::connect(&to).header(HOST, &to).header(USER_AGENT, AGENT);
        if let Some(authorization) = self.proxy.authorization() {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| garbled(&error))?;
        let response = sender.send_request(request).await.map_err(|error| {
            // The proxy closed the connection without a response, or speaks another protocol.
            garbled(&error)
        })?;
        let status = response.status();
        if status.is_success() {
            let upgraded = hyper::upgrade::on(response).await.map_err(|error| garbled(&error))?;
            return Ok(TokioIo::new(Box::new(TokioIo::new(upgraded))));
        }
        Err(self.proxy.error(classify_status(status.as_u16(), host, self.proxy.authorization().is_some())))
    }
}

/// Classifies a proxy status that is not a success.
pub(crate) fn classify_status(status: u16, host: String, has_credentials: bool) -> ProxyErrorKind {
    match status {
        401 | 407 => ProxyErrorKind::Unauthorised { has_credentials, status },
        408 | 429 | 500.. => ProxyErrorKind::Failed { host, status },
        400..=499 => ProxyErrorKind::Refused { host, status },
        _ => ProxyErrorKind::InvalidResponse(format!("status {status}")),
    }
}
