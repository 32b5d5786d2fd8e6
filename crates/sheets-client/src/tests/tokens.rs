//! Tokens: requested once, replaced once, an invalid response never cached, never shown.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::auth::credentials::{CredentialSource, Credentials};
use crate::errors::call_error::ErrorCause;
use crate::errors::token_error::TokenError;
use crate::options::{AccessScope, SheetsOptions};
use crate::sheets::{BatchResult, Sheets};
use crate::tests::key::service_account;
use crate::tests::stub::{SPREADSHEET_ID, Seen, Stub, StubResponse, book, one_range, one_value, token};
use crate::types::requests::{Batch, Request};
use sheetkeep_base::fault::Fault;

fn refuse_token() -> StubResponse {
    StubResponse::error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
}

fn batch() -> Batch {
    Batch::new(vec![Request::DeleteSheet { sheet_id: 1 }])
}

fn with(stub: &Stub, file: &Value) -> Sheets {
    let credentials = Credentials::parse(&file.to_string(), "a test").expect("credentials");
    stub.client_with(SheetsOptions { credentials, ..stub.options() })
}

#[tokio::test(start_paused = true)]
async fn fifty_calls_at_once_ask_for_one_token() {
    let stub = Stub::new(|_, _| one_value());
    let client = stub.robot();
    let (id, ranges) = (book(), one_range());
    let read = join_all((0..50).map(|_| client.read_values(&id, &ranges))).await;
    assert!(read.iter().all(Result::is_ok));
    assert_eq!((stub.tokens().len(), stub.calls().len(), client.calls().tokens), (1, 50, 1));
    assert!(stub.calls().iter().all(|s| s.bearer().as_deref() == Some("token-0")));
}

