//! What the emulator does with each method and each kind of request; `docs/emulator.md` shows these
//! tables.
//!
//! In scope: all methods and kinds, and how far the supported ones go.
//! Out of scope: which of them are refused as not implemented, which the tests check.

use crate::schema::message_types::list_member_names;

/// How far a kind of request is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupportLevel {
    /// It has the same effect as in the service.
    Done,
    /// Its contents are stored and returned as sent, without an effect.
    Kept,
}

/// Every method: its verb and its path. Those of Sheets v4 come first, in the order of Google's
/// reference; then those of Drive v3.
pub const SUPPORTED_METHODS: [(&str, &str); 35] = [
    ("POST", "/v4/spreadsheets"),
    ("GET", "/v4/spreadsheets/{id}"),
    ("POST", "/v4/spreadsheets/{id}:getByDataFilter"),
    ("POST", "/v4/spreadsheets/{id}:batchUpdate"),
    ("GET", "/v4/spreadsheets/{id}/developerMetadata/{metadataId}"),
    ("POST", "/v4/spreadsheets/{id}/developerMetadata:search"),
    ("POST", "/v4/spreadsheets/{id}/sheets/{sheetId}:copyTo"),
    ("GET", "/v4/spreadsheets/{id}/values/{range}"),
    ("PUT", "/v4/spreadsheets/{id}/values/{range}"),
    ("POST", "/v4/spreadsheets/{id}/values/{range}:append"),
    ("POST", "/v4/spreadsheets/{id}/values/{range}:clear"),
    ("GET", "/v4/spreadsheets/{id}/values:batchGet"),
    ("POST", "/v4/spreadsheets/{id}/values:batchUpdate"),
    ("POST", "/v4/spreadsheets/{id}/values:batchClear"),
    ("POST", "/v4/spreadsheets/{id}/values:batchGetByDataFilter"),
    ("POST", "/v4/spreadsheets/{id}/values:batchUpdateByDataFilter"),
    ("POST", "/v4/spreadsheets/{id}/values:batchClearByDataFilter"),
    ("GET", "/drive/v3/about"),
    ("POST", "/drive/v3/files"),
    ("GET", "/drive/v3/files"),
    ("GET", "/drive/v3/files/{id}"),
    ("DELETE", "/drive/v3/files/{id}"),
    ("PATCH", "/drive/v3/files/{id}"),
    ("POST", "/drive/v3/files/{id}/copy"),
    ("GET", "/drive/v3/files/{id}/export"),
    ("PUT", "/upload/drive/v2/files/{id}"),
    ("POST", "/upload/drive/v3/files"),
    ("PATCH", "/upload/drive/v3/files/{id}"),
    ("GET", "/spreadsheets/d/{id}/export"),
    ("GET", "/drive/v3/files/{id}/comments"),
    ("POST", "/drive/v3/files/{id}/permissions"),
    ("GET", "/drive/v3/files/{id}/permissions"),
    ("GET", "/drive/v3/files/{id}/permissions/{permissionId}"),
    ("PATCH", "/drive/v3/files/{id}/permissions/{permissionId}"),
    ("DELETE", "/drive/v3/files/{id}/permissions/{permissionId}"),
];

