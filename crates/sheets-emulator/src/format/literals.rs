//! The letters of a pattern's section, and which of them are meant literally.
//!
//! In scope: quotes, escapes, brackets, blanks. Out of scope: what the letters stand for (`pattern_number`, `pattern_moment`).

/// The letters of a section that are shown, each with whether it is meant literally: quoted, escaped, in `[$…]`, or the
/// blank that `_` leaves. Other brackets and what `*` would repeat are left out.
pub(crate) fn letters(section: &str) -> Vec<(char, bool)> {
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
            '*' => {
                rest.next();
            }
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

/// The letters of a section that are not literal.
pub(crate) fn plain(section: &str) -> String {
    letters(section).into_iter().filter(|(_, literal)| !literal).map(|(letter, _)| letter).collect()
}
