//! Reads stored failures with their payloads, as users left them.
//!
//! In scope: the ranges, parsing, checking that a row still has the key that the load found.
//! Out of scope: which failures to retry (`runner::input::input_queue`), the newest row of each key
//! (`store::tabs::parse`).

use serde_json::Value;

use crate::grid::Cell;
use crate::ledger::items::failure::{FailureState, StoredFailure, hash_payload, record_hash_of};
use crate::ledger::items::key::Fingerprint;
use crate::ledger::rows::row_codec::{FAILURES, read_failure_row};
use crate::store::load::loader::Loader;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::parse::{format_cell, make_column_range, make_whole_rows_range};
use crate::store::tabs::schema::Tab;

/// Maximum number of rows whose payload is read for the hash of its record.
const MAX_UNMARKED: usize = 600;
/// Rows per call: a row holds up to 450,000 characters of a record, and a response is limited.
const ROWS_A_CALL: usize = 50;

impl Loader {
    /// Reads these rows of Failures. Skips rows that have another key by now, or no record.
    pub async fn read_stored_failures(
        &self,
        tab: &Tab,
        wanted: &[(Fingerprint, u32)],
    ) -> Result<Vec<StoredFailure>, LoadError> {
        let mut found = Vec::new();
        for chunk in wanted.chunks(ROWS_A_CALL) {
            let ranges: Vec<_> = chunk.iter().map(|(_, row)| make_whole_rows_range(&tab.title, *row, *row)).collect();
            let read = self.read_values(&ranges).await?;
            for ((key, row), rows) in chunk.iter().zip(read) {
                let cells = rows.into_iter().next().unwrap_or_default();
                found.extend(
                    parse_stored_failure(tab, &cells, *row).filter(|stored| stored.failure.key.fingerprint() == *key),
                );
            }
        }
        Ok(found)
    }
}

impl Loader {
    /// Reads the record hashes of these rows of Failures, as far as recorded. One call for two
    /// columns covers most rows.
    pub async fn read_record_hashes(
        &self,
        tab: &Tab,
        wanted: &[(Fingerprint, u32)],
    ) -> Result<Vec<(Fingerprint, String)>, LoadError> {
        let columns = [FAILURES[0], FAILURES[FAILURES.len() - 1]].map(|name| tab.position(name));
        let (mut keys, mut marks) = (Vec::new(), Vec::new());
        if let [Some(key), Some(mark)] = columns {
            let ranges = [key, mark].map(|at| make_column_range(&tab.title, at, 1, None));
            let mut read = self.read_values(&ranges).await?.into_iter();
            (keys, marks) = (read.next().unwrap_or_default(), read.next().unwrap_or_default());
        }
        let cell = |rows: &[Vec<Value>], row: u32| {
            let at = usize::try_from(row).ok()?.checked_sub(1)?;
            rows.get(at)?.first().map(format_cell).filter(|text| !text.is_empty())
        };
        let (mut found, mut unmarked) = (Vec::new(), Vec::new());
        for (key, row) in wanted {
            let is_there = cell(&keys, *row).is_some_and(|text| Fingerprint::new(&text) == *key);
            match cell(&marks, *row).filter(|_| is_there) {
                Some(mark) => found.push((*key, mark)),
                None => unmarked.push((*key, *row)),
            }
        }
        // Rows of earlier sheetkeep versions have the hash only in the payload.
        unmarked.truncate(MAX_UNMARKED);
        let stored = self.read_stored_failures(tab, &unmarked).await?.into_iter();
        found.extend(stored.filter_map(|stored| {
            let mark = record_hash_of(&stored.failure.payload, stored.failure.has_whole_record)?;
            Some((stored.failure.key.fingerprint(), mark))
        }));
        Ok(found)
    }
}

/// Parses a row of Failures.
pub fn parse_stored_failure(tab: &Tab, cells: &[Value], row: u32) -> Option<StoredFailure> {
    let value = |name: &str| tab.position(name).and_then(|at| cells.get(at));
    let failure = read_failure_row(|name| match value(name) {
        Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
        // A record that a user typed anew may be a bare number or boolean. Every other text column
        // accepts these as well.
        Some(cell) if !format_cell(cell).is_empty() => Cell::text(format_cell(cell)),
        _ => Cell::Empty,
    })?;
    let mark = value(FAILURES[FAILURES.len() - 1]).map(format_cell).unwrap_or_default();
    let is_changed = failure.has_whole_record && !mark.is_empty() && mark != hash_payload(&failure.payload);
    let is_edited = is_changed && failure.state != FailureState::Recovered;
    Some(StoredFailure { failure, is_edited, row })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_that_a_user_fixed_is_known_by_its_mark() {
        let header: Vec<String> =
            ["key", "retryable", "payload", "payload 2", "payload_hash"].map(str::to_owned).into();
        let tab = Tab { title: "Failures j".into(), header, ..Tab::default() };
        let cells = ["{\"id\":".to_owned(), "1}".to_owned()];
        let row =
            |second: &str| [json!("a"), json!("yes"), json!(cells[0]), json!(second), json!(hash_payload(&cells))];
        let same = parse_stored_failure(&tab, &row("1}"), 2).expect("a failure");
        assert_eq!((same.is_edited, same.failure.payload.concat()), (false, "{\"id\":1}".to_owned()));
        assert!(parse_stored_failure(&tab, &row("2}"), 2).expect("a failure").is_edited);
        assert_eq!(parse_stored_failure(&tab, &[], 2), None);
    }
}
