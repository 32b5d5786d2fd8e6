//! Functions that Sheets has and the emulator does not.
//!
//! In scope: their names, and which of them a request writes.
//! Out of scope: evaluating them. They yield `#NAME?`, like a name that Sheets does not know.
//!
//! Source: "Google Sheets function list" of the Docs Editors help. Names with a dot are spelled as
//! there.

use std::collections::BTreeSet;

use crate::formula::functions::dispatch::is_known;

/// The functions of Sheets, without regard to which of them the emulator has.
const SHEETS: &str = include_str!("sheets_functions.txt");

/// Functions that `evaluate` calls itself, because they read the place or the time of a formula.
const CONTEXT_FUNCTIONS: [&str; 4] = ["COLUMN", "NOW", "ROW", "TODAY"];

/// Returns whether Sheets has a function of this name, in upper case, and the emulator does not.
fn is_missing(name: &str) -> bool {
    !is_known(name) && !CONTEXT_FUNCTIONS.contains(&name) && SHEETS.split_ascii_whitespace().any(|known| known == name)
}

/// Returns the missing functions that the formulas of a request call. `before` is what precedes
/// a formula in the body: a quote, or the name of a member.
pub(crate) fn find_missing_functions(body: &[u8], before: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !body.contains(&b'=') || !body.contains(&b'(') {
        return found;
    }
    let Ok(body) = std::str::from_utf8(body) else { return found };
    let mut rest = body;
    while let Some(at) = rest.find(before) {
        rest = &rest[at + before.len()..];
        let text = rest.trim_start_matches([' ', '\n', '\r', '\t', ':']);
        let formula = if before == "\"" { Some(rest) } else { text.strip_prefix('"') };
        if let Some(formula) = formula.and_then(|text| text.strip_prefix('=')) {
            let end = find_end_of_text(formula);
            found.extend(find_called_names(&formula[..end]).filter(|name| is_missing(name)));
            rest = &formula[end..];
        } else if before == "\"" {
            // Any other text, whose closing quote begins no formula.
            rest = &rest[find_end_of_text(rest)..];
        }
        rest = rest.strip_prefix('"').filter(|_| before == "\"").unwrap_or(rest);
    }
    found
}

/// Returns where a JSON text ends: at its closing quote.
fn find_end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Returns the names before an opening bracket, in upper case. Texts in the formula are skipped.
fn find_called_names(formula: &str) -> impl Iterator<Item = String> + '_ {
    // In JSON, a quote of a formula is written `\"`.
    formula.split("\\\"").step_by(2).flat_map(|code| {
        code.match_indices('(').filter_map(|(at, _)| {
            let name = code[..at].trim_end();
            let start = name.rfind(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c)).map_or(0, |at| at + 1);
            Some(name[start..].to_ascii_uppercase()).filter(|name| !name.is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::functions::dispatch;

    #[test]
    fn the_functions_that_a_request_calls_are_found() {
        let values = br#"{"values": [["=QUERY(A:B, \"select IMPORTXML( \")", "=sum(googlefinance ( \"G\" ))", 5],
                         ["QUERY(", "a \"=SPARKLINE(1)\" b", "=NOSUCH(1)+SUM(2)", "=IF(A1, LAMBDA(x, x)(1))"]]}"#;
        assert_eq!(
            find_missing_functions(values, "\"").into_iter().collect::<Vec<_>>(),
            ["GOOGLEFINANCE", "LAMBDA", "QUERY"]
        );
        let batch = br#"{"requests": [{"updateCells": {"rows": [{"values": [
                        {"userEnteredValue": {"formulaValue" : "=IMPORTRANGE(\"x\")"}},
                        {"userEnteredValue": {"stringValue": "=QUERY(A1)"}}]}]}}]}"#;
        let found = find_missing_functions(batch, "\"formulaValue\"");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["IMPORTRANGE"]);
        for nothing in [&b""[..], b"{}", b"{\"values\": [[\"=QUERY(", b"\xff=("] {
            assert!(find_missing_functions(nothing, "\"").len() <= 1);
        }
    }

    #[test]
    fn the_list_holds_every_function_of_the_emulator() {
        let listed: Vec<&str> = SHEETS.split_ascii_whitespace().collect();
        let distinct: BTreeSet<&&str> = listed.iter().collect();
        assert_eq!(distinct.len(), listed.len(), "no function is listed twice");
        assert!(listed.len() > 450, "{}", listed.len());
        assert!(CONTEXT_FUNCTIONS.iter().all(|name| listed.contains(name)));
        let own = dispatch::list_names();
        let unlisted: Vec<&str> = own.filter(|name| !listed.contains(name)).collect();
        assert!(unlisted.is_empty(), "{unlisted:?}");
    }
}
