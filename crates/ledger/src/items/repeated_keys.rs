//! Keys that one source yields more than once with different content, most often an error in the
//! source.
//!
//! In scope: finding them, and the bounded report. Out of scope: which record counts
//! (`ledger::items::source_survey`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::items::item::Position;
use crate::items::key::{Key, Version};
use crate::items::write_mode::ReprocessPolicy;

/// Maximum number of keys that the report holds.
const MAX_LISTED: usize = 20;
/// Maximum number of keys that one sentence names.
const MAX_NAMED: usize = 3;

/// A record of a repeated key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatedRecord {
    content: u32,
    position: RecordPlace,
    origin: OriginId,
    is_reported: bool,
}

/// The number of a file in the list of a [`RepeatedKeys`]. A source of several files has records of
/// one key in more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OriginId(u16);

/// The position of a record, in few bytes: its line, or its number in sources without lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordPlace {
    Line(u32),
    Record(u32),
}

impl RecordPlace {
    fn from_position(position: &Position) -> Self {
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        position.line.map_or_else(|| Self::Record(short(position.record)), |line| Self::Line(short(line)))
    }

    fn words(self, origin: &str) -> String {
        match self {
            Self::Line(line) => format!("{origin}:{line}"),
            Self::Record(record) => format!("{origin} (record {record})"),
        }
    }
}

impl RepeatedRecord {
    /// Creates the first record of a key. `repeats` remembers its file.
    pub fn new(content: u32, position: &Position, repeats: &mut RepeatedKeys) -> Self {
        let origin = repeats.remember_origin(&position.origin);
        Self { content, position: RecordPlace::from_position(position), origin, is_reported: false }
    }

    /// Compares a further record, and adds the key to `repeats` at the first difference.
    pub fn compare(&mut self, key: &Key, content: u32, position: &Position, repeats: &mut RepeatedKeys) {
        if self.is_reported || self.content == content {
            return;
        }
        self.is_reported = true;
        let first = self.position.words(repeats.origin(self.origin));
        repeats.add(key, [first, RecordPlace::from_position(position).words(&position.origin)]);
    }
}

/// Returns a hash of a record's content, independent of the order of members.
pub fn hash_content(body: &Value) -> u32 {
    let mut hasher = DefaultHasher::new();
    hash_value(&mut hasher, body);
    let hash = hasher.finish();
    u32::try_from(hash >> 32).unwrap_or_default()
}

fn hash_value(hasher: &mut DefaultHasher, value: &Value) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(b) => (1_u8, b).hash(hasher),
        Value::Number(number) => {
            (2_u8, number.as_i64(), number.as_u64(), number.as_f64().map(f64::to_bits)).hash(hasher);
        }
        Value::String(text) => (3_u8, text).hash(hasher),
        Value::Array(items) => {
            (4_u8, items.len()).hash(hasher);
            for item in items {
                hash_value(hasher, item);
            }
        }
        Value::Object(members) => {
            // A sum does not depend on the order.
            let sum = members.iter().fold(0_u64, |sum, (name, value)| {
                let mut member = DefaultHasher::new();
                name.hash(&mut member);
                hash_value(&mut member, value);
                sum.wrapping_add(member.finish())
            });
            (5_u8, members.len(), sum).hash(hasher);
        }
    }
}

/// A repeated key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedKey {
    /// The key that several records have.
    pub key: String,
    /// The positions of its first record, and of the first one that differs from it.
    pub places: [String; 2],
}

/// The repeated keys of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepeatedKeys {
    /// The first of them.
    pub listed: Vec<RepeatedKey>,
    /// The number of all.
    pub keys: u64,
    /// The files of first records, in order.
    origins: Vec<String>,
}

impl RepeatedKeys {
    fn remember_origin(&mut self, origin: &str) -> OriginId {
        // Files come one after the other.
        if self.origins.last().is_none_or(|last| last != origin) {
            self.origins.push(origin.to_owned());
        }
        OriginId(u16::try_from(self.origins.len() - 1).unwrap_or(u16::MAX))
    }

    fn origin(&self, id: OriginId) -> &str {
        self.origins.get(usize::from(id.0)).map_or("", String::as_str)
    }

