//! ntfy: JSON to the root of the server, so that no text has to fit into a header.
//!
//! <https://docs.ntfy.sh/publish/#publish-as-json>. A longer message than 4,096 bytes would become an
//! attachment.

use serde_json::{Value, json};

use crate::channels::reply_verdict::{ReplyVerdict, has_member};
use crate::channels::text_limit::cut_bytes;
use crate::message::Message;

/// The longest message and title, in bytes.
const MESSAGE: usize = 4_000;
const TITLE: usize = 250;

/// Returns the body of a message for this topic.
pub fn build_body(message: &Message, topic: &str) -> Value {
    let (priority, tag) = match message.word() {
        "OK" => (3, "white_check_mark"),
        "FAILED" => (5, "rotating_light"),
        "TEST" => (3, "wave"),
        _ => (4, "warning"),
    };
    let mut lines = vec![message.title.clone()];
    lines.extend(message.lines());
    lines.push(message.footer.clone());
    let mut body = json!({
        "topic": topic,
        "title": cut_bytes(&format!("{}: {}", message.word(), message.job), TITLE),
        "message": cut_bytes(&lines.join("\n"), MESSAGE),
        "priority": priority,
        "tags": [tag],
    });
    if let (Some(members), Some(link)) = (body.as_object_mut(), &message.link) {
        members.insert("click".to_owned(), json!(link.url));
    }
    body
}

/// Returns what a reply means.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>, body: &str) -> ReplyVerdict {
    match status {
        200 if has_member(body, "id") => ReplyVerdict::Delivered,
        200..=299 => ReplyVerdict::odd_reply(status),
        _ => ReplyVerdict::of_status(status, retry_after_s),
    }
}
