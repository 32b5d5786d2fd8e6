//! Drive v3 calls by which clients create, find and delete spreadsheets.
//!
//! In scope: `files.create`, `copy`, `get`, `list` by name, `update`, `delete`, for spreadsheets
//! only.
//! Out of scope: other kinds of files, exports and uploads (`export`), permissions (`permissions`).

use serde_json::{Map, Value, json};

use crate::api::call::{ApiResponse, QueryParams};
use crate::error::ApiError;
use crate::methods::copy::copy_spreadsheet;
use crate::schema::enums::TextParams;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};
use crate::time::Rfc3339;

const SPREADSHEET: &str = "application/vnd.google-apps.spreadsheet";

/// Members of a file in a response without `fields`.
pub(crate) const USUAL: &str = "kind,id,name,mimeType";

/// Kind and number of the stored creation time.
const CREATED: (&str, i64) = ("drive", 0);
/// Kind and number of the stored mark of a file in the trash.
const TRASHED: (&str, i64) = ("drive", 1);

/// Answers `files.create`: creates an empty spreadsheet with this name.
pub(crate) fn create(store: &SpreadsheetStore, id: &str, body: &[u8], now_ms: i64) -> Result<Value, ApiError> {
    let body = message(body)?;
    if body.word("mimeType").is_some_and(|kind| kind != SPREADSHEET) {
        return Err(ApiError::unimplemented("This emulator keeps spreadsheets only."));
    }
    let name = body.word("name").unwrap_or("Untitled");
    let properties = SpreadsheetProperties { title: name.to_owned(), ..SpreadsheetProperties::default() };
    store.create(id, &properties, &[SheetProperties::new(0, "Sheet1", 0)])?;
    let transaction = store.write(id)?;
    transaction.put_object(None, CREATED.0, CREATED.1, &json!(Rfc3339(now_ms).to_string()))?;
    transaction.commit()?;
    Ok(json!({"kind": "drive#file", "id": id, "name": name, "mimeType": SPREADSHEET}))
}

/// Parses a body as a message. A missing body is an empty message.
pub(crate) fn message(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| ApiError::invalid_argument("Parse Error"))
}

/// Answers `files.copy`: copies a spreadsheet, without its permissions. The name is that of the
/// body, or *Copy of* the original.
pub(crate) fn copy(
    store: &SpreadsheetStore,
    from: &str,
    id: &str,
    body: &Map<String, Value>,
    now_ms: i64,
) -> Result<Value, ApiError> {
    let title = copy_spreadsheet(store, from, id, body.word("name"))?;
    let transaction = store.write(id)?;
    transaction.put_object(None, CREATED.0, CREATED.1, &json!(Rfc3339(now_ms).to_string()))?;
    transaction.commit()?;
    file(store, id, &title, now_ms)
}

/// Answers `files.get`, with the four usual members unless `fields` names others.
pub(crate) fn get(store: &SpreadsheetStore, id: &str, query: &QueryParams, now_ms: i64) -> Result<Value, ApiError> {
    let title = store.read(id)?.properties()?.title;
    cut(file(store, id, &title, now_ms)?, query, USUAL)
}

/// Answers `files.list` with the query `name = '…'` or `name contains '…'`; newest first.
pub(crate) fn list(store: &SpreadsheetStore, query: &QueryParams, now_ms: i64) -> Result<Value, ApiError> {
    let search = query.word("q").unwrap_or_default();
    let (wanted, begun) = (name_in(search, "="), name_in(search, "contains").map(|begun| begun.to_lowercase()));
    let holds = |title: &str, begun: &str| {
        let title = title.to_lowercase();
        // Drive compares the beginnings of words.
        title.match_indices(begun).any(|(at, _)| !title[..at].ends_with(char::is_alphanumeric))
    };
    let mut files = Vec::new();
    for (id, title) in store.list()?.into_iter().rev() {
        let named = wanted.as_ref().is_none_or(|wanted| *wanted == title);
        if named && begun.as_ref().is_none_or(|begun| holds(&title, begun)) {
            files.push(file(store, &id, &title, now_ms)?);
        }
    }
    let all = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": files});
    cut(all, query, "kind,incompleteSearch,files(kind,mimeType,id,name)")
}

/// Answers `files.update` with a new name, or a move into the trash or out of it: as at Google, the
/// Sheets API reads and writes a trashed file all the same. Other changes are rejected instead of
/// ignored.
pub(crate) fn update(
    store: &SpreadsheetStore,
    id: &str,
    body: &Map<String, Value>,
    query: &QueryParams,
    now_ms: i64,
) -> Result<Value, ApiError> {
    if let Some(other) = body.keys().find(|name| !["name", "mimeType", "trashed"].contains(&name.as_str())) {
        return Err(ApiError::unimplemented(format!("This emulator changes the name of a file, not its {other}.")));
    }
    let transaction = store.write(id)?;
    let mut properties = transaction.properties()?;
    if let Some(name) = body.word("name") {
        name.clone_into(&mut properties.title);
        transaction.set_properties(&properties)?;
    }
    if let Some(trashed) = body.get("trashed").and_then(Value::as_bool) {
        transaction.put_object(None, TRASHED.0, TRASHED.1, &json!(trashed))?;
    }
    transaction.commit()?;
    cut(file(store, id, &properties.title, now_ms)?, query, USUAL)
}

