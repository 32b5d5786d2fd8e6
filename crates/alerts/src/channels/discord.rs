//! Discord: an embed, by a webhook with `wait=true`, without which a lost message is not an error.
//!
//! <https://discord.com/developers/docs/resources/webhook#execute-webhook>. No text may call people.

use serde_json::{Value, json};

use crate::channels::reply_verdict::{ReplyVerdict, has_member};
use crate::channels::text_limit::cut_units;
use crate::message::Message;

/// The longest content, title, description, field name and value, footer, in characters, so that an
/// embed has at most 6,000.
const CONTENT: usize = 2_000;
const TITLE: usize = 256;
const DESCRIPTION: usize = 1_600;
const NAME: usize = 100;
const VALUE: usize = 300;
const FOOTER: usize = 300;
const FIELDS: usize = 8;

/// Returns the body of a message.
pub fn build_body(message: &Message) -> Value {
    let mut description = String::new();
    for (label, text) in [("Reason", &message.reason), ("Next", &message.next_step)] {
        if !text.is_empty() {
            description.extend(["**", label, "** ", text, "\n"]);
        }
    }
    let fields: Vec<Value> = message
        .facts
        .iter()
        .filter(|fact| !fact.text.is_empty())
        .take(FIELDS)
        .map(
            |fact| json!({"name": cut_units(&fact.label, NAME), "value": cut_units(&fact.text, VALUE), "inline": true}),
        )
        .collect();
    let mut embed = json!({
        "title": cut_units(&message.title, TITLE),
        "color": message.colour(),
        "fields": fields,
        "footer": {"text": cut_units(&message.footer, FOOTER)},
    });
    if let Some(members) = embed.as_object_mut() {
        if !description.is_empty() {
            members.insert("description".to_owned(), json!(cut_units(description.trim_end(), DESCRIPTION)));
        }
        if let Some(link) = &message.link {
            members.insert("url".to_owned(), json!(link.url));
        }
    }
    let content = format!("{}: {}", message.word(), message.title);
    json!({
        "content": cut_units(&content, CONTENT),
        "username": "sheetkeep",
        "embeds": [embed],
        "allowed_mentions": {"parse": []},
    })
}

/// Returns what a reply means. A 404 is a deleted webhook, and more tries would block this address.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>, body: &str) -> ReplyVerdict {
    match status {
        200 if has_member(body, "id") => ReplyVerdict::Delivered,
        200..=299 => ReplyVerdict::odd_reply(status),
        404 => ReplyVerdict::Refused {
            why: "status 404: the webhook was deleted; make one again, and use its address".to_owned(),
        },
        429 => {
            let named = serde_json::from_str::<Value>(body).ok();
            let seconds = named.and_then(|value| value.get("retry_after").and_then(Value::as_f64));
            ReplyVerdict::Later {
                why: "status 429".to_owned(),
                after_s: retry_after_s.or(seconds.map(round_up_seconds)),
            }
        }
        _ => ReplyVerdict::of_status(status, retry_after_s),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a wait may be")]
fn round_up_seconds(seconds: f64) -> u64 {
    seconds.ceil().clamp(0.0, 3_600.0) as u64
}
