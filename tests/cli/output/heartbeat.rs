//! The heartbeat of a job: pings to a monitoring service on a real socket, and the file.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::temp_project::TempProject;

/// A ping service that answers each request with the next status, and with the last one from then
/// on.
struct PingService {
    url: String,
    pings: Receiver<(String, String)>,
}

impl PingService {
    /// Status 0: no answer at all: the connection stays open.
    fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/ping/s3cret-uuid", listener.local_addr().expect("an address"));
        let (sender, pings) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter().copied().peekable();
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                let mut line = String::new();
                reader.read_line(&mut line).expect("a request line");
                let mut length = 0;
                loop {
                    let mut header = String::new();
                    reader.read_line(&mut header).expect("a header");
                    if header.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().expect("a number");
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("the body");
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                let _ = sender.send((path, String::from_utf8_lossy(&body).into_owned()));
                let status = statuses.next_if(|_| true).or(statuses.peek().copied()).unwrap_or(200);
                if status == 0 {
                    silent.push(stream);
                    continue;
                }
                let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK");
            }
        });
        Self { url, pings }
    }

    /// Returns the pings so far: the path behind the secret, without the query, and the body.
    fn pings(&self) -> Vec<(String, String)> {
        self.pings
            .try_iter()
            .map(|(path, body)| (path.split('?').next().unwrap_or_default().to_owned(), body))
            .collect()
    }
}

fn make_project() -> TempProject {
    let project = TempProject::with_few_quakes(3);
    let section = "\n[heartbeat]\nurl = \"${PING_URL}\"\nfile = \"heartbeat.json\"\n";
    project.write("quakes.toml", &(project.read("quakes.toml") + section));
    project
}

fn read_file(project: &TempProject) -> Value {
    serde_json::from_str(&project.read("heartbeat.json")).expect("JSON")
}

