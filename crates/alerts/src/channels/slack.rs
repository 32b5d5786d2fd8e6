//! Slack: Block Kit, by an incoming webhook.
//!
//! Limits and replies: <https://docs.slack.dev/reference/block-kit/blocks> and
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>. `&`, `<` and `>` are
//! escaped, so that a cell's `<!channel>` calls no one.

use serde_json::{Value, json};

use crate::channels::reply_verdict::ReplyVerdict;
use crate::channels::text_limit::{cut_units, escape_within};
use crate::message::Message;

/// The longest header, section, field, button label and link, in characters.
const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
const BUTTON_LENGTH: usize = 75;
const LINK: usize = 3_000;
/// The most fields of a section.
const FIELDS: usize = 10;
/// The longest fallback text; longer ones would be cut by Slack at 4,000.
const TEXT: usize = 3_000;

/// The plain-text codes by which Slack reports that a webhook is wrong or revoked.
const WRONG_WEBHOOK_CODES: [&str; 14] = [
    "invalid_payload",
    "no_text",
    "too_many_attachments",
    "user_not_found",
    "channel_not_found",
    "action_prohibited",
    "posting_to_general_channel_denied",
    "invalid_token",
    "channel_is_archived",
    "no_service",
    "no_service_id",
    "no_active_hooks",
    "no_team",
    "team_disabled",
];

/// Returns the body of a message.
pub fn build_body(message: &Message) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": cut_units(&message.title, HEADER)},
    })];
    let fields: Vec<Value> = message
        .facts
        .iter()
        .take(FIELDS)
        .map(|fact| {
            let label = escape_text(&fact.label, FIELD / 2);
            let room = FIELD.saturating_sub(label.encode_utf16().count() + 3);
            json!({"type": "mrkdwn", "text": format!("*{label}*\n{}", escape_text(&fact.text, room))})
        })
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    if !message.reason.is_empty() {
        // A row of three backticks would end the code.
        let reason = escape_text(&message.reason.replace("```", "'''"), SECTION - 30);
        blocks.push(build_section(&format!("*Reason*\n```{reason}```")));
    }
    if !message.next_step.is_empty() {
        blocks.push(build_section(&format!("*Next*\n{}", escape_text(&message.next_step, SECTION - 30))));
    }
    if let Some(link) = message.link.as_ref().filter(|link| link.url.len() <= LINK) {
        let text = json!({"type": "plain_text", "text": cut_units(&link.label, BUTTON_LENGTH)});
        blocks.push(json!({"type": "actions", "elements": [{"type": "button", "text": text, "url": link.url}]}));
    }
    if !message.footer.is_empty() {
        let element = json!({"type": "mrkdwn", "text": escape_text(&message.footer, FIELD)});
        blocks.push(json!({"type": "context", "elements": [element]}));
    }
    let text = format!("{}: {}", message.word(), message.title);
    json!({
        "text": escape_text(&text, TEXT),
        "attachments": [{"color": format!("#{:06X}", message.colour()), "blocks": blocks}],
    })
}

fn build_section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

/// Returns a text in which nothing is a command to Slack.
fn escape_text(text: &str, most: usize) -> String {
    escape_within(text, most, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    })
}

/// Returns whether the webhook itself is gone, so that only another one helps.
fn is_about_webhook(code: &str) -> bool {
    code.starts_with("no_service") || code.starts_with("no_active") || ["invalid_token", "no_team"].contains(&code)
}

/// Returns what a reply means: success is `ok`, and the text of an error counts more than its
/// status.
pub fn judge_reply(status: u16, retry_after_s: Option<u64>, body: &str) -> ReplyVerdict {
    let text = body.trim();
    match WRONG_WEBHOOK_CODES.into_iter().find(|code| *code == text) {
        Some(code) if is_about_webhook(code) => ReplyVerdict::Refused {
            why: format!("status {status}: {code}; make a webhook in Slack again, and use its address"),
        },
        Some(code) => ReplyVerdict::Refused { why: format!("status {status}: {code}") },
        None if status == 200 && text == "ok" => ReplyVerdict::Delivered,
        None if (200..300).contains(&status) => ReplyVerdict::odd_reply(status),
        None => ReplyVerdict::of_status(status, retry_after_s),
    }
}
