//! The login page of a network in place of the service, with 200, and truncated responses: they end
//! as the runbook documents.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::emulator_process::EmulatorProcess;
use crate::temp_project::{TempProject, make_feed, run_to_end};

const PAGE: &str = "<!DOCTYPE html><html><title>Hotel</title><body>Please log in</body></html>";

/// Starts a server that answers everything with its page; it ends with the test's process.
fn start_portal(status: &'static str) -> String {
    start_server(status, "text/html", PAGE)
}

/// Starts a server that answers everything alike.
fn start_server(status: &'static str, kind: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut seen = vec![0; 65_536];
                while stream.read(&mut seen).is_ok_and(|read| read > 0) {
                    let length = body.len();
                    let head = format!(
                        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nlocation: /login\r\ncontent-length: {length}\r\n\r\n"
                    );
                    if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

/// Starts a token service that grants a token once, and then answers everything with its page.
fn start_portal_after_token(emulator: &EmulatorProcess) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let granted = json!({"access_token": emulator.token(), "expires_in": 3_600, "token_type": "Bearer"}).to_string();
    std::thread::spawn(move || {
        let mut granted = Some(granted);
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            read_request(&mut stream);
            let body = granted.take().unwrap_or_else(|| PAGE.to_owned());
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    format!("http://{address}")
}

/// Reads a request to its end, so that closing the connection does not truncate the response.
fn read_request(stream: &mut std::net::TcpStream) {
    let (mut seen, mut piece) = (String::new(), [0; 4_096]);
    loop {
        let is_whole = seen.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let mut lines = head.lines().map(str::to_ascii_lowercase);
            let length = lines.find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            body.len() >= length.unwrap_or(0)
        });
        if is_whole {
            return;
        }
        match stream.read(&mut piece) {
            Ok(read) if read > 0 => seen.push_str(&String::from_utf8_lossy(&piece[..read])),
            _ => return,
        }
    }
}

fn make_project() -> TempProject {
    let project = TempProject::with_few_quakes(2);
    project.replace_in("quakes.toml", "[sheet]", "[retry]\nattempts = 2\nbase = \"100ms\"\n\n[sheet]");
    project
}

#[test]
fn a_page_in_place_of_a_token_ends_with_76() {
    for status in ["200 OK", "302 Found", "511 Network Authentication Required"] {
        let (project, url) = (make_project(), start_portal(status));
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
        let key = project.read("emulator-key.json").replace(&emulator.url, &url);
        project.write("portal.json", &key);
        let environment = [
            ("SHEETKEEP_API_URL", url.as_str()),
            ("SHEETKEEP_SPREADSHEET_ID", "1AbC"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "portal.json"),
        ];
        for command in ["run", "status", "check"] {
            let ended = project.run_with(&environment, &[command, "quakes.toml"]);
            ended.exits(76);
            assert!(
                format!("{}{}", ended.stdout, ended.stderr).contains("log in to this network"),
                "{status} {command}"
            );
        }
    }
}

#[test]
fn a_page_in_place_of_a_new_token_ends_a_write_with_76() {
    for skip in 0..4 {
        let project = make_project();
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
        let url = start_portal_after_token(&emulator);
        project.write("portal.json", &project.read("emulator-key.json").replace(&emulator.url, &url));
        let run = || {
            let mut command = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
            command.env("GOOGLE_APPLICATION_CREDENTIALS", project.path("portal.json"));
            run_to_end(command)
        };
        emulator
            .inject_faults(&format!("[{{\"on\": \"writes\", \"do\": \"fail\", \"status\": 401, \"skip\": {skip}}}]"));
        run().exits(76).stderr_has("log in to this network");
        project.write("usgs-all-week.geojson", &make_feed(0..4));
        emulator.run(&project, "1AbC", &["run", "quakes.toml"]).exits(0);
    }
}

#[test]
fn a_page_in_place_of_the_sheets_api_ends_with_76() {
    for status in ["200 OK", "302 Found"] {
        let (project, url) = (make_project(), start_portal(status));
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
        for command in ["run", "status", "show", "check"] {
            let mut command = emulator.command(&project, "1AbC", &[command, "quakes.toml"]);
            command.env("SHEETKEEP_API_URL", &url);
            run_to_end(command).exits(76);
        }
    }
}

#[test]
fn a_service_that_is_out_of_order_still_ends_with_69() {
    let (project, url) = (make_project(), start_portal("503 Service Unavailable"));
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    let mut command = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
    command.env("SHEETKEEP_API_URL", &url);
    run_to_end(command).exits(69);
    project.write("portal.json", &project.read("emulator-key.json").replace(&emulator.url, &url));
    let mut command = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
    command.env("GOOGLE_APPLICATION_CREDENTIALS", "portal.json");
    run_to_end(command).exits(69).stderr_has("not valid JSON");
}

#[test]
fn an_answer_that_breaks_off_never_blames_the_permissions() {
    for (status, exit) in [("400 Bad Request", 69), ("403 Forbidden", 69), ("404 Not Found", 69), ("429 Too Many", 75)]
    {
        for body in ["", r#"{"error": {"code": 403, "mess"#] {
            let (project, url) = (make_project(), start_server(status, "application/json", body));
            project.replace_in("quakes.toml", "attempts = 2", "attempts = 2\nmax_elapsed = \"1s\"");
            let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
            for command in ["run", "status", "show"] {
                let mut command = emulator.command(&project, "1AbC", &[command, "quakes.toml"]);
                command.env("SHEETKEEP_API_URL", &url);
                let ended = run_to_end(command);
                ended.exits(exit);
                assert!(!ended.stderr.contains("shar"), "{status}: {}", ended.stderr);
            }
        }
    }
    let (project, url) = (make_project(), start_portal("403 Forbidden"));
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    let mut command = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
    command.env("SHEETKEEP_API_URL", &url);
    run_to_end(command).exits(76).stderr_has("a web page came with 403");
}
