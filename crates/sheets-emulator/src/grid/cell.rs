//! The contents of one cell.
//!
//! In scope: the value, and all other members of the API's `CellData` as sent.
//! Out of scope: rendering (`format::render`), encoding (`storage::row_blob`), field masks
//! (`batch::field_mask`).

use serde_json::{Map, Value};

/// The entered value (the API's `ExtendedValue`).
#[derive(Debug, Clone, PartialEq)]
pub enum CellValue {
    /// `stringValue`: text, even if it starts with `=`.
    Text(String),
    /// `numberValue`. Dates are serial numbers.
    Number(f64),
    /// `boolValue`: TRUE or FALSE.
    Bool(bool),
    /// `formulaValue`: a text that starts with `=`, with its last result.
    Formula {
        /// The formula, starting with `=`.
        source: String,
        /// The result of the evaluation; `None` is blank.
        result: Option<FormulaResult>,
    },
    /// A value that another cell's formula filled in. It was not entered and is not stored.
    Spilled(FormulaResult),
}

/// The result of a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum FormulaResult {
    /// A text, which may be empty.
    Text(String),
    /// A finite number; dates are serial numbers.
    Number(f64),
    /// A boolean, displayed as TRUE or FALSE.
    Bool(bool),
    /// An error as displayed: `#NAME?`, `#DIV/0!`.
    Error(String),
}

/// A cell: a value, and the other members of `CellData`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Cell {
    /// The value; `None` if nothing was entered.
    pub value: Option<CellValue>,
    /// `userEnteredFormat`, `note`, `dataValidation`, … as sent. Boxed, because most cells have
    /// none.
    pub members: Option<Box<Map<String, Value>>>,
}

/// Members of `CellData` that belong to places in its text.
const RUNS: [&str; 2] = ["textFormatRuns", "chipRuns"];

impl Cell {
    /// Creates a cell with this value only.
    pub(crate) fn from_value(value: CellValue) -> Self {
        Self { value: Some(value), members: None }
    }

    #[cfg(test)]
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::from_value(CellValue::Text(text.into()))
    }

    pub(crate) fn number(number: f64) -> Self {
        Self::from_value(CellValue::Number(number))
    }

    /// Returns whether the cell counts as data, which means it has a value. Formats, notes and
    /// validation do not count.
    pub(crate) fn has_data(&self) -> bool {
        self.value.is_some()
    }

    /// Returns whether the cell has neither a value nor members.
    pub(crate) fn is_blank(&self) -> bool {
        self.value.is_none() && self.members.is_none()
    }

    /// Returns a member of `CellData` other than the value, such as `note`.
    pub(crate) fn member(&self, name: &str) -> Option<&Value> {
        self.members.as_ref()?.get(name)
    }

    pub(crate) fn format(&self) -> Option<&Value> {
        self.member("userEnteredFormat")
    }

    #[cfg(test)]
    pub(crate) fn note(&self) -> Option<&str> {
        self.member("note")?.as_str()
    }

    /// Enters a value. That erases the runs of the old one: "When writing a new `user_entered_value`,
    /// previous runs are erased" (the discovery document).
    pub(crate) fn enter(&mut self, value: Option<CellValue>) {
        self.value = value;
        self.erase_runs();
    }

    /// Removes the runs of the text, which "are only valid on user entered strings".
    pub(crate) fn erase_runs(&mut self) {
        if self.members.is_some() {
            for name in RUNS {
                self.set_member(name, None);
            }
        }
    }

    /// Sets a member, or removes it with `None`.
    pub(crate) fn set_member(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.members.get_or_insert_default().insert(name.to_owned(), value);
        } else if let Some(members) = &mut self.members {
            members.shift_remove(name);
            if members.is_empty() {
                self.members = None;
            }
        }
    }
}

/// Parts of formulas that may fill several cells. `TRANSPOSE` and the like yield `#NAME?` and fill
/// none.
const SPILLING_FUNCTIONS: [&str; 5] = ["ARRAYFORMULA", "FILTER", "UNIQUE", "SORT", "{"];

