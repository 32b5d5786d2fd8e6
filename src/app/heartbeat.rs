//! The heartbeat of a job: pings to a monitoring service, and a file with the result of the last
//! run.
//!
//! In scope: when a ping is sent, its address and its body; the file. Out of scope: the settings
//! (`config::sections::reporting::heartbeat`).
//!
//! A start is reported once the run holds the lease, so that a duplicate invocation is silent. A
//! ping that fails is logged and changes nothing else.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use url::Url;

use crate::clock::Clock;
use crate::config::sections::reporting::heartbeat::{HeartbeatSettings, PingConvention, PingSettings};
use crate::fault::Fault;
use crate::ledger::runs::event::{Event, EventSink, RunReport};
use crate::private_files;
use crate::private_files::find_parent_folder;
use crate::redact::redact;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::transport::web_client::WebClient;

/// The longest time of one attempt, of both together with the pause, and between them.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long the end of a run waits for its start ping.
const START_PING_WAIT: Duration = Duration::from_secs(3);
/// Attempts of one ping.
const ATTEMPTS: u32 = 3;
/// Bytes of a ping's body; Healthchecks keeps 10,000 if it hosts itself.
const MAX_BODY: usize = 10_000;
/// Bytes of the message in an address; Cronitor cuts at 1,000 to 2,000.
const MAX_MESSAGE: usize = 500;
/// The longest heartbeat file that is read, in bytes.
const MAX_FILE: u64 = 65_536;

/// The heartbeat of one run.
pub struct Heartbeat {
    settings: HeartbeatSettings,
    client: Option<WebClient>,
    clock: Arc<dyn Clock>,
    progress: Arc<Mutex<HeartbeatProgress>>,
}

/// What was reported so far.
#[derive(Default)]
struct HeartbeatProgress {
    run: Option<String>,
    has_started: bool,
    start_ping: Option<JoinHandle<()>>,
}

/// How a run ended, for the heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub struct HeartbeatEnd<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The exit code of the run.
    pub exit_code: u8,
    /// The report; `None` if the run could not make one.
    pub report: Option<&'a RunReport>,
    /// What people read of the run: its summary, or its error.
    pub text: String,
    /// True if the run did not begin because another one is active.
    pub is_duplicate: bool,
}

/// The heartbeat file: the last run, and the last one that succeeded. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatFile {
    schema_version: u32,
    /// The job's name.
    pub job: String,
    /// The last run's id.
    pub run: Option<String>,
    /// The last run's exit code.
    pub exit_code: u8,
    /// When the last run ended.
    pub finished: String,
    /// When the last run with exit code 0 ended.
    pub last_success: Option<String>,
    /// When the last run started, if it came that far.
    #[serde(default)]
    pub started: Option<String>,
    /// When the last run with exit code 0 started.
    #[serde(default)]
    pub last_success_started: Option<String>,
    /// Records that the last run read.
    pub read: u64,
    /// Keys that became done in the last run.
    pub new: u64,
    /// Records that failed in the last run.
    pub failed: u64,
}

/// The moment that a ping reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PingEvent {
    Start,
    Success,
    Failure,
}

impl Heartbeat {
    /// Creates the heartbeat of one run. Without certificates to trust, pings are left out, and
    /// the reason is logged.
    pub fn new(settings: &HeartbeatSettings, ca_file: Option<&Path>, clock: Arc<dyn Clock>) -> Self {
        let client = settings.ping.as_ref().and_then(|ping| {
            let proxies = ping.proxies.clone();
            let transport = Transport::Network { ca_file: ca_file.map(Path::to_owned), proxies };
            let made = WebClient::new(&transport, ATTEMPT_TIMEOUT, Arc::clone(&clock));
            made.inspect_err(|error| tracing::warn!(event = "heartbeat.unusable", %error, "heartbeats can't be sent"))
                .ok()
        });
        Self { settings: settings.clone(), client, clock, progress: Arc::default() }
    }

    /// Returns events that also report the start of the run, once it holds the lease.
    pub fn wrap_events(&self, events: EventSink) -> EventSink {
        let progress = Arc::clone(&self.progress);
        let ping = self.settings.ping.clone().zip(self.client.clone());
        let clock = Arc::clone(&self.clock);
        Arc::new(move |event| {
            match &event {
                Event::Started { run, .. } => lock(&progress).run = Some(run.clone()),
                Event::Claimed { .. } => {
                    let mut progress = lock(&progress);
                    if let (Some((ping, client)), Some(run), false) = (&ping, &progress.run, progress.has_started) {
                        let (ping, client, run, clock) =
                            (ping.clone(), client.clone(), run.clone(), Arc::clone(&clock));
                        let task = async move { send(&ping, &client, &clock, PingEvent::Start, &run, "").await };
                        progress.start_ping = Some(tokio::spawn(task.in_current_span()));
                    }
                    progress.has_started = true;
                }
                _ => {}
            }
            events(event);
        })
    }

