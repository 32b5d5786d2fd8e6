//! The API methods that the store uses: tabs and named ranges, values, a new spreadsheet, and one
//! atomic batch.
//!
//! In scope: typed calls with light types of our own. Out of scope: retries and pacing
//! (`sheets_client::calls::caller`), what the cells mean (`store`).
//!
//! In files of their own: how a call goes through the hub (`hub_call`), and whether the file is in
//! the trash (`file_status`).
//!
//! Reads and `create` go through the hub of google-sheets4. Batches are sent as lean structs over
//! the hub's own client and tokens. The public methods return boxed futures, so that the hub's
//! generic code is compiled here and not in every caller.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use google_sheets4::{api, common};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::auth::tokens::{SCOPE, Tokens};
use crate::calls::call_counts::CallCounts;
use crate::calls::caller::{ApiCaller, CallFailure, CallPolicy};
use crate::calls::deadline::with_timeout;
use crate::errors::api_error::ApiError;
use crate::errors::call_error::{CallError, Method};
use crate::errors::classify::{
    AttemptFailure, Observer, ResponseMeta, classify_response, classify_transport, find_root_cause,
};
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::options::{ConnectError, Deadlines, SheetsOptions};
use crate::transport::connect::Connector;
use crate::types::address::{AGENT, ApiRoot, SpreadsheetId};
use crate::types::requests::Batch;
use crate::types::response_types::{
    BatchResponse, ColumnMark, CreatedSpreadsheet, SpreadsheetInfo, collect_column_marks, convert_metadata,
    parse_batch_response,
};
use sheetkeep_base::clock::Clock;
use sheetkeep_base::rng::Rng;
use sheetkeep_base::time::Timestamp;

mod file_status;
mod hub_call;

/// Field mask of `spreadsheets.get`.
const METADATA_FIELDS: &str = "spreadsheetId,properties(title,locale,timeZone,autoRecalc),\
    sheets.properties(sheetId,title,index,hidden,gridProperties(rowCount,columnCount)),namedRanges(namedRangeId,name,range)";

/// Field mask of a batch that reads ranges back. Without it the response would also hold every
/// format.
const READ_BACK_FIELDS: &str = "&fields=spreadsheetId,replies,updatedSpreadsheet.sheets.data(startRow,startColumn,rowData.values.userEnteredValue)";

/// The result of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchResult {
    /// The whole batch was applied.
    Applied(BatchResponse),
    /// The service refused it (400, 403, 404). Nothing of it was applied.
    Refused(ApiError),
    /// It was not executed: never sent, or refused for its token (401) or the quota (429) until the
    /// retries were exhausted.
    NotExecuted(CallError),
    /// The service returned 408 or 413: the batch must be smaller.
    TooLarge(CallError),
    /// It is unknown whether the batch was applied. The caller must resolve that before it writes
    /// again.
    Lost(UnknownOutcome),
}

/// A client of one service for one account, to be shared behind an `Arc`.
pub struct Sheets {
    hub: api::Sheets<Connector>,
    connector: Connector,
    root: ApiRoot,
    caller: ApiCaller,
    clock: Arc<dyn Clock>,
    deadlines: Deadlines,
    response_limit: u64,
}

