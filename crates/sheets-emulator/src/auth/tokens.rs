//! `POST /token`: issues and checks access tokens.
//!
//! In scope: the JWT-bearer grant of service accounts, the refresh grant of the test user, Google's
//! OAuth errors, valid tokens.
//! Out of scope: users, consent, other keys. An unknown account gets a token without a signature
//! check, so that any key file works with an emulator.
//!
//! Source: "Using OAuth 2.0 for Server to Server Applications"; errors as recorded and reported.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::test_credentials::{
    TEST_ACCOUNT, TEST_CLIENT_ID, TEST_CLIENT_SECRET, TEST_KEY_ID, TEST_REFRESH_TOKEN, is_signed_by_test_key,
};
use crate::error::ApiError;
use crate::random::RandomSource;

/// Lifetime of a token in seconds, as Google answers it.
const LIFETIME_S: u64 = 3599;

/// Seconds by which a client's clock may be ahead (measured on Google's service).
const CLOCK_TOLERANCE_S: i64 = 300;

/// Audiences that client libraries name regardless of the key file.
const GOOGLE_AUDIENCES: [&str; 3] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
];

const BAD_TIME: &str = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                        Check your iat and exp values in the JWT claim.";

/// Access that a token grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AccessLevel {
    /// No access: the token has no scope of Sheets or Drive.
    Nothing,
    /// What Drive knows of a file, not its contents.
    Metadata,
    Read,
    Write,
}

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenHolder {
    /// The account that quotas count.
    pub account: String,
    pub access: AccessLevel,
}

/// Issues tokens, and checks them.
#[derive(Debug, Default)]
pub(crate) struct TokenIssuer {
    trusted: Option<String>,
    issued: Mutex<HashMap<String, (TokenHolder, u64)>>,
}

/// An error of the token endpoint: its status, `error` and `error_description`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenError {
    pub code: u16,
    error: &'static str,
    description: String,
}

impl TokenError {
    fn new(code: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self { code, error, description: description.into() }
    }

    fn grant(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_grant", description)
    }

    /// Returns the body of the response.
    pub fn to_json(&self) -> Value {
        json!({"error": self.error, "error_description": self.description})
    }
}

#[derive(Deserialize)]
struct JwtHeader {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct JwtClaims {
    iss: Option<String>,
    scope: Option<String>,
    aud: Option<String>,
    iat: Option<f64>,
    exp: Option<f64>,
}

impl TokenIssuer {
    /// Creates an issuer whose only valid token is `trusted`, which never expires.
    pub(crate) fn new(trusted: Option<String>) -> Self {
        Self { trusted, issued: Mutex::default() }
    }

