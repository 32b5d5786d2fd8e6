//! E-mail over a real socket: how often a server is tried, for how long, and what counts as
//! success.

use secrecy::SecretString;
use sheetkeep::alert_delivery::channel::{AlertChannel, ChannelTarget};
use sheetkeep::alert_delivery::dispatch::DeliveryResult;
use sheetkeep::alerts::channels::channel_kind::ChannelKind;

use crate::delivery::send;
use crate::mail_server::{MailAnswer, MailServer};

fn make_mail_channel(url: &str) -> AlertChannel {
    let target = ChannelTarget::Mail {
        url: SecretString::from(url.to_owned()),
        from: "Jobs <jobs@example.org>".into(),
        to: vec!["team@example.org".into()],
    };
    AlertChannel { name: "c".into(), kind: ChannelKind::Email, target }
}

/// Sends to a server with these answers; returns the result, the connections and the letters.
async fn send_to(answers: Vec<MailAnswer>) -> (DeliveryResult, usize, usize) {
    let server = MailServer::start(answers);
    let mut outcomes = send(&[make_mail_channel(&format!("smtp://{}", server.address))]).await;
    (outcomes.remove(0).result, server.connections(), server.letters().len())
}

#[tokio::test]
async fn a_letter_is_accepted_and_sent_once() {
    let server = MailServer::start(vec![MailAnswer::Takes]);
    let outcomes = send(&[make_mail_channel(&format!("smtp://{}", server.address))]).await;
    assert_eq!(outcomes[0].result, DeliveryResult::Accepted, "accepted is not delivered");
    let letters = server.letters();
    assert!(letters.len() == 1 && server.connections() == 1, "{letters:?}");
    let (headers, text) = letters[0].split_once("\n\n").expect("a body");
    assert!(headers.contains("Subject: ") && headers.contains("Message-ID: <") && text.contains("orders"), "{headers}");
}

#[tokio::test]
async fn a_busy_mail_server_is_tried_again_and_a_refusal_is_final() {
    use MailAnswer::{Answers, BreaksOff, Greets, Takes};
    for first in [Answers(451), Answers(421), Greets(421), BreaksOff] {
        let (result, connections, letters) = send_to(vec![first, Takes]).await;
        assert_eq!((result, connections, letters), (DeliveryResult::Accepted, 2, 1), "{first:?}");
    }
    let (result, connections, _) = send_to(vec![Answers(451)]).await;
    assert_eq!((result, connections), (DeliveryResult::Failed("the mail server answered 451".into()), 3));
    for refusal in [Answers(550), Greets(554)] {
        let (result, connections, _) = send_to(vec![refusal]).await;
        assert!(matches!(result, DeliveryResult::Refused(_)) && connections == 1, "{refusal:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_broken_mail_server_fails_in_time() {
    for answer in [MailAnswer::Hangs, MailAnswer::BreaksOff, MailAnswer::Garbage, MailAnswer::Endless] {
        let (result, connections, letters) = send_to(vec![answer]).await;
        assert!(!result.is_taken() && (1..=3).contains(&connections) && letters == 0, "{answer:?}: {result:?}");
    }
}

#[tokio::test]
async fn no_letter_and_no_password_goes_out_without_tls() {
    for url in ["smtps://127.0.0.1", "smtp://jobs:s3cretWebhookPath0123456789@127.0.0.1"] {
        let server = MailServer::start(vec![MailAnswer::Takes]);
        let port = server.address.rsplit(':').next().expect("a port");
        let outcomes = send(&[make_mail_channel(&format!("{url}:{port}"))]).await;
        assert!(!outcomes[0].result.is_taken(), "{outcomes:?}");
        assert!((1..=3).contains(&server.connections()) && server.letters().is_empty(), "{url}");
    }
}
