//! E-mail: a subject and a plain text.

use crate::channels::text_limit::cut_units;
use crate::message::Message;

/// The longest subject, in characters; programs for mail cut longer ones.
const SUBJECT_LENGTH: usize = 150;
/// The longest text, in characters.
const TEXT: usize = 20_000;

/// Returns the subject, one line.
pub fn build_subject(message: &Message) -> String {
    let line = format!("{}: {}", message.word(), message.title);
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut_units(&line, SUBJECT_LENGTH)
}

/// Returns the text.
pub fn build_text(message: &Message) -> String {
    let mut lines = vec![message.title.clone(), String::new()];
    lines.extend(message.lines());
    lines.extend([String::new(), message.footer.clone(), String::new()]);
    cut_units(&lines.join("\n"), TEXT)
}

/// Returns the left part of a message id: the same for each try, so that mailboxes drop a second
/// copy.
pub fn build_message_id(message: &Message) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    format!("{}.{}", message.job, message.id).chars().map(safe).take(200).collect()
}
