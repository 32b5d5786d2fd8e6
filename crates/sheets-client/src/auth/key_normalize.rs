//! Repairs keys that were damaged by copying.
//!
//! In scope: escaped and unescaped line ends, quotes, base64. Out of scope: what the key is
//! (`google::auth::credentials`).

/// Restores a key whose line ends were escaped once too often, as shells and CI settings do.
pub(crate) fn unescape_line_ends(pem: &str) -> String {
    let mut pem = pem.replace("\\r", "").replace("\\n", "\n").replace('\r', "").trim().to_owned();
    pem.push('\n');
    pem
}

/// Decodes base64 in either alphabet, with or without padding, over any number of lines.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    data_encoding::BASE64_NOPAD.decode(plain.as_bytes()).ok().filter(|bytes| !bytes.is_empty())
}

/// Removes one pair of quotes around the text, as `.env` files and dashboards leave them.
pub(crate) fn without_quotes(text: &str) -> &str {
    ['\'', '"'].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(text).trim()
}

/// Escapes raw line ends within JSON strings, which remain after one unescaping too many.
pub(crate) fn with_escaped_controls(json: &str) -> String {
    let (mut out, mut within, mut escaped) = (String::with_capacity(json.len() + 64), false, false);
    for c in json.chars() {
        match c {
            '\n' if within => out.push_str("\\n"),
            '\r' if within => {}
            '\t' if within => out.push_str("\\t"),
            _ => out.push(c),
        }
        if c == '"' && !escaped {
            within = !within;
        }
        escaped = c == '\\' && !escaped;
    }
    out
}
