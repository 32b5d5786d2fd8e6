//! Finds the API method of a path.
//!
//! In scope: the paths of Sheets v4 and of some Drive v3 methods. The parser splits before
//! decoding, so that an encoded slash stays in its range.
//! Out of scope: what the methods do (`dispatch`).

use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::api::quota::QuotaMetric;

/// A method of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ApiMethod {
    Create,
    Get,
    GetByDataFilter,
    BatchUpdate,
    ValuesGet,
    ValuesBatchGet,
    ValuesBatchGetByDataFilter,
    ValuesUpdate,
    ValuesAppend,
    ValuesClear,
    ValuesBatchUpdate,
    ValuesBatchUpdateByDataFilter,
    ValuesBatchClear,
    ValuesBatchClearByDataFilter,
    SheetsCopyTo,
    MetadataGet,
    MetadataSearch,
    DriveCreate,
    DriveList,
    DriveGet,
    DriveDelete,
    DriveUpdate,
    DriveCopy,
    DriveExport,
    DriveUpload,
    DriveUploadCreate,
    DriveUploadUpdate,
    DriveAbout,
    DocsExport,
    CommentsList,
    PermissionsCreate,
    PermissionsList,
    PermissionsGet,
    PermissionsUpdate,
    PermissionsDelete,
}

impl ApiMethod {
    /// Returns the method's name in the reference, its quota, and the message type of its response.
    pub(crate) fn info(self) -> (&'static str, Option<QuotaMetric>, &'static str) {
        let (read, write) = (Some(QuotaMetric::Read), Some(QuotaMetric::Write));
        match self {
            Self::Create => ("spreadsheets.create", write, "Spreadsheet"),
            Self::Get => ("spreadsheets.get", read, "Spreadsheet"),
            Self::GetByDataFilter => ("spreadsheets.getByDataFilter", read, "Spreadsheet"),
            Self::BatchUpdate => ("spreadsheets.batchUpdate", write, "BatchUpdateSpreadsheetResponse"),
            Self::ValuesGet => ("spreadsheets.values.get", read, "ValueRange"),
            Self::ValuesBatchGet => ("spreadsheets.values.batchGet", read, "BatchGetValuesResponse"),
            Self::ValuesBatchGetByDataFilter => {
                ("spreadsheets.values.batchGetByDataFilter", read, "BatchGetValuesByDataFilterResponse")
            }
            Self::ValuesUpdate => ("spreadsheets.values.update", write, "UpdateValuesResponse"),
            Self::ValuesAppend => ("spreadsheets.values.append", write, "AppendValuesResponse"),
            Self::ValuesClear => ("spreadsheets.values.clear", write, "ClearValuesResponse"),
            Self::ValuesBatchUpdate => ("spreadsheets.values.batchUpdate", write, "BatchUpdateValuesResponse"),
            Self::ValuesBatchUpdateByDataFilter => {
                ("spreadsheets.values.batchUpdateByDataFilter", write, "BatchUpdateValuesByDataFilterResponse")
            }
            Self::ValuesBatchClear => ("spreadsheets.values.batchClear", write, "BatchClearValuesResponse"),
            Self::ValuesBatchClearByDataFilter => {
                ("spreadsheets.values.batchClearByDataFilter", write, "BatchClearValuesByDataFilterResponse")
            }
            Self::SheetsCopyTo => ("spreadsheets.sheets.copyTo", write, "SheetProperties"),
            Self::MetadataGet => ("spreadsheets.developerMetadata.get", read, "DeveloperMetadata"),
            Self::MetadataSearch => ("spreadsheets.developerMetadata.search", read, "SearchDeveloperMetadataResponse"),
            Self::DriveCreate => ("drive.files.create", None, ""),
            Self::DriveList => ("drive.files.list", None, ""),
            Self::DriveGet => ("drive.files.get", None, ""),
            Self::DriveDelete => ("drive.files.delete", None, ""),
            Self::DriveUpdate => ("drive.files.update", None, ""),
            Self::DriveCopy => ("drive.files.copy", None, ""),
            Self::DriveExport => ("drive.files.export", None, ""),
            Self::DriveUpload => ("drive.files.update (v2, media)", None, ""),
            Self::DriveUploadCreate => ("drive.files.create (upload)", None, ""),
            Self::DriveUploadUpdate => ("drive.files.update (upload)", None, ""),
            Self::DriveAbout => ("drive.about.get", None, ""),
            Self::DocsExport => ("export of Google's editor", None, ""),
            Self::CommentsList => ("drive.comments.list", None, ""),
            Self::PermissionsCreate => ("drive.permissions.create", None, ""),
            Self::PermissionsList => ("drive.permissions.list", None, ""),
            Self::PermissionsGet => ("drive.permissions.get", None, ""),
            Self::PermissionsUpdate => ("drive.permissions.update", None, ""),
            Self::PermissionsDelete => ("drive.permissions.delete", None, ""),
        }
    }
}

