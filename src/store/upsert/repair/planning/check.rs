//! Checks repaired cells once more after the repair. Pure.
//!
//! In scope: the expected text of a repaired cell, and the message if it differs.
//! Out of scope: reading the tab again (`store::spreadsheet::verify`).

use std::collections::HashMap;

use crate::store::upsert::repair::location::image::TabImage;

/// A repaired cell to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCheck {
    /// The key of its row.
    pub key: String,
    /// The header of its column.
    pub column: String,
    /// The expected text.
    pub text: String,
}

/// Maximum number of differing cells in the messages.
const MAX_LISTED: usize = 10;

/// Returns messages for cells with another text. Skips cells whose row or column is gone.
pub fn describe_mismatches(checks: &[CellCheck], image: &TabImage<'_>) -> Vec<String> {
    let mut rows: HashMap<String, Vec<usize>> = HashMap::new();
    for (row, _) in image.rows() {
        rows.entry(image.shown_text(row, image.key)).or_default().push(row);
    }
    let mut columns: HashMap<&str, usize> = HashMap::new();
    for (at, text) in image.tab.header.iter().enumerate() {
        columns.entry(text).or_insert(at);
    }
    let is_mismatched = |check: &&CellCheck| {
        let (Some(rows), Some(column)) = (rows.get(&check.key), columns.get(check.column.as_str())) else {
            return false;
        };
        !rows.iter().any(|row| image.shown_text(*row, *column) == check.text)
    };
    let mismatched: Vec<_> = checks.iter().filter(is_mismatched).collect();
    let messages = mismatched.iter().take(MAX_LISTED).map(|CellCheck { key, column, .. }| {
        format!("column \"{column}\" of key \"{key}\" was changed after its repair: see whether it is right")
    });
    let more = mismatched.len().saturating_sub(MAX_LISTED);
    let more = (more > 0).then(|| format!("{more} more cells were changed after their repair"));
    messages.chain(more).collect()
}
