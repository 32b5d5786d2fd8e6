//! Proxies from the environment.
//!
//! In scope: which variable counts, as in curl: lower case before upper case, the scheme's own
//! before `ALL_PROXY`. Out of scope: which addresses are reached without a proxy
//! (`sheets_client::transport::proxy`).

use crate::config::problem::ConfigProblem;
use crate::config::value_reader::ValueReader;
use crate::sheets_client::transport::proxy::{Proxies, Proxy};

/// This variable is set in a CGI program. In one, `HTTP_PROXY` is a header of the request:
/// <https://httpoxy.org>.
const CGI_VARIABLE: &str = "REQUEST_METHOD";

/// Reads the proxies of the environment; adds a problem for each invalid value.
pub(crate) fn read_proxies(reader: &mut ValueReader<'_>) -> Proxies {
    let environment = reader.environment;
    let of_http: &[&str] = match environment.find(CGI_VARIABLE) {
        Some(found) if !found.is_in_file => &["http_proxy"],
        _ => &["http_proxy", "HTTP_PROXY"],
    };
    let https = read_proxy(reader, &["https_proxy", "HTTPS_PROXY"]);
    let http = read_proxy(reader, of_http);
    let without = environment.find_first(&["no_proxy", "NO_PROXY"]).map(|(name, found)| (name, found.value));
    Proxies::new(https, http, without)
}

fn read_proxy(reader: &mut ValueReader<'_>, names: &[&str]) -> Option<Proxy> {
    let environment = reader.environment;
    let (name, found) =
        environment.find_first(names).or_else(|| environment.find_first(&["all_proxy", "ALL_PROXY"]))?;
    match Proxy::parse(name, found.value) {
        Ok(proxy) => Some(proxy),
        Err(why) => {
            let message = format!("{name} {why}");
            if reader.problems.iter().all(|problem| problem.message != message) {
                reader.add_problem(ConfigProblem::new(message).help(format!(
                    "write it as http://proxy.example:3128, or http://USER:PASSWORD@proxy.example:3128 with special characters as %40 \
                     and the like; it is set in {} and not shown, for it may hold a password",
                    environment.describe_place(found.is_in_file)
                )));
            }
            None
        }
    }
}
