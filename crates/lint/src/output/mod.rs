//! The forms of a report: for people, for machines, for CI.
//!
//! | question | file |
//! |---|---|
//! | What do people read in the terminal? | `text` |
//! | What is the hardening note, as Markdown? | `note` |
//! | What do machines read, and how is an earlier report read again? | `json` |
//! | What do GitHub Actions and code scanning get? | `github`, `sarif` |

pub mod github;
pub mod json;
pub mod note;
pub mod sarif;
pub mod text;

/// Returns a line for people with its control characters as `\n` and the like: a name of a file or
/// a text of a script adds no line and no colour.
fn printable(line: &str) -> String {
    let one = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(one).collect()
}
