//! Each convention of pings over a real socket: how often a ping is tried, and for how long.

use std::sync::Arc;

use futures_util::future::join_all;
use secrecy::SecretString;
use sheetkeep::app::heartbeat::{Heartbeat, HeartbeatEnd};
use sheetkeep::clock::Clock;
use sheetkeep::config::sections::reporting::heartbeat::{HeartbeatSettings, PingConvention, PingSettings};
use sheetkeep::sheets_client::transport::proxy::Proxies;
use sheetkeep::system::SystemClock;

use crate::delivery::FastClock;
use crate::receiver::{Receiver, ReceiverAnswer, SECRET};

const CONVENTIONS: [PingConvention; 3] =
    [PingConvention::Healthchecks, PingConvention::Cronitor, PingConvention::Sentry];

/// Reports that a run ended well. Returns within the ten seconds that a ping has.
async fn send_ping(convention: PingConvention, url: &str) {
    let clock: Arc<dyn Clock> = Arc::new(FastClock(SystemClock::new()));
    let url = SecretString::from(url.to_owned());
    let ping = PingSettings { url, convention, proxies: Proxies::default() };
    let settings = HeartbeatSettings { ping: Some(ping), file: None };
    let heartbeat = Heartbeat::new(&settings, None, Arc::clone(&clock));
    let began_ms = clock.monotonic_ms();
    let text = String::from("all is well");
    heartbeat.finish(&HeartbeatEnd { job: "orders", exit_code: 0, report: None, text, is_duplicate: false }).await;
    let took_ms = clock.monotonic_ms() - began_ms;
    assert!(took_ms <= 10_500, "it took {took_ms} ms");
}

#[tokio::test]
async fn a_ping_is_sent_until_it_is_taken_and_no_longer() {
    use ReceiverAnswer::{Garbage, Reply, Reset, Wait};
    let taken = || Reply(200, "OK");
    let cases = [
        (vec![taken()], 1),
        (vec![Wait(429, 1), taken()], 2),
        (vec![Reply(500, "no"), taken()], 2),
        (vec![Reply(500, "no")], 3),
        (vec![Wait(429, 60)], 1),
        (vec![Reset, taken()], 2),
        (vec![Garbage, taken()], 2),
        (vec![Reply(404, "no such check")], 1),
    ];
    let played = CONVENTIONS.map(|convention| {
        let cases = cases.clone();
        async move {
            for (answers, tries) in cases {
                let receiver = Receiver::start(answers.clone());
                send_ping(convention, &receiver.url).await;
                assert_eq!(receiver.requests().len(), tries, "{convention:?} {answers:?}");
            }
        }
    });
    join_all(played).await;
}

#[tokio::test]
async fn a_ping_that_hangs_ends_after_ten_seconds() {
    let played = CONVENTIONS.map(|convention| async move {
        let receiver = Receiver::start(vec![ReceiverAnswer::Hang]);
        send_ping(convention, &receiver.url).await;
        assert!((1..=2).contains(&receiver.requests().len()), "{convention:?}");
    });
    join_all(played).await;
}

#[tokio::test]
async fn a_ping_goes_to_no_other_host_and_to_none_without_tls() {
    for convention in CONVENTIONS {
        let elsewhere = Receiver::start_slack();
        let receiver = Receiver::start(vec![ReceiverAnswer::Redirect(elsewhere.url.clone())]);
        send_ping(convention, &receiver.url).await;
        assert_eq!((receiver.requests().is_empty(), elsewhere.requests().len()), (false, 0), "{convention:?}");
        let plain = Receiver::start_slack();
        send_ping(convention, &plain.url.replace("http://", "https://")).await;
        assert_eq!(plain.requests().len(), 0, "{convention:?}");
    }
}

#[tokio::test]
async fn each_convention_reports_a_success_in_its_words() {
    let words = [("rid=", "?"), ("state=complete&series=orders", "message="), ("status=ok", "check_in_id=")];
    for (convention, (one, other)) in CONVENTIONS.into_iter().zip(words) {
        let receiver = Receiver::start(vec![ReceiverAnswer::Reply(200, "OK")]);
        send_ping(convention, &receiver.url).await;
        let line = receiver.requests().remove(0).line;
        assert!(line.contains(SECRET) && line.contains(one) && line.contains(other), "{convention:?}: {line}");
    }
}
