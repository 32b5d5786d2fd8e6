//! The emulator over a real socket, called by a plain HTTP client: a file a subject.

#[path = "service/access.rs"]
mod access;
#[path = "service/client.rs"]
mod client;
#[path = "service/faults.rs"]
mod faults;
#[path = "service/recorded.rs"]
mod recorded;
#[path = "service/transport.rs"]
mod transport;
