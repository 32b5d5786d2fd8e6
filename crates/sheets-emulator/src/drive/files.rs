//! Drive v3 calls by which clients create, find and delete spreadsheets.
//!
//! In scope: `files.create`, `copy`, `get`, `list`, `update`, `delete`, for spreadsheets only, all
//! of them in the root folder. Out of scope: other kinds of files, exports (`export`), uploads
//! (`upload`), permissions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::call::QueryParams;
use crate::auth::test_credentials::TEST_ACCOUNT;
use crate::drive::error::DriveError;
use crate::drive::file_list::FileListOrder;
use crate::drive::file_query::{BadFileQuery, FileFacts, FileQuery};
use crate::error::ApiError;
use crate::methods::copy::copy_spreadsheet;
use crate::schema::enums::TextParams;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};
use crate::time::Rfc3339;

/// The media type of a spreadsheet.
pub(crate) const SPREADSHEET: &str = "application/vnd.google-apps.spreadsheet";

/// The id of the only folder, which `root` names too.
pub(crate) const ROOT_ID: &str = "0AEmulatedDriveUk9PVA";

/// Members of a file in a response without `fields`.
pub(crate) const DEFAULT_FIELDS: &str = "kind,id,name,mimeType";

/// Kind and number of the stored creation time.
const CREATED: (&str, i64) = ("drive", 0);
/// Kind and number of the stored mark of a file in the trash.
const TRASH_MARK: (&str, i64) = ("drive", 1);

/// Members of a file that a caller may set. Others are refused, because they would not be stored.
const WRITABLE_MEMBERS: [&str; 5] = ["name", "mimeType", "trashed", "parents", "kind"];

/// Answers `files.create`: creates an empty spreadsheet with this name.
pub(crate) fn create(
    store: &SpreadsheetStore,
    id: &str,
    body: &Map<String, Value>,
    now_ms: i64,
) -> Result<Value, DriveError> {
    check_members(body)?;
    if body.word("mimeType") != Some(SPREADSHEET) {
        let message = format!("This emulator keeps spreadsheets only: files of the mimeType {SPREADSHEET}.");
        return Err(ApiError::unimplemented(message).into());
    }
    let name = body.word("name").unwrap_or("Untitled");
    let properties = SpreadsheetProperties { title: name.to_owned(), ..SpreadsheetProperties::default() };
    store.create(id, &properties, &[SheetProperties::new(0, "Sheet1", 0)])?;
    let transaction = store.write(id)?;
    transaction.put_object(None, CREATED.0, CREATED.1, &json!(Rfc3339(now_ms).to_string()))?;
    if body.get("trashed") == Some(&json!(true)) {
        transaction.put_object(None, TRASH_MARK.0, TRASH_MARK.1, &json!(true))?;
    }
    transaction.commit()?;
    describe_file(store, id, name, now_ms)
}

/// Refuses members that would not be stored, and folders other than the root.
fn check_members(body: &Map<String, Value>) -> Result<(), DriveError> {
    if let Some(other) = body.keys().find(|name| !WRITABLE_MEMBERS.contains(&name.as_str())) {
        return Err(ApiError::unimplemented(format!("This emulator keeps no {other} of a file.")).into());
    }
    let parents = match body.get("parents") {
        Some(Value::Array(parents)) => parents.as_slice(),
        // The front end takes a lone element as a list.
        Some(parent) => std::slice::from_ref(parent),
        None => &[],
    };
    parents.iter().filter_map(Value::as_str).try_for_each(check_folder)
}

/// Fails with 404 for a folder other than the root.
fn check_folder(id: &str) -> Result<(), DriveError> {
    if is_root(id) { Ok(()) } else { Err(DriveError::NoFile(id.to_owned())) }
}

fn is_root(id: &str) -> bool {
    id == "root" || id == ROOT_ID
}

/// Parses a body as a message. A missing body is an empty message.
pub(crate) fn parse_message(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
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
) -> Result<Value, DriveError> {
    check_members(body)?;
    let title = copy_spreadsheet(store, from, id, body.word("name"))?;
    let transaction = store.write(id)?;
    transaction.put_object(None, CREATED.0, CREATED.1, &json!(Rfc3339(now_ms).to_string()))?;
    transaction.commit()?;
    describe_file(store, id, &title, now_ms)
}

