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
    pub fn good(self, text: &str) -> String {
        self.dyed("32", text)
    }

    /// Marks a warning.
    pub fn warn(self, text: &str) -> String {
        self.dyed("33", text)
    }

    /// Marks an error.
    pub fn bad(self, text: &str) -> String {
        self.dyed("1;31", text)
    }

    /// Marks what matters most.
    pub fn strong(self, text: &str) -> String {
        self.dyed("1", text)
    }

    /// Marks what matters least.
    pub fn faint(self, text: &str) -> String {
        self.dyed("2", text)
    }

    fn dyed(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
