//! Finds probable secrets in a text by their form: keys, tokens, passwords. So they are never
//! shown.
//!
//! In scope: private keys, tokens of known forms, values behind names such as `password`, users in
//! addresses, long base64. Out of scope: secrets without a typical form
//! (`known_secrets` beside this file has the literal ones of this process).
//!
//! A false positive costs a few words of a message; a false negative costs a key. So doubtful text
//! is hidden.

use std::borrow::Cow;
use std::ops::Range;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};

/// The replacement for a secret.
pub const HIDDEN: &str = "[hidden]";

/// Prefixes of tokens, and the minimum number of characters that follow.
const PREFIXES: [(&str, usize); 17] = [
    ("ya29.", 4),
    ("AIza", 20),
    ("GOCSPX-", 8),
    ("1//0", 16),
    ("eyJ", 14),
    ("sk-", 16),
    ("sk_live_", 8),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xapp-", 10),
    ("AKIA", 16),
    ("hvs.", 20),
];

/// Lower-case names whose values are secrets.
const LABELS: [&str; 17] = [
    "private_key",
    "private_key_id",
    "client_secret",
    "refresh_token",
    "access_token",
    "id_token",
    "assertion",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "api_key",
    "apikey",
    "token",
    "credentials",
    "credentials_json",
    "authorization",
];

/// Words in the name of a variable with a secret value.
const SECRET_WORDS: [&str; 8] =
    ["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"];
/// Suffixes of such names.
const SECRET_ENDS: [&str; 6] = ["PRIVATE_KEY", "API_KEY", "ACCESS_KEY", "ACCOUNT_KEY", "SA_KEY", "WEBHOOK_URL"];

/// What advice writes in the place of a user and a password, in exactly these letters.
const PLACEHOLDER: &str = "USER:PASSWORD";

/// Minimum length of a base64 run that counts as a secret; a line of a PEM text has 64 characters.
const LONG_RUN: usize = 64;
/// Minimum mean length of the parts between the slashes of such a run; the parts of paths are
/// shorter.
const LONG_PART: usize = 24;

/// Returns the text with each probable secret replaced by `[hidden]`.
pub fn redact(text: &str) -> Cow<'_, str> {
    let found = find_secrets(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for part in found {
        out.push_str(text.get(from..part.start).unwrap_or_default());
        out.push_str(HIDDEN);
        from = part.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// Returns the text with each byte of a probable secret replaced by `*`, so that all others keep
/// their positions.
pub fn mask_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for part in find_secrets(text) {
        out.push_str(text.get(from..part.start).unwrap_or_default());
        let hidden = text.get(part.clone()).unwrap_or_default();
        out.extend(hidden.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { char::from(byte) } else { '*' }));
        from = part.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// True if the text contains a probable secret.
pub fn may_hold_secret(text: &str) -> bool {
    !find_secrets(text).is_empty()
}

/// True if a value for a path has the form of a key instead: JSON, PEM, base64, a token.
pub fn is_no_path(value: &str) -> bool {
    let random = |part: &str| part.len() >= LONG_PART && is_mixed(part);
    let odd = |c: char| c.is_control() || matches!(c, '{' | '}' | '"');
    value.contains(odd) || may_hold_secret(value) || value.split(['/', '\\', '.']).any(random)
}

/// True if the text is a Google key or login, plain or in base64.
pub fn is_key(text: &str) -> bool {
    let holds = |text: &str| {
        ["PRIVATE KEY", "private_key", "refresh_token", "client_secret"].iter().any(|sign| text.contains(sign))
    };
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '=' | '"' | '\'')).collect();
    let decoded = BASE64_NOPAD.decode(plain.as_bytes()).or_else(|_| BASE64URL_NOPAD.decode(plain.as_bytes()));
    holds(text) || decoded.is_ok_and(|bytes| holds(&String::from_utf8_lossy(&bytes)))
}

/// True if a variable with this name usually holds a secret.
pub fn names_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.split('_').any(|word| SECRET_WORDS.contains(&word)) || SECRET_ENDS.iter().any(|end| upper.ends_with(end))
}

/// Returns the ranges of probable secrets, ordered and disjoint.
fn find_secrets(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    find_pem(text, &mut found);
    find_prefixed_tokens(text, &mut found);
    find_labelled(text, &mut found);
    find_users(text, &mut found);
    find_long_runs(text, &mut found);
    found.sort_by_key(|part: &Range<usize>| part.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for part in found.into_iter().filter(|part| !part.is_empty()) {
        match merged.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => merged.push(part),
        }
    }
    merged
}

