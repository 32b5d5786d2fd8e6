//! The secrets of this process, by their exact text, so that no log and no error shows one.
//!
//! In scope: registering a secret where it is read, and hiding all of them where text leaves the
//! process. Out of scope: secrets that are recognised by their form (`redact`); `hide_secrets`
//! hides them as well.
//!
//! The process has one list, which is not passed along. So a part that writes text can't forget a
//! secret that another part has read.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

use crate::redact::{HIDDEN, is_no_path, names_secret, redact};

/// The least length of a secret, in bytes; a shorter one could be a word of a message.
const MIN_LENGTH: usize = 8;
/// The least length of a part of an address, in bytes.
const MIN_PART: usize = 16;
/// How many texts are kept. The earliest ones stay: keys are read first, tokens expire.
const MAX_SECRETS: usize = 1_024;

/// Every text to hide, the longest first, so that a whole address is hidden before its parts.
static SECRETS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Registers a secret, with the forms that it takes in JSON, in an address and in base64. Of an
/// address, what follows the host counts by itself, because an error may show that alone. A text of
/// less than 8 bytes is not registered.
pub fn register_secret(secret: &str) {
    let secret = secret.trim();
    if secret.len() < MIN_LENGTH {
        return;
    }
    let mut forms = list_forms(secret);
    if let Some(path) = find_path(secret).filter(|path| path.len() >= MIN_PART) {
        forms.extend(list_forms(path));
    }
    let mut known = SECRETS.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms {
        if known.len() < MAX_SECRETS && !known.contains(&form) {
            let at = known.partition_point(|other| other.len() > form.len());
            known.insert(at, form);
        }
    }
}

/// Registers the value of an environment variable if its name is that of a secret. A path and
/// a JSON document are not registered: the first is not secret, and of the second only parts are.
pub fn register_variable(name: &str, value: &str) {
    let value = value.trim();
    let is_path = ["/", "./", "../", "~"].iter().any(|start| value.starts_with(start)) && !is_no_path(value);
    let names_file = name.ends_with("_FILE") || name.ends_with("_PATH") || name.ends_with("APPLICATION_CREDENTIALS");
    if !names_secret(name) || is_path || names_file || value.starts_with('{') {
        return;
    }
    if value.contains("-----BEGIN") {
        // A `.env` file often has a key in one line, with `\n` in place of line ends.
        let lines = value.lines().flat_map(|line| line.split("\\n"));
        lines.filter(|line| !line.starts_with("-----")).for_each(register_secret);
    } else if !value.contains('\n') {
        register_secret(value);
    }
}

/// Returns the text without the secrets of this process, and without anything that looks like one.
pub fn hide_secrets(text: &str) -> Cow<'_, str> {
    let known = SECRETS.read().unwrap_or_else(PoisonError::into_inner);
    let mut hidden: Option<String> = None;
    for secret in known.iter() {
        let current = hidden.as_deref().unwrap_or(text);
        if current.contains(secret.as_str()) {
            hidden = Some(current.replace(secret.as_str(), HIDDEN));
        }
    }
    match hidden {
        Some(hidden) => Cow::Owned(redact(&hidden).into_owned()),
        None => redact(text),
    }
}

/// Returns the text as it is, escaped as in JSON, percent-encoded, and in base64 of both alphabets.
fn list_forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        escape_json(secret),
        encode_percent(secret),
        BASE64_NOPAD.encode(secret.as_bytes()),
        BASE64URL_NOPAD.encode(secret.as_bytes()),
    ];
    forms.dedup();
    forms
}

fn escape_json(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn encode_percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 0xf] {
                out.push(char::from_digit(u32::from(half), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
    }
    out
}

/// Returns the path and the query of an address.
fn find_path(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.find(['/', '?']).and_then(|at| rest.get(at..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registered_secret_is_hidden_in_each_of_its_forms() {
        let secret = "pl\"in words-42/x";
        register_secret(secret);
        for form in [
            secret.to_owned(),
            "pl\\\"in words-42/x".to_owned(),
            "pl%22in%20words-42%2Fx".to_owned(),
            data_encoding::BASE64.encode(secret.as_bytes()),
        ] {
            let shown = hide_secrets(&format!("before {form} after")).into_owned();
            assert!(shown.starts_with("before [hidden]") && shown.ends_with(" after"), "{form}: {shown}");
        }
    }

    #[test]
    fn of_an_address_the_part_behind_the_host_is_hidden_too() {
        register_secret("https://hooks.example/services/T0/B0/plain-words-only");
        assert_eq!(hide_secrets("POST https://hooks.example/services/T0/B0/plain-words-only"), "POST [hidden]");
        assert_eq!(hide_secrets("no route to /services/T0/B0/plain-words-only"), "no route to [hidden]");
        assert_eq!(hide_secrets("hooks.example is down"), "hooks.example is down");
    }

    #[test]
    fn a_variable_counts_by_its_name_unless_it_is_a_path() {
        register_variable("ORDERS_TOKEN", "orders token value");
        register_variable("TAB", "not a secret at all");
        register_variable("DB_PASSWORD_FILE", "/run/secrets/database");
        register_variable("DB_SECRET", "/run/secrets/other");
        register_variable("GOOGLE_APPLICATION_CREDENTIALS", "my-robot-key.json");
        register_variable("SHORT_TOKEN", "word");
        let text = "not a secret at all, /run/secrets/database, /run/secrets/other, my-robot-key.json, word";
        assert_eq!(hide_secrets(text), text);
        assert_eq!(hide_secrets("an orders token value"), "an [hidden]");
    }

    #[test]
    fn a_key_in_one_line_is_hidden_line_by_line() {
        register_variable(
            "ROBOT_PRIVATE_KEY",
            "-----BEGIN PRIVATE KEY-----\\nfirst line of it\\nsecond line\\n-----END PRIVATE KEY-----",
        );
        assert_eq!(hide_secrets("it has first line of it"), "it has [hidden]");
    }
}
