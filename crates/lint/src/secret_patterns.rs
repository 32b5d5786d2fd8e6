//! Which texts are secrets, by their form or by the name that they are given.
//!
//! The forms are those of gitleaks and detect-secrets (2026): few, with a fixed prefix, so that a
//! text that matches is one.

use std::sync::OnceLock;

use regex::Regex;

/// Forms of keys and tokens: what it is, and the form.
const FORMS: [(&str, &str); 22] = [
    ("an AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[0-9A-Za-z]{36}\b"),
    ("a GitHub token", r"\bgithub_pat_[0-9A-Za-z_]{60,}"),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}\b"),
    ("a Slack token", r"\bxox[bpe]-[0-9]{10,13}-[0-9A-Za-z-]{10,}"),
    ("a Slack token", r"\bxapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a Google access token", r"\bya29\.[0-9A-Za-z_-]{20,}"),
    ("a Google client secret", r"\bGOCSPX-[0-9A-Za-z_-]{28}"),
    ("a Google refresh token", r"\b1//0[0-9A-Za-z_-]{40,}"),
    ("an OpenAI key", r"\bsk-[0-9A-Za-z_-]{16,}T3BlbkFJ[0-9A-Za-z_-]{16,}"),
    ("an Anthropic key", r"\bsk-ant-(?:api|admin)[0-9]{2}-[0-9A-Za-z_-]{80,}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("a Stripe key", r"\b[sr]k_(?:test|live|prod)_[0-9A-Za-z]{16,99}\b"),
    ("a SendGrid key", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"),
    ("an npm token", r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("a Vault token", r"\bhvs\.[0-9A-Za-z_-]{90,120}"),
    ("a Databricks token", r"\bdapi[0-9a-f]{32}\b"),
    ("a Telegram token", r"\b[0-9]{8,12}:AA[0-9A-Za-z_-]{33}\b"),
    ("a private key", r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\s*(?:\\n)?\s*[0-9A-Za-z+/]{20}"),
    ("a JSON Web Token", r"\beyJ[0-9A-Za-z_-]{14,}\.eyJ[0-9A-Za-z_-]{14,}\.[0-9A-Za-z_-]{10,}"),
    (
        "a password in an address",
        r"\b[a-z][a-z0-9+.-]{1,15}://[^/\s:@'\x22<>{}$%]{1,64}:[^/\s:@'\x22<>{}$%]{3,64}@[0-9A-Za-z]",
    ),
];

/// Forms of addresses that are secrets.
const WEBHOOKS: &str = r"hooks\.slack\.com/(?:services|workflows|triggers)/[0-9A-Za-z+/]{20,}|discord(?:app)?\.com/api/webhooks/[0-9]{15,}/[0-9A-Za-z_-]{20,}|webhook\.office\.com/webhookb2/[0-9A-Za-z@-]{20,}|(?:logic\.azure|powerplatform)\.com[^\s'\x22]*[?&]sig=[0-9A-Za-z_%-]{20,}|hc-ping\.com/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Parts of texts that are examples.
const PLACEHOLDERS: [&str; 20] = [
    "example",
    "xxxx",
    "changeme",
    "change_me",
    "placeholder",
    "your",
    "dummy",
    "sample",
    "fake",
    "redacted",
    "insert",
    "todo",
    "...",
    "…",
    "<",
    "****",
    "12345678",
    "abcdef",
    "test",
    "foobar",
];

fn list_forms() -> &'static [(&'static str, Regex)] {
    static COMPILED: OnceLock<Vec<(&'static str, Regex)>> = OnceLock::new();
    COMPILED
        .get_or_init(|| FORMS.iter().filter_map(|(what, form)| compile_form(form).map(|form| (*what, form))).collect())
}

/// All forms in one, so that a text without any is read once.
fn match_any_form() -> Option<&'static Regex> {
    static COMPILED: OnceLock<Option<Regex>> = OnceLock::new();
    let all = || FORMS.iter().map(|(_, form)| format!("(?:{form})")).collect::<Vec<_>>().join("|");
    COMPILED.get_or_init(|| compile_form(&all())).as_ref()
}

/// Compiles a form. Its boundaries are those of ASCII words: with those of Unicode, a text with one
/// letter beyond ASCII takes ten times as long.
fn compile_form(form: &str) -> Option<Regex> {
    Regex::new(&form.replace(r"\b", r"(?-u:\b)")).ok()
}

fn match_webhook() -> Option<&'static Regex> {
    static COMPILED: OnceLock<Option<Regex>> = OnceLock::new();
    COMPILED.get_or_init(|| Regex::new(WEBHOOKS).ok()).as_ref()
}

/// Returns each secret in the text: its first byte and what it is.
pub(crate) fn find_secrets(text: &str) -> Vec<(usize, &'static str)> {
    let Some(any) = match_any_form() else { return Vec::new() };
    let found =
        any.find_iter(text).filter(|found| !is_placeholder(found.as_str()) && !is_plain_address(found.as_str()));
    found
        .map(|found| {
            let what = list_forms().iter().find(|(_, form)| form.is_match(found.as_str()));
            (found.start(), what.map_or("a secret", |(what, _)| *what))
        })
        .collect()
}

