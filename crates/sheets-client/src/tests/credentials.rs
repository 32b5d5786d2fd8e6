//! Credentials: found, repaired, and refused with a reason.

use secrecy::SecretString;
use serde_json::{Value, json};

use crate::auth::credentials::{CredentialSource, Credentials, CredentialsError};
use crate::tests::key::{pem, service_account};

fn parse_inline(text: &str) -> Result<Credentials, CredentialsError> {
    Credentials::find(&CredentialSource { inline: Some(SecretString::from(text)), ..CredentialSource::default() })
}

fn message(result: Result<Credentials, CredentialsError>) -> String {
    result.expect_err("these credentials are refused").to_string()
}

#[test]
fn a_key_is_read_as_json_as_base64_and_in_quotes() {
    let json = service_account("https://oauth2.example/token").to_string();
    let escaped_twice = json.replace("\\n", "\\\\n");
    let unescaped = json.replace("\\n", "\n");
    let padded = data_encoding::BASE64.encode(json.as_bytes());
    let urlsafe = data_encoding::BASE64URL_NOPAD.encode(json.as_bytes());
    let quoted = format!("'{json}'\n");
    for text in [&json, &escaped_twice, &unescaped, &padded, &urlsafe, &quoted] {
        let credentials = parse_inline(text).expect("the key is repaired");
        assert_eq!(credentials.client_email(), Some("robot@test.iam.gserviceaccount.com"));
    }
}

#[test]
fn a_file_is_read_and_gcloud_s_login_only_if_it_exists() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("key.json");
    let source = CredentialSource { well_known: Some(path.clone()), ..CredentialSource::default() };
    assert_eq!(Credentials::find(&source).map(|c| c.kind()), Err(CredentialsError::NotConfigured));
    let user = json!({"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"});
    std::fs::write(&path, user.to_string()).expect("written");
    assert_eq!(Credentials::find(&source).map(|c| c.kind()), Ok("authorized_user"));
    let source = CredentialSource { path: Some(path), ..CredentialSource::default() };
    assert_eq!(Credentials::find(&source).map(|c| c.kind()), Ok("authorized_user"));
}

#[test]
fn two_places_at_once_and_json_in_place_of_a_path_are_errors() {
    let both = CredentialSource {
        path: Some("key.json".into()),
        inline: Some(SecretString::from("{}")),
        ..CredentialSource::default()
    };
    assert_eq!(Credentials::find(&both).map(|c| c.kind()), Err(CredentialsError::Ambiguous));
    let source = CredentialSource { path: Some("{\"type\": 1}".into()), ..CredentialSource::default() };
    assert!(message(Credentials::find(&source)).contains("SHEETKEEP_CREDENTIALS_JSON"));
    assert!(message(parse_inline("/home/me/key.json")).contains("GOOGLE_APPLICATION_CREDENTIALS"));
}

#[test]
fn what_is_no_usable_key_is_refused_before_anything_is_sent() {
    let mut key = service_account("https://oauth2.example/token");
    key["private_key"] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into();
    assert!(message(parse_inline(&key.to_string())).contains("RSA"));
    assert!(message(parse_inline(&service_account("http://oauth2.example/token").to_string())).contains("https"));
    assert!(parse_inline(&service_account("http://127.0.0.1:8080/token").to_string()).is_ok());
    assert!(message(parse_inline(r#"{"installed": {"client_id": "x"}}"#)).contains("service account"));
    assert!(message(parse_inline(r#"{"type": "gdch_service_account"}"#)).contains("gdch_service_account"));
    assert!(message(parse_inline(r#"{"type": "authorized_user"}"#)).contains("client_id"));
}

#[test]
fn an_unsupported_external_account_is_an_error() {
    let with = |source: Value| {
        let file = json!({"type": "external_account", "audience": "a", "subject_token_type": "t",
            "token_url": "https://sts.googleapis.com/v1/token", "credential_source": source});
        parse_inline(&file.to_string())
    };
    assert!(with(json!({"file": "/var/run/token"})).is_ok());
    assert!(with(json!({"url": "http://169.254.169.254/token"})).is_ok());
    assert!(message(with(json!({"environment_id": "aws1"}))).contains("AWS"));
}

#[test]
fn nothing_secret_is_printed() {
    let credentials = parse_inline(&service_account("https://oauth2.example/token").to_string()).expect("a key");
    let printed = format!("{credentials:?}");
    assert!(printed.contains("robot@") && !printed.contains("PRIVATE"), "{printed}");
    let broken = json!({"type": "service_account", "private_key": pem(), "client_email": 7}).to_string();
    let printed = format!("{:?}", parse_inline(&broken));
    assert!(!printed.contains("PRIVATE") && !printed.contains("MII"), "{printed}");
}