/// Answers `files.get`, with the four usual members unless `fields` names others.
pub(crate) fn get(store: &SpreadsheetStore, id: &str, query: &QueryParams, now_ms: i64) -> Result<Value, DriveError> {
    if query.word("alt") == Some("media") {
        let message = "Only files with binary content can be downloaded. Use Export with Docs Editors files.";
        return Err(ApiError::forbidden(message).into());
    }
    if is_root(id) {
        let root = json!({"kind": "drive#file", "id": ROOT_ID, "name": "My Drive",
            "mimeType": "application/vnd.google-apps.folder", "trashed": false, "starred": false, "ownedByMe": true,
            "owners": [describe_owner()]});
        return Ok(apply_fields(root, query, DEFAULT_FIELDS)?);
    }
    let title = store.read(id)?.properties()?.title;
    Ok(apply_fields(describe_file(store, id, &title, now_ms)?, query, DEFAULT_FIELDS)?)
}

/// Answers `files.list`: the files that match `q`, newest first unless `orderBy` names an order.
pub(crate) fn list(store: &SpreadsheetStore, query: &QueryParams, now_ms: i64) -> Result<Value, DriveError> {
    let search = FileQuery::parse(query.word("q").unwrap_or_default());
    let search = search.map_err(|bad| match bad {
        BadFileQuery::Invalid => DriveError::InvalidValue("q"),
        unsupported @ BadFileQuery::Unsupported(_) => {
            unsupported.unsupported().map_or(DriveError::InvalidValue("q"), Into::into)
        }
    })?;
    let order = FileListOrder::read(query)?;
    let mut found = Vec::new();
    for (id, title) in store.list()?.into_iter().rev() {
        let file = describe_file(store, &id, &title, now_ms)?;
        let facts = collect_facts(&file, title, now_ms);
        if search.matches(&facts) {
            found.push((facts, file));
        }
    }
    let (files, next) = order.cut_page(found);
    let mut all = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": files});
    if let Some(token) = next {
        all["nextPageToken"] = token.into();
    }
    Ok(apply_fields(all, query, "kind,nextPageToken,incompleteSearch,files(kind,mimeType,id,name)")?)
}

/// Returns what a query may ask of a file.
fn collect_facts(file: &Value, name: String, now_ms: i64) -> FileFacts {
    let time = |member: &str| {
        let text = file.get(member).and_then(Value::as_str).unwrap_or_default();
        text.parse::<Timestamp>().map_or(now_ms, Timestamp::as_millisecond)
    };
    FileFacts {
        name,
        mime_type: SPREADSHEET,
        is_trashed: file.get("trashed") == Some(&json!(true)),
        parents: ["root", ROOT_ID].map(str::to_owned).to_vec(),
        owners: ["me", TEST_ACCOUNT].map(str::to_owned).to_vec(),
        created_ms: time("createdTime"),
        modified_ms: time("modifiedTime"),
    }
}

/// Answers `files.update` with a new name, or a move into the trash or out of it. As at Google, the
/// Sheets API reads and writes a trashed file all the same. Other changes are rejected instead of
/// ignored.
pub(crate) fn update(
    store: &SpreadsheetStore,
    id: &str,
    body: &Map<String, Value>,
    query: &QueryParams,
    now_ms: i64,
) -> Result<Value, DriveError> {
    check_members(body)?;
    if body.word("mimeType").is_some_and(|kind| kind != SPREADSHEET) {
        return Err(ApiError::unimplemented("This emulator does not change the mimeType of a file.").into());
    }
    let folders = |name| query.word(name).unwrap_or_default().split(',').map(str::trim).filter(|id| !id.is_empty());
    folders("addParents").chain(folders("removeParents")).try_for_each(check_folder)?;
    if folders("removeParents").next().is_some() && folders("addParents").next().is_none() {
        return Err(ApiError::unimplemented("This emulator keeps every file in the root folder.").into());
    }
    let transaction = store.write(id)?;
    let mut properties = transaction.properties()?;
    if let Some(name) = body.word("name") {
        name.clone_into(&mut properties.title);
        transaction.set_properties(&properties)?;
    }
    if let Some(trashed) = body.get("trashed").and_then(Value::as_bool) {
        transaction.put_object(None, TRASH_MARK.0, TRASH_MARK.1, &json!(trashed))?;
    }
    transaction.commit()?;
    Ok(apply_fields(describe_file(store, id, &properties.title, now_ms)?, query, DEFAULT_FIELDS)?)
}

/// Answers `files.delete`: removes the spreadsheet for good; an unknown id is a 404.
pub(crate) fn delete(store: &SpreadsheetStore, id: &str) -> Result<(), DriveError> {
    Ok(store.delete(id)?)
}

