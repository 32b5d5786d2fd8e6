//! An OpenTelemetry collector, as the standard variables name it:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
//!
//! In scope: the variables. Out of scope: sending (`app::metrics::otlp`).

use secrecy::SecretString;
use url::Url;

use crate::config::problem::ConfigProblem;
use crate::config::sections::proxies::read_proxies;
use crate::config::value_reader::ValueReader;
use crate::known_secrets::register_secret;
use crate::sheets_client::transport::proxy::Proxies;
use crate::telemetry::logs::log_format::TraceParent;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
/// The one protocol that is spoken.
const HTTP_PROTOBUF: &str = "http/protobuf";

/// An OpenTelemetry collector, and what is sent with every request.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// The address for traces.
    pub traces: SecretString,
    /// The address for metrics.
    pub metrics: SecretString,
    /// Headers of every request; their values are secrets.
    pub headers: Vec<(String, SecretString)>,
    /// Attributes of the resource, `service.name` first.
    pub resource: Vec<(String, String)>,
    /// The span of the caller.
    pub parent: Option<TraceParent>,
    /// The proxies on the way.
    pub proxies: Proxies,
}

/// Reads the collector from the environment; `None` if it names none, or switches it off.
pub(crate) fn read_collector(reader: &mut ValueReader<'_>) -> Option<OtlpSettings> {
    let environment = reader.environment;
    let endpoint = environment.get(ENDPOINT)?.trim();
    if environment.get("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return None;
    }
    let protocol = environment.get(PROTOCOL).unwrap_or(HTTP_PROTOBUF).trim();
    if protocol != HTTP_PROTOBUF {
        let what = format!("{PROTOCOL} is {protocol}, and only {HTTP_PROTOBUF} is spoken: nothing is exported");
        reader
            .add_warning(what, format!("set {PROTOCOL}={HTTP_PROTOBUF}, and the collector's port for it, often 4318"));
        return None;
    }
    let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let addresses =
        url.as_ref().and_then(|url| Some((make_signal_address(url, "traces")?, make_signal_address(url, "metrics")?)));
    let Some((traces, metrics)) = addresses else {
        let problem = ConfigProblem::new(format!("{ENDPOINT} is not an http or https address"));
        reader.add_problem(problem.help("write the collector's address, such as http://127.0.0.1:4318"));
        return None;
    };
    let headers = parse_pairs(environment.get(HEADERS).unwrap_or_default());
    for (_, value) in &headers {
        register_secret(value);
    }
    let mut resource = parse_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    let named = environment.get("OTEL_SERVICE_NAME").map(str::to_owned);
    let of_resource = resource.iter().position(|(name, _)| name == "service.name").map(|at| resource.remove(at).1);
    let service = named.or(of_resource).unwrap_or_else(|| "sheetkeep".to_owned());
    resource.insert(0, ("service.name".to_owned(), service));
    resource.insert(1, ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    Some(OtlpSettings {
        traces,
        metrics,
        headers: headers.into_iter().map(|(name, value)| (name, SecretString::from(value))).collect(),
        resource,
        parent: environment.get("TRACEPARENT").and_then(TraceParent::parse),
        proxies: read_proxies(reader),
    })
}

fn make_signal_address(url: &Url, name: &str) -> Option<SecretString> {
    let mut url = url.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", name]);
    Some(SecretString::from(String::from(url)))
}

/// Reads `name=value,name=value`, with values percent-encoded.
fn parse_pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim().replace('+', "%2B");
        let decoded =
            url::form_urlencoded::parse(format!("v={}", value.replace('&', "%26")).as_bytes()).next()?.1.into_owned();
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), decoded))
    };
    text.split(',').filter_map(pair).collect()
}
