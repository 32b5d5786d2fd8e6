//! Access tokens: one request for many callers, a new token after a 401, and no invalid response
//! cached.
//!
//! In scope: the flow of each kind of credentials, deadlines, single flight. Out of scope: finding
//! credentials (`sheets_client::auth::credentials`).
//!
//! By itself yup-oauth2 sends one request per caller, and caches a response without a token as a
//! valid one for ever. It has no deadline on bodies, and logs tokens at debug level
//! (`sheets_client::options::QUIET_LOG_DIRECTIVES`). So it only ever makes single requests here, under our
//! lock and our clock.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use google_sheets4::common::GetToken;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper_util::client::legacy::Client;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};
use yup_oauth2::authenticator::Authenticator;
use yup_oauth2::{AccessToken, CustomHyperClientBuilder};

use crate::auth::credentials::{Grant, TOKEN_URI};
use crate::auth::secret_filter::SecretFilter;
use crate::auth::token_errors::{classify_error, make_not_json_error};
use crate::errors::classify::find_root_cause;
use crate::errors::proxy_error::ProxyError;
use crate::errors::service_text::sanitize;
use crate::errors::token_error::TokenError;
use crate::transport::connect::Connector;
use sheetkeep_base::clock::Clock;

/// The scope of calls that write. A client has one scope for all its calls, so that one token
/// serves them.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// The scope that impersonation requires.
const IMPERSONATION_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A token is renewed this long before it expires, in milliseconds.
const MARGIN_MS: u64 = 60_000;

/// Maximum size of a token service's response, in bytes.
const MAX_RESPONSE: usize = 1_048_576;

type Authenticators = OnceCell<Authenticator<Connector>>;

/// The tokens of one account, shared by all callers.
#[derive(Clone)]
pub(crate) struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    grant: Grant,
    connector: Connector,
    client: Client<Connector, String>,
    /// A client without proxies, for the metadata server.
    direct: Client<Connector, String>,
    secrets: SecretFilter,
    authenticator: Authenticators,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// The scope that tokens are requested for.
    scope: &'static str,
    /// Locked while a token is requested, so that all other callers wait for that response.
    cached: Mutex<Option<CachedToken>>,
    /// Number of the wanted token; incremented when the API refuses the cached one.
    wanted_number: AtomicU64,
    requests: AtomicU64,
}

struct CachedToken {
    token: SecretString,
    validity: TokenValidity,
    number: u64,
}

/// How long a token is valid.
enum TokenValidity {
    Always,
    /// As yup-oauth2 counts it, on the real clock.
    ByRealClock(AccessToken),
    /// Until this time of our monotonic clock, in milliseconds.
    Until(u64),
}

/// The response of a token service.
struct TokenResponse {
    token: String,
    validity: TokenValidity,
}

impl Tokens {
    /// Creates the tokens of `grant` for `scope`. Nothing is requested before the first call.
    pub(crate) fn new(
        grant: Grant,
        connector: Connector,
        clock: Arc<dyn Clock>,
        timeout: Duration,
        scope: &'static str,
    ) -> Self {
        let inner = Inner {
            secrets: SecretFilter::from_grant(&grant),
            grant,
            client: connector.client(),
            direct: connector.direct().client(),
            connector,
            authenticator: OnceCell::new(),
            clock,
            timeout,
            scope,
            cached: Mutex::new(None),
            wanted_number: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Returns a token that is valid as far as the client can see, and its number, for
    /// `invalidate`.
    pub(crate) async fn get(&self) -> Result<(SecretString, u64), TokenError> {
        let inner = &*self.inner;
        let mut cached = inner.cached.lock().await;
        let wanted = inner.wanted_number.load(Ordering::Acquire);
        if let Some(current) = cached.as_ref()
            && current.number == wanted
            && current.validity.is_valid(inner.clock.monotonic_ms())
        {
            return Ok((current.token.clone(), current.number));
        }
        let request = inner.request_token(&inner.grant, inner.scope);
        let grant_response = tokio::select! {
            grant_response = request => grant_response.map_err(|error| error.redacted_with(|text| self.hide(text)))?,
            () = inner.clock.sleep(inner.timeout) => {
                return Err(TokenError::TimedOut { after_ms: u64::try_from(inner.timeout.as_millis()).unwrap_or(u64::MAX) });
            }
        };
        if grant_response.token.is_empty() || !grant_response.token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError::Unavailable("the response's token can't be put into a header".to_owned()));
        }
        inner.secrets.add(&grant_response.token);
        let token = SecretString::from(grant_response.token);
        *cached = Some(CachedToken { token: token.clone(), validity: grant_response.validity, number: wanted });
        Ok((token, wanted))
    }

