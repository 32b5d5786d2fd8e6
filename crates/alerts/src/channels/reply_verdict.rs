//! What the reply of a channel means. No verdict quotes a reply: it may hold a secret.

use serde_json::Value;

/// What follows from a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyVerdict {
    /// The channel has the message.
    Delivered,
    /// A service has taken it, and may lose it still.
    Accepted,
    /// Try again, after so many seconds if the service named a time.
    Later {
        /// Why, without an address.
        why: String,
        /// The seconds that the service asks for.
        after_s: Option<u64>,
    },
    /// Trying again does not help.
    Refused {
        /// Why, without an address.
        why: String,
    },
}

/// What a service means that has nothing at an address.
const WRONG_ADDRESS_ADVICE: &str = "nothing is at this address; copy it from the service again";
/// The next step for a secret that is refused.
const COPY_AGAIN_ADVICE: &str = "copy it from the service again";

impl ReplyVerdict {
    /// Returns the verdict on a status that has no meaning of its own to the channel.
    pub(crate) fn of_status(status: u16, retry_after_s: Option<u64>) -> Self {
        match status {
            408 | 425 | 429 | 500..=599 => Self::Later { why: format!("status {status}"), after_s: retry_after_s },
            300..=399 => Self::Refused {
                why: format!("status {status}: redirects are not followed; use the address to which it leads"),
            },
            404 | 410 => Self::Refused { why: format!("status {status}: {WRONG_ADDRESS_ADVICE}") },
            401 | 403 => Self::Refused {
                why: format!("status {status}: it refuses this address or its key; {COPY_AGAIN_ADVICE}"),
            },
            _ => Self::Refused { why: format!("status {status}") },
        }
    }

    /// Returns the verdict on a success whose body is not what the service sends.
    pub(crate) fn odd_reply(status: u16) -> Self {
        Self::Refused { why: format!("status {status} with a reply that is not the service's: is the address right?") }
    }
}

/// Returns whether a reply is a JSON object with this member.
pub(crate) fn has_member(body: &str, name: &str) -> bool {
    serde_json::from_str::<Value>(body).is_ok_and(|value| value.get(name).is_some())
}
