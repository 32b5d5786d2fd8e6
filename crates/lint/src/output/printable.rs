//! Control characters in lines for people.

/// Returns a line for people with its control characters as `\n` and the like. So a name of a file
/// or a text of a script adds no line and no colour.
pub(crate) fn escape_controls(line: &str) -> String {
    let one = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(one).collect()
}