    /// Returns the text without the secrets of this account, and without anything that looks like a
    /// secret.
    pub(crate) fn hide(&self, text: &str) -> String {
        self.inner.secrets.hide(text)
    }

    /// Records that the API refused token `number`. The next caller requests a new one, only once
    /// for any number of refusals.
    pub(crate) fn invalidate(&self, number: u64) {
        let raised = number.saturating_add(1);
        let _ = self.inner.wanted_number.compare_exchange(number, raised, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Distinguishes a token service that is down from a foreign page in its place. yup-oauth2 does
    /// not report the status of a response that is not JSON. So the address is requested once more,
    /// without a grant: a token service refuses that, and a proxy that answers everything sends its
    /// page.
    pub(crate) async fn distinguish_foreign(&self, error: TokenError) -> TokenError {
        if error != make_not_json_error() {
            return error;
        }
        let request = self.inner.answers_any_request();
        let is_page = tokio::select! {
            is_page = request => is_page,
            () = self.inner.clock.sleep(self.inner.timeout) => false,
        };
        if is_page { TokenError::WebPage } else { error }
    }

    /// Returns the number of requests to token services.
    pub(crate) fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }
}

impl GetToken for Tokens {
    fn get_token<'a>(
        &'a self,
        _scopes: &'a [&str],
    ) -> Pin<Box<dyn Future<Output = Result<Option<String>, Box<dyn StdError + Send + Sync>>> + Send + 'a>> {
        Box::pin(async move {
            let (token, _) = self.get().await?;
            Ok(Some(token.expose_secret().to_owned()))
        })
    }
}

impl TokenValidity {
    fn is_valid(&self, now_ms: u64) -> bool {
        match self {
            Self::Always => true,
            Self::ByRealClock(token) => !token.is_expired(),
            Self::Until(end_ms) => now_ms.saturating_add(MARGIN_MS) < *end_ms,
        }
    }
}

impl Inner {
    async fn request_token(&self, grant: &Grant, scope: &str) -> Result<TokenResponse, TokenError> {
        if let Grant::Fixed(token) = grant {
            return Ok(TokenResponse { token: token.expose_secret().to_owned(), validity: TokenValidity::Always });
        }
        match grant {
            Grant::Impersonated { source, url, delegates } => self.impersonate(source, url, delegates, scope).await,
            Grant::Metadata { url } => self.request_from_metadata(url, scope).await,
            _ => self.request_from_yup(grant, scope).await,
        }
    }

    /// Requests a fresh token through yup-oauth2. Caching is done here, where the response is
    /// checked.
    async fn request_from_yup(&self, grant: &Grant, scope: &str) -> Result<TokenResponse, TokenError> {
        let authenticator = self
            .authenticator
            .get_or_try_init(|| self.authenticate(grant))
            .await
            .map_err(|e| TokenError::Unusable(find_root_cause(&e)))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let access_token = authenticator.force_refreshed_token(&[scope]).await.map_err(|e| classify_error(&e))?;
        match access_token.token().map(str::to_owned) {
            Some(token) => Ok(TokenResponse { token, validity: TokenValidity::ByRealClock(access_token) }),
            None => Err(TokenError::Unavailable("the response holds no access token".to_owned())),
        }
    }

    /// Returns whether a plain GET to the token service's address succeeds or is redirected.
    async fn answers_any_request(&self) -> bool {
        let uri = match &self.grant {
            Grant::ServiceAccount(key) => key.token_uri.as_str(),
            Grant::AuthorizedUser(_) => TOKEN_URI,
            _ => return false,
        };
        let Ok(request) = Request::get(uri).body(String::new()) else { return false };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let status = self.client.request(request).await.map(|response| response.status());
        status.is_ok_and(|status| status.is_success() || status.is_redirection() || status.as_u16() == 511)
    }

