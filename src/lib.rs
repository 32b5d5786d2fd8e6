//! A job runner that keeps its state in a Google Sheet.

#[cfg(feature = "emulator")]
pub mod emulator;
pub mod fault;
pub mod port;
pub mod retry;
pub mod system;
pub mod time;
