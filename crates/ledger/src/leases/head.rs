//! The head: the one marker that each commit replaces.
//!
//! In scope: its id and its text form. Out of scope: its place on the sheet
//! (`store::guard::head_guard`).

use std::fmt;
use std::str::FromStr;

/// The id of a head revision: its commit's number and 64 random bits, so that no two drafts share
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadId {
    /// The number of the commit that set this head; the first is 0.
    pub commit: u64,
    /// 64 random bits, by which two drafts of one number differ.
    pub nonce: u64,
}

/// Digits of the nonce in a head's text; 2^64 has 20.
const NONCE_DIGITS: usize = 20;

impl HeadId {
    /// Returns the head that the next commit sets.
    #[must_use]
    pub fn next(self, nonce: u64) -> Self {
        Self { commit: self.commit.saturating_add(1), nonce }
    }
}

impl fmt::Display for HeadId {
    /// Digits only: the number, then the nonce in 20 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:020}", self.commit, self.nonce)
    }
}

/// The error for a text that is not a head id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no head id: expected at least 21 digits")]
pub struct HeadIdError;

impl FromStr for HeadId {
    type Err = HeadIdError;

    fn from_str(text: &str) -> Result<Self, HeadIdError> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(HeadIdError);
        }
        let split = text.len().checked_sub(NONCE_DIGITS).filter(|&at| at > 0).ok_or(HeadIdError)?;
        let (commit, nonce) = text.split_at(split);
        let read = |digits: &str| digits.parse().map_err(|_| HeadIdError);
        Ok(Self { commit: read(commit)?, nonce: read(nonce)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_reads_back_and_is_digits_only(commit in 0_u64.., nonce in 0_u64..) {
            let head = HeadId { commit, nonce };
            let text = head.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(text.parse(), Ok(head));
        }

        #[test]
        fn the_next_head_is_never_a_lower_one_whatever_number_was_typed(commit in 0_u64.., nonce in 0_u64..) {
            let next = HeadId { commit, nonce }.next(nonce);
            prop_assert!(next.commit >= commit);
            prop_assert_eq!(HeadId { commit: u64::MAX, nonce }.next(0).commit, u64::MAX);
        }

        #[test]
        fn invariant_6_no_text_makes_the_reading_of_a_head_fail_hard(text in ".{0,60}") {
            let _ = text.parse::<HeadId>();
        }
    }
}