/// Finds keys and certificates in PEM form, complete or truncated.
fn find_pem(text: &str, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find("-----BEGIN")).map(|at| from + at) {
        let rest = text.get(start..).unwrap_or_default();
        let end = match rest.find("-----END") {
            Some(at) => {
                let tail = rest.get(at + 8..).unwrap_or_default();
                at + 8 + tail.find("-----").map_or(tail.len(), |dashes| dashes + 5)
            }
            // It is truncated: everything that can belong to it counts.
            None => rest.find(|c: char| !(is_token(c) || c.is_whitespace() || c == '\\')).unwrap_or(rest.len()),
        };
        found.push(start..start + end);
        from = start + end.max(1);
    }
}

/// Finds tokens with a known prefix.
fn find_prefixed_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    for (prefix, least) in PREFIXES {
        for (at, _) in text.match_indices(prefix) {
            let within_word = text.get(..at).and_then(|before| before.chars().next_back());
            let rest = text.get(at + prefix.len()..).unwrap_or_default();
            let length = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
            if length >= least && !within_word.is_some_and(|c| c.is_ascii_alphanumeric()) {
                found.push(at..at + prefix.len() + length);
            }
        }
    }
}

/// Finds the word after `Bearer` and `Basic`, and the value of a name such as `password`.
fn find_labelled(text: &str, found: &mut Vec<Range<usize>>) {
    let lower = text.to_ascii_lowercase();
    for scheme in ["bearer ", "basic "] {
        for (at, _) in lower.match_indices(scheme) {
            let start = at + scheme.len();
            let length = text.get(start..).map_or(0, |rest| rest.find(|c| !is_token(c)).unwrap_or(rest.len()));
            let word = text.get(start..start + length).unwrap_or_default();
            if length >= 4 && !is_prose(word) && !word.contains("=\"") {
                found.push(start..start + length);
            }
        }
    }
    for label in LABELS {
        for (at, _) in lower.match_indices(label) {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            if !before.is_some_and(|c| c.is_ascii_alphanumeric()) {
                found.extend(find_value(text, at + label.len()));
            }
        }
    }
}

/// Returns the value after a name that ends at `at`: `name = "value"`, `"name": "value"`,
/// `name=value&`.
fn find_value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let quoted = rest.trim_start_matches(['\\', '"', '\'', '`']);
    let set = quoted.trim_start_matches([' ', '\t']).strip_prefix(['=', ':'])?.trim_start_matches([' ', '\t']);
    let plain = set.trim_start_matches('\\');
    let triple = ["\"\"\"", "'''"].into_iter().find(|quotes| plain.starts_with(quotes));
    if let Some(quotes) = triple {
        let start = text.len() - plain.len() + quotes.len();
        let inside = text.get(start..)?;
        return Some(start..start + inside.find(quotes).unwrap_or(inside.len()));
    }
    if let Some(quote) = plain.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let start = text.len() - plain.len() + 1;
        let inside = text.get(start..)?;
        let length = inside.find(quote).unwrap_or(inside.len());
        let value = inside.get(..length)?;
        return (!value.starts_with("${")).then_some(start..start + length);
    }
    let start = text.len() - set.len();
    let length = set.find(|c: char| c.is_whitespace() || matches!(c, '&' | ',' | ';' | '}' | '"' | '\'' | ')'));
    let length = length.unwrap_or(set.len());
    let value = set.get(..length)?;
    // After a colon and a blank, a sentence usually continues.
    let is_set = text.get(..start).is_some_and(|before| before.ends_with('='));
    let is_odd = value.bytes().any(|b| b.is_ascii_digit()) || (is_set && !is_prose(value));
    (length >= 6 && is_odd && !value.starts_with("${")).then_some(start..start + length)
}

/// Finds the user and password of an address.
fn find_users(text: &str, found: &mut Vec<Range<usize>>) {
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let whole = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | ',' | ';'));
        let whole = rest.get(..whole.unwrap_or(rest.len())).unwrap_or_default();
        let host = whole.get(..whole.find(['/', '?', '#']).unwrap_or(whole.len())).unwrap_or_default();
        // A password may contain a slash; a port in its place consists of digits.
        let split = host.split_once(':').is_some_and(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit()));
        let of = if host.contains('@') || !split { host } else { whole };
        if let Some(end) = of.rfind('@')
            && of.get(..end) != Some(PLACEHOLDER)
        {
            found.push(start..start + end);
        }
    }
}

/// Finds long base64, and the lines that continue it.
fn find_long_runs(text: &str, found: &mut Vec<Range<usize>>) {
    let is_run = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '=' | '-');
    let mut goes_on = None;
    let mut from = 0;
    while let Some(start) = text.get(from..).and_then(|rest| rest.find(is_run)).map(|at| from + at) {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(|c: char| !is_run(c)).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        let parts = run.matches('/').count() + 1;
        let is_long = length >= LONG_RUN && is_mixed(run) && length / parts >= LONG_PART;
        if is_long || goes_on == Some(start) {
            found.push(start..start + length);
            let after = text.get(start + length..).unwrap_or_default();
            let lines = after.len() - after.trim_start_matches(['\r', '\n']).len();
            goes_on = (lines > 0).then_some(start + length + lines);
        }
        from = start + length;
    }
}

