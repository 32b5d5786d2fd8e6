// google-spreadsheet (Node) against the emulator: what the reference of its classes and its own tests ask for.
//
//     node google_spreadsheet_class_checks.mjs URL KEY.json

import { GoogleSpreadsheet } from "google-spreadsheet";
import { Checks } from "./checks.mjs";
import { lead, login } from "./emulated.mjs";

const [url, key] = process.argv.slice(2);
const checks = new Checks("google-spreadsheet");
lead(url);
const auth = login(key);

const box = (startRowIndex, endRowIndex, startColumnIndex, endColumnIndex) =>
  ({ startRowIndex, endRowIndex, startColumnIndex, endColumnIndex });
const column = async (sheet, name) => (await sheet.getRows()).map((row) => row.get(name));

async function theReadmesExamplesRun(made) {
  const doc = new GoogleSpreadsheet(made.spreadsheetId, auth);
  await doc.loadInfo();
  await doc.updateProperties({ title: "renamed doc" });
  checks.same("a document is renamed", doc.title, "renamed doc");
  const another = await doc.addSheet({ title: "another sheet" });
  await another.delete();
  checks.same("a sheet comes and goes", doc.sheetCount, 1);
  const sheet = await doc.addSheet({ headerValues: ["name", "email"] });
  checks.same("a sheet without a title has Google's", sheet.title, "Sheet2");
  const larry = await sheet.addRow({ name: "Larry Page", email: "larry@google.com" });
  checks.same("a row is appended", larry.get("name"), "Larry Page");
  await sheet.addRows([{ name: "Sergey Brin", email: "sergey@google.com" }, { name: "Eric Schmidt", email: "eric@google.com" }]);
  const rows = await sheet.getRows();
  rows[1].set("email", "sergey@abc.xyz");
  rows[2].assign({ name: "Sundar Pichai", email: "sundar@google.com" });
  await rows[2].save();
  checks.same("a row is saved", (await sheet.getRows())[2].get("name"), "Sundar Pichai");
  await rows[2].delete();
  checks.same("a row is deleted", await column(sheet, "name"), ["Larry Page", "Sergey Brin"]);
  await sheet.loadCells("A1:E10");
  checks.same("cells are counted", sheet.cellStats, { nonEmpty: 6, loaded: 50, total: 26000 });
  const [a1, c6] = [sheet.getCell(0, 0), sheet.getCellByA1("C6")];
  a1.value = 123.456;
  c6.formula = "=A1";
  a1.textFormat = { bold: true };
  c6.note = "This is a note!";
  await sheet.saveUpdatedCells();
  checks.same("cells are saved in one call", [a1.value, a1.formattedValue, c6.value, c6.note], [123.456, "123.456", 123.456, "This is a note!"]);
}

async function documentsAreShared(doc) {
  await doc.share("someone.else@example.com");
  await doc.share("mycorp.com");
  await doc.share("team@example.com", { isGroup: true, role: "commenter", emailMessage: false });
  await doc.setPublicAccessLevel("reader");
  const shown = (all) => all.map((each) => [each.type, each.role, each.emailAddress ?? each.domain]).filter((each) => each[1] !== "owner").sort();
  checks.same("it is shared with a person, a domain, a group and all", shown(await doc.listPermissions()), [
    ["anyone", "reader", undefined], ["domain", "writer", "mycorp.com"],
    ["group", "commenter", "team@example.com"], ["user", "writer", "someone.else@example.com"]]);
  const anybody = new GoogleSpreadsheet(doc.spreadsheetId, { apiKey: "any" });
  await anybody.loadInfo();
  checks.same("an API key reads what is shared with all", anybody.title, doc.title);
  await anybody.sheetsByIndex[0].loadCells("A1:B2");
  checks.same("and its cells", anybody.sheetsByIndex[0].cellStats.loaded, 4);
  await checks.refused("an API key does not write", () => anybody.updateProperties({ title: "mine" }), "401");
  await doc.setPublicAccessLevel(false);
  checks.same("it is public no more", (await doc.listPermissions()).length, 4);
  await checks.refused("nor does the key read it", () => anybody.loadInfo(), "403");
  const permission = (await doc.listPermissions())[1];
  await doc.deletePermission(permission.id);
  checks.same("a permission is taken back", (await doc.listPermissions()).length, 3);
}

