//! Removes this process's secrets from any text that a service wrote.
//!
//! In scope: the keys and tokens in use. Out of scope: secrets that are recognised by their form
//! (`redact`); they are removed as well.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::auth::credentials::Grant;
use sheetkeep_base::known_secrets::register_secret;
use sheetkeep_base::redact::{HIDDEN, redact};

/// Minimum length of a secret; shorter ones could be words of a message.
const MIN_LENGTH: usize = 8;
/// Number of tokens that are remembered; older ones have expired.
const MAX_TOKENS: usize = 64;

/// The known secrets. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct SecretFilter {
    known: Arc<Mutex<Vec<SecretString>>>,
}

impl SecretFilter {
    /// Creates a filter with the secrets of a grant.
    pub(crate) fn from_grant(grant: &Grant) -> Self {
        let filter = Self::default();
        filter.add_grant(grant);
        filter
    }

    fn add_grant(&self, grant: &Grant) {
        match grant {
            Grant::Fixed(token) => self.add(token.expose_secret()),
            Grant::ServiceAccount(key) => {
                // Line by line, because a service may write other line ends.
                let lines = key.private_key.lines().filter(|line| !line.starts_with("-----"));
                lines.for_each(|line| self.add(line));
            }
            Grant::AuthorizedUser(secret) => {
                self.add(&secret.client_secret);
                self.add(&secret.refresh_token);
            }
            Grant::Impersonated { source, .. } => self.add_grant(source),
            Grant::ExternalAccount(_) | Grant::Metadata { .. } => {}
        }
    }

    /// Adds one secret, here and for everything that this process writes.
    pub(crate) fn add(&self, secret: &str) {
        register_secret(secret);
        if secret.len() >= MIN_LENGTH {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_TOKENS {
                known.truncate(MAX_TOKENS / 2);
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
            let cut = (MIN_LENGTH..secret.len())
                .rev()
                .find(|end| secret.get(..*end).is_some_and(|start| text.ends_with(start)));
            if let Some(cut) = cut {
                text.truncate(text.len() - cut);
                text.push_str(HIDDEN);
            }
        }
        redact(&text).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_any_look_is_hidden_whole_or_cut_off() {
        let filter = SecretFilter::from_grant(&Grant::Fixed("plain-looking-token".into()));
        filter.add("another one of them");
        filter.add("short");
        assert_eq!(filter.hide("no plain-looking-token, another one of them!"), "no [hidden], [hidden]!");
        assert_eq!(filter.hide("it ends with plain-looki"), "it ends with [hidden]");
        assert_eq!(filter.hide("a short one of plain looks"), "a short one of plain looks");
        assert_eq!(filter.hide("Bearer c0ffee-c0ffee"), "Bearer [hidden]");
    }
}
