//! The data tab at one moment, as the service describes it.

use serde_json::{Value, json};

/// The data tab: its number, its rows of cells, and the size of its grid.
pub struct DataTab {
    pub id: i64,
    pub rows: Vec<Vec<Value>>,
    pub grid: (u64, u64),
}

impl DataTab {
    /// What was entered into a cell, as a text.
    pub fn text(&self, row: usize, column: usize) -> String {
        let cell = self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
        match &cell["userEnteredValue"] {
            Value::Object(value) => match value.values().next() {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            },
            _ => String::new(),
        }
    }

    /// Rows or columns of it, as requests name them.
    pub fn dimension_range(&self, dimension: &str, from: usize, to: usize) -> Value {
        json!({"sheetId": self.id, "dimension": dimension, "startIndex": from, "endIndex": to})
    }

    pub fn note(&self, row: usize, column: usize) -> String {
        let cell = self.rows.get(row).and_then(|row| row.get(column)).unwrap_or(&Value::Null);
        cell["note"].as_str().unwrap_or_default().to_owned()
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        (0..self.width()).find(|&column| self.text(0, column) == name)
    }

    pub fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }
}
