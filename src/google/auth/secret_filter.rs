//! Removes this process's secrets from any text that a service wrote.
//!
//! In scope: the keys and tokens in use. Out of scope: secrets that are recognised by their form
//! (`redact`); they are removed as well.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::google::auth::credentials::Grant;
use crate::redact::{HIDDEN, redacted};

/// Minimum length of a secret; shorter ones could be words of a message.
const LEAST: usize = 8;
/// Number of tokens that are remembered; older ones have expired.
const MOST: usize = 64;

/// The known secrets. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct SecretFilter {
    known: Arc<Mutex<Vec<SecretString>>>,
}

impl SecretFilter {
    /// Creates a filter with the secrets of a grant.
    pub(crate) fn of(grant: &Grant) -> Self {
        let hush = Self::default();
        hush.take(grant);
        hush
    }

    fn take(&self, grant: &Grant) {
        match grant {
            Grant::Fixed(token) => self.learn(token.expose_secret()),
            Grant::ServiceAccount(key) => {
                // Line by line, because a service may write other line ends.
                let lines = key.private_key.lines().filter(|line| !line.starts_with("-----"));
                lines.for_each(|line| self.learn(line));
            }
            Grant::AuthorizedUser(secret) => {
                self.learn(&secret.client_secret);
                self.learn(&secret.refresh_token);
            }
            Grant::Impersonated { source, .. } => self.take(source),
            Grant::ExternalAccount(_) | Grant::Metadata { .. } => {}
        }
    }

    /// Adds one secret.
    pub(crate) fn learn(&self, secret: &str) {
        if secret.len() >= LEAST {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.truncate(MOST / 2);
            }
            known.push(SecretString::from(secret));
        }
    }

    /// Returns the text without known secrets, and without anything that looks like a secret.
    pub(crate) fn hide(&self, text: &str) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for secret in known.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = text.replace(secret, HIDDEN);
            }
            // A truncated text may end within a secret.
            let cut =
                (LEAST..secret.len()).rev().find(|end| secret.get(..*end).is_some_and(|start| text.ends_with(start)));
            if let Some(cut) = cut {
                text.truncate(text.len() - cut);
                text.push_str(HIDDEN);
            }
        }
        redacted(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_any_look_is_hidden_whole_or_cut_off() {
        let hush = SecretFilter::of(&Grant::Fixed("plain-looking-token".into()));
        hush.learn("another one of them");
        hush.learn("short");
        assert_eq!(hush.hide("no plain-looking-token, another one of them!"), "no [hidden], [hidden]!");
        assert_eq!(hush.hide("it ends with plain-looki"), "it ends with [hidden]");
        assert_eq!(hush.hide("a short one of plain looks"), "a short one of plain looks");
        assert_eq!(hush.hide("Bearer c0ffee-c0ffee"), "Bearer [hidden]");
    }
}
