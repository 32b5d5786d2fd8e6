//! A job runner that keeps its state in a Google Sheet.

pub mod fault;
pub mod google;
pub mod port;
pub mod retry;
pub mod system;
pub mod time;
