//! The export of a run to an OpenTelemetry collector, over a real socket and decoded with the
//! official messages. Needs the feature `otlp`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::temp_project::TempProject;

/// A request that a collector got: its path, its headers in lower case, its body.
type Exported = (String, String, Vec<u8>);

/// A collector that answers each request with this status.
fn start_collector(status: u16) -> (String, Receiver<Exported>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/base", listener.local_addr().expect("an address"));
    let (sender, exported) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            let (mut line, mut headers) = (String::new(), String::new());
            reader.read_line(&mut line).expect("a request line");
            while !headers.ends_with("\r\n\r\n") {
                let mut header = String::new();
                reader.read_line(&mut header).expect("a header");
                headers.push_str(&header.to_ascii_lowercase());
            }
            let length = headers.lines().find_map(|header| header.strip_prefix("content-length:"));
            let mut body = vec![0; length.map_or(0, |text| text.trim().parse().expect("a number"))];
            reader.read_exact(&mut body).expect("the body");
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = sender.send((path, headers, body));
            let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (url, exported)
}

#[test]
fn a_collector_gets_the_trace_and_the_metrics_of_a_run() {
    let (url, exported) = start_collector(200);
    let project = TempProject::with_few_quakes(3);
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret-a+b, x-key=1=2,,=none"),
        ("OTEL_SERVICE_NAME", "sync"),
        ("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let ended = project.run_with(&environment, &["run", "quakes.toml", "-vv"]);
    ended.exits(0);
    assert!(!ended.stderr.contains("s3cret") && !ended.stderr.contains("not delivered"), "{}", ended.stderr);
    let (mut traces, mut metrics) = (None, None);
    for _ in 0..2 {
        let (path, headers, body) = exported.recv_timeout(Duration::from_secs(5)).expect("a request");
        assert!(headers.contains("authorization: bearer s3cret-a+b"), "{headers}");
        assert!(headers.contains("x-key: 1=2") && !headers.contains("none"), "{headers}");
        assert!(headers.contains("content-type: application/x-protobuf"), "{headers}");
        match path.as_str() {
            "/base/v1/traces" => traces = ExportTraceServiceRequest::decode(body.as_slice()).ok(),
            "/base/v1/metrics" => metrics = ExportMetricsServiceRequest::decode(body.as_slice()).ok(),
            other => unreachable!("{other}"),
        }
    }
    let (traces, metrics) = (traces.expect("a trace"), metrics.expect("metrics"));
    let spans = &traces.resource_spans[0].scope_spans[0].spans;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert!(names.starts_with(&["run quakes", "load"]) && names.contains(&"commit"), "{names:?}");
    let trace = data_encoding::HEXLOWER.encode(&spans[0].trace_id);
    assert_eq!(trace, "4bf92f3577b34da6a3ce929d0e0e4736", "the caller's trace continues");
    let names: Vec<&str> =
        metrics.resource_metrics[0].scope_metrics[0].metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert!(names.contains(&"sheetkeep.retries") && names.contains(&"sheetkeep.run_last_rows"), "{names:?}");
}

#[test]
fn a_collector_that_refuses_changes_no_result() {
    let (url, _exported) = start_collector(503);
    let project = TempProject::with_few_quakes(3);
    let ended = project.run_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)], &["run", "quakes.toml"]);
    ended.exits(0).stderr_has("127.0.0.1 answered 503").stderr_has("sink=\"otlp\"");
    let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_SDK_DISABLED", "true")];
    assert!(!project.run_with(&off, &["run", "quakes.toml"]).exits(0).stderr.contains("otlp"));
    let grpc = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    project.run_with(&grpc, &["run", "quakes.toml"]).exits(0).stderr_has("only http/protobuf is spoken");
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318")];
    project.run_with(&wrong, &["run", "quakes.toml"]).exits(78).stderr_has("is not an http or https address");
}
