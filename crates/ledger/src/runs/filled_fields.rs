//! Which fields of a job's records are filled, and which are empty throughout now: a source that
//! drifts in silence.
//!
//! In scope: the share of each field over a run, the comparison with earlier runs, its text in the
//! state. Out of scope: fields that the header row lacks (`runner::header_row`), new columns
//! (`rows::table_header`).

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::values::columns::trim_header;

/// Records whose fields are all counted. Of later ones only fields are read that were empty so far.
const SAMPLE: u64 = 10_000;
/// Maximum number of fields that are counted.
const MAX_FIELDS: usize = 2_000;
/// Maximum number of UTF-16 units of the text in the state.
const MAX_TEXT_UNITS: usize = 10_000;
/// A field that is empty by chance as rarely as this is reported.
const MAX_CHANCE: f64 = 0.001_001;
/// The highest share that earlier runs prove, so that three records are needed at least.
const MAX_SHARE: f64 = 0.9;

/// How often fields were filled in earlier runs, in percent. A field that is not named was filled
/// in every record. `None` if no earlier run counted them, as with the state of an earlier version:
/// then nothing can have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct FillShares(Option<BTreeMap<String, u8>>);

impl FillShares {
    /// Parses the text of a state field; nothing is known after an edit.
    pub fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).ok())
    }

    /// Formats the text of a state field; `None` if nothing was counted.
    pub fn text(&self) -> Option<String> {
        self.0.as_ref().map(|shares| serde_json::to_string(shares).unwrap_or_default())
    }

    /// Returns the share of a field in percent; `None` if nothing was counted.
    fn share(&self, name: &str) -> Option<u8> {
        self.0.as_ref().map(|shares| shares.get(name).copied().unwrap_or(100))
    }
}

/// Counts the filled fields of one run's records.
#[derive(Debug, Clone, Default)]
pub struct FilledFields {
    is_counting: bool,
    before: FillShares,
    /// The job's own columns, whose fields are reported.
    watched: Vec<String>,
    /// Filled values of each field, by its name as in the records.
    filled: HashMap<String, u64>,
    /// After the sample: fields that were empty so far.
    empty: Option<Vec<String>>,
    records: u64,
    after: Option<FillShares>,
}

impl FilledFields {
    /// Starts the counts of a run; `before` is what the state holds, `watched` are the columns whose
    /// fields the source should fill.
    pub fn new(before: FillShares, watched: Vec<String>) -> Self {
        Self { is_counting: true, before, watched, ..Self::default() }
    }

    /// Counts nothing and keeps what the state holds, for runs whose rows are not the records.
    pub fn from_kept_shares(before: FillShares) -> Self {
        Self { before, ..Self::default() }
    }

