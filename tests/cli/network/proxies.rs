//! Proxies between the client and the service: a small one of this test, and tinyproxy if it is
//! installed.
//!
//! The emulator is the service, on this machine, without TLS, so the proxy forwards requests.
//! Tunnels to an https address are requested by name, and the proxy of this test answers for every
//! host beyond it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject, run_to_end};
use crate::tls::TlsProxy;

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";
/// `me:pass`, as it is sent.
const ME: &str = "proxy-authorization: Basic bWU6cGFzcw==";

/// A proxy that answers each CONNECT as configured, and forwards other requests.
struct Proxy {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heads = Arc::clone(&kept);
                thread::spawn(move || serve_proxy(stream, answer, &heads));
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no thread panicked").clone()
    }
}

/// Serves one connection with one request.
fn serve_proxy(mut client: TcpStream, answer: &str, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    heads.lock().ok()?.push(head.clone());
    if !answer.is_empty() {
        client.write_all(answer.as_bytes()).ok()?;
        return Some(());
    }
    let (line, fields) = head.split_once("\r\n")?;
    let (method, rest) = line.split_once(' ')?;
    if method == "CONNECT" {
        let mut server = TcpStream::connect(rest.split_once(' ')?.0).ok()?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
        let (mut back, mut from) = (client.try_clone().ok()?, server.try_clone().ok()?);
        thread::spawn(move || std::io::copy(&mut from, &mut back));
        std::io::copy(&mut reader, &mut server).ok()?;
        return Some(());
    }
    let (host, path) = rest.strip_prefix("http://")?.split_once('/')?;
    let kept = fields
        .lines()
        .filter(|field| !field.to_ascii_lowercase().starts_with("proxy-"))
        .filter(|field| !field.is_empty());
    let length =
        fields.lines().find_map(|field| field.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut server = TcpStream::connect(host).ok()?;
    let fields: String = kept.flat_map(|field| [field, "\r\n"]).collect();
    server.write_all(format!("{method} /{path}\r\n{fields}connection: close\r\n\r\n").as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    std::io::copy(&mut server, &mut client).ok()?;
    Some(())
}

/// Returns a key whose token comes from `url`.
fn make_key_file(project: &TempProject, emulator: &EmulatorProcess, url: &str) -> String {
    let key = project.read("emulator-key.json").replace(&emulator.url, url);
    project.write("far-key.json", &key);
    project.path("far-key.json").to_string_lossy().into_owned()
}

/// Runs the job on a spreadsheet at Google, behind these proxies.
fn make_far_proxy(project: &TempProject, proxies: &[(&str, &str)], args: &[&str]) -> CommandOutput {
    let emulator = EmulatorProcess::start(project, &[]);
    let key = make_key_file(project, &emulator, "https://oauth2.googleapis.com");
    let mut command = project.command(args);
    command
        .env("SHEETKEEP_SPREADSHEET_ID", ID)
        .env("GOOGLE_APPLICATION_CREDENTIALS", key)
        .envs(proxies.iter().copied());
    run_to_end(command)
}

fn make_near_proxy(
    project: &TempProject,
    emulator: &EmulatorProcess,
    proxies: &[(&str, &str)],
    args: &[&str],
) -> CommandOutput {
    let mut command = emulator.command(project, ID, args);
    command.envs(proxies.iter().copied());
    run_to_end(command)
}

#[test]
fn calls_go_through_the_proxy_with_its_credentials() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let project = TempProject::with_few_quakes(3);
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        let proxy = Proxy::start("");
        let value = format!("http://me:pass@{}", proxy.address);
        let ended = make_near_proxy(&project, &emulator, &[(variable, &value)], &["run", "quakes.toml", "-vv"]);
        assert!(!ended.exits(0).stdout_has("new 3").stderr.contains("bWU6cGFzcw"), "{}", ended.stderr);
        let heads = proxy.heads();
        assert!(
            heads.iter().any(|head| head.starts_with(&format!("POST {}/token HTTP/1.1", emulator.url))),
            "{heads:?}"
        );
        assert!(heads.iter().any(|head| head.contains(":batchUpdate")) && heads.len() >= 6, "{heads:?}");
        assert!(heads.iter().all(|head| head.contains(ME)), "{heads:?}");
        let check = make_near_proxy(&project, &emulator, &[(variable, &value)], &["check", "quakes.toml"]);
        check
            .exits(0)
            .stdout_has(&format!("through http://{} of {variable}, with a user and a password", proxy.address));
        assert!(!check.stdout.contains("pass@"), "{}", check.stdout);
        assert_eq!(ApiClient::of(emulator, ID).rows("Quakes").len(), 3);
    }
}