async function cellsAreLoadedByEveryFilter(doc) {
  const sheet = await doc.addSheet({ title: "ten", gridProperties: { rowCount: 10, columnCount: 10 }, headerValues: ["one", "two", "three"] });
  const loads = async (name, filters, nonEmpty, loaded) => {
    sheet.resetLocalCache(true);
    await sheet.loadCells(filters);
    checks.same(`cells are loaded by ${name}`, [sheet.cellStats.nonEmpty, sheet.cellStats.loaded], [nonEmpty, loaded]);
  };
  await loads("nothing", undefined, 3, 100);
  await loads("a range", "B1:D3", 2, 9);
  await loads("two ranges", ["A1:A3", "C1:C3"], 2, 6);
  await loads("a range and a grid range", ["A1:A3", box(0, 3, 2, 5)], 2, 12);
  await loads("a range that ends beyond the grid", "A10:B11", 0, 2);
  await loads("a grid range without its ends", { startRowIndex: 5 }, 0, 50);
  await loads("a whole column", "B:B", 1, 10);
  for (const [name, filter] of [["that is none", "NOT-A-RANGE"], ["that begins beyond the grid", "A20:B21"]]) {
    await checks.refused(`a range ${name}`, () => sheet.loadCells(filter), "400");
  }
  await checks.refused("a grid range of another sheet", () => sheet.loadCells({ sheetId: "0" }));
  await checks.refused("a grid range beyond the grid", () => sheet.loadCells({ startRowIndex: 20 }), "400");
  await doc.loadCells(["ten!A1:B1", "Sheet1!A1"]);
  checks.same("a document loads cells of several sheets", [sheet.getCell(0, 1).value, doc.sheetsByIndex[0].cellStats.loaded], ["two", 1]);
}

async function cellsHaveTypesAndLooks(doc) {
  const sheet = doc.sheetsByIndex[0];
  const reload = async (at) => {
    sheet.resetLocalCache(true);
    await sheet.loadCells(at);
    return sheet.getCellByA1(at);
  };
  for (const [value, type] of [["text", "stringValue"], [123.45, "numberValue"], [true, "boolValue"], ["=123", "numberValue"],
    ["=TRUE", "boolValue"], ['="ASDF"', "stringValue"], ["=BADFORMULA", "errorValue"]]) {
    const cell = await reload("A1");
    cell.value = value;
    await sheet.saveUpdatedCells();
    checks.same(`${value} is a ${type}`, cell.valueType, type);
  }
  for (const nothing of [null, undefined, ""]) {
    const cell = await reload("A1");
    cell.value = "something";
    await sheet.saveUpdatedCells();
    cell.value = nothing;
    await cell.save();
    checks.same(`${nothing === "" ? "an empty text" : nothing} clears a cell`, (await reload("A1")).value, null);
  }
  for (const [member, look] of [
    ["backgroundColorStyle", { rgbColor: { green: 1, blue: 1 } }], ["textFormat", { italic: true, fontSize: 14 }],
    ["numberFormat", { type: "CURRENCY", pattern: "$#,##0.00" }], ["horizontalAlignment", "CENTER"], ["verticalAlignment", "MIDDLE"],
    ["wrapStrategy", "WRAP"], ["textRotation", { angle: 45 }], ["padding", { top: 10, right: 5, bottom: 10, left: 5 }],
    ["textDirection", "RIGHT_TO_LEFT"], ["hyperlinkDisplayType", "PLAIN_TEXT"]]) {
    const cell = await reload("B2");
    cell[member] = look;
    await sheet.saveUpdatedCells();
    checks.same(`${member} is kept`, (await reload("B2"))[member], look);
  }
  const cell = await reload("B2");
  checks.same("an effective format has what was never set", typeof cell.effectiveFormat?.textFormat?.fontFamily, "string");
  cell.clearAllFormatting();
  await sheet.saveUpdatedCells();
  checks.same("all formatting is cleared", (await reload("B2")).userEnteredFormat, undefined);
  const link = await reload("F1");
  link.formula = '=HYPERLINK("https://example.com", "Example")';
  await sheet.saveUpdatedCells();
  const linked = await reload("F1");
  checks.same("a link is read", [linked.hyperlink, linked.value], ["https://example.com", "Example"]);
}

