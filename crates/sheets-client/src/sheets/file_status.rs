//! Whether a spreadsheet's file is in the trash, which only the Drive API shows. The Sheets API
//! reads and writes a trashed file without an error (Google's issues 56238764745 and 56635455178).
//!
//! In scope: `drive.files.get`. Out of scope: what follows from the response (`check`).

use futures_util::future::BoxFuture;
use google_sheets4::common;
use http_body_util::{BodyExt, Empty};
use hyper::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::calls::deadline::with_timeout;
use crate::errors::call_error::{CallError, Method};
use crate::errors::classify::{AttemptFailure, ResponseMeta, classify_response, classify_transport};
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::sheets::Sheets;
use crate::types::address::{AGENT, SpreadsheetId};

/// The root of Google's Drive API; an emulator serves both APIs under one root.
const DRIVE: &str = "https://www.googleapis.com/";

impl Sheets {
    /// Returns whether the spreadsheet's file is in the trash. The client needs
    /// `AccessScope::FileMetadata`, and the project of its credentials the Drive API.
    pub fn is_trashed<'a>(&'a self, id: &'a SpreadsheetId) -> BoxFuture<'a, Result<bool, CallError>> {
        Box::pin(async move {
            let attempt = || -> BoxFuture<'a, Result<bool, AttemptFailure>> { Box::pin(self.read_trashed_once(id)) };
            let result = self.caller.call(Method::File, Box::new(attempt)).await;
            result.map_err(|e| self.caller.error(Method::File, e))
        })
    }

    async fn read_trashed_once(&self, id: &SpreadsheetId) -> Result<bool, AttemptFailure> {
        let (token, _) = self.caller.token().await?;
        let root = if self.root.is_google() { DRIVE } else { self.root.as_str() };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .expect("tokens are checked to be printable ASCII when they come");
        bearer.set_sensitive(true);
        let body = common::Body::new(Empty::new().map_err(|never| match never {}));
        let request = Request::get(format!("{root}drive/v3/files/{id}?fields=trashed&supportsAllDrives=true"))
            .header(AUTHORIZATION, bearer)
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .body(body)
            .expect("the root and the id are checked, and the headers are made");
        let called = with_timeout(&*self.clock, self.deadlines.call, self.hub.client.request(request)).await?;
        let response = called.map_err(|e| classify_transport(&e))?;
        let (status, meta) = (response.status(), ResponseMeta::read(response.headers(), self.clock.now()));
        self.caller.record_service_time(meta);
        let body = self.read_body(response).await;
        let json: Option<Value> = body.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if status != StatusCode::OK {
            return Err(classify_response(status.as_u16(), meta, json.as_ref()));
        }
        let trashed = json.as_ref().and_then(|json| json.get("trashed")).and_then(Value::as_bool);
        trashed.ok_or_else(|| UnknownOutcome::InvalidResponse("it doesn't hold what was asked for").into())
    }
}
