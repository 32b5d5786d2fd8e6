//! The two kinds of guard, and which of them is known to work on a spreadsheet. Pure.
//!
//! Out of scope: their requests (`store::guard::head_guard`).

/// The kind of head marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardKind {
    /// The id of a named range.
    Name,
    /// The title of the state tab.
    Title,
}

/// The known support for the named-range guard on this spreadsheet. Kept in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuardSupport {
    /// Not probed yet.
    Unknown,
    /// A missing named range refuses the batch, and the service keeps the id that the client chose.
    Name,
    /// The probe failed, or a commit by name was refused.
    Title,
}

impl GuardSupport {
    /// The text in the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "open",
            Self::Name => "name",
            Self::Title => "title",
        }
    }

    /// Parses the text; any unknown text counts as not probed.
    pub fn parse(text: &str) -> Self {
        match text {
            "name" => Self::Name,
            "title" => Self::Title,
            _ => Self::Unknown,
        }
    }

    /// The guard of the next commit; `None` before the probe.
    pub fn guard_kind(self) -> Option<GuardKind> {
        match self {
            Self::Unknown => None,
            Self::Name => Some(GuardKind::Name),
            Self::Title => Some(GuardKind::Title),
        }
    }
}
