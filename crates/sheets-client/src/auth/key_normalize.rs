//! Repairs keys that were damaged by copying.
//!
//! In scope: escaped and unescaped line ends, quotes, base64. Out of scope: what the key is
//! (`sheets_client::auth::credentials`).

/// Restores a key whose line ends were escaped once too often, as shells and CI settings do.
pub(crate) fn unescape_line_ends(pem: &str) -> String {
    let mut pem = pem.replace("\\r", "").replace("\\n", "\n").replace('\r', "").trim().to_owned();
    if let Some(lines) = with_line_ends(&pem) {
        pem = lines;
    }
    pem.push('\n');
    pem
}

/// Restores the line ends of a key in which blanks took their place, as some forms and variables
/// leave it. `None` if the text is not of this kind.
fn with_line_ends(pem: &str) -> Option<String> {
    const LINE: usize = 64;
    let (label, rest) = pem.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    if body.trim().contains('\n') || end.trim() != format!("{label}-----") {
        return None;
    }
    let digits: Vec<char> = body.chars().filter(|c| !c.is_whitespace()).collect();
    let lines: Vec<String> = digits.chunks(LINE).map(|line| line.iter().collect()).collect();
    Some(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n")))
}

/// Decodes base64 in either alphabet, with or without padding, over any number of lines.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
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
pub(crate) fn remove_quotes(text: &str) -> &str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_in_place_of_line_ends_are_repaired() {
        let body = ["a".repeat(64), "b".repeat(10)].join("\n");
        let whole = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        assert_eq!(unescape_line_ends(&whole), whole);
        assert_eq!(unescape_line_ends(&whole.replace('\n', " ")), whole);
        let markers_alone = format!("-----BEGIN PRIVATE KEY----- {} -----END PRIVATE KEY-----", body.replace('\n', ""));
        assert_eq!(unescape_line_ends(&markers_alone), whole);
        assert_eq!(unescape_line_ends("no key at all"), "no key at all\n");
    }
}
