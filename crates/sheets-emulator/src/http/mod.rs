//! HTTP around the emulator.
//!
//! | question | file |
//! |---|---|
//! | How is a connection served, and how does the server stop? | `server` |
//! | How is a server started with a port and a credentials file? | `launch` |
//! | Which `Host` and `Origin` may call? | `host_check` |
//! | How many connections are served at the same time? | `connection_slots` |
//! | How many bytes of bodies are held at the same time? | `body_budget` |
//! | How is a body sent, or cut off by a fault? | `response_body` |
//! | What does a line of `-v` show of a call? | `call_log` |
//! | gzip | `compression` |
//!
//! Out of scope: what is answered (`emulator`).

pub(crate) mod body_budget;
pub(crate) mod call_log;
pub(crate) mod compression;
pub(crate) mod connection_slots;
pub(crate) mod host_check;
pub(crate) mod launch;
pub(crate) mod response_body;
pub(crate) mod server;
