//! A call of the API and its response, without the HTTP around them.
//!
//! In scope: query parameters, response content, Google's pages for unknown paths.
//! Out of scope: which method a path names (`route`), connections (`http`).

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::error::ApiError;
use crate::schema::enums::{TextParams, parse_boolean};
use crate::schema::message_types::to_json_name;

/// The query parameters in order. Names are in JSON spelling, whichever spelling the client used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// Parses the text after the `?`.
    pub fn parse(text: &str) -> Self {
        let read = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            (to_json_name(name.strip_prefix('$').unwrap_or(&name)), value.into_owned())
        };
        Self(url::form_urlencoded::parse(text.as_bytes()).map(read).collect())
    }

    /// Returns all values of a repeated parameter.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Returns the names of all parameters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns all parameters, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns whether JSON is written with line breaks. Google does so unless `prettyPrint=false`.
    pub fn is_pretty(&self) -> bool {
        self.word("prettyPrint").and_then(parse_boolean).unwrap_or(true)
    }
}

impl TextParams for QueryParams {
    fn word(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Prefix of an `Authorization` value that carries an API key. The key comes in its own header
/// or parameter.
pub(crate) const API_KEY: &str = "Key ";

/// A call of the API.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    /// The HTTP method.
    pub method: hyper::Method,
    /// The path as sent, still percent-encoded.
    pub path: String,
    /// The query parameters.
    pub query: QueryParams,
    /// The value of `Host`.
    pub host: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The headers that describe the body.
    pub content: ContentHeaders,
    /// The body as sent, decompressed; empty if there is none.
    pub body: Bytes,
}

/// The headers that describe a body, which only uploads of Drive need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContentHeaders {
    /// `Content-Type`: the type of the body.
    pub content_type: Option<String>,
    /// `X-Upload-Content-Type`: the type of the file that a resumable upload announces.
    pub upload_content_type: Option<String>,
    /// `Content-Range`: the piece of the file.
    pub content_range: Option<String>,
}

impl ApiRequest {
    /// Applies the method that a header overrides. Clients send a read that is too long for a URL
    /// as a POST whose body is the query; google-api-python-client does so.
    #[must_use]
    pub fn with_method_override(mut self, method: Option<&str>) -> Self {
        let meant = method.and_then(|method| hyper::Method::from_bytes(method.as_bytes()).ok());
        let Some(meant) = meant.filter(|_| self.method == hyper::Method::POST) else { return self };
        if meant == hyper::Method::GET {
            let body = std::mem::take(&mut self.body);
            self.query.0.extend(QueryParams::parse(&String::from_utf8_lossy(&body)).0);
        }
        self.method = meant;
        self
    }
}

/// The connection ends without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection ends without an answer, as a fault asked for")]
pub struct ConnectionDropped;

/// The content of a response.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseContent {
    /// JSON that is not serialized yet.
    Json(Value),
    /// JSON that is serialized already, as UTF-8.
    Text(Vec<u8>),
    /// An HTML page.
    Html(String),
    /// A file with this media type.
    File(Vec<u8>, &'static str),
    /// No body, as with 204.
    Empty,
}

/// A response before it is written to a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    /// The HTTP status code.
    pub status: u16,
    /// The body, which also decides the `Content-Type`.
    pub content: ResponseContent,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// Whether the connection ends in the middle of the body.
    pub is_truncated: bool,
}

impl ApiResponse {
    /// Returns 200 with JSON.
    pub fn json(value: Value) -> Self {
        Self { status: 200, content: ResponseContent::Json(value), headers: Vec::new(), is_truncated: false }
    }

    /// Returns 200 with serialized JSON.
    pub fn text(bytes: Vec<u8>) -> Self {
        Self { status: 200, content: ResponseContent::Text(bytes), headers: Vec::new(), is_truncated: false }
    }

