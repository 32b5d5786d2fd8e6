//! Uploads of Drive v3: a file whose contents become those of a spreadsheet.
//!
//! In scope: `uploadType=multipart`, `media` and `resumable` in one piece, CSV and TSV, for new
//! files and for the contents of a known one.
//! Out of scope: uploads in several pieces, files that stay files, XLSX and ODS. They are refused.
//!
//! A resumable upload keeps no state here: its address holds what was described.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use crate::api::call::{ApiResponse, ContentHeaders, QueryParams};
use crate::drive::error::DriveError;
use crate::drive::export::{find_delimiter, replace_contents};
use crate::drive::files;
use crate::error::ApiError;
use crate::random::RandomSource;
use crate::schema::enums::TextParams;
use crate::storage::store::SpreadsheetStore;

/// A call of an upload path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadCall<'a> {
    /// The file whose contents are replaced; `None` for a new one.
    pub id: Option<&'a str>,
    pub query: &'a QueryParams,
    pub headers: &'a ContentHeaders,
    pub body: &'a [u8],
    /// The value of `Host`.
    pub host: &'a str,
    pub now_ms: i64,
}

/// A description of a file, and its contents.
#[derive(Debug, PartialEq)]
struct UploadedFile<'a> {
    described: Map<String, Value>,
    media_type: String,
    contents: &'a [u8],
}

/// Answers an upload. `new_id` is the id of a new file.
pub(crate) fn upload(
    store: &SpreadsheetStore,
    call: UploadCall<'_>,
    new_id: &str,
    random: &dyn RandomSource,
) -> Result<ApiResponse, DriveError> {
    let content_type = call.headers.content_type.as_deref().unwrap_or_default();
    let uploaded = match (call.query.word("uploadType").unwrap_or_default(), call.query.word("uploadId")) {
        ("resumable", None) => return begin_upload(&call).map_err(Into::into),
        ("resumable", Some(begun)) => {
            check_whole(call.headers)?;
            let (described, media_type) = parse_upload_id(begun)?;
            let media_type = if media_type.is_empty() { content_type.to_owned() } else { media_type };
            UploadedFile { described, media_type, contents: call.body }
        }
        ("multipart", _) => split_parts(content_type, call.body)?,
        ("media", _) => {
            UploadedFile { described: Map::new(), media_type: content_type.to_owned(), contents: call.body }
        }
        _ => return Err(DriveError::InvalidValue("uploadType")),
    };
    let Some(delimiter) = find_delimiter(&uploaded.media_type) else {
        let message = format!(
            "This emulator makes spreadsheets of text/csv and text/tab-separated-values only, not of {:?}.",
            uploaded.media_type
        );
        return Err(ApiError::unimplemented(message).into());
    };
    let id = if let Some(id) = call.id {
        files::update(store, id, &uploaded.described, call.query, call.now_ms)?;
        id
    } else {
        files::create(store, new_id, &uploaded.described, call.now_ms)?;
        new_id
    };
    if let Err(error) = replace_contents(store, id, (delimiter, uploaded.contents), random) {
        if call.id.is_none() {
            files::delete(store, id)?;
        }
        return Err(error.into());
    }
    Ok(ApiResponse::json(files::get(store, id, call.query, call.now_ms)?))
}

/// Begins a resumable upload: the response names the address for the contents.
fn begin_upload(call: &UploadCall<'_>) -> Result<ApiResponse, ApiError> {
    let described = files::parse_message(call.body)?;
    let media_type = call.headers.upload_content_type.clone().unwrap_or_default();
    let begun = json!({"described": described, "mediaType": media_type}).to_string();
    let path = call.id.map(|id| format!("/{id}")).unwrap_or_default();
    let fields = call.query.word("fields").map(|fields| {
        let fields: String = url::form_urlencoded::byte_serialize(fields.as_bytes()).collect();
        format!("&fields={fields}")
    });
    let address = format!(
        "http://{}/upload/drive/v3/files{path}?uploadType=resumable&upload_id={}{}",
        call.host,
        BASE64URL_NOPAD.encode(begun.as_bytes()),
        fields.unwrap_or_default()
    );
    Ok(ApiResponse { status: 200, headers: vec![("location", address)], ..ApiResponse::empty() })
}

