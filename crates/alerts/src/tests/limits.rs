//! Each channel's limits, and what its replies mean.

use proptest::prelude::*;
use serde_json::Value;
use sheetkeep_base::time::Timestamp;

use crate::channels::channel_kind::ChannelKind;
use crate::channels::email;
use crate::channels::reply_verdict::ReplyVerdict;
use crate::channels::text_limit::{cut_bytes, cut_units};
use crate::message::{Fact, Message, NoticeKind};
use crate::severity::Severity;
use crate::tests::sequences::place;

fn message(text: &str) -> Message {
    Message {
        kind: NoticeKind::Problem,
        severity: Severity::Critical,
        title: text.to_owned(),
        facts: (0..40).map(|_| Fact::new(text, text)).collect(),
        reason: text.to_owned(),
        next_step: text.to_owned(),
        footer: text.to_owned(),
        ..place().test_message(Timestamp(0), "chat")
    }
}

fn units(value: &Value) -> usize {
    value.as_str().expect("a text").encode_utf16().count()
}

fn check_slack(body: &Value) {
    assert!(units(&body["text"]) <= 3_000);
    let blocks = body["attachments"][0]["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 50);
    for block in blocks {
        match block["type"].as_str().expect("a type") {
            "header" => assert!(units(&block["text"]["text"]) <= 150),
            "actions" => assert!(units(&block["elements"][0]["text"]["text"]) <= 75),
            "context" => assert!(block["elements"].as_array().expect("elements").len() <= 10),
            _ => {
                assert!(block["text"].is_null() || units(&block["text"]["text"]) <= 3_000);
                let fields = block["fields"].as_array().cloned().unwrap_or_default();
                assert!(fields.len() <= 10 && fields.iter().all(|field| units(&field["text"]) <= 2_000));
            }
        }
    }
}

fn check_discord(body: &Value) {
    assert!(units(&body["content"]) <= 2_000 && body["allowed_mentions"]["parse"] == serde_json::json!([]));
    let embed = &body["embeds"][0];
    let fields = embed["fields"].as_array().expect("fields");
    let of_fields: usize = fields.iter().map(|field| units(&field["name"]) + units(&field["value"])).sum();
    let texts = [&embed["title"], &embed["description"], &embed["footer"]["text"]];
    assert!(units(texts[0]) <= 256 && units(texts[1]) <= 4_096 && fields.len() <= 25);
    assert!(texts.into_iter().map(units).sum::<usize>() + of_fields <= 6_000);
}

proptest! {
    #[test]
    fn messages_of_any_length_fit_each_channel(text in "[a<&`😀\\n\"é]{0,40}", times in 1_usize..200) {
        let message = message(&text.repeat(times));
        check_slack(&ChannelKind::Slack.body(&message, ""));
        let pagerduty = ChannelKind::PagerDuty.body(&message, "key");
        prop_assert!(units(&pagerduty["payload"]["summary"]) <= 1_024);
        prop_assert!(units(&pagerduty["dedup_key"]) <= 255);
        prop_assert!(pagerduty.to_string().len() <= 512_000);
        prop_assert!(ChannelKind::Teams.body(&message, "").to_string().len() <= 28_000);
        if !message.title.is_empty() {
            check_discord(&ChannelKind::Discord.body(&message, ""));
        }
        let ntfy = ChannelKind::Ntfy.body(&message, "topic");
        prop_assert!(ntfy["message"].as_str().expect("a text").len() <= 4_096);
        prop_assert!(email::build_subject(&message).encode_utf16().count() <= 150 && !email::build_subject(&message).contains('\n'));
    }

    #[test]
    fn a_cut_text_is_as_long_as_it_may_be(text in "[aé😀]{0,30}", most in 0_usize..40) {
        let cut = cut_units(&text, most);
        prop_assert!(cut.encode_utf16().count() <= most);
        prop_assert!(cut == text || cut.is_empty() || cut.ends_with('…'));
        prop_assert!(cut_bytes(&text, most).len() <= most);
    }
}

#[test]
fn a_cell_that_calls_a_channel_calls_no_one() {
    let mut body = ChannelKind::Slack.body(&message("<!channel> & <@U1>"), "");
    // A header is plain text, in which Slack reads nothing.
    body["attachments"][0]["blocks"][0] = Value::Null;
    let body = body.to_string();
    assert!(!body.contains("<!") && !body.contains("<@") && body.contains("&lt;!channel&gt; &amp;"));
}

#[test]
fn a_reply_means_what_its_service_documents() {
    let delivered =
        |kind: ChannelKind, status, body: &str| kind.judge_reply(status, None, body) == ReplyVerdict::Delivered;
    let accepted =
        |kind: ChannelKind, status, body: &str| kind.judge_reply(status, None, body) == ReplyVerdict::Accepted;
    assert!(delivered(ChannelKind::Slack, 200, "ok"));
    assert!(accepted(ChannelKind::PagerDuty, 202, r#"{"status":"success"}"#));
    assert!(accepted(ChannelKind::Teams, 202, ""));
    assert!(delivered(ChannelKind::Discord, 200, r#"{"id":"1"}"#));
    assert!(delivered(ChannelKind::Ntfy, 200, r#"{"id":"x"}"#));
    assert!(delivered(ChannelKind::Webhook, 204, "") && accepted(ChannelKind::Webhook, 202, ""));
    for kind in [ChannelKind::Slack, ChannelKind::PagerDuty, ChannelKind::Discord, ChannelKind::Ntfy] {
        assert!(matches!(kind.judge_reply(200, None, "<html>log in</html>"), ReplyVerdict::Refused { .. }), "{kind}");
    }
    for (status, words) in [(404, "copy it from the service again"), (302, "use the address to which it leads")] {
        let verdict = ChannelKind::Ntfy.judge_reply(status, None, "");
        assert!(matches!(&verdict, ReplyVerdict::Refused { why } if why.contains(words)), "{verdict:?}");
    }
    for kind in ChannelKind::ALL {
        let later = |status, wait| matches!(kind.judge_reply(status, wait, ""), ReplyVerdict::Later { after_s, .. } if after_s == wait);
        assert!(later(429, Some(3)) && later(500, None), "{kind}");
        assert!(matches!(kind.judge_reply(302, None, ""), ReplyVerdict::Refused { .. }), "{kind}");
        assert!(
            matches!(kind.judge_reply(404, None, "secret"), ReplyVerdict::Refused { why } if !why.contains("secret"))
        );
    }
    let revoked = ChannelKind::Slack.judge_reply(500, None, "no_service");
    let why = "status 500: no_service; make a webhook in Slack again, and use its address";
    assert_eq!(revoked, ReplyVerdict::Refused { why: why.into() });
    let discord = ChannelKind::Discord.judge_reply(429, None, r#"{"retry_after":1.2}"#);
    assert!(matches!(discord, ReplyVerdict::Later { after_s: Some(2), .. }));
}

#[test]
fn only_a_problem_triggers_an_incident_and_its_end_resolves_it() {
    let trigger = ChannelKind::PagerDuty.body(&message("x"), "key");
    let end = ChannelKind::PagerDuty.body(&Message { kind: NoticeKind::Recovered, ..message("y") }, "key");
    assert_eq!((&trigger["event_action"], &end["event_action"]), (&"trigger".into(), &"resolve".into()));
    assert_eq!(trigger["dedup_key"], end["dedup_key"]);
    assert!(end["payload"].is_null());
}