async function headersAndRowsAreAsTheyShouldBe(doc) {
  const sheet = await doc.addSheet({ title: "Spécial CнArs", gridProperties: { rowCount: 15 }, headerValues: ["numbers", "letters", "", "col1", "col2", "col3"] });
  await sheet.addRows([["0", "A"], ["1", "B"], ["2", "C"], ["3", "D"], ["4", "E"]]);
  const numbers = async (options) => (await sheet.getRows(options)).map((row) => row.get("numbers"));
  checks.same("rows are left out at the beginning", await numbers({ offset: 2 }), ["2", "3", "4"]);
  checks.same("and at the end", await numbers({ limit: 3 }), ["0", "1", "2"]);
  checks.same("and at both", await numbers({ offset: 2, limit: 2 }), ["2", "3"]);
  await sheet.addRows([{ numbers: "101" }], { insert: true });
  checks.same("an inserted row makes the sheet longer", sheet.rowCount, 16);
  const many = await sheet.addRows(Array.from({ length: 15 }, () => ({ numbers: "999" })));
  const told = sheet.rowCount;
  await doc.loadInfo();
  checks.same("rows that don't fit make it longer too", [sheet.rowCount, many.at(-1).rowNumber], [told, told]);
  checks.same("true is typed", (await sheet.addRow({ col1: "true" })).get("col1"), "TRUE");
  checks.same("true is kept raw", (await sheet.addRow({ col1: "true" }, { raw: true })).get("col1"), "true");
  const [row] = await sheet.getRows();
  for (const value of ["new\n\nlines\n", "∑πécial <> chårs = !\t"]) {
    row.set("col1", value);
    await row.save();
    checks.same(`${JSON.stringify(value)} arrives`, (await column(sheet, "col1"))[0], value);
  }
  row.assign({ col1: 1, col2: 2, col3: "=D2+E2" });
  await row.save();
  checks.same("a row's formula is worked out", row.get("col3"), "3");
  await sheet.setHeaderRow(["new1", "new2"]);
  sheet.resetLocalCache(true);
  await sheet.loadHeaderRow();
  checks.same("a shorter header clears the rest of its row", sheet.headerValues, ["new1", "new2"]);
  await checks.refused("a header twice the same", () => sheet.setHeaderRow(["a", "a"]), "Duplicate");
  const third = await doc.addSheet({ title: "third", headerValues: ["a", "b"], headerRowIndex: 3 });
  await third.addRows([{ a: "a1", b: "b1" }, { a: "a2", b: "b2" }]);
  checks.same("a header may stand in the third row", [await column(third, "a"), (await third.getRows())[0].rowNumber], [["a1", "a2"], 4]);
  await third.clearRows();
  checks.same("and stays when rows are cleared", await third.getCellsInRange("A3:B9"), [["a", "b"]]);
}

