//! A webhook of one's own: a versioned JSON document. The signature is made where it is sent.

use serde_json::{Value, json};

use crate::channels::reply_verdict::ReplyVerdict;
use crate::message::Message;

/// The version of the document.
const VERSION: &str = "1";

/// Returns the document of a message.
pub fn build_document(message: &Message) -> Value {
    let facts: Vec<Value> = message.facts.iter().map(|fact| json!({"label": fact.label, "text": fact.text})).collect();
    let links: Vec<Value> = message.link.iter().map(|link| json!({"label": link.label, "url": link.url})).collect();
    json!({
        "version": VERSION,
        "type": format!("alert.{}", message.kind.as_str()),
        "id": message.id,
        "status": if message.kind.is_firing() { "firing" } else { "resolved" },
        "dedup_key": message.dedup_key,
        "timestamp": message.at.to_string(),
        "severity": message.severity.as_str(),
        "condition": message.condition,
        "job": message.job,
        "run": message.run,
        "title": message.title,
        "facts": facts,
        "reason": message.reason,
        "next": message.next_step,
        "links": links,
    })
}

/// Returns what a reply means.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>) -> ReplyVerdict {
    match status {
        202 => ReplyVerdict::Accepted,
        200..=299 => ReplyVerdict::Delivered,
        410 => ReplyVerdict::Refused { why: "status 410: the receiver is gone".to_owned() },
        _ => ReplyVerdict::of_status(status, retry_after_s),
    }
}
