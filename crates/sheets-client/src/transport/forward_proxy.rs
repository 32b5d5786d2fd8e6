//! Calls to an http address through a proxy: the proxy receives each whole request and forwards it.
//!
//! In scope: sending the proxy credentials, and detecting that the proxy refuses them. Out of
//! scope: the form of the request line, which the HTTP client handles (`Connected::proxy`). So are
//! the addresses that may be called without TLS (`sheets_client::types::address`: loopback only).
//!
//! The pooling client can't add a proxy header, and the packages that build requests do not know of
//! proxies. So the header is inserted where a request begins: with the first bytes that are written
//! after a response.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::errors::proxy_error::ProxyErrorKind;
use crate::transport::proxy::Proxy;
use crate::transport::stream::Stream;

/// A connection to a proxy that forwards requests.
pub(crate) struct ForwardProxyStream {
    stream: Box<dyn Stream>,
    proxy: Proxy,
    /// The host that the requests are for.
    host: String,
    /// Bytes that the client has handed over and that are not written yet.
    pending: Vec<u8>,
    /// The request line of the request whose response has not begun.
    line: Option<String>,
}

impl ForwardProxyStream {
    pub(crate) fn new(stream: Box<dyn Stream>, proxy: Proxy, host: String) -> Self {
        Self { stream, proxy, host, pending: Vec::new(), line: None }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.pending.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.pending))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.pending.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the error in the beginning of a response, if the proxy itself sent it.
    fn find_refusal(&self, line: &str, head: &[u8]) -> Option<ProxyErrorKind> {
        let head = String::from_utf8_lossy(head.get(..head.len().min(8_192)).unwrap_or(head)).to_ascii_lowercase();
        let status: u16 = head.strip_prefix("http/1.")?.get(2..5)?.parse().ok()?;
        let sent = self.proxy.authorization().is_some();
        // If a page answers a write, its origin is unknown. The usual classification handles it.
        let writes = line.starts_with("POST") && line.contains("/v4/");
        let is_page = !writes && head.contains("content-type: text/html");
        match status {
            407 => Some(ProxyErrorKind::Unauthorised { has_credentials: sent, status }),
            401 if is_page => Some(ProxyErrorKind::Unauthorised { has_credentials: sent, status }),
            403 if is_page => Some(ProxyErrorKind::Refused { host: self.host.clone(), status }),
            _ => None,
        }
    }
}

/// Returns the request line that begins here, and where it ends; `None` if the bytes belong to a
/// body.
fn find_request_line(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let is_head = method.bytes().all(|byte| byte.is_ascii_uppercase()) && rest.starts_with("http://");
    (is_head && rest.trim_end().ends_with("HTTP/1.1")).then(|| (line.trim_end().to_owned(), end + 1))
}

fn build_header(authorization: &HeaderValue) -> Vec<u8> {
    [b"proxy-authorization: ", authorization.as_bytes(), b"\r\n"].concat()
}

impl AsyncWrite for ForwardProxyStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_pending(cx))?;
        let begins = if self.line.is_none() { find_request_line(buffer) } else { None };
        let Some((line, end)) = begins else { return Pin::new(&mut self.stream).poll_write(cx, buffer) };
        self.line = Some(line);
        let added = self.proxy.authorization().map(build_header).unwrap_or_default();
        self.pending = [buffer.get(..end).unwrap_or_default(), &added].concat();
        match self.poll_pending(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(end)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_pending(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for ForwardProxyStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if !read.is_empty()
            && let Some(line) = self.line.take()
            && let Some(kind) = self.find_refusal(&line, read)
        {
            return Poll::Ready(Err(io::Error::other(self.proxy.error(kind))));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn forward(stream: tokio::io::DuplexStream, proxy: &str) -> ForwardProxyStream {
        let proxy = Proxy::parse("HTTP_PROXY", proxy).expect("an address");
        ForwardProxyStream::new(Box::new(stream), proxy, "127.0.0.1".to_owned())
    }

    #[tokio::test]
    async fn each_request_says_who_asks_and_no_body_is_touched() {
        let (to_proxy, mut from_proxy) = duplex(100);
        let mut forward = forward(to_proxy, "http://me:pass@127.0.0.1:1");
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..2 {
                let mut part = vec![0; 1_000];
                while !seen.ends_with(b"END") {
                    let n = from_proxy.read(&mut part).await.expect("read");
                    seen.extend_from_slice(&part[..n]);
                }
                seen.extend_from_slice(b"|");
                from_proxy.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("write");
            }
            String::from_utf8(seen).expect("text")
        });
        for _ in 0..2 {
            let request = b"POST http://127.0.0.1:9/v4/x HTTP/1.1\r\nhost: x\r\n\r\n";
            forward.write_all(request).await.expect("write");
            forward.write_all(b"POST http://in.a/body HTTP/1.1\nEND").await.expect("write");
            forward.flush().await.expect("flush");
            let mut response = [0; 19];
            forward.read_exact(&mut response).await.expect("read");
        }
        let seen = reading.await.expect("done");
        let one = "POST http://127.0.0.1:9/v4/x HTTP/1.1\r\nproxy-authorization: Basic bWU6cGFzcw==\r\nhost: x\r\n\r\n\
                   POST http://in.a/body HTTP/1.1\nEND|";
        assert_eq!(seen, one.repeat(2));
    }

    #[tokio::test]
    async fn a_refusal_of_the_proxy_is_an_error_of_its_own() {
        let html = "HTTP/1.0 403 Filtered\r\nContent-Type: text/html\r\n\r\n";
        for (line, response, error_text) in [
            ("POST http://127.0.0.1:9/token", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some("407")),
            ("POST http://127.0.0.1:9/v4/x", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", Some("407")),
            ("POST http://127.0.0.1:9/token", html, Some("403")),
            ("GET http://127.0.0.1:9/v4/x", html, Some("403")),
            ("POST http://127.0.0.1:9/v4/x", html, None),
            ("GET http://127.0.0.1:9/v4/x", "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n", None),
            ("GET http://127.0.0.1:9/v4/x", "HTTP/1.1 503 x\r\nContent-Type: text/html\r\n\r\n", None),
        ] {
            let (to_proxy, mut from_proxy) = duplex(1_000);
            let mut forward = forward(to_proxy, "127.0.0.1:1");
            forward.write_all(format!("{line} HTTP/1.1\r\n\r\n").as_bytes()).await.expect("write");
            from_proxy.write_all(response.as_bytes()).await.expect("write");
            let read = forward.read(&mut [0; 1_000]).await.map_err(|error| error.to_string());
            match error_text {
                Some(error_text) => {
                    assert!(read.clone().is_err_and(|error| error.contains(error_text)), "{line}: {read:?}");
                }
                None => assert_eq!(read, Ok(response.len()), "{line}"),
            }
        }
    }
}
