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
    Implemented,
    /// Its contents are stored and returned as sent, without an effect.
    StoredOnly,
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
    ("addBanding", SupportLevel::StoredOnly, "no cell is coloured"),
    ("addChart", SupportLevel::StoredOnly, "not drawn; on a sheet of cells only"),
    (
        "addConditionalFormatRule",
        SupportLevel::Implemented,
        "boolean rules show in `effectiveFormat`; gradients are kept as sent",
    ),
    ("addDimensionGroup", SupportLevel::Implemented, ""),
    ("addFilterView", SupportLevel::StoredOnly, "no row is hidden"),
    ("addNamedRange", SupportLevel::Implemented, ""),
    ("addProtectedRange", SupportLevel::Implemented, "who may not edit is answered 400"),
    ("addSheet", SupportLevel::Implemented, "grids only"),
    ("addSlicer", SupportLevel::StoredOnly, "not drawn, and filters nothing"),
    ("appendCells", SupportLevel::Implemented, ""),
    ("appendDimension", SupportLevel::Implemented, ""),
    ("autoFill", SupportLevel::Implemented, "series of equal steps, dates, formulas; else repeated"),
    ("autoResizeDimensions", SupportLevel::Implemented, "widths as recorded for one font"),
    ("clearBasicFilter", SupportLevel::Implemented, ""),
    ("copyPaste", SupportLevel::Implemented, ""),
    ("createDeveloperMetadata", SupportLevel::Implemented, ""),
    ("cutPaste", SupportLevel::Implemented, ""),
    ("deleteBanding", SupportLevel::Implemented, ""),
    ("deleteConditionalFormatRule", SupportLevel::Implemented, ""),
    ("deleteDeveloperMetadata", SupportLevel::Implemented, ""),
    ("deleteDimension", SupportLevel::Implemented, ""),
    ("deleteDimensionGroup", SupportLevel::Implemented, ""),
    ("deleteDuplicates", SupportLevel::Implemented, ""),
    ("deleteEmbeddedObject", SupportLevel::Implemented, ""),
    ("deleteFilterView", SupportLevel::Implemented, ""),
    ("deleteNamedRange", SupportLevel::Implemented, "an id that is not there: `--missing-id`"),
    ("deleteProtectedRange", SupportLevel::Implemented, ""),
    ("deleteRange", SupportLevel::Implemented, ""),
    ("deleteSheet", SupportLevel::Implemented, ""),
    ("duplicateFilterView", SupportLevel::StoredOnly, ""),
    ("duplicateSheet", SupportLevel::Implemented, ""),
    ("findReplace", SupportLevel::Implemented, ""),
    ("insertDimension", SupportLevel::Implemented, ""),
    ("insertRange", SupportLevel::Implemented, ""),
    ("mergeCells", SupportLevel::Implemented, ""),
    ("moveDimension", SupportLevel::Implemented, ""),
    ("pasteData", SupportLevel::Implemented, "`html` is not implemented"),
    ("randomizeRange", SupportLevel::Implemented, ""),
    ("repeatCell", SupportLevel::Implemented, "formats are kept; number formats show"),
    (
        "setBasicFilter",
        SupportLevel::Implemented,
        "by values and by conditions on texts, numbers and blanks; when it is set",
    ),
    ("setDataValidation", SupportLevel::StoredOnly, "no value is refused by it"),
    ("sortRange", SupportLevel::Implemented, ""),
    ("textToColumns", SupportLevel::Implemented, ""),
    ("trimWhitespace", SupportLevel::Implemented, ""),
    ("unmergeCells", SupportLevel::Implemented, ""),
    ("updateBanding", SupportLevel::StoredOnly, ""),
    ("updateBorders", SupportLevel::Implemented, "kept with the cells they touch"),
    ("updateCells", SupportLevel::Implemented, "formats are kept; number formats show"),
    ("updateChartSpec", SupportLevel::StoredOnly, ""),
    ("updateConditionalFormatRule", SupportLevel::Implemented, ""),
    ("updateDeveloperMetadata", SupportLevel::Implemented, ""),
    ("updateDimensionProperties", SupportLevel::StoredOnly, "widths, heights, hidden rows and columns"),
    ("updateEmbeddedObjectBorder", SupportLevel::StoredOnly, ""),
    ("updateEmbeddedObjectPosition", SupportLevel::StoredOnly, ""),
    ("updateFilterView", SupportLevel::StoredOnly, ""),
    ("updateNamedRange", SupportLevel::Implemented, ""),
    ("updateProtectedRange", SupportLevel::Implemented, ""),
    ("updateSheetProperties", SupportLevel::Implemented, "colours and the like are kept"),
    ("updateSlicerSpec", SupportLevel::StoredOnly, ""),
    ("updateSpreadsheetProperties", SupportLevel::Implemented, ""),
];

/// Returns the names of all kinds of request in Google's API.
pub fn list_request_kinds() -> Vec<&'static str> {
    list_member_names("Request")
}

#[cfg(test)]
mod tests;
