//! One message to an HTTP channel.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::alert_delivery::channel::AlertChannel;
use crate::alert_delivery::signature::sign_message;
use crate::alerts::channels::channel_kind::ChannelKind;
use crate::alerts::channels::reply_verdict::ReplyVerdict;
use crate::alerts::message::Message;
use crate::clock::Clock;
use crate::sheets_client::transport::connect::{RootsError, Transport};
use crate::sheets_client::transport::web_client::{WebClient, WebError};

/// Posts messages to the address of a channel, as JSON.
pub(crate) struct HttpPost {
    client: WebClient,
    clock: Arc<dyn Clock>,
}

impl HttpPost {
    /// Creates a client whose requests end after `timeout`. Fails without certificates to trust.
    pub(crate) fn new(transport: &Transport, timeout: Duration, clock: &Arc<dyn Clock>) -> Result<Self, RootsError> {
        Ok(Self { client: WebClient::new(transport, timeout, Arc::clone(clock))?, clock: Arc::clone(clock) })
    }

    /// Posts a message once. Redirects are not followed.
    pub(crate) async fn post_message(
        &self,
        channel: &AlertChannel,
        url: &SecretString,
        key: Option<&SecretString>,
        topic: &str,
        message: &Message,
    ) -> ReplyVerdict {
        let Some(url) = build_address(channel.kind, url.expose_secret()) else {
            return ReplyVerdict::Refused { why: "its address can't be used".to_owned() };
        };
        let key = key.map(SecretString::expose_secret);
        let in_body = if channel.kind == ChannelKind::PagerDuty { key.unwrap_or_default() } else { topic };
        let body = channel.kind.body(message, in_body).to_string();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(self.make_headers(channel.kind, key, message, &body));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        match self.client.post(&url, &headers, body).await {
            Ok(reply) => channel.kind.judge_reply(reply.status, reply.retry_after_s, &reply.body),
            Err(WebError::Unusable) => ReplyVerdict::Refused { why: "its address can't be used".to_owned() },
            Err(error) => ReplyVerdict::Later { why: error.to_string(), after_s: None },
        }
    }

    fn make_headers(
        &self,
        kind: ChannelKind,
        key: Option<&str>,
        message: &Message,
        body: &str,
    ) -> Vec<(String, String)> {
        match (kind, key) {
            (ChannelKind::Ntfy, Some(token)) => vec![("authorization".to_owned(), format!("Bearer {token}"))],
            (ChannelKind::Webhook, _) => {
                let now_s = self.clock.now().0.div_euclid(1_000);
                let mut headers = vec![
                    ("webhook-id".to_owned(), message.id.clone()),
                    ("webhook-timestamp".to_owned(), now_s.to_string()),
                ];
                let signed = key.map(|secret| sign_message(secret, &message.id, now_s, body));
                headers.extend(signed.map(|signature| ("webhook-signature".to_owned(), signature)));
                headers
            }
            _ => Vec::new(),
        }
    }
}

/// Returns the address of a request: Discord is asked to wait for the message to be saved.
fn build_address(kind: ChannelKind, url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    if kind == ChannelKind::Discord && !url.query_pairs().any(|(name, _)| name == "wait") {
        url.query_pairs_mut().append_pair("wait", "true");
    }
    Some(url)
}
