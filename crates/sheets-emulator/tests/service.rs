//! Replays recorded responses of Google against the emulator, over a real socket, with a plain HTTP
//! client.
//!
//! Each file of `fixtures/wire/` is one exchange. Calls of the same API prepare the spreadsheet.
//! The status and the body must then be Google's, except for ids that the service draws.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sheets_emulator::{
    Emulator, EmulatorOptions, FaultRule, LaunchOptions, LoadedTab, SeededRandom, SimulatedTimeSource, TimeSource,
    launch,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const ID: &str = "1SampleSpreadsheetId000000000000000000000000";
const TOKEN: &str = "a-token-of-this-test";

struct Client {
    address: String,
    stop: CancellationToken,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Starts an emulator with an empty spreadsheet, and returns a client for it.
async fn start(options: EmulatorOptions) -> Client {
    let options =
        EmulatorOptions { spreadsheet_id: Some(ID.to_owned()), trusted_token: Some(TOKEN.to_owned()), ..options };
    let clock = Arc::new(SimulatedTimeSource::starting_at(1_790_000_000_000));
    let emulator = Emulator::open(options, clock, Arc::new(SeededRandom::new(7))).expect("memory is there");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let stop = CancellationToken::new();
    let until = stop.clone();
    tokio::spawn(async move { emulator.serve(listener, until).await });
    Client { address, stop }
}

impl Client {
    async fn send(&self, request: Request<Full<Bytes>>) -> (u16, hyper::HeaderMap, Bytes) {
        let stream = TcpStream::connect(&self.address).await.expect("the emulator listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let response = sender.send_request(request).await.expect("it answers");
        let (head, body) = response.into_parts();
        (head.status.as_u16(), head.headers, body.collect().await.expect("the whole body").to_bytes())
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let (status, _, bytes) = self.send(request.body(Full::new(bytes)).expect("a request")).await;
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Sends a call to the spreadsheet of the samples, which must succeed.
    async fn prepare(&self, method: &str, below: &str, body: Value) {
        let (status, got) = self.call(method, &format!("/v4/spreadsheets/{ID}{below}"), Some(&body)).await;
        assert_eq!(status, 200, "{below}: {got}");
    }

    async fn rows(&self, range: &str, values: Value) {
        let range = utf8_percent_encode(range, NON_ALPHANUMERIC);
        let path = format!("/values/{range}?valueInputOption=RAW");
        self.prepare("PUT", &path, json!({ "values": values })).await;
    }

    async fn batch(&self, requests: Value) {
        self.prepare("POST", ":batchUpdate", json!({ "requests": requests })).await;
    }
}

/// Prepares the spreadsheet for a sample.
async fn set_the_scene(client: &Client, sample: &str) {
    let cactus = "🌵 test_values_batch_get 1";
    let add_cactus = json!([{"addSheet": {"properties": {"title": cactus,
        "gridProperties": {"rowCount": 10, "columnCount": 10}}}}]);
    let ten = |name: &str, first: u32| -> Value { (first..first + 10).map(|n| format!("{name} {n}")).collect() };
    match sample {
        "values-get" => client.rows("A1", json!([ten("test_append_row", 1)])).await,
        "values-append" => client.rows("A1", json!([ten("test_delete_row", 1)])).await,
        "values-update" => client.batch(add_cactus).await,
        "values-batch-get" => {
            client.batch(add_cactus).await;
            client.rows(&format!("'{cactus}'!A1"), json!([["🍇", "🍉", "🍋"], ["🍐", "🍎", "🍓"]])).await;
        }
        "spreadsheets-get" => {
            let title = json!({"properties": {"title": "Test WorksheetTest test_append_row"}, "fields": "title"});
            client.batch(json!([{"updateSpreadsheetProperties": title}])).await;
        }
        "spreadsheets-get-fields" => {
            let note = |row: u32, column: u32, note: &str| {
                json!({"updateCells": {"start": {"rowIndex": row, "columnIndex": column}, "fields": "note",
                       "rows": [{"values": [{ "note": note }]}]}})
            };
            let notes =
                [note(0, 0, "read my note"), note(1, 1, "Or don't"), note(2, 0, "another note"), note(2, 2, "test")];
            client.batch(json!(notes)).await;
        }
        "error-403" => {
            let body = json!([{"status": 403}]);
            assert_eq!(client.call("POST", "/_emulator/faults", Some(&body)).await.0, 200);
        }
        "error-429" => {
            for _ in 0..60 {
                assert_eq!(client.call("GET", &format!("/v4/spreadsheets/{ID}"), None).await.0, 200);
            }
        }
        _ => {}
    }
}

/// Removes ids that the service draws from the comparison.
fn without_drawn_ids(sample: &str, mut body: Value) -> Value {
    let next_input = match sample {
        "batch-update-add-sheet" => "/replies/0/addSheet/properties/sheetId",
        "drive-files-create" => "/id",
        _ => return body,
    };
    *body.pointer_mut(next_input).expect("there is an id") = Value::Null;
    body
}

/// `POST /_emulator/reset` begins again, for the next test.
#[tokio::test]
async fn a_reset_leaves_the_initial_spreadsheet_only() {
    let tab = LoadedTab::from_csv("Orders", b"id,n\nA,0042\n").expect("a CSV file");
    let fault: FaultRule = "on=writes,do=fail,times=9,skip=2".parse().expect("a fault");
    let client = start(EmulatorOptions { tabs: vec![tab], faults: vec![fault], ..EmulatorOptions::default() }).await;
    let orders = format!("/v4/spreadsheets/{ID}/values/Orders");
    let loaded = json!([["id", "n"], ["A", "42"]]);
    for _ in 0..2 {
        assert_eq!(client.call("GET", &orders, None).await.1["values"], loaded);
        client.prepare("PUT", "/values/Orders!A2?valueInputOption=RAW", json!({"values": [["changed"]]})).await;
        client.call("POST", "/v4/spreadsheets", Some(&json!({}))).await;
        assert_eq!(client.call("POST", "/v4/spreadsheets", Some(&json!({}))).await.0, 503);
        let (status, left) = client.call("POST", "/_emulator/reset", None).await;
        assert_eq!((status, left), (200, json!({"spreadsheets": [ID]})));
        assert_eq!(client.call("GET", "/_emulator/stats", None).await.1["writes"], 0);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.sheet");
    let client = start(EmulatorOptions { file: Some(file), ..EmulatorOptions::default() }).await;
    client.rows("A1", json!([["kept"]])).await;
    let (status, refused) = client.call("POST", "/_emulator/reset", None).await;
    assert_eq!((status, &refused["error"]["status"]), (409, &json!("FAILED_PRECONDITION")));
    assert_eq!(
        client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await.1["values"],
        json!([["kept"]])
    );
}

/// A call that the emulator lacks has an error of its own, and no client tries it again.
#[tokio::test]
async fn what_is_not_implemented_is_answered_422() {
    let client = start(EmulatorOptions::default()).await;
    let table = json!({"requests": [{"addTable": {}}]});
    for (method, path, body) in [
        ("POST", format!("/v4/spreadsheets/{ID}:batchUpdate"), Some(&table)),
        ("GET", "/drive/v3/drives".to_owned(), None),
        ("GET", "/drive/v2/files".to_owned(), None),
        ("POST", "/batch/drive/v3".to_owned(), None),
    ] {
        let (status, refused) = client.call(method, &path, body).await;
        assert_eq!((status, &refused["error"]["status"]), (422, &json!("UNIMPLEMENTED")), "{path}");
        assert!(refused["error"]["message"].as_str().expect("a message").contains("in this emulator"), "{refused}");
    }
    assert_eq!(client.call("GET", "/v9/anything", None).await.0, 404);
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_google_answered_it() {
    let mut replayed = 0;
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/wire")).expect("the samples");
    for entry in folder {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let sample = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let recorded: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("readable")).expect("a sample is JSON");
        let quota = (sample == "error-429").then(|| "google".parse().expect("a quota"));
        let client = start(EmulatorOptions { quota, ..EmulatorOptions::default() }).await;
        set_the_scene(&client, &sample).await;
        let request = &recorded["request"];
        let path = request["path"].as_str().expect("a path");
        let path: Vec<String> =
            path.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()).collect();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for pair in request["query"].as_array().expect("a query") {
            query.append_pair(pair[0].as_str().expect("a name"), pair[1].as_str().expect("a value"));
        }
        let target = format!("{}?{}", path.join("/"), query.finish());
        let method = request["method"].as_str().expect("a method");
        let (status, body) = client.call(method, &target, request.get("body")).await;
        let expected = &recorded["response"];
        assert_eq!(json!(status), expected["status"], "{sample}: {body}");
        let expected = without_drawn_ids(&sample, expected["body"].clone());
        assert_eq!(without_drawn_ids(&sample, body), expected, "{sample}");
        replayed += 1;
    }
    assert_eq!(replayed, 19);
}

#[tokio::test]
async fn http2_chunked_bodies_and_bare_posts_are_served_too() {
    let client = start(EmulatorOptions::default()).await;
    let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("it speaks HTTP/2");
    tokio::spawn(connection);
    let request = Request::post(format!("http://{}/v4/spreadsheets/{ID}/values/Sheet1:clear", client.address))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::new()))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=UTF-8");
    assert_eq!(response.headers()[header::DATE], "Mon, 21 Sep 2026 14:13:20 GMT");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(got["clearedRange"], "Sheet1!A1:Z1000");
    assert!(body.starts_with(b"{\n  \""), "pretty unless asked otherwise");
}

#[tokio::test]
async fn only_tokens_that_it_issued_are_good() {
    let client = start(EmulatorOptions::default()).await;
    let get = |authorization: Option<&str>| {
        let mut request = Request::get(format!("/v4/spreadsheets/{ID}")).header(header::HOST, &client.address);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        client.send(request.body(Full::default()).expect("a request"))
    };
    for bad in [None, Some("Bearer nonsense"), Some("Basic eDp5"), Some("Bearer")] {
        let (status, headers, body) = get(bad).await;
        let got: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((status, &got["error"]["status"]), (401, &json!("UNAUTHENTICATED")), "{bad:?}");
        assert!(headers.contains_key(header::WWW_AUTHENTICATE));
    }
    let form = "grant_type=refresh_token&client_id=x&client_secret=y&refresh_token=z";
    let request = Request::post("/token")
        .header(header::HOST, &client.address)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .expect("a request");
    let (status, _, body) = client.send(request).await;
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &got["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn an_api_key_reads_what_is_shared_with_everybody() {
    let client = start(EmulatorOptions::default()).await;
    let ask = |path: &str, method: &str, body: &'static str| {
        let request = Request::builder().method(method).uri(path).header(header::HOST, &client.address);
        let request = request.header("x-goog-api-key", "any").header("x-http-method-override", "GET");
        client.send(request.body(Full::new(Bytes::from(body))).expect("a request"))
    };
    let book = format!("/v4/spreadsheets/{ID}");
    assert_eq!(ask(&book, "GET", "").await.0, 403, "it is not shared yet");
    assert_eq!(ask("/v4/spreadsheets/nowhere", "GET", "").await.0, 404);
    let everybody = json!({"type": "anyone", "role": "reader"});
    let shared = client.call("POST", &format!("/drive/v3/files/{ID}/permissions"), Some(&everybody)).await;
    assert_eq!(shared.0, 200, "{}", shared.1);
    let (status, _, body) = ask(&format!("{book}/values:batchGet"), "POST", "ranges=A1&ranges=B2%3AC3").await;
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, got["valueRanges"].as_array().map(Vec::len)), (200, Some(2)));
    let by_parameter =
        Request::get(format!("{book}?key=any&fields=spreadsheetId")).header(header::HOST, &client.address);
    assert_eq!(client.send(by_parameter.body(Full::default()).expect("a request")).await.0, 200);
    assert_eq!(
        ask(&format!("{book}/values/A1?valueInputOption=RAW"), "PUT", "{}").await.0,
        401,
        "a key writes nothing"
    );
}