/// Functions that return one value, whatever their arguments are.
const SINGLE_VALUE_FUNCTIONS: [&str; 16] = [
    "SUM",
    "AVERAGE",
    "MIN",
    "MAX",
    "MEDIAN",
    "COUNT",
    "COUNTA",
    "COUNTUNIQUE",
    "SUMPRODUCT",
    "TEXTJOIN",
    "JOIN",
    "CONCATENATE",
    "ROWS",
    "COLUMNS",
    "AND",
    "OR",
];

/// Functions that return one of their arguments.
const CHOICE_FUNCTIONS: [&str; 3] = ["IF", "IFERROR", "IFNA"];

/// Returns whether a formula may fill several cells, judged by its text. False positives are
/// possible.
pub(crate) fn may_spill(source: &str) -> bool {
    let upper = source.to_ascii_uppercase();
    may_fill(upper.trim_start_matches('='))
}

/// Returns whether a part of a formula in capitals may have several values.
fn may_fill(part: &str) -> bool {
    if !SPILLING_FUNCTIONS.iter().any(|word| part.contains(word)) {
        return false;
    }
    match split_only_call(part.trim()) {
        Some((name, _)) if SINGLE_VALUE_FUNCTIONS.contains(&name) => false,
        Some((name, arguments)) if CHOICE_FUNCTIONS.contains(&name) => arguments.into_iter().any(may_fill),
        _ => true,
    }
}

/// Splits a part of a formula that is one call and nothing else into its name and arguments.
fn split_only_call(part: &str) -> Option<(&str, Vec<&str>)> {
    let (name, rest) = part.split_once('(')?;
    let inner = rest.strip_suffix(')')?;
    let (mut depth, mut in_text, mut start) = (0_u32, false, 0);
    let mut arguments = Vec::new();
    for (at, letter) in inner.char_indices() {
        match letter {
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '{' => depth += 1,
            // A bracket that closes more than it opened: the call ended before.
            ')' | '}' => depth = depth.checked_sub(1)?,
            ',' | ';' if depth == 0 => {
                arguments.push(inner.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(inner.get(start..)?);
    Some((name.trim(), arguments))
}

/// Removes the blank cells at the end of a row.
pub(crate) fn trim(row: &mut Vec<Cell>) {
    let used = row.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1);
    row.truncate(used);
}

/// Puts a cell at a column, and fills the gap with blanks.
pub(crate) fn put(row: &mut Vec<Cell>, column: usize, cell: Cell) {
    if column >= row.len() {
        row.resize_with(column + 1, Cell::default);
    }
    row[column] = cell;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_the_last_member_leaves_a_blank_cell() {
        let mut cell = Cell::default();
        cell.set_member("note", Some("read me".into()));
        assert_eq!(cell.note(), Some("read me"));
        assert!(!cell.has_data() && !cell.is_blank());
        cell.set_member("note", None);
        assert!(cell.is_blank());
    }

    #[test]
    fn a_formula_with_one_value_fills_no_other_cells() {
        for one in [
            "=SUM(A1:A)",
            "=MEDIAN(FILTER(A:A;B:B=1))",
            "=iferror(max(filter(A:A,B:B=\")\")),\"-\")",
            "=IF(A1=\"\",\"\",TEXTJOIN(\",\",TRUE,UNIQUE(A:A)))",
        ] {
            assert!(!may_spill(one), "{one}");
        }
        for several in [
            "=FILTER(A:A,B:B=1)",
            "=IFERROR(FILTER(A:A,B:B=1),\"\")",
            "=SUM(A1)+ARRAYFORMULA(A1:A2)",
            "=SUM(UNIQUE(A:A))&SUM({1,2})",
            "={1;2}",
            "=INDEX(SORT(A:A),1)",
            "=IF(A1,SUM(FILTER(A:A,B:B)),SORT(A:A))",
        ] {
            assert!(may_spill(several), "{several}");
        }
    }

    #[test]
    fn blanks_at_the_end_are_cut() {
        let mut row = vec![Cell::default(), Cell::number(1.0), Cell::default()];
        trim(&mut row);
        assert_eq!(row.len(), 2);
        put(&mut row, 4, Cell::text("x"));
        assert_eq!(row.len(), 5);
    }
}