/// Returns Drive's 404. Its envelope has `errors` where that of Sheets has `status`.
pub(crate) fn no_such_file(id: &str) -> ApiResponse {
    let detail = format!("File not found: {id}.");
    let error = json!({"domain": "global", "reason": "notFound", "message": detail, "locationType": "parameter",
                       "location": "fileId"});
    ApiResponse {
        status: 404,
        ..ApiResponse::json(json!({"error": {"errors": [error], "code": 404, "message": detail}}))
    }
}

/// Answers `files.delete`: removes the spreadsheet for good; an unknown id is a 404.
pub(crate) fn delete(store: &SpreadsheetStore, id: &str) -> Result<(), ApiError> {
    Ok(store.delete(id)?)
}

fn file(store: &SpreadsheetStore, id: &str, title: &str, now_ms: i64) -> Result<Value, ApiError> {
    let objects = store.read(id)?.objects(None, CREATED.0)?;
    let stored = |number: i64| objects.iter().find(|(id, _)| *id == number).map(|(_, body)| body.clone());
    let created = stored(CREATED.1).unwrap_or_else(|| json!(Rfc3339(now_ms).to_string()));
    let trashed = stored(TRASHED.1).unwrap_or(json!(false));
    Ok(json!({"kind": "drive#file", "id": id, "name": title, "mimeType": SPREADSHEET,
              "createdTime": created, "modifiedTime": Rfc3339(now_ms).to_string(), "trashed": trashed, "parents": []}))
}

/// Trims a response to `fields`, or to the usual members.
pub(crate) fn cut(value: Value, query: &QueryParams, usual: &str) -> Result<Value, ApiError> {
    let fields = query.word("fields").filter(|fields| !fields.is_empty()).unwrap_or(usual);
    let mask = ResponseMask::read(fields)
        .map_err(|bad| ApiError::invalid_argument(format!("Invalid field selection {}", bad.path)))?;
    Ok(mask.apply(value))
}

/// Returns the name in a search with this operator, as in `name = 'it\'s'`.
fn name_in(search: &str, operator: &str) -> Option<String> {
    let (_, rest) = search.split_once("name")?;
    let rest = rest.trim_start().strip_prefix(operator)?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut name = String::new();
    let mut letters = rest[1..].chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => name.extend(letters.next()),
            c if c == quote => return Some(name),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_made_found_by_name_and_removed() {
        let store = SpreadsheetStore::in_memory().unwrap();
        let body = br#"{"name": "it's", "mimeType": "application/vnd.google-apps.spreadsheet"}"#;
        let made = create(&store, "x", body, 0).unwrap();
        assert_eq!(made, json!({"kind": "drive#file", "id": "x", "name": "it's", "mimeType": SPREADSHEET}));
        let found = |q: &str| list(&store, &QueryParams::parse(&format!("q={q}&fields=files(id)")), 9).unwrap();
        assert_eq!(found("mimeType%3D'x'+and+name+%3D+'it%5C's'"), json!({"files": [{"id": "x"}]}));
        assert_eq!(found("name='other'"), json!({"files": []}));
        assert_eq!(found("(name+contains+'IT')"), json!({"files": [{"id": "x"}]}));
        assert_eq!(found("name+contains+'t'"), json!({"files": []}));
        let got = get(&store, "x", &QueryParams::parse("fields=createdTime"), 9).unwrap();
        assert_eq!(got, json!({"createdTime": "1970-01-01T00:00:00.000Z"}));
        let shown = |fields: &str| get(&store, "x", &QueryParams::parse(&format!("fields={fields}")), 9).unwrap();
        assert_eq!(shown("trashed"), json!({"trashed": false}));
        let into_trash = message(br#"{"trashed": true}"#).unwrap();
        update(&store, "x", &into_trash, &QueryParams::default(), 4).unwrap();
        assert_eq!(shown("trashed,createdTime"), json!({"trashed": true, "createdTime": "1970-01-01T00:00:00.000Z"}));
        let copy = copy(&store, "x", "y", &Map::new(), 3).unwrap();
        assert_eq!((&copy["name"], &copy["id"]), (&json!("Copy of it's"), &json!("y")));
        delete(&store, "x").unwrap();
        assert_eq!(get(&store, "x", &QueryParams::default(), 9).unwrap_err().code, 404);
    }
}
