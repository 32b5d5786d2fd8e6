//! Formulas of a header, kept with the undo log of a repair. Pure.
//!
//! In scope: their text form. A header formula that a write has disturbed shows an error. Of two
//! such columns, only the formulas show which is which.
//! Out of scope: following the columns (`store::upsert::repair::location::correspondence`).

use serde_json::{Map, Value};

/// Maximum characters of the text. The service accepts 50,000 per cell.
const MAX_CHARS: usize = 45_000;

/// The formulas of a header, each with its column, in order.
pub type HeaderFormulas = Vec<(usize, String)>;

/// Formats them as a JSON object; `None` if there are none, or too many characters for a cell.
pub(super) fn format_formulas(formulas: &[(usize, String)]) -> Option<String> {
    let all: Map<_, _> = formulas.iter().map(|(at, text)| (at.to_string(), Value::from(text.as_str()))).collect();
    let text = Value::from(all).to_string();
    (!formulas.is_empty() && text.chars().count() < MAX_CHARS).then_some(text)
}

/// Parses them from the cells behind the log's fixed ones.
pub(super) fn parse_formulas(cells: &[String]) -> HeaderFormulas {
    let maps = cells.iter().filter_map(|cell| serde_json::from_str::<Map<String, Value>>(cell).ok());
    let pairs = maps.flatten().filter_map(|(at, text)| Some((at.parse().ok()?, text.as_str()?.to_owned())));
    let mut formulas: HeaderFormulas = pairs.collect();
    formulas.sort_unstable();
    formulas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_of_a_header_read_back_among_other_cells() {
        let formulas = vec![(2, "={\"x\";A2:A9}".to_owned()), (11, "=\"y\"".to_owned())];
        let cells = ["[\"k1\"]".to_owned(), format_formulas(&formulas).expect("a text"), String::new()];
        assert_eq!(parse_formulas(&cells), formulas);
        assert_eq!(format_formulas(&[]), None);
        assert_eq!(format_formulas(&[(1, "x".repeat(MAX_CHARS))]), None);
    }
}
