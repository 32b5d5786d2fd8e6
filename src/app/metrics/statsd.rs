//! Sends the metrics of a run to StatsD, over UDP, best effort: a daemon that is not there is not
//! noticed.
//!
//! In scope: packets and their size. Out of scope: names (`telemetry::metrics::statsd_names`).
//!
//! Counters carry what this run adds, so they are right with any number of machines. All lines of a
//! run go at its end, in few packets: nothing is sampled, and nothing is sent while it works.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};

use cadence::prelude::{Counted as _, Gauged as _, Timed as _};
use cadence::{BufferedUdpMetricSink, MetricBuilder, MetricResult, StatsdClient};

use crate::config::sections::reporting::metrics::StatsdSettings;
use crate::telemetry::metrics::metric_table::{BUILD_INFO, LAST_DURATION, MetricKind};
use crate::telemetry::metrics::run_measurement::RunMeasurement;
use crate::telemetry::metrics::samples::{MetricSample, make_gauges, make_increments};
use crate::telemetry::metrics::statsd_names::{PREFIX, StatsdName, make_statsd_name};

/// Bytes of a packet: what fits into one frame on most networks, minus the headers of IP and UDP.
const PACKET_BYTES: usize = 1_432;

/// Sends everything about a run. Blocks while the host's name is resolved.
pub fn send(settings: &StatsdSettings, run: &RunMeasurement) -> io::Result<()> {
    let address = settings.address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("it has no address"))?;
    let local: SocketAddr = if address.is_ipv6() { ([0; 16], 0).into() } else { ([0; 4], 0).into() };
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    let sink = BufferedUdpMetricSink::with_capacity(address, socket, PACKET_BYTES).map_err(io::Error::other)?;
    let client = StatsdClient::from_sink(PREFIX, sink);
    let last_success = run.is_success().then_some(run.ended);
    for sample in make_gauges(run, last_success).into_iter().chain(make_increments(run)) {
        send_sample(&client, settings, run, &sample).map_err(io::Error::other)?;
    }
    client.flush().map_err(io::Error::other)
}

/// Sends one sample: a gauge as a gauge, a counter's increment as a counter, the duration also as a
/// timer, of which StatsD makes percentiles.
fn send_sample(
    client: &StatsdClient,
    settings: &StatsdSettings,
    run: &RunMeasurement,
    sample: &MetricSample,
) -> MetricResult<()> {
    let StatsdName { name, tags } = make_statsd_name(&run.job, sample, settings.dialect);
    if sample.family == BUILD_INFO {
        return Ok(());
    }
    if sample.family == LAST_DURATION {
        let timer = name.replace("run_last_duration_seconds", "run_duration");
        with_tags(client.time_with_tags(&timer, run.duration_ms), &tags).try_send()?;
    }
    match sample.family.kind {
        MetricKind::Gauge => with_tags(client.gauge_with_tags(&name, sample.value), &tags).try_send().map(drop),
        MetricKind::Counter if sample.value > 0.0 => {
            let (name, increment) = scale_counter(&name, sample.value);
            with_tags(client.count_with_tags(&name, increment), &tags).try_send().map(drop)
        }
        MetricKind::Counter => Ok(()),
    }
}

/// Returns a counter as a whole number: seconds are counted in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "increments of a run are far below 2^53")]
fn scale_counter(name: &str, value: f64) -> (String, i64) {
    match name.strip_suffix("_seconds") {
        Some(start) => (format!("{start}_milliseconds"), (value * 1_000.0).round() as i64),
        None => (name.to_owned(), value.round() as i64),
    }
}

fn with_tags<'m, 'c, T: cadence::Metric + From<String>>(
    builder: MetricBuilder<'m, 'c, T>,
    tags: &'m [(&'static str, String)],
) -> MetricBuilder<'m, 'c, T> {
    tags.iter().fold(builder, |builder, (name, value)| builder.with_tag(name, value))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::telemetry::metrics::run_measurement::{CallMeasurement, ItemCounts};
    use crate::telemetry::metrics::statsd_names::StatsdDialect;

    use super::*;

    /// Sends a run, and returns the lines of all packets, which are not longer than a frame.
    fn receive_packets(dialect: StatsdDialect) -> Vec<String> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let address = socket.local_addr().expect("an address").to_string();
        let run = RunMeasurement {
            job: "my job".into(),
            status: "partial",
            exit_code: 3,
            duration_ms: 1_250,
            items: ItemCounts { new: 2, ..ItemCounts::default() },
            step_retries: 5,
            calls: CallMeasurement { quota_wait_ms: 1_500, ..CallMeasurement::default() },
            ..RunMeasurement::default()
        };
        send(&StatsdSettings { address, dialect }, &run).expect("sent");
        let (mut lines, mut packet) = (Vec::new(), vec![0; 65_536]);
        while let Ok(bytes) = socket.recv(&mut packet) {
            assert!(bytes <= PACKET_BYTES, "a packet of {bytes} bytes");
            lines.extend(String::from_utf8_lossy(&packet[..bytes]).lines().map(str::to_owned));
        }
        lines
    }

    #[test]
    fn plain_statsd_has_the_job_in_the_name() {
        let lines = receive_packets(StatsdDialect::Plain);
        for line in [
            "sheetkeep.my_job.retries.step:5|c",
            "sheetkeep.my_job.items_processed.new:2|c",
            "sheetkeep.my_job.runs.partial:1|c",
            "sheetkeep.my_job.run_last_exit_code:3|g",
            "sheetkeep.my_job.run_duration:1250|ms",
            "sheetkeep.my_job.sheets_quota_wait_milliseconds:1500|c",
        ] {
            assert!(lines.iter().any(|sent| sent == line), "{line} is not in {lines:#?}");
        }
        assert!(lines.iter().all(|line| !line.contains('#') && !line.ends_with(":0|c")), "{lines:#?}");
    }

    #[test]
    fn dogstatsd_has_the_job_in_a_tag() {
        let lines = receive_packets(StatsdDialect::DogStatsd);
        for line in [
            "sheetkeep.retries:5|c|#job_name:my job,reason:step",
            "sheetkeep.run_last_status:1|g|#job_name:my job,status:partial",
        ] {
            assert!(lines.iter().any(|sent| sent == line), "{line} is not in {lines:#?}");
        }
    }
}
