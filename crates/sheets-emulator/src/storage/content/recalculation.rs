//! When a spreadsheet was last recalculated, which is the time that `NOW` and `TODAY` return.
//!
//! In scope: recording the time of an edit, the three settings of `autoRecalc`.
//! Out of scope: evaluation (`formula`), time zones (`formula::settings`).
//!
//! Source: `RecalculationInterval` of the API. Volatile functions are updated on every change, and
//! with `MINUTE` or `HOUR` also every minute or hour. The service does not document the phase;
//! here it is the full minute or hour of UTC.

use rusqlite::OptionalExtension;
use serde_json::{Value, json};

use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;

/// The kind of the stored time.
const KIND: &str = "recalculation";

/// Returns the milliseconds after which a setting recalculates by itself.
fn parse_interval_ms(auto_recalc: &str) -> Option<i64> {
    match auto_recalc {
        "MINUTE" => Some(60_000),
        "HOUR" => Some(3_600_000),
        _ => None,
    }
}

impl Transaction<'_> {
    /// Returns the time of the last recalculation, in milliseconds since 1970-01-01T00:00:00Z. In a
    /// write that is now, because an edit recalculates. So it is in a spreadsheet whose edits were
    /// not recorded.
    pub(crate) fn recalculated_ms(&self, auto_recalc: &str) -> Result<i64, StorageError> {
        let now = self.began_ms();
        if self.is_write() {
            return Ok(now);
        }
        let Some(edited) = self.recorded_edit()? else { return Ok(now) };
        let by_time = parse_interval_ms(auto_recalc).map(|interval| now - now.rem_euclid(interval));
        Ok(by_time.map_or(edited, |by_time| by_time.max(edited)))
    }

    fn recorded_edit(&self) -> Result<Option<i64>, StorageError> {
        let stored = self.objects(None, KIND)?;
        Ok(stored.first().and_then(|(_, body)| body.get("unixMs")).and_then(Value::as_i64))
    }

    /// Records the time of this edit. A spreadsheet without formulas needs none.
    pub(crate) fn record_recalculation(&self) -> Result<(), StorageError> {
        if self.has_formulas()? || self.recorded_edit()?.is_some() {
            self.put_object(None, KIND, 0, &json!({ "unixMs": self.began_ms() }))?;
        }
        Ok(())
    }

    /// Returns whether any sheet has a formula; one step of the partial index.
    fn has_formulas(&self) -> Result<bool, StorageError> {
        let sql = "SELECT 1 FROM rows WHERE sheet BETWEEN ?1 AND ?2 AND formulas > 0 LIMIT 1";
        let mut statement = self.db().prepare_cached(sql)?;
        Ok(statement.query_row([self.key(0), self.scope(None)], |_| Ok(())).optional()?.is_some())
    }
}
