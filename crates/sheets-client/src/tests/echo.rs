//! Services that echo what they received: no secret of it reaches the user.

use serde_json::{Value, json};

use crate::auth::credentials::Credentials;
use crate::sheets::BatchResult;
use crate::tests::key::service_account;
use crate::tests::stub::{Seen, Stub, StubResponse, book, one_range};
use crate::types::requests::{Batch, Request};

/// A token that does not look like one.
const TOKEN: &str = "plain words of a token";

fn token() -> StubResponse {
    let token = TOKEN.replace(' ', "-");
    StubResponse::json(200, &json!({"access_token": token, "expires_in": 3_599, "token_type": "Bearer"}))
}

/// Returns a refusal that echoes the whole request.
fn repeat_request(seen: &Seen, status: u16) -> StubResponse {
    let key = service_account("https://oauth2.example/token");
    let message = format!("refused: {} | {} | {}", seen.head.replace("\r\n", " "), seen.body, key["private_key"]);
    let error = json!({"code": status, "message": message, "status": message, "details": [{"reason": message}]});
    StubResponse::json(status, &json!({"error": error}))
}

/// Checks that the text contains nothing of the token, the key's body or a signed request.
fn is_clean(message: &str) {
    let key = service_account("https://oauth2.example/token");
    let pem = key["private_key"].as_str().unwrap_or_default();
    for line in pem.lines().filter(|line| line.len() > 20 && !line.starts_with("-----")) {
        assert!(!message.contains(line) && !message.contains(&line[..20]), "{line} in {message}");
    }
    for secret in ["plain-words", "of-a-token", "eyJ", "PRIVATE KEY"] {
        assert!(!message.contains(secret), "{secret} in {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_echoes_the_request_shows_no_token_and_no_key() {
    for status in [400, 401, 403, 404] {
        let stub = Stub::raw(move |seen, _| if seen.is_token() { token() } else { repeat_request(seen, status) });
        let client = stub.robot();
        let error = client.read_values(&book(), &one_range()).await.expect_err("it is refused");
        is_clean(&format!("{error} {error:?}"));
        assert!(error.to_string().contains("refused: "), "{error}");
        let batch = Batch::new(vec![Request::DeleteSheet { sheet_id: 1 }]);
        match client.batch_update(&book(), &batch).await {
            BatchResult::Refused(refusal) => is_clean(&format!("{refusal} {refusal:?}")),
            BatchResult::NotExecuted(error) => is_clean(&format!("{error} {error:?}")),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_service_that_echoes_the_request_shows_no_assertion() {
    let stub = Stub::raw(|seen, _| {
        let key = service_account("https://oauth2.example/token");
        let message = format!("no good: {} {}", seen.body, key["private_key"]);
        StubResponse::json(400, &json!({"error": message, "error_description": message}))
    });
    let error = stub.robot().read_values(&book(), &one_range()).await.expect_err("no token");
    is_clean(&format!("{error} {error:?}"));
    assert!(error.to_string().contains("no good: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_login_is_not_repeated_either() {
    let stub = Stub::raw(|seen, _| StubResponse::json(400, &json!({"error": "x", "error_description": seen.body})));
    let file: Value = json!({"type": "authorized_user", "client_id": "id", "client_secret": "se-cret-word", "refresh_token": "re-fresh-word"});
    let credentials = Credentials::parse(&file.to_string(), "a test").expect("a login");
    let client = stub.client_with(crate::options::SheetsOptions { credentials, ..stub.options() });
    let error = client.read_values(&book(), &one_range()).await.expect_err("no token").to_string();
    assert!(!error.contains("cret-word") && !error.contains("fresh-word") && error.contains("client_id"), "{error}");
}
