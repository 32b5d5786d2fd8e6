//! Calls the method of a route.
//!
//! In scope: reading parameters and bodies, trimming responses to `fields`.
//! Out of scope: authorization and quotas (`emulator`), what the methods do (`methods`, `batch`,
//! `drive`).

use serde_json::{Map, Value, json};

use crate::api::call::{ApiResponse, ContentHeaders, QueryParams, ResponseContent};
use crate::api::route::{ApiMethod, Route};
use crate::auth::protection::AccountStore;
use crate::batch::apply::batch_update;
use crate::batch::context::UnknownBehaviors;
use crate::drive::error::DriveError;
use crate::drive::export;
use crate::drive::files;
use crate::drive::permissions;
use crate::drive::upload::{UploadCall, upload};
use crate::error::ApiError;
use crate::methods::copy::copy_to;
use crate::methods::create::create;
use crate::methods::values_append::append;
use crate::methods::values_clear::{batch_clear, batch_clear_by_filter, clear};
use crate::methods::values_read;
use crate::methods::values_write;
use crate::random::RandomSource;
use crate::schema::enums::{TextParams, make_bad_value_error, parse_boolean, read_body};
use crate::schema::proto_json::to_snake_case;
use crate::schema::response_mask::ResponseMask;
use crate::storage::content::developer_metadata::{get_metadata, search_metadata};
use crate::storage::store::SpreadsheetStore;
use crate::workbook::spreadsheet_json::{CellSelection, SpreadsheetView, get, render_spreadsheet};

/// Calls methods for one account.
pub(crate) struct Dispatcher<'a> {
    pub store: &'a SpreadsheetStore,
    pub behaviors: UnknownBehaviors,
    /// The source of new ids.
    pub random: &'a dyn RandomSource,
    /// The time of the call.
    pub now_ms: i64,
    /// The calling account.
    pub account: &'a str,
    /// The headers that describe the body.
    pub content: &'a ContentHeaders,
    /// The value of `Host`.
    pub host: &'a str,
}

