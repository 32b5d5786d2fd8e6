//! Texts quoted for the languages of the exports.

use std::fmt::Write as _;

/// A word for a POSIX shell.
pub fn quote_for_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word for a line of a crontab, where `%` ends the command.
pub fn quote_for_crontab(text: &str) -> String {
    quote_for_shell(text).replace('%', r"\%")
}

/// A word of `ExecStart=`, where `%` and `$` have a meaning.
pub fn quote_for_systemd(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#).replace('%', "%%").replace('$', "$$");
    format!("\"{escaped}\"")
}

/// A path of a unit file's setting: not quoted, with `%` doubled.
pub fn escape_systemd_path(text: &str) -> String {
    text.replace('%', "%%")
}

/// A string of JSON, which is also one of YAML and JavaScript.
pub fn quote_for_json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// A name of letters, digits and `-`, for units, cluster objects and cloud resources: at most 40
/// characters, starting and ending with a letter or digit.
pub fn build_resource_name(job: &str) -> String {
    let plain: String =
        job.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(40).collect();
    format!("sheetkeep-{}", plain.trim_matches('-'))
}