#[test]
fn what_is_listed_and_the_local_file_need_no_proxy() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let proxy = Proxy::start("HTTP/1.1 500 No\r\n\r\n");
    let set = ("HTTP_PROXY", proxy.address.as_str());
    for list in ["127.0.0.1", "x, 127.0.0.0/8", "*"] {
        let check = make_near_proxy(&project, &emulator, &[set, ("NO_PROXY", list)], &["check", "quakes.toml"]);
        check.exits(0).stdout_has("NO_PROXY lists 127.0.0.1");
        make_near_proxy(&project, &emulator, &[set, ("no_proxy", list)], &["run", "quakes.toml"]).exits(0);
    }
    let far = ("ALL_PROXY", "http://proxy.invalid:3128");
    make_near_proxy(&project, &emulator, &[far], &["run", "quakes.toml"]).exits(0);
    make_near_proxy(&project, &emulator, &[far], &["check", "quakes.toml"])
        .exits(0)
        .stdout_has("127.0.0.1 is this machine");
    make_near_proxy(&project, &emulator, &[set, ("REQUEST_METHOD", "GET")], &["run", "quakes.toml"]).exits(0);
    project.run_with(&[("ALL_PROXY", "nonsense: here")], &["run", "quakes.toml"]).exits(0).stdout_has("local file");
    assert_eq!(proxy.heads(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_says_no_is_named_and_ends_the_run_at_once() {
    let html = "HTTP/1.1 403 Filtered\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno";
    for (answer, code, words) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            77,
            "does not take the user and password",
        ),
        (html, 77, "refuses the way to oauth2.googleapis.com (403)"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n\r\n", 76, "answers what no proxy answers"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n",
            76,
            "answers what no proxy answers",
        ),
    ] {
        let proxy = Proxy::start(answer);
        let value = format!("http://me:pass@{}", proxy.address);
        for args in [["run", "quakes.toml", "-v"], ["run", "quakes.toml", "--json"], ["check", "quakes.toml", "-v"]] {
            let project = TempProject::with_few_quakes(3);
            let ended = make_far_proxy(&project, &[("HTTPS_PROXY", &value)], &args);
            let all = format!("{}{}", ended.exits(code).stdout, ended.stderr);
            assert!(all.contains(words) && all.contains("HTTPS_PROXY") && all.contains(&proxy.address), "{all}");
            assert!(args[0] == "check" || all.contains("NO_PROXY lists what is reached without one"), "{all}");
            assert!(!all.contains("pass@") && !all.contains("bWU6") && !all.contains("share the spreadsheet"), "{all}");
        }
        let heads = proxy.heads();
        assert_eq!(heads.len(), 3, "once a run: {heads:?}");
        assert!(
            heads
                .iter()
                .all(|head| head.starts_with("CONNECT oauth2.googleapis.com:443 HTTP/1.1") && head.contains(ME))
        );
    }
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let proxy = Proxy::start("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    let ended = make_near_proxy(&project, &emulator, &[("HTTP_PROXY", &proxy.address)], &["run", "quakes.toml"]);
    ended.exits(77).stderr_has("asks for a user and a password (407)").stderr_has("HTTP_PROXY");
    assert_eq!((proxy.heads().len(), emulator.stats()["writes"].as_u64()), (1, Some(0)));
}

#[test]
fn a_proxy_that_is_not_there_or_fails_is_named_after_all_tries() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "[source]", "[retry]\nattempts = 2\n\n[source]");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let ended = make_far_proxy(&project, &[("https_proxy", &gone)], &["run", "quakes.toml"]);
    ended
        .exits(69)
        .stderr_has(&format!("the proxy http://{gone} of https_proxy can't be reached"))
        .stderr_has("tried 2 times");
    let proxy = Proxy::start("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let ended = make_far_proxy(&project, &[("HTTPS_PROXY", &proxy.address)], &["run", "quakes.toml"]);
    ended.exits(69).stderr_has("could not reach oauth2.googleapis.com (502)");
    assert_eq!(proxy.heads().len(), 2);
}

#[test]
fn a_value_that_is_no_proxy_stops_the_run_and_is_not_shown() {
    let project = TempProject::with_few_quakes(3);
    for value in ["http://me:hunt#er2@proxy:1", "http://me:hunt@er2@proxy:1", "ftp://hunter:1", "hunter 2"] {
        let ended = make_far_proxy(&project, &[("HTTPS_PROXY", value)], &["run", "quakes.toml"]);
        assert!(
            !ended.exits(78).stderr_has("HTTPS_PROXY is not the address").stderr.contains("hunt"),
            "{}",
            ended.stderr
        );
    }
    make_far_proxy(&project, &[("ALL_PROXY", "socks5h://127.0.0.1:1080")], &["run", "quakes.toml"])
        .exits(78)
        .stderr_has("SOCKS");
}

#[test]
fn the_metadata_server_is_asked_without_the_proxy() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let metadata = Proxy::start(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n{\"access_token\": \"no-good\", \"expires_in\": 3600}",
    );
    let proxy = Proxy::start("");
    let mut command = emulator.command(&project, ID, &["check", "quakes.toml"]);
    command
        .env_remove("GOOGLE_APPLICATION_CREDENTIALS")
        .env("GCE_METADATA_HOST", &metadata.address)
        .env("ALL_PROXY", &proxy.address);
    run_to_end(command).exits(77);
    assert!(
        metadata.heads().iter().all(|head| head.starts_with("GET /computeMetadata/")) && !metadata.heads().is_empty()
    );
    assert!(proxy.heads().iter().all(|head| !head.contains("computeMetadata")) && !proxy.heads().is_empty());
}