async function cellsAreMerged(doc) {
  const sheet = await doc.addSheet({ title: "merged", headerValues: ["n", "l"] });
  await sheet.addRows(Array.from({ length: 8 }, (_, number) => [String(number), "ABCDEFGH"[number]]));
  await sheet.mergeCells(box(1, 3, 0, 2));
  await sheet.mergeCells(box(3, 5, 0, 2), "MERGE_COLUMNS");
  await sheet.mergeCells(box(5, 7, 0, 2), "MERGE_ROWS");
  const kept = (await sheet.getRows()).map((row) => [row.get("n"), row.get("l")]);
  checks.same("merges keep the first value of each", kept, [["0", ""], ["", ""], ["2", "C"], ["", ""], ["4", ""], ["5", ""], ["6", "G"], ["7", "H"]]);
  const rows = await sheet.getRows();
  rows[4].set("l", "Z");
  await rows[4].save();
  checks.same("what a merge covers takes no value", [rows[4].get("l"), (await column(sheet, "l"))[4]], ["", ""]);
  await sheet.unmergeCells(box(5, 6, 0, 2));
  rows[4].set("l", "Z");
  await rows[4].save();
  checks.same("and does when it is taken apart", (await column(sheet, "l"))[4], "Z");
}

async function cellsAreMovedAndFilled(doc) {
  const fresh = async (title, rows) => {
    const sheet = await doc.addSheet({ title, headerValues: ["a", "b", "c"], gridProperties: { rowCount: 12, columnCount: 6 } });
    if (rows.length > 0) await sheet.addRows(rows);
    return sheet;
  };
  const three = [["1", "2", "3"], ["4", "5", "6"], ["7", "8", "9"]];
  let sheet = await fresh("repeat", []);
  await sheet.repeatCell(box(1, 4, 0, 2), { userEnteredValue: { stringValue: "x" } }, "userEnteredValue");
  checks.same("cells are repeated", await sheet.getCellsInRange("A2:C5"), [["x", "x"], ["x", "x"], ["x", "x"]]);
  await sheet.appendCells([{ values: [{ userEnteredValue: { numberValue: 5 } }] }], "userEnteredValue");
  checks.same("cells are appended below them", await sheet.getCellsInRange("A5"), [["5"]]);
  checks.same("several ranges are read", await sheet.batchGetCellsInRange(["A1:A2", "C1"]), [[["a"], ["x"]], [["c"]]]);
  sheet = await fresh("paste", []);
  await sheet.pasteData({ rowIndex: 1, columnIndex: 0 }, "v1,v2,v3\nv4,v5,v6", ",");
  checks.same("texts with commas are pasted", await sheet.getCellsInRange("A2:C3"), [["v1", "v2", "v3"], ["v4", "v5", "v6"]]);
  await sheet.pasteData({ rowIndex: 4, columnIndex: 0 }, "t1\tt2\nt3\tt4", "\t", "PASTE_VALUES");
  checks.same("texts with tabs are pasted", await sheet.getCellsInRange("A5:B6"), [["t1", "t2"], ["t3", "t4"]]);
  sheet = await fresh("split", [["a,b,c"], ["d,e,f"]]);
  await sheet.textToColumns(box(1, 3, 0, 1), "COMMA");
  checks.same("texts are split into columns", await sheet.getCellsInRange("A2:C3"), [["a", "b", "c"], ["d", "e", "f"]]);
  sheet = await fresh("delete", three);
  await sheet.deleteRange(box(2, 3, 0, 3), "ROWS");
  checks.same("a range is deleted", await column(sheet, "a"), ["1", "7"]);
  await sheet.insertRange(box(2, 3, 0, 1), "ROWS");
  checks.same("a range is inserted", await sheet.getCellsInRange("A2:B4"), [["1", "2"], ["", "8"], ["7"]]);
  sheet = await fresh("move", three);
  await sheet.moveDimension("ROWS", { startIndex: 1, endIndex: 2 }, 4);
  checks.same("a row is moved", await column(sheet, "a"), ["4", "7", "1"]);
  await sheet.insertDimension("ROWS", { startIndex: 2, endIndex: 4 });
  checks.same("rows are inserted", await sheet.getCellsInRange("A1:A6"), [["a"], ["4"], [], [], ["7"], ["1"]]);
  await sheet.randomizeRange(box(1, 6, 0, 3));
  checks.same("rows are shuffled, and all there", (await sheet.getCellsInRange("A2:A6")).flat().sort(), ["1", "4", "7"]);
  await sheet.sortRange(box(1, 6, 0, 3), [{ dimensionIndex: 0, sortOrder: "DESCENDING" }]);
  checks.same("rows are sorted, the blank ones last", await sheet.getCellsInRange("A2:A6"), [["7"], ["4"], ["1"]]);
  sheet = await fresh("trim", [["  hello  "], [" a   b "]]);
  await sheet.trimWhitespace(box(1, 3, 0, 1));
  checks.same("blanks are trimmed", await column(sheet, "a"), ["hello", "a b"]);
  sheet = await fresh("twice", [["Ada", "1"], ["Bob", "2"], ["Ada", "1"], ["Cyd", "3"]]);
  await sheet.deleteDuplicates(box(1, 5, 0, 2));
  checks.same("duplicates go", await column(sheet, "a"), ["Ada", "Bob", "Cyd"]);
  await sheet.findReplace("Bob", "Rob");
  checks.same("a text is replaced", await column(sheet, "a"), ["Ada", "Rob", "Cyd"]);
  sheet = await fresh("copies", [["1", "2"], ["3", "4"]]);
  await sheet.copyPaste(box(1, 3, 0, 2), box(1, 3, 2, 4));
  checks.same("cells are copied", await sheet.getCellsInRange("A2:D3"), [["1", "2", "1", "2"], ["3", "4", "3", "4"]]);
  await sheet.cutPaste(box(1, 3, 0, 1), { rowIndex: 1, columnIndex: 4 });
  checks.same("cells are cut", await sheet.getCellsInRange("A2:E3"), [["", "2", "1", "2", "1"], ["", "4", "3", "4", "3"]]);
  sheet = await fresh("fill", [["1"], ["2"]]);
  await sheet.autoFill({ source: box(1, 3, 0, 1), dimension: "ROWS", fillLength: 2 });
  checks.same("a series is filled on", await column(sheet, "a"), ["1", "2", "3", "4"]);
  await sheet.autoResizeDimensions("COLUMNS");
  await sheet.autoResizeDimensions("COLUMNS", { startIndex: 0, endIndex: 1 });
  await sheet.updateDimensionProperties("ROWS", { hiddenByUser: true }, { startIndex: 5, endIndex: 7 });
  await sheet.appendDimension("COLUMNS", 3);
  await doc.loadInfo();
  checks.same("columns are appended", doc.sheetsByTitle.fill.columnCount, 9);
}

