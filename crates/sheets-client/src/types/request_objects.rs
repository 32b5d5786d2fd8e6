//! The objects inside the requests of `spreadsheets.batchUpdate`, with exactly the fields that are
//! sent: ranges, properties of tabs, named ranges, developer metadata, conditional formats.
//!
//! Out of scope: the requests (`types::requests`), cells (`types::cell`).

use serde::Serialize;

/// A spreadsheet's properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpreadsheetProperties {
    /// When volatile functions such as `NOW` are recalculated: `ON_CHANGE`, `MINUTE`, `HOUR`.
    pub auto_recalc: &'static str,
}

/// A conditional format.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormatRule {
    /// The cells that it applies to.
    pub ranges: Vec<GridRange>,
    /// The condition and the format.
    pub boolean_rule: FormatCondition,
}

/// The condition of a conditional format, and the format of cells that meet it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormatCondition {
    /// The formula that decides for each cell.
    pub condition: FormulaCondition,
    /// How cells look that meet the condition.
    pub format: BackgroundFormat,
}

/// A condition that a formula computes, relative to the first cell of the first range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormulaCondition {
    /// The kind of condition, always `CUSTOM_FORMULA`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The formula, as the only value.
    pub values: Vec<ConditionText>,
}

/// A value as a person would enter it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionText {
    /// The text, with `=` if it is a formula.
    pub user_entered_value: String,
}

/// A format that sets the background only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackgroundFormat {
    /// The colour of the cells' background.
    pub background_color: RgbColor,
}

/// A colour, each part from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RgbColor {
    /// The share of red, from 0 to 1.
    pub red: f32,
    /// The share of green, from 0 to 1.
    pub green: f32,
    /// The share of blue, from 0 to 1.
    pub blue: f32,
}

impl FormatRule {
    /// Returns the rule that gives these cells a background where the formula is true.
    pub fn background(range: GridRange, formula: String, background_color: RgbColor) -> Self {
        let values = vec![ConditionText { user_entered_value: formula }];
        let condition = FormulaCondition { kind: "CUSTOM_FORMULA", values };
        let format = BackgroundFormat { background_color };
        Self { ranges: vec![range], boolean_rule: FormatCondition { condition, format } }
    }
}

/// A tab's properties; the service chooses what is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetProperties {
    /// The id; the service accepts one that the client chose (recorded).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet_id: Option<i32>,
    /// The title, unique in the spreadsheet regardless of case, at most 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The position among the tabs, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Whether the tab is hidden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// The size of the tab's grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid_properties: Option<GridProperties>,
}

/// A tab's grid size; the service chooses what is `None` (1,000 rows, 26 columns).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridProperties {
    /// Number of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u32>,
    /// Number of columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_count: Option<u32>,
    /// Number of frozen rows at the top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_row_count: Option<u32>,
}

/// A rectangle of cells. Indices start at 0; starts are inclusive, ends exclusive; `None` is
/// unbounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridRange {
    /// The tab's id.
    pub sheet_id: i32,
    /// First row, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_row_index: Option<u32>,
    /// Last row, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_row_index: Option<u32>,
    /// First column, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column_index: Option<u32>,
    /// Last column, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column_index: Option<u32>,
}

/// The position of one cell, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridCoordinate {
    /// The tab's id.
    pub sheet_id: i32,
    /// Row, from 0.
    pub row_index: u32,
    /// Column, from 0.
    pub column_index: u32,
}

/// A named range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedRange {
    /// The id, chosen by the client.
    pub named_range_id: String,
    /// The name that the user sees.
    pub name: String,
    /// The range that it names.
    pub range: GridRange,
}

/// Developer metadata at a location; the user does not see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeveloperMetadata {
    /// The id, chosen by the client.
    pub metadata_id: i32,
    /// The key; several entries may share it.
    pub metadata_key: String,
    /// The value, a text of the program's own; key and value count against a quota of 30,000
    /// characters.
    pub metadata_value: String,
    /// The row or column that the entry moves with, and disappears with.
    pub location: MetadataLocation,
    /// `DOCUMENT`: readable by every reader of the spreadsheet.
    pub visibility: &'static str,
}

/// A location: one row or one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataLocation {
    /// The row or column, as a range of length 1.
    pub dimension_range: DimensionRange,
}

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Dimension {
    /// The rows of a tab, counted from 0 at the top.
    Rows,
    /// The columns of a tab, counted from 0 at the left.
    Columns,
}

/// A range of rows or columns of a tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionRange {
    /// The tab's id.
    pub sheet_id: i32,
    /// Rows or columns.
    pub dimension: Dimension,
    /// The first index, from 0, inclusive.
    pub start_index: u32,
    /// The last index, exclusive.
    pub end_index: u32,
}

/// Size properties of rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionProperties {
    /// Width or height in pixels.
    pub pixel_size: u32,
}

/// What a copy includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PasteType {
    /// Values only, no formulas and no formats.
    #[serde(rename = "PASTE_VALUES")]
    Values,
    /// Values, formulas and formats.
    #[serde(rename = "PASTE_NORMAL")]
    Normal,
    /// Values and formulas, no formats.
    #[serde(rename = "PASTE_FORMULA")]
    Formula,
}

/// Whether a copy swaps rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PasteOrientation {
    /// Rows stay rows.
    Normal,
    /// Rows become columns.
    Transpose,
}
