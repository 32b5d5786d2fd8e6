// google-spreadsheet (Node) against the emulator: what its README and its documentation show.
//
//     node google_spreadsheet_checks.mjs URL KEY.json

import { GoogleSpreadsheet } from "google-spreadsheet";
import { Checks } from "./checks.mjs";
import { lead, login } from "./emulated.mjs";

const [url, key] = process.argv.slice(2);
const checks = new Checks("google-spreadsheet");
lead(url);
const auth = login(key);

async function documentsAreMadeAndLoaded(doc) {
  checks.same("a new document has its title", doc.title, "documentsAreMadeAndLoaded");
  const again = new GoogleSpreadsheet(doc.spreadsheetId, auth);
  await again.loadInfo();
  checks.same("it loads by its id", [again.title, again.sheetCount], [doc.title, 1]);
  checks.same("its first sheet is Google's", [again.sheetsByIndex[0].title, again.sheetsByIndex[0].rowCount], ["Sheet1", 1000]);
  await again.updateProperties({ title: "renamed", timeZone: "Europe/Berlin" });
  checks.same("it is renamed", [again.title, again.timeZone], ["renamed", "Europe/Berlin"]);
}

async function sheetsComeAndGo(doc) {
  const sheet = await doc.addSheet({ title: "people", headerValues: ["name", "age"] });
  checks.same("a sheet is added", doc.sheetsByTitle.people.sheetId, sheet.sheetId);
  await sheet.updateProperties({ title: "folk" });
  checks.same("it is renamed", doc.sheetsByTitle.folk?.sheetId, sheet.sheetId);
  await sheet.resize({ rowCount: 50, columnCount: 10 });
  checks.same("it is resized", [sheet.rowCount, sheet.columnCount], [50, 10]);
  await sheet.setHeaderRow(["x", "y"]);
  await sheet.loadHeaderRow();
  checks.same("its header is set", sheet.headerValues, ["x", "y"]);
  await sheet.updateGridProperties({ frozenRowCount: 1 });
  checks.same("its header is frozen", sheet.gridProperties.frozenRowCount, 1);
  await sheet.duplicate({ title: "twin" });
  checks.same("it is duplicated", Object.keys(doc.sheetsByTitle).sort(), ["Sheet1", "folk", "twin"]);
  if (await checks.doneOrSaid("it is copied to another document", () => sheet.copyToSpreadsheet(doc.spreadsheetId))) {
    await doc.loadInfo();
    checks.same("the copy is there", doc.sheetCount, 4);
  }
  await sheet.delete();
  await doc.loadInfo();
  checks.same("it is deleted", doc.sheetsByTitle.folk, undefined);
}

async function rowsAreObjects(doc) {
  const sheet = await doc.addSheet({ title: "rows", headerValues: ["name", "age"] });
  const ada = await sheet.addRow({ name: "Ada", age: 1 });
  checks.same("a row knows its number", ada.rowNumber, 2);
  const more = await sheet.addRows([{ name: "Bob", age: 2 }, ["Cyd", "=1+2"]]);
  checks.same("more rows know theirs", more.map((row) => row.rowNumber), [3, 4]);
  checks.same("a formula is worked out", more[1].get("age"), "3");
  const rows = await sheet.getRows();
  checks.same("rows are read", rows.map((row) => row.toObject()), [
    { name: "Ada", age: "1" }, { name: "Bob", age: "2" }, { name: "Cyd", age: "3" }]);
  const some = await sheet.getRows({ offset: 1, limit: 1 });
  checks.same("some rows are read", some.map((row) => row.get("name")), ["Bob"]);
  rows[0].set("age", 10);
  await rows[0].save();
  rows[2].assign({ name: "Cyd", age: 30 });
  await rows[2].save();
  checks.same("rows are saved", (await sheet.getRows()).map((row) => row.get("age")), ["10", "2", "30"]);
  await rows[1].delete();
  checks.same("a row is deleted", (await sheet.getRows()).map((row) => row.get("name")), ["Ada", "Cyd"]);
  await sheet.addRow({ name: "0042", age: "=x" }, { raw: true });
  checks.same("a raw row stays what it is", (await sheet.getRows())[2].toObject(), { name: "0042", age: "=x" });
  await sheet.addRow({ name: "Eve" }, { insert: true });
  checks.same("a row is inserted", (await sheet.getRows())[3].get("name"), "Eve");
  await sheet.clearRows();
  checks.same("rows are cleared", (await sheet.getRows()).length, 0);
  await sheet.clear();
  await checks.refused("a cleared sheet has no header", () => sheet.loadHeaderRow(), "header");
}

