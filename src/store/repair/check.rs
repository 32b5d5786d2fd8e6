//! A second look at a repaired cell. Pure.
//!
//! In scope: what a cell has to show once its row is repaired, and what is said where it does not. Out of scope: reading the tab again
//! (`store::hindsight`).

use crate::store::repair::image::TabImage;

/// A cell that was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCheck {
    /// The key of its row.
    pub key: String,
    /// The header of its column.
    pub column: String,
    /// What it has to show.
    pub text: String,
}

impl CellCheck {
    /// What to say of a cell that shows something else; nothing of one whose row or column is gone.
    pub fn said_of(&self, image: &TabImage<'_>) -> Option<String> {
        let column = image.tab.header.iter().position(|text| *text == self.column)?;
        let mut rows = image.rows().filter(|(row, _)| image.shown(*row, image.key) == self.key).peekable();
        rows.peek()?;
        let is_right = rows.any(|(row, _)| image.shown(row, column) == self.text);
        let (key, column) = (&self.key, &self.column);
        (!is_right).then(|| {
            format!("column \"{column}\" of key \"{key}\" was changed after its repair: see whether it is right")
        })
    }
}
