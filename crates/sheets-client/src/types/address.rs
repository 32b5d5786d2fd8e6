//! Addresses of calls: the spreadsheet id and the API root.
//!
//! In scope: validating both before anything is sent. Out of scope: connecting
//! (`sheets_client::transport::connect`).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use sheetkeep_base::fault::Fault;
use sheetkeep_base::redact;

/// Root of Google's service.
const GOOGLE: &str = "https://sheets.googleapis.com/";

/// The user agent sent to services and proxies.
pub(crate) const AGENT: &str = concat!("sheetkeep/", env!("CARGO_PKG_VERSION"));

/// Maximum length of an id; Google's have 44 characters.
const MAX_ID: usize = 128;

/// How many characters of an invalid id an error shows.
const MAX_SHOWN: usize = 16;

/// Why an address is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The id is empty or too long, or contains a character that would change the path of a call.
    #[error(
        "use {0:?} as a spreadsheet id: it is the part of the spreadsheet's address between /d/ and the next slash; letters, digits, - and _ only"
    )]
    Id(String),
    /// The API root is not a usable URL.
    #[error("use {url:?} as the root of the Sheets API: {why}")]
    Root {
        /// The given URL, without user and password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl AddressError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        Fault::Denied
    }
}

/// A validated spreadsheet id: the client packages insert it into the path unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpreadsheetId(String);

impl SpreadsheetId {
    /// Accepts 1 to 128 characters of `A-Z a-z 0-9 - _`; any other character could reach another
    /// path.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > MAX_ID || !text.bytes().all(plain) {
            return Err(AddressError::Id(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SpreadsheetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The root of a Sheets API. It always ends with a slash: without it the hub panics on the first
/// call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRoot(String);

impl ApiRoot {
    /// Accepts an https URL, or an http URL whose host is a loopback address, without query and
    /// user.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |why| AddressError::Root { url: without_user(text), why };
        let url = Url::parse(text.trim()).map_err(|_| refuse("it's no URL; an example is http://127.0.0.1:8080/"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it holds a query or a fragment"));
        }
        if !is_protected(&url) {
            return Err(refuse("it isn't https; plain http is only for loopback addresses such as 127.0.0.1"));
        }
        let mut root = url.to_string();
        if !root.ends_with('/') {
            root.push('/');
        }
        Ok(Self(root))
    }

    /// Returns whether it is the root of Google's service.
    pub(crate) fn is_google(&self) -> bool {
        self.0 == GOOGLE
    }

    /// Returns the root, ending in a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ApiRoot {
    fn default() -> Self {
        Self(GOOGLE.to_owned())
    }
}

/// Returns whether a token may be sent there: https, or this machine itself.
pub fn is_protected(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Ipv4(ip))) => IpAddr::V4(ip).is_loopback(),
        ("http", Some(Host::Ipv6(ip))) => IpAddr::V6(ip).is_loopback(),
        ("http", Some(Host::Domain(name))) => name == "localhost",
        _ => false,
    }
}

/// Shortens a text so that the user recognises it, but shows no token or key that was given in
/// place of an id.
fn shown(text: &str) -> String {
    if redact::may_hold_secret(text) || redact::is_key(text) {
        return redact::HIDDEN.to_owned();
    }
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Removes the user before the host, and the query and fragment, which may contain a key.
fn without_user(text: &str) -> String {
    let (user, rest) = text.rsplit_once('@').map_or(("", text), |(_, host)| ("…@", host));
    let plain = rest.split_once(['?', '#']).map_or(rest, |(before, _)| before);
    format!("{user}{plain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_would_change_the_path_is_refused() {
        assert!(SpreadsheetId::parse("1AbC-d_9").is_ok());
        for bad in ["", "book?x=1", "book/values/..", "../../x", "a b", "a%2Fb", "ä", &"x".repeat(129)] {
            assert!(SpreadsheetId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_root_always_ends_in_a_slash() {
        let root = |text| ApiRoot::parse(text).map(|r| r.as_str().to_owned());
        assert_eq!(root("http://127.0.0.1:8080"), Ok("http://127.0.0.1:8080/".to_owned()));
        assert_eq!(root("https://gateway.example/sheets"), Ok("https://gateway.example/sheets/".to_owned()));
        assert_eq!(ApiRoot::default().as_str(), "https://sheets.googleapis.com/");
    }

    #[test]
    fn plain_http_is_only_for_this_machine() {
        for good in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/", "http://127.9.9.9/"] {
            assert!(ApiRoot::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://example.com/", "http://127.0.0.1.example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/", "x"]
        {
            assert!(ApiRoot::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_in_an_address_is_refused_and_not_repeated() {
        for secret in ["https://me:hunter2@example.com/", "https://example.com/?key=hunter2", "https://me:a?hunter2@x/"]
        {
            let message = ApiRoot::parse(secret).expect_err("it is refused").to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
        let token = format!("ya29.{}", "hunter2".repeat(30));
        let message = SpreadsheetId::parse(&token).expect_err("no id").to_string();
        assert!(!message.contains("ya29.") && !message.contains("hunter2"), "{message}");
    }
}
