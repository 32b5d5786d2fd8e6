//! The requests of `spreadsheets.batchUpdate`, as lean as what goes over the wire.
//!
//! In scope: exactly the kinds that our store sends. Out of scope: which cells mean what (the store knows).
//!
//! The typed structs of google-sheets4 take 0.93 s and 504 MiB for 10,000 rows of 8 cells, these 0.03 s and 21 MiB; and its
//! serialiser drops nulls out of arrays, so that later cells shift left. Here a null can't be written down (`cell`). A test
//! compares both on the same batch.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use crate::google::types::cell::{CellData, CellRow};

/// One atomic batch: all requests are applied in order, or none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    requests: Vec<Request>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_spreadsheet_in_response: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_ranges: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_include_grid_data: Option<bool>,
}

impl Batch {
    /// A batch of these requests. An empty one is refused by the service.
    pub fn new(requests: Vec<Request>) -> Self {
        Self {
            requests,
            include_spreadsheet_in_response: None,
            response_ranges: Vec::new(),
            response_include_grid_data: None,
        }
    }

    /// Asks for these ranges (A1 notation) as they are after the batch, cells included, in the answer's `updatedSpreadsheet`.
    #[must_use]
    pub fn reading_back(mut self, ranges: Vec<String>) -> Self {
        self.include_spreadsheet_in_response = Some(true);
        self.response_include_grid_data = Some(true);
        self.response_ranges = ranges;
        self
    }

    /// Whether it asks for ranges in the answer.
    pub fn reads_back(&self) -> bool {
        self.include_spreadsheet_in_response.is_some()
    }

    /// The requests, in order.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The tabs to which rows are appended.
    pub fn grown_tabs(&self) -> Vec<i32> {
        let appended = self.requests.iter().filter_map(|request| match request {
            Request::AppendCells { sheet_id, .. } => Some(*sheet_id),
            _ => None,
        });
        appended.collect()
    }

    /// The JSON that goes over the wire.
    pub fn encode(&self) -> Bytes {
        let json = serde_json::to_vec(self).expect("texts, booleans, integers and finite numbers always become JSON");
        Bytes::from(json)
    }
}

/// One request of a batch; serialises as `{"kind": {…}}`. Facts: the Sheets v4 discovery document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Adds a tab.
    AddSheet {
        /// What it is like.
        properties: SheetProperties,
    },
    /// Deletes a tab.
    DeleteSheet {
        /// Which.
        sheet_id: i32,
    },
    /// Changes a tab.
    UpdateSheetProperties {
        /// The tab by its id, and what it shall be like.
        properties: SheetProperties,
        /// Which properties to set, such as `title,gridProperties.frozenRowCount`.
        fields: Cow<'static, str>,
    },
    /// Writes cells at a place.
    UpdateCells {
        /// The cells, row by row.
        rows: Vec<CellRow>,
        /// Which parts of a cell to set, such as `userEnteredValue`.
        fields: Cow<'static, str>,
        /// The upper left cell.
        #[serde(skip_serializing_if = "Option::is_none")]
        start: Option<GridCoordinate>,
        /// Or the whole area; parts that `rows` doesn't reach are cleared.
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<GridRange>,
    },
    /// Writes the same cell all over an area.
    RepeatCell {
        /// Where.
        range: GridRange,
        /// The cell.
        cell: CellData,
        /// Which parts of it to set.
        fields: Cow<'static, str>,
    },
    /// Writes rows after the last row with data.
    AppendCells {
        /// Which tab.
        sheet_id: i32,
        /// The rows.
        rows: Vec<CellRow>,
        /// Which parts of a cell to set.
        fields: Cow<'static, str>,
    },
    /// Names a range.
    AddNamedRange {
        /// The name, its id and the range.
        named_range: NamedRange,
    },
    /// Removes a name, not the cells.
    DeleteNamedRange {
        /// Which.
        named_range_id: String,
    },
    /// Copies cells within the spreadsheet.
    CopyPaste {
        /// From.
        source: GridRange,
        /// To.
        destination: GridRange,
        /// What of them.
        paste_type: PasteType,
        /// Which way round.
        paste_orientation: PasteOrientation,
    },
    /// Puts new rows or columns between others.
    InsertDimension {
        /// Where they will be.
        range: DimensionRange,
        /// Whether they look like those before them rather than those after.
        inherit_from_before: bool,
    },
    /// Adds rows or columns at a tab's end.
    AppendDimension {
        /// Which tab.
        sheet_id: i32,
        /// Which of both.
        dimension: Dimension,
        /// How many.
        length: u32,
    },
    /// Marks a place; the mark moves with it.
    CreateDeveloperMetadata {
        /// The mark.
        developer_metadata: DeveloperMetadata,
    },
    /// Sets the width of columns or the height of rows.
    UpdateDimensionProperties {
        /// Which.
        range: DimensionRange,
        /// How wide.
        properties: DimensionProperties,
        /// Which properties to set: `pixelSize`.
        fields: Cow<'static, str>,
    },
    /// Deletes rows or columns, and what is in them.
    DeleteDimension {
        /// Which.
        range: DimensionRange,
    },
    /// Says what cells take.
    SetDataValidation {
        /// Which cells.
        range: GridRange,
        /// What they take.
        rule: ValidationRule,
    },
}

