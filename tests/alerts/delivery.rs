//! Each receiver over a real socket: how often it is tried, for how long, and what counts as
//! success.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use sheetkeep::alert_delivery::channel::{AlertChannel, ChannelTarget};
use sheetkeep::alert_delivery::dispatch::{AlertDispatch, DeliveryOutcome, DeliveryResult};
use sheetkeep::alerts::alert_rules::AlertRules;
use sheetkeep::alerts::channels::channel_kind::ChannelKind;
use sheetkeep::alerts::message::Message;
use sheetkeep::alerts::report_context::{AlertedJob, LinkedTabs};
use sheetkeep::alerts::routing::Route;
use sheetkeep::alerts::severity::Severity;
use sheetkeep::clock::Clock;
use sheetkeep::sheets_client::transport::proxy::Proxies;
use sheetkeep::system::SystemClock;
use sheetkeep::time::Timestamp;
use tracing::instrument::WithSubscriber as _;

use crate::receiver::{Receiver, ReceiverAnswer, SECRET};
use crate::temp_project::TempProject;
use crate::tls::TlsProxy;

/// How much faster than the real one the clock of these tests is.
const SPEED: u32 = 5;

/// A clock that runs faster, for receivers that hang.
pub(crate) struct FastClock(pub(crate) SystemClock);

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.monotonic_ms() * u64::from(SPEED)
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(wait / SPEED)
    }
}

