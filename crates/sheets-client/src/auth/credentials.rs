//! Credentials: finds and parses the account's credentials.
//!
//! In scope: the places to search, the kinds of credentials, repairing copies that were damaged.
//! Out of scope: tokens (`sheets_client::auth::tokens`), and reading the environment (`config`
//! passes the values in).

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use yup_oauth2::ServiceAccountKey;
use yup_oauth2::authorized_user::AuthorizedUserSecret;
use yup_oauth2::external_account::ExternalAccountSecret;

use crate::auth::key_normalize::{base64, unescape_line_ends, with_escaped_controls, without_quotes};
use crate::types::address::is_protected;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::redact::{is_no_path, redacted};

/// Maximum size of a credentials file, in bytes.
const MAX_FILE: u64 = 1_048_576;

/// Token URL of a service account whose file contains none.
pub(crate) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// The places to search, in this order. All are optional; a machine on Google's cloud needs none.
#[derive(Debug, Clone, Default)]
pub struct CredentialSource {
    /// A file: the value of `GOOGLE_APPLICATION_CREDENTIALS`.
    pub path: Option<PathBuf>,
    /// The JSON itself, plain or base64: the value of `SHEETKEEP_CREDENTIALS_JSON`.
    pub inline: Option<SecretString>,
    /// gcloud's `application_default_credentials.json`; read only if it exists.
    pub well_known: Option<PathBuf>,
    /// The metadata server's token URL; `None` outside Google's cloud.
    pub metadata_url: Option<String>,
}

/// Why no credentials were found. `place` is where they were expected, never their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// No place is set.
    #[error(
        "find credentials: set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account's key file, or \
         SHEETKEEP_CREDENTIALS_JSON to its content, or run: gcloud auth application-default login"
    )]
    NotConfigured,
    /// Two places are set.
    #[error(
        "choose credentials: GOOGLE_APPLICATION_CREDENTIALS and SHEETKEEP_CREDENTIALS_JSON are both set but are exclusive; unset one"
    )]
    Ambiguous,
    /// The file can't be read.
    #[error("read credentials from {place}: {why}")]
    Unreadable {
        /// The file or the environment variable that they were read from.
        place: String,
        /// The I/O error.
        why: String,
    },
    /// The content is not valid credentials.
    #[error("use the credentials from {place}: {why}")]
    Unusable {
        /// The file or the environment variable that they were read from.
        place: String,
        /// What is wrong and what to do.
        why: String,
    },
}

impl CredentialsError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        Fault::Denied
    }
}

/// Credentials of one of Google's kinds. `Debug` shows the kind and the account, nothing else.
#[derive(Clone)]
pub struct Credentials {
    grant: Grant,
}

/// What a token is requested with.
#[derive(Clone)]
pub(crate) enum Grant {
    /// A token that already exists.
    Fixed(SecretString),
    /// A service account's own key.
    ServiceAccount(Box<ServiceAccountKey>),
    /// A user's login.
    AuthorizedUser(Box<AuthorizedUserSecret>),
    /// An identity of another cloud.
    ExternalAccount(Box<ExternalAccountSecret>),
    /// A service account that another grant may impersonate.
    Impersonated {
        /// The grant that impersonates.
        source: Box<Grant>,
        /// The URL that issues the token.
        url: String,
        /// Accounts in the delegation chain.
        delegates: Vec<String>,
    },
    /// The machine's own account, on Google's cloud.
    Metadata {
        /// The URL that issues the token.
        url: String,
    },
}

impl Credentials {
    /// Searches the places of `source` in order and returns the first credentials. Reads files,
    /// sends nothing.
    pub fn find(source: &CredentialSource) -> Result<Self, CredentialsError> {
        match (&source.path, &source.inline) {
            (Some(_), Some(_)) => Err(CredentialsError::Ambiguous),
            (Some(path), None) => Self::from_file(path, "GOOGLE_APPLICATION_CREDENTIALS"),
            (None, Some(inline)) => Self::from_inline(inline.expose_secret()),
            (None, None) => match (&source.well_known, &source.metadata_url) {
                (Some(path), _) if path.exists() => Self::from_file(path, "gcloud's login"),
                (_, Some(url)) => metadata(url),
                _ => Err(CredentialsError::NotConfigured),
            },
        }
    }

