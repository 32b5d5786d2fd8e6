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
    pub fn mark_success(self, text: &str) -> String {
        self.set_colour("32", text)
    }

    /// Marks a warning.
    pub fn mark_warning(self, text: &str) -> String {
        self.set_colour("33", text)
    }

    /// Marks an error.
    pub fn mark_error(self, text: &str) -> String {
        self.set_colour("1;31", text)
    }

    /// Marks what matters most.
    pub fn mark_emphasis(self, text: &str) -> String {
        self.set_colour("1", text)
    }

    /// Marks what matters least.
    pub fn mark_dimmed(self, text: &str) -> String {
        self.set_colour("2", text)
    }

    fn set_colour(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