    /// Counts a record.
    pub fn add_record(&mut self, body: &Value) {
        let Value::Object(members) = body else { return };
        if !self.is_counting {
            return;
        }
        self.records += 1;
        if self.records > SAMPLE {
            let filled = &self.filled;
            let watched = self.watched.iter().filter(|name| !filled.contains_key(*name)).cloned();
            let empty = self.empty.get_or_insert_with(|| {
                let sampled = filled.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.clone());
                sampled.chain(watched).collect()
            });
            empty.retain(|name| {
                let is_empty = members.get(name).is_none_or(is_empty);
                if !is_empty {
                    self.filled.insert(name.clone(), 1);
                }
                is_empty
            });
            return;
        }
        for (name, value) in members {
            let is_filled = u64::from(!is_empty(value));
            if let Some(count) = self.filled.get_mut(name) {
                *count += is_filled;
            } else if self.filled.len() < MAX_FIELDS || self.watched.iter().any(|watched| watched == trim_header(name))
            {
                self.filled.insert(name.clone(), is_filled);
            }
        }
    }

    /// Ends the counts once the whole source was read. Returns the fields that are empty in all
    /// records, and were not in earlier runs as far as these show.
    pub fn finish(&mut self) -> Vec<String> {
        if self.records == 0 {
            return Vec::new();
        }
        let mut shares: BTreeMap<String, u8> = BTreeMap::new();
        for (name, count) in &self.filled {
            shares.insert(trim_header(name).to_owned(), round_to_percent(*count, self.records.min(SAMPLE)));
        }
        for name in &self.watched {
            shares.entry(name.clone()).or_insert(0);
        }
        let mut emptied = Vec::new();
        for (name, share) in shares.iter_mut().filter(|(_, share)| **share == 0) {
            let Some(earlier) = self.before.share(name).filter(|earlier| *earlier > 0) else { continue };
            if !self.watched.contains(name) {
                continue;
            }
            if self.is_unlikely(earlier) {
                emptied.push(name.clone());
            } else {
                *share = earlier;
            }
        }
        shares.retain(|_, share| *share < 100);
        let after = FillShares(Some(shares));
        let fits = after.text().is_none_or(|text| text.encode_utf16().count() <= MAX_TEXT_UNITS);
        // Shares that do not fit are unknown: nothing is reported then, in this run or later.
        self.after = Some(if fits { after } else { FillShares::default() });
        if fits { emptied } else { Vec::new() }
    }

    /// Returns what the state holds from now on.
    pub fn shares(&self) -> &FillShares {
        self.after.as_ref().unwrap_or(&self.before)
    }

    /// Returns the number of records.
    pub fn count_records(&self) -> u64 {
        self.records
    }

    /// True if a field that was filled in this share of earlier records is empty in all records of
    /// this run by more than chance.
    fn is_unlikely(&self, earlier: u8) -> bool {
        let share = (f64::from(earlier) / 100.0).min(MAX_SHARE);
        let records = i32::try_from(self.records).unwrap_or(i32::MAX);
        (1.0 - share).powi(records) <= MAX_CHANCE
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The share of `count` in `all` in whole percent, at least 1 if any is filled.
fn round_to_percent(count: u64, all: u64) -> u8 {
    let share = count.saturating_mul(100).checked_div(all).unwrap_or(0).max(u64::from(count > 0));
    u8::try_from(share.min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Plays a run over records whose field `note` is filled in the first `filled` of `records`.
    fn run(before: &FillShares, filled: usize, records: usize) -> (Vec<String>, FillShares) {
        let mut fields = FilledFields::new(before.clone(), vec!["id".to_owned(), "note".to_owned()]);
        for n in 0..records {
            fields.add_record(&json!({"id": n, "note": if n < filled { "x" } else { " " }}));
        }
        (fields.finish(), fields.shares().clone())
    }

    #[test]
    fn a_field_that_is_empty_throughout_is_reported_once() {
        let full = FillShares::read("{}");
        let (emptied, after) = run(&full, 0, 3);
        assert_eq!((emptied, after.text()), (vec!["note".to_owned()], Some("{\"note\":0}".to_owned())));
        let (emptied, after) = run(&after, 0, 300);
        assert!(emptied.is_empty());
        let (emptied, after) = run(&after, 300, 300);
        assert_eq!((emptied.len(), after.text().as_deref()), (0, Some("{}")));
        assert_eq!(run(&after, 0, 300).0, ["note"], "and once more after it was filled");
    }

    #[test]
    fn a_field_that_is_rarely_filled_may_be_empty_in_a_few_records() {
        let (_, rare) = run(&FillShares::read("{}"), 5, 100);
        assert_eq!(rare.text().as_deref(), Some("{\"note\":5}"));
        let (emptied, after) = run(&rare, 0, 20);
        assert_eq!((emptied.len(), &after), (0, &rare), "the share is kept");
        assert_eq!(run(&after, 0, 200).0, ["note"]);
        // Two records prove nothing, and a source without a record shows nothing.
        assert!(run(&FillShares::read("{}"), 0, 2).0.is_empty());
        assert_eq!(run(&rare, 0, 0), (Vec::new(), rare));
    }

    #[test]
    fn a_value_after_the_sample_counts() {
        let records = usize::try_from(SAMPLE).expect("a small number") + 2;
        let mut fields = FilledFields::new(FillShares::read("{}"), vec!["a".into(), "b".into(), "c".into()]);
        for n in 0..records {
            let value = if n + 1 == records { json!("x") } else { Value::Null };
            let body =
                if n + 1 == records { json!({"a": value, "b": null, "c": 1}) } else { json!({"a": value, "b": ""}) };
            fields.add_record(&body);
        }
        assert_eq!(fields.finish(), ["b"]);
    }

    #[test]
    fn what_no_earlier_run_counted_has_not_become_empty() {
        let (emptied, after) = run(&FillShares::default(), 0, 300);
        assert_eq!((emptied.len(), after.text().as_deref()), (0, Some("{\"note\":0}")));
        let (_, after) = run(&FillShares::default(), 300, 300);
        assert_eq!(run(&after, 0, 300).0, ["note"], "from the second run on it is known");
    }

    #[test]
    fn of_very_many_fields_the_jobs_own_are_counted() {
        let mut fields = FilledFields::new(FillShares::default(), vec!["own".into()]);
        let mut body: serde_json::Map<String, Value> =
            (0..MAX_FIELDS + 500).map(|n| (format!("f{n:04}"), json!(1))).collect();
        body.insert("own".to_owned(), json!("x"));
        for _ in 0..3 {
            fields.add_record(&Value::Object(body.clone()));
        }
        assert_eq!(fields.filled.len(), MAX_FIELDS + 1);
        assert_eq!(fields.finish(), Vec::<String>::new(), "it is filled, wherever it is in the record");
    }

    #[test]
    fn a_field_that_no_record_has_is_empty() {
        let mut fields = FilledFields::new(FillShares::read("{}"), vec!["gone".into(), "id".into()]);
        for n in 0..5 {
            fields.add_record(&json!({" id ": n}));
        }
        assert_eq!(fields.finish(), ["gone"]);
    }

    #[test]
    fn an_edited_text_of_the_state_is_as_if_nothing_were_known() {
        for text in ["", "x", "{\"a\":-1}", "{\"a\":300}", "[]"] {
            assert_eq!(FillShares::read(text), FillShares::default(), "{text}");
        }
        let shares = FillShares::read("{\"a\":7}");
        assert_eq!(shares.text().as_deref(), Some("{\"a\":7}"));
    }
}
