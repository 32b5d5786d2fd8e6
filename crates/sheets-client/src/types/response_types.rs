//! The parts of responses that the client uses, as light types.
//!
//! In scope: reading a response, and checking that it belongs to the request. Out of scope: sending
//! requests (`sheets`).

use google_sheets4::api;
use serde::Deserialize;
use serde_json::Value;

use crate::errors::classify::AttemptFailure;
use crate::errors::unknown_outcome::UnknownOutcome;
use crate::types::address::SpreadsheetId;

/// A spreadsheet's properties, tabs and named ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpreadsheetInfo {
    /// The spreadsheet's title, which is the file's name in Drive.
    pub title: String,
    /// The locale, such as `en_US`.
    pub locale: String,
    /// The time zone, such as `Europe/Berlin`.
    pub time_zone: String,
    /// When volatile functions are recalculated: `ON_CHANGE`, `MINUTE`, `HOUR`; empty if unknown.
    pub auto_recalc: String,
    /// The tabs, in order.
    pub tabs: Vec<TabInfo>,
    /// The named ranges, in no particular order.
    pub named_ranges: Vec<NamedRangeInfo>,
}

/// A tab's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabInfo {
    /// The id, which survives a rename.
    pub sheet_id: i32,
    /// The tab's title as people see it, unique in the spreadsheet regardless of case.
    pub title: String,
    /// The position, from 0.
    pub index: u32,
    /// Whether the tab is hidden.
    pub is_hidden: bool,
    /// Rows of the grid, empty ones included; 0 for a tab that is a chart.
    pub rows: u32,
    /// Columns of the grid.
    pub columns: u32,
}

/// A named range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRangeInfo {
    /// The id, which survives a rename of the range.
    pub id: String,
    /// The name as people see it, unique in the spreadsheet regardless of case.
    pub name: String,
    /// The id of its tab.
    pub sheet_id: i32,
    /// First row, from 0.
    pub start_row: u32,
    /// First column, from 0.
    pub start_column: u32,
}

/// A column that carries developer metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnMark {
    /// The id of its tab.
    pub sheet_id: i32,
    /// The column, from 0.
    pub column: u32,
    /// The value of the metadata.
    pub value: String,
}

/// A spreadsheet that was just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedSpreadsheet {
    /// The id that the service has given it.
    pub id: SpreadsheetId,
    /// The URL that the user opens; empty if the service sent none.
    pub url: String,
}

/// The service's response to a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchResponse {
    /// One reply per request, in order; `{}` if a request has no result.
    pub replies: Vec<Value>,
    /// The spreadsheet after the batch, if the batch requested ranges.
    pub updated: Option<Value>,
}

impl SpreadsheetInfo {
    /// Returns the name and the id of each named range.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.named_ranges.iter().map(|named| (named.name.as_str(), named.id.as_str()))
    }
}

impl BatchResponse {
    /// Returns the id of the tab that this request added.
    pub fn added_tab(&self, request: usize) -> Option<i32> {
        let properties = self.replies.get(request)?.pointer("/addSheet/properties")?;
        // Responses omit zero values.
        Some(properties.get("sheetId").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok()).unwrap_or(0))
    }

    /// Returns the id of the named range that this request added.
    pub fn added_name(&self, request: usize) -> Option<&str> {
        self.replies.get(request)?.pointer("/addNamedRange/namedRange/namedRangeId")?.as_str()
    }

    /// Returns the id of the metadata that this request created.
    pub fn added_metadata(&self, request: usize) -> Option<i64> {
        self.replies.get(request)?.pointer("/createDeveloperMetadata/developerMetadata/metadataId")?.as_i64()
    }

    /// Returns the text that was entered into a cell of the first range in the response, counted
    /// from the upper left cell of the range. Empty if the cell has no text; `None` if the response
    /// has no range.
    pub fn entered_text(&self, row: usize, column: usize) -> Option<&str> {
        let grid = self.updated.as_ref()?.pointer("/sheets/0/data/0")?;
        let value = grid.pointer(&format!("/rowData/{row}/values/{column}/userEnteredValue/stringValue"));
        Some(value.and_then(Value::as_str).unwrap_or_default())
    }
}

/// Parses the body of a 200. It counts only if it is the complete response to this batch.
pub(crate) fn parse_batch_response(
    body: &[u8],
    id: &SpreadsheetId,
    expected: usize,
) -> Result<BatchResponse, AttemptFailure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct BatchCell {
        spreadsheet_id: Option<String>,
        #[serde(default)]
        replies: Vec<Value>,
        updated_spreadsheet: Option<Value>,
    }
    let response: BatchCell = serde_json::from_slice(body)
        .map_err(|_| UnknownOutcome::InvalidResponse("it is not the JSON that was asked for"))?;
    if response.spreadsheet_id.as_deref() != Some(id.as_str()) {
        return Err(UnknownOutcome::InvalidResponse("it is about another spreadsheet, or none").into());
    }
    if response.replies.len() != expected {
        return Err(UnknownOutcome::InvalidResponse("it doesn't hold one reply for each request").into());
    }
    Ok(BatchResponse { replies: response.replies, updated: response.updated_spreadsheet })
}

/// Returns the columns among the results of a metadata search.
pub(crate) fn collect_column_marks(found: api::SearchDeveloperMetadataResponse) -> Vec<ColumnMark> {
    let found = found.matched_developer_metadata.unwrap_or_default().into_iter();
    let column_marks = found.filter_map(|matched| matched.developer_metadata).filter_map(|mark| {
        let range = mark.location?.dimension_range?;
        let column = u32::try_from(range.start_index.unwrap_or(0)).ok()?;
        let is_column = range.dimension.as_deref() == Some("COLUMNS");
        is_column.then(|| ColumnMark {
            sheet_id: range.sheet_id.unwrap_or(0),
            column,
            value: mark.metadata_value.unwrap_or_default(),
        })
    });
    column_marks.collect()
}

/// Converts the hub's types. Responses omit fields whose value is zero.
pub(crate) fn convert_metadata(sheet: api::Spreadsheet) -> SpreadsheetInfo {
    let properties = sheet.properties.unwrap_or_default();
    let count = |n: Option<i32>| u32::try_from(n.unwrap_or(0)).unwrap_or(0);
    let tabs = sheet.sheets.unwrap_or_default().into_iter().filter_map(|tab| tab.properties).map(|tab| {
        let grid = tab.grid_properties.unwrap_or_default();
        TabInfo {
            sheet_id: tab.sheet_id.unwrap_or(0),
            title: tab.title.unwrap_or_default(),
            index: count(tab.index),
            is_hidden: tab.hidden.unwrap_or(false),
            rows: count(grid.row_count),
            columns: count(grid.column_count),
        }
    });
    let named = sheet.named_ranges.unwrap_or_default().into_iter().map(|named| {
        let range = named.range.unwrap_or_default();
        NamedRangeInfo {
            id: named.named_range_id.unwrap_or_default(),
            name: named.name.unwrap_or_default(),
            sheet_id: range.sheet_id.unwrap_or(0),
            start_row: count(range.start_row_index),
            start_column: count(range.start_column_index),
        }
    });
    SpreadsheetInfo {
        title: properties.title.unwrap_or_default(),
        locale: properties.locale.unwrap_or_default(),
        time_zone: properties.time_zone.unwrap_or_default(),
        auto_recalc: properties.auto_recalc.unwrap_or_default(),
        tabs: tabs.collect(),
        named_ranges: named.collect(),
    }
}