#[tokio::test(start_paused = true)]
async fn a_401_is_answered_with_one_new_token_for_all() {
    let stub =
        Stub::new(|seen, _| if seen.bearer().as_deref() == Some("token-0") { refuse_token() } else { one_value() });
    let client = stub.robot();
    let (id, ranges) = (book(), one_range());
    let read = join_all((0..10).map(|_| client.read_values(&id, &ranges))).await;
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert_eq!((stub.tokens().len(), stub.calls().len()), (2, 20));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_got_a_401_goes_out_once_more() {
    let stub = Stub::new(|_, n| match n {
        0 => refuse_token(),
        _ => StubResponse::json(200, &json!({"spreadsheetId": SPREADSHEET_ID, "replies": [{}]})),
    });
    assert!(matches!(stub.robot().batch_update(&book(), &batch()).await, BatchResult::Applied(_)));
    assert_eq!((stub.tokens().len(), stub.calls().len()), (2, 2));
    let stub = Stub::new(|_, _| refuse_token());
    let BatchResult::NotExecuted(error) = stub.robot().batch_update(&book(), &batch()).await else {
        panic!("refused twice")
    };
    assert_eq!((error.fault(), stub.tokens().len(), stub.calls().len()), (Fault::Denied, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_odd_token_answer_is_not_kept() {
    let stub = Stub::raw(|seen, n| match (seen.is_token(), n) {
        (true, 0) => StubResponse::json(429, &json!({"error": {"code": 429}})),
        (true, 1) => StubResponse::html(503),
        (true, 2) => StubResponse::json(200, &json!({"access_token": "two\nlines", "expires_in": 3_599})),
        (true, 3) => StubResponse::Bytes(String::new()),
        (true, 4) => StubResponse::Stall(String::new()),
        (true, 5) => StubResponse::json(500, &json!({"error": "internal_failure"})),
        (true, n) => token(n),
        (false, _) => one_value(),
    });
    let client = stub.robot();
    client.read_values(&book(), &one_range()).await.expect("read in the end");
    assert_eq!((stub.tokens().len(), stub.calls().len()), (7, 1));
    assert_eq!(stub.calls()[0].bearer().as_deref(), Some("token-6"));
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_token_was_never_sent() {
    let stub = Stub::raw(|_, _| {
        StubResponse::json(400, &json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}))
    });
    let client = stub.robot();
    let BatchResult::NotExecuted(error) = client.batch_update(&book(), &batch()).await else {
        panic!("nothing was sent")
    };
    assert!(
        matches!(&error.cause, ErrorCause::Token(TokenError::Refused { code, .. }) if code == "invalid_grant"),
        "{error:?}"
    );
    assert_eq!((error.fault(), stub.tokens().len(), stub.calls().len()), (Fault::Denied, 1, 0));
    let message = format!("{error} {error:?} {:?}", client.calls());
    assert!(message.contains("clock") && !message.contains("PRIVATE") && !message.contains("MII"), "{message}");
    assert_eq!((client.calls().writes, client.calls().tokens), (0, 1));
}

/// The claims of the first request for a token.
fn claims(stub: &Stub) -> Value {
    let asked = &stub.tokens()[0];
    assert_eq!(asked.line, "POST /token");
    let claims = asked.body.split('.').nth(1).expect("a JWT").trim_end_matches("%3D");
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.trim_end_matches('=').as_bytes()).expect("base64");
    serde_json::from_slice(&claims).expect("JSON")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_reads_asks_for_reading_only() {
    let stub = Stub::new(|_, _| one_value());
    let key = service_account("https://oauth2.example/token").to_string();
    let credentials = Credentials::parse(&key, "a test").expect("a key");
    let options = SheetsOptions { credentials, access: AccessScope::Read, ..stub.options() };
    stub.client_with(options).read_values(&book(), &one_range()).await.expect("read");
    assert_eq!(claims(&stub)["scope"], "https://www.googleapis.com/auth/spreadsheets.readonly");
}

#[tokio::test(start_paused = true)]
async fn a_service_account_signs_a_request_for_the_one_scope() {
    let stub = Stub::new(|_, _| one_value());
    stub.robot().read_values(&book(), &one_range()).await.expect("read");
    let claims = claims(&stub);
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/spreadsheets");
    assert_eq!(claims["aud"], "https://oauth2.example/token");
}

#[tokio::test(start_paused = true)]
async fn a_person_s_login_is_refreshed() {
    let stub = Stub::new(|_, _| one_value());
    let file = json!({"type": "authorized_user", "client_id": "id", "client_secret": "se", "refresh_token": "re"});
    with(&stub, &file).read_values(&book(), &one_range()).await.expect("read");
    assert!(stub.tokens()[0].body.contains("refresh_token=re"));
}

fn serve_token_or_values(seen: &Seen) -> StubResponse {
    if seen.line.contains(":generateAccessToken") {
        StubResponse::json(200, &json!({"accessToken": "acting", "expireTime": "2026-11-22T10:00:00Z"}))
    } else {
        one_value()
    }
}

#[tokio::test(start_paused = true)]
async fn one_account_acts_as_another_for_an_hour() {
    let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@p.iam.gserviceaccount.com";
    let file = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": format!("{url}:generateAccessToken"),
        "source_credentials": service_account("https://oauth2.example/token"),
    });
    let stub = Stub::new(|seen, _| serve_token_or_values(seen));
    let client = with(&stub, &file);
    assert_eq!(client.client_email(), Some("robot@p.iam.gserviceaccount.com"));
    for _ in 0..3 {
        client.read_values(&book(), &one_range()).await.expect("read");
    }
    let calls = stub.calls();
    assert_eq!((stub.tokens().len(), calls.len(), client.calls().tokens), (1, 4, 2));
    assert_eq!(calls[0].bearer().as_deref(), Some("token-0"));
    assert!(calls[0].body.contains("auth/spreadsheets") && calls[3].bearer().as_deref() == Some("acting"));
    tokio::time::advance(std::time::Duration::from_secs(3_550)).await;
    client.read_values(&book(), &one_range()).await.expect("read");
    assert_eq!(stub.tokens().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_on_google_s_cloud_asks_its_metadata_server() {
    let stub = Stub::new(|_, _| one_value());
    let source = CredentialSource {
        metadata_url: Some(
            "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token".into(),
        ),
        ..CredentialSource::default()
    };
    let credentials = Credentials::find(&source).expect("credentials");
    let client = stub.client_with(SheetsOptions { credentials, ..stub.options() });
    client.read_values(&book(), &one_range()).await.expect("read");
    let asked = &stub.tokens()[0];
    assert!(asked.line.contains("scopes=https://www.googleapis.com/auth/spreadsheets"), "{}", asked.line);
    assert!(asked.head.to_lowercase().contains("metadata-flavor: google"));
}

#[tokio::test(start_paused = true)]
async fn another_cloud_s_identity_is_exchanged() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("subject");
    std::fs::write(&path, "subject-1").expect("written");
    let file = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token", "credential_source": {"file": path},
    });
    let stub = Stub::new(|_, _| one_value());
    with(&stub, &file).read_values(&book(), &one_range()).await.expect("read");
    assert!(stub.tokens()[0].body.contains("subject-1"), "{}", stub.tokens()[0].body);
}
