// googleapis (Node) against the emulator: the samples of Google's guides for Sheets, each as one check or more.
//
//     node googleapis_guide_checks.mjs URL KEY.json

import { sheets } from "@googleapis/sheets";
import { Checks } from "./checks.mjs";
import { lead, login } from "./emulated.mjs";

const [url, key] = process.argv.slice(2);
const checks = new Checks("googleapis");
lead(url);
const service = sheets({ version: "v4", auth: login(key), rootUrl: `${url}/` });
const api = service.spreadsheets;

async function fresh(title, ...values) {
  const { data } = await api.create({ requestBody: { properties: { title } }, fields: "spreadsheetId" });
  if (values.length > 0) {
    await api.values.update({ spreadsheetId: data.spreadsheetId, range: "A1", valueInputOption: "USER_ENTERED", requestBody: { values } });
  }
  return data.spreadsheetId;
}

const batch = async (spreadsheetId, ...requests) => (await api.batchUpdate({ spreadsheetId, requestBody: { requests } })).data.replies;
const read = async (spreadsheetId, range, more = {}) => (await api.values.get({ spreadsheetId, range, ...more })).data.values;
const grid = (endRowIndex, endColumnIndex, more = {}) => ({ sheetId: 0, startRowIndex: 0, endRowIndex, startColumnIndex: 0, endColumnIndex, ...more });

async function theQuickstartRuns() {
  const names = [["Student Name", "Gender", "Class Level", "Home State", "Major"],
    ["Alexandra", "Female", "4. Senior", "CA", "English"], ["Andrew", "Male", "1. Freshman", "SD", "Math"]];
  const spreadsheetId = await fresh("Class Data", ...names);
  checks.same("names and majors are printed", await read(spreadsheetId, "Sheet1!A2:E"), names.slice(1));
  checks.same("an empty sheet has no values", await read(spreadsheetId, "Sheet1!A10:E"), undefined);
}

async function valuesAreReadAndWritten() {
  const spreadsheetId = await fresh("values");
  const { data: updated } = await api.values.update({ spreadsheetId, range: "Sheet1!A1:B2", valueInputOption: "USER_ENTERED",
    requestBody: { range: "Sheet1!A1:B2", majorDimension: "ROWS", values: [["A", "B"], ["C", "D"]] } });
  checks.same("cells are counted as they are updated", [updated.updatedRows, updated.updatedColumns, updated.updatedCells], [2, 2, 4]);
  const { data: many } = await api.values.batchUpdate({ spreadsheetId, requestBody: { valueInputOption: "USER_ENTERED",
    data: [{ range: "Sheet1!A4:B5", values: [["x", 1], ["y", 2]] }, { range: "Sheet1!D1:D2", majorDimension: "COLUMNS", values: [["d", "e"]] }] } });
  checks.same("several ranges are counted together", [many.totalUpdatedRows, many.totalUpdatedColumns, many.totalUpdatedCells, many.totalUpdatedSheets], [4, 3, 6, 1]);
  const { data: ranges } = await api.values.batchGet({ spreadsheetId, ranges: ["Sheet1!A1:B2", "Sheet1!D1:D2"] });
  checks.same("as many ranges come back as were asked for", ranges.valueRanges.length, 2);
  const { data: appended } = await api.values.append({ spreadsheetId, range: "Sheet1!A4", valueInputOption: "USER_ENTERED",
    insertDataOption: "INSERT_ROWS", includeValuesInResponse: true, responseValueRenderOption: "UNFORMATTED_VALUE",
    requestBody: { values: [["z", "=1+2"]] } });
  checks.same("what was appended comes back", [appended.tableRange, appended.updates.updatedData.values], ["Sheet1!A4:B5", [["z", 3]]]);
  await api.values.batchClear({ spreadsheetId, requestBody: { ranges: ["A1:B2", "D:D"] } });
  checks.same("ranges are cleared", await read(spreadsheetId, "Sheet1"), [[], [], [], ["x", "1"], ["y", "2"], ["z", "3"]]);
  checks.same("columns first", await read(spreadsheetId, "A4:B6", { majorDimension: "COLUMNS" }), [["x", "y", "z"], ["1", "2", "3"]]);
  const error = await api.values.get({ spreadsheetId, range: "A1", fields: "nothing" }).catch((caught) => caught);
  checks.same("an error has Google's body", error.response.data.error.status, "INVALID_ARGUMENT");
}

