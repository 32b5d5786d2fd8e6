//! Which messages about what lasts were reported: each is reported once, and again when it changes.
//!
//! Two such sets are in the state: lasting warnings, and cells in Jobs that are not understood. In
//! scope: a set, and its text in the state. Out of scope: what is worth a message, and who shows it.

use std::collections::BTreeSet;

use crate::items::key::Fingerprint;

/// Maximum number of messages that are remembered. Those beyond are reported by each run.
const MAX_MESSAGES: usize = 200;

/// Messages of a run, as hashes of their texts. A message that quotes a cell changes with its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ReportedMessages(BTreeSet<u32>);

impl ReportedMessages {
    /// Returns the set of these messages, as far as there is room.
    pub fn from_messages(messages: &[String]) -> Self {
        Self(messages.iter().take(MAX_MESSAGES).map(|message| hash_message(message)).collect())
    }

    /// Parses the text of a state field. What an edit made unreadable is left out.
    pub fn read(text: &str) -> Self {
        Self(text.split(' ').filter_map(|word| u32::from_str_radix(word, 16).ok()).take(MAX_MESSAGES).collect())
    }

    /// Formats the text of a state field; `None` without a message.
    pub fn text(&self) -> Option<String> {
        let words: Vec<String> = self.0.iter().map(|hash| format!("{hash:08x}")).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Returns whether this message was reported, in these very words.
    pub fn contains(&self, message: &str) -> bool {
        self.0.contains(&hash_message(message))
    }

    /// Adds a message. Returns false if it is there already.
    pub fn add(&mut self, message: &str) -> bool {
        let hash = hash_message(message);
        if self.0.len() >= MAX_MESSAGES { !self.0.contains(&hash) } else { self.0.insert(hash) }
    }

    /// Removes a message.
    pub fn remove(&mut self, message: &str) {
        self.0.remove(&hash_message(message));
    }

    /// Returns these messages and `others`, as far as there is room.
    #[must_use]
    pub fn with(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).copied().take(MAX_MESSAGES).collect())
    }
}

fn hash_message(message: &str) -> u32 {
    let Fingerprint(hash, _) = Fingerprint::new(message);
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_known_in_the_same_words_only() {
        let mut warnings = ReportedMessages::default();
        assert!(warnings.add("row 7 has no key") && !warnings.add("row 7 has no key"));
        let read = ReportedMessages::read(&warnings.text().expect("one warning"));
        assert_eq!(read, warnings);
        assert!(read.contains("row 7 has no key") && !read.contains("row 8 has no key"));
    }

    #[test]
    fn a_set_of_messages_is_read_as_it_was_written() {
        let (soon, later) = ("\"soon\" in silence until".to_owned(), "\"later\" in silence until".to_owned());
        let reported = ReportedMessages::from_messages(std::slice::from_ref(&soon));
        assert_eq!(ReportedMessages::read(&reported.text().expect("one message")), reported);
        assert!(reported.contains(&soon) && !reported.contains(&later));
        assert_eq!(ReportedMessages::from_messages(&[]).text(), None);
    }

    #[test]
    fn an_edited_text_is_read_as_far_as_it_is_valid() {
        let mut warnings = ReportedMessages::default();
        warnings.add("a");
        let text = warnings.text().expect("one warning");
        assert_eq!(ReportedMessages::read(&format!("= x {text} 12345678901")), warnings);
        assert_eq!(ReportedMessages::read("").text(), None);
    }

    #[test]
    fn warnings_beyond_the_limit_are_reported_each_time() {
        let mut warnings = ReportedMessages::default();
        (0..500).for_each(|n| assert!(warnings.add(&format!("warning {n}"))));
        assert!(warnings.contains("warning 199") && !warnings.contains("warning 200"));
        assert!(warnings.add("warning 200") && !warnings.add("warning 199"));
        assert!(warnings.text().expect("warnings").len() < 2_000);
    }
}