/// Parameters that every method accepts (Google's discovery document), in JSON spelling.
const COMMON_PARAMETERS: [&str; 11] = [
    ".xgafv",
    "accessToken",
    "alt",
    "callback",
    "fields",
    "key",
    "oauthToken",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "uploadProtocol",
];

impl ApiMethod {
    /// Returns whether the method has this query parameter. Drive's parameters are not listed, so
    /// all are accepted.
    pub(crate) fn accepts_parameter(self, name: &str) -> bool {
        let own: &[&str] = match self {
            drive if drive.info().2.is_empty() => return true,
            Self::Get => &["commentsViewMode", "excludeTablesInBandedRanges", "includeGridData", "ranges"],
            Self::ValuesGet => &["dateTimeRenderOption", "majorDimension", "valueRenderOption"],
            Self::ValuesBatchGet => &["dateTimeRenderOption", "majorDimension", "ranges", "valueRenderOption"],
            Self::ValuesUpdate | Self::ValuesAppend => &[
                "includeValuesInResponse",
                "responseDateTimeRenderOption",
                "responseValueRenderOption",
                "valueInputOption",
            ],
            _ => &[],
        };
        let appends = self == Self::ValuesAppend && name == "insertDataOption";
        appends || own.contains(&name) || COMMON_PARAMETERS.contains(&name)
    }
}

/// The target of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    pub api: ApiMethod,
    /// The id of the spreadsheet or file; empty if the path has none.
    pub id: String,
    /// The decoded range. For `sheets.copyTo`, `developerMetadata.get` and permissions: the id of
    /// the sheet, metadata or permission. Otherwise empty.
    pub range: String,
}

impl Route {
    /// Parses the path of a call, as sent. Returns `None` if no method has it.
    pub(crate) fn find(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if path == "drive/v3/about" {
            let about = || Self { api: ApiMethod::DriveAbout, id: String::new(), range: String::new() };
            return (method == Method::GET).then(about);
        }
        if let Some(rest) = path.strip_prefix("drive/v3/files") {
            return parse_drive_path(method, rest.trim_matches('/'));
        }
        if let Some(id) = path.strip_prefix("upload/drive/v3/files") {
            return upload(method, id.trim_matches('/'));
        }
        if let Some(id) = path.strip_prefix("upload/drive/v2/files/") {
            let upload = || Some(Self { api: ApiMethod::DriveUpload, id: decode(id)?, range: String::new() });
            return if method == Method::PUT && !id.contains('/') { upload() } else { None };
        }
        if let Some(id) = path.strip_prefix("spreadsheets/d/").and_then(|rest| rest.strip_suffix("/export")) {
            let export = || Some(Self { api: ApiMethod::DocsExport, id: decode(id)?, range: String::new() });
            return if method == Method::GET && !id.contains('/') { export() } else { None };
        }
        let rest = path.strip_prefix("v4/spreadsheets")?;
        let Some(rest) = rest.strip_prefix('/').filter(|rest| !rest.is_empty()) else {
            let create = method == Method::POST && matches!(rest, "" | "/");
            return create.then(|| Self { api: ApiMethod::Create, id: String::new(), range: String::new() });
        };
        let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let id = decode(id)?;
        if let Some((id, verb)) = id.rsplit_once(':').filter(|_| rest.is_empty()) {
            return Self::parse_spreadsheet_path(method, id, verb);
        }
        match rest.trim_end_matches('/') {
            "" if method == Method::GET => Some(Self { api: ApiMethod::Get, id, range: String::new() }),
            "" => None,
            verb if verb.starts_with(':') => Self::parse_spreadsheet_path(method, &id, &verb[1..]),
            _ => Self::parse_below_spreadsheet(method, id, rest),
        }
    }

