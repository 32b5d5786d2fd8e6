//! What was asked of the emulator so far, for `GET /_emulator/stats`.
//!
//! In scope: counting. Out of scope: deciding (`quota`, `fault`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::api::quota::QuotaMetric;

/// Calls since the start or the last reset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallStats {
    /// Calls that count as reads and were let in.
    pub reads: u64,
    /// Calls that count as writes and were let in.
    pub writes: u64,
    /// Requests to the token endpoint.
    pub tokens: u64,
    /// Calls that a quota refused; they are in no other count.
    pub throttled: u64,
    /// Calls let in, by method: `spreadsheets.values.get`.
    pub by_method: BTreeMap<&'static str, u64>,
}

impl CallStats {
    /// Counts a call that was let in.
    pub fn count(&mut self, method: &'static str, metric: Option<QuotaMetric>) {
        match metric {
            Some(QuotaMetric::Read) => self.reads += 1,
            Some(QuotaMetric::Write) => self.writes += 1,
            None => {}
        }
        *self.by_method.entry(method).or_default() += 1;
    }

    /// The counts as JSON.
    pub fn to_json(&self) -> Value {
        json!({"reads": self.reads, "writes": self.writes, "tokens": self.tokens, "throttled": self.throttled,
               "by_method": self.by_method})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_kind_and_by_method() {
        let mut stats = CallStats::default();
        stats.count("spreadsheets.get", Some(QuotaMetric::Read));
        stats.count("spreadsheets.batchUpdate", Some(QuotaMetric::Write));
        stats.count("drive.files.list", None);
        let expected = json!({"reads": 1, "writes": 1, "tokens": 0, "throttled": 0, "by_method":
            {"drive.files.list": 1, "spreadsheets.batchUpdate": 1, "spreadsheets.get": 1}});
        assert_eq!(stats.to_json(), expected);
    }
}
