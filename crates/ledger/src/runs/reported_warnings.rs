//! Which lasting warnings were reported to users: each is reported once, and again when it changes.
//!
//! In scope: the set over runs, its text in the state. Out of scope: what is worth a warning, and
//! who shows it.

use std::collections::BTreeSet;

use crate::items::key::Fingerprint;

/// Maximum number of warnings that are remembered. Those beyond are reported by each run.
const MAX_WARNINGS: usize = 200;

/// The lasting warnings of a run, as hashes of their texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ReportedWarnings(BTreeSet<u32>);

impl ReportedWarnings {
    /// Parses the text of a state field. What an edit made unreadable is left out.
    pub fn read(text: &str) -> Self {
        Self(text.split(' ').filter_map(|word| u32::from_str_radix(word, 16).ok()).take(MAX_WARNINGS).collect())
    }

    /// Formats the text of a state field; `None` without a warning.
    pub fn text(&self) -> Option<String> {
        let words: Vec<String> = self.0.iter().map(|hash| format!("{hash:08x}")).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Returns whether this warning was reported, in these very words.
    pub fn contains(&self, message: &str) -> bool {
        self.0.contains(&hash_of(message))
    }

    /// Adds a warning. Returns false if it is there already.
    pub fn add(&mut self, message: &str) -> bool {
        let hash = hash_of(message);
        if self.0.len() >= MAX_WARNINGS { !self.0.contains(&hash) } else { self.0.insert(hash) }
    }

    /// Removes a warning.
    pub fn remove(&mut self, message: &str) {
        self.0.remove(&hash_of(message));
    }

    /// Returns these warnings and `others`, as far as there is room.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).copied().take(MAX_WARNINGS).collect())
    }
}

fn hash_of(message: &str) -> u32 {
    let Fingerprint(hash, _) = Fingerprint::new(message);
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_known_in_the_same_words_only() {
        let mut warnings = ReportedWarnings::default();
        assert!(warnings.add("row 7 has no key") && !warnings.add("row 7 has no key"));
        let read = ReportedWarnings::read(&warnings.text().expect("one warning"));
        assert_eq!(read, warnings);
        assert!(read.contains("row 7 has no key") && !read.contains("row 8 has no key"));
    }

    #[test]
    fn an_edited_text_is_read_as_far_as_it_is_valid() {
        let mut warnings = ReportedWarnings::default();
        warnings.add("a");
        let text = warnings.text().expect("one warning");
        assert_eq!(ReportedWarnings::read(&format!("= x {text} 12345678901")), warnings);
        assert_eq!(ReportedWarnings::read("").text(), None);
    }

    #[test]
    fn warnings_beyond_the_limit_are_reported_each_time() {
        let mut warnings = ReportedWarnings::default();
        (0..500).for_each(|n| assert!(warnings.add(&format!("warning {n}"))));
        assert!(warnings.contains("warning 199") && !warnings.contains("warning 200"));
        assert!(warnings.add("warning 200") && !warnings.add("warning 199"));
        assert!(warnings.text().expect("warnings").len() < 2_000);
    }
}