async function cachesFollowWhatIsDeleted(doc) {
  const sheet = await doc.addSheet({ title: "cached", headerValues: ["a", "b", "c"] });
  await sheet.addRows([1, 2, 3, 4].map((row) => [`r${row}a`, `r${row}b`, `r${row}c`]));
  const rows = await sheet.getRows();
  await sheet.deleteRows(2, 3);
  checks.same("a deleted row says so", rows[1].deleted, true);
  checks.same("those below know their new numbers", rows.slice(2).map((row) => row.rowNumber), [3, 4]);
  await sheet.loadCells("A1:C4");
  const cell = sheet.getCell(2, 2);
  await sheet.deleteRows(1, 2);
  await sheet.deleteColumns(1, 2);
  checks.same("a cell knows its new place", [cell.a1Address, cell.value], ["B2", "r3c"]);
  await checks.refused("a deleted row can't be saved", () => rows[1].save(), "deleted");
  checks.same("the sheet agrees", await sheet.getCellsInRange("A1:C5"), [["a", "c"], ["r3a", "r3c"], ["r4a", "r4c"]]);
}

async function sheetsHaveRulesAndViews(doc) {
  const sheet = await doc.addSheet({ title: "rules", headerValues: ["name", "age"] });
  const { sheetId } = sheet;
  await sheet.addRows([["Alice", 25], ["Bob", 30], ["Charlie", 35]]);
  const range = { sheetId, ...box(0, 4, 0, 2) };
  const { filter } = await sheet.addFilterView({ title: "mine", range });
  checks.same("a filter view is made", typeof filter.filterViewId, "number");
  await sheet.updateFilterView({ filterViewId: filter.filterViewId, title: "yours" }, "title");
  await sheet.duplicateFilterView(filter.filterViewId);
  await sheet.deleteFilterView(filter.filterViewId);
  const rule = (than) => ({ ranges: [range], booleanRule: { condition: { type: "NUMBER_GREATER", values: [{ userEnteredValue: than }] },
    format: { backgroundColorStyle: { rgbColor: { green: 1 } } } } });
  await sheet.addConditionalFormatRule(rule("15"), 0);
  await sheet.updateConditionalFormatRule({ index: 0, rule: rule("25") });
  await sheet.deleteConditionalFormatRule(0);
  const { bandedRange } = await sheet.addBanding({ range, rowProperties: {
    firstBandColorStyle: { rgbColor: { red: 1 } }, secondBandColorStyle: { rgbColor: { blue: 1 } } } });
  checks.same("banding is made", typeof bandedRange.bandedRangeId, "number");
  await sheet.updateBanding({ bandedRangeId: bandedRange.bandedRangeId, rowProperties: {
    firstBandColorStyle: { rgbColor: { green: 1 } }, secondBandColorStyle: { rgbColor: { blue: 1 } } } }, "rowProperties");
  await sheet.deleteBanding(bandedRange.bandedRangeId);
  await sheet.updateBorders(range, { top: { style: "SOLID", width: 1, color: { red: 0, green: 0, blue: 0 } } });
  const { protectedRange } = await sheet.addProtectedRange({ range, description: "hands off", warningOnly: true });
  await sheet.updateProtectedRange(protectedRange.protectedRangeId, { description: "still" });
  await doc.loadInfo();
  checks.same("a protection is changed", sheet.protectedRanges.map((each) => each.description), ["still"]);
  await sheet.deleteProtectedRange(protectedRange.protectedRangeId);
  await sheet.setDataValidation(box(2, 100, 3, 4), { condition: { type: "ONE_OF_LIST", values: [{ userEnteredValue: "YES" }] }, showCustomUi: true, strict: true });
  await sheet.setDataValidation(box(2, 100, 3, 4), false);
  const { namedRange } = await doc.addNamedRange("testRange", range);
  await sheet.updateNamedRange(namedRange.namedRangeId, { name: "other" }, "name");
  await doc.deleteNamedRange(namedRange.namedRangeId);
  await sheet.updateProperties({ tabColorStyle: { rgbColor: { red: 1 } }, hidden: true });
  await doc.loadInfo();
  checks.same("a sheet is coloured and hidden", [doc.sheetsByTitle.rules.tabColor, doc.sheetsByTitle.rules.hidden], [{ red: 1 }, true]);
}

