//! The colours of a text on a terminal.

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    is_on: bool,
}

impl Palette {
    /// Creates a palette, with colours if `on`.
    pub fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    /// Marks a success.
    pub fn success(self, text: &str) -> String {
        self.coloured("32", text)
    }

    /// Marks a warning.
    pub fn warn(self, text: &str) -> String {
        self.coloured("33", text)
    }

    /// Marks an error.
    pub fn error(self, text: &str) -> String {
        self.coloured("1;31", text)
    }

    /// Marks what matters most.
    pub fn emphasis(self, text: &str) -> String {
        self.coloured("1", text)
    }

    /// Marks what matters least.
    pub fn dimmed(self, text: &str) -> String {
        self.coloured("2", text)
    }

    fn coloured(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
