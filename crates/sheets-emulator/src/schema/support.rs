//! What the emulator does with each method and each kind of request, as `docs/emulator.md` tells it.
//!
//! In scope: the methods and kinds there are, and how far those that are answered go.
//! Out of scope: whether one answers 501, which `tests/emulator_table.rs` asks the emulator itself.

use crate::schema::message_types::names;

/// How far a kind of request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It does what it does in the service.
    Done,
    /// What it carries is kept and given back as it was sent, and has no effect of its own.
    Kept,
}

/// Every method: its verb and its path. Those of Sheets v4 come first, in the order of Google's reference; then those of Drive v3.
pub const METHODS: [(&str, &str); 32] = [
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
    ("POST", "/drive/v3/files"),
    ("GET", "/drive/v3/files"),
    ("GET", "/drive/v3/files/{id}"),
    ("DELETE", "/drive/v3/files/{id}"),
    ("PATCH", "/drive/v3/files/{id}"),
    ("POST", "/drive/v3/files/{id}/copy"),
    ("GET", "/drive/v3/files/{id}/export"),
    ("PUT", "/upload/drive/v2/files/{id}"),
    ("GET", "/spreadsheets/d/{id}/export"),
    ("GET", "/drive/v3/files/{id}/comments"),
    ("POST", "/drive/v3/files/{id}/permissions"),
    ("GET", "/drive/v3/files/{id}/permissions"),
    ("GET", "/drive/v3/files/{id}/permissions/{permissionId}"),
    ("PATCH", "/drive/v3/files/{id}/permissions/{permissionId}"),
    ("DELETE", "/drive/v3/files/{id}/permissions/{permissionId}"),
];

/// The kinds of request that are answered, each with what to know about it; all others answer 501.
pub const ANSWERED: [(&str, Reach, &str); 60] = [
    ("addBanding", Reach::Kept, "no cell is coloured"),
    ("addChart", Reach::Kept, "not drawn; on a sheet of cells only"),
    ("addConditionalFormatRule", Reach::Kept, "no cell looks different"),
    ("addDimensionGroup", Reach::Done, ""),
    ("addFilterView", Reach::Kept, "no row is hidden"),
    ("addNamedRange", Reach::Done, ""),
    ("addProtectedRange", Reach::Done, "who may not edit is answered 400"),
    ("addSheet", Reach::Done, "grids only"),
    ("addSlicer", Reach::Kept, "not drawn, and filters nothing"),
    ("appendCells", Reach::Done, ""),
    ("appendDimension", Reach::Done, ""),
    ("autoFill", Reach::Done, "series of equal steps, dates, formulas; else repeated"),
    ("autoResizeDimensions", Reach::Done, "widths as recorded for one font"),
    ("clearBasicFilter", Reach::Done, ""),
    ("copyPaste", Reach::Done, ""),
    ("createDeveloperMetadata", Reach::Done, ""),
    ("cutPaste", Reach::Done, ""),
    ("deleteBanding", Reach::Done, ""),
    ("deleteConditionalFormatRule", Reach::Done, ""),
    ("deleteDeveloperMetadata", Reach::Done, ""),
    ("deleteDimension", Reach::Done, ""),
    ("deleteDimensionGroup", Reach::Done, ""),
    ("deleteDuplicates", Reach::Done, ""),
    ("deleteEmbeddedObject", Reach::Done, ""),
    ("deleteFilterView", Reach::Done, ""),
    ("deleteNamedRange", Reach::Done, "an id that is not there: `--missing-id`"),
    ("deleteProtectedRange", Reach::Done, ""),
    ("deleteRange", Reach::Done, ""),
    ("deleteSheet", Reach::Done, ""),
    ("duplicateFilterView", Reach::Kept, ""),
    ("duplicateSheet", Reach::Done, ""),
    ("findReplace", Reach::Done, ""),
    ("insertDimension", Reach::Done, ""),
    ("insertRange", Reach::Done, ""),
    ("mergeCells", Reach::Done, ""),
    ("moveDimension", Reach::Done, ""),
    ("pasteData", Reach::Done, "`html` answers 501"),
    ("randomizeRange", Reach::Done, ""),
    ("repeatCell", Reach::Done, "formats are kept; number formats show"),
    ("setBasicFilter", Reach::Done, "by values and by conditions on texts, numbers and blanks; when it is set"),
    ("setDataValidation", Reach::Kept, "no value is refused by it"),
    ("sortRange", Reach::Done, ""),
    ("textToColumns", Reach::Done, ""),
    ("trimWhitespace", Reach::Done, ""),
    ("unmergeCells", Reach::Done, ""),
    ("updateBanding", Reach::Kept, ""),
    ("updateBorders", Reach::Done, "kept with the cells they touch"),
    ("updateCells", Reach::Done, "formats are kept; number formats show"),
    ("updateChartSpec", Reach::Kept, ""),
    ("updateConditionalFormatRule", Reach::Kept, ""),
    ("updateDeveloperMetadata", Reach::Done, ""),
    ("updateDimensionProperties", Reach::Kept, "widths, heights, hidden rows and columns"),
    ("updateEmbeddedObjectBorder", Reach::Kept, ""),
    ("updateEmbeddedObjectPosition", Reach::Kept, ""),
    ("updateFilterView", Reach::Kept, ""),
    ("updateNamedRange", Reach::Done, ""),
    ("updateProtectedRange", Reach::Done, ""),
    ("updateSheetProperties", Reach::Done, "colours and the like are kept"),
    ("updateSlicerSpec", Reach::Kept, ""),
    ("updateSpreadsheetProperties", Reach::Done, ""),
];

/// Every kind of request that Google knows, by its name.
pub fn kinds() -> Vec<&'static str> {
    names("Request")
}
