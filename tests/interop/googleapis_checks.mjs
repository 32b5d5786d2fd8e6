// googleapis (Node) against the emulator, by its package for Sheets alone: @googleapis/sheets is that part of it.
//
//     node googleapis_checks.mjs URL KEY.json

import { sheets } from "@googleapis/sheets";
import { OAuth2Client } from "google-auth-library";
import { Checks } from "./checks.mjs";
import { lead, login } from "./emulated.mjs";

const [url, key] = process.argv.slice(2);
const checks = new Checks("googleapis");
lead(url); // for the token only: the address of the API is an option
const api = sheets({ version: "v4", auth: login(key), rootUrl: `${url}/` }).spreadsheets;
const { data: made } = await api.create({ requestBody: { properties: { title: "made" }, sheets: [{ properties: { title: "One" } }] } });
const spreadsheetId = made.spreadsheetId;

async function valuesAreWrittenAndRead() {
  let { data } = await api.values.update({ spreadsheetId, range: "'One'!A1", valueInputOption: "RAW", requestBody: { values: [["a", "b"], [1, true]] } });
  checks.same("a block is written", data.updatedCells, 4);
  ({ data } = await api.values.get({ spreadsheetId, range: "One!A:B", valueRenderOption: "UNFORMATTED_VALUE" }));
  checks.same("values keep their types", data.values, [["a", "b"], [1, true]]);
  checks.same("a range is told whole", data.range, "One!A1:B1000");
  ({ data } = await api.values.append({ spreadsheetId, range: "One", valueInputOption: "USER_ENTERED", requestBody: { values: [["x", "2020-01-01"]] } }));
  checks.same("an append tells its table", data.tableRange, "One!A1:B2");
  checks.same("and where it wrote", data.updates.updatedRange, "One!A3:B3");
  ({ data } = await api.values.batchGet({ spreadsheetId, ranges: ["A3", "B3"] }));
  checks.same("several ranges are read", data.valueRanges.map((each) => each.values), [[["x"]], [["2020-01-01"]]]);
  ({ data } = await api.values.batchGet({ spreadsheetId, ranges: ["B3"], valueRenderOption: "UNFORMATTED_VALUE", dateTimeRenderOption: "SERIAL_NUMBER" }));
  checks.same("a date is a number", data.valueRanges[0].values, [[43831]]);
  ({ data } = await api.values.batchUpdate({ spreadsheetId, requestBody: { valueInputOption: "RAW", data: [{ range: "A9", values: [["q"]] }] } }));
  checks.same("several ranges are written", data.totalUpdatedCells, 1);
  ({ data } = await api.values.clear({ spreadsheetId, range: "A3:B3" }));
  checks.same("a range is cleared", data.clearedRange, "One!A3:B3");
  ({ data } = await api.values.batchClear({ spreadsheetId, requestBody: { ranges: ["A9", "A1"] } }));
  checks.same("several ranges are cleared", data.clearedRanges, ["One!A9", "One!A1"]);
  ({ data } = await api.values.get({ spreadsheetId, range: "A9:Z9" }));
  checks.same("an empty range has no values", data.values, undefined);
}

async function batchesAreOneWrite() {
  const sheetId = made.sheets[0].properties.sheetId;
  let { data } = await api.batchUpdate({ spreadsheetId, requestBody: { requests: [
    { addSheet: { properties: { title: "Two" } } },
    { updateSpreadsheetProperties: { properties: { title: "renamed" }, fields: "title" } },
    { repeatCell: { range: { sheetId, startRowIndex: 0, endRowIndex: 1 }, cell: { userEnteredFormat: { textFormat: { bold: true } } }, fields: "userEnteredFormat.textFormat.bold" } },
    { updateCells: { start: { sheetId, rowIndex: 4, columnIndex: 0 }, rows: [{ values: [{ userEnteredValue: { numberValue: 7 }, note: "n" }] }], fields: "userEnteredValue,note" } },
  ] } });
  checks.same("each request has its reply", data.replies.map((reply) => Object.keys(reply)), [["addSheet"], [], [], []]);
  ({ data } = await api.get({ spreadsheetId, includeGridData: true, ranges: ["One!A5"] }));
  const cell = data.sheets[0].data[0].rowData[0].values[0];
  checks.same("cells are read with their notes", [data.properties.title, cell.effectiveValue.numberValue, cell.note], ["renamed", 7, "n"]);
  ({ data } = await api.get({ spreadsheetId, fields: "sheets.properties.title" }));
  checks.same("a mask cuts an answer down", data, { sheets: [{ properties: { title: "One" } }, { properties: { title: "Two" } }] });
  ({ data } = await api.values.batchGetByDataFilter({ spreadsheetId, requestBody: { dataFilters: [{ a1Range: "One!A5" }] } }));
  checks.same("a filter finds values", data.valueRanges[0].valueRange.values, [["7"]]);
}

async function mistakesAreAnsweredAsGoogleDoes() {
  await checks.refused("a spreadsheet that is not there", () => api.get({ spreadsheetId: "nowhere" }), "404", "Requested entity was not found.");
  await checks.refused("a range that is none", () => api.values.get({ spreadsheetId, range: "NOPE!A1" }), "400", "Unable to parse range: NOPE!A1");
  await checks.refused("no requests", () => api.batchUpdate({ spreadsheetId, requestBody: { requests: [] } }), "400", "Must specify at least one request.");
  await checks.refused("a request that Google does not know", () => api.batchUpdate({ spreadsheetId, requestBody: { requests: [{ explode: {} }] } }), "400", 'Unknown name "explode"');
  await checks.refused("cells beyond the grid", () => api.values.update({ spreadsheetId, range: "One!AB1", valueInputOption: "RAW", requestBody: { values: [[1]] } }), "400", "exceeds grid limits");
  const madeUp = new OAuth2Client();
  madeUp.setCredentials({ access_token: "made-up" });
  const stranger = sheets({ version: "v4", auth: madeUp, rootUrl: `${url}/` }).spreadsheets;
  await checks.refused("a token that is made up", () => stranger.get({ spreadsheetId }), "401");
}

for (const part of [valuesAreWrittenAndRead, batchesAreOneWrite, mistakesAreAnsweredAsGoogleDoes]) {
  await checks.part(part.name, part);
}
checks.end();