    /// Returns whether a path without a method here may be one of Google's: of Drive, or of a batch
    /// of calls. Sheets' own methods are all known.
    pub(crate) fn is_googles(path: &str) -> bool {
        ["/drive/", "/upload/drive/", "/batch", "/resumable/"].iter().any(|begin| path.starts_with(begin))
    }

    fn parse_spreadsheet_path(method: &Method, id: &str, verb: &str) -> Option<Self> {
        let api = match (method, verb) {
            (&Method::POST, "batchUpdate") => ApiMethod::BatchUpdate,
            (&Method::POST, "getByDataFilter") => ApiMethod::GetByDataFilter,
            _ => return None,
        };
        Some(Self { api, id: id.to_owned(), range: String::new() })
    }

    /// Parses what follows the id: `values/{range}`, `values:batchGet`, `sheets/0:copyTo`.
    fn parse_below_spreadsheet(method: &Method, id: String, rest: &str) -> Option<Self> {
        let without = |api| Some(Self { api, id: id.clone(), range: String::new() });
        let whole = decode(rest.trim_end_matches('/'))?;
        if let Some(verb) = whole.strip_prefix("values:").or_else(|| whole.strip_prefix("values/:"))
            && let Some(api) = parse_values_verb(method, verb)
        {
            return without(api);
        }
        if let Some(range) = rest.strip_prefix("values/") {
            let range = decode(range)?;
            let (api, range) = match *method {
                Method::GET => (ApiMethod::ValuesGet, range.as_str()),
                Method::PUT => (ApiMethod::ValuesUpdate, range.as_str()),
                Method::POST => match range.strip_suffix(":append") {
                    Some(range) => (ApiMethod::ValuesAppend, range),
                    None => (ApiMethod::ValuesClear, range.strip_suffix(":clear")?),
                },
                _ => return None,
            };
            return Some(Self { api, id, range: range.to_owned() });
        }
        match (method, rest.split_once('/').unwrap_or((rest, ""))) {
            (&Method::POST, ("developerMetadata:search", _)) => without(ApiMethod::MetadataSearch),
            (&Method::POST, ("sheets", _)) => {
                let sheet = whole.strip_prefix("sheets/")?.strip_suffix(":copyTo")?;
                Some(Self { range: sheet.to_owned(), ..without(ApiMethod::SheetsCopyTo)? })
            }
            (&Method::GET, ("developerMetadata", _)) => {
                let metadata_id = whole.strip_prefix("developerMetadata/")?;
                Some(Self { range: metadata_id.to_owned(), ..without(ApiMethod::MetadataGet)? })
            }
            _ => None,
        }
    }
}

fn parse_values_verb(method: &Method, verb: &str) -> Option<ApiMethod> {
    Some(match (method, verb) {
        (&Method::GET, "batchGet") => ApiMethod::ValuesBatchGet,
        (&Method::POST, "batchUpdate") => ApiMethod::ValuesBatchUpdate,
        (&Method::POST, "batchClear") => ApiMethod::ValuesBatchClear,
        (&Method::POST, "batchGetByDataFilter") => ApiMethod::ValuesBatchGetByDataFilter,
        (&Method::POST, "batchUpdateByDataFilter") => ApiMethod::ValuesBatchUpdateByDataFilter,
        (&Method::POST, "batchClearByDataFilter") => ApiMethod::ValuesBatchClearByDataFilter,
        _ => return None,
    })
}