async function cellsAreLoadedAndSaved(doc) {
  const sheet = doc.sheetsByIndex[0];
  await sheet.loadCells("A1:C3");
  checks.same("cells are counted", sheet.cellStats.loaded, 9);
  sheet.getCell(0, 0).value = 10;
  sheet.getCellByA1("A2").value = "text";
  sheet.getCellByA1("A3").value = true;
  sheet.getCellByA1("B1").formula = "=A1*2";
  await sheet.saveUpdatedCells();
  checks.same("a formula has its value", sheet.getCellByA1("B1").value, 20);
  sheet.resetLocalCache(true);
  await sheet.loadCells({ startRowIndex: 0, endRowIndex: 3, startColumnIndex: 0, endColumnIndex: 2 });
  const values = ["A1", "A2", "A3", "B1"].map((at) => sheet.getCellByA1(at).value);
  checks.same("values keep their types", values, [10, "text", true, 20]);
  checks.same("a formula keeps its text", sheet.getCellByA1("B1").formula, "=A1*2");
  const cell = sheet.getCellByA1("A1");
  cell.note = "a note";
  cell.textFormat = { bold: true };
  cell.numberFormat = { type: "NUMBER", pattern: "0.00" };
  cell.backgroundColor = { red: 1 };
  await sheet.saveUpdatedCells();
  sheet.resetLocalCache(true);
  await sheet.loadCells(["A1", "B1:B2"]);
  const shown = sheet.getCellByA1("A1");
  checks.same("a note is kept", shown.note, "a note");
  checks.same("a format is kept", [shown.textFormat.bold, shown.backgroundColor.red], [true, 1]);
  checks.same("a number format shows", shown.formattedValue, "10.00");
  shown.value = "=1/0";
  shown.clearAllFormatting();
  await sheet.saveUpdatedCells();
  checks.same("an error is one", sheet.getCellByA1("A1").errorValue?.type, "DIVIDE_BY_ZERO");
  checks.same("cells in a range are read", await sheet.getCellsInRange("A2:A3"), [["text"], ["TRUE"]]);
}