/// Returns what `begin` put into the address of a resumable upload.
fn parse_upload_id(begun: &str) -> Result<(Map<String, Value>, String), DriveError> {
    let bytes = BASE64URL_NOPAD.decode(begun.as_bytes()).map_err(|_| DriveError::InvalidValue("upload_id"))?;
    let begun: Value = serde_json::from_slice(&bytes).map_err(|_| DriveError::InvalidValue("upload_id"))?;
    let described = begun.get("described").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok((described, begun.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned()))
}

/// Refuses a piece of a file: `Content-Range: bytes 0-99/200`.
fn check_whole(headers: &ContentHeaders) -> Result<(), ApiError> {
    let Some(range) = headers.content_range.as_deref() else { return Ok(()) };
    let whole = range.strip_prefix("bytes ").and_then(|range| {
        let (piece, total) = range.split_once('/')?;
        let total: u64 = total.trim().parse().ok()?;
        if total == 0 {
            return Some(true);
        }
        let (first, last) = piece.split_once('-')?;
        Some(first.trim() == "0" && last.trim().parse::<u64>().ok()?.checked_add(1)? == total)
    });
    if whole == Some(true) {
        return Ok(());
    }
    Err(ApiError::unimplemented(format!("This emulator takes an upload in one piece only, not {range:?}.")))
}

/// Splits a `multipart/related` body: the description of the file, and its contents.
fn split_parts<'a>(content_type: &str, body: &'a [u8]) -> Result<UploadedFile<'a>, DriveError> {
    let malformed = || DriveError::from(ApiError::invalid_argument("Malformed multipart body."));
    let boundary = content_type
        .split(';')
        .filter_map(|part| part.trim().split_once('='))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"').to_owned()));
    let boundary = format!("--{}", boundary.filter(|boundary| !boundary.is_empty()).ok_or_else(malformed)?);
    let first = find(body, boundary.as_bytes()).ok_or_else(malformed)?;
    let after = &body[first + boundary.len()..];
    let between = format!("\n{boundary}");
    let second = find(after, between.as_bytes()).ok_or_else(malformed)?;
    let (described, rest) = (&after[..second], &after[second + between.len()..]);
    let end = find(rest, between.as_bytes()).ok_or_else(malformed)?;
    let (_, described) = split_head(described).ok_or_else(malformed)?;
    let (head, contents) = split_head(&rest[..end]).ok_or_else(malformed)?;
    let media_type = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.trim().eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned()));
    Ok(UploadedFile {
        described: files::parse_message(described)?,
        media_type: media_type.unwrap_or_default(),
        contents: contents.strip_suffix(b"\r").unwrap_or(contents),
    })
}

