//! Sends a run to an OpenTelemetry collector: its trace and its metrics, by http/protobuf.
//!
//! In scope: two requests, what their replies mean. Out of scope: the messages
//! (`telemetry::otlp_messages`), the settings (`config::sections::reporting::otlp`).
//!
//! Not the exporters of the OpenTelemetry SDK: they keep threads, clocks, clients and roots of
//! their own. A run is exported once, at its end, over the connections that everything else uses.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::clock::Clock;
use crate::config::sections::reporting::otlp::OtlpSettings;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::transport::web_client::WebClient;
use crate::telemetry::metrics::run_measurement::RunMeasurement;
use crate::telemetry::otlp_messages::{make_metrics_request, make_trace_request};

/// Sends both signals at the same time. The error shows the host, and nothing else of the address.
pub async fn export(
    settings: &OtlpSettings,
    ca_file: Option<&Path>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    run: &RunMeasurement,
) -> Result<(), String> {
    let transport = Transport::Network { ca_file: ca_file.map(Path::to_owned), proxies: settings.proxies.clone() };
    let client = WebClient::new(&transport, timeout, clock).map_err(|error| error.to_string())?;
    let traces = make_trace_request(run, settings.parent.as_ref(), &settings.resource).encode_to_vec();
    let metrics = make_metrics_request(run, &settings.resource).encode_to_vec();
    let (traces, metrics) = tokio::join!(
        send(&client, settings, &settings.traces, traces),
        send(&client, settings, &settings.metrics, metrics)
    );
    traces.and(metrics)
}

async fn send(client: &WebClient, settings: &OtlpSettings, url: &SecretString, body: Vec<u8>) -> Result<(), String> {
    let url = Url::parse(url.expose_secret()).map_err(|error| error.to_string())?;
    let host = url.host_str().unwrap_or_default().to_owned();
    let own = settings.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
    let headers: Vec<(&str, &str)> = std::iter::once(("content-type", "application/x-protobuf")).chain(own).collect();
    match client.post(&url, &headers, body).await {
        Ok(reply) if (200..300).contains(&reply.status) => Ok(()),
        Ok(reply) => Err(format!("{host} answered {}", reply.status)),
        Err(error) => Err(format!("{host}: {error}")),
    }
}
