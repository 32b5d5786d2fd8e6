//! Delivers the metrics of a run to everyone who is named in `[metrics]`.
//!
//! In scope: all of them in parallel, a bound on the time, a warning for each that fails. Out of
//! scope: each of them (the other files of this folder).
//!
//! Metrics are delivered once a run is over and committed. Nothing that fails here changes the
//! run's result.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use tokio::task::spawn_blocking;

use crate::app::metrics::metric_files::{append_record, write_textfile};
#[cfg(feature = "otlp")]
use crate::app::metrics::otlp::export;
use crate::app::metrics::pushgateway::push_text;
use crate::app::metrics::statsd;
use crate::app::metrics::totals_file::TotalsFile;
use crate::app::single_run::name_target;
use crate::clock::Clock;
use crate::config::sections::reporting::metrics::MetricsSettings;
use crate::config::settings::Settings;
use crate::telemetry::metrics::prometheus_text::format_prometheus_text;
use crate::telemetry::metrics::run_measurement::RunMeasurement;
use crate::telemetry::metrics::samples::{MetricSample, MetricTotals, make_gauges};
use crate::time::Timestamp;

/// How long adding the run to the sums may take.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long everyone who gets the metrics has, at the same time.
const SINK_TIMEOUT: Duration = Duration::from_secs(4);

/// Delivers the metrics of one job's runs.
pub struct MetricsDelivery {
    settings: MetricsSettings,
    ca_file: Option<PathBuf>,
    totals: Option<TotalsFile>,
    clock: Arc<dyn Clock>,
}

/// One receiver, as its setting is called, and its delivery.
type SinkDelivery<'a> = (&'static str, BoxFuture<'a, Result<(), String>>);

impl MetricsDelivery {
    /// Creates the delivery of a job. A run by which another command writes has none.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        let totals = settings.state_dir.as_ref().map(|dir| TotalsFile::new(dir, &settings.job, &name_target(settings)));
        Self { settings: settings.metrics.clone(), ca_file: settings.certificates.clone(), totals, clock }
    }

    /// Delivers the metrics of a run, within 5 s. Each receiver that fails is one warning.
    pub async fn deliver(&self, run: &RunMeasurement) {
        if self.settings.is_empty() {
            return;
        }
        let totals = self.add_to_totals(run).await;
        let sinks = self.make_deliveries(run, totals.as_ref()).into_iter().map(|(sink, delivery)| async move {
            let delivered = tokio::select! {
                delivered = delivery => delivered,
                () = self.clock.sleep(SINK_TIMEOUT) => Err(format!("not done within {} s", SINK_TIMEOUT.as_secs())),
            };
            if let Err(cause) = delivered {
                warn_of_sink(sink, &cause);
            }
        });
        join_all(sinks).await;
    }

    /// Adds the run to the sums of this installation; `None` without a state directory, or if that
    /// fails.
    async fn add_to_totals(&self, run: &RunMeasurement) -> Option<MetricTotals> {
        let needs_totals = self.settings.textfile.is_some() || self.settings.pushgateway.is_some();
        let (file, run) = (self.totals.clone().filter(|_| needs_totals)?, run.clone());
        let adding = run_blocking(move || file.add(&run));
        let added = tokio::select! {
            added = adding => added,
            () = self.clock.sleep(TOTALS_TIMEOUT) => Err("the file of the sums is locked".to_owned()),
        };
        added.inspect_err(|cause| warn_of_sink("counters", cause)).ok()
    }

    fn make_deliveries<'a>(&'a self, run: &'a RunMeasurement, totals: Option<&MetricTotals>) -> Vec<SinkDelivery<'a>> {
        let mut sinks: Vec<SinkDelivery<'a>> = Vec::new();
        if let Some(path) = self.settings.jsonl.clone() {
            let record = run.record();
            sinks.push((
                "jsonl",
                run_blocking(move || append_record(&path, &record).map_err(|error| describe_file_error(&path, &error)))
                    .boxed(),
            ));
        }
        if let Some(path) = self.settings.textfile.clone() {
            let last_success = totals.and_then(|totals| totals.last_success_ms).map(Timestamp);
            let (job, text) = (run.job.clone(), make_metrics_text(run, last_success, totals));
            let write = move || write_textfile(&path, &job, &text).map_err(|error| describe_file_error(&path, &error));
            sinks.push(("textfile", run_blocking(write).boxed()));
        }
        if let Some(gateway) = &self.settings.pushgateway {
            // Another machine may have pushed a later success.
            let last_success = run.is_success().then_some(run.ended);
            let text = make_metrics_text(run, last_success, totals);
            let clock = Arc::clone(&self.clock);
            sinks.push((
                "pushgateway",
                push_text(gateway, self.ca_file.as_deref(), SINK_TIMEOUT, clock, &run.job, text).boxed(),
            ));
        }
        if let Some(settings) = self.settings.statsd.clone() {
            let run = run.clone();
            let send = move || statsd::send(&settings, &run).map_err(|error| format!("{}: {error}", settings.address));
            sinks.push(("statsd", run_blocking(send).boxed()));
        }
        #[cfg(feature = "otlp")]
        if let Some(collector) = &self.settings.otlp {
            let clock = Arc::clone(&self.clock);
            sinks.push(("otlp", export(collector, self.ca_file.as_deref(), SINK_TIMEOUT, clock, run).boxed()));
        }
        sinks
    }
}

fn make_metrics_text(run: &RunMeasurement, last_success: Option<Timestamp>, totals: Option<&MetricTotals>) -> String {
    let counters = totals.map(MetricTotals::samples).unwrap_or_default();
    let samples: Vec<MetricSample> = make_gauges(run, last_success).into_iter().chain(counters).collect();
    format_prometheus_text(&run.job, &samples)
}

fn describe_file_error(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn warn_of_sink(sink: &str, cause: &str) {
    let event = "metrics.failed";
    tracing::warn!(event, sink, error.kind = "metrics", cause, "metrics were not delivered; the run's result stays");
}

/// Does blocking work on a thread of its own.
async fn run_blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, String> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
