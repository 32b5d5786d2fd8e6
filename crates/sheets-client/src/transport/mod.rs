//! How bytes reach a service.
//!
//! | question | file |
//! |---|---|
//! | How is a connection made, and which roots are trusted? | `connect` |
//! | Which proxy does a call use? | `proxy` |
//! | How is an https address reached through a proxy? | `tunnel` |
//! | How is an http address reached through a proxy? | `forward_proxy` |
//! | What is common to all streams? | `stream` |
//! | How is another service sent one request? | `web_client` |

pub mod connect;
mod forward_proxy;
pub mod proxy;
mod stream;
mod tunnel;
pub mod web_client;
