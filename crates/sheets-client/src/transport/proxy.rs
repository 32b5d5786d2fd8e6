//! Proxies: which proxy a call uses.
//!
//! In scope: parsing a proxy's address, and which addresses are reached without a proxy. Out of
//! scope: reading the environment (`config::sections::proxies`), the exchange with a proxy
//! (`sheets_client::transport::tunnel`, `sheets_client::transport::forward_proxy`), its errors
//! (`sheets_client::errors::proxy_error`).
//!
//! Link-local addresses and Google's metadata server are never reached through a proxy, whatever is
//! configured. Neither are loopback addresses if the proxy is on another machine: that proxy would
//! connect to itself, and these calls are not encrypted.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::errors::proxy_error::{ProxyError, ProxyErrorKind};

/// Host names of Google's metadata server.
const METADATA: [&str; 2] = ["metadata.google.internal", "metadata"];

/// Maximum length of a host name, in characters (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// A proxy that an environment variable sets. `Debug` and `Display` show no password.
#[derive(Clone)]
pub struct Proxy {
    intercept: Arc<Intercept>,
    variable: Arc<str>,
}

/// Why a value is not a proxy's address. The value is never shown, because it may contain a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyAddressError {
    /// It is not a URL.
    #[error("is not the address of a proxy")]
    Unreadable,
    /// It is a kind of proxy that this program does not support.
    #[error("names a SOCKS proxy; proxies are spoken to by http or https only")]
    Socks,
}

impl Proxy {
    /// Parses `value`, such as `http://user:password@proxy.example:3128`; without a scheme it is
    /// http.
    pub fn parse(variable: &str, value: &str) -> Result<Self, ProxyAddressError> {
        let any = Uri::from_static("https://host.example/");
        let found = Matcher::builder().all(value.trim().to_owned()).build().intercept(&any);
        let intercept = found.ok_or(ProxyAddressError::Unreadable)?;
        match intercept.uri().scheme_str() {
            Some("http" | "https") => {}
            _ => return Err(ProxyAddressError::Socks),
        }
        // After an unescaped @ in a password, part of the password is left in the host. A key that
        // was given by mistake is not a host.
        let authority = intercept.uri().authority().map(ToString::to_string).unwrap_or_default();
        let rest = value.trim().rsplit('@').next().unwrap_or_default();
        let rest = rest.split_once("://").map_or(rest, |(_, rest)| rest);
        let host = intercept.uri().host().unwrap_or_default();
        let host_part = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        let is_port = intercept.uri().port().is_none_or(|port| port.as_str().parse::<u16>().is_ok());
        let is_host = is_port
            && !value.contains(['#', '?'])
            && !host.is_empty()
            && host.len() <= MAX_HOST
            && host.chars().all(host_part);
        if !is_host || authority.contains('@') || rest.trim_end_matches('/').len() > authority.len() {
            return Err(ProxyAddressError::Unreadable);
        }
        Ok(Self { intercept: Arc::new(intercept), variable: variable.into() })
    }

    /// Returns the address without user and password.
    pub fn address(&self) -> String {
        self.intercept.uri().to_string().trim_end_matches('/').to_owned()
    }

    /// Returns the environment variable that sets it.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Returns whether a user and a password are sent.
    pub fn has_credentials(&self) -> bool {
        self.intercept.basic_auth().is_some()
    }

    pub(crate) fn uri(&self) -> &Uri {
        self.intercept.uri()
    }

    /// Returns the value of `Proxy-Authorization`.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.intercept.basic_auth()
    }

    pub(crate) fn error(&self, kind: ProxyErrorKind) -> ProxyError {
        ProxyError::new(self.to_string(), self.variable.to_string(), kind)
    }
}

impl fmt::Display for Proxy {
    /// Writes, for example, `http://proxy.example:3128 of HTTPS_PROXY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.address(), self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The proxies of this process; none by default.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    without: Option<ProxyBypass>,
}

/// The addresses that are reached without a proxy.
#[derive(Clone)]
struct ProxyBypass {
    variable: String,
    /// Whether the list contains `*`.
    has_wildcard: bool,
    matcher: Arc<Matcher>,
}

/// The route to an address.
#[derive(Debug)]
pub enum ProxyRoute<'a> {
    /// Direct: no proxy is set.
    Direct,
    /// Through this proxy.
    Via(&'a Proxy),
    /// Direct although this proxy is set, for this reason.
    Bypassed(&'a Proxy, String),
}

impl Proxies {
    /// Creates the proxies of both schemes, with the variable and list of exceptions.
    pub fn new(https: Option<Proxy>, http: Option<Proxy>, without: Option<(&str, &str)>) -> Self {
        let without = without.map(|(variable, list)| {
            let matcher = Matcher::builder().all("http://any.example").no(normalize_list(list)).build();
            let all = list.split([',', ' ']).any(|entry| entry.trim() == "*");
            ProxyBypass { variable: variable.to_owned(), has_wildcard: all, matcher: Arc::new(matcher) }
        });
        Self { https, http, without }
    }

    /// Returns the route to `uri`.
    pub fn route(&self, uri: &Uri) -> ProxyRoute<'_> {
        let proxy = match uri.scheme_str() {
            Some("https") => self.https.as_ref(),
            Some("http") => self.http.as_ref(),
            _ => None,
        };
        let Some(proxy) = proxy else { return ProxyRoute::Direct };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if let Some(without) = &self.without
            && (without.has_wildcard || without.matcher.intercept(uri).is_none())
        {
            return ProxyRoute::Bypassed(proxy, format!("{} lists {host}", without.variable));
        }
        if is_local_link(host) {
            return ProxyRoute::Bypassed(proxy, format!("{host} belongs to this machine's own network"));
        }
        let of_proxy = proxy.uri().host().unwrap_or_default().trim_matches(['[', ']']);
        if is_loopback(host) && !is_loopback(of_proxy) {
            return ProxyRoute::Bypassed(proxy, format!("{host} is this machine, and the proxy is another one"));
        }
        ProxyRoute::Via(proxy)
    }

    /// Returns the proxy for calls to `url`, if there is one.
    pub fn proxy_for(&self, url: &str) -> Option<&Proxy> {
        match self.route(&url.parse().ok()?) {
            ProxyRoute::Via(proxy) => Some(proxy),
            _ => None,
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without = self.without.as_ref().map(|without| &without.variable);
        f.debug_struct("Proxies")
            .field("https", &self.https)
            .field("http", &self.http)
            .field("without", &without)
            .finish()
    }
}

/// Normalises the list for the matcher: commas between entries, and a leading dot instead of `*.`.
fn normalize_list(list: &str) -> String {
    let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry))
        .collect::<Vec<_>>()
        .join(",")
}

