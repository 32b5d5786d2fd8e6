//! All messages of a run, to all of their channels at the same time, within ten seconds.
//!
//! A channel has three tries. A time that it names (`Retry-After`) is kept, or the channel counts
//! as failed if that is too long. If no channel took a message, the first other one gets it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::alert_delivery::channel::{AlertChannel, ChannelTarget};
use crate::alert_delivery::http_post::HttpPost;
use crate::alert_delivery::mail::{MailTarget, send_mail};
use crate::alert_delivery::program::pass_to_program;
use crate::alerts::alert_rules::AlertRules;
use crate::alerts::channels::channel_kind::ChannelKind;
use crate::alerts::channels::reply_verdict::ReplyVerdict;
use crate::alerts::message::Message;
use crate::alerts::routing::{RoutedMessage, route};
use crate::alerts::severity::Severity;
use crate::clock::Clock;
use crate::sheets_client::transport::connect::Transport;
use crate::sheets_client::transport::proxy::Proxies;

/// The longest time of one try, of the first channels, and of everything together.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const FIRST_MS: u64 = 7_000;
const TOTAL_MS: u64 = 10_000;
/// Tries of one channel.
const ATTEMPTS: u32 = 3;
/// The pause before the second try; it doubles.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Sends messages to the channels of a job.
pub struct AlertDispatch {
    channels: Vec<AlertChannel>,
    post: Option<HttpPost>,
    ca_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
}

/// What became of a message on one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOutcome {
    /// The channel's name.
    pub channel: String,
    /// The ids of the messages that were joined in it.
    pub ids: Vec<String>,
    /// Whether the channel took the message, or why not.
    pub result: DeliveryResult,
}

/// The result of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The channel has it.
    Delivered,
    /// A service has taken it, and may lose it still.
    Accepted,
    /// It was not taken; why, without an address.
    Failed(String),
    /// The channel refused it, and will again until the settings change; why, without an address.
    Refused(String),
}

impl DeliveryResult {
    /// Returns whether the channel took the message.
    pub fn is_taken(&self) -> bool {
        !matches!(self, Self::Failed(_) | Self::Refused(_))
    }
}

impl AlertDispatch {
    /// Creates the dispatch of a job's channels. Without certificates to trust, HTTP channels fail,
    /// and the reason is logged.
    pub fn new(channels: &[AlertChannel], proxies: Proxies, ca_file: Option<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        let transport = Transport::Network { ca_file: ca_file.clone(), proxies };
        let post = HttpPost::new(&transport, ATTEMPT_TIMEOUT, &clock);
        let post = post
            .inspect_err(
                |error| tracing::warn!(event = "alert.https_unavailable", %error, "alerts can't be sent over https"),
            )
            .ok();
        Self { channels: channels.to_vec(), post, ca_file, clock }
    }

    /// Sends messages, and returns what became of each on each channel that was tried. Logs each
    /// failure. Returns within ten seconds.
    pub async fn send(&self, messages: &[Message], rules: &AlertRules) -> Vec<DeliveryOutcome> {
        let began_ms = self.clock.monotonic_ms();
        let routed = route(messages, &rules.routes);
        let mut outcomes = self.send_all(&routed, began_ms.saturating_add(FIRST_MS)).await;
        log_outcomes(&outcomes);
        let others = self.route_to_other_channels(messages, &outcomes);
        let of_others = self.send_all(&others, began_ms.saturating_add(TOTAL_MS)).await;
        log_outcomes(&of_others);
        outcomes.extend(of_others);
        outcomes
    }

    /// Sends a message to the channels of its own and to no other, and returns what became of it.
    /// The caller reports that; nothing is logged.
    pub async fn send_test(&self, message: &Message, rules: &AlertRules) -> Vec<DeliveryOutcome> {
        let routed = route(std::slice::from_ref(message), &rules.routes);
        self.send_all(&routed, self.clock.monotonic_ms().saturating_add(TOTAL_MS)).await
    }

    /// Sends each message to its channel, until `until_ms` of the monotonic clock.
    async fn send_all(&self, routed: &[RoutedMessage], until_ms: u64) -> Vec<DeliveryOutcome> {
        join_all(routed.iter().map(|one| self.send_one(one, until_ms))).await
    }

