//! The message: one model for all channels.

use serde::{Deserialize, Serialize};
use sheetkeep_base::time::Timestamp;

use crate::severity::Severity;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// Something became wrong.
    Problem,
    /// It still is.
    Reminder,
    /// It has lasted so long that others hear of it.
    Escalation,
    /// It comes and goes; silence follows until it stays as it is.
    Flapping,
    /// It is over.
    Recovered,
    /// It was wrong for a while in which nothing could be reported, and is over.
    Over,
    /// A test message that a person asked for.
    Test,
}

impl NoticeKind {
    /// Returns the word in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Reminder => "reminder",
            Self::Escalation => "escalation",
            Self::Flapping => "flapping",
            Self::Recovered => "recovered",
            Self::Over => "over",
            Self::Test => "test",
        }
    }

    /// Returns whether something is wrong still.
    pub fn is_firing(self) -> bool {
        matches!(self, Self::Problem | Self::Reminder | Self::Escalation | Self::Flapping | Self::Test)
    }
}

/// A message to people. No field holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The message's id, the same however often it is sent.
    pub id: String,
    /// The key of the problem, the same for everything that is reported about it.
    pub dedup_key: String,
    /// What it is about.
    pub kind: NoticeKind,
    /// The name of the condition, such as `run`.
    pub condition: String,
    /// How serious it is.
    pub severity: Severity,
    /// The job's name.
    pub job: String,
    /// One sentence: what, and what it means for the reader.
    pub title: String,
    /// Labelled facts, the most important first.
    pub facts: Vec<Fact>,
    /// The reason as the service or the program worded it; empty if there is none.
    pub reason: String,
    /// What to do next; empty if nothing is to do.
    pub next_step: String,
    /// Where to look.
    pub link: Option<MessageLink>,
    /// Ids for people who search logs.
    pub footer: String,
    /// When it was made.
    #[serde(with = "crate::stored_time")]
    pub at: Timestamp,
    /// The run's id; empty if there was none.
    pub run: String,
    /// The names of the channels that get it.
    pub channels: Vec<String>,
}

/// A labelled fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The label, such as `Since`.
    pub label: String,
    /// The value of the fact, in one line.
    pub text: String,
}

impl Fact {
    /// Creates a fact.
    pub fn new(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into() }
    }
}

/// A link with its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLink {
    /// The text, such as `Open Runs`.
    pub label: String,
    /// The address that the link opens, with its scheme.
    pub url: String,
}

impl Message {
    /// Returns this message with the titles of others as further facts: one message in place of
    /// several.
    #[must_use]
    pub fn join_with(&self, others: &[&Self]) -> Self {
        let mut joined = self.clone();
        joined.facts.extend(others.iter().map(|other| Fact::new("Also", other.title.clone())));
        joined
    }

    /// Returns the word that opens a title where there is no colour.
    pub fn word(&self) -> &'static str {
        match self.kind {
            NoticeKind::Recovered | NoticeKind::Over => "OK",
            NoticeKind::Flapping => "FLAPPING",
            NoticeKind::Test => "TEST",
            _ if self.severity == Severity::Critical => "FAILED",
            _ => "WARNING",
        }
    }

    /// Returns the colour as six hex digits: red for a failure, amber for a warning, green for the
    /// end of one.
    pub fn colour(&self) -> u32 {
        match self.word() {
            "OK" => 0x12_B7_6A,
            "FAILED" => 0xD9_2D_20,
            "TEST" => 0x29_70_FF,
            _ => 0xF7_90_09,
        }
    }

    /// Returns the message as lines of plain text, without the title.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.text)).collect();
        if !self.reason.is_empty() {
            lines.push(format!("Reason: {}", self.reason));
        }
        if !self.next_step.is_empty() {
            lines.push(format!("Next: {}", self.next_step));
        }
        lines.extend(self.link.iter().map(|link| format!("{}: {}", link.label, link.url)));
        lines
    }
}
