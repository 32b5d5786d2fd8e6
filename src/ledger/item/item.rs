//! What enters a step and what leaves it.
//!
//! In scope: items, their position in the source, outputs. Out of scope: reading sources, running steps.

use std::fmt;

use serde_json::Value;

use crate::grid::Row;
use crate::ledger::item::failure::Failure;
use crate::ledger::item::key::{Key, Version};

/// Where in its source an item stood, so that an error can name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The file, or `-` for standard input, or whatever the source calls itself.
    pub origin: String,
    /// The record's number, from 1.
    pub record: u64,
    /// The line on which the record begins, from 1, where lines mean something.
    pub line: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, " (record {})", self.record)
    }
}

/// One thing to be processed.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What makes it the same item as another one.
    pub key: Key,
    /// What makes it worth processing again.
    pub version: Version,
    /// The record itself.
    pub body: Value,
    /// Where it stood.
    pub position: Position,
    /// The failure from whose record it is tried again; none for one that the source yields.
    pub again: Option<Box<Failure>>,
}

/// What the steps made of one item: rows for tabs. An item may make none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Tab title and the rows for it, in order.
    pub tables: Vec<(String, Vec<Row>)>,
}

impl Output {
    /// Rows for one tab.
    pub fn of(tab: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { tables: vec![(tab.into(), rows)] }
    }

    /// The number of rows, over all tabs.
    pub fn len(&self) -> usize {
        self.tables.iter().map(|(_, rows)| rows.len()).sum()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A rough size in bytes on the wire.
    pub fn weight(&self) -> usize {
        self.tables.iter().flat_map(|(_, rows)| rows).map(Row::weight).sum()
    }
}
