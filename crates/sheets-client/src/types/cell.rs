//! Cells as they are sent: typed, and never null.
//!
//! In scope: a cell's value and format. Out of scope: requests (`sheets_client::types::requests`),
//! and which cells mean what (`store`).
//!
//! The service silently turns NaN into a blank cell, and google-sheets4 drops nulls from rows. So
//! cells are created by constructors only, and the one for numbers refuses what JSON can't
//! represent.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use sheetkeep_base::fault::Fault;

/// A row of cells, starting at the first column.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CellRow {
    /// The cells, left to right.
    pub values: Vec<CellData>,
}

impl From<Vec<CellData>> for CellRow {
    fn from(values: Vec<CellData>) -> Self {
        Self { values }
    }
}

/// NaN or an infinity, which JSON can't represent. The service would silently turn it into a blank
/// cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("put a number that is not finite into a cell")]
pub struct NotFiniteError;

impl NotFiniteError {
    /// Returns the fault class.
    pub fn fault(self) -> Fault {
        Fault::Rejected
    }
}

/// A cell with a typed value, so that leading zeros, long ids and texts that begin with `=`
/// survive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellData {
    value: Content,
    format: Option<CellFormat>,
    validation: Option<ValidationRule>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
enum Content {
    #[default]
    #[serde(skip)]
    Blank,
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "numberValue")]
    Number(f64),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "formulaValue")]
    Formula(String),
}

impl CellData {
    /// Returns a cell without a value. It is sent as `{}`, so that the cells after it stay in their
    /// columns.
    pub fn blank() -> Self {
        Self::default()
    }

    /// Returns a text cell; the text is stored literally: `=1+1` stays text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { value: Content::Text(text.into()), ..Self::default() }
    }

    /// Returns a number cell; the number must be finite.
    pub fn number(number: f64) -> Result<Self, NotFiniteError> {
        if number.is_finite() {
            Ok(Self { value: Content::Number(number), ..Self::default() })
        } else {
            Err(NotFiniteError)
        }
    }

    /// Returns a boolean cell.
    pub fn bool(is_true: bool) -> Self {
        Self { value: Content::Bool(is_true), ..Self::default() }
    }

    /// Returns a formula cell; the text includes the leading `=`. Only for columns for which the
    /// user enabled formulas.
    pub fn formula(formula: impl Into<String>) -> Self {
        Self { value: Content::Formula(formula.into()), ..Self::default() }
    }

    /// Sets the format. The request's `fields` must then name `userEnteredFormat` too.
    #[must_use]
    pub fn with_format(mut self, format: CellFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Makes the cell a checkbox. The request's `fields` must then name `dataValidation` too.
    #[must_use]
    pub fn with_checkbox(mut self) -> Self {
        self.validation = Some(ValidationRule::checkbox());
        self
    }

    /// Returns the same value without a format.
    #[must_use]
    pub fn without_format(mut self) -> Self {
        self.format = None;
        self
    }

    /// Returns the same format without a value.
    #[must_use]
    pub fn without_value(mut self) -> Self {
        self.value = Content::Blank;
        self
    }

    /// Returns whether the cell has no value.
    pub fn is_blank(&self) -> bool {
        self.value == Content::Blank
    }
}

impl Serialize for CellData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts =
            usize::from(!self.is_blank()) + usize::from(self.format.is_some()) + usize::from(self.validation.is_some());
        let mut cell = serializer.serialize_struct("Cell", parts)?;
        if !self.is_blank() {
            cell.serialize_field("userEnteredValue", &self.value)?;
        }
        if let Some(format) = &self.format {
            cell.serialize_field("userEnteredFormat", format)?;
        }
        if let Some(rule) = &self.validation {
            cell.serialize_field("dataValidation", rule)?;
        }
        cell.end()
    }
}

/// A cell's format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellFormat {
    /// The number format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_format: Option<NumberFormat>,
    /// The text format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_format: Option<TextFormat>,
}

impl CellFormat {
    /// Returns a number format.
    pub fn number(kind: NumberKind, pattern: Option<&str>) -> Self {
        let pattern = pattern.map(|pattern| Cow::Owned(pattern.to_owned()));
        Self { number_format: Some(NumberFormat { kind, pattern }), text_format: None }
    }

    /// Returns the bold format of headers.
    pub fn bold() -> Self {
        Self { number_format: None, text_format: Some(TextFormat { bold: true }) }
    }
}

/// A number format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberFormat {
    /// The kind of number.
    #[serde(rename = "type")]
    pub kind: NumberKind,
    /// A pattern such as `yyyy-mm-dd hh:mm:ss`; `None` means the service's default for the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Cow<'static, str>>,
}

/// The kind of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NumberKind {
    /// Text: the user's input stays as typed.
    Text,
    /// A plain number.
    Number,
    /// A serial number shown as a date: days since 1899-12-30.
    Date,
    /// A date with a time.
    DateTime,
    /// A time of day, or a duration.
    Time,
}

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TextFormat {
    /// Whether the text is bold.
    pub bold: bool,
}

/// A validation rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValidationRule {
    /// The condition that values of the cell have to meet.
    pub condition: ValidationCondition,
}

/// A condition on a cell's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValidationCondition {
    /// The kind of condition; `BOOLEAN` is a checkbox.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl ValidationRule {
    /// Returns the rule that makes cells checkboxes.
    pub fn checkbox() -> Self {
        Self { condition: ValidationCondition { kind: "BOOLEAN" } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn serialize_cell(cell: &CellData) -> Value {
        serde_json::to_value(cell).expect("a cell is JSON")
    }

    #[test]
    fn a_blank_keeps_the_cells_after_it_in_their_columns() {
        let row = CellRow::from(vec![CellData::text("x"), CellData::blank(), CellData::text("z")]);
        let sent = serde_json::to_value(row).expect("a row is JSON");
        assert_eq!(
            sent,
            json!({"values": [{"userEnteredValue": {"stringValue": "x"}}, {}, {"userEnteredValue": {"stringValue": "z"}}]})
        );
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(CellData::number(bad), Err(NotFiniteError));
        }
        assert!(CellData::number(f64::MAX).is_ok());
    }

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        for text in ["0042", "=HYPERLINK(\"x\")", "+1", "12345678901234567890"] {
            assert_eq!(serialize_cell(&CellData::text(text)), json!({"userEnteredValue": {"stringValue": text}}));
        }
    }

    #[test]
    fn a_format_goes_beside_the_value() {
        let datetime = CellData::number(43_831.5).expect("finite");
        let shown = datetime.with_format(CellFormat::number(NumberKind::DateTime, Some("yyyy-mm-dd hh:mm:ss")));
        assert_eq!(
            serialize_cell(&shown),
            json!({
                "userEnteredValue": {"numberValue": 43_831.5},
                "userEnteredFormat": {"numberFormat": {"type": "DATE_TIME", "pattern": "yyyy-mm-dd hh:mm:ss"}}
            })
        );
    }

    #[test]
    fn no_cell_is_ever_written_as_null() {
        let cells = [
            CellData::blank(),
            CellData::bool(false),
            CellData::formula("=1"),
            CellData::blank().with_format(CellFormat::bold()),
        ];
        for cell in cells {
            assert!(!serialize_cell(&cell).to_string().contains("null"));
        }
    }
}