#[tokio::test]
async fn a_fault_may_end_the_connection_before_or_after_the_write() {
    for (fault, left) in [("reset", Value::Null), ("applied-reset", json!([["1"]]))] {
        let client = start(EmulatorOptions { faults: vec![fault_of(fault)], ..EmulatorOptions::default() }).await;
        let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let request = Request::put(format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW"))
            .header(header::HOST, &client.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::new(Bytes::from_static(br#"{"values": [[1]]}"#)))
            .expect("a request");
        assert!(sender.send_request(request).await.is_err(), "no answer comes");
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await;
        assert_eq!(got["values"], left, "{fault}");
    }
}

/// Writes one cell over its own connection. Returns the status and the body, as far as they arrive.
async fn lonely_write(client: &Client, cell: &str) -> Result<(u16, Vec<u8>), hyper::Error> {
    let stream = TcpStream::connect(&client.address).await.expect("the emulator listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
    tokio::spawn(connection);
    let request = Request::put(format!("/v4/spreadsheets/{ID}/values/{cell}?valueInputOption=RAW"))
        .header(header::HOST, &client.address)
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::from(format!("{{\"values\": [[\"{cell}\"]]}}"))))
        .expect("a request");
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    Ok((status, answer.into_body().collect().await?.to_bytes().to_vec()))
}

#[tokio::test]
async fn a_reply_may_break_off_although_the_write_is_applied() {
    for fault in ["applied-html,status=502", "applied-truncate", "applied-empty", "html,status=404"] {
        let client = start(EmulatorOptions { faults: vec![fault_of(fault)], ..EmulatorOptions::default() }).await;
        let answer = lonely_write(&client, "B2").await;
        match (fault, answer) {
            ("applied-html,status=502", Ok((502, page))) | ("html,status=404", Ok((404, page))) => {
                assert!(page.starts_with(b"<!DOCTYPE html>"));
            }
            ("applied-truncate", Err(error)) => assert!(
                error.is_incomplete_message() || error.is_body_write_aborted() || error.to_string().contains("body"),
                "{error}"
            ),
            ("applied-empty", Ok((200, body))) => assert!(body.is_empty()),
            (_, other) => panic!("{fault}: {other:?}"),
        }
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/B2"), None).await;
        let applied = if fault.starts_with("applied") { json!([["B2"]]) } else { Value::Null };
        assert_eq!(got["values"], applied, "{fault}");
    }
}

#[tokio::test]
async fn a_late_write_arrives_after_the_next_ones_or_on_request() {
    let client = start(EmulatorOptions { faults: vec![fault_of("late,after=2")], ..EmulatorOptions::default() }).await;
    let there = || async {
        let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1:E1"), None).await;
        got["values"].clone()
    };
    assert!(lonely_write(&client, "A1").await.is_err(), "no answer comes");
    assert_eq!(client.call("GET", "/_emulator/late", None).await.1, json!({"underWay": 1}));
    assert_eq!(lonely_write(&client, "B1").await.expect("an answer").0, 200);
    assert_eq!(there().await, json!([["", "B1"]]));
    assert_eq!(lonely_write(&client, "C1").await.expect("an answer").0, 200);
    assert_eq!(there().await, json!([["A1", "B1", "C1"]]), "it came after two others");
    let faults = json!([{"on": "writes", "do": "late", "after": 5}]);
    assert_eq!(client.call("POST", "/_emulator/faults", Some(&faults)).await.0, 200);
    assert!(lonely_write(&client, "D1").await.is_err(), "no answer comes");
    assert_eq!(client.call("POST", "/_emulator/late:deliver", None).await.1, json!({"statuses": [200]}));
    assert_eq!(there().await, json!([["A1", "B1", "C1", "D1"]]));
}

#[tokio::test]
async fn replies_and_requests_may_be_compressed() {
    let client = start(EmulatorOptions::default()).await;
    let pack = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packer, text.as_bytes()).and_then(|()| packer.finish()).expect("memory")
    };
    let rows: Vec<Vec<String>> = (0..200).map(|n| vec![format!("row {n}")]).collect();
    let body = pack(&json!({"values": rows}).to_string());
    let request = Request::put(format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW"))
        .header(header::HOST, &client.address)
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(header::CONTENT_ENCODING, "gzip")
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    assert_eq!(client.send(request).await.0, 200);
    for (takes, packed) in [("gzip, deflate", true), ("identity", false)] {
        let request = Request::get(format!("/v4/spreadsheets/{ID}/values/A1:A200"))
            .header(header::HOST, &client.address)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .header(header::ACCEPT_ENCODING, takes)
            .body(Full::default())
            .expect("a request");
        let (status, headers, body) = client.send(request).await;
        assert_eq!((status, headers.contains_key(header::CONTENT_ENCODING)), (200, packed), "{takes}");
        let mut text = String::new();
        if packed {
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).expect("gzip");
        } else {
            text = String::from_utf8(body.to_vec()).expect("JSON");
        }
        let got: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(got["values"][199], json!(["row 199"]));
    }
}

/// Writes one cell as the account of the token.
async fn put_cell(client: &Client, cell: &str, value: &str) -> (u16, Value) {
    let path = format!("/v4/spreadsheets/{ID}/values/{cell}?valueInputOption=RAW");
    client.call("PUT", &path, Some(&json!({"values": [[value]]}))).await
}

#[tokio::test]
async fn protected_ranges_are_closed_to_others_unless_named() {
    const PROTECTED_CELL: &str = "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove \
                        protection if you need to edit.";
    let client = start(EmulatorOptions::default()).await;
    let hands = format!("/_emulator/edits?spreadsheet={ID}");
    let protect = |more: Value| {
        let mut range = json!({"range": {"sheetId": 0, "startRowIndex": 1, "endRowIndex": 3, "startColumnIndex": 1, "endColumnIndex": 2}});
        range.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        json!({"requests": [{"addProtectedRange": {"protectedRange": range}}]})
    };
    let (status, got) = client.call("POST", &hands, Some(&protect(json!({"protectedRangeId": 7})))).await;
    assert_eq!(status, 200, "{got}");
    assert_eq!(put_cell(&client, "A2", "free").await.0, 200);
    let (status, got) = put_cell(&client, "B2", "closed").await;
    assert_eq!((status, got["error"]["message"].as_str()), (400, Some(PROTECTED_CELL)));
    let batch = json!({"requests": [
        {"updateCells": {"start": {"sheetId": 0, "rowIndex": 8, "columnIndex": 0}, "fields": "userEnteredValue",
            "rows": [{"values": [{"userEnteredValue": {"stringValue": "not to stay"}}]}]}},
        {"repeatCell": {"range": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 2}, "fields": "note", "cell": {"note": "n"}}},
    ]});
    let (status, got) = client.call("POST", &format!("/v4/spreadsheets/{ID}:batchUpdate"), Some(&batch)).await;
    let expected = format!("Invalid requests[1].repeatCell: {PROTECTED_CELL}");
    assert_eq!((status, got["error"]["message"].as_str()), (400, Some(expected.as_str())));
    let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A9"), None).await;
    assert_eq!(got["values"], Value::Null, "the batch is refused whole");
    let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}?fields=sheets.protectedRanges"), None).await;
    let shown = &got["sheets"][0]["protectedRanges"][0];
    assert_eq!(
        (&shown["protectedRangeId"], shown.get("requestingUserCanEdit"), shown.get("_addedBy")),
        (&json!(7), None, None)
    );
    // The range is writable for its editors, as a warning, and after its protection is deleted.
    let me = sheets_emulator::TEST_ACCOUNT;
    for more in [json!({"editors": {"users": [me]}}), json!({"warningOnly": true})] {
        let drop = json!({"requests": [{"deleteProtectedRange": {"protectedRangeId": 7}}]});
        assert_eq!(client.call("POST", &hands, Some(&drop)).await.0, 200);
        let mut more = more;
        more["protectedRangeId"] = json!(7);
        assert_eq!(client.call("POST", &hands, Some(&protect(more.clone()))).await.0, 200);
        assert_eq!(put_cell(&client, "B2", &more.to_string()).await.0, 200, "{more}");
    }
}

