//! What a cell may show when all is quiet.

use std::fmt;

use super::rules::Rule;

/// The texts that the document allows in a cell, each with its rule; the first is what a person would call right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellExpectation(Vec<(String, Rule)>);

impl CellExpectation {
    /// One text and no other.
    pub fn only(text: impl Into<String>, rule: Rule) -> Self {
        Self(vec![(text.into(), rule)])
    }

    /// A cell in which nothing was entered.
    pub fn blank() -> Self {
        Self::only("", Rule::OverwrittenCellRestored)
    }

    /// Allows one text more.
    pub fn allow(&mut self, text: impl Into<String>, rule: Rule) {
        let text = text.into();
        if !self.allows(&text) {
            self.0.push((text, rule));
        }
    }

    pub fn allows(&self, text: &str) -> bool {
        self.0.iter().any(|(allowed, _)| allowed == text)
    }

    /// What a person would call right.
    pub fn first(&self) -> &str {
        self.0.first().map_or("", |(text, _)| text)
    }
}

impl fmt::Display for CellExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(|(text, rule)| format!("{text:?} ({rule})")).collect();
        f.write_str(&texts.join(" or "))
    }
}