async function basicFormattingRuns() {
  const spreadsheetId = await fresh("formats", ["Date", "Price"], ["3/10/2016", 3.5], ["3/11/2016", 1234.5]);
  await batch(spreadsheetId,
    { repeatCell: { range: grid(1, 2), cell: { userEnteredFormat: { backgroundColor: { red: 0, green: 0, blue: 0 }, horizontalAlignment: "CENTER",
      textFormat: { foregroundColor: { red: 1, green: 1, blue: 1 }, fontSize: 12, bold: true } } },
    fields: "userEnteredFormat(backgroundColor,textFormat,horizontalAlignment)" } },
    { updateSheetProperties: { properties: { sheetId: 0, gridProperties: { frozenRowCount: 1 } }, fields: "gridProperties.frozenRowCount" } },
    { repeatCell: { range: grid(3, 1, { startRowIndex: 1 }), cell: { userEnteredFormat: { numberFormat: { type: "DATE", pattern: "hh:mm:ss am/pm, ddd mmm dd yyyy" } } }, fields: "userEnteredFormat.numberFormat" } },
    { repeatCell: { range: grid(3, 2, { startRowIndex: 1, startColumnIndex: 1 }), cell: { userEnteredFormat: { numberFormat: { type: "NUMBER", pattern: "#,##0.0000" } } }, fields: "userEnteredFormat.numberFormat" } },
    { mergeCells: { range: grid(6, 2, { startRowIndex: 4 }), mergeType: "MERGE_ALL" } },
    { updateBorders: { range: grid(3, 2), top: { style: "DASHED", width: 1, color: { blue: 1 } }, innerHorizontal: { style: "DASHED", width: 1, color: { blue: 1 } } } });
  checks.same("numbers and dates show as formatted", await read(spreadsheetId, "A2:B3"),
    [["12:00:00 AM, Thu Mar 10 2016", "3.5000"], ["12:00:00 AM, Fri Mar 11 2016", "1,234.5000"]]);
  const { data } = await api.get({ spreadsheetId, ranges: ["A1"], fields: "sheets(properties.gridProperties.frozenRowCount,merges,data.rowData.values.userEnteredFormat(textFormat.bold,borders.top.style))" });
  const [sheet] = data.sheets;
  checks.same("a header is bold, frozen and bordered", [sheet.properties.gridProperties.frozenRowCount, sheet.data[0].rowData[0].values[0].userEnteredFormat],
    [1, { textFormat: { bold: true }, borders: { top: { style: "DASHED" } } }]);
  checks.same("cells are merged", sheet.merges, [{ startRowIndex: 4, endRowIndex: 6, startColumnIndex: 0, endColumnIndex: 2 }]);
}

async function rowsAndColumnsRun() {
  const spreadsheetId = await fresh("rows", ["a", "b"], ["1", "2"], ["3", "4"]);
  await batch(spreadsheetId, { appendDimension: { sheetId: 0, dimension: "ROWS", length: 3 } }, { appendDimension: { sheetId: 0, dimension: "COLUMNS", length: 1 } },
    { updateDimensionProperties: { range: { sheetId: 0, dimension: "COLUMNS", startIndex: 0, endIndex: 1 }, properties: { pixelSize: 160 }, fields: "pixelSize" } },
    { autoResizeDimensions: { dimensions: { sheetId: 0, dimension: "COLUMNS", startIndex: 1, endIndex: 2 } } },
    { insertDimension: { range: { sheetId: 0, dimension: "COLUMNS", startIndex: 0, endIndex: 2 }, inheritFromBefore: false } },
    { moveDimension: { source: { sheetId: 0, dimension: "COLUMNS", startIndex: 0, endIndex: 1 }, destinationIndex: 3 } },
    { deleteDimension: { range: { sheetId: 0, dimension: "ROWS", startIndex: 1, endIndex: 2 } } });
  checks.same("columns are inserted and moved, a row is deleted", await read(spreadsheetId, "A1:D3"), [["", "a", "", "b"], ["", "3", "", "4"]]);
  const { data } = await api.get({ spreadsheetId, includeGridData: true, ranges: ["A1:C1"] });
  const [sheet] = data.sheets;
  checks.same("the grid has grown and shrunk", [sheet.properties.gridProperties.rowCount, sheet.properties.gridProperties.columnCount], [1002, 29]);
  checks.same("a width moves with its column", sheet.data[0].columnMetadata[1].pixelSize, 160);
}