impl Sheets {
    /// Creates a client. Checks the options and sends nothing.
    pub fn connect(options: SheetsOptions, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self, ConnectError> {
        let SheetsOptions {
            api_url,
            credentials,
            transport,
            retry,
            retry_budget,
            pacing,
            deadlines,
            response_limit,
            access,
        } = options;
        let root = api_url.as_deref().map(ApiRoot::parse).transpose()?.unwrap_or_default();
        let connector = Connector::new(&transport, deadlines.connect, response_limit, clock.clone())?;
        let email = credentials.client_email().map(str::to_owned);
        let tokens =
            Tokens::new(credentials.into_grant(), connector.clone(), clock.clone(), deadlines.token, access.scope());
        let mut hub = api::Sheets::new(connector.client(), tokens.clone());
        hub.base_url(root.as_str().to_owned());
        hub.root_url(root.as_str().to_owned());
        hub.user_agent(AGENT.to_owned());
        let policy = CallPolicy { policy: retry, budget: retry_budget, pacing };
        let caller = ApiCaller::new(policy, tokens, email, clock.clone(), rng);
        Ok(Self { hub, connector, root, caller, clock, deadlines, response_limit })
    }

    /// Reads the spreadsheet's properties, tabs and named ranges.
    pub fn read_metadata<'a>(&'a self, id: &'a SpreadsheetId) -> BoxFuture<'a, Result<SpreadsheetInfo, CallError>> {
        Box::pin(async move {
            let attempt = || -> BoxFuture<'a, Result<SpreadsheetInfo, AttemptFailure>> { Box::pin(self.get_once(id)) };
            let result = self.caller.call(Method::Metadata, Box::new(attempt)).await;
            result.map_err(|e| self.caller.error(Method::Metadata, e))
        })
    }

    /// Reads the values of `ranges` (A1 notation), unformatted, dates as serial numbers. Returns
    /// one list of rows per range, in the order of `ranges`. A row ends at its last cell with a
    /// value, and a list at its last row with one.
    pub fn read_values<'a>(
        &'a self,
        id: &'a SpreadsheetId,
        ranges: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Vec<Value>>>, CallError>> {
        self.read_values_as(id, ranges, "UNFORMATTED_VALUE")
    }

    /// As `read_values`, but every cell as the text that the user sees.
    pub fn read_formatted_values<'a>(
        &'a self,
        id: &'a SpreadsheetId,
        ranges: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Vec<Value>>>, CallError>> {
        self.read_values_as(id, ranges, "FORMATTED_VALUE")
    }

    /// As `read_values`, but formulas as they were entered, so that a cell is empty only if it has
    /// no content.
    pub fn read_formulas<'a>(
        &'a self,
        id: &'a SpreadsheetId,
        ranges: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Vec<Vec<Value>>>, CallError>> {
        self.read_values_as(id, ranges, "FORMULA")
    }

    fn read_values_as<'a>(
        &'a self,
        id: &'a SpreadsheetId,
        ranges: &'a [String],
        render_option: &'static str,
    ) -> BoxFuture<'a, Result<Vec<Vec<Vec<Value>>>, CallError>> {
        Box::pin(async move {
            if ranges.is_empty() {
                return Ok(Vec::new());
            }
            let attempt = || -> BoxFuture<'a, Result<Vec<Vec<Vec<Value>>>, AttemptFailure>> {
                Box::pin(self.read_values_once(id, ranges, render_option))
            };
            let result = self.caller.call(Method::Values, Box::new(attempt)).await;
            result.map_err(|e| self.caller.error(Method::Values, e))
        })
    }

    /// Searches the columns that carry developer metadata with this key.
    pub fn search_column_marks<'a>(
        &'a self,
        id: &'a SpreadsheetId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Vec<ColumnMark>, CallError>> {
        Box::pin(async move {
            let attempt = || -> BoxFuture<'a, Result<Vec<ColumnMark>, AttemptFailure>> {
                Box::pin(self.search_marks_once(id, key))
            };
            let result = self.caller.call(Method::Marks, Box::new(attempt)).await;
            result.map_err(|e| self.caller.error(Method::Marks, e))
        })
    }

    /// Creates a spreadsheet. It is not retried when the response is lost, because the spreadsheet
    /// may exist.
    pub fn create<'a>(&'a self, title: &'a str) -> BoxFuture<'a, Result<CreatedSpreadsheet, CallError>> {
        Box::pin(async move {
            let attempt =
                || -> BoxFuture<'a, Result<CreatedSpreadsheet, AttemptFailure>> { Box::pin(self.create_once(title)) };
            let result = self.caller.call(Method::Create, Box::new(attempt)).await;
            result.map_err(|e| self.caller.error(Method::Create, e))
        })
    }

    /// Sends a batch. It is sent again only if it was provably not executed.
    pub fn batch_update<'a>(&'a self, id: &'a SpreadsheetId, batch: &Batch) -> BoxFuture<'a, BatchResult> {
        let (body, expected) = (batch.encode(), batch.requests().len());
        let fields = if batch.has_response_ranges() { READ_BACK_FIELDS } else { "" };
        Box::pin(async move {
            let (id, body) = (id, &body);
            let attempt = move || -> BoxFuture<'_, Result<BatchResponse, AttemptFailure>> {
                Box::pin(self.send_batch_once(id, body.clone(), fields, expected))
            };
            match self.caller.call(Method::BatchUpdate, Box::new(attempt)).await {
                Ok(response) => BatchResult::Applied(response),
                Err(call_failure) => self.reply(call_failure),
            }
        })
    }

    /// Returns the call counts so far.
    pub fn calls(&self) -> CallCounts {
        self.caller.counts()
    }

    /// Returns the service's time (the `Date` of its latest response) and the local monotonic time
    /// in milliseconds at which it arrived.
    pub fn service_time(&self) -> Option<(Timestamp, u64)> {
        self.caller.service_time()
    }

    /// Returns the account to share a spreadsheet with, if the credentials contain it.
    pub fn client_email(&self) -> Option<&str> {
        self.caller.client_email()
    }

    fn reply(&self, call_failure: CallFailure) -> BatchResult {
        match &call_failure.failure {
            AttemptFailure::Refused { refusal, .. }
                if matches!(refusal.code, 400 | 403 | 404) && !refusal.fault().passes() =>
            {
                BatchResult::Refused((**refusal).clone())
            }
            AttemptFailure::Lost { cause, .. } => BatchResult::Lost(cause.clone()),
            AttemptFailure::TooLarge(_) => BatchResult::TooLarge(self.caller.error(Method::BatchUpdate, call_failure)),
            _ => BatchResult::NotExecuted(self.caller.error(Method::BatchUpdate, call_failure)),
        }
    }

    async fn get_once(&self, id: &SpreadsheetId) -> Result<SpreadsheetInfo, AttemptFailure> {
        let mut observer = Observer::new(self.clock.now());
        let spreadsheets = self.hub.spreadsheets();
        let call = spreadsheets
            .get(id.as_str())
            .param("fields", METADATA_FIELDS)
            .param("prettyPrint", "false")
            .add_scope(SCOPE)
            .delegate(&mut observer);
        let result = self.with_deadline(call.doit()).await;
        let sheet = self.classify_hub_result(result, &observer)?;
        if sheet.spreadsheet_id.as_deref() != Some(id.as_str()) {
            return Err(UnknownOutcome::InvalidResponse("it is about another spreadsheet, or none").into());
        }
        Ok(convert_metadata(sheet))
    }

    async fn read_values_once(
        &self,
        id: &SpreadsheetId,
        ranges: &[String],
        render_option: &str,
    ) -> Result<Vec<Vec<Vec<Value>>>, AttemptFailure> {
        let mut observer = Observer::new(self.clock.now());
        let spreadsheets = self.hub.spreadsheets();
        let call = spreadsheets.values_batch_get(id.as_str());
        let call = ranges.iter().fold(call, |call, range| call.add_ranges(range));
        let call = call
            .value_render_option(render_option)
            .date_time_render_option("SERIAL_NUMBER")
            .major_dimension("ROWS")
            .param("prettyPrint", "false")
            .add_scope(SCOPE)
            .delegate(&mut observer);
        let result = self.with_deadline(call.doit()).await;
        let response = self.classify_hub_result(result, &observer)?;
        let read = response.value_ranges.unwrap_or_default();
        if response.spreadsheet_id.as_deref() != Some(id.as_str()) || read.len() != ranges.len() {
            return Err(UnknownOutcome::InvalidResponse("it doesn't hold the ranges that were asked for").into());
        }
        Ok(read.into_iter().map(|range| range.values.unwrap_or_default()).collect())
    }

    async fn search_marks_once(&self, id: &SpreadsheetId, key: &str) -> Result<Vec<ColumnMark>, AttemptFailure> {
        let mut observer = Observer::new(self.clock.now());
        let lookup = api::DeveloperMetadataLookup {
            metadata_key: Some(key.to_owned()),
            location_type: Some("COLUMN".to_owned()),
            ..Default::default()
        };
        let filter = api::DataFilter { developer_metadata_lookup: Some(lookup), ..Default::default() };
        let request = api::SearchDeveloperMetadataRequest { data_filters: Some(vec![filter]) };
        let spreadsheets = self.hub.spreadsheets();
        let call = spreadsheets
            .developer_metadata_search(request, id.as_str())
            .param("prettyPrint", "false")
            .add_scope(SCOPE)
            .delegate(&mut observer);
        let result = self.with_deadline(call.doit()).await;
        Ok(collect_column_marks(self.classify_hub_result(result, &observer)?))
    }

    async fn create_once(&self, title: &str) -> Result<CreatedSpreadsheet, AttemptFailure> {
        let mut observer = Observer::new(self.clock.now());
        let properties = api::SpreadsheetProperties { title: Some(title.to_owned()), ..Default::default() };
        let wanted = api::Spreadsheet { properties: Some(properties), ..Default::default() };
        let spreadsheets = self.hub.spreadsheets();
        let call = spreadsheets
            .create(wanted)
            .param("fields", "spreadsheetId,spreadsheetUrl")
            .param("prettyPrint", "false")
            .add_scope(SCOPE)
            .delegate(&mut observer);
        let result = self.with_deadline(call.doit()).await;
        let created = self.classify_hub_result(result, &observer)?;
        let id = created.spreadsheet_id.and_then(|id| SpreadsheetId::parse(&id).ok());
        let id = id.ok_or(UnknownOutcome::InvalidResponse("it names no spreadsheet"))?;
        Ok(CreatedSpreadsheet { id, url: created.spreadsheet_url.unwrap_or_default() })
    }

    async fn send_batch_once(
        &self,
        id: &SpreadsheetId,
        body: bytes::Bytes,
        fields: &str,
        expected: usize,
    ) -> Result<BatchResponse, AttemptFailure> {
        let request = self.build_batch_request(id, body, fields).await?;
        let called = with_timeout(&*self.clock, self.deadlines.call, self.hub.client.request(request)).await?;
        let response = called.map_err(|e| classify_transport(&e))?;
        let (status, meta) = (response.status(), ResponseMeta::read(response.headers(), self.clock.now()));
        self.caller.record_service_time(meta);
        let body = self.read_body(response).await;
        if status != StatusCode::OK {
            let json = body.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            return Err(classify_response(status.as_u16(), meta, json.as_ref()));
        }
        parse_batch_response(&body?, id, expected)
    }

    async fn build_batch_request(
        &self,
        id: &SpreadsheetId,
        body: bytes::Bytes,
        fields: &str,
    ) -> Result<Request<common::Body>, AttemptFailure> {
        let (token, _) = self.caller.token().await?;
        let url = format!("{}v4/spreadsheets/{id}:batchUpdate?alt=json&prettyPrint=false{fields}", self.root.as_str());
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .expect("tokens are checked to be printable ASCII when they come");
        bearer.set_sensitive(true);
        let body = common::Body::new(Full::new(body).map_err(|never| match never {}));
        Ok(Request::post(url)
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(USER_AGENT, HeaderValue::from_static(AGENT))
            .body(body)
            .expect("the root and the id are checked, and the headers are made"))
    }

    async fn read_body(&self, response: Response<hyper::body::Incoming>) -> Result<bytes::Bytes, AttemptFailure> {
        let limit = usize::try_from(self.response_limit).unwrap_or(usize::MAX);
        let collected =
            with_timeout(&*self.clock, self.deadlines.body, Limited::new(response.into_body(), limit).collect())
                .await?;
        match collected {
            Ok(body) => Ok(body.to_bytes()),
            Err(e) if e.is::<LengthLimitError>() => {
                Err(UnknownOutcome::Oversized { limit_bytes: self.response_limit }.into())
            }
            Err(e) => Err(UnknownOutcome::ConnectionBroken(find_root_cause(e.as_ref())).into()),
        }
    }
}
