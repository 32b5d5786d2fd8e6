//! Texts that a service wrote, made fit for messages.
//!
//! In scope: their length, control characters, secrets in them. Out of scope: which messages have
//! them (`errors::api_error`, `errors::token_error`).

use sheetkeep_base::redact::redacted;

/// Limits a service's text to 1,000 characters, without control characters and without anything
/// that looks like a secret. Such texts are printed to terminals and written to cells.
pub(crate) fn sanitize(text: &str) -> String {
    let limit = text.char_indices().nth(8_000).map_or(text.len(), |(at, _)| at);
    let text = redacted(text.get(..limit).unwrap_or(text));
    text.chars().take(1_000).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// Joins both texts with `between`, the first without its full stop; returns the first alone if the
/// second is empty.
pub(crate) fn joined(first: &str, between: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{}{between}{second}", first.trim_end_matches('.')) }
}
