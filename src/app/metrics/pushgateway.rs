//! Pushes the metrics of a job to a Pushgateway: <https://github.com/prometheus/pushgateway>.
//!
//! In scope: the address of the job's group, one request, what its reply means. Out of scope: the
//! text (`telemetry::metrics::prometheus_text`).
//!
//! The request is a POST, which replaces metrics of the same name only. After a run that failed,
//! the time of the last success stays as it was pushed, perhaps by another machine. The group has
//! no label of a machine or a run, for its series would stay for ever.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::clock::Clock;
use crate::config::sections::reporting::metrics::PushgatewaySettings;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::transport::web_client::WebClient;
use crate::telemetry::metrics::prometheus_text::CONTENT_TYPE;

/// Characters of a reply that an error shows.
const MAX_REPLY_CHARS: usize = 200;

/// Pushes the text. The error shows the host, and nothing else of the address.
pub async fn push_text(
    gateway: &PushgatewaySettings,
    ca_file: Option<&Path>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    job: &str,
    text: String,
) -> Result<(), String> {
    let transport = Transport::Network { ca_file: ca_file.map(Path::to_owned), proxies: gateway.proxies.clone() };
    let client = WebClient::new(&transport, timeout, clock).map_err(|error| error.to_string())?;
    let url = build_group_address(gateway.url.expose_secret(), job).ok_or("its address can't be extended")?;
    let authorization = gateway.authorization.as_ref().map(|value| ("authorization", value.expose_secret()));
    let headers: Vec<(&str, &str)> = std::iter::once(("content-type", CONTENT_TYPE)).chain(authorization).collect();
    let host = &gateway.host;
    match client.post(&url, &headers, text).await {
        Ok(reply) if matches!(reply.status, 200 | 202) => Ok(()),
        Ok(reply) => {
            let line = reply.body.lines().next().unwrap_or_default();
            let shown: String = line.chars().take(MAX_REPLY_CHARS).collect();
            Err(format!("{host} answered {}: {shown}", reply.status))
        }
        Err(error) => Err(format!("{host}: {error}")),
    }
}

/// Returns the address of the group of a job.
fn build_group_address(url: &str, job: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    // A segment of dots would be taken as a step in the path; base64 is how the gateway reads it
    // then.
    let is_dots = job.chars().all(|c| c == '.');
    let encoded = if is_dots { data_encoding::BASE64URL_NOPAD.encode(job.as_bytes()) } else { job.to_owned() };
    let label = if is_dots { "job_name@base64" } else { "job_name" };
    url.path_segments_mut().ok()?.pop_if_empty().extend(["metrics", "job", "sheetkeep", label, &encoded]);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_a_job_has_an_address_of_its_own() {
        let address = |url, job| build_group_address(url, job).map(String::from).expect("an address");
        assert_eq!(address("http://gw:9091", "quakes"), "http://gw:9091/metrics/job/sheetkeep/job_name/quakes");
        assert_eq!(address("http://gw/pre/", "my job"), "http://gw/pre/metrics/job/sheetkeep/job_name/my%20job");
        assert_eq!(address("http://gw", ".."), "http://gw/metrics/job/sheetkeep/job_name@base64/Li4");
    }
}
