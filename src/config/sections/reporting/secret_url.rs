//! Addresses that are secrets: anyone who has one can write to a channel, or report in a job's
//! name.
//!
//! In scope: reading one without ever showing it. Out of scope: what it is for.

use secrecy::ExposeSecret as _;
use url::Url;

use crate::config::problem::ConfigProblem;
use crate::config::syntax::located::Located;
use crate::config::value_reader::ValueReader;

/// Reads an http or https address without a user; `what` is its key in the job file. Problems are
/// added without their place in the file, so that the line with the secret is not shown.
pub(crate) fn read_secret_url(
    reader: &mut ValueReader<'_>,
    at: &Located<String>,
    what: &str,
    help: &str,
) -> Option<Url> {
    let text = reader.read_secret_text(at)?;
    match parse_web_address(text.expose_secret()) {
        Ok(url) => Some(url),
        Err(AddressFlaw::NoAddress) => {
            reader.add_problem(ConfigProblem::new(format!("`{what}` is not an http or https address")).help(help));
            None
        }
        Err(AddressFlaw::HasUser) => {
            let problem = ConfigProblem::new(format!("`{what}` holds a user or a password, and neither is sent"));
            reader.add_problem(problem.help("use an address whose path is the secret"));
            None
        }
    }
}

/// What is wrong with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressFlaw {
    /// It is not an http or https address.
    NoAddress,
    /// It holds a user or a password.
    HasUser,
}

/// Reads an http or https address.
pub(crate) fn parse_web_address(text: &str) -> Result<Url, AddressFlaw> {
    let has_host = |url: &Url| url.host_str().is_some_and(|host| !host.is_empty());
    let url = Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && has_host(url));
    let url = url.ok_or(AddressFlaw::NoAddress)?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if is_plain { Ok(url) } else { Err(AddressFlaw::HasUser) }
}

/// Returns whether an address is http to another machine: everybody on the way can read it.
pub(crate) fn is_readable_on_the_way(url: &Url) -> bool {
    let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.scheme() == "http" && !is_loopback
}
