//! The kinds of channels, and the request by which each gets a message.

use std::fmt;

use serde_json::Value;

use crate::channels::reply_verdict::ReplyVerdict;
use crate::channels::{discord, ntfy, pagerduty, slack, teams, webhook};
use crate::message::Message;
use crate::severity::Severity;

/// A kind of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// An incoming webhook of Slack, or of a chat that takes the same messages.
    Slack,
    /// `PagerDuty` Events API v2.
    PagerDuty,
    /// A workflow webhook of Microsoft Teams.
    Teams,
    /// A webhook of Discord.
    Discord,
    /// A topic of ntfy.
    Ntfy,
    /// E-mail, by SMTP.
    Email,
    /// A JSON document, signed as Standard Webhooks does.
    Webhook,
    /// A program, which gets the JSON document on standard input.
    Command,
}

impl ChannelKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Slack,
        Self::PagerDuty,
        Self::Teams,
        Self::Discord,
        Self::Ntfy,
        Self::Email,
        Self::Webhook,
        Self::Command,
    ];

    /// Returns the text that the job file uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
            Self::Teams => "teams",
            Self::Discord => "discord",
            Self::Ntfy => "ntfy",
            Self::Email => "email",
            Self::Webhook => "webhook",
            Self::Command => "command",
        }
    }

    /// Parses the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Returns the least severity that such a channel gets, unless the job file names one.
    pub fn usual_severity(self) -> Severity {
        if self == Self::PagerDuty { Severity::Critical } else { Severity::Warning }
    }

    /// Returns whether several messages at one time are joined into one.
    pub fn joins(self) -> bool {
        !self.forgets_repeats()
    }

    /// Returns whether the receiver drops a message that it has already, by its key.
    pub fn forgets_repeats(self) -> bool {
        matches!(self, Self::PagerDuty | Self::Webhook)
    }

    /// Returns the JSON body for an HTTP channel. `key` is the routing key of `PagerDuty`, or the
    /// topic of ntfy. Other channels get the document of a webhook.
    pub fn body(self, message: &Message, key: &str) -> Value {
        match self {
            Self::Slack => slack::build_body(message),
            Self::PagerDuty => pagerduty::build_body(message, key),
            Self::Teams => teams::build_body(message),
            Self::Discord => discord::build_body(message),
            Self::Ntfy => ntfy::build_body(message, key),
            Self::Email | Self::Webhook | Self::Command => webhook::build_document(message),
        }
    }

    /// Returns what the reply of an HTTP channel means.
    pub fn judge_reply(self, status: u16, retry_after_s: Option<u64>, body: &str) -> ReplyVerdict {
        match self {
            Self::Slack => slack::judge_reply(status, retry_after_s, body),
            Self::PagerDuty => pagerduty::judge_reply(status, retry_after_s, body),
            Self::Teams => teams::judge_reply(status, retry_after_s),
            Self::Discord => discord::judge_reply(status, retry_after_s, body),
            Self::Ntfy => ntfy::judge_reply(status, retry_after_s, body),
            Self::Email | Self::Webhook | Self::Command => webhook::judge_reply(status, retry_after_s),
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