/// The supported kinds of request, each with a note; all others are refused as not implemented.
pub const REQUEST_SUPPORT: [(&str, SupportLevel, &str); 60] = [
    ("addBanding", SupportLevel::Kept, "no cell is coloured"),
    ("addChart", SupportLevel::Kept, "not drawn; on a sheet of cells only"),
    (
        "addConditionalFormatRule",
        SupportLevel::Done,
        "boolean rules show in `effectiveFormat`; gradients are kept as sent",
    ),
    ("addDimensionGroup", SupportLevel::Done, ""),
    ("addFilterView", SupportLevel::Kept, "no row is hidden"),
    ("addNamedRange", SupportLevel::Done, ""),
    ("addProtectedRange", SupportLevel::Done, "who may not edit is answered 400"),
    ("addSheet", SupportLevel::Done, "grids only"),
    ("addSlicer", SupportLevel::Kept, "not drawn, and filters nothing"),
    ("appendCells", SupportLevel::Done, ""),
    ("appendDimension", SupportLevel::Done, ""),
    ("autoFill", SupportLevel::Done, "series of equal steps, dates, formulas; else repeated"),
    ("autoResizeDimensions", SupportLevel::Done, "widths as recorded for one font"),
    ("clearBasicFilter", SupportLevel::Done, ""),
    ("copyPaste", SupportLevel::Done, ""),
    ("createDeveloperMetadata", SupportLevel::Done, ""),
    ("cutPaste", SupportLevel::Done, ""),
    ("deleteBanding", SupportLevel::Done, ""),
    ("deleteConditionalFormatRule", SupportLevel::Done, ""),
    ("deleteDeveloperMetadata", SupportLevel::Done, ""),
    ("deleteDimension", SupportLevel::Done, ""),
    ("deleteDimensionGroup", SupportLevel::Done, ""),
    ("deleteDuplicates", SupportLevel::Done, ""),
    ("deleteEmbeddedObject", SupportLevel::Done, ""),
    ("deleteFilterView", SupportLevel::Done, ""),
    ("deleteNamedRange", SupportLevel::Done, "an id that is not there: `--missing-id`"),
    ("deleteProtectedRange", SupportLevel::Done, ""),
    ("deleteRange", SupportLevel::Done, ""),
    ("deleteSheet", SupportLevel::Done, ""),
    ("duplicateFilterView", SupportLevel::Kept, ""),
    ("duplicateSheet", SupportLevel::Done, ""),
    ("findReplace", SupportLevel::Done, ""),
    ("insertDimension", SupportLevel::Done, ""),
    ("insertRange", SupportLevel::Done, ""),
    ("mergeCells", SupportLevel::Done, ""),
    ("moveDimension", SupportLevel::Done, ""),
    ("pasteData", SupportLevel::Done, "`html` is not implemented"),
    ("randomizeRange", SupportLevel::Done, ""),
    ("repeatCell", SupportLevel::Done, "formats are kept; number formats show"),
    ("setBasicFilter", SupportLevel::Done, "by values and by conditions on texts, numbers and blanks; when it is set"),
    ("setDataValidation", SupportLevel::Kept, "no value is refused by it"),
    ("sortRange", SupportLevel::Done, ""),
    ("textToColumns", SupportLevel::Done, ""),
    ("trimWhitespace", SupportLevel::Done, ""),
    ("unmergeCells", SupportLevel::Done, ""),
    ("updateBanding", SupportLevel::Kept, ""),
    ("updateBorders", SupportLevel::Done, "kept with the cells they touch"),
    ("updateCells", SupportLevel::Done, "formats are kept; number formats show"),
    ("updateChartSpec", SupportLevel::Kept, ""),
    ("updateConditionalFormatRule", SupportLevel::Done, ""),
    ("updateDeveloperMetadata", SupportLevel::Done, ""),
    ("updateDimensionProperties", SupportLevel::Kept, "widths, heights, hidden rows and columns"),
    ("updateEmbeddedObjectBorder", SupportLevel::Kept, ""),
    ("updateEmbeddedObjectPosition", SupportLevel::Kept, ""),
    ("updateFilterView", SupportLevel::Kept, ""),
    ("updateNamedRange", SupportLevel::Done, ""),
    ("updateProtectedRange", SupportLevel::Done, ""),
    ("updateSheetProperties", SupportLevel::Done, "colours and the like are kept"),
    ("updateSlicerSpec", SupportLevel::Kept, ""),
    ("updateSpreadsheetProperties", SupportLevel::Done, ""),
];

/// Returns the names of all kinds of request in Google's API.
pub fn list_request_kinds() -> Vec<&'static str> {
    list_member_names("Request")
}

#[cfg(test)]
mod tests;