async function dataOperationsRun() {
  const spreadsheetId = await fresh("data", ["Item", "Cost", "Stocked"], ["Wheel", "$20.50", "4"], ["Door", "$15", "2"], ["Engine", "$100", "1"], ["Door", "$15", "2"]);
  let [reply] = await batch(spreadsheetId, { deleteDuplicates: { range: grid(5, 3, { startRowIndex: 1 }), comparisonColumns: [{ sheetId: 0, dimension: "COLUMNS", startIndex: 0, endIndex: 1 }] } });
  checks.same("duplicates are counted", reply.deleteDuplicates, { duplicatesRemovedCount: 1 });
  await batch(spreadsheetId, { sortRange: { range: grid(4, 3, { startRowIndex: 1 }), sortSpecs: [{ dimensionIndex: 1, sortOrder: "DESCENDING" }] } });
  checks.same("rows are sorted by their numbers", await read(spreadsheetId, "A2:B4"), [["Engine", "$100"], ["Wheel", "$20.50"], ["Door", "$15"]]);
  [reply] = await batch(spreadsheetId, { findReplace: { find: "o", replacement: "0", allSheets: true } });
  checks.same("replacements are counted", reply.findReplace, { valuesChanged: 3, rowsChanged: 2, sheetsChanged: 1, occurrencesChanged: 4 });
  await batch(spreadsheetId, { copyPaste: { source: grid(4, 1), destination: { ...grid(4, 5), startColumnIndex: 4 }, pasteType: "PASTE_VALUES" } },
    { cutPaste: { source: grid(1, 1), destination: { sheetId: 0, rowIndex: 6, columnIndex: 0 }, pasteType: "PASTE_NORMAL" } },
    { setDataValidation: { range: grid(10, 1), rule: { condition: { type: "NUMBER_GREATER", values: [{ userEnteredValue: "5" }] }, inputMessage: "Value must be > 5", strict: true } } });
  checks.same("cells are copied and cut", [await read(spreadsheetId, "A7"), await read(spreadsheetId, "E1")], [[["Item"]], [["Item"]]]);
}

async function filtersNamesAndProtectionsRun() {
  const spreadsheetId = await fresh("filters", ["Name", "Kind"], ["Panel", "x"], ["Crate", "y"]);
  const replies = await batch(spreadsheetId,
    { setBasicFilter: { filter: { range: grid(3, 2), sortSpecs: [{ dimensionIndex: 0, sortOrder: "ASCENDING" }], criteria: { 1: { hiddenValues: ["x"] } } } } },
    { addFilterView: { filter: { title: "Sample Filter", range: grid(3, 2), criteria: { 0: { hiddenValues: ["Panel"] } } } } },
    { addNamedRange: { namedRange: { name: "Counts", range: grid(3, 2) } } },
    { addProtectedRange: { protectedRange: { range: grid(1, 2), description: "Protecting total row", warningOnly: true } } });
  const [, view, name, protection] = replies;
  checks.same("each has its id", [typeof view.addFilterView.filter.filterViewId, typeof name.addNamedRange.namedRange.namedRangeId, typeof protection.addProtectedRange.protectedRange.protectedRangeId],
    ["number", "string", "number"]);
  checks.same("a name is a range", await read(spreadsheetId, "Counts"), [["Name", "Kind"], ["Crate", "y"], ["Panel", "x"]]);
  const { filterViewId } = view.addFilterView.filter;
  const [copy] = await batch(spreadsheetId, { duplicateFilterView: { filterId: filterViewId } });
  checks.same("a copy of a filter view is another", copy.duplicateFilterView.filter.filterViewId === filterViewId, false);
  await batch(spreadsheetId, { updateNamedRange: { namedRange: { namedRangeId: name.addNamedRange.namedRange.namedRangeId, name: "Sums", range: grid(1, 1) }, fields: "*" } });
  checks.same("a name is changed and moved", await read(spreadsheetId, "Sums"), [["Name"]]);
  await batch(spreadsheetId, { deleteNamedRange: { namedRangeId: name.addNamedRange.namedRange.namedRangeId } },
    { deleteProtectedRange: { protectedRangeId: protection.addProtectedRange.protectedRange.protectedRangeId } },
    { deleteFilterView: { filterId: filterViewId } }, { clearBasicFilter: { sheetId: 0 } });
  await checks.refused("a name that is gone", () => read(spreadsheetId, "Sums"), "400", "Unable to parse range: Sums");
}

