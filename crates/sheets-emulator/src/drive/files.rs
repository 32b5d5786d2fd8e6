//! The few calls of Drive v3 by which clients make, find and remove spreadsheets.
//!
//! In scope: files.create, copy, get, list by name, delete, of spreadsheets only.
//! Out of scope: every other kind of file, exports and uploads, permissions (`sharing`).

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

/// What is shown of a file unless `fields` asks for more.
pub(crate) const USUAL: &str = "kind,id,name,mimeType";

/// Under which kind and number the moment of creation is kept.
const KEPT: (&str, i64) = ("drive", 0);

/// `files.create`: an empty spreadsheet of that name.
pub(crate) fn create(store: &SpreadsheetStore, id: &str, body: &[u8], now_ms: i64) -> Result<Value, ApiError> {
    let body = message(body)?;
    if body.word("mimeType").is_some_and(|kind| kind != SPREADSHEET) {
        return Err(ApiError::unimplemented("This emulator keeps spreadsheets only."));
    }
    let name = body.word("name").unwrap_or("Untitled");
    let properties = SpreadsheetProperties { title: name.to_owned(), ..SpreadsheetProperties::default() };
    store.create(id, &properties, &[SheetProperties::new(0, "Sheet1", 0)])?;
    let transaction = store.write(id)?;
    transaction.keep(None, KEPT.0, KEPT.1, &json!(Rfc3339(now_ms).to_string()))?;
    transaction.commit()?;
    Ok(json!({"kind": "drive#file", "id": id, "name": name, "mimeType": SPREADSHEET}))
}

/// The message that a body is; none is an empty one.
pub(crate) fn message(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| ApiError::invalid_argument("Parse Error"))
}

/// `files.copy`: the spreadsheet once more, under the name that the body gives or as *Copy of* the other; not its permissions.
pub(crate) fn copy(
    store: &SpreadsheetStore,
    from: &str,
    id: &str,
    body: &Map<String, Value>,
    now_ms: i64,
) -> Result<Value, ApiError> {
    let title = copy_spreadsheet(store, from, id, body.word("name"))?;
    let transaction = store.write(id)?;
    transaction.keep(None, KEPT.0, KEPT.1, &json!(Rfc3339(now_ms).to_string()))?;
    transaction.commit()?;
    file(store, id, &title, now_ms)
}

/// `files.get`; the four usual members unless `fields` asks for others.
pub(crate) fn get(store: &SpreadsheetStore, id: &str, query: &QueryParams, now_ms: i64) -> Result<Value, ApiError> {
    let title = store.read(id)?.properties()?.title;
    cut(file(store, id, &title, now_ms)?, query, USUAL)
}

/// `files.list`, by the `name = '…'` or `name contains '…'` of the query `q`; the newest comes first.
pub(crate) fn list(store: &SpreadsheetStore, query: &QueryParams, now_ms: i64) -> Result<Value, ApiError> {
    let search = query.word("q").unwrap_or_default();
    let (wanted, begun) = (name_in(search, "="), name_in(search, "contains").map(|begun| begun.to_lowercase()));
    let holds = |title: &str, begun: &str| {
        let title = title.to_lowercase();
        // Drive looks at the beginnings of words.
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

/// `files.update`: a new name. What else Drive could change is refused rather than forgotten.
pub(crate) fn update(
    store: &SpreadsheetStore,
    id: &str,
    body: &Map<String, Value>,
    query: &QueryParams,
    now_ms: i64,
) -> Result<Value, ApiError> {
    if let Some(other) = body.keys().find(|name| !["name", "mimeType"].contains(&name.as_str())) {
        return Err(ApiError::unimplemented(format!("This emulator changes the name of a file, not its {other}.")));
    }
    let transaction = store.write(id)?;
    let mut properties = transaction.properties()?;
    if let Some(name) = body.word("name") {
        name.clone_into(&mut properties.title);
        transaction.set_properties(&properties)?;
    }
    transaction.commit()?;
    cut(file(store, id, &properties.title, now_ms)?, query, USUAL)
}

/// Drive's 404: its envelope has `errors` where that of Sheets has `status`.
pub(crate) fn no_such_file(id: &str) -> ApiResponse {
    let told = format!("File not found: {id}.");
    let error = json!({"domain": "global", "reason": "notFound", "message": told, "locationType": "parameter",
                       "location": "fileId"});
    ApiResponse {
        status: 404,
        ..ApiResponse::json(json!({"error": {"errors": [error], "code": 404, "message": told}}))
    }
}

/// `files.delete`.
pub(crate) fn delete(store: &SpreadsheetStore, id: &str) -> Result<(), ApiError> {
    Ok(store.delete(id)?)
}

fn file(store: &SpreadsheetStore, id: &str, title: &str, now_ms: i64) -> Result<Value, ApiError> {
    let kept = store.read(id)?.kept(None, KEPT.0)?;
    let created = kept.first().map_or_else(|| json!(Rfc3339(now_ms).to_string()), |(_, created)| created.clone());
    Ok(json!({"kind": "drive#file", "id": id, "name": title, "mimeType": SPREADSHEET,
              "createdTime": created, "modifiedTime": Rfc3339(now_ms).to_string(), "trashed": false, "parents": []}))
}

/// Cuts an answer down to what `fields` asks for, else to the usual members.
pub(crate) fn cut(value: Value, query: &QueryParams, usual: &str) -> Result<Value, ApiError> {
    let fields = query.word("fields").filter(|fields| !fields.is_empty()).unwrap_or(usual);
    let mask = ResponseMask::read(fields)
        .map_err(|bad| ApiError::invalid_argument(format!("Invalid field selection {}", bad.path)))?;
    Ok(mask.apply(value))
}

/// The name that a search asks for by that operator: `name = 'it\'s'`.
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
        let told = get(&store, "x", &QueryParams::parse("fields=createdTime"), 9).unwrap();
        assert_eq!(told, json!({"createdTime": "1970-01-01T00:00:00.000Z"}));
        let copy = copy(&store, "x", "y", &Map::new(), 3).unwrap();
        assert_eq!((&copy["name"], &copy["id"]), (&json!("Copy of it's"), &json!("y")));
        delete(&store, "x").unwrap();
        assert_eq!(get(&store, "x", &QueryParams::default(), 9).unwrap_err().code, 404);
    }
}
