//! What identifies an item, and what makes it worth processing again.
//!
//! In scope: keys, versions, their fingerprints, the idempotency key.
//! Out of scope: finding a key in a record (`port::step::KeyFinder`).

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Maximum length of a key, in characters.
pub const MAX_KEY_CHARS: usize = 1_000;

/// Maximum length of a version, in characters.
pub const MAX_VERSION_CHARS: usize = 1_000;

/// The identity of an item; never empty, at most 1,000 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

/// Why a text can't be a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The record has no key.
    #[error("the record has no key: fill it where the record comes from, or name another field as key")]
    Missing,
    /// The key is empty.
    #[error("the record's key is empty: fill it where the record comes from, or name another field as key")]
    Empty,
    /// The key is too long to be readable in a cell.
    #[error("the record's key has {0} characters; at most 1,000 are taken: name a shorter field as key")]
    TooLong(usize),
}

impl Key {
    /// Creates a key with exactly this text.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        let chars = text.chars().count();
        if chars > MAX_KEY_CHARS {
            return Err(KeyError::TooLong(chars));
        }
        Ok(Self(text))
    }

    /// Creates the key under which a record without a usable key is stored in Failures: `#` and a
    /// hash of its bytes.
    pub fn from_nameless(record: &[u8]) -> Self {
        let digest = Sha256::digest(record);
        Self(format!("#{}", data_encoding::HEXLOWER.encode(&digest[..8])))
    }

    /// True if it has the form of a key that `from_nameless` makes.
    pub fn is_nameless(&self) -> bool {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        self.0.strip_prefix('#').is_some_and(|hash| hash.len() == 16 && hash.bytes().all(is_hex))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns 128 bits that identify the key in memory. Keys may come from third parties, so the
    /// hash is cryptographic.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of an item as text; empty if the job has no version expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Version(pub String);

impl Version {
    /// Returns 64 bits that identify the version in memory.
    pub fn hash(&self) -> u64 {
        Fingerprint::new(&self.0).0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 128 bits of a SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub u64, pub u64);

impl Fingerprint {
    /// Computes the fingerprint of a text.
    pub fn new(text: &str) -> Self {
        let digest = Sha256::digest(text.as_bytes());
        Self(read_word(&digest, 0), read_word(&digest, 8))
    }
}

fn read_word(digest: &[u8], at: usize) -> u64 {
    digest.iter().skip(at).take(8).fold(0, |acc, &byte| (acc << 8) | u64::from(byte))
}

/// Returns a hash over texts including their boundaries: each is preceded by its length in bytes,
/// as 8 bytes big-endian.
pub fn hash_texts(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Returns the key under which an outside effect of a step may happen at most once: the same for
/// each attempt, run and machine. Its form is frozen: a different form would let effects happen
/// twice.
pub fn make_idempotency_key(spreadsheet: &str, job: &str, step: &str, key: &Key, version: &Version) -> String {
    make_idempotency_key_of_change(spreadsheet, job, step, key, version, None)
}

/// Like `make_idempotency_key`, for a change with an id: the key returns to a version that was done
/// before (`ledger::processed::version_history`). Otherwise a service that accepts each idempotency
/// key once would drop it. Its form is frozen too.
pub fn make_idempotency_key_of_change(
    spreadsheet: &str,
    job: &str,
    step: &str,
    key: &Key,
    version: &Version,
    change: Option<&str>,
) -> String {
    let mut parts = vec![spreadsheet, job, step, key.as_str(), &version.0];
    parts.extend(change);
    let digest = hash_texts(&parts);
    let text = BASE32_NOPAD.encode(&digest).to_lowercase();
    format!("sk1_{}", text.get(..26).unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_idempotency_key_is_frozen() {
        let key = Key::new("ci37868143").expect("a valid key");
        let version = Version("1517966996303".into());
        let made = make_idempotency_key("1SampleSpreadsheetId", "quakes", "map", &key, &version);
        assert_eq!(made, "sk1_tc2lszfrz5snl3wlmvrncim32u");
        let back =
            |change| make_idempotency_key_of_change("1SampleSpreadsheetId", "quakes", "map", &key, &version, change);
        assert_eq!(back(None), made);
        assert_eq!(back(Some("after 0000000000000002 0000000000000003")), "sk1_6m7actwqxjfxsutnqgbxnnsjos");
    }

    #[test]
    fn an_empty_or_overlong_key_is_refused() {
        assert_eq!(Key::new(""), Err(KeyError::Empty));
        assert!(Key::new("ü".repeat(1_000)).is_ok());
        assert_eq!(Key::new("ü".repeat(1_001)), Err(KeyError::TooLong(1_001)));
    }

    #[test]
    fn a_nameless_record_is_named_by_its_bytes() {
        assert_eq!(Key::from_nameless(b"\xff\xfe"), Key::from_nameless(b"\xff\xfe"));
        assert!(Key::from_nameless(b"").as_str().starts_with('#') && Key::from_nameless(b"").is_nameless());
        assert!(!Key("#1".to_owned()).is_nameless() && !Key("a-1".to_owned()).is_nameless());
    }

    proptest! {
        #[test]
        fn moving_a_border_between_parts_changes_the_idempotency_key(a in ".{0,8}", b in ".{1,8}") {
            let key = Key::new("k").expect("a valid key");
            let none = Version::default();
            let joined = format!("{a}{b}");
            prop_assert_ne!(
                make_idempotency_key(&a, &b, "s", &key, &none),
                make_idempotency_key(&joined, "", "s", &key, &none)
            );
        }
    }
}
