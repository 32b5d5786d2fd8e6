//! `PagerDuty`: Events API v2, one incident for each condition of a job.
//!
//! <https://developer.pagerduty.com/docs/events-api-v2/trigger-events/>. A 202 is accepted, not
//! delivered.

use serde_json::{Map, Value, json};

use crate::channels::reply_verdict::{ReplyVerdict, has_member};
use crate::channels::text_limit::{cut_bytes, cut_units};
use crate::message::Message;

/// Where events are sent.
pub const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";
/// The longest summary, source and key, in characters.
const SUMMARY: usize = 1_024;
const SOURCE: usize = 255;
const KEY: usize = 255;
/// The longest detail, in bytes: an event has at most 512 kB.
const DETAIL: usize = 8_000;

/// Returns the body of a message for the service with this routing key.
pub fn build_body(message: &Message, routing_key: &str) -> Value {
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": if message.kind.is_firing() { "trigger" } else { "resolve" },
        "dedup_key": cut_units(&message.dedup_key, KEY),
    });
    if !message.kind.is_firing() {
        return event;
    }
    let mut details: Map<String, Value> = Map::new();
    for fact in message.facts.iter().take(20) {
        details.insert(cut_units(&fact.label, 100), Value::String(cut_bytes(&fact.text, DETAIL)));
    }
    for (label, text) in [("Reason", &message.reason), ("Next", &message.next_step), ("Ids", &message.footer)] {
        if !text.is_empty() {
            details.insert(label.to_owned(), Value::String(cut_bytes(text, DETAIL)));
        }
    }
    let at = message.at.to_string();
    if let Some(members) = event.as_object_mut() {
        members.insert(
            "payload".to_owned(),
            json!({
                "summary": cut_units(&message.title, SUMMARY),
                "source": cut_units(&message.job, SOURCE),
                "severity": message.severity.as_str(),
                "timestamp": at,
                "component": cut_units(&message.job, SOURCE),
                "class": message.condition,
                "custom_details": details,
            }),
        );
        members.insert("client".to_owned(), json!("sheetkeep"));
        if let Some(link) = &message.link {
            members.insert("links".to_owned(), json!([{"href": link.url, "text": link.label}]));
        }
    }
    event
}

/// Returns what a reply means.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>, body: &str) -> ReplyVerdict {
    match status {
        200..=299 if has_member(body, "status") => ReplyVerdict::Accepted,
        200..=299 => ReplyVerdict::odd_reply(status),
        400 => ReplyVerdict::Refused { why: "status 400: is the routing key right?".to_owned() },
        _ => ReplyVerdict::of_status(status, retry_after_s),
    }
}
