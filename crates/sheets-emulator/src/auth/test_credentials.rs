//! The throw-away key of the emulator's test account.
//!
//! In scope: the credentials file that clients sign their token requests with, the check of such a
//! signature.
//! Out of scope: secrets. The private key is public in this repository. It opens only an emulator
//! on the reader's own machine. Google has neither the key nor the account.

use data_encoding::BASE64;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

/// The mail address of the test account, which is the `iss` of its token requests.
pub const TEST_ACCOUNT: &str = "throwaway-test@sheetkeep-emulator.iam.gserviceaccount.com";

/// The id of the test key, which is the `kid` of its token requests.
pub(crate) const TEST_KEY_ID: &str = "7e57000000000000000000000000000000007e57";

/// The client id of the test user's credentials.
pub(crate) const TEST_CLIENT_ID: &str = "000000000000-throwaway-test.apps.googleusercontent.com";

/// The matching client secret. It protects nothing.
pub(crate) const TEST_CLIENT_SECRET: &str = "throwaway-test-client-secret";

/// The refresh token of the test user's credentials. It protects nothing.
pub(crate) const TEST_REFRESH_TOKEN: &str = "1//throwaway-test-refresh-token";

const FILE: &str = include_str!("throwaway_test_key.pem");
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Returns a service-account key file whose `token_uri` is the emulator at `base_url`, such as
/// `http://127.0.0.1:8080`.
pub(crate) fn build_service_account_key(base_url: &str) -> Value {
    json!({
        "type": "service_account",
        "project_id": "sheetkeep-emulator",
        "private_key_id": TEST_KEY_ID,
        "private_key": format!("{BEGIN}{}{END}\n", read_test_key_lines()),
        "client_email": TEST_ACCOUNT,
        "client_id": "000000000000000000000",
        "auth_uri": format!("{base_url}/auth"),
        "token_uri": format!("{base_url}/token"),
        "auth_provider_x509_cert_url": format!("{base_url}/certs"),
        "client_x509_cert_url": format!("{base_url}/certs"),
        "universe_domain": "googleapis.com"
    })
}

/// Returns whether a text is a key file of an emulator, on any server.
pub(crate) fn is_service_account(text: &str) -> bool {
    let file: Value = serde_json::from_str(text).unwrap_or_default();
    file["client_email"] == TEST_ACCOUNT && file["private_key_id"] == TEST_KEY_ID
}

/// Returns the lines between the markers, with the line breaks around them.
fn read_test_key_lines() -> &'static str {
    FILE.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map_or("", |(lines, _)| lines)
}

/// Returns whether the test key made this RS256 signature.
pub(crate) fn is_signed_by_test_key(message: &[u8], signature: &[u8]) -> bool {
    let text: String = read_test_key_lines().chars().filter(|c| !c.is_whitespace()).collect();
    let Some(key) = BASE64.decode(text.as_bytes()).ok().and_then(|der| RsaKeyPair::from_pkcs8(&der).ok()) else {
        return false;
    };
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(message, signature).is_ok()
}

#[cfg(test)]
pub(crate) fn sign(message: &[u8]) -> Vec<u8> {
    let text: String = read_test_key_lines().chars().filter(|c| !c.is_whitespace()).collect();
    let key = RsaKeyPair::from_pkcs8(&BASE64.decode(text.as_bytes()).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_knows_its_own_signatures_and_no_others() {
        let mut signature = sign(b"message");
        assert!(is_signed_by_test_key(b"message", &signature));
        assert!(!is_signed_by_test_key(b"massage", &signature));
        signature[0] ^= 1;
        assert!(!is_signed_by_test_key(b"message", &signature));
    }

    #[test]
    fn the_credentials_point_at_their_server_and_hold_a_whole_key() {
        let file = build_service_account_key("http://127.0.0.1:1234");
        assert_eq!(file["token_uri"], "http://127.0.0.1:1234/token");
        assert!(is_service_account(&file.to_string()) && !is_service_account("{\"client_email\": \"a@b\"}"));
        let key = file["private_key"].as_str().unwrap();
        assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\nMII") && key.ends_with("-----END PRIVATE KEY-----\n"));
    }
}