impl Dispatcher<'_> {
    /// Calls the method of a route.
    pub(crate) fn call(&self, route: &Route, query: &QueryParams, body: &[u8]) -> Result<ApiResponse, ApiError> {
        let (_, _, root) = route.api.info();
        if root.is_empty() {
            return self.call_drive(route, query, body);
        }
        if let Some(name) = query.names().find(|name| !route.api.accepts_parameter(name)) {
            return Err(ApiError::bad_field("", explain_unknown_parameter(name)));
        }
        check_flags(query)?;
        let fields = query.word("fields").unwrap_or_default();
        let mask = ResponseMask::parse(fields, root).map_err(|bad| ApiError::bad_mask(&bad.path))?;
        let pretty = query.is_pretty();
        let content = match route.api {
            ApiMethod::ValuesGet | ApiMethod::ValuesBatchGet | ApiMethod::ValuesBatchGetByDataFilter => {
                ResponseContent::Text(self.read_values(route, query, body, pretty)?)
            }
            ApiMethod::Create => ResponseContent::Json(create(self.store, &self.new_id(), body, &mask, self.random)?),
            ApiMethod::Get => {
                let ranges = query.all("ranges").into_iter().map(str::to_owned).collect();
                ResponseContent::Json(get(self.store, &route.id, ranges, query.has_flag("includeGridData"), &mask)?)
            }
            ApiMethod::GetByDataFilter => {
                let body = read_body(body, "GetSpreadsheetByDataFilterRequest", "")?;
                ResponseContent::Json(self.get_by_filter(&route.id, &body, &mask)?)
            }
            ApiMethod::BatchUpdate => ResponseContent::Json(batch_update(
                &self.account_store(),
                &route.id,
                body,
                &mask,
                self.behaviors,
                self.random,
            )?),
            _ => ResponseContent::Json(self.execute(route, query, body)?),
        };
        Ok(ApiResponse {
            status: 200,
            content: apply_mask(content, &mask, pretty)?,
            headers: Vec::new(),
            is_truncated: false,
        })
    }

    fn read_values(
        &self,
        route: &Route,
        query: &QueryParams,
        body: &[u8],
        is_pretty: bool,
    ) -> Result<Vec<u8>, ApiError> {
        let (store, id) = (self.store, route.id.as_str());
        match route.api {
            ApiMethod::ValuesGet => values_read::get(store, id, &route.range, query, is_pretty),
            ApiMethod::ValuesBatchGet => values_read::get_batch(store, id, &query.all("ranges"), query, is_pretty),
            _ => {
                let body = read_body(body, "BatchGetValuesByDataFilterRequest", "")?;
                values_read::batch_get_by_filter(store, id, &body, is_pretty)
            }
        }
    }

    fn execute(&self, route: &Route, query: &QueryParams, body: &[u8]) -> Result<Value, ApiError> {
        let (store, id, range) = (&self.account_store(), route.id.as_str(), route.range.as_str());
        match route.api {
            ApiMethod::ValuesUpdate => {
                values_write::update(store, id, range, query, &read_body(body, "ValueRange", "data")?)
            }
            ApiMethod::ValuesAppend => append(store, id, range, query, &read_body(body, "ValueRange", "data")?),
            ApiMethod::ValuesClear => clear(store, id, range),
            ApiMethod::ValuesBatchUpdate => {
                values_write::batch_update(store, id, &read_body(body, "BatchUpdateValuesRequest", "")?)
            }
            ApiMethod::ValuesBatchUpdateByDataFilter => {
                values_write::batch_update(store, id, &read_body(body, "BatchUpdateValuesByDataFilterRequest", "")?)
            }
            ApiMethod::ValuesBatchClear => batch_clear(store, id, &read_body(body, "BatchClearValuesRequest", "")?),
            ApiMethod::ValuesBatchClearByDataFilter => {
                batch_clear_by_filter(store, id, &read_body(body, "BatchClearValuesByDataFilterRequest", "")?)
            }
            ApiMethod::SheetsCopyTo => copy_to(
                self.store,
                id,
                range,
                &read_body(body, "CopySheetToAnotherSpreadsheetRequest", "")?,
                self.random,
            ),
            ApiMethod::MetadataGet => get_metadata(self.store, id, range),
            ApiMethod::MetadataSearch => {
                search_metadata(self.store, id, &read_body(body, "SearchDeveloperMetadataRequest", "")?)
            }
            other => {
                let message = format!("This emulator does not have the method {}.", other.info().0);
                Err(ApiError::unimplemented(message))
            }
        }
    }

    /// Returns the spreadsheets, with protections checked for the caller.
    fn account_store(&self) -> AccountStore<'_> {
        AccountStore { store: self.store, account: self.account }
    }

    fn get_by_filter(&self, id: &str, body: &Map<String, Value>, mask: &ResponseMask) -> Result<Value, ApiError> {
        let filters = body.get("dataFilters").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let grid_data = match mask {
            ResponseMask::All => body.has_flag("includeGridData"),
            ResponseMask::Members(_) => mask.covers("sheets.data"),
        };
        let selections = filters.iter().cloned().map(CellSelection::Filter).collect();
        let view = SpreadsheetView { selections, includes_grid_data: grid_data, mask: mask.clone() };
        render_spreadsheet(&self.store.read(id)?, id, &view)
    }

    /// Calls a method of Drive, which has its own error envelope.
    fn call_drive(&self, route: &Route, query: &QueryParams, body: &[u8]) -> Result<ApiResponse, ApiError> {
        self.call_drive_method(route, query, body).or_else(|error| error.into_response(&route.id))
    }

    fn call_drive_method(&self, route: &Route, query: &QueryParams, body: &[u8]) -> Result<ApiResponse, DriveError> {
        let (store, id, permission) = (self.store, route.id.as_str(), route.range.as_str());
        let shown = |value: Value, usual: &str| Ok(files::apply_fields(value, query, usual).map(ApiResponse::json)?);
        let now = self.now_ms;
        match route.api {
            ApiMethod::DriveCreate => {
                shown(files::create(store, &self.new_id(), &files::parse_message(body)?, now)?, files::DEFAULT_FIELDS)
            }
            ApiMethod::DriveAbout => Ok(ApiResponse::json(files::describe_caller(query)?)),
            ApiMethod::DriveList => files::list(store, query, now).map(ApiResponse::json),
            ApiMethod::DriveGet => files::get(store, id, query, now).map(ApiResponse::json),
            ApiMethod::DriveCopy => {
                shown(files::copy(store, id, &self.new_id(), &files::parse_message(body)?, now)?, files::DEFAULT_FIELDS)
            }
            ApiMethod::DriveUpdate => {
                files::update(store, id, &files::parse_message(body)?, query, now).map(ApiResponse::json)
            }
            ApiMethod::DriveExport => {
                Ok(ApiResponse::file(export::export(store, id, query.word("mimeType").unwrap_or_default())?))
            }
            ApiMethod::DocsExport => {
                let format = query.word("format").unwrap_or_default();
                Ok(ApiResponse::file(export::download(store, id, format, query.word("gid"))?))
            }
            ApiMethod::DriveUpload => Ok(ApiResponse::json(export::import(store, id, body, self.random)?)),
            ApiMethod::DriveUploadCreate | ApiMethod::DriveUploadUpdate => {
                let known = Some(id).filter(|id| !id.is_empty());
                let call = UploadCall { id: known, query, headers: self.content, body, host: self.host, now_ms: now };
                upload(store, call, &self.new_id(), self.random)
            }
            ApiMethod::CommentsList => {
                store.read(id)?.properties()?;
                shown(json!({"kind": "drive#commentList", "comments": []}), "*")
            }
            ApiMethod::PermissionsCreate => {
                let made = permissions::share(store, id, &files::parse_message(body)?, self.random.next_u64())?;
                shown(made, permissions::DEFAULT_FIELDS)
            }
            ApiMethod::PermissionsList => shown(permissions::list(store, id)?, permissions::DEFAULT_LIST_FIELDS),
            ApiMethod::PermissionsGet => shown(permissions::get(store, id, permission)?, permissions::DEFAULT_FIELDS),
            ApiMethod::PermissionsUpdate => shown(
                permissions::update(store, id, permission, &files::parse_message(body)?)?,
                permissions::DEFAULT_FIELDS,
            ),
            ApiMethod::PermissionsDelete => {
                permissions::unshare(store, id, permission)?;
                Ok(ApiResponse::empty())
            }
            _ => files::delete(store, id).map(|()| ApiResponse::empty()),
        }
    }

    /// Returns an id of 44 characters, like Google's.
    fn new_id(&self) -> String {
        let mut bytes = Vec::with_capacity(32);
        for _ in 0..4 {
            bytes.extend_from_slice(&self.random.next_u64().to_be_bytes());
        }
        format!("1{}", data_encoding::BASE64URL_NOPAD.encode(&bytes))
    }
}