#[test]
fn a_run_pings_start_and_success_with_one_id() {
    let service = PingService::start(&[200]);
    let project = make_project();
    let ended = project.run_with(&[("PING_URL", &service.url)], &["run", "quakes.toml", "-v"]);
    ended.exits(0);
    assert!(!ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{}{}", ended.stdout, ended.stderr);
    let pings: Vec<_> = service.pings.try_iter().collect();
    let (starts, ends): (Vec<_>, Vec<_>) =
        pings.iter().map(|(path, _)| path.split_once("?rid=").expect("an id")).unzip();
    assert_eq!(starts, ["/ping/s3cret-uuid/start", "/ping/s3cret-uuid"]);
    assert_eq!((ends[0], ends[0].len()), (ends[1], 36));
    assert!(pings[1].1.contains("exit code 0") && pings[1].1.contains("new 3"), "{}", pings[1].1);
    let first = read_file(&project);
    assert_eq!(
        (&first["exit_code"], &first["new"], &first["last_success"]),
        (&0.into(), &3.into(), &first["finished"])
    );
}

#[test]
fn a_run_that_fails_pings_failure_and_keeps_its_last_success() {
    let service = PingService::start(&[200]);
    let project = make_project();
    let run = || project.run_with(&[("PING_URL", &service.url)], &["run", "quakes.toml"]);
    run().exits(0);
    let success = read_file(&project)["finished"].clone();
    service.pings();
    project.write("usgs-all-week.geojson", "{\"features\": [");
    run().exits(65);
    let pings = service.pings();
    let (path, body) = pings.last().expect("a ping");
    assert_eq!(path, "/ping/s3cret-uuid/fail");
    assert!(body.contains("exit code 65") && body.contains("error: "), "{body}");
    let now = read_file(&project);
    assert_eq!((&now["exit_code"], &now["last_success"]), (&65.into(), &success));
    project.run_with(&[("PING_URL", &service.url)], &["check", "quakes.toml"]);
    project.run_with(&[("PING_URL", &service.url)], &["plan", "quakes.toml"]);
    project.run_with(&[("PING_URL", &service.url)], &["reset", "quakes.toml", "--yes"]).exits(0);
    assert_eq!(service.pings(), [], "other commands are silent");
}

#[test]
fn a_duplicate_invocation_is_silent() {
    let service = PingService::start(&[200]);
    let project = make_project();
    let whole = project.read("usgs-all-week.geojson");
    let url = service.url.clone();
    project.write(".env", &format!("PING_URL={url}\n"));
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    project.run(&["run", "quakes.toml"]).exits(75);
    first.write_input(&whole);
    first.close_and_wait().exits(0);
    let paths: Vec<_> = service.pings().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/ping/s3cret-uuid/start", "/ping/s3cret-uuid"]);
}

#[test]
fn a_ping_that_is_refused_changes_no_result() {
    for (statuses, tries) in [(&[404][..], 2), (&[200, 503, 503, 200][..], 4)] {
        let service = PingService::start(statuses);
        let project = make_project();
        let ended = project.run_with(&[("PING_URL", &service.url)], &["run", "quakes.toml"]);
        ended.exits(0).stdout_has("new 3").stderr_has("heartbeat");
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        let first = service.pings.recv_timeout(Duration::from_secs(5)).expect("a ping");
        assert!(first.0.contains("/start"));
        assert_eq!(1 + service.pings().len(), tries, "{statuses:?}");
    }
    let project = make_project();
    let gone = [("PING_URL", "http://127.0.0.1:9/ping/s3cret-uuid")];
    let ended = project.run_with(&gone, &["run", "quakes.toml"]);
    ended.exits(0).stderr_has("a heartbeat was not accepted");
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn a_wrong_ping_address_is_refused_and_never_shown() {
    let project = make_project();
    for url in ["hc.example/s3cret-uuid", "ftp://hc.example/s3cret-uuid"] {
        let ended = project.run_with(&[("PING_URL", url)], &["run", "quakes.toml"]);
        ended.exits(78).stderr_has("`heartbeat.url` is not an http or https address");
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has("PING_URL is not set");
    project.replace_in(
        "quakes.toml",
        "url = \"${PING_URL}\"",
        "url = \"https://127.0.0.1:9/s3cret-uuid\"\nkind = \"pager\"",
    );
    project.run(&["check", "quakes.toml"]).exits(78).stderr_has("healthchecks, cronitor or sentry");
    project.replace_in("quakes.toml", "kind = \"pager\"\n", "");
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has("anyone who reads it can report success");
}

#[test]
fn a_user_in_the_ping_address_is_refused_and_never_shown() {
    let project = make_project();
    for url in ["https://s3cret@hc.example/uuid", "https://me:s3cret@hc.example/uuid", "https://:s3cret@hc.example/u"] {
        let ended = project.run_with(&[("PING_URL", url)], &["run", "quakes.toml"]);
        ended.exits(78).stderr_has("`heartbeat.url` holds a user or a password, and neither is sent");
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

#[test]
fn a_start_ping_without_an_answer_does_not_keep_the_end() {
    let service = PingService::start(&[0, 200]);
    let project = make_project();
    project.run_with(&[("PING_URL", &service.url)], &["run", "quakes.toml"]).exits(0).stdout_has("new 3");
    let paths: Vec<_> = service.pings().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/ping/s3cret-uuid/start", "/ping/s3cret-uuid"], "the end was sent all the same");
    assert_eq!(read_file(&project)["exit_code"], 0);
}

#[test]
fn a_heartbeat_replaces_no_file_but_its_own() {
    let project = TempProject::with_few_quakes(3);
    project.write("quakes.toml", &(project.read("quakes.toml") + "\n[heartbeat]\nfile = \"heartbeat.json\"\n"));
    let others = r#"{"schema_version": 1, "job": "others", "run": null, "exit_code": 0,
        "finished": "2026-01-01T00:00:00Z", "last_success": null, "read": 0, "new": 0, "failed": 0}"#;
    for (text, why) in [
        ("my own notes\n", "it exists and is not a heartbeat file"),
        ("{}", "it exists and is not a heartbeat file"),
        (others, "it is the heartbeat file of job others"),
    ] {
        project.write("heartbeat.json", text);
        project.run(&["check", "quakes.toml"]).exits(0).stdout_has("warning  heartbeat   ").stdout_has(why);
        project.run(&["run", "quakes.toml"]).exits(0).stderr_has(why);
        assert_eq!(project.read("heartbeat.json"), text);
    }
    project.replace_in("quakes.toml", "heartbeat.json", "none/heartbeat.json");
    project
        .run(&["check", "quakes.toml"])
        .exits(0)
        .stdout_has("is not there")
        .stdout_has("name another file as `file`");
    project.run(&["run", "quakes.toml"]).exits(0).stderr_has("the heartbeat file can't be written");
    project.replace_in("quakes.toml", "none/heartbeat.json", "beat.json");
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has("beat.json is written after each run");
    project.run(&["run", "quakes.toml"]).exits(0);
    project.run(&["run", "quakes.toml"]).exits(0);
    assert!(project.read("beat.json").contains("\"last_success\""));
}
