//! The input and the output of steps.
//!
//! In scope: items, their position in the source, outputs. Out of scope: reading sources, running
//! steps.

use std::fmt;

use serde_json::Value;

use crate::grid::Row;
use crate::items::failure::Failure;
use crate::items::key::{Key, Version};

/// An item's position in its source, for messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The file, or `-` for standard input, or another name of the source.
    pub origin: String,
    /// The record's number, from 1; 0 if the origin names it already.
    pub record: u64,
    /// The line on which the record starts, from 1; `None` for sources without lines.
    pub line: Option<u64>,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if self.record == 0 { Ok(()) } else { write!(f, " (record {})", self.record) }
    }
}

/// A record of the source to process.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The item's key, equal for the same item.
    pub key: Key,
    /// The item's version; a new one is processed again.
    pub version: Version,
    /// The record itself.
    pub body: Value,
    /// Its position in the source.
    pub position: Position,
    /// The failure whose kept record is retried; `None` for a record of the source.
    pub retried_failure: Option<Box<Failure>>,
}

/// The rows that the steps made of one item, possibly none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Tab titles, each with its rows in order.
    pub tabs: Vec<(String, Vec<Row>)>,
}

impl Output {
    /// Creates an output with rows for one tab.
    pub fn new(tab: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { tabs: vec![(tab.into(), rows)] }
    }

    /// Returns the number of rows in all tabs.
    pub fn len(&self) -> usize {
        self.tabs.iter().map(|(_, rows)| rows.len()).sum()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the approximate size in bytes on the wire.
    pub fn weight(&self) -> usize {
        self.tabs.iter().flat_map(|(_, rows)| rows).map(Row::weight).sum()
    }
}