fn fault_of(happening: &str) -> FaultRule {
    format!("on=writes,do={happening}").parse().expect("a fault")
}

#[tokio::test]
async fn faults_and_counts_are_steered_over_http() {
    let client = start(EmulatorOptions::default()).await;
    let faults =
        json!([{"on": "writes", "do": "applied-fail", "status": 503}, {"on": "writes", "do": "fail", "status": 500}]);
    assert_eq!(client.call("POST", "/_emulator/faults", Some(&faults)).await.0, 200);
    let write = |value: u32| {
        let client = &client;
        async move {
            let path = format!("/v4/spreadsheets/{ID}/values/A1?valueInputOption=RAW");
            client.call("PUT", &path, Some(&json!({"values": [[value]]}))).await.0
        }
    };
    assert_eq!((write(1).await, write(2).await), (503, 500));
    let (_, got) = client.call("GET", &format!("/v4/spreadsheets/{ID}/values/A1"), None).await;
    assert_eq!(got["values"], json!([["1"]]), "the first was applied, the second was not");
    let (_, stats) = client.call("GET", "/_emulator/stats", None).await;
    let by_method = json!({"spreadsheets.values.get": 1, "spreadsheets.values.update": 1});
    assert_eq!(stats, json!({"reads": 1, "writes": 1, "tokens": 0, "throttled": 0, "by_method": by_method}));
    assert_eq!(client.call("POST", "/_emulator/stats:reset", None).await.0, 200);
    assert_eq!(client.call("GET", "/_emulator/stats", None).await.1["reads"], 0);
    let (code, got) = client.call("POST", "/_emulator/faults", Some(&json!([{"speed": 1}]))).await;
    assert_eq!(code, 400, "{got}");
}

