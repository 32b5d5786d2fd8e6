//! Single requests to other services, such as heartbeats, over the same connections as the calls.
//!
//! In scope: one bounded request, without redirects, with the trusted roots and proxies of the
//! transport. Out of scope: retries, and what a response means.
//!
//! An address may be a secret, so no error contains one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use url::Url;

use crate::errors::classify::{ResponseMeta, root_cause};
use crate::errors::proxy_error::ProxyError;
use crate::transport::connect::{Connector, RootsError, Transport};
use sheetkeep_base::clock::Clock;
use sheetkeep_base::time::Timestamp;

/// The longest reply that is read, in bytes.
const MAX_REPLY: usize = 65_536;

/// A client for single requests.
#[derive(Clone)]
pub struct WebClient {
    client: Client<Connector, Full<Bytes>>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

/// The reply to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebResponse {
    /// The HTTP status.
    pub status: u16,
    /// The service's time, from the `Date` header.
    pub date: Option<Timestamp>,
    /// The seconds of a `Retry-After` header, if it holds a number.
    pub retry_after_s: Option<u64>,
    /// The body as text; invalid UTF-8 is replaced.
    pub body: String,
}

/// Why a request has no reply. The text contains no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// It took too long.
    #[error("no reply within {after_s} s")]
    Late {
        /// The timeout, in seconds.
        after_s: u64,
    },
    /// The service can't be reached, or broke off.
    #[error("no reply: {why}")]
    Unreachable {
        /// The root cause.
        why: String,
    },
    /// The address or a header can't be sent.
    #[error("the request can't be sent")]
    Unusable,
}

impl WebClient {
    /// Creates a client whose requests end after `timeout`, with connecting and reading.
    pub fn new(transport: &Transport, timeout: Duration, clock: Arc<dyn Clock>) -> Result<Self, RootsError> {
        let connector = Connector::new(transport, timeout, MAX_REPLY as u64, Arc::clone(&clock))?;
        Ok(Self { client: connector.client(), clock, timeout })
    }

    /// Sends one request without a body, and returns the reply, whatever its status is.
    pub async fn get(&self, url: &Url) -> Result<WebResponse, WebError> {
        let request = Request::get(url.as_str()).body(Full::default()).map_err(|_| WebError::Unusable)?;
        self.exchange_in_time(request).await
    }

    /// Sends one request with a body, and returns the reply, whatever its status is.
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<WebResponse, WebError> {
        let mut request = Request::builder().method(Method::POST).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|_| WebError::Unusable)?;
        self.exchange_in_time(request).await
    }

    async fn exchange_in_time(&self, request: Request<Full<Bytes>>) -> Result<WebResponse, WebError> {
        tokio::select! {
            reply = self.exchange(request) => reply,
            () = self.clock.sleep(self.timeout) => Err(WebError::Late { after_s: self.timeout.as_secs() }),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<WebResponse, WebError> {
        let reply = self.client.request(request).await.map_err(|error| WebError::Unreachable {
            why: ProxyError::within(&error).map_or_else(|| root_cause(&error), |error| error.to_string()),
        })?;
        let status = reply.status().as_u16();
        let date = ResponseMeta::read(reply.headers(), self.clock.now()).date;
        let retry_after = reply.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.trim().parse().ok());
        // The status is the response; a body that breaks off is left out.
        let body = Limited::new(reply.into_body(), MAX_REPLY).collect().await;
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok(WebResponse { status, date, retry_after_s, body })
    }
}