/// Returns whether a text is an address whose password is a word, as in every manual.
fn is_plain_address(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let password =
        rest.split_once(':').and_then(|(_, rest)| rest.rsplit_once('@')).map_or("", |(password, _)| password);
    let is_mixed =
        password.bytes().any(|byte| byte.is_ascii_digit()) && password.bytes().any(|byte| byte.is_ascii_alphabetic());
    password.len() < 6 || !is_mixed || password.to_lowercase().contains("pass")
}

/// Returns the first byte of each webhook's address in the text.
pub(crate) fn find_webhooks(text: &str) -> Vec<usize> {
    let Some(form) = match_webhook() else { return Vec::new() };
    form.find_iter(text).filter(|found| !is_placeholder(found.as_str())).map(|found| found.start()).collect()
}

/// Returns whether a text is an example or the reference to a value elsewhere.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct.len() < 6 || PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Ends of names whose values are secrets.
const SECRET_NAMES: [&str; 17] = [
    "apikey",
    "authkey",
    "accesskey",
    "secretkey",
    "privatekey",
    "clientsecret",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "bearertoken",
    "apitoken",
    "bottoken",
    "webhookurl",
];
/// Ends of names whose values may be secrets.
const DOUBTFUL_NAMES: [&str; 4] = ["token", "pwd", "webhook", "credentials"];

/// Names of a query's parts that are secrets, with what is before them.
const SECRET_QUERIES: [&str; 8] =
    ["?api_key=", "&api_key=", "?apikey=", "&apikey=", "?access_token=", "&access_token=", "?token=", "&token="];

/// Returns whether a text is an address whose query has a secret; its value comes from a variable
/// that begins with `mark`.
pub(crate) fn has_secret_query(text: &str, mark: char) -> bool {
    if !text.contains("://") {
        return false;
    }
    let lower = text.to_lowercase();
    SECRET_QUERIES
        .iter()
        .any(|name| lower.split(name).skip(1).any(|value| value.trim_start_matches(['"', '\'']).starts_with(mark)))
}

fn normalise_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns whether a variable of this name holds a secret, for sure.
pub(crate) fn names_secret(name: &str) -> bool {
    let name = normalise_name(name);
    SECRET_NAMES.iter().any(|end| name.ends_with(end))
}

/// Returns whether a variable of this name may hold a secret.
pub(crate) fn may_name_secret(name: &str) -> bool {
    let plain = normalise_name(name);
    names_secret(name) || DOUBTFUL_NAMES.iter().any(|end| plain.ends_with(end))
}

/// Returns whether a literal looks like the value of a secret: long, without blanks, mixed.
pub(crate) fn looks_random(value: &str) -> bool {
    let has_digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_dense = value.bytes().all(|byte| byte.is_ascii_graphic()) && !value.contains([' ', '/', '{', '$', '%']);
    value.len() >= 12 && has_digit && has_letter && is_dense && !is_placeholder(value) && compute_entropy(value) >= 3.0
}

/// Returns the entropy in bits a character (Shannon).
#[expect(clippy::cast_precision_loss, reason = "counts of characters are far below 2^52")]
fn compute_entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_insert(0_u32) += 1;
    }
    let length = text.len() as f64;
    counts.values().map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joined here, so that no scanner takes this file for a leak.
    fn join_parts(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn every_form_is_a_valid_expression() {
        assert_eq!(list_forms().len(), FORMS.len());
        assert!(match_any_form().is_some() && match_webhook().is_some());
    }

    #[test]
    fn keys_are_found_by_their_form_and_examples_are_not() {
        let github = join_parts(&["gh", "p_", "Zk3Rt9Lm2Qw7Xc5Vb1Np8Yh4Jd6Fg0Sa2Kq9"]);
        let text = format!("a = '{github}'\nb = 'postgres://me:s3cr3tpw@db.internal/x'\nc = 'ghp_short'");
        let found: Vec<_> = find_secrets(&text).into_iter().map(|(_, what)| what).collect();
        assert_eq!(found, ["a GitHub token", "a password in an address"]);
        let example = join_parts(&["AKIA", "IOSFODNN7EXAMPLE"]);
        assert!(find_secrets(&example).is_empty());
        let hook = join_parts(&["https://hooks.sl", "ack.com/services/T024BE7LD/B024BE7LE/Zk3Rt9Lm2Qw7Xc5Vb1Np8Yh4"]);
        assert_eq!(find_webhooks(&hook).len(), 1);
    }

    #[test]
    fn names_and_values_of_secrets_are_known() {
        for name in ["API_KEY", "apiKey", "DB_PASSWORD", "slack_webhook_url", "CLIENT_SECRET"] {
            assert!(names_secret(name), "{name}");
        }
        for name in ["key", "token_count", "password_field", "secretary"] {
            assert!(!names_secret(name), "{name}");
        }
        assert!(looks_random("8f3kd02mfls93jd7fk20"));
        for value in ["hunter2", "your-key-12345678901", "a path/with 12 words", "aaaaaaaaaaaaaa1"] {
            assert!(!looks_random(value), "{value}");
        }
    }
}