#[tokio::test(start_paused = true)]
async fn in_process_it_serves_over_memory_on_the_callers_clock() {
    let options = EmulatorOptions {
        spreadsheet_id: Some(ID.to_owned()),
        trusted_token: Some(TOKEN.to_owned()),
        latency: "90s".parse().expect("a length of time"),
        ..EmulatorOptions::default()
    };
    let clock = Arc::new(SimulatedTimeSource::starting_at(1_790_000_000_000));
    let emulator = Emulator::open(options, clock.clone(), Arc::new(SeededRandom::new(7))).expect("memory is there");
    let (near, far) = tokio::io::duplex(64 << 10);
    tokio::spawn(async move { emulator.serve_stream(far).await });
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.expect("it speaks HTTP/1.1");
    tokio::spawn(connection);
    for round in 1..=3_u64 {
        let request = Request::get(format!("/v4/spreadsheets/{ID}?fields=spreadsheetId&prettyPrint=false"))
            .header(header::HOST, "emulator")
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Full::<Bytes>::default())
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(body, format!("{{\"spreadsheetId\":\"{ID}\"}}"));
        assert!((round * 90_000..round * 90_000 + 1000).contains(&clock.monotonic_ms()), "latency is on the clock");
    }
}

/// Returns a signed token request, as client libraries make it from a key file.
fn assertion(file: &Value, now: i64) -> String {
    let key = file["private_key"].as_str().expect("a key");
    let lines = key.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let key = data_encoding::BASE64.decode(lines.as_bytes()).expect("base64");
    let key = ring::signature::RsaKeyPair::from_pkcs8(&key).expect("an RSA key");
    let part = |value: Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let claims = json!({"iss": file["client_email"], "scope": "https://www.googleapis.com/auth/spreadsheets",
                        "aud": file["token_uri"], "iat": now, "exp": now + 3600});
    let message = format!("{}.{}", part(json!({"alg": "RS256", "kid": file["private_key_id"]})), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).expect("a signature");
    format!("{message}.{}", data_encoding::BASE64URL_NOPAD.encode(&signature))
}

