//! Moments at which a test kills this process: the code names them as it passes, and one of them is armed by `name:n`.
//!
//! In scope: dying at the nth passing, as with `kill -9`. Out of scope: which name is armed (`config::environment` reads it), and
//! what has to be there afterwards (`tests/crash.rs`). Without the feature `failpoints`, which no release has, passing does nothing.

/// Before a request leaves.
pub const REQUEST: &str = "request";
/// After an answer was read, before anything is made of it.
pub const ANSWER: &str = "answer";
/// Before a transaction of the embedded sheet is made durable.
pub const SYNC: &str = "sync";
/// After a transaction of the embedded sheet was made durable, before anybody knows.
pub const SYNCED: &str = "synced";

/// Before a result of programs is written into the journal.
pub const KEEP: &str = "keep";
/// After it was written there, before it is made durable.
pub const KEPT: &str = "kept";
/// After it was made durable, before anything follows from it.
pub const KEPT_DURABLY: &str = "kept-durably";

/// When everything is told and closed, before what is no longer needed is removed.
pub const LEAVE: &str = "leave";

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    static ARMED: OnceLock<(String, AtomicU64)> = OnceLock::new();

    /// Arms `name:n`: the nth passing of that name, from 1, is the last thing that this process does.
    pub fn arm(words: &str) {
        let armed = words.split_once(':').and_then(|(name, nth)| Some((name.to_owned(), nth.parse().ok()?)));
        if let Some((name, nth)) = armed {
            let _ = ARMED.set((name, AtomicU64::new(nth)));
        }
    }

    /// Passes a moment of that name.
    pub fn pass(name: &str) {
        let Some((armed, left)) = ARMED.get() else { return };
        if armed == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, pass};

/// Passes a moment of that name.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn pass(_: &str) {}