    /// Returns credentials from an existing token, for the embedded sheet. The token must be
    /// printable ASCII.
    pub fn from_token(token: &str) -> Result<Self, CredentialsError> {
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(unusable("a fixed token", "it is empty or holds characters that no header takes"));
        }
        Ok(Self { grant: Grant::Fixed(SecretString::from(token)) })
    }

    /// Parses the JSON of any kind and repairs it if necessary. Errors name `place`.
    pub fn parse(json: &str, place: &str) -> Result<Self, CredentialsError> {
        let value: Value =
            serde_json::from_str(json).or_else(|_| serde_json::from_str(&with_escaped_controls(json))).map_err(
                |e| unusable(place, format!("it is not valid JSON (line {}, column {})", e.line(), e.column())),
            )?;
        Ok(Self { grant: grant(value, place)? })
    }

    /// Returns the account to share a spreadsheet with, if the credentials contain it.
    pub fn client_email(&self) -> Option<&str> {
        match &self.grant {
            Grant::ServiceAccount(key) => Some(&key.client_email),
            Grant::Impersonated { url, .. } => impersonated_email(url),
            Grant::ExternalAccount(secret) => {
                secret.service_account_impersonation_url.as_deref().and_then(impersonated_email)
            }
            _ => None,
        }
    }

    /// Returns the kind, as Google's files name it.
    pub fn kind(&self) -> &'static str {
        match self.grant {
            Grant::Fixed(_) => "fixed token",
            Grant::ServiceAccount(_) => "service_account",
            Grant::AuthorizedUser(_) => "authorized_user",
            Grant::ExternalAccount(_) => "external_account",
            Grant::Impersonated { .. } => "impersonated_service_account",
            Grant::Metadata { .. } => "metadata server",
        }
    }

    pub(crate) fn into_grant(self) -> Grant {
        self.grant
    }

    fn from_file(path: &Path, name: &str) -> Result<Self, CredentialsError> {
        let shown = path.to_string_lossy();
        if is_no_path(&shown) && !path.exists() {
            let why = "it holds JSON or a key but wants a path; put the JSON into SHEETKEEP_CREDENTIALS_JSON";
            return Err(unusable(name, why));
        }
        let place = format!("{shown} ({name})");
        let unreadable = |e: std::io::Error| CredentialsError::Unreadable { place: place.clone(), why: e.to_string() };
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > MAX_FILE {
            return Err(unusable(&place, format!("it has {size} bytes; a key file has a few thousand")));
        }
        Self::parse(std::fs::read_to_string(path).map_err(unreadable)?.trim_start_matches('\u{feff}'), &place)
    }

    fn from_inline(text: &str) -> Result<Self, CredentialsError> {
        let place = "SHEETKEEP_CREDENTIALS_JSON";
        let text = without_quotes(text.trim());
        if text.starts_with('{') {
            return Self::parse(text, place);
        }
        let decoded = base64(text).and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded {
            Some(json) => Self::parse(&json, place),
            None => Err(unusable(
                place,
                "it is neither JSON nor base64 of JSON; the path of a file belongs in GOOGLE_APPLICATION_CREDENTIALS",
            )),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("kind", &self.kind())
            .field("client_email", &self.client_email())
            .finish_non_exhaustive()
    }
}

/// Parses a credentials file of any kind.
fn grant(mut value: Value, place: &str) -> Result<Grant, CredentialsError> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "service_account" => service_account(value, place),
        "authorized_user" => Ok(Grant::AuthorizedUser(Box::new(fields(value, place)?))),
        "external_account" => {
            set_default_format(&mut value);
            let secret: ExternalAccountSecret = fields(value, place).map_err(|e| external(e, place))?;
            let urls = [Some(&secret.token_url), secret.service_account_impersonation_url.as_ref()];
            urls.into_iter().flatten().try_for_each(|url| ensure_protected(url, place))?;
            Ok(Grant::ExternalAccount(Box::new(secret)))
        }
        "impersonated_service_account" => impersonated(value, place),
        "" if value.get("installed").or(value.get("web")).is_some() => Err(unusable(
            place,
            "it is an OAuth client, not a key; create a service account, and a JSON key for it, in the Google Cloud console",
        )),
        "" => {
            Err(unusable(place, "it has no `type`; a service account's key file has `\"type\": \"service_account\"`"))
        }
        other => Err(unusable(
            place,
            format!(
                "credentials of type {:?} aren't supported; supported are service_account, authorized_user, \
                 impersonated_service_account and external_account",
                redacted(other).chars().take(60).collect::<String>()
            ),
        )),
    }
}

