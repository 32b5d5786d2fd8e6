//! The secrets of this process, by their letters: whatever a service writes, they are not repeated.
//!
//! In scope: keys and tokens that are in use here. Out of scope: secrets that are known by their looks (`redact`), which are hidden
//! beside these.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::google::auth::credentials::Grant;
use crate::redact::{HIDDEN, redacted};

/// The least length of a secret: shorter ones are words of messages.
const LEAST: usize = 8;
/// Tokens that are remembered; older ones are no good any more.
const MOST: usize = 64;

/// What is never repeated. Copies share it.
#[derive(Clone, Default)]
pub(crate) struct SecretFilter {
    known: Arc<Mutex<Vec<SecretString>>>,
}

impl SecretFilter {
    /// The secrets of a grant.
    pub(crate) fn of(grant: &Grant) -> Self {
        let hush = Self::default();
        hush.take(grant);
        hush
    }

    fn take(&self, grant: &Grant) {
        match grant {
            Grant::Fixed(token) => self.learn(token.expose_secret()),
            Grant::ServiceAccount(key) => {
                // Line by line, for a service may write the line ends otherwise.
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

    /// Keeps one more.
    pub(crate) fn learn(&self, secret: &str) {
        if secret.len() >= LEAST {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.truncate(MOST / 2);
            }
            known.push(SecretString::from(secret));
        }
    }

    /// The text without any of them, and without what looks like one.
    pub(crate) fn hide(&self, text: &str) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for secret in known.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = text.replace(secret, HIDDEN);
            }
            // A text that was cut off may end within one.
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
