//! Sending messages to people: over HTTP, by e-mail, through a program.
//!
//! In scope: one message to one channel, and all messages of a run within their time. Out of scope:
//! what is reported, when and in which words (`alerts`), and the settings
//! (`config::sections::reporting::alerts`).
//!
//! No error and no log line holds an address: it is a secret.
//!
//! | question | file |
//! |---|---|
//! | Where does a channel's message go, with which secrets? | `channel` |
//! | How is a message posted, and a webhook signed? | `http_post`, `signature` |
//! | How is an e-mail sent? | `mail` |
//! | How does a program get a message? | `program` |
//! | How often is it tried, for how long, and which channel is used if one fails? | `dispatch` |
//! | What does this machine remember of deliveries? | `alert_file` |

pub mod alert_file;
pub mod channel;
pub mod dispatch;
mod http_post;
mod mail;
mod program;
mod signature;