/// Splits a part of a multipart body at its first empty line.
fn split_head(part: &[u8]) -> Option<(String, &[u8])> {
    let (at, length) = [&b"\r\n\r\n"[..], &b"\n\n"[..]]
        .into_iter()
        .filter_map(|blank| find(part, blank).map(|at| (at, blank.len())))
        .min()?;
    Some((String::from_utf8_lossy(&part[..at]).into_owned(), &part[at + length..]))
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::call::ResponseContent;
    use crate::drive::export::export;
    use crate::random::SeededRandom;

    fn call<'a>(
        query: &'a QueryParams,
        headers: &'a ContentHeaders,
        id: Option<&'a str>,
        body: &'a [u8],
    ) -> UploadCall<'a> {
        UploadCall { id, query, headers, body, host: "localhost:1", now_ms: 0 }
    }

    fn of_type(kind: &str) -> ContentHeaders {
        ContentHeaders { content_type: Some(kind.to_owned()), ..ContentHeaders::default() }
    }

    fn multipart(described: &str, kind: &str, contents: &str) -> Vec<u8> {
        format!(
            "--b\r\nContent-Type: application/json\r\n\r\n{described}\r\n--b\r\nContent-Type: {kind}\r\n\r\n\
             {contents}\r\n--b--"
        )
        .into_bytes()
    }

    const BOOK: &str = r#"{"name": "u", "mimeType": "application/vnd.google-apps.spreadsheet"}"#;

    /// The form of google-api-python-client, of googleapis for Node and of googledrive for R.
    #[test]
    fn a_csv_file_becomes_a_spreadsheet() {
        let (store, random) = (SpreadsheetStore::in_memory().unwrap(), SeededRandom::new(1));
        let (query, headers) =
            (QueryParams::parse("uploadType=multipart"), of_type("multipart/related; boundary=\"b\""));
        let body = multipart(BOOK, "text/csv; charset=utf-8", "a,b\r\n0042,\"x, y\"\r\n");
        let made = upload(&store, call(&query, &headers, None, &body), "n", &random).unwrap();
        let ResponseContent::Json(made) = made.content else { panic!("JSON") };
        assert_eq!((&made["id"], &made["name"]), (&json!("n"), &json!("u")));
        assert_eq!(export(&store, "n", "text/csv").unwrap().0, b"a,b\r\n42,\"x, y\"");
        let (query, headers) = (QueryParams::parse("uploadType=media"), of_type("text/tab-separated-values"));
        upload(&store, call(&query, &headers, Some("n"), b"1\t2\n"), "", &random).unwrap();
        assert_eq!(export(&store, "n", "text/csv").unwrap().0, b"1,2");
    }

    #[test]
    fn a_resumable_upload_is_described_by_its_address() {
        let (store, random) = (SpreadsheetStore::in_memory().unwrap(), SeededRandom::new(1));
        let headers =
            ContentHeaders { upload_content_type: Some("text/csv".to_owned()), ..of_type("application/json") };
        let query = QueryParams::parse("uploadType=resumable&fields=id");
        let begun = upload(&store, call(&query, &headers, None, BOOK.as_bytes()), "n", &random).unwrap();
        let address = &begun.headers[0].1;
        assert!(address.starts_with("http://localhost:1/upload/drive/v3/files?uploadType=resumable&upload_id="));
        let query = QueryParams::parse(address.split_once('?').unwrap().1);
        let piece = |range: &str| ContentHeaders { content_range: Some(range.to_owned()), ..of_type("text/csv") };
        let refused = upload(&store, call(&query, &piece("bytes 0-1/9"), None, b"a,"), "n", &random).unwrap_err();
        assert!(matches!(refused, DriveError::Api(error) if error.status == "UNIMPLEMENTED"));
        let made = upload(&store, call(&query, &piece("bytes 0-2/3"), None, b"a,b"), "n", &random).unwrap();
        assert_eq!(made.content, ResponseContent::Json(json!({"id": "n"})));
        assert_eq!(export(&store, "n", "text/csv").unwrap().0, b"a,b");
    }

    #[test]
    fn an_upload_that_would_stay_a_file_leaves_nothing() {
        let (store, random) = (SpreadsheetStore::in_memory().unwrap(), SeededRandom::new(1));
        let (query, headers) = (QueryParams::parse("uploadType=multipart"), of_type("multipart/related; boundary=b"));
        let xlsx = multipart(BOOK, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "PK");
        for body in [
            multipart(r#"{"name": "u.csv"}"#, "text/csv", "a"),
            multipart(BOOK, "text/csv", "a,\u{1}").iter().map(|byte| if *byte == 1 { 0xff } else { *byte }).collect(),
            xlsx,
            b"--b\r\n\r\n".to_vec(),
            b"".to_vec(),
        ] {
            assert!(upload(&store, call(&query, &headers, None, &body), "n", &random).is_err());
            assert_eq!(store.list().unwrap(), []);
        }
        let query = QueryParams::parse("uploadType=other");
        let refused = upload(&store, call(&query, &headers, None, b""), "n", &random).unwrap_err();
        assert_eq!(refused, DriveError::InvalidValue("uploadType"));
    }
}