/// Answers `about.get`, for which Drive requires `fields`: who calls.
pub(crate) fn describe_caller(query: &QueryParams) -> Result<Value, ApiError> {
    if query.word("fields").is_none_or(str::is_empty) {
        let message = "The 'fields' parameter is required for this method.";
        return Err(ApiError::invalid_argument(message));
    }
    let mut user = describe_owner();
    user["permissionId"] = "1".into();
    apply_fields(
        json!({"kind": "drive#about", "user": user, "importFormats": {
        "text/csv": [SPREADSHEET], "text/tab-separated-values": [SPREADSHEET]}}),
        query,
        "*",
    )
}

fn describe_owner() -> Value {
    json!({"kind": "drive#user", "displayName": TEST_ACCOUNT, "me": true, "emailAddress": TEST_ACCOUNT})
}

/// Returns a file with all members that the emulator knows.
pub(crate) fn describe_file(store: &SpreadsheetStore, id: &str, title: &str, now_ms: i64) -> Result<Value, DriveError> {
    let objects = store.read(id)?.objects(None, CREATED.0)?;
    let stored = |number: i64| objects.iter().find(|(id, _)| *id == number).map(|(_, body)| body.clone());
    let created = stored(CREATED.1).unwrap_or_else(|| json!(Rfc3339(now_ms).to_string()));
    let trashed = stored(TRASH_MARK.1).unwrap_or(json!(false));
    Ok(json!({"kind": "drive#file", "id": id, "name": title, "mimeType": SPREADSHEET, "starred": false,
              "trashed": trashed, "explicitlyTrashed": trashed, "parents": [ROOT_ID], "spaces": ["drive"],
              "createdTime": created, "modifiedTime": Rfc3339(now_ms).to_string(),
              "webViewLink": format!("https://docs.google.com/spreadsheets/d/{id}/edit?usp=drivesdk"),
              "owners": [describe_owner()], "ownedByMe": true}))
}

