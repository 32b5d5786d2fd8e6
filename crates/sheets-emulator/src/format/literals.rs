//! Literal characters of a pattern's section.
//!
//! In scope: quotes, escapes, brackets, blanks.
//! Out of scope: the meaning of the other characters (`number`, `date`).

/// Returns the displayed characters of a section, each with whether it is literal. Literal means
/// quoted, escaped, in `[$…]`, the blank of `_`, or the character after `*`. The last is shown once
/// (asserted by the live tests of googlesheets4). Other brackets are skipped.
pub(crate) fn split_letters(section: &str) -> Vec<(char, bool)> {
    let mut found = Vec::new();
    let mut rest = section.chars();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => found.push((c, true)),
            '\\' => found.extend(rest.next().map(|c| (c, true))),
            '_' => {
                rest.next();
                found.push((' ', true));
            }
            '*' => found.extend(rest.next().map(|c| (c, true))),
            '[' => {
                let inner: String = rest.by_ref().take_while(|c| *c != ']').collect();
                if let Some(symbol) = inner.strip_prefix('$') {
                    found.extend(symbol.chars().take_while(|c| *c != '-').map(|c| (c, true)));
                }
            }
            _ => found.push((c, false)),
        }
    }
    found
}

/// Returns the characters of a section that are not literal.
pub(crate) fn remove_literals(section: &str) -> String {
    split_letters(section).into_iter().filter(|(_, literal)| !literal).map(|(letter, _)| letter).collect()
}