    /// Adds a key with the positions of two of its records.
    fn add(&mut self, key: &Key, places: [String; 2]) {
        self.keys += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(RepeatedKey { key: key.as_str().to_owned(), places });
        }
    }

    /// Returns one sentence without its full stop; `None` if no key is repeated.
    pub fn sentence(&self, reprocess_policy: ReprocessPolicy) -> Option<String> {
        let counts = format!("the {} record counts", name_counted_record(reprocess_policy));
        let shown = |one: &RepeatedKey| format!("{} ({} and {})", cut(&one.key), one.places[0], one.places[1]);
        let names: Vec<_> = self.listed.iter().take(MAX_NAMED).map(shown).collect();
        match (self.keys, self.keys.saturating_sub(names.len() as u64)) {
            (0, _) => None,
            (1, _) => Some(format!("key {} came more than once with different content: {counts}", names.join(""))),
            (keys, 0) => {
                Some(format!("{keys} keys came more than once with different content: {}; {counts}", names.join(", ")))
            }
            (keys, more) => Some(format!(
                "{keys} keys came more than once with different content: {} and {more} more; {counts}",
                names.join(", ")
            )),
        }
    }
}

/// Returns which record of a key counts: `first`, `last` or `newest`.
pub fn name_counted_record(reprocess_policy: ReprocessPolicy) -> &'static str {
    match reprocess_policy {
        ReprocessPolicy::EachVersion => "first",
        ReprocessPolicy::OnChange => "last",
        ReprocessPolicy::OnNewer => "newest",
    }
}

/// Shortens a key, so that a sentence stays readable.
fn cut(key: &str) -> String {
    match key.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", key.get(..at).unwrap_or_default()),
        None => key.to_owned(),
    }
}

/// Watches a source for a job in which each version counts, so that a second record of the same
/// version is skipped.
#[derive(Debug)]
pub enum RepeatWatch {
    /// For a source that can be read again: the hashes of its records, to find at its end which are
    /// repeated.
    Hashes(Vec<u64>),
    /// For a source that is read once: of each record enough to compare it with another.
    FirstRecords(BTreeMap<u64, RepeatedRecord>, RepeatedKeys),
}

impl RepeatWatch {
    /// Creates a watch for a source.
    pub fn new(is_rereadable: bool) -> Self {
        if is_rereadable {
            Self::Hashes(Vec::new())
        } else {
            Self::FirstRecords(BTreeMap::new(), RepeatedKeys::default())
        }
    }

    /// Adds the next record.
    pub fn add(&mut self, key: &Key, version: &Version, position: &Position, body: &Value) {
        let hash = hash_version(key, version);
        match self {
            Self::Hashes(hashes) => hashes.push(hash),
            Self::FirstRecords(first_records, repeats) => {
                compare(first_records, repeats, hash, key, position, hash_content(body));
            }
        }
    }

    /// Ends the watch. Returns what to compare in one more pass, and what was found already.
    pub fn end(self) -> (Option<RepeatComparison>, RepeatedKeys) {
        match self {
            Self::FirstRecords(_, repeats) => (None, repeats),
            Self::Hashes(mut hashes) => {
                let records = hashes.len();
                hashes.sort_unstable();
                let mut last = None;
                hashes.retain(|hash| last.replace(*hash) == Some(*hash));
                hashes.dedup();
                let comparison = RepeatComparison {
                    hashes,
                    records,
                    first_records: BTreeMap::new(),
                    repeats: RepeatedKeys::default(),
                };
                ((!comparison.hashes.is_empty()).then_some(comparison), RepeatedKeys::default())
            }
        }
    }
}

/// A second pass that compares the records of repeated keys.
#[derive(Debug)]
pub struct RepeatComparison {
    /// The 64-bit hashes of the repeated keys, sorted.
    hashes: Vec<u64>,
    /// Number of records in the first pass that are left.
    records: usize,
    first_records: BTreeMap<u64, RepeatedRecord>,
    repeats: RepeatedKeys,
}

impl RepeatComparison {
    /// Compares the next record; returns false once all records of the first pass were seen.
    pub fn add(&mut self, key: &Key, version: &Version, position: &Position, body: &Value) -> bool {
        let Some(left) = self.records.checked_sub(1) else { return false };
        self.records = left;
        let hash = hash_version(key, version);
        if self.hashes.binary_search(&hash).is_ok() {
            compare(&mut self.first_records, &mut self.repeats, hash, key, position, hash_content(body));
        }
        true
    }

    /// Returns the repeated keys.
    pub fn end(self) -> RepeatedKeys {
        self.repeats
    }
}

