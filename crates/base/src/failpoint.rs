//! Points at which a test kills this process: the code passes them by name, and `name:n` arms one.
//!
//! In scope: dying at the nth pass, as with `kill -9`.
//! Out of scope: which name is armed (`config::external::environment` reads it), and the expected
//! result (`tests/crash`). Without the feature `failpoints`, which no release has, passing does
//! nothing.

/// Before a request is sent.
pub const BEFORE_REQUEST: &str = "request";
/// After a response was read, before it is handled.
pub const AFTER_RESPONSE: &str = "answer";
/// Before a transaction of the embedded sheet is made durable.
pub const BEFORE_SYNC: &str = "sync";
/// After a transaction of the embedded sheet was made durable, before it is reported.
pub const AFTER_SYNC: &str = "synced";

/// Before a result of programs is written to the journal.
pub const BEFORE_JOURNAL_WRITE: &str = "keep";
/// After it was written, before it is made durable.
pub const AFTER_JOURNAL_WRITE: &str = "kept";
/// After it was made durable, before it is used.
pub const AFTER_JOURNAL_SYNC: &str = "kept-durably";

/// Before the messages of a run are sent.
pub const BEFORE_ALERTS: &str = "alert";
/// After they were sent, before this machine remembers it.
pub const AFTER_ALERTS: &str = "alerted";

/// After everything was reported and closed, before obsolete files are removed.
pub const BEFORE_CLEANUP: &str = "leave";

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    static ARMED_FAILPOINT: OnceLock<(String, AtomicU64)> = OnceLock::new();

    /// Arms `name:n`: the process dies at the nth pass of that name, from 1.
    pub fn arm(words: &str) {
        let armed = words.split_once(':').and_then(|(name, nth)| Some((name.to_owned(), nth.parse().ok()?)));
        if let Some((name, nth)) = armed {
            let _ = ARMED_FAILPOINT.set((name, AtomicU64::new(nth)));
        }
    }

    /// Passes the point with this name.
    pub fn pass_point(name: &str) {
        let Some((armed, left)) = ARMED_FAILPOINT.get() else { return };
        if armed == name && left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

#[cfg(feature = "failpoints")]
pub use armed::{arm, pass_point};

/// Passes the point with this name.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn pass_point(_: &str) {}