/// A tab's properties; what is `None` is left to the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetProperties {
    /// The id; a caller's own is honoured, as recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet_id: Option<i32>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The position among the tabs, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Whether people don't see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// Its size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid_properties: Option<GridProperties>,
}

/// A tab's size; what is `None` is left to the service (1,000 rows, 26 columns).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridProperties {
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u32>,
    /// Columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_count: Option<u32>,
    /// Rows that stay in view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_row_count: Option<u32>,
}

/// An area; starts are from 0 and within, ends are without; what is `None` is unbounded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridRange {
    /// Which tab.
    pub sheet_id: i32,
    /// First row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_row_index: Option<u32>,
    /// Row after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_row_index: Option<u32>,
    /// First column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column_index: Option<u32>,
    /// Column after the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column_index: Option<u32>,
}

/// One cell's place, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GridCoordinate {
    /// Which tab.
    pub sheet_id: i32,
    /// Row.
    pub row_index: u32,
    /// Column.
    pub column_index: u32,
}

/// A name for a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedRange {
    /// Our own id for it.
    pub named_range_id: String,
    /// The name that people see.
    pub name: String,
    /// What it names.
    pub range: GridRange,
}

/// A mark on a place, which people don't see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeveloperMetadata {
    /// Our own id for it.
    pub metadata_id: i32,
    /// What the mark is called; several may be called the same.
    pub metadata_key: String,
    /// What it says.
    pub metadata_value: String,
    /// Where it is.
    pub location: MarkedPlace,
    /// `DOCUMENT`: whoever may read the spreadsheet may read it.
    pub visibility: &'static str,
}

/// One row or one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MarkedPlace {
    /// Which.
    pub dimension_range: DimensionRange,
}

/// Rows or columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Dimension {
    /// Rows.
    Rows,
    /// Columns.
    Columns,
}

/// What a cell takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValidationRule {
    /// The condition.
    pub condition: ValidationCondition,
}

/// A condition on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ValidationCondition {
    /// Its kind; `BOOLEAN` is a checkbox.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl ValidationRule {
    /// Cells are checkboxes.
    pub fn checkbox() -> Self {
        Self { condition: ValidationCondition { kind: "BOOLEAN" } }
    }
}

/// Some rows or columns of a tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionRange {
    /// Which tab.
    pub sheet_id: i32,
    /// Which of both.
    pub dimension: Dimension,
    /// The first, from 0.
    pub start_index: u32,
    /// The one after the last.
    pub end_index: u32,
}

/// What rows or columns are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionProperties {
    /// Width or height in pixels.
    pub pixel_size: u32,
}

/// What a copy takes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PasteType {
    /// Values only, no formulas and no formats.
    #[serde(rename = "PASTE_VALUES")]
    Values,
    /// Everything.
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
    /// As it is.
    Normal,
    /// Swapped.
    Transpose,
}