async function conditionalFormattingAndChartsRun() {
  const spreadsheetId = await fresh("rules", ["Model", "Sales"], ["D-01X", "68"], ["FR-0B1", "74"]);
  const ranges = [grid(3, 2, { startColumnIndex: 1 })];
  await batch(spreadsheetId,
    { addConditionalFormatRule: { index: 0, rule: { ranges, gradientRule: { minpoint: { color: { green: 0.2, red: 0.8 }, type: "MIN" }, maxpoint: { color: { green: 0.9 }, type: "MAX" } } } } },
    { addConditionalFormatRule: { index: 0, rule: { ranges, booleanRule: { condition: { type: "CUSTOM_FORMULA", values: [{ userEnteredValue: "=GT($B2,70)" }] }, format: { textFormat: { italic: true } } } } } },
    { updateConditionalFormatRule: { sheetId: 0, index: 1, newIndex: 0 } });
  const { data } = await api.get({ spreadsheetId, fields: "sheets.conditionalFormats" });
  checks.same("rules are kept in their order", data.sheets[0].conditionalFormats.map((rule) => Object.keys(rule)[1]), ["gradientRule", "booleanRule"]);
  const [reply] = await batch(spreadsheetId, { addChart: { chart: { spec: { title: "Model Q1 Sales", basicChart: { chartType: "COLUMN", legendPosition: "BOTTOM_LEGEND",
    domains: [{ domain: { sourceRange: { sources: [grid(3, 1)] } } }], series: [{ series: { sourceRange: { sources: ranges } }, targetAxis: "LEFT_AXIS" }], headerCount: 1 } },
  position: { newSheet: false, overlayPosition: { anchorCell: { sheetId: 0, rowIndex: 4, columnIndex: 0 } } } } } });
  const { chartId } = reply.addChart.chart;
  checks.same("a chart has its id", typeof chartId, "number");
  await batch(spreadsheetId, { deleteEmbeddedObject: { objectId: chartId } }, { deleteConditionalFormatRule: { sheetId: 0, index: 0 } });
}

async function metadataAndCopiesRun() {
  const spreadsheetId = await fresh("marks", ["a"], ["b"], ["c"]);
  const lookup = { developerMetadataLookup: { metadataKey: "Sales" } };
  await batch(spreadsheetId, { createDeveloperMetadata: { developerMetadata: { metadataKey: "Sales", metadataValue: "2022", visibility: "DOCUMENT",
    location: { dimensionRange: { sheetId: 0, dimension: "ROWS", startIndex: 1, endIndex: 2 } } } } });
  const { data: values } = await api.values.batchGetByDataFilter({ spreadsheetId, requestBody: { dataFilters: [lookup] } });
  checks.same("values are read by metadata", values.valueRanges[0].valueRange, { range: "Sheet1!A2:Z2", majorDimension: "ROWS", values: [["b"]] });
  await api.values.batchUpdateByDataFilter({ spreadsheetId, requestBody: { valueInputOption: "RAW", data: [{ dataFilter: lookup, majorDimension: "ROWS", values: [["bb"]] }] } });
  const { data: cells } = await api.getByDataFilter({ spreadsheetId, requestBody: { dataFilters: [lookup], includeGridData: true } });
  checks.same("and written, and read as cells", cells.sheets[0].data[0].rowData[0].values[0].formattedValue, "bb");
  const { data: cleared } = await api.values.batchClearByDataFilter({ spreadsheetId, requestBody: { dataFilters: [lookup] } });
  checks.same("and cleared", cleared.clearedRanges, ["Sheet1!A2:Z2"]);
  const { data: found } = await api.developerMetadata.search({ spreadsheetId, requestBody: { dataFilters: [lookup] } });
  const { metadataId } = found.matchedDeveloperMetadata[0].developerMetadata;
  checks.same("metadata is had by its id", (await api.developerMetadata.get({ spreadsheetId, metadataId })).data.metadataValue, "2022");
  const other = await fresh("other");
  const { data: copy } = await api.sheets.copyTo({ spreadsheetId, sheetId: 0, requestBody: { destinationSpreadsheetId: other } });
  checks.same("a sheet is copied", [copy.title, await read(other, `'${copy.title}'!A1:A3`)], ["Copy of Sheet1", [["a"], [], ["c"]]]);
}

async function quotasAndFaultsAreSurvived() {
  const spreadsheetId = await fresh("faults", ["a"]);
  const fault = (...faults) => fetch(`${url}/_emulator/faults`, { method: "POST", body: JSON.stringify(faults) });
  await fault({ on: "reads", do: "fail", status: 429 });
  checks.same("the client tries a read again after a 429", await read(spreadsheetId, "A1"), [["a"]]);
  await fault({ on: "reads", do: "fail", status: 503, times: 2 });
  checks.same("and after two 503s", await read(spreadsheetId, "A1"), [["a"]]);
  await fault({ on: "writes", do: "fail", status: 429 });
  await checks.refused("it does not try a batch again by itself", () => batch(spreadsheetId, { addSheet: {} }), "429");
  await fault();
}

for (const part of [theQuickstartRuns, valuesAreReadAndWritten, basicFormattingRuns, rowsAndColumnsRun, dataOperationsRun,
  filtersNamesAndProtectionsRun, conditionalFormattingAndChartsRun, metadataAndCopiesRun, quotasAndFaultsAreSurvived]) {
  await checks.part(part.name, part);
}
checks.end();
