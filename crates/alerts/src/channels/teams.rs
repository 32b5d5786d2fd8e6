//! Microsoft Teams: an adaptive card, by a workflow webhook.
//!
//! <https://adaptivecards.io/explorer/>, version 1.2. A message has at most 28 kB. The flow may fail
//! after its 202, so that is accepted, not delivered.

use serde_json::{Value, json};

use crate::channels::reply_verdict::ReplyVerdict;
use crate::channels::text_limit::cut_bytes;
use crate::message::Message;

/// The longest title, fact and text, in bytes; with `FACTS` facts, a card stays far below 28 kB,
/// also if each byte is escaped.
const TITLE: usize = 600;
const FACT_LENGTH: usize = 400;
const TEXT: usize = 1_200;
const FACTS: usize = 8;
/// The longest address of the button, in bytes.
const LINK: usize = 2_000;

/// Returns the body of a message.
pub fn build_body(message: &Message) -> Value {
    let colour = match message.word() {
        "OK" => "Good",
        "FAILED" => "Attention",
        "TEST" => "Accent",
        _ => "Warning",
    };
    let mut blocks = vec![json!({
        "type": "TextBlock", "text": escape_text(&message.title, TITLE), "weight": "Bolder", "size": "Medium",
        "wrap": true, "style": "heading", "color": colour,
    })];
    let facts: Vec<Value> = message
        .facts
        .iter()
        .take(FACTS)
        .map(|fact| json!({"title": escape_text(&fact.label, 100), "value": escape_text(&fact.text, FACT_LENGTH)}))
        .collect();
    if !facts.is_empty() {
        blocks.push(json!({"type": "FactSet", "facts": facts}));
    }
    for (label, text) in [("Reason", &message.reason), ("Next", &message.next_step)] {
        if !text.is_empty() {
            let text = format!("{label}: {}", escape_text(text, TEXT));
            blocks.push(json!({"type": "TextBlock", "text": text, "wrap": true}));
        }
    }
    if !message.footer.is_empty() {
        let text = escape_text(&message.footer, FACT_LENGTH);
        blocks.push(json!({"type": "TextBlock", "text": text, "isSubtle": true, "size": "Small", "wrap": true}));
    }
    let link = message.link.as_ref().filter(|link| link.url.len() <= LINK);
    let actions: Vec<Value> = link
        .map(|link| json!({"type": "Action.OpenUrl", "title": cut_bytes(&link.label, 100), "url": link.url}))
        .into_iter()
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "body": blocks,
                "actions": actions,
                "msteams": {"width": "full"},
            },
        }],
    })
}

/// Returns a text in which nothing is Markdown or a mention: a card reads both.
fn escape_text(text: &str, most: usize) -> String {
    let quiet: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let quiet = quiet.replace("<at>", "at ").replace("](", "] (");
    cut_bytes(&quiet, most)
}

/// Returns what a reply means.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>) -> ReplyVerdict {
    match status {
        200..=299 => ReplyVerdict::Accepted,
        _ => ReplyVerdict::of_status(status, retry_after_s),
    }
}