    /// Reports the end of the run: writes the file, and sends success or failure. A duplicate is
    /// not reported.
    pub async fn finish(&self, end: &HeartbeatEnd<'_>) {
        let (run, started, start_ping) = {
            let mut progress = lock(&self.progress);
            (progress.run.clone(), progress.has_started, progress.start_ping.take())
        };
        if end.is_duplicate && !started {
            return;
        }
        if let Some(path) = &self.settings.file
            && let Err(error) = self.write_file(path, run.clone(), end)
        {
            tracing::warn!(event = "heartbeat.file_failed", %error, file = %path.display(), "the heartbeat file can't be written");
        }
        let Some((ping, client)) = self.settings.ping.as_ref().zip(self.client.as_ref()) else { return };
        let event = if end.exit_code == 0 { PingEvent::Success } else { PingEvent::Failure };
        let run = run.unwrap_or_else(|| end.job.to_owned());
        let body = cut_tail(&redact(&format!("exit code {}\n{}", end.exit_code, end.text)), MAX_BODY);
        let pings = async {
            // The service pairs the two by their order. A start that hangs does not keep the end.
            if let Some(mut start_ping) = start_ping {
                tokio::select! {
                    _ = &mut start_ping => {}
                    () = self.clock.sleep(START_PING_WAIT) => start_ping.abort(),
                }
            }
            send(ping, client, &self.clock, event, &run, &body).await;
        };
        tokio::select! {
            () = pings => {}
            () = self.clock.sleep(TOTAL_TIMEOUT) => tracing::warn!(event = "heartbeat.timed_out", "the heartbeat was not sent within 10 s"),
        }
    }

    fn write_file(&self, path: &Path, run: Option<String>, end: &HeartbeatEnd<'_>) -> std::io::Result<()> {
        let finished = self.clock.now().to_string();
        if let Some(why) = HeartbeatFile::explain_refusal(path, end.job) {
            return Err(std::io::Error::other(why));
        }
        let existing = HeartbeatFile::read(path);
        let started = end.report.map(|report| report.run.started.to_string());
        let before = existing.map(|file| (file.last_success, file.last_success_started)).unwrap_or_default();
        let (last_success, last_success_started) =
            if end.exit_code == 0 { (Some(finished.clone()), started.clone()) } else { before };
        let counts = end.report.map(|report| report.run.counts).unwrap_or_default();
        let file = HeartbeatFile {
            schema_version: 1,
            job: end.job.to_owned(),
            run,
            exit_code: end.exit_code,
            last_success,
            started,
            last_success_started,
            finished,
            read: counts.read,
            new: counts.new,
            failed: counts.failed,
        };
        let text = serde_json::to_string_pretty(&file)?;
        private_files::write_atomically(path, format!("{text}\n").as_bytes())
    }
}

impl HeartbeatFile {
    /// Returns why a run of `job` would not write this file: it replaces nothing but its own.
    pub fn explain_refusal(path: &Path, job: &str) -> Option<String> {
        if path.symlink_metadata().is_ok() {
            return match Self::read(path) {
                Some(file) if file.job == job => None,
                Some(file) => Some(format!("it is the heartbeat file of job {}, and is left as it is", file.job)),
                None => Some("it exists and is not a heartbeat file, and is left as it is".to_owned()),
            };
        }
        let folder = find_parent_folder(path);
        match private_files::check_writable(folder) {
            Ok(()) => None,
            Err(_) if !folder.is_dir() => Some(format!("its folder {} is not there", folder.display())),
            Err(error) => Some(format!("its folder {} can't be written: {error}", folder.display())),
        }
    }

    /// Reads a heartbeat file; `None` if there is none, or if it can't be read.
    pub fn read(path: &Path) -> Option<Self> {
        let is_small = std::fs::metadata(path).ok()?.len() <= MAX_FILE;
        let text = is_small.then(|| std::fs::read_to_string(path).ok()).flatten()?;
        serde_json::from_str(&text).ok()
    }
}

