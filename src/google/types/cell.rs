//! Cells as they are sent: typed, and never a null.
//!
//! In scope: a cell's value and format. Out of scope: requests (`body`), and which cells mean what (the store).
//!
//! The service makes a blank cell of NaN without a word, and google-sheets4 drops nulls out of rows: so a cell is made by a
//! constructor, and the one for numbers refuses what JSON can't hold.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::fault::Fault;

/// A row of cells, from the first column on.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CellRow {
    /// The cells.
    pub values: Vec<CellData>,
}

impl From<Vec<CellData>> for CellRow {
    fn from(values: Vec<CellData>) -> Self {
        Self { values }
    }
}

/// NaN and the infinities, which JSON can't hold: the service would make them blank cells without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("put a number that is not finite into a cell")]
pub struct NotFinite;

impl NotFinite {
    /// What to do about it.
    pub fn fault(self) -> Fault {
        Fault::Rejected
    }
}

/// A cell with a value of a type, so that leading zeros, long ids and texts that begin with `=` survive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CellData {
    value: Content,
    format: Option<CellFormat>,
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
    /// A cell without a value; it goes out as `{}` and keeps the cells after it in their columns.
    pub fn blank() -> Self {
        Self::default()
    }

    /// A text, taken as it is: `=1+1` stays text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { value: Content::Text(text.into()), format: None }
    }

    /// A finite number.
    pub fn number(number: f64) -> Result<Self, NotFinite> {
        if number.is_finite() { Ok(Self { value: Content::Number(number), format: None }) } else { Err(NotFinite) }
    }

    /// A truth value.
    pub fn bool(truth: bool) -> Self {
        Self { value: Content::Bool(truth), format: None }
    }

    /// A formula, with its leading `=`. Only for columns that a person opted in.
    pub fn formula(formula: impl Into<String>) -> Self {
        Self { value: Content::Formula(formula.into()), format: None }
    }

    /// The same value, shown in this way; the request's `fields` must name `userEnteredFormat` too.
    #[must_use]
    pub fn shown_as(mut self, format: CellFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// The same value, and nothing of how it is shown.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.format = None;
        self
    }

    /// The same look, and no value.
    #[must_use]
    pub fn without_value(mut self) -> Self {
        self.value = Content::Blank;
        self
    }

    /// Whether it has no value.
    pub fn is_blank(&self) -> bool {
        self.value == Content::Blank
    }
}

impl Serialize for CellData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = usize::from(!self.is_blank()) + usize::from(self.format.is_some());
        let mut cell = serializer.serialize_struct("Cell", parts)?;
        if !self.is_blank() {
            cell.serialize_field("userEnteredValue", &self.value)?;
        }
        if let Some(format) = &self.format {
            cell.serialize_field("userEnteredFormat", format)?;
        }
        cell.end()
    }
}

/// How a cell is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CellFormat {
    /// How its number is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_format: Option<NumberFormat>,
    /// How its text looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_format: Option<TextFormat>,
}

impl CellFormat {
    /// A number's way of being written.
    pub fn number(kind: NumberKind, pattern: Option<&str>) -> Self {
        let pattern = pattern.map(|pattern| Cow::Owned(pattern.to_owned()));
        Self { number_format: Some(NumberFormat { kind, pattern }), text_format: None }
    }

    /// Bold, for headers.
    pub fn bold() -> Self {
        Self { number_format: None, text_format: Some(TextFormat { bold: true }) }
    }
}

/// How a number is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberFormat {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: NumberKind,
    /// Such as `yyyy-mm-dd hh:mm:ss`; the service has one for each kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Cow<'static, str>>,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NumberKind {
    /// Text: what a person types into it stays as typed.
    Text,
    /// A number.
    Number,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A time of day, or a length of time.
    Time,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TextFormat {
    /// Bold.
    pub bold: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn wire(cell: &CellData) -> Value {
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
            assert_eq!(CellData::number(bad), Err(NotFinite));
        }
        assert!(CellData::number(f64::MAX).is_ok());
    }

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        for text in ["0042", "=HYPERLINK(\"x\")", "+1", "12345678901234567890"] {
            assert_eq!(wire(&CellData::text(text)), json!({"userEnteredValue": {"stringValue": text}}));
        }
    }

    #[test]
    fn a_format_goes_beside_the_value() {
        let moment = CellData::number(43_831.5).expect("finite");
        let shown = moment.shown_as(CellFormat::number(NumberKind::DateTime, Some("yyyy-mm-dd hh:mm:ss")));
        assert_eq!(
            wire(&shown),
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
            CellData::blank().shown_as(CellFormat::bold()),
        ];
        for cell in cells {
            assert!(!wire(&cell).to_string().contains("null"));
        }
    }
}