async function marksAreKeptAndFound(doc) {
  const sheet = await doc.addSheet({ title: "marks", headerValues: ["a"] });
  const mark = (metadataKey, metadataValue, location) => sheet.createDeveloperMetadata({ metadataKey, metadataValue, location, visibility: "DOCUMENT" });
  const of = (metadataKey) => ({ developerMetadataLookup: { metadataKey } });
  await mark("team", "blue", { sheetId: sheet.sheetId });
  await sheet.updateDeveloperMetadata([of("team")], { metadataKey: "team", metadataValue: "red" }, "metadataValue");
  const found = await doc.searchDeveloperMetadata([of("team")]);
  checks.same("a mark is made, changed and found", found.map((each) => [each.metadataKey, each.metadataValue]), [["team", "red"]]);
  await mark("row", "1", { dimensionRange: { sheetId: sheet.sheetId, dimension: "ROWS", startIndex: 0, endIndex: 1 } });
  sheet.resetLocalCache(true);
  await sheet.loadCells(of("row"));
  checks.same("cells are loaded by the mark of their row", sheet.getCell(0, 0).value, "a");
  await sheet.deleteDeveloperMetadata(of("row"));
  checks.same("a mark is deleted", await doc.searchDeveloperMetadata([of("row")]), []);
}