/// Runs the job on a spreadsheet behind TLS, and behind this proxy.
fn behind_tls(
    project: &TempProject,
    emulator: &EmulatorProcess,
    service: &TlsProxy,
    proxy: &str,
    trusted: bool,
) -> CommandOutput {
    let key = make_key_file(project, emulator, &service.url);
    let mut command = emulator.command(project, ID, &["run", "quakes.toml"]);
    command.env("SHEETKEEP_API_URL", &service.url).env("GOOGLE_APPLICATION_CREDENTIALS", key).env("HTTPS_PROXY", proxy);
    if trusted {
        command.env("SSL_CERT_FILE", &service.certificate);
    }
    run_to_end(command)
}

#[test]
fn an_https_service_is_reached_through_a_tunnel() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let (service, proxy) = (TlsProxy::start(&project, &emulator.url), Proxy::start(""));
    let value = format!("http://me:pass@{}", proxy.address);
    behind_tls(&project, &emulator, &service, &value, true).exits(0).stdout_has("new 3");
    let heads = proxy.heads();
    let asked = format!("CONNECT {} HTTP/1.1\r\n", service.url.trim_start_matches("https://"));
    assert!(heads.len() >= 2 && heads.iter().all(|head| head.starts_with(&asked) && head.contains(ME)), "{heads:?}");
    assert_eq!(ApiClient::of(emulator, ID).rows("Quakes").len(), 3);
}

#[test]
fn a_tunnel_with_a_wrong_end_names_the_certificate_variable() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "[source]", "[retry]\nattempts = 1\n\n[source]");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let (service, proxy) = (TlsProxy::start(&project, &emulator.url), Proxy::start(""));
    let ended = behind_tls(&project, &emulator, &service, &proxy.address, false);
    ended.exits(69).stderr_has("not to be trusted").stderr_has("SSL_CERT_FILE").stderr_has("of HTTPS_PROXY");
}

/// A tinyproxy, stopped when it is dropped.
struct Tinyproxy {
    process: Child,
    address: String,
}

impl Tinyproxy {
    /// Starts one that requires `me` and `pass`; `None` if it is not installed and the environment
    /// does not require it.
    fn start(project: &TempProject) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let log = project.path("tinyproxy.log");
        let config = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nLogFile \"{}\"\nLogLevel Connect\nBasicAuth me pass\nMaxClients 50\n",
            log.display()
        );
        project.write("tinyproxy.conf", &config);
        let mut command = Command::new("tinyproxy");
        command.args(["-d", "-c"]).arg(project.path("tinyproxy.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let address = format!("127.0.0.1:{port}");
        match command.spawn() {
            Ok(process) => {
                let proxy = Self { process, address };
                let reached = (0..2_000_000).any(|_| {
                    thread::yield_now();
                    TcpStream::connect(&proxy.address).is_ok()
                });
                assert!(reached, "tinyproxy does not listen");
                Some(proxy)
            }
            Err(error) => {
                let needed = std::env::var_os("SHEETKEEP_TEST_PROXY").is_some();
                assert!(
                    !needed,
                    "SHEETKEEP_TEST_PROXY is set, but tinyproxy can't be run: {error}; apt-get install tinyproxy-bin"
                );
                None
            }
        }
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_real_proxy_of_debian_lets_calls_through_to_who_may() {
    let project = TempProject::with_few_quakes(3);
    let Some(proxy) = Tinyproxy::start(&project) else {
        println!("passed over: tinyproxy is not installed, and SHEETKEEP_TEST_PROXY is not set");
        return;
    };
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let with = |user: &str| format!("http://{user}{}", proxy.address);
    make_near_proxy(&project, &emulator, &[("http_proxy", &with("me:pass@"))], &["run", "quakes.toml"])
        .exits(0)
        .stdout_has("new 3");
    let log = project.read("tinyproxy.log");
    assert!(log.contains("/token") && log.contains(":batchUpdate"), "{log}");
    let service = TlsProxy::start(&project, &emulator.url);
    behind_tls(&project, &emulator, &service, &with("me:pass@"), true).exits(0).stdout_has("new 0 · skipped 3");
    assert!(project.read("tinyproxy.log").contains("CONNECT localhost:"), "{log}");
    for (user, words) in [("me:wrong@", "does not take the user and password"), ("", "asks for a user and a password")]
    {
        let ended = make_near_proxy(&project, &emulator, &[("http_proxy", &with(user))], &["run", "quakes.toml"]);
        assert!(
            !ended.exits(77).stderr_has(words).stderr_has("http_proxy").stderr.contains("wrong"),
            "{}",
            ended.stderr
        );
        make_far_proxy(&project, &[("HTTPS_PROXY", &with(user))], &["run", "quakes.toml"])
            .exits(77)
            .stderr_has(words)
            .stderr_has("HTTPS_PROXY");
    }
}
