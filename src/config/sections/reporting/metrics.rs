//! Where the metrics of a job's runs go.
//!
//! In scope: the settings of `[metrics]`. Out of scope: writing and sending (`app::metrics`).
//!
//! The address of a Pushgateway may hold a password, so it may come from the environment, and only
//! its host is shown.

use std::path::PathBuf;

use data_encoding::BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use crate::config::problem::ConfigProblem;
use crate::config::sections::proxies::read_proxies;
#[cfg(feature = "otlp")]
use crate::config::sections::reporting::otlp::{OtlpSettings, read_collector};
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::MetricsSection;
use crate::config::value_reader::ValueReader;
use crate::known_secrets::register_secret;
use crate::sheets_client::transport::proxy::Proxies;
use crate::telemetry::metrics::statsd_names::StatsdDialect;

/// The schemes of a StatsD address.
const DIALECTS: [(&str, StatsdDialect); 2] =
    [("statsd://", StatsdDialect::Plain), ("dogstatsd://", StatsdDialect::DogStatsd)];

/// Who gets the metrics of a run.
#[derive(Debug, Clone, Default)]
pub struct MetricsSettings {
    /// The file that gets a line for each run.
    pub jsonl: Option<PathBuf>,
    /// The file for node-exporter's textfile collector.
    pub textfile: Option<PathBuf>,
    /// The Pushgateway that gets the metrics of each run.
    pub pushgateway: Option<PushgatewaySettings>,
    /// A StatsD daemon.
    pub statsd: Option<StatsdSettings>,
    /// An OpenTelemetry collector, which the environment names.
    #[cfg(feature = "otlp")]
    pub otlp: Option<OtlpSettings>,
}

impl MetricsSettings {
    /// Returns whether no receiver is named.
    pub fn is_empty(&self) -> bool {
        #[cfg(feature = "otlp")]
        if self.otlp.is_some() {
            return false;
        }
        self.jsonl.is_none() && self.textfile.is_none() && self.pushgateway.is_none() && self.statsd.is_none()
    }
}

/// How a Pushgateway is reached.
#[derive(Debug, Clone)]
pub struct PushgatewaySettings {
    /// Its address without user and password; what follows the host may be a secret.
    pub url: SecretString,
    /// Its host and port, to be shown.
    pub host: String,
    /// The value of the header `Authorization`, if the address names a user.
    pub authorization: Option<SecretString>,
    /// The proxies on the way.
    pub proxies: Proxies,
}

/// A StatsD daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsdSettings {
    /// Host and port, as `ToSocketAddrs` reads them.
    pub address: String,
    /// How names and tags are written for it.
    pub dialect: StatsdDialect,
}

/// Reads the section.
pub(crate) fn read_metrics(reader: &mut ValueReader<'_>, raw: Option<&MetricsSection>) -> MetricsSettings {
    #[cfg(feature = "otlp")]
    let otlp = read_collector(reader);
    let none = MetricsSection::default();
    let raw = raw.unwrap_or(&none);
    let jsonl = raw.jsonl.as_ref().and_then(|at| reader.read_path(at, "`metrics.jsonl`"));
    let textfile = raw.textfile.as_ref().and_then(|at| reader.read_path(at, "`metrics.textfile`"));
    if textfile.as_ref().is_some_and(|path| path.extension().is_none_or(|end| end != "prom")) {
        reader.add_warning(
            "metrics.textfile does not end in .prom, and node-exporter reads no other file",
            "name it after the job, such as quakes.prom, in the folder of --collector.textfile.directory",
        );
    }
    let pushgateway = raw.pushgateway.as_ref().and_then(|at| read_pushgateway(reader, at));
    let statsd = raw.statsd.as_ref().and_then(|at| read_statsd(reader, at));
    MetricsSettings {
        jsonl,
        textfile,
        pushgateway,
        statsd,
        #[cfg(feature = "otlp")]
        otlp,
    }
}

fn read_pushgateway(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<PushgatewaySettings> {
    let text = reader.read_secret_text(at)?;
    let url = Url::parse(text.expose_secret().trim()).ok();
    let url =
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|h| !h.is_empty()));
    let Some(mut url) = url else {
        let help = "write its address, such as http://pushgateway:9091, or ${NAME} of a variable that holds it";
        // Without the place in the file, so that a line with a password is not shown.
        reader.add_problem(ConfigProblem::new("`metrics.pushgateway` is not an http or https address").help(help));
        return None;
    };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let authorization = make_authorization(&url);
    if authorization.is_some() && !at.get().contains("${") {
        let what = "metrics.pushgateway is written in the job file with a password";
        reader.add_warning(what, "keep it in .env and write pushgateway = \"${PUSHGATEWAY_URL}\"");
    }
    let is_local = url.host().is_some_and(|host| match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    });
    if authorization.is_some() && url.scheme() == "http" && !is_local {
        reader.add_warning(
            "metrics.pushgateway sends a password over http, so everybody on the way can read it",
            "use https",
        );
    }
    // Neither fails: the address has a host.
    let _ = (url.set_username(""), url.set_password(None));
    Some(PushgatewaySettings {
        url: SecretString::from(String::from(url)),
        host,
        authorization,
        proxies: read_proxies(reader),
    })
}

/// Returns the header for the user and the password of an address.
fn make_authorization(url: &Url) -> Option<SecretString> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| {
        url::form_urlencoded::parse(format!("v={}", text.replace('+', "%2B")).as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let password = decoded(url.password().unwrap_or_default());
    register_secret(&password);
    let pair = format!("{}:{password}", decoded(url.username()));
    register_secret(&pair);
    Some(SecretString::from(format!("Basic {}", BASE64.encode(pair.as_bytes()))))
}

fn read_statsd(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<StatsdSettings> {
    let text = reader.read_text(at)?;
    let text = text.trim();
    let scheme = DIALECTS.iter().find_map(|(scheme, dialect)| Some((text.strip_prefix(scheme)?, *dialect)));
    let (address, dialect) = scheme.unwrap_or((text, StatsdDialect::Plain));
    let address = address.trim_end_matches('/');
    let has_port = |address: &str| {
        let (host, port) = address.rsplit_once(':')?;
        let is_whole = !host.is_empty() && !host.contains('/') && (host.starts_with('[') || !host.contains(':'));
        (is_whole && port.parse::<u16>().is_ok_and(|port| port > 0)).then_some(())
    };
    if has_port(address).is_none() {
        let help = "write host and port, such as 127.0.0.1:8125; dogstatsd://127.0.0.1:8125 for Datadog's agent";
        reader.add_problem_at(at, "`metrics.statsd` is not a host with a port", "not a host with a port", help);
        return None;
    }
    Some(StatsdSettings { address: address.to_owned(), dialect })
}