async function requestsOfSheetsWork(doc) {
  const sheet = doc.sheetsByIndex[0];
  const range = (rows, columns) => ({ sheetId: sheet.sheetId, startRowIndex: 0, endRowIndex: rows, startColumnIndex: 0, endColumnIndex: columns });
  const column = async () => ((await sheet.getCellsInRange("A1:A9")) ?? []).flat();
  await sheet.setHeaderRow(["c"]);
  await sheet.addRows([["b"], ["a"], ["a"]]);
  await sheet.insertDimension("ROWS", { startIndex: 1, endIndex: 2 }, false);
  checks.same("a row is inserted", await column(), ["c", "b", "a", "a"]);
  await sheet.deleteRows(1, 2);
  await sheet.deleteColumns(5, 6);
  checks.same("a column is deleted", (await doc.loadInfo(), doc.sheetsByIndex[0].columnCount), 25);
  await sheet.sortRange(range(4, 1), [{ dimensionIndex: 0, sortOrder: "ASCENDING" }]);
  checks.same("rows are sorted", await column(), ["a", "a", "b", "c"]);
  await sheet.deleteDuplicates(range(4, 1), []);
  checks.same("duplicates are deleted", await column(), ["a", "b", "c"]);
  await sheet.findReplace("b", "z", {}, range(4, 1));
  checks.same("a text is replaced", await column(), ["a", "z", "c"]);
  await sheet.copyPaste(range(3, 1), { ...range(3, 2), startColumnIndex: 1 });
  checks.same("cells are copied", await sheet.getCellsInRange("B1:B3"), [["a"], ["z"], ["c"]]);
  await sheet.mergeCells({ ...range(1, 2) });
  await sheet.unmergeCells({ ...range(1, 2) });
  await sheet.setDataValidation(range(3, 1), { condition: { type: "ONE_OF_LIST", values: [{ userEnteredValue: "a" }] }, strict: true });
  await sheet.setDataValidation(range(3, 1), false);
  await sheet.setBasicFilter({ range: range(3, 2) });
  await sheet.clearBasicFilter();
  await sheet.addNamedRange("corner", range(1, 1), "corner-id");
  await sheet.updateNamedRange("corner-id", { name: "edge" }, "name");
  await sheet.deleteNamedRange("corner-id");
  await sheet.appendDimension("ROWS", 5);
  await sheet.updateDimensionProperties("COLUMNS", { pixelSize: 120 }, { startIndex: 0, endIndex: 2 });
  await sheet.addProtectedRange({ range: range(1, 1), description: "hands off" });
  await doc.loadInfo();
  checks.same("all of these leave the sheet as it should be", [doc.sheetsByIndex[0].rowCount, doc.sheetsByIndex[0].protectedRanges?.length], [1005, 1]);
  for (const [name, call] of [
    ["borders", () => sheet.updateBorders(range(1, 1), { top: { style: "SOLID" } })],
    ["a conditional format", () => sheet.addConditionalFormatRule({ ranges: [range(2, 1)], booleanRule: {
      condition: { type: "NOT_BLANK" }, format: { textFormat: { bold: true } } } }, 0)],
    ["banding", () => sheet.addBanding({ range: range(2, 1), rowProperties: { firstBandColor: { red: 1 }, secondBandColor: {} } })],
    ["a filter view", () => sheet.addFilterView({ title: "mine", range: range(2, 1) })],
    ["trimmed texts", () => sheet.trimWhitespace(range(2, 1))],
    ["texts split into columns", () => sheet.textToColumns(range(2, 1), "COMMA")],
    ["moved cells", () => sheet.cutPaste(range(1, 1), { sheetId: sheet.sheetId, rowIndex: 8, columnIndex: 8 })],
  ]) {
    await checks.doneOrSaid(name, call);
  }
}

async function mistakesAreAnsweredAsGoogleDoes(doc) {
  const nowhere = new GoogleSpreadsheet("nowhere", auth);
  await checks.refused("a document that is not there", () => nowhere.loadInfo(), "404", "Requested entity was not found.");
  await checks.refused("a taken title", () => doc.addSheet({ title: "Sheet1" }), "400", "already exists");
  await checks.refused("the last sheet", () => doc.sheetsByIndex[0].delete(), "400");
  const madeUp = new GoogleSpreadsheet(doc.spreadsheetId, { token: "made-up" });
  await checks.refused("a token that is made up", () => madeUp.loadInfo(), "401");
  const gone = await GoogleSpreadsheet.createNewSpreadsheetDocument(auth, { title: "soon gone" });
  await gone.delete();
  const again = new GoogleSpreadsheet(gone.spreadsheetId ?? "nowhere", auth);
  await checks.refused("a document that was deleted", () => again.loadInfo(), "404");
}

for (const part of [documentsAreMadeAndLoaded, sheetsComeAndGo, rowsAreObjects, cellsAreLoadedAndSaved,
  requestsOfSheetsWork, mistakesAreAnsweredAsGoogleDoes]) {
  await checks.part(part.name, async () => {
    const doc = await GoogleSpreadsheet.createNewSpreadsheetDocument(auth, { title: part.name });
    await part(doc);
    await doc.delete();
  });
}
checks.end();
