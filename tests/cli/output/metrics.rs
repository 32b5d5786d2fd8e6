//! `[metrics]`: what a run leaves for monitoring, in files and over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::temp_project::TempProject;

/// A request that a gateway got: its first line, its headers in lower case, its body.
struct Pushed {
    line: String,
    headers: String,
    body: String,
}

/// A gateway that answers each request with the same head and body; with nothing at all for an
/// empty one, while the connection stays open.
struct Gateway {
    address: String,
    pushed: Receiver<Pushed>,
}

impl Gateway {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (sender, pushed) = channel();
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                let (mut line, mut headers) = (String::new(), String::new());
                reader.read_line(&mut line).expect("a request line");
                while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
                    let mut header = String::new();
                    reader.read_line(&mut header).expect("a header");
                    headers.push_str(&header.to_ascii_lowercase());
                }
                let length = headers.lines().find_map(|header| header.strip_prefix("content-length:"));
                let mut body = vec![0; length.map_or(0, |text| text.trim().parse().expect("a number"))];
                reader.read_exact(&mut body).expect("the body");
                let _ = sender.send(Pushed { line, headers, body: String::from_utf8(body).expect("UTF-8") });
                if answer.is_empty() {
                    silent.push(stream);
                } else {
                    let _ = write!(stream, "HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n");
                }
            }
        });
        Self { address, pushed }
    }
}

fn make_project(metrics: &str) -> TempProject {
    let project = TempProject::with_few_quakes(3);
    project.write("quakes.toml", &format!("{}\n[metrics]\n{metrics}\n", project.read("quakes.toml")));
    project
}

fn make_records(project: &TempProject) -> Vec<Value> {
    project.read("metrics.jsonl").lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Returns the value of a series in the text format.
fn read_value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().expect("a number"))
}