    /// Returns 200 with a file of this media type.
    pub fn file((bytes, media): (Vec<u8>, &'static str)) -> Self {
        Self { status: 200, content: ResponseContent::File(bytes, media), headers: Vec::new(), is_truncated: false }
    }

    /// Returns 204, a success without a body.
    pub fn empty() -> Self {
        Self { status: 204, content: ResponseContent::Empty, headers: Vec::new(), is_truncated: false }
    }

    /// Returns an HTML page of Google's front end, which answers without the API's envelope.
    pub fn page(status: u16) -> Self {
        let detail = match status {
            404 => "(Not Found)",
            408 => "(Request Timeout)",
            413 => "(Request Entity Too Large)",
            429 => "(Too Many Requests)",
            500 => "(Internal Server Error)",
            502 => "(Server Error)",
            503 => "(Service Unavailable)",
            _ => "(Error)",
        };
        let page = format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {status} {detail}!!1</title>\n  \
             <p><b>{status}.</b> <ins>That’s an error.</ins>\n  <p>The server could not answer.  <ins>That’s all we know.</ins>\n"
        );
        Self { status, content: ResponseContent::Html(page), headers: Vec::new(), is_truncated: false }
    }

    /// Returns the 404 page that Google's front end sends for a path outside the API.
    pub fn path_not_found(path: &str) -> Self {
        let path = path.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let page = format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n  \
             <p><b>404.</b> <ins>That’s an error.</ins>\n  <p>The requested URL <code>{path}</code> was not found on \
             this server.  <ins>That’s all we know.</ins>\n"
        );
        Self { status: 404, content: ResponseContent::Html(page), headers: Vec::new(), is_truncated: false }
    }

    /// Returns the body as bytes, and its content type.
    pub fn body(self, is_pretty: bool) -> (Vec<u8>, &'static str) {
        let json = "application/json; charset=UTF-8";
        match self.content {
            ResponseContent::Json(value) => {
                let written = if is_pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
                let mut bytes = written.unwrap_or_default();
                bytes.extend(is_pretty.then_some(b'\n'));
                (bytes, json)
            }
            ResponseContent::Text(mut bytes) => {
                bytes.extend(is_pretty.then_some(b'\n'));
                (bytes, json)
            }
            ResponseContent::Html(page) => (page.into_bytes(), "text/html; charset=UTF-8"),
            ResponseContent::File(bytes, media) => (bytes, media),
            ResponseContent::Empty => (Vec::new(), ""),
        }
    }
}

impl From<ApiError> for ApiResponse {
    fn from(error: ApiError) -> Self {
        let mut headers = Vec::new();
        if error.code == 401 {
            let invalid = if error.message.contains("invalid") { ", error=\"invalid_token\"" } else { "" };
            headers.push(("www-authenticate", format!("Bearer realm=\"https://accounts.google.com/\"{invalid}")));
        }
        Self { status: error.code, content: ResponseContent::Json(error.to_json()), headers, is_truncated: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whichever_way_it_was_written() {
        let query = QueryParams::parse(
            "ranges=A1%3AB2&ranges=%F0%9F%8C%B5+x&value_render_option=FORMULA&$alt=json&prettyPrint=False",
        );
        assert_eq!(query.all("ranges"), ["A1:B2", "🌵 x"]);
        assert_eq!(query.word("valueRenderOption"), Some("FORMULA"));
        assert_eq!((query.word("alt"), query.is_pretty()), (Some("json"), false));
        assert!(QueryParams::parse("").is_pretty());
    }

    #[test]
    fn a_read_may_come_as_a_post() {
        let sent = ApiRequest {
            method: hyper::Method::POST,
            path: "/x".to_owned(),
            query: QueryParams::default(),
            host: String::new(),
            authorization: None,
            content: ContentHeaders::default(),
            body: Bytes::from_static(b"ranges=A1&ranges=B2"),
        };
        let meant = sent.clone().with_method_override(Some("GET"));
        assert_eq!(
            (meant.method, meant.query.all("ranges"), meant.body.len()),
            (hyper::Method::GET, vec!["A1", "B2"], 0)
        );
        for other in [None, Some(""), Some("no method")] {
            assert_eq!(sent.clone().with_method_override(other).method, hyper::Method::POST);
        }
    }

    #[test]
    fn a_page_never_carries_the_markup_of_a_path() {
        let (page, _) = ApiResponse::path_not_found("/<script>").body(true);
        assert!(String::from_utf8(page).unwrap().contains("/&lt;script&gt;"));
    }
}