fn lock(progress: &Mutex<HeartbeatProgress>) -> std::sync::MutexGuard<'_, HeartbeatProgress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends one ping, with a few attempts. A reply in the 400s other than 408 and 429 is final. A time
/// that the service names is kept, or the ping is given up if that is too long.
async fn send(
    ping: &PingSettings,
    client: &WebClient,
    clock: &Arc<dyn Clock>,
    moment: PingEvent,
    run: &str,
    body: &str,
) {
    let Some(url) = build_ping_address(ping, moment, run, body) else { return };
    for attempt in 1..=ATTEMPTS {
        let reply = client.post(&url, &[("content-type", "text/plain; charset=utf-8")], body.to_owned()).await;
        let asked_s = reply.as_ref().ok().and_then(|reply| reply.retry_after_s);
        let (kind, why) = match reply {
            Ok(reply) if (200..300).contains(&reply.status) => return,
            Ok(reply) if (400..500).contains(&reply.status) && !matches!(reply.status, 408 | 429) => {
                tracing::warn!(
                    event = "heartbeat.refused",
                    status = reply.status,
                    "the heartbeat service refused a ping; is heartbeat.url right?"
                );
                return;
            }
            Ok(reply) if reply.status == 429 => (Fault::Throttled, "status 429".to_owned()),
            Ok(reply) => (Fault::Transient, format!("status {}", reply.status)),
            Err(error) => (Fault::Transient, error.to_string()),
        };
        let pause = asked_s.map_or(RETRY_PAUSE, Duration::from_secs);
        let is_last = attempt == ATTEMPTS || pause >= TOTAL_TIMEOUT;
        let delay_ms = if is_last { 0 } else { pause.as_millis() };
        let event = if is_last { "heartbeat.failed" } else { "heartbeat.retrying" };
        tracing::warn!(
            event,
            attempt,
            of = ATTEMPTS,
            delay_ms,
            error.kind = %kind,
            cause = %why,
            "a heartbeat was not accepted"
        );
        if is_last {
            return;
        }
        clock.sleep(pause).await;
    }
}

/// Returns the address of one ping.
fn build_ping_address(ping: &PingSettings, event: PingEvent, run: &str, body: &str) -> Option<Url> {
    let mut url = Url::parse(ping.url.expose_secret()).ok()?;
    let id = run_uuid(run);
    match ping.convention {
        PingConvention::Healthchecks => {
            let word = match event {
                PingEvent::Start => Some("start"),
                PingEvent::Success => None,
                PingEvent::Failure => Some("fail"),
            };
            if let Some(word) = word {
                url.path_segments_mut().ok()?.pop_if_empty().push(word);
            }
            url.query_pairs_mut().append_pair("rid", &id);
        }
        PingConvention::Cronitor => {
            let state = match event {
                PingEvent::Start => "run",
                PingEvent::Success => "complete",
                PingEvent::Failure => "fail",
            };
            let mut query = url.query_pairs_mut();
            query.append_pair("state", state).append_pair("series", run);
            if !body.is_empty() {
                query.append_pair("message", &cut_tail(body, MAX_MESSAGE));
            }
        }
        PingConvention::Sentry => {
            let status = match event {
                PingEvent::Start => "in_progress",
                PingEvent::Success => "ok",
                PingEvent::Failure => "error",
            };
            url.query_pairs_mut().append_pair("check_in_id", &id).append_pair("status", status);
        }
    }
    Some(url)
}

/// Returns a UUID (version 8, RFC 9562) that is the same for every ping of a run.
fn run_uuid(run: &str) -> String {
    let mut bytes: [u8; 16] = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(Sha256::digest(format!("sheetkeep run {run}").as_bytes())) {
        *byte = hashed;
    }
    let [.., sixth, _, eighth, _, _, _, _, _, _, _] = &mut bytes;
    *sixth = (*sixth & 0x0f) | 0x80;
    *eighth = (*eighth & 0x3f) | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    let mut out = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

/// Returns the last bytes of a text, at a character's start.
fn cut_tail(text: &str, most: usize) -> String {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use crate::sheets_client::transport::proxy::Proxies;

    use super::*;

    fn address(url: &str, convention: PingConvention, event: PingEvent) -> String {
        let url = SecretString::from(url.to_owned());
        let ping = PingSettings { url, convention, proxies: Proxies::default() };
        build_ping_address(&ping, event, "r", "why").expect("an address").to_string()
    }

    #[test]
    fn each_service_gets_its_own_address() {
        let id = run_uuid("r");
        assert_eq!((id.len(), id.get(14..15), id.matches('-').count()), (36, Some("8"), 4));
        let hc = |event| address("https://hc.example/abc/", PingConvention::Healthchecks, event);
        assert_eq!(hc(PingEvent::Start), format!("https://hc.example/abc/start?rid={id}"));
        assert_eq!(hc(PingEvent::Failure), format!("https://hc.example/abc/fail?rid={id}"));
        assert_eq!(hc(PingEvent::Success), format!("https://hc.example/abc/?rid={id}"));
        let cronitor = address("https://cronitor.link/p/k/m", PingConvention::Cronitor, PingEvent::Failure);
        assert_eq!(cronitor, "https://cronitor.link/p/k/m?state=fail&series=r&message=why");
        let sentry =
            address("https://o1.example/api/2/cron/j/k/?environment=prod", PingConvention::Sentry, PingEvent::Success);
        assert_eq!(sentry, format!("https://o1.example/api/2/cron/j/k/?environment=prod&check_in_id={id}&status=ok"));
    }

    #[test]
    fn a_long_text_is_cut_at_its_beginning() {
        assert_eq!(
            (cut_tail("abc", 2).as_str(), cut_tail("aé", 1).as_str(), cut_tail("a", 9).as_str()),
            ("bc", "", "a")
        );
    }
}
