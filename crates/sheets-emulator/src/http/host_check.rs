//! Rejects calls from web pages of other sites.
//!
//! In scope: `Host`, `Origin`, `Sec-Fetch-Site`, and the refusals.
//! Out of scope: tokens (`auth`), connection limits (`connection_slots`).
//!
//! A browser lets any page send some calls to any address. It lets the page read the responses if
//! the page's own name resolves to that address ("DNS rebinding"). Three headers identify such
//! calls: `Host` has the page's name, `Origin` is the page, and `Sec-Fetch-Site` is the relation of
//! the two. No response has headers that allow another site to read it.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{ORIGIN, REFERER};
use hyper::http::uri::Authority;

use crate::error::ApiError;

/// Suffixes of names that cannot be registered publicly.
const PRIVATE_SUFFIXES: [&str; 3] = [".internal", ".local", ".test"];

/// The rules for calls over one socket.
#[derive(Debug, Clone)]
pub(crate) struct HostCheck {
    /// The local address of the connection.
    pub address: IpAddr,
    /// Whether other machines are served too.
    pub is_open: bool,
    /// Further names of this server, as configured.
    pub hosts: Arc<[String]>,
}

impl HostCheck {
    /// Rejects a call that may come from a page of another site. `host` is the call's own `Host`.
    pub(crate) fn check(&self, path: &str, host: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        if !host.is_empty() && !self.is_own_host(host) {
            return Err(ApiError::forbidden(format!(
                "This emulator does not answer for the host \"{host}\". Call it by its address, or start it with --allow-host {}.",
                parse_host_name(host).unwrap_or_else(|| host.to_owned())
            )));
        }
        let text = |name| headers.get(name).map(|value: &hyper::header::HeaderValue| value.to_str().unwrap_or("?"));
        let is_control = path.starts_with("/_emulator");
        let page = text(ORIGIN).or_else(|| text(REFERER).filter(|_| is_control));
        if let Some(page) = page
            && !is_origin_of(page, host)
            && (is_control || !is_local_origin(page))
        {
            let what = if is_control { "/_emulator" } else { "the API" };
            return Err(ApiError::forbidden(format!("A page of {page} may not call {what} of this emulator.")));
        }
        let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
        if is_control && site.is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(ApiError::forbidden("A page of another site may not call /_emulator of this emulator."));
        }
        Ok(())
    }

    fn is_own_host(&self, host: &str) -> bool {
        let Some(name) = parse_host_name(host) else { return false };
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.is_open || address.to_canonical().is_loopback() || address == self.address;
        }
        let is_private = !name.contains('.') || PRIVATE_SUFFIXES.iter().any(|end| name.ends_with(end));
        is_localhost(&name)
            || (self.is_open && is_private)
            || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(&name))
    }
}

/// Returns the name or address in `name:port`, in lower case, without brackets and a final dot.
fn parse_host_name(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let port = authority.as_str().strip_prefix(authority.host())?;
    if !port.is_empty() && authority.port_u16().is_none() {
        return None;
    }
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    Some(name.to_ascii_lowercase()).filter(|name| !name.is_empty())
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Returns the part of a page's URL between the scheme and the path.
fn find_authority(page: &str) -> Option<&str> {
    let rest = page.strip_prefix("http://").or_else(|| page.strip_prefix("https://"))?;
    rest.split(['/', '?', '#']).next()
}

/// Returns whether a page has the server's own origin.
fn is_origin_of(page: &str, host: &str) -> bool {
    !host.is_empty() && find_authority(page).is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// Returns whether a page comes from this machine: a program under test, behind its own server.
fn is_local_origin(page: &str) -> bool {
    find_authority(page).and_then(parse_host_name).is_some_and(|name| {
        is_localhost(&name) || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_check(is_open: bool) -> HostCheck {
        HostCheck {
            address: "192.0.2.7".parse().unwrap(),
            is_open,
            hosts: Arc::from(["sheets.example.com".to_owned()]),
        }
    }

    fn check(host_check: &HostCheck, path: &str, host: &str, headers: &[(&'static str, &str)]) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        host_check.check(path, host, &map).map_err(|error| error.message)
    }

    #[test]
    fn a_name_that_another_may_own_is_not_answered() {
        for host in [
            "localhost:80",
            "127.0.0.1:8080",
            "[::1]:8080",
            "LOCALHOST.",
            "app.localhost",
            "192.0.2.7:1",
            "Sheets.Example.com",
            "",
        ] {
            assert_eq!(check(&host_check(false), "/_emulator/stats", host, &[]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.0.2.8",
            "emulator:80",
            "a@localhost",
            "x y",
        ] {
            for path in ["/_emulator/hands", "/v4/spreadsheets/s", "/token"] {
                let got = check(&host_check(false), path, host, &[]).unwrap_err();
                assert!(got.contains("--allow-host"), "{host}: {got}");
            }
        }
    }

    #[test]
    fn a_server_for_other_machines_accepts_private_names() {
        for host in
            ["192.0.2.8:80", "emulator:8080", "host.docker.internal:80", "sheets.tests.svc.cluster.local", "localhost"]
        {
            assert_eq!(check(&host_check(true), "/v4/spreadsheets/s", host, &[]), Ok(()), "{host}");
        }
        assert!(check(&host_check(true), "/v4/spreadsheets/s", "evil.example", &[]).is_err());
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_programs_are_not() {
        let (here, control, api) = ("127.0.0.1:8080", "/_emulator/hands", "/v4/spreadsheets/s:batchUpdate");
        for headers in [
            vec![("origin", "https://evil.example")],
            vec![("origin", "null")],
            vec![("origin", "http://127.0.0.1:8080.evil.example")],
            vec![("origin", "http://127.0.0.1:8080@evil.example")],
            vec![("origin", "file://127.0.0.1:8080")],
            vec![("origin", "http://localhost.evil.example"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(check(&host_check(false), control, here, &headers).is_err(), "{headers:?}");
            assert!(check(&host_check(false), api, here, &headers).is_err(), "{headers:?}");
        }
        for headers in [
            vec![("origin", "http://localhost:3000")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("referer", "https://evil.example/page")],
        ] {
            assert!(check(&host_check(false), control, here, &headers).is_err(), "{headers:?}");
            assert_eq!(check(&host_check(false), api, here, &headers), Ok(()), "{headers:?}");
        }
        for headers in [
            vec![],
            vec![("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")],
            vec![("sec-fetch-site", "none")],
            vec![("referer", "http://127.0.0.1:8080/_emulator/stats")],
        ] {
            assert_eq!(check(&host_check(false), control, here, &headers), Ok(()), "{headers:?}");
        }
    }
}
