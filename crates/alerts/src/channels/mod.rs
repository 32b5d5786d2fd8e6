//! What each channel gets of a message, within its limits, and what its reply means.
//!
//! Messages are cut to a channel's limits, and never refused by them. Lengths are counted in UTF-16
//! units, which is at least what each service counts.
//!
//! - `channel_kind`: the kinds of channels, and the request for each.
//! - `text_limit`: cutting texts.
//! - `reply_verdict`: what a reply means.
//! - `slack`, `pagerduty`, `teams`, `discord`, `ntfy`, `email`, `webhook`: one file a channel.

pub mod channel_kind;
pub mod discord;
pub mod email;
pub mod ntfy;
pub mod pagerduty;
pub mod reply_verdict;
pub mod slack;
pub mod teams;
pub mod text_limit;
pub mod webhook;