/// Refuses a boolean parameter that is neither true nor false.
fn check_flags(query: &QueryParams) -> Result<(), ApiError> {
    let is_flag = |name: &str| BOOLEAN_PARAMETERS.contains(&name);
    match query.pairs().find(|(name, word)| is_flag(name) && parse_boolean(word).is_none()) {
        Some((name, word)) => Err(make_bad_value_error(&to_snake_case(name), "TYPE_BOOL", &word.into())),
        None => Ok(()),
    }
}

/// The boolean parameters of the Sheets API, in JSON spelling.
const BOOLEAN_PARAMETERS: [&str; 4] =
    ["excludeTablesInBandedRanges", "includeGridData", "includeValuesInResponse", "prettyPrint"];

/// Returns Google's error message for an unknown parameter.
fn explain_unknown_parameter(name: &str) -> String {
    format!(
        "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not \
         be found in request message."
    )
}

/// Trims a response to its mask. Serialized JSON is parsed again, only if a mask is given.
fn apply_mask(content: ResponseContent, mask: &ResponseMask, is_pretty: bool) -> Result<ResponseContent, ApiError> {
    if *mask == ResponseMask::All {
        return Ok(content);
    }
    let value = match content {
        ResponseContent::Json(value) => value,
        ResponseContent::Text(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
            tracing::error!(event = "emulator.failed", %error, pretty = is_pretty, "the emulator wrote JSON that it can't read");
            ApiError::internal()
        })?,
        other => return Ok(other),
    };
    Ok(ResponseContent::Json(mask.apply(value)))
}

#[cfg(test)]
mod tests {
    use hyper::Method;
    use serde_json::json;

    use super::*;
    use crate::random::SeededRandom;

    /// Returns the error of a call about a spreadsheet that does not exist.
    fn call(method: &Method, path: &str, query: &str) -> ApiError {
        let (store, random) = (SpreadsheetStore::in_memory().unwrap(), SeededRandom::new(1));
        let methods = Dispatcher {
            store: &store,
            behaviors: UnknownBehaviors::default(),
            random: &random,
            now_ms: 0,
            account: "a",
            content: &ContentHeaders::default(),
            host: "",
        };
        methods.call(&Route::find(method, path).unwrap(), &QueryParams::parse(query), b"").unwrap_err()
    }

    #[test]
    fn a_boolean_parameter_is_true_or_false() {
        let path = "/v4/spreadsheets/x";
        let error = call(&Method::GET, path, "includeGridData=maybe");
        assert_eq!(error.message, "Invalid value at 'include_grid_data' (TYPE_BOOL), \"maybe\"");
        assert_eq!(call(&Method::GET, path, "prettyPrint=2").code, 400);
        assert_eq!(call(&Method::PUT, "/v4/spreadsheets/x/values/A1", "includeValuesInResponse=x").code, 400);
        assert_eq!(call(&Method::GET, path, "includeGridData=True&prettyPrint=0").code, 404);
    }

    #[test]
    fn an_unknown_parameter_of_a_method_is_refused() {
        let path = "/v4/spreadsheets/x/values/A1";
        let error = call(&Method::GET, path, "valueRenderOptions=FORMULA");
        let message = "Invalid JSON payload received. Unknown name \"valueRenderOptions\": Cannot bind query parameter. \
                    Field 'valueRenderOptions' could not be found in request message.";
        assert_eq!((error.code, error.message.as_str()), (400, message));
        let violations = &error.to_json()["error"]["details"][0]["fieldViolations"];
        assert_eq!(*violations, json!([{ "description": message }]));
        assert_eq!(call(&Method::GET, path, "quotaUser=a&key=b").code, 404);
    }
}