/// Trims a response to `fields`, or to the usual members.
pub(crate) fn apply_fields(value: Value, query: &QueryParams, usual: &str) -> Result<Value, ApiError> {
    let fields = query.word("fields").filter(|fields| !fields.is_empty()).unwrap_or(usual);
    let mask = ResponseMask::read(fields)
        .map_err(|bad| ApiError::invalid_argument(format!("Invalid field selection {}", bad.path)))?;
    Ok(mask.apply(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_named_file(name: &str) -> Map<String, Value> {
        Map::from_iter([("name".to_owned(), name.into()), ("mimeType".to_owned(), SPREADSHEET.into())])
    }

    fn ids(store: &SpreadsheetStore, query: &str) -> Vec<String> {
        let found = list(store, &QueryParams::parse(query), 9).unwrap();
        let files = found["files"].as_array().unwrap().iter();
        files.map(|file| file["id"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_file_is_made_found_by_name_and_removed() {
        let store = SpreadsheetStore::in_memory().unwrap();
        let made = create(&store, "x", &make_named_file("it's"), 0).unwrap();
        assert_eq!((&made["id"], &made["name"], &made["mimeType"]), (&json!("x"), &json!("it's"), &json!(SPREADSHEET)));
        assert_eq!(ids(&store, "q=mimeType%3D'application/vnd.google-apps.spreadsheet'+and+name+%3D+'it%5C's'"), ["x"]);
        assert_eq!(ids(&store, "q=mimeType%3D'application/vnd.google-apps.folder'"), [""; 0]);
        assert_eq!(ids(&store, "q=(name+contains+'IT')+and+'root'+in+parents"), ["x"]);
        assert_eq!(ids(&store, "q=name+contains+'t'"), [""; 0]);
        let shown = |fields: &str| get(&store, "x", &QueryParams::parse(&format!("fields={fields}")), 9).unwrap();
        assert_eq!(shown("createdTime"), json!({"createdTime": "1970-01-01T00:00:00.000Z"}));
        assert_eq!(shown("trashed"), json!({"trashed": false}));
        let into_trash = parse_message(br#"{"trashed": true}"#).unwrap();
        update(&store, "x", &into_trash, &QueryParams::default(), 4).unwrap();
        assert_eq!(shown("trashed,createdTime"), json!({"trashed": true, "createdTime": "1970-01-01T00:00:00.000Z"}));
        assert_eq!((ids(&store, "q=trashed%3Dtrue"), ids(&store, "q=trashed%3Dfalse")), (vec!["x".into()], vec![]));
        let copy = copy(&store, "x", "y", &Map::new(), 3).unwrap();
        assert_eq!((&copy["name"], &copy["id"]), (&json!("Copy of it's"), &json!("y")));
        assert_eq!(ids(&store, "q=trashed%3Dfalse"), ["y"]);
        delete(&store, "x").unwrap();
        assert_eq!(get(&store, "x", &QueryParams::default(), 9).unwrap_err(), ApiError::not_found().into());
    }

    #[test]
    fn a_list_has_pages_and_an_order() {
        let store = SpreadsheetStore::in_memory().unwrap();
        for (id, name, at) in [("1", "b", 0), ("2", "a", 1_000), ("3", "C", 2_000)] {
            create(&store, id, &make_named_file(name), at).unwrap();
        }
        assert_eq!(ids(&store, ""), ["3", "2", "1"]);
        assert_eq!(ids(&store, "orderBy=name"), ["2", "1", "3"]);
        assert_eq!(ids(&store, "orderBy=folder,createdTime+desc"), ["3", "2", "1"]);
        let first = list(&store, &QueryParams::parse("pageSize=2&orderBy=createdTime"), 9).unwrap();
        assert_eq!(first["files"].as_array().map(Vec::len), Some(2));
        let next = format!("pageSize=2&orderBy=createdTime&pageToken={}", first["nextPageToken"].as_str().unwrap());
        assert_eq!(ids(&store, &next), ["3"]);
        for (query, parameter) in
            [("q=nonsense", "q"), ("orderBy=age", "orderBy"), ("pageSize=0", "pageSize"), ("pageToken=x", "pageToken")]
        {
            let refused = list(&store, &QueryParams::parse(query), 9).unwrap_err();
            assert_eq!(refused, DriveError::InvalidValue(parameter), "{query}");
        }
        for query in ["q=fullText+contains+'x'", "driveId=7", "spaces=appDataFolder", "orderBy=viewedByMeTime"] {
            let refused = list(&store, &QueryParams::parse(query), 9).unwrap_err();
            assert!(matches!(&refused, DriveError::Api(error) if error.status == "UNIMPLEMENTED"), "{query}");
        }
    }

    #[test]
    fn the_root_is_a_folder_and_there_is_no_other() {
        let store = SpreadsheetStore::in_memory().unwrap();
        let root = get(&store, "root", &QueryParams::default(), 9).unwrap();
        assert_eq!((&root["id"], &root["name"]), (&json!(ROOT_ID), &json!("My Drive")));
        assert_eq!(root, get(&store, ROOT_ID, &QueryParams::default(), 9).unwrap());
        let within = |parents: Value| {
            let mut body = make_named_file("x");
            body.insert("parents".to_owned(), parents);
            create(&store, "x", &body, 0)
        };
        assert_eq!(within(json!(["nowhere"])), Err(DriveError::NoFile("nowhere".to_owned())));
        assert_eq!(within(json!([ROOT_ID])).unwrap()["parents"], json!([ROOT_ID]));
        let moved = |query| update(&store, "x", &Map::new(), &QueryParams::parse(query), 0);
        assert_eq!(moved("addParents=nowhere&removeParents=root"), Err(DriveError::NoFile("nowhere".to_owned())));
        assert_eq!(moved("addParents=root&removeParents=root&fields=parents"), Ok(json!({"parents": [ROOT_ID]})));
    }

    /// googledrive for R asks so who it is.
    #[test]
    fn about_names_the_caller() {
        let about = describe_caller(&QueryParams::parse("fields=user(emailAddress)")).unwrap();
        assert_eq!(about, json!({"user": {"emailAddress": TEST_ACCOUNT}}));
        assert_eq!(describe_caller(&QueryParams::default()).unwrap_err().code, 400);
    }

    /// Nothing is answered 200 with nothing done.
    #[test]
    fn what_would_not_be_stored_of_a_file_is_refused() {
        let store = SpreadsheetStore::in_memory().unwrap();
        create(&store, "x", &make_named_file("x"), 0).unwrap();
        for (name, value) in [("description", json!("d")), ("starred", json!(true)), ("properties", json!({}))] {
            let body = Map::from_iter([(name.to_owned(), value), ("mimeType".to_owned(), SPREADSHEET.into())]);
            let refused = |done: Result<Value, DriveError>| matches!(done, Err(DriveError::Api(error)) if error.status == "UNIMPLEMENTED");
            assert!(refused(create(&store, "y", &body, 0)) && refused(copy(&store, "x", "y", &body, 0)), "{name}");
            assert!(refused(update(&store, "x", &body, &QueryParams::default(), 0)), "{name}");
        }
        let folder = parse_message(br#"{"mimeType": "application/vnd.google-apps.folder"}"#).unwrap();
        assert!(create(&store, "y", &folder, 0).is_err() && create(&store, "y", &Map::new(), 0).is_err());
        assert_eq!(ids(&store, ""), ["x"]);
    }
}
