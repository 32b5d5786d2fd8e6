//! A channel: its name, its kind, and where its messages go.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;

use crate::alerts::channels::channel_kind::ChannelKind;

/// A channel of a job. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct AlertChannel {
    /// The name, unique among the job's channels.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// Where its messages go.
    pub target: ChannelTarget,
}

/// Where the messages of a channel go.
#[derive(Debug, Clone)]
pub enum ChannelTarget {
    /// An address that takes JSON.
    Http {
        /// The address; a secret.
        url: SecretString,
        /// The routing key, access token or signing secret; `None` if the address is all.
        key: Option<SecretString>,
        /// What the body names as its receiver, if that is not a secret: a topic of ntfy.
        topic: String,
    },
    /// A mail server.
    Mail {
        /// The server's address with user and password; a secret.
        url: SecretString,
        /// The address in `From`.
        from: String,
        /// The addresses in `To`, at least one.
        to: Vec<String>,
    },
    /// A program.
    Program {
        /// The program and its arguments; no shell interprets them.
        words: Vec<String>,
        /// The working directory: the job file's folder.
        folder: PathBuf,
    },
}

impl fmt::Display for AlertChannel {
    /// Writes the name, with the kind if that is another word: `oncall (pagerduty)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.as_str() {
            kind if kind == self.name => f.write_str(kind),
            kind => write!(f, "{} ({kind})", self.name),
        }
    }
}
