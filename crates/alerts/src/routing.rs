//! Which channels get a message.
//!
//! A message goes to every channel whose severity it reaches. A reminder also goes to those who
//! heard of the problem or to whom it is escalated, a recovery only to those who heard.

use std::cmp::Reverse;

use crate::message::Message;
use crate::severity::Severity;

/// A channel, as messages are routed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel's name.
    pub name: String,
    /// The least severity that it gets; `None` if it only hears of escalations.
    pub min_severity: Option<Severity>,
    /// Whether several messages at one time are joined for it. One that opens and closes incidents
    /// gets each on its own.
    pub can_join_messages: bool,
}

/// A message for one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedMessage {
    /// The channel's name.
    pub channel: String,
    /// The ids of the messages that are joined in it.
    pub ids: Vec<String>,
    /// The joined message, or the only one.
    pub message: Message,
}

/// Returns the names of the channels that get a message of this severity.
pub fn find_channels(routes: &[Route], severity: Severity) -> Vec<String> {
    let gets = |route: &&Route| route.min_severity.is_some_and(|least| severity >= least);
    routes.iter().filter(gets).map(|route| route.name.clone()).collect()
}

/// Returns what each channel gets of messages that are reported at one time: one message, joined
/// from all of them, or each on its own.
pub fn route(messages: &[Message], routes: &[Route]) -> Vec<RoutedMessage> {
    let mut found = Vec::new();
    for route in routes {
        let mut mine: Vec<&Message> =
            messages.iter().filter(|message| message.channels.contains(&route.name)).collect();
        // The first one gives a joined message its words and its colour: a problem, if there is
        // one.
        mine.sort_by_key(|message| (!message.kind.is_firing(), Reverse(message.severity)));
        let to = |message: Message, ids| RoutedMessage { channel: route.name.clone(), ids, message };
        match mine.split_first() {
            None => {}
            Some((first, rest)) if route.can_join_messages => {
                let ids = mine.iter().map(|message| message.id.clone()).collect();
                found.push(to(first.join_with(rest), ids));
            }
            Some(_) => found.extend(mine.into_iter().map(|message| to(message.clone(), vec![message.id.clone()]))),
        }
    }
    found
}