/// The kinds over HTTP, each with the reply that its service gives.
const OVER_HTTP: [(ChannelKind, u16, &str); 6] = [
    (ChannelKind::Slack, 200, "ok"),
    (ChannelKind::PagerDuty, 202, r#"{"status":"success","dedup_key":"k"}"#),
    (ChannelKind::Teams, 202, ""),
    (ChannelKind::Discord, 200, r#"{"id":"1"}"#),
    (ChannelKind::Ntfy, 200, r#"{"id":"x","event":"message"}"#),
    (ChannelKind::Webhook, 200, ""),
];

pub(crate) fn make_message() -> Message {
    let place = AlertedJob {
        job: "orders".into(),
        spreadsheet: "1Sheet".into(),
        link: None,
        tabs: LinkedTabs::default(),
        status_command: String::new(),
        failures_command: String::new(),
        zone: TimeZone::UTC,
        host: "box".into(),
        version: "0.1.0".into(),
    };
    Message { severity: Severity::Critical, ..place.test_message(Timestamp(0), "c") }
}

fn make_http_channel(name: &str, kind: ChannelKind, url: &str) -> AlertChannel {
    let key = (kind == ChannelKind::PagerDuty).then(|| SecretString::from("k".repeat(32)));
    let topic = if kind == ChannelKind::Ntfy { "topic".to_owned() } else { String::new() };
    let target = ChannelTarget::Http { url: SecretString::from(url.to_owned()), key, topic };
    AlertChannel { name: name.into(), kind, target }
}

/// Everything that is logged meanwhile.
#[derive(Clone, Default)]
struct LogCopy(Arc<Mutex<Vec<u8>>>);

impl LogCopy {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl Write for LogCopy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a message to the channel `c`; the others are used if it fails.
pub(crate) async fn send(channels: &[AlertChannel]) -> Vec<DeliveryOutcome> {
    send_trusting(channels, None).await
}

/// Likewise, with a certificate to trust beside the usual ones. No line that is logged holds the
/// secret of an address.
async fn send_trusting(channels: &[AlertChannel], trusted: Option<&Path>) -> Vec<DeliveryOutcome> {
    let clock: Arc<dyn Clock> = Arc::new(FastClock(SystemClock::new()));
    let routes = channels.iter().map(|channel| {
        let min_severity = (channel.name == "c").then_some(Severity::Warning);
        Route { name: channel.name.clone(), min_severity, can_join_messages: true }
    });
    let rules = AlertRules { routes: routes.collect(), ..AlertRules::default() };
    let began_ms = clock.monotonic_ms();
    let dispatch = AlertDispatch::new(channels, Proxies::default(), trusted.map(Path::to_owned), Arc::clone(&clock));
    let log = LogCopy::default();
    let copied = log.clone();
    let watched = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || copied.clone());
    let outcomes = dispatch.send(&[make_message()], &rules).with_subscriber(watched.finish()).await;
    let logged = log.text();
    assert!(logged.contains("alert.") && !logged.contains(SECRET), "{logged}");
    let took_ms = clock.monotonic_ms() - began_ms;
    assert!(took_ms <= 10_500, "it took {took_ms} ms");
    assert!(!format!("{outcomes:?}").contains(SECRET), "{outcomes:?}");
    outcomes
}

/// Sends to a receiver of this kind; returns the result and how often it was asked.
async fn send_to(kind: ChannelKind, answers: Vec<ReceiverAnswer>) -> (DeliveryResult, usize) {
    let receiver = Receiver::start(answers);
    let mut outcomes = send(&[make_http_channel("c", kind, &receiver.url)]).await;
    (outcomes.remove(0).result, receiver.requests().len())
}

#[tokio::test]
async fn a_channel_that_takes_the_message_is_asked_once() {
    for (kind, status, body) in OVER_HTTP {
        let (result, requests) = send_to(kind, vec![ReceiverAnswer::Reply(status, body)]).await;
        let expected = if status == 202 { DeliveryResult::Accepted } else { DeliveryResult::Delivered };
        assert_eq!((result, requests), (expected, 1), "{kind}");
    }
}

#[tokio::test]
async fn a_busy_channel_is_tried_again_when_it_asks_for() {
    for (kind, status, body) in OVER_HTTP {
        for first in [ReceiverAnswer::Wait(429, 1), ReceiverAnswer::Reply(500, "no"), ReceiverAnswer::Reply(503, "no")]
        {
            let (result, requests) = send_to(kind, vec![first.clone(), ReceiverAnswer::Reply(status, body)]).await;
            assert!(result.is_taken() && requests == 2, "{kind} {first:?}: {result:?}, {requests}");
        }
        let (result, requests) = send_to(kind, vec![ReceiverAnswer::Wait(429, 60)]).await;
        assert_eq!(
            (result, requests),
            (DeliveryResult::Failed("status 429; it asks to wait 60 s".into()), 1),
            "{kind}"
        );
        let (result, requests) = send_to(kind, vec![ReceiverAnswer::Reply(500, "no")]).await;
        assert_eq!((result, requests), (DeliveryResult::Failed("status 500".into()), 3), "{kind}");
    }
}

#[tokio::test]
async fn a_broken_channel_fails_in_time_and_quotes_nothing() {
    let cases = OVER_HTTP.map(|(kind, ..)| async move {
        for (answer, most) in [(ReceiverAnswer::Hang, 2), (ReceiverAnswer::Reset, 3), (ReceiverAnswer::Garbage, 3)] {
            let (result, requests) = send_to(kind, vec![answer.clone()]).await;
            assert!(!result.is_taken() && (1..=most).contains(&requests), "{kind} {answer:?}: {result:?}, {requests}");
        }
        let (_, requests) = send_to(kind, vec![ReceiverAnswer::Endless]).await;
        assert!(requests <= 3, "{kind}: a reply without an end is cut off");
    });
    join_all(cases).await;
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    for (kind, ..) in OVER_HTTP {
        let elsewhere = Receiver::start_slack();
        let (result, requests) = send_to(kind, vec![ReceiverAnswer::Redirect(elsewhere.url.clone())]).await;
        assert_eq!((result.is_taken(), requests, elsewhere.requests().len()), (false, 1, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_channel_without_tls_behind_https_fails() {
    for (kind, ..) in OVER_HTTP {
        let receiver = Receiver::start_slack();
        let url = receiver.url.replace("http://", "https://");
        let outcomes = send(&[make_http_channel("c", kind, &url)]).await;
        assert!(!outcomes[0].result.is_taken(), "{kind}: {outcomes:?}");
        assert_eq!(receiver.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_certificate_counts_only_if_it_is_trusted() {
    for (kind, status, body) in OVER_HTTP {
        let receiver = Receiver::start(vec![ReceiverAnswer::Reply(status, body)]);
        let (service, path) = receiver.url.split_at(receiver.url.find("/services").expect("a path"));
        let project = TempProject::empty();
        let secure = TlsProxy::start(&project, service);
        let channel = [make_http_channel("c", kind, &format!("{}{path}", secure.url))];
        let refused = send(&channel).await;
        assert!(!refused[0].result.is_taken() && receiver.requests().is_empty(), "{kind}: {refused:?}");
        let taken = send_trusting(&channel, Some(&secure.certificate)).await;
        assert!(taken[0].result.is_taken() && receiver.requests().len() == 1, "{kind}: {taken:?}");
    }
}

#[tokio::test]
async fn a_login_page_is_no_success() {
    for kind in [ChannelKind::Slack, ChannelKind::PagerDuty, ChannelKind::Discord, ChannelKind::Ntfy] {
        let (result, requests) = send_to(kind, vec![ReceiverAnswer::Reply(200, "<html>log in</html>")]).await;
        assert!(!result.is_taken() && requests == 1, "{kind}: {result:?}");
    }
}

#[tokio::test]
async fn if_a_channel_hangs_the_second_still_gets_it() {
    let (hanging, second) = (Receiver::start(vec![ReceiverAnswer::Hang]), Receiver::start_slack());
    let channels = [
        make_http_channel("c", ChannelKind::Slack, &hanging.url),
        make_http_channel("d", ChannelKind::Slack, &second.url),
    ];
    let outcomes = send(&channels).await;
    let taken: Vec<_> = outcomes.iter().map(|outcome| (outcome.channel.as_str(), outcome.result.is_taken())).collect();
    assert_eq!(taken, [("c", false), ("d", true)]);
}

#[tokio::test]
async fn a_signed_webhook_carries_the_headers_of_the_standard() {
    let receiver = Receiver::start(vec![ReceiverAnswer::Reply(204, "")]);
    let mut channel = make_http_channel("c", ChannelKind::Webhook, &receiver.url);
    if let ChannelTarget::Http { key, .. } = &mut channel.target {
        *key = Some(SecretString::from("a secret of one's own".to_owned()));
    }
    send(&[channel]).await;
    let hit = receiver.requests().remove(0);
    assert_eq!(hit.header("webhook-id"), Some(make_message().id.as_str()));
    assert!(hit.header("webhook-timestamp").is_some_and(|at| at.parse::<i64>().is_ok()));
    assert!(hit.header("webhook-signature").is_some_and(|signature| signature.starts_with("v1,")));
    assert!(hit.line.starts_with("POST /services/") && hit.json()["type"] == "alert.test");
}

#[tokio::test]
async fn a_program_gets_the_message_and_its_exit_code_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("message.json");
    let program = |script: String| AlertChannel {
        name: "c".into(),
        kind: ChannelKind::Command,
        target: ChannelTarget::Program {
            words: vec!["/bin/sh".into(), "-c".into(), script],
            folder: folder.path().to_owned(),
        },
    };
    let taken = send(&[program("cat > message.json".to_owned())]).await;
    assert_eq!(taken[0].result, DeliveryResult::Delivered);
    let document: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("the file")).expect("JSON");
    assert_eq!(document["job"], "orders");
    for (script, why) in [
        ("exit 3", "the program ended with exit code 3"),
        ("exit 75", "the program ended with exit code 75"),
        ("kill -9 $$", "the program was killed"),
        ("exec sleep 60", "it took too long"),
    ] {
        let failed = send(&[program(script.into())]).await;
        let (DeliveryResult::Failed(found) | DeliveryResult::Refused(found)) = &failed[0].result else {
            panic!("{script} was taken")
        };
        assert_eq!(found, why, "{script}");
    }
}