    /// Returns, for each message that no channel took, the first channel that was not tried. A
    /// pager gets nothing but what is critical.
    fn route_to_other_channels(&self, messages: &[Message], outcomes: &[DeliveryOutcome]) -> Vec<RoutedMessage> {
        let mut others = Vec::new();
        for message in messages {
            let mine: Vec<&DeliveryOutcome> =
                outcomes.iter().filter(|outcome| outcome.ids.contains(&message.id)).collect();
            if mine.is_empty() || mine.iter().any(|outcome| outcome.result.is_taken()) {
                continue;
            }
            let may_get = |channel: &&AlertChannel| {
                mine.iter().all(|outcome| outcome.channel != channel.name)
                    && (channel.kind != ChannelKind::PagerDuty || message.severity == Severity::Critical)
            };
            let other = self.channels.iter().find(may_get);
            others.extend(other.map(|channel| RoutedMessage {
                channel: channel.name.clone(),
                ids: vec![message.id.clone()],
                message: message.clone(),
            }));
        }
        others
    }

    async fn send_one(&self, routed: &RoutedMessage, until_ms: u64) -> DeliveryOutcome {
        let left = Duration::from_millis(until_ms.saturating_sub(self.clock.monotonic_ms()));
        let result = match self.channels.iter().find(|channel| channel.name == routed.channel) {
            None => DeliveryResult::Failed("[alerts] of the job file has no channel of this name".to_owned()),
            Some(channel) => tokio::select! {
                result = self.send_with_retries(channel, &routed.message, until_ms) => result,
                () = self.clock.sleep(left) => DeliveryResult::Failed("it took too long".to_owned()),
            },
        };
        DeliveryOutcome { channel: routed.channel.clone(), ids: routed.ids.clone(), result }
    }

    async fn send_with_retries(&self, channel: &AlertChannel, message: &Message, until_ms: u64) -> DeliveryResult {
        let mut pause = FIRST_RETRY_DELAY;
        for attempt in 1..=ATTEMPTS {
            let (why, after_s) = match self.try_once(channel, message).await {
                ReplyVerdict::Delivered => return DeliveryResult::Delivered,
                ReplyVerdict::Accepted => return DeliveryResult::Accepted,
                ReplyVerdict::Refused { why } => return DeliveryResult::Refused(why),
                ReplyVerdict::Later { why, after_s } => (why, after_s),
            };
            let wait = after_s.map_or(pause, Duration::from_secs);
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            if attempt == ATTEMPTS {
                return DeliveryResult::Failed(why);
            }
            if self.clock.monotonic_ms().saturating_add(wait_ms) >= until_ms {
                let asked = after_s.map_or_else(String::new, |seconds| format!("; it asks to wait {seconds} s"));
                return DeliveryResult::Failed(format!("{why}{asked}"));
            }
            let delay_ms = wait_ms;
            tracing::info!(event = "alert.retrying", channel = channel.name, attempt, delay_ms, cause = %why, "an alert is tried again");
            self.clock.sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
        DeliveryResult::Failed("every attempt failed".to_owned())
    }

    async fn try_once(&self, channel: &AlertChannel, message: &Message) -> ReplyVerdict {
        match &channel.target {
            ChannelTarget::Http { url, key, topic } => match &self.post {
                Some(post) => post.post_message(channel, url, key.as_ref(), topic, message).await,
                None => ReplyVerdict::Refused {
                    why: "the certificates of SSL_CERT_FILE can't be read; correct its path, or unset it".to_owned(),
                },
            },
            ChannelTarget::Mail { url, from, to } => {
                let target = MailTarget { url, from, to, ca_file: self.ca_file.as_deref(), timeout: ATTEMPT_TIMEOUT };
                send_mail(&target, message).await
            }
            ChannelTarget::Program { words, folder } => pass_to_program(words, folder, message).await,
        }
    }
}

fn log_outcomes(outcomes: &[DeliveryOutcome]) {
    for DeliveryOutcome { channel, ids, result } in outcomes {
        let id = ids.first().map(String::as_str).unwrap_or_default();
        match result {
            DeliveryResult::Delivered => tracing::info!(event = "alert.delivered", channel, id, "alert delivered"),
            DeliveryResult::Accepted => {
                tracing::info!(event = "alert.accepted", channel, id, "alert accepted, which is not delivered yet");
            }
            DeliveryResult::Failed(why) | DeliveryResult::Refused(why) => {
                tracing::warn!(event = "alert.failed", channel, id, cause = %why, "an alert was not taken");
            }
        }
    }
}
