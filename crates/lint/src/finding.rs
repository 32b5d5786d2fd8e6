//! A finding, and how it is graded.

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// It is worth knowing, and no run fails because of it.
    Info,
    /// It makes a run fail some day.
    Warning,
    /// It loses data, leaks a secret, or fails unseen.
    Error,
}

impl LintSeverity {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How sure the linter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LintConfidence {
    /// A guess from names and words.
    Low,
    /// Something is absent from the whole file, or a name is typical.
    Medium,
    /// The syntax tree shows it.
    High,
}

impl LintConfidence {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TextPosition {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// A change of the text that removes the finding and changes nothing else that a script relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeFix {
    /// The byte at which text is inserted.
    pub at: usize,
    /// The text that is inserted there.
    pub insert: String,
}

/// One finding in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LintFinding {
    /// The code, such as `SK301`.
    pub code: &'static str,
    /// The severity, after any change of it by the user.
    pub severity: LintSeverity,
    /// How sure the linter is.
    pub confidence: LintConfidence,
    /// The first character that the finding is about.
    pub position: TextPosition,
    /// What, in one clause in lower case.
    pub message: String,
    /// A fix, where one is safe.
    pub fix: Option<SafeFix>,
}
