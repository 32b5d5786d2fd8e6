//! Keys that look alike: they differ only in blanks, in invisible characters, or in how an accented
//! letter is encoded.
//!
//! Each key is its exact text, so such keys are different items with rows of their own. People see
//! the same key twice, so a run warns of them. In scope: finding pairs. Out of scope: which records
//! a run reads.

use std::collections::{HashMap, HashSet};

use icu_normalizer::ComposingNormalizer;

use crate::items::item::Position;
use crate::items::key::{Fingerprint, Key};

/// Maximum number of keys that are remembered; pairs beyond are not found.
const MAX_REMEMBERED: usize = 10_000;
/// Maximum number of characters of a key in the sentence.
const MAX_SHOWN_CHARS: usize = 60;

/// Watches the keys of a source.
#[derive(Debug, Default)]
pub struct LookalikeKeys {
    /// Keys whose visible text is another one, by the fingerprint of that text.
    unusual: HashMap<Fingerprint, UnusualKey>,
    /// Keys whose pair is counted: each counts once, however many records have it.
    counted: HashSet<Fingerprint>,
    pairs: u64,
    first: Option<String>,
}

#[derive(Debug)]
struct UnusualKey {
    key: Key,
    visible: Option<Key>,
    position: String,
}

impl LookalikeKeys {
    /// Adds the key of a record. A key that shows its whole text costs nothing but a look at it.
    pub fn add(&mut self, key: &Key, position: &Position) {
        let Some(visible) = find_visible_text(key.as_str()) else { return };
        let fingerprint = Fingerprint::new(&visible);
        match self.unusual.get(&fingerprint) {
            Some(other) => {
                let is_uncounted = other.key != *key
                    && self.counted.len() < MAX_REMEMBERED
                    && self.counted.insert(Fingerprint::new(key.as_str()));
                if is_uncounted {
                    let pair = describe_pair(key, &position.to_string(), &other.key, Some(&other.position));
                    self.count(pair);
                }
            }
            None if self.unusual.len() < MAX_REMEMBERED => {
                let visible = Key::new(visible).ok();
                let unusual = UnusualKey { key: key.clone(), visible, position: position.to_string() };
                self.unusual.insert(fingerprint, unusual);
            }
            None => {}
        }
    }

    /// Returns one sentence about the pairs; `None` if there is none. `is_known` returns whether a
    /// key is an item of the job, in this source or from earlier.
    pub fn finish(&mut self, is_known: impl Fn(&Key) -> bool) -> Option<String> {
        let mut found: Vec<String> = Vec::new();
        for UnusualKey { key, visible, position } in std::mem::take(&mut self.unusual).into_values() {
            if let Some(plain) = visible.filter(|plain| is_known(plain)) {
                found.push(describe_pair(&key, &position, &plain, None));
            }
        }
        // The sentence is the same in each run, whatever the order of the map is.
        found.sort();
        for pair in found {
            self.count(pair);
        }
        let more = match self.pairs {
            0 | 1 => String::new(),
            pairs => format!(", and {} more", pairs - 1),
        };
        let first = self.first.take()?;
        Some(format!(
            "keys that look alike are items of their own: {first}{more}; if they are one item, remove blanks and \
             invisible characters where the records come from, or in the key, such as key = \".id | trim\""
        ))
    }

    fn count(&mut self, pair: String) {
        self.pairs += 1;
        self.first.get_or_insert(pair);
    }
}

/// Names two keys so that people can distinguish them.
fn describe_pair(key: &Key, position: &str, other: &Key, other_position: Option<&str>) -> String {
    let place = other_position.map_or_else(String::new, |place| format!(" ({place})"));
    format!("{} ({position}) and {}{place}", quote_key(key), quote_key(other))
}

/// Quotes a key. Characters other than letters, digits and marks of ASCII are shown by their numbers.
fn quote_key(key: &Key) -> String {
    let show = |c: char| match c {
        ' '..='~' => c.to_string(),
        c if c.is_alphanumeric() => c.to_string(),
        c => c.escape_unicode().to_string(),
    };
    format!("\"{}\"", key.as_str().chars().take(MAX_SHOWN_CHARS).map(show).collect::<String>())
}

/// Returns what a person sees of a key; `None` if that is the key itself.
fn find_visible_text(key: &str) -> Option<String> {
    if key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && key.trim().len() == key.len() {
        return None;
    }
    let composed = ComposingNormalizer::new_nfc().normalize(key);
    let visible = composed.chars().filter(|c| !is_invisible(*c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let visible = visible.collect::<String>();
    let visible = visible.trim();
    (visible != key).then(|| visible.to_owned())
}

/// Returns whether a character is not drawn. That is a control character but for line breaks and
/// tabs, one without a width, or one that sets the direction of a text.
fn is_invisible(c: char) -> bool {
    let has_no_width = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    has_no_width || c.is_control() && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the sentence about keys of a source, and earlier ones.
    fn sentence(keys: &[&str], earlier: &[&str]) -> Option<String> {
        let key = |text: &&str| Key::new(*text).expect("a key");
        let all: Vec<Key> = keys.iter().chain(earlier).map(key).collect();
        let mut lookalikes = LookalikeKeys::default();
        for (at, text) in (1..).zip(keys) {
            lookalikes.add(&key(text), &Position { origin: "a.csv".into(), record: at, line: Some(at + 1) });
        }
        lookalikes.finish(|key| all.contains(key))
    }

    #[test]
    fn keys_that_differ_in_what_no_one_sees_are_named() {
        for (keys, shown) in [
            (["1", "1 "], r#""1 " (a.csv:3 (record 2)) and "1""#),
            (["1", "\u{a0}1"], r#""\u{a0}1" (a.csv:3 (record 2)) and "1""#),
            (["1", "1\u{200b}"], r#""1\u{200b}" (a.csv:3 (record 2)) and "1""#),
            (["\u{feff}1", "1"], r#""\u{feff}1" (a.csv:2 (record 1)) and "1""#),
            (["a b", "a\u{a0}b"], r#""a\u{a0}b" (a.csv:3 (record 2)) and "a b""#),
            (["caf\u{e9}", "cafe\u{301}"], r#""cafe\u{301}" (a.csv:3 (record 2)) and "café""#),
            (["1\t", " 1"], r#"" 1" (a.csv:3 (record 2)) and "1\u{9}" (a.csv:2 (record 1))"#),
        ] {
            let found = sentence(&keys, &[]).expect("a pair");
            assert!(found.contains(&format!("items of their own: {shown};")), "{found}");
        }
    }

    #[test]
    fn keys_that_people_can_distinguish_are_not_named() {
        for keys in [["1", "01"], ["a", "A"], ["café", "cafe"], ["a b", "a  b"], ["1 ", "1 "], ["日本", "日本 人"]]
        {
            assert_eq!(sentence(&keys, &[]), None, "{keys:?}");
        }
        assert_eq!(sentence(&["1 ", "2 "], &[]), None, "no other key looks like them");
    }

    #[test]
    fn a_key_of_an_earlier_run_counts_and_all_pairs_do() {
        assert!(sentence(&["1 "], &["1"]).is_some());
        let found = sentence(&["1 ", " 1", "2 "], &["1", "2"]).expect("pairs");
        assert!(found.contains("and 2 more;"), "{found}");
    }

    #[test]
    fn a_key_counts_once_however_many_records_have_it() {
        let found = sentence(&["1 ", " 1", " 1", "1\u{a0}", " 1", "1\u{a0}", "1 "], &["1"]).expect("pairs");
        assert!(found.contains("and 2 more;"), "{found}");
    }
}