    async fn authenticate(&self, grant: &Grant) -> std::io::Result<Authenticator<Connector>> {
        let client = CustomHyperClientBuilder::from(self.connector.client());
        match grant {
            Grant::ServiceAccount(key) => {
                yup_oauth2::ServiceAccountAuthenticator::with_client((**key).clone(), client).build().await
            }
            Grant::AuthorizedUser(secret) => {
                yup_oauth2::AuthorizedUserAuthenticator::with_client((**secret).clone(), client).build().await
            }
            Grant::ExternalAccount(secret) => {
                yup_oauth2::ExternalAccountAuthenticator::with_client((**secret).clone(), client).build().await
            }
            _ => Err(std::io::Error::other("these credentials need no authenticator")),
        }
    }

    /// Requests a token of another account, valid for an hour, with IAM's `generateAccessToken`.
    async fn impersonate(
        &self,
        source: &Grant,
        url: &str,
        delegates: &[String],
        scope: &str,
    ) -> Result<TokenResponse, TokenError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct TokenBody {
            access_token: String,
        }
        let source_token = self.request_from_yup(source, IMPERSONATION_SCOPE).await?;
        self.secrets.add(&source_token.token);
        let body = json!({"scope": [scope], "lifetime": "3600s", "delegates": delegates}).to_string();
        let request = Request::post(url)
            .header(AUTHORIZATION, format!("Bearer {}", source_token.token))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let requested_ms = self.clock.monotonic_ms();
        let response: TokenBody = self.exchange(&self.client, request).await?;
        Ok(TokenResponse {
            token: response.access_token,
            validity: TokenValidity::Until(requested_ms.saturating_add(3_600_000)),
        })
    }

    /// Requests a token from the metadata server of a machine on Google's cloud.
    async fn request_from_metadata(&self, url: &str, scope: &str) -> Result<TokenResponse, TokenError> {
        #[derive(Deserialize)]
        struct TokenBody {
            access_token: String,
            expires_in: u64,
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        let request =
            Request::get(format!("{url}{joint}scopes={scope}")).header("Metadata-Flavor", "Google").body(String::new());
        let requested_ms = self.clock.monotonic_ms();
        let response: TokenBody = self.exchange(&self.direct, request).await?;
        let end_ms = requested_ms.saturating_add(response.expires_in.saturating_mul(1_000));
        Ok(TokenResponse { token: response.access_token, validity: TokenValidity::Until(end_ms) })
    }

    async fn exchange<T: serde::de::DeserializeOwned>(
        &self,
        client: &Client<Connector, String>,
        request: Result<Request<String>, hyper::http::Error>,
    ) -> Result<T, TokenError> {
        let request = request.map_err(|e| TokenError::Unusable(find_root_cause(&e)))?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let response = client.request(request).await.map_err(|e| match ProxyError::find_within(&e) {
            Some(error) => TokenError::Proxy(error),
            None => TokenError::Unavailable(format!("{host}: {}", find_root_cause(&e))),
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_RESPONSE).collect().await;
        let body = body.map_err(|e| TokenError::Unavailable(find_root_cause(e.as_ref())))?.to_bytes();
        if status.is_success() {
            let classify_body = |error: serde_json::Error| match error.classify() {
                serde_json::error::Category::Data => {
                    TokenError::Unavailable("the response holds no access token".to_owned())
                }
                _ => TokenError::WebPage,
            };
            return serde_json::from_slice(&body).map_err(classify_body);
        }
        let error_body: Value = match serde_json::from_slice(&body) {
            // A truncated response shows nothing about the account's permissions.
            Err(error) if error.is_eof() => {
                return Err(TokenError::Unavailable(format!("the response is {status}, and its text breaks off")));
            }
            error_body => error_body.unwrap_or_default(),
        };
        let text = error_body
            .pointer("/error/message")
            .or(error_body.get("error"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        Err(match status.as_u16() {
            400 | 401 | 403 | 404 => TokenError::Refused {
                code: status.as_u16().to_string(),
                description: sanitize(text),
                advice: "check that this account may create tokens for the service account (roles/iam.serviceAccountTokenCreator)",
            },
            other => TokenError::Unavailable(format!("the response is {other}")),
        })
    }
}