fn compare(
    first_records: &mut BTreeMap<u64, RepeatedRecord>,
    repeats: &mut RepeatedKeys,
    hash: u64,
    key: &Key,
    position: &Position,
    content: u32,
) {
    match first_records.entry(hash) {
        Entry::Vacant(none) => {
            none.insert(RepeatedRecord::new(content, position, repeats));
        }
        Entry::Occupied(mut first) => first.get_mut().compare(key, content, position, repeats),
    }
}

/// Returns 64 bits that identify a version of a key. A collision only makes a report wrong.
fn hash_version(key: &Key, version: &Version) -> u64 {
    let of_version = if version.0.is_empty() { 0 } else { version.hash().rotate_left(32) };
    key.fingerprint().0 ^ of_version
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn records() -> Vec<(Key, Version, Position, Value)> {
        let records =
            [("a", "", 1), ("b", "", 1), ("a", "", 2), ("b", "", 1), ("a", "", 3), ("c", "1", 1), ("c", "2", 2)];
        let record = |(at, (key, version, n)): (usize, &(&str, &str, u64))| {
            let position = Position { origin: "f.csv".into(), record: at as u64 + 1, line: Some(at as u64 + 2) };
            (Key::new(*key).expect("a key"), Version((*version).into()), position, json!({"n": n}))
        };
        records.iter().enumerate().map(record).collect()
    }

    fn find_repeated(is_rereadable: bool) -> RepeatedKeys {
        let mut watch = RepeatWatch::new(is_rereadable);
        for (key, version, position, body) in &records() {
            watch.add(key, version, position, body);
        }
        let (comparison, repeats) = watch.end();
        let Some(mut comparison) = comparison else { return repeats };
        for (key, version, position, body) in &records() {
            assert!(comparison.add(key, version, position, body));
        }
        let (key, version, position, body) = &records()[0];
        assert!(!comparison.add(key, version, position, body), "what came since is not looked at");
        comparison.end()
    }

    #[test]
    fn records_of_several_files_are_reported_with_their_own() {
        let mut watch = RepeatWatch::new(false);
        for (origin, key, n) in [("a.csv", "x", 1), ("a.csv", "y", 1), ("b.csv", "z", 1), ("b.csv", "x", 2)] {
            let position = Position { origin: origin.into(), record: 1, line: Some(2) };
            watch.add(&Key::new(key).expect("a key"), &Version::default(), &position, &json!({"n": n}));
        }
        let (_, repeats) = watch.end();
        assert_eq!(repeats.listed[0].places, ["a.csv:2", "b.csv:2"]);
    }

    #[test]
    fn a_key_with_different_content_is_reported_once() {
        for rereadable in [true, false] {
            let places = ["f.csv:2", "f.csv:4"].map(str::to_owned);
            let repeats = find_repeated(rereadable);
            assert_eq!((repeats.listed, repeats.keys), (vec![RepeatedKey { key: "a".into(), places }], 1));
        }
        let sentence = find_repeated(true).sentence(ReprocessPolicy::EachVersion).expect("something to tell");
        assert_eq!(
            sentence,
            "key a (f.csv:2 and f.csv:4) came more than once with different content: the first record counts"
        );
        assert_eq!(RepeatedKeys::default().sentence(ReprocessPolicy::OnChange), None);
    }

    #[test]
    fn the_order_of_members_makes_no_other_content() {
        let hash = |value: &Value| hash_content(value);
        assert_eq!(hash(&json!({"a": 1, "b": [2, {}]})), hash(&json!({"b": [2, {}], "a": 1})));
        for other in [json!({"a": 1, "b": [{}, 2]}), json!({"a": 2, "b": [2, {}]}), json!({"a": "1", "b": [2, {}]})] {
            assert_ne!(hash(&json!({"a": 1, "b": [2, {}]})), hash(&other));
        }
    }

    #[test]
    fn many_such_keys_are_counted_and_the_first_ones_named() {
        let mut repeats = RepeatedKeys::default();
        for n in 0..1_000 {
            repeats.add(&Key::new(n.to_string()).expect("a key"), ["f:1", "f:2"].map(str::to_owned));
        }
        assert_eq!((repeats.listed.len(), repeats.keys), (MAX_LISTED, 1_000));
        let sentence = repeats.sentence(ReprocessPolicy::OnNewer).expect("something to tell");
        assert_eq!(
            sentence,
            "1000 keys came more than once with different content: 0 (f:1 and f:2), 1 (f:1 and f:2), 2 (f:1 and f:2) and 997 more; \
             the newest record counts"
        );
    }
}