#[test]
fn each_run_appends_one_line_to_the_records() {
    let project = make_project("jsonl = \"metrics.jsonl\"");
    project.run(&["run", "quakes.toml"]).exits(0);
    project.run(&["run", "quakes.toml", "-q"]).exits(0);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    project.run(&["run", "quakes.toml", "--json"]).exits(65);
    let records = make_records(&project);
    let shown: Vec<_> = records
        .iter()
        .map(|record| {
            (record["rows"].as_u64(), record["errors"].as_u64(), record["status"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(shown, [(Some(3), Some(0), "succeeded"), (Some(0), Some(0), "succeeded"), (Some(0), Some(1), "failed")]);
    for record in &records {
        let at = record["at"].as_str().expect("a time");
        assert!(at.starts_with("20") && at.ends_with('Z') && record["duration_s"].is_f64(), "{record}");
    }
    assert_eq!((&records[2]["error"], &records[2]["exit_code"]), (&"dataerr".into(), &65.into()));
    assert!(records[0]["cells_left"].as_u64().is_some_and(|left| left > 9_000_000), "{}", records[0]);
}

#[test]
fn other_commands_and_duplicates_leave_no_metrics() {
    let project = make_project("jsonl = \"metrics.jsonl\"");
    let whole = project.read("usgs-all-week.geojson");
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    project.run(&["run", "quakes.toml"]).exits(75);
    first.write_input(&whole);
    first.close_and_wait().exits(0);
    for args in [&["status", "quakes.toml"][..], &["plan", "quakes.toml"], &["check", "quakes.toml"]] {
        project.run(args).exits(0);
    }
    project.run(&["prune", "quakes.toml", "--yes"]).exits(0);
    assert_eq!(make_records(&project).len(), 1);
}

#[test]
fn a_textfile_has_the_run_and_sums_of_all_runs() {
    let project = make_project("textfile = \"quakes.prom\"");
    project.run(&["run", "quakes.toml"]).exits(0);
    let first = project.read("quakes.prom");
    let success =
        read_value(&first, "sheetkeep_run_last_success_timestamp_seconds{job_name=\"quakes\"}").expect("a time");
    assert!(success > 1.7e9, "{success}");
    project.write("usgs-all-week.geojson", "{\"features\": [");
    project.run(&["run", "quakes.toml"]).exits(65);
    let text = project.read("quakes.prom");
    for (series, expected) in [
        ("sheetkeep_run_last_success_timestamp_seconds{job_name=\"quakes\"}", success),
        ("sheetkeep_run_last_exit_code{job_name=\"quakes\"}", 65.0),
        ("sheetkeep_run_last_status{job_name=\"quakes\",status=\"failed\"}", 1.0),
        ("sheetkeep_runs_total{job_name=\"quakes\",status=\"succeeded\"}", 1.0),
        ("sheetkeep_runs_total{job_name=\"quakes\",status=\"failed\"}", 1.0),
        ("sheetkeep_items_processed_total{job_name=\"quakes\",outcome=\"new\"}", 3.0),
        ("sheetkeep_retries_total{job_name=\"quakes\",reason=\"call\"}", 0.0),
    ] {
        assert_eq!(read_value(&text, series), Some(expected), "{series} in\n{text}");
    }
    project.write("others.toml", &project.read("quakes.toml").replace("name = \"quakes\"", "name = \"others\""));
    project.run(&["run", "others.toml"]).stderr_has("it has the metrics of job quakes");
    assert_eq!(project.read("quakes.prom"), text);
}

#[test]
fn a_gateway_gets_a_run_with_its_credentials() {
    let gateway = Gateway::start("200 OK");
    let project = make_project("pushgateway = \"${GATEWAY}\"");
    let url = format!("http://me:s3cret%2Fword@{}/pre", gateway.address);
    let ended = project.run_with(&[("GATEWAY", &url)], &["run", "quakes.toml", "-vv"]);
    ended.exits(0);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    let pushed = gateway.pushed.recv_timeout(Duration::from_secs(5)).expect("a push");
    assert_eq!(pushed.line, "POST /pre/metrics/job/sheetkeep/job_name/quakes HTTP/1.1\r\n");
    let basic = data_encoding::BASE64.encode(b"me:s3cret/word").to_ascii_lowercase();
    assert!(pushed.headers.contains(&format!("authorization: basic {basic}")), "{}", pushed.headers);
    assert!(pushed.headers.contains("content-type: text/plain; version=0.0.4"), "{}", pushed.headers);
    assert_eq!(read_value(&pushed.body, "sheetkeep_run_last_rows{job_name=\"quakes\",change=\"added\"}"), Some(3.0));
    assert!(pushed.body.ends_with('\n') && pushed.body.contains("run_last_success_timestamp"), "{}", pushed.body);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    project.run_with(&[("GATEWAY", &url)], &["run", "quakes.toml"]).exits(65);
    let pushed = gateway.pushed.recv_timeout(Duration::from_secs(5)).expect("a push");
    assert!(!pushed.body.contains("last_success"), "the earlier success stays: {}", pushed.body);
}

#[test]
fn statsd_gets_the_run_in_its_dialect() {
    for (scheme, expected) in [
        ("", "sheetkeep.quakes.items_processed.new:3|c"),
        ("dogstatsd://", "sheetkeep.items_processed:3|c|#job_name:quakes,outcome:new"),
    ] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let address = socket.local_addr().expect("an address");
        make_project(&format!("statsd = \"{scheme}{address}\"")).run(&["run", "quakes.toml"]).exits(0);
        let (mut text, mut packet) = (String::new(), [0; 2_000]);
        while !text.lines().any(|line| line == expected) {
            let bytes =
                socket.recv(&mut packet).map_err(|_| format!("{expected} is not in\n{text}")).expect("a packet");
            text.push_str(&String::from_utf8_lossy(&packet[..bytes]));
            text.push('\n');
        }
    }
}

#[test]
fn a_receiver_that_fails_changes_no_result() {
    for (answer, why) in [
        ("400 Bad Request\r\ncontent-length: 12\r\n\r\nbad metrics\n", "answered 400: bad metrics"),
        ("500 Oops", "answered 500"),
        ("302 Found\r\nlocation: http://elsewhere.example/", "answered 302"),
        ("nonsense", "no reply"),
    ] {
        let gateway = Gateway::start(answer);
        let project =
            make_project("pushgateway = \"${GATEWAY}\"\njsonl = \"none/metrics.jsonl\"\ntextfile = \"metrics.prom\"");
        std::fs::create_dir(project.path("metrics.prom")).expect("a folder in the place of the file");
        let url = format!("http://{}/s3cret-part-of-it", gateway.address);
        let ended = project.run_with(&[("GATEWAY", &url)], &["run", "quakes.toml"]);
        ended.exits(0).stdout_has("new 3").stderr_has(why);
        let warnings = ended.stderr.lines().filter(|line| line.contains("metrics were not delivered"));
        assert_eq!(warnings.count(), 3, "one for each: {}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
    let unreachable = [("GATEWAY", "http://127.0.0.1:9/")];
    let ended = make_project("pushgateway = \"${GATEWAY}\"").run_with(&unreachable, &["run", "quakes.toml"]);
    ended.exits(0).stderr_has("metrics were not delivered").stderr_has("127.0.0.1:9");
}

#[expect(clippy::disallowed_methods, reason = "the real binary waits by the real clock")]
#[test]
fn a_receiver_that_hangs_holds_a_run_for_five_seconds() {
    let gateway = Gateway::start("");
    let project = make_project("pushgateway = \"${GATEWAY}\"\njsonl = \"metrics.jsonl\"");
    let began = Instant::now();
    let ended = project.run_with(&[("GATEWAY", &format!("http://{}", gateway.address))], &["run", "quakes.toml"]);
    ended.exits(0).stdout_has("new 3").stderr_has("sink=\"pushgateway\"");
    // The run itself takes a moment, and more where other tests run.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(make_records(&project).len(), 1, "the others got theirs");
}

#[test]
fn wrong_receivers_are_refused_and_no_password_is_shown() {
    for (metrics, why) in [
        ("pushgateway = \"me:s3cret@gateway\"", "`metrics.pushgateway` is not an http or https address"),
        ("statsd = \"127.0.0.1\"", "`metrics.statsd` is not a host with a port"),
        ("statsd = \"udp://127.0.0.1:8125\"", "`metrics.statsd` is not a host with a port"),
        ("jsonl = \"\"", "`metrics.jsonl`"),
        ("json = \"x\"", "unknown key"),
    ] {
        let ended = make_project(metrics).run(&["run", "quakes.toml"]);
        ended.exits(78).stderr_has(why);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
    let text = "textfile = \"metrics.txt\"\npushgateway = \"http://me:s3cret-word@gateway.example:9091\"";
    let checked = make_project(text).run(&["check", "quakes.toml"]);
    checked
        .exits(0)
        .stdout_has("does not end in .prom")
        .stdout_has("in the job file with a password")
        .stdout_has("sends a password over http");
    assert!(!checked.stdout.contains("s3cret"), "{}", checked.stdout);
}

#[test]
fn check_reports_files_that_can_not_be_written() {
    let project =
        make_project("jsonl = \"none/metrics.jsonl\"\ntextfile = \"quakes.prom\"\nstatsd = \"127.0.0.1:8125\"");
    project.write("quakes.prom", "my notes\n");
    let checked = project.run(&["check", "quakes.toml"]);
    checked.exits(0).stdout_has("is not there").stdout_has("it exists and has no metrics of a job");
    checked.stdout_has("127.0.0.1:8125 gets metrics");
    project.replace_in("quakes.toml", "none/metrics.jsonl", "metrics.jsonl");
    project.replace_in("quakes.toml", "quakes.prom", "q.prom");
    project
        .run(&["check", "quakes.toml"])
        .exits(0)
        .stdout_has("metrics.jsonl gets a line after each run")
        .stdout_has("q.prom is written");
    assert!(!project.list_entries().contains(&"metrics.jsonl".to_owned()), "check writes nothing");
}
