//! The format that an input has in place of the configured one, as a guess with advice.
//!
//! In scope: the guess. Out of scope: making it, by bytes (`magic`) or by text
//! (`unexpected_text`).

use crate::port::source::SourceError;

/// The advice for an input that holds no data.
pub(crate) const ANOTHER_FILE: &str = "name the file that holds the data, in [source] or with --input";

/// The format that the job file configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentKind {
    Csv,
    Json,
    Jsonl,
    Xlsx,
}

impl ContentKind {
    /// Returns the usual ending of such files, without a dot.
    pub(crate) fn usual_extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xlsx => "xlsx",
        }
    }
}

/// The recognised format, with advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentGuess {
    /// The format, such as "an HTML page".
    pub(crate) what: String,
    /// What the user should do.
    pub(crate) advice: String,
}

impl ContentGuess {
    /// Creates a guess: the format, and what the user should do.
    pub(crate) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    /// Returns the guess for a document that is an error message, which it quotes.
    pub(crate) fn from_error_document(document: &str) -> Self {
        Self {
            what: format!("a JSON error document: {document}"),
            advice: SourceError::ERROR_DOCUMENT_ADVICE.to_owned(),
        }
    }
}