fn is_loopback(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_local_link(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local(),
        Err(_) => METADATA.iter().any(|name| host.eq_ignore_ascii_case(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn proxies(proxy: &str, without: &str) -> Proxies {
        let proxy = |variable| Proxy::parse(variable, proxy).ok();
        Proxies::new(proxy("HTTPS_PROXY"), proxy("HTTP_PROXY"), Some(("NO_PROXY", without)))
    }

    fn goes_through(proxies: &Proxies, url: &str) -> bool {
        proxies.proxy_for(url).is_some()
    }

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        for (value, address) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("https://me:hunter2@proxy.example:8443/", "https://proxy.example:8443"),
            ("http://me:hunt%40er2@10.0.0.1:1", "http://10.0.0.1:1"),
        ] {
            let proxy = Proxy::parse("HTTPS_PROXY", value).expect("an address");
            assert_eq!(proxy.address(), address);
            assert!(!format!("{proxy:?} {proxy}").contains("hunt"));
        }
        for value in [
            "",
            "http://",
            "a proxy",
            "http://me:hunt@er2@proxy:1",
            "http://me:hunt#er2@proxy:1",
            "ftp://x:1",
            "proxy:1/path",
            "MIIEvQ+x",
            "MIIEvQ/x",
        ] {
            assert_eq!(Proxy::parse("P", value).map(|p| p.address()), Err(ProxyAddressError::Unreadable), "{value}");
        }
        for value in ["socks5://127.0.0.1:1080", "socks5h://x", "socks4a://x:1"] {
            assert_eq!(Proxy::parse("P", value).map(|p| p.address()), Err(ProxyAddressError::Socks), "{value}");
        }
    }

    #[test]
    fn what_is_listed_is_reached_without_the_proxy() {
        let url = "https://sheets.googleapis.com/";
        for list in [
            "googleapis.com",
            ".googleapis.com",
            "*.googleapis.com",
            "x, sheets.googleapis.com",
            "a b googleapis.com",
            "*",
        ] {
            assert!(!goes_through(&proxies("proxy:1", list), url), "{list}");
        }
        for list in ["", "apis.com", "oauth2.googleapis.com", "10.0.0.0/8", "xgoogleapis.com"] {
            assert!(goes_through(&proxies("proxy:1", list), url), "{list}");
        }
        assert!(!goes_through(&proxies("127.0.0.1:1", "x, *"), "http://127.0.0.1:80/"));
        assert!(!goes_through(&proxies("127.0.0.1:1", "127.0.0.0/8"), "http://127.0.0.1:80/"));
        let with_list = proxies("proxy:1", "googleapis.com");
        let ProxyRoute::Bypassed(proxy, why) = with_list.route(&Uri::from_static("https://sheets.googleapis.com/"))
        else {
            panic!()
        };
        assert_eq!((proxy.variable(), why.as_str()), ("HTTPS_PROXY", "NO_PROXY lists sheets.googleapis.com"));
    }

    #[test]
    fn this_machine_and_metadata_use_no_foreign_proxy() {
        let (is_near, far) = (proxies("localhost:3128", ""), proxies("proxy.example:3128", ""));
        for url in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:1/", "https://x.localhost/"] {
            assert!(goes_through(&is_near, url) && !goes_through(&far, url), "{url}");
        }
        for url in ["http://metadata.google.internal/x", "http://169.254.169.254/", "http://[fe80::1]/"] {
            assert!(!goes_through(&is_near, url) && !goes_through(&far, url), "{url}");
        }
        assert!(
            goes_through(&far, "https://sheets.googleapis.com/") && !goes_through(&Proxies::default(), "https://a.b/")
        );
    }

    #[test]
    fn an_error_is_found_in_a_chain_and_inside_an_io_error() {
        let proxy = Proxy::parse("HTTPS_PROXY", "http://me:hunter2@proxy:1").expect("an address");
        let error = proxy.error(ProxyErrorKind::Unauthorised { has_credentials: true, status: 407 });
        assert_eq!(ProxyError::find_within(&io::Error::other(error.clone())), Some(error.clone()));
        assert_eq!(ProxyError::find_within(&error), Some(error.clone()));
        assert_eq!(ProxyError::find_within(&io::Error::other("x")), None);
        let message = error.to_string();
        assert!(
            message.contains("http://proxy:1 of HTTPS_PROXY")
                && message.contains("407")
                && !message.contains("hunter2"),
            "{message}"
        );
    }
}