/// True if it contains capitals, small letters and digits, as random text does.
fn is_mixed(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// True if it is a word of a sentence.
fn is_prose(word: &str) -> bool {
    word.trim_end_matches(['.', ',', ';', ':', '!', '?']).bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '=' | '~' | '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns base64 as in a key.
    fn base64(bytes: usize) -> String {
        let bytes: Vec<u8> = (0..bytes).map(|n| u8::try_from((n * 151 + n / 7 * 13) % 256).unwrap_or(0)).collect();
        data_encoding::BASE64.encode(&bytes)
    }

    #[test]
    fn keys_and_tokens_are_hidden_wherever_they_stand() {
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64(600));
        let escaped = pem.replace('\n', "\\n");
        let lines = base64(600).as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        for (secret, text) in [
            (&base64(600)[40..80], format!("open {pem} failed")),
            (&base64(600)[40..80], format!("{{\"private_key\": \"{escaped}\"}}")),
            (&base64(600)[40..80], format!("-----BEGIN PRIVATE KEY-----\\n{}", &base64(600)[..100])),
            (&base64(600)[40..80], format!("no file {}", base64(600))),
            (&base64(600)[790..], format!("no file\n{lines}\n")),
            ("abcDEF", "Authorization: Bearer abcDEF-1 was refused".to_owned()),
            ("dXNlcjpwYXNz", "Proxy-Authorization: Basic dXNlcjpwYXNz".to_owned()),
            ("hunter2", "https://me:hunter2@example.com/x".to_owned()),
            ("hunter2", "https://me:hun/hunter2@example.com/x".to_owned()),
            ("hunter2", "password = \"hunter2\"".to_owned()),
            ("hunter2", "refresh_token=1hunter2&grant=x".to_owned()),
            ("hunter2", "\\\"client_secret\\\": \\\"hunter2\\\"".to_owned()),
            ("c0ffee", "ya29.c0ffee-and-more".to_owned()),
            ("payload", "eyJhbGciOiJSUzI1NiJ9.payload.signature".to_owned()),
        ] {
            let shown = redact(&text);
            assert!(shown.contains(HIDDEN) && !shown.contains(secret), "{secret} in {shown}");
            assert_eq!(mask_secrets(&text).len(), text.len());
            assert!(!mask_secrets(&text).contains(secret), "{secret} in {}", mask_secrets(&text));
        }
    }

    #[test]
    fn what_people_need_to_read_stays() {
        for text in [
            "jobs/quakes.toml:3:1: unknown key `tabb`; did you mean `tab`?",
            "https://docs.google.com/spreadsheets/d/1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG/edit#gid=0",
            "the token service refused: invalid_grant: Invalid JWT Signature.; create a new key",
            "share it with robot@my-project-123456.iam.gserviceaccount.com as editor",
            "/home/someone/Some Folder/with/Many/Parts/In/It/2026/Reports/Quarter3/of/The/Whole/Company/x.json was not found",
            "http://127.0.0.1:8080/ answered 503 at 10:30",
            "the token service gave no token: Connection reset by peer (os error 104)",
            "basic authentication is needed; no bearer token came",
            "secret = \"${SECRET}\"",
            "idempotency key sk1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_path_is_not_taken_for_a_key() {
        let url_safe = base64(60).replace('+', "-").replace('/', "_");
        for path in
            ["key.json", "/home/me/my-project-123456-0a1b2c3d4e5f.json", "../keys/Robot 2.json", "C:\\keys\\k.json"]
        {
            assert!(!is_no_path(path), "{path}");
        }
        for key in
            ["{\"type\": 1}", "'{\"a\"", " {", "-----BEGIN PRIVATE KEY-----\nMIIE", "a\nb", &base64(60), &url_safe]
        {
            assert!(is_no_path(key), "{key}");
        }
    }

    #[test]
    fn a_key_is_known_in_base64_too() {
        let key = "{\"type\": \"service_account\", \"private_key\": \"x\"}";
        assert!(is_key(key) && is_key(&data_encoding::BASE64.encode(key.as_bytes())));
        assert!(!is_key("key.json") && !is_key("Sheet1"));
    }

    #[test]
    fn names_say_what_they_hold() {
        for name in
            ["SECRET", "API_TOKEN", "DB_PASSWORD", "SHEETKEEP_CREDENTIALS_JSON", "MY_API_KEY", "SLACK_WEBHOOK_URL"]
        {
            assert!(names_secret(name), "{name}");
        }
        for name in ["TAB", "SORT_KEY", "TOKENIZER", "KEY", "SHEETKEEP_SPREADSHEET_ID", "DATA_DIR"] {
            assert!(!names_secret(name), "{name}");
        }
    }
}