#[tokio::test]
async fn launched_it_writes_credentials_that_open_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = folder.path().join("credentials.json");
    let options = LaunchOptions {
        host: None,
        port: 0,
        credentials: Some(credentials.clone()),
        emulator: EmulatorOptions {
            file: Some(folder.path().join("book.sheet")),
            spreadsheet_id: Some(ID.to_owned()),
            latency: "50ms".parse().expect("a length of time"),
            ..EmulatorOptions::default()
        },
    };
    let clock = Arc::new(SimulatedTimeSource::starting_at(1_790_000_000_000));
    let (ready, url) = tokio::sync::oneshot::channel();
    let stop = CancellationToken::new();
    let until = stop.clone();
    let running = tokio::spawn(launch(
        options,
        clock,
        Arc::new(SeededRandom::new(7)),
        move |server| ready.send(server.url.clone()).expect("the test waits for it"),
        async move { until.cancelled().await },
    ));
    let url = url.await.expect("it gets ready");
    let address = url.strip_prefix("http://").expect("a URL").to_owned();
    let client = Client { address, stop: CancellationToken::new() };
    let file: Value = serde_json::from_slice(&std::fs::read(&credentials).expect("written")).expect("JSON");
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &assertion(&file, 1_790_000_000))
        .finish();
    let request = Request::post("/token")
        .header(header::HOST, &client.address)
        .body(Full::new(Bytes::from(form)))
        .expect("a request");
    let (status, _, body) = client.send(request).await;
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!((status, &got["expires_in"], &got["token_type"]), (200, &json!(3599), &json!("Bearer")), "{got}");
    let request = Request::get(format!("/v4/spreadsheets/{ID}/values/A1"))
        .header(header::HOST, &client.address)
        .header(header::AUTHORIZATION, format!("Bearer {}", got["access_token"].as_str().expect("a token")))
        .body(Full::default())
        .expect("a request");
    let in_hand = client.send(request);
    let stopped = async {
        while client.call("GET", "/_emulator/stats", None).await.1["reads"] != 1 {}
        stop.cancel();
    };
    let ((status, _, _), ()) = tokio::join!(in_hand, stopped);
    assert_eq!(status, 200, "a call that was let in is answered");
    running.await.expect("it ends").expect("in order");
}