fn service_account(mut value: Value, place: &str) -> Result<Grant, CredentialsError> {
    if let Some(object) = value.as_object_mut() {
        object.entry("token_uri").or_insert_with(|| TOKEN_URI.into());
    }
    let mut key: ServiceAccountKey = fields(value, place)?;
    ensure_protected(&key.token_uri, place)?;
    key.private_key = unescape_line_ends(&key.private_key);
    if !can_sign(&key.private_key) {
        return Err(unusable(place, "its private_key is not an RSA key in PEM form; download the key file again"));
    }
    Ok(Grant::ServiceAccount(Box::new(key)))
}

fn impersonated(value: Value, place: &str) -> Result<Grant, CredentialsError> {
    #[derive(Deserialize)]
    struct File {
        service_account_impersonation_url: String,
        source_credentials: Value,
        #[serde(default)]
        delegates: Vec<String>,
    }
    let file: File = fields(value, place)?;
    ensure_protected(&file.service_account_impersonation_url, place)?;
    let source = grant(file.source_credentials, place)?;
    if !matches!(source, Grant::AuthorizedUser(_) | Grant::ServiceAccount(_)) {
        return Err(unusable(place, "its source_credentials are neither authorized_user nor service_account"));
    }
    let url = file.service_account_impersonation_url;
    Ok(Grant::Impersonated { source: Box::new(source), url, delegates: file.delegates })
}

fn metadata(url: &str) -> Result<Credentials, CredentialsError> {
    match Url::parse(url) {
        Ok(_) => Ok(Credentials { grant: Grant::Metadata { url: url.to_owned() } }),
        Err(_) => Err(unusable("the metadata server", "its URL can't be read")),
    }
}

/// Reads the fields of a file. The error names a field and never a value.
fn fields<T: serde::de::DeserializeOwned>(value: Value, place: &str) -> Result<T, CredentialsError> {
    serde_json::from_value(value).map_err(|e| {
        let description = e.to_string();
        let missing = description.strip_prefix("missing field ").map(|f| format!("it has no field {f}"));
        unusable(place, missing.unwrap_or_else(|| "a field of it has the wrong type".to_owned()))
    })
}

fn external(error: CredentialsError, place: &str) -> CredentialsError {
    match error {
        CredentialsError::Unusable { why, .. } if why.contains("wrong type") => unusable(
            place,
            "its credential_source is neither a file nor a url; AWS and executable sources aren't supported",
        ),
        other => other,
    }
}

/// Sets the format of a URL source to text if the file names none: the token crate requires it.
fn set_default_format(value: &mut Value) {
    if let Some(source) = value.get_mut("credential_source").and_then(Value::as_object_mut)
        && source.contains_key("url")
    {
        source.entry("format").or_insert_with(|| serde_json::json!({"type": "text"}));
    }
}

fn ensure_protected(url: &str, place: &str) -> Result<(), CredentialsError> {
    match Url::parse(url) {
        Ok(parsed) if is_protected(&parsed) => Ok(()),
        _ => Err(unusable(place, "a URL in it isn't https, so a secret could be read on its way")),
    }
}

/// Extracts the account from
/// `…/serviceAccounts/NAME@PROJECT.iam.gserviceaccount.com:generateAccessToken`.
fn impersonated_email(url: &str) -> Option<&str> {
    let (_, after) = url.rsplit_once("/serviceAccounts/")?;
    after.split_once(':').map(|(email, _)| email).filter(|email| email.contains('@'))
}

fn unusable(place: &str, why: impl Into<String>) -> CredentialsError {
    CredentialsError::Unusable { place: place.to_owned(), why: why.into() }
}

/// Returns whether the key can create the signature that the token service requires. Only RSA keys
/// can.
fn can_sign(pem: &str) -> bool {
    let body = |name: &str| {
        let after = pem.split_once(&format!("-----BEGIN {name}-----"))?.1;
        base64(after.split_once(&format!("-----END {name}-----"))?.0)
    };
    match (body("PRIVATE KEY"), body("RSA PRIVATE KEY")) {
        (Some(pkcs8), _) => ring::signature::RsaKeyPair::from_pkcs8(&pkcs8).is_ok(),
        (None, Some(pkcs1)) => ring::signature::RsaKeyPair::from_der(&pkcs1).is_ok(),
        (None, None) => false,
    }
}