fn parse_drive_path(method: &Method, id: &str) -> Option<Route> {
    let api = match (method, id) {
        (&Method::POST, "") => ApiMethod::DriveCreate,
        (&Method::GET, "") => ApiMethod::DriveList,
        (_, id) if id.contains('/') => return parse_file_path(method, id),
        (&Method::GET, _) => ApiMethod::DriveGet,
        (&Method::DELETE, _) => ApiMethod::DriveDelete,
        (&Method::PATCH, _) => ApiMethod::DriveUpdate,
        _ => return None,
    };
    Some(Route { api, id: decode(id)?, range: String::new() })
}

/// Parses what follows `upload/drive/v3/files`. A resumable upload sends its contents with `PUT`.
fn upload(method: &Method, id: &str) -> Option<Route> {
    let api = match (method, id) {
        (&Method::POST | &Method::PUT, "") => ApiMethod::DriveUploadCreate,
        (&Method::PATCH | &Method::PUT, id) if !id.is_empty() && !id.contains('/') => ApiMethod::DriveUploadUpdate,
        _ => return None,
    };
    Some(Route { api, id: decode(id)?, range: String::new() })
}

/// Parses what follows a file's id: `copy`, `comments`, `permissions/{permissionId}`.
fn parse_file_path(method: &Method, path: &str) -> Option<Route> {
    let (id, rest) = path.split_once('/')?;
    let (what, below) = rest.split_once('/').unwrap_or((rest, ""));
    let api = match (method, what, below) {
        (&Method::POST, "copy", "") => ApiMethod::DriveCopy,
        (&Method::GET, "export", "") => ApiMethod::DriveExport,
        (&Method::GET, "comments", "") => ApiMethod::CommentsList,
        (&Method::POST, "permissions", "") => ApiMethod::PermissionsCreate,
        (&Method::GET, "permissions", "") => ApiMethod::PermissionsList,
        (&Method::GET, "permissions", _) => ApiMethod::PermissionsGet,
        (&Method::PATCH, "permissions", _) => ApiMethod::PermissionsUpdate,
        (&Method::DELETE, "permissions", _) => ApiMethod::PermissionsDelete,
        _ => return None,
    };
    Some(Route { api, id: decode(id)?, range: decode(below)? })
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_route(method: &Method, path: &str) -> Option<(ApiMethod, String, String)> {
        Route::find(method, path).map(|route| (route.api, route.id, route.range))
    }

    #[test]
    fn every_form_that_clients_send_is_found() {
        let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
        for (method, path, api, range) in [
            (&get, "/v4/spreadsheets/x", ApiMethod::Get, ""),
            (&get, "/v4/spreadsheets/x/", ApiMethod::Get, ""),
            (&post, "/v4/spreadsheets/x:batchUpdate", ApiMethod::BatchUpdate, ""),
            (&post, "/v4/spreadsheets/x/:batchUpdate", ApiMethod::BatchUpdate, ""),
            (&post, "/v4/spreadsheets/x%3AbatchUpdate", ApiMethod::BatchUpdate, ""),
            (&post, "/v4/spreadsheets/x/:getByDataFilter", ApiMethod::GetByDataFilter, ""),
            (&get, "/v4/spreadsheets/x/values/A1:B2", ApiMethod::ValuesGet, "A1:B2"),
            (&get, "/v4/spreadsheets/x/values/A1%3AB2", ApiMethod::ValuesGet, "A1:B2"),
            (&put, "/v4/spreadsheets/x/values/'it%27%27s'%21A1", ApiMethod::ValuesUpdate, "'it''s'!A1"),
            (&get, "/v4/spreadsheets/x/values/a%2Fb!A1", ApiMethod::ValuesGet, "a/b!A1"),
            (&post, "/v4/spreadsheets/x/values/'jobs'!2:10:clear", ApiMethod::ValuesClear, "'jobs'!2:10"),
            (&post, "/v4/spreadsheets/x/values/%F0%9F%8C%B5:append", ApiMethod::ValuesAppend, "🌵"),
            (&get, "/v4/spreadsheets/x/values:batchGet", ApiMethod::ValuesBatchGet, ""),
            (&get, "/v4/spreadsheets/x/values%3AbatchGet", ApiMethod::ValuesBatchGet, ""),
            (&post, "/v4/spreadsheets/x/values:batchClear", ApiMethod::ValuesBatchClear, ""),
            (&post, "/v4/spreadsheets/x/sheets/0:copyTo", ApiMethod::SheetsCopyTo, "0"),
            (&post, "/v4/spreadsheets/x/sheets/7%3AcopyTo", ApiMethod::SheetsCopyTo, "7"),
            (&get, "/v4/spreadsheets/x/developerMetadata/42", ApiMethod::MetadataGet, "42"),
        ] {
            assert_eq!(find_route(method, path), Some((api, "x".to_owned(), range.to_owned())), "{path}");
        }
        assert_eq!(find_route(&post, "/v4/spreadsheets").map(|found| found.0), Some(ApiMethod::Create));
        assert_eq!(find_route(&Method::DELETE, "/drive/v3/files/x").map(|found| found.0), Some(ApiMethod::DriveDelete));
        let permission = find_route(&Method::DELETE, "/drive/v3/files/x/permissions/7");
        assert_eq!(permission, Some((ApiMethod::PermissionsDelete, "x".to_owned(), "7".to_owned())));
        assert_eq!(find_route(&post, "/drive/v3/files/x/copy").map(|found| found.0), Some(ApiMethod::DriveCopy));
        assert_eq!(find_route(&get, "/drive/v3/files/x/export").map(|found| found.0), Some(ApiMethod::DriveExport));
        let export = find_route(&get, "/spreadsheets/d/x/export");
        assert_eq!(export, Some((ApiMethod::DocsExport, "x".to_owned(), String::new())));
        assert_eq!(find_route(&put, "/upload/drive/v2/files/x").map(|found| found.0), Some(ApiMethod::DriveUpload));
        assert_eq!(find_route(&put, "/upload/drive/v3/files").map(|found| found.0), Some(ApiMethod::DriveUploadCreate));
        let upload = find_route(&Method::PATCH, "/upload/drive/v3/files/x");
        assert_eq!(upload, Some((ApiMethod::DriveUploadUpdate, "x".to_owned(), String::new())));
        assert_eq!(find_route(&get, "/drive/v3/files/x/revisions"), None);
    }

    #[test]
    fn a_method_takes_its_own_parameters_and_the_common_ones() {
        assert!(
            ApiMethod::ValuesAppend.accepts_parameter("insertDataOption")
                && !ApiMethod::ValuesUpdate.accepts_parameter("insertDataOption")
        );
        assert!(
            ApiMethod::BatchUpdate.accepts_parameter("fields")
                && ApiMethod::Get.accepts_parameter(".xgafv")
                && ApiMethod::DriveGet.accepts_parameter("anything")
        );
        assert!(!ApiMethod::ValuesGet.accepts_parameter("valueRenderOptions"));
    }

    #[test]
    fn what_is_no_method_is_not_found() {
        for (method, path) in [
            (Method::GET, "/"),
            (Method::GET, "/v4/spreadsheets"),
            (Method::GET, "/v5/spreadsheets/x"),
            (Method::DELETE, "/v4/spreadsheets/x"),
            (Method::POST, "/v4/spreadsheets/x"),
            (Method::POST, "/v4/spreadsheets/x:explode"),
            (Method::POST, "/v4/spreadsheets/x/values/A1"),
            (Method::GET, "/v4/spreadsheets/x/values/%FF"),
        ] {
            assert_eq!(find_route(&method, path), None, "{path}");
        }
    }
}
