//! Who may read and write: tokens, keys, credentials, protected ranges.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use serde_json::{Value, json};
use sheets_emulator::{EmulatorOptions, LaunchOptions, SeededRandom, SimulatedTimeSource, launch};
use tokio_util::sync::CancellationToken;

use crate::client::{Client, ID, start};

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