async function sheetsAreDownloaded(doc) {
  await doc.loadInfo();
  const sheet = await doc.addSheet({ title: "export", headerValues: ["name", "value"] });
  await sheet.addRows([["Alice", "100"], ["Bob, the 2nd", "200"]]);
  const text = async (buffer) => new TextDecoder().decode(await buffer);
  checks.same("a sheet is downloaded as CSV", await text(sheet.downloadAsCSV()), 'name,value\r\nAlice,100\r\n"Bob, the 2nd",200');
  checks.same("a sheet is downloaded as TSV", await text(sheet.downloadAsTSV()), "name\tvalue\r\nAlice\t100\r\nBob, the 2nd\t200");
  checks.same("a download is a stream on wish", typeof (await sheet.downloadAsCSV(true)).getReader, "function");
  await checks.doneOrSaid("a sheet as PDF", () => sheet.downloadAsPDF());
  await checks.doneOrSaid("a document as XLSX", () => doc.downloadAsXLSX());
  await checks.doneOrSaid("a document as ODS", () => doc.downloadAsODS());
  await checks.doneOrSaid("a document as HTML", () => doc.downloadAsZippedHTML());
}

async function mistakesAreAnsweredAsGoogleDoes(doc) {
  const [sheet] = doc.sheetsByIndex;
  const other = await GoogleSpreadsheet.createNewSpreadsheetDocument(auth, { title: "other" });
  await sheet.copyToSpreadsheet(other.spreadsheetId);
  await other.loadInfo();
  checks.same("a copy in another document says so", other.sheetsByIndex.at(-1).title, "Copy of Sheet1");
  await other.delete();
  const again = new GoogleSpreadsheet(other.spreadsheetId, auth);
  await checks.refused("a document can't be deleted twice", () => again.delete(), "404");
  await checks.refused("nor copied to", () => sheet.copyToSpreadsheet(other.spreadsheetId), "404");
  await checks.refused("a title that is taken", () => sheet.duplicate({ title: "Sheet1" }), "already exists");
  const twin = await sheet.duplicate({ title: "twin" });
  checks.same("a duplicate stands first, and the others behind it", [twin.index, sheet.index], [0, 1]);
}

async function busyServicesAreWaitedFor(doc) {
  const fault = (...faults) => fetch(`${url}/_emulator/faults`, { method: "POST", body: JSON.stringify(faults) });
  await fault({ on: "reads", do: "fail", status: 429 });
  await doc.loadInfo();
  checks.same("a 429 is waited for", doc.title, "busyServicesAreWaitedFor");
  await fault({ on: "reads", do: "fail", status: 503, retry_after: 1 });
  await doc.loadInfo();
  checks.same("a 503 with Retry-After too", doc.sheetCount, 1);
  await fault({ on: "writes", do: "applied-fail", status: 429 });
  const sheet = doc.sheetsByIndex[0];
  await sheet.setHeaderRow(["a"]);
  checks.same("and what was done before the 429 is done once more", await sheet.getCellsInRange("A1:A2"), [["a"]]);
  const impatient = new GoogleSpreadsheet(doc.spreadsheetId, auth, { retryConfig: { limit: 0 } });
  await fault({ on: "reads", do: "fail", status: 429 });
  await checks.refused("without patience a 429 is an error", () => impatient.loadInfo(), "429");
  await fault();
}

for (const part of [theReadmesExamplesRun, documentsAreShared, cellsAreLoadedByEveryFilter, cellsHaveTypesAndLooks,
  headersAndRowsAreAsTheyShouldBe, cellsAreMerged, cellsAreMovedAndFilled, cachesFollowWhatIsDeleted, sheetsHaveRulesAndViews,
  marksAreKeptAndFound, sheetsAreDownloaded, busyServicesAreWaitedFor, mistakesAreAnsweredAsGoogleDoes]) {
  await checks.part(part.name, async () => {
    const doc = await GoogleSpreadsheet.createNewSpreadsheetDocument(auth, { title: part.name });
    await part(doc);
    await doc.delete();
  });
}
checks.end();
