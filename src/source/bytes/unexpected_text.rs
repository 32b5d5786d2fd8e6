//! Recognises a text of another format than configured, by its first lines.
//!
//! In scope: names of formats that the user recognises, and advice. Out of scope: reading these
//! formats (`source::csv`, `source::json::json_lines`). So is what only the end of an input shows,
//! such as one line of text in place of a table.

use serde_json::Value;

use crate::port::error_document::{is_error_document, shorten_document};
use crate::port::source::SourceError;
use crate::source::bytes::content_guess::{ANOTHER_FILE, ContentGuess, ContentKind};

/// Recognises a text of another format than `kind`, by the first of its bytes, in UTF-8.
/// `is_whole`: nothing follows them.
pub(crate) fn recognize_text(head: &[u8], kind: ContentKind, is_whole: bool) -> Option<ContentGuess> {
    if is_binary(head) {
        return Some(ContentGuess::new("binary data and no text", ANOTHER_FILE));
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    if text.starts_with('<')
        && let Some(seen) = recognize_markup(text)
    {
        return Some(seen);
    }
    match kind {
        ContentKind::Csv => recognize_json(text),
        ContentKind::Json => recognize_text_in_place_of_json(text),
        ContentKind::Jsonl => recognize_no_json_lines(text, is_whole),
        ContentKind::Xlsx => None,
    }
}

/// Returns whether bytes are binary. Text has few control characters; a stray one is handled with
/// its record.
fn is_binary(head: &[u8]) -> bool {
    let controls =
        head.iter().filter(|byte| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)).count();
    controls > 0 && controls * 20 > head.len()
}

/// Recognises HTML and XML. Header rows such as `<TICKER>,<DATE>` look similar, but close no
/// element.
fn recognize_markup(text: &str) -> Option<ContentGuess> {
    let lower = text.to_lowercase();
    let closes = lower.contains("</") || lower.contains("/>");
    let sure = ["<!doctype html", "<html"].iter().any(|begin| lower.starts_with(begin));
    let parts = ["<html", "<head", "<body", "<h1", "<title", "<center", "<script", "<p>"];
    let is_html = sure || (closes && parts.iter().any(|part| lower.contains(part)));
    if is_html {
        let title = lower.find("<title>").map(|at| at + "<title>".len()).and_then(|from| {
            // Lower case may change the length; then the title is omitted.
            let to = lower.get(from..)?.find("</title>")?;
            text.get(from..from + to).map(str::trim).filter(|title| !title.is_empty() && title.len() <= 200)
        });
        let title = title.map(|title| format!(", titled {title:?}")).unwrap_or_default();
        return Some(ContentGuess::new(
            format!("an HTML page{title}"),
            "a login or error page was saved in place of the data: see what wrote it, then run again",
        ));
    }
    let is_xml = lower.starts_with("<?xml") || lower.starts_with("<!doctype") || closes;
    is_xml.then(|| ContentGuess::new("an XML document", "see what wrote it; a job reads CSV, JSON or JSON lines"))
}

fn recognize_json(text: &str) -> Option<ContentGuess> {
    let inside = text.get(1..)?.trim_start().chars().next();
    let is_json = match (text.chars().next()?, inside) {
        ('{', Some('"' | '}')) => true,
        ('[', Some('{' | '"')) => text.contains("\":") || text.contains("\",") || text.contains("\"]"),
        _ => false,
    };
    is_json.then(|| {
        recognize_error_document(text).unwrap_or_else(|| {
            ContentGuess::new("JSON, not CSV", "name it as json or jsonl below [source], and its list as items")
        })
    })
}

/// Recognises a document that is an error message, complete or truncated at the end of `text`.
pub(crate) fn recognize_error_document(text: &str) -> Option<ContentGuess> {
    let document: Value = serde_json::from_str(text).ok()?;
    is_error_document(&document).then(|| ContentGuess::from_error_document(&shorten_document(&document)))
}

fn has_json_start(line: &str) -> bool {
    let word = |word: &str| {
        line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == ' '))
    };
    match line.as_bytes().first() {
        Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9') => true,
        _ => ["true", "false", "null", "NaN", "Infinity"].into_iter().any(word),
    }
}

fn recognize_text_in_place_of_json(text: &str) -> Option<ContentGuess> {
    if text.is_empty() || has_json_start(text) {
        return None;
    }
    Some(guess_no_json(text))
}

/// Returns the guess for text that is not JSON; its first line is the most informative part.
fn guess_no_json(text: &str) -> ContentGuess {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let shown: String = first.chars().take(120).collect();
    let next = lines.next();
    let fields = |line: &str, of: char| line.matches(of).count();
    let is_table =
        |of: &char| fields(first, *of) > 0 && next.is_some_and(|next| fields(next, *of) == fields(first, *of));
    if [',', ';', '\t'].iter().any(is_table) {
        return ContentGuess::new(format!("CSV, it seems, not JSON: {shown:?}"), "name it as csv below [source]");
    }
    let what = if next.is_some() { "text" } else { "one line of text" };
    ContentGuess::new(format!("{what}, not JSON: {shown:?}"), SourceError::ERROR_TEXT_ADVICE)
}

fn recognize_no_json_lines(text: &str, is_whole: bool) -> Option<ContentGuess> {
    let is_document = |line: &str| matches!(line, "{" | "[" | "[{");
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().next().is_some_and(is_document) {
        return Some(recognize_error_document(text).unwrap_or_else(|| {
            ContentGuess::new(
                "one JSON document over several lines, not JSON lines",
                "name it as json below [source], and its list as items",
            )
        }));
    }
    // The examined bytes may end in the middle of a line.
    let is_last_whole = is_whole || text.ends_with('\n');
    let mut whole = lines().take(lines().count() - usize::from(!is_last_whole && lines().count() > 1)).peekable();
    let is_json = |line: &str| {
        matches!(line.as_bytes().first(), Some(b'{' | b'[' | b'"')) || serde_json::from_str::<Value>(line).is_ok()
    };
    if whole.peek().is_none() || whole.any(|line| is_json(line) || has_json_word_start(line)) {
        return None;
    }
    Some(guess_no_json(text))
}

fn has_json_word_start(line: &str) -> bool {
    has_json_start(line) && !line.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

/// Returns whether a line is a typical error message of a service.
pub(crate) fn is_error_page(line: &str) -> bool {
    const WORDS: [&str; 18] = [
        "unavailable",
        "unauthorized",
        "unauthorised",
        "forbidden",
        "not found",
        "error",
        "denied",
        "timeout",
        "timed out",
        "gateway",
        "bad request",
        "too many",
        "rate limit",
        "maintenance",
        "not allowed",
        "expired",
        "invalid",
        "try again",
    ];
    let lower = line.to_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}