    fn issued(&self) -> MutexGuard<'_, HashMap<String, (TokenHolder, u64)>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a token request, given its form and `Host`.
    pub(crate) fn grant(
        &self,
        form: &[u8],
        host: &str,
        now_ms: i64,
        monotonic_ms: u64,
        random: &dyn RandomSource,
    ) -> Result<Value, TokenError> {
        let fields: HashMap<_, _> = url::form_urlencoded::parse(form).into_owned().collect();
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        let bearer = match field("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => read_assertion(field("assertion"), host, now_ms)?,
            "refresh_token" => check_refresh_token(field("client_id"), field("client_secret"), field("refresh_token"))?,
            other => {
                return Err(TokenError::new(400, "unsupported_grant_type", format!("Invalid grant_type: {other}")));
            }
        };
        let token = format!("ya29.emulator-{:016x}{:016x}", random.next_u64(), random.next_u64());
        let mut issued = self.issued();
        issued.retain(|_, (_, ends)| *ends > monotonic_ms);
        issued.insert(token.clone(), (bearer, monotonic_ms + LIFETIME_S * 1000));
        Ok(json!({"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}))
    }

    /// Returns the holder of the token in an `Authorization` header; 401 if the token is missing or
    /// invalid.
    pub(crate) fn check(&self, authorization: Option<&str>, monotonic_ms: u64) -> Result<TokenHolder, ApiError> {
        let Some(authorization) = authorization else {
            return Err(ApiError::unauthenticated(
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other \
                 valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            ));
        };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let found = token.and_then(|(_, token)| self.bearer(token.trim(), monotonic_ms));
        found.ok_or_else(|| {
            ApiError::unauthenticated(
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                 valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
            )
        })
    }

    fn bearer(&self, token: &str, monotonic_ms: u64) -> Option<TokenHolder> {
        if self.trusted.as_deref() == Some(token) {
            return Some(TokenHolder { account: TEST_ACCOUNT.to_owned(), access: AccessLevel::Write });
        }
        let issued = self.issued();
        issued.get(token).filter(|(_, ends)| *ends > monotonic_ms).map(|(bearer, _)| bearer.clone())
    }
}

/// Checks a signed JWT. Clients may pad its parts; the signature covers what they send.
fn read_assertion(assertion: &str, host: &str, now_ms: i64) -> Result<TokenHolder, TokenError> {
    let malformed = || TokenError::grant("Invalid JWT: the assertion must be three parts of base64 with JSON inside.");
    let (message, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = message.split_once('.').ok_or_else(malformed)?;
    let decode = |part: &str| BASE64URL_NOPAD.decode(part.trim_end_matches('=').as_bytes()).map_err(|_| malformed());
    let header: JwtHeader = serde_json::from_slice(&decode(header)?).map_err(|_| malformed())?;
    let claims: JwtClaims = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed())?;
    let signature = decode(signature)?;
    let account = claims.iss.unwrap_or_default();
    if account.is_empty() {
        return Err(TokenError::grant("Invalid grant: account not found"));
    }
    let known = account == TEST_ACCOUNT || header.kid.as_deref() == Some(TEST_KEY_ID);
    if header.alg != "RS256" || known && !is_signed_by_test_key(message.as_bytes(), &signature) {
        return Err(TokenError::grant("Invalid JWT Signature."));
    }
    check_audience(claims.aud.as_deref().unwrap_or_default(), host)?;
    check_time(claims.iat, claims.exp, now_ms)?;
    let scope = claims.scope.unwrap_or_default();
    if scope.trim().is_empty() {
        let detail = "Invalid OAuth scope or ID token audience provided.";
        return Err(TokenError::new(400, "invalid_scope", detail));
    }
    Ok(TokenHolder { account, access: read_access(&scope) })
}

fn check_audience(audience: &str, host: &str) -> Result<(), TokenError> {
    let (_, own) = audience.split_once("://").unwrap_or_default();
    if GOOGLE_AUDIENCES.contains(&audience) || own.strip_suffix("/token") == Some(host) {
        return Ok(());
    }
    let detail = format!("Invalid JWT: Failed audience check. The right audience is http://{host}/token");
    Err(TokenError::grant(detail))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of any real date are far below 2^53")]
fn check_time(iat: Option<f64>, exp: Option<f64>, now_ms: i64) -> Result<(), TokenError> {
    let now = (now_ms / 1000) as f64;
    let (Some(iat), Some(exp)) = (iat, exp) else { return Err(TokenError::grant(BAD_TIME)) };
    let fresh = iat <= now + CLOCK_TOLERANCE_S as f64 && iat >= now - 3600.0 - CLOCK_TOLERANCE_S as f64;
    if fresh && exp > now && exp > iat && exp - iat <= 3600.0 { Ok(()) } else { Err(TokenError::grant(BAD_TIME)) }
}

fn check_refresh_token(client: &str, secret: &str, token: &str) -> Result<TokenHolder, TokenError> {
    if client != TEST_CLIENT_ID || secret != TEST_CLIENT_SECRET {
        return Err(TokenError::new(401, "invalid_client", "The OAuth client was not found."));
    }
    if token != TEST_REFRESH_TOKEN {
        return Err(TokenError::grant("Token has been expired or revoked."));
    }
    Ok(TokenHolder { account: "throwaway-test-user".to_owned(), access: AccessLevel::Write })
}

/// Returns the access that the scopes of a token grant on Sheets: the scopes of the discovery
/// document, and the feed scope of old clients.
fn read_access(scopes: &str) -> AccessLevel {
    let one = |scope: &str| match scope.strip_prefix("https://www.googleapis.com/auth/").unwrap_or(scope) {
        "spreadsheets" | "drive" | "drive.file" | "https://spreadsheets.google.com/feeds" => AccessLevel::Write,
        "spreadsheets.readonly" | "drive.readonly" => AccessLevel::Read,
        "drive.metadata.readonly" => AccessLevel::Metadata,
        _ => AccessLevel::Nothing,
    };
    scopes.split_whitespace().map(one).max().unwrap_or(AccessLevel::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::test_credentials::sign;
    use crate::random::SeededRandom;
    use data_encoding::BASE64URL;

    const NOW: i64 = 1_790_000_000_000;
    const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

    fn assertion(claims: &Value) -> String {
        let part = |value: Value| BASE64URL.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims.clone()));
        format!("{message}.{}", BASE64URL.encode(&sign(message.as_bytes())))
    }

    fn claims() -> Value {
        json!({"iss": TEST_ACCOUNT, "scope": SCOPE, "aud": "http://127.0.0.1:9/token", "sub": null,
               "iat": NOW / 1000, "exp": NOW / 1000 + 3595})
    }

    fn ask(tokens: &TokenIssuer, assertion: &str) -> Result<Value, TokenError> {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", grant)
            .append_pair("assertion", assertion)
            .finish();
        tokens.grant(form.as_bytes(), "127.0.0.1:9", NOW, 0, &SeededRandom::new(1))
    }

    #[test]
    fn a_padded_jwt_is_taken_and_its_token_is_good_for_its_time() {
        let tokens = TokenIssuer::new(None);
        let answer = ask(&tokens, &assertion(&claims())).unwrap();
        assert_eq!((&answer["expires_in"], &answer["token_type"]), (&json!(3599), &json!("Bearer")));
        let header = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        assert_eq!(tokens.check(Some(&header), 3_598_000).unwrap().access, AccessLevel::Write);
        assert_eq!(tokens.check(Some(&header), 3_599_000).unwrap_err().code, 401);
        assert!(tokens.check(None, 0).unwrap_err().message.starts_with("Request is missing required"));
        assert!(tokens.check(Some("Bearer x"), 0).unwrap_err().message.starts_with("Request had invalid"));
        assert!(TokenIssuer::new(Some("fixed".into())).check(Some("bearer fixed"), u64::MAX).is_ok());
    }

    #[test]
    fn what_google_refuses_is_refused_in_its_words() {
        let tokens = TokenIssuer::new(None);
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            ask(&tokens, &assertion(&claims)).unwrap_err().to_json()["error_description"].to_string()
        };
        assert!(with("aud", json!("http://elsewhere/token")).contains("Failed audience check"));
        assert!(with("iat", json!(NOW / 1000 - 7200)).contains("short-lived token"));
        assert!(with("exp", json!(NOW / 1000 + 7200)).contains("short-lived token"));
        assert!(with("scope", Value::Null).contains("Invalid OAuth scope"));
        assert!(with("iss", Value::Null).contains("account not found"));
        let good = assertion(&claims());
        let forged = format!("{}AAAA", &good[..good.len() - 8]);
        assert_eq!(ask(&tokens, &forged).unwrap_err(), TokenError::grant("Invalid JWT Signature."));
        for torn in ["", "a.b", "a.b.c", "..", "é.é.é"] {
            assert_eq!(ask(&tokens, torn).unwrap_err().code, 400);
        }
    }
}
