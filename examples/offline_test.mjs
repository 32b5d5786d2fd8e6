// Test your Sheets code offline: Node, a throw-away spreadsheet, quotas and faults, and no Google anywhere.
//
//     cargo install --path .                       # puts `sheetkeep` on the path
//     npm install @googleapis/sheets@14.0.0 google-auth-library@10.9.1
//     node --test examples/offline_test.mjs        # or plain node

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sheets } from "@googleapis/sheets";
import { JWT } from "google-auth-library";

const spreadsheetId = "test";
const unretried = { retry: false }; // the client's own retries are off, so that the tests see ours

// ── The code under test: yours. This one adds an order, and tries again while the service is busy.
async function addOrder(api, order, wait) {
  const row = { spreadsheetId, range: "A1", valueInputOption: "RAW", requestBody: { values: [order] } };
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await api.values.append(row, unretried);
    } catch (error) {
      if (![429, 500, 503].includes(error.status) || attempt === 4) throw error;
      await wait(2 ** attempt);
    }
  }
}

// ── The emulator: a process on a free port; it writes a key that only it accepts, and prints its address when it is ready.
let emulator, folder, url, api;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "offline-"));
  const file = join(folder, "key.json");
  emulator = spawn("sheetkeep", ["emulate", "--port", "0", "--spreadsheet-id", spreadsheetId, "--credentials", file,
    "--quota", "google", // 60 reads and 60 writes a minute, and 429 beyond
    "--fault", "on=writes,do=fail,status=503,skip=1"]); // the second write meets a 503
  const [line] = await once(emulator.stdout, "data");
  url = String(line).trim();

  const key = JSON.parse(readFileSync(file, "utf8"));
  // google-auth-library asks Google for tokens whatever the key says; with a fetch of ours it asks the emulator.
  const fetchImplementation = (address, init) =>
    fetch(String(address).replace("https://oauth2.googleapis.com", url), init);
  const scopes = ["https://www.googleapis.com/auth/spreadsheets"];
  const auth = new JWT({ email: key.client_email, key: key.private_key, scopes, transporterOptions: { fetchImplementation } });
  api = sheets({ version: "v4", auth, rootUrl: `${url}/` }).spreadsheets; // the root of the API is an option
});

after(() => {
  emulator.kill();
  rmSync(folder, { recursive: true });
});

async function rows() {
  const { data } = await api.values.get({ spreadsheetId, range: "A:B", valueRenderOption: "UNFORMATTED_VALUE" });
  return data.values;
}

test("an order gets through a 503, and is there once", async () => {
  const waits = [];
  await addOrder(api, ["order", "amount"], (seconds) => waits.push(seconds));
  await addOrder(api, ["0042", 3.5], (seconds) => waits.push(seconds));
  assert.deepEqual(waits, [1]);
  assert.deepEqual(await rows(), [["order", "amount"], ["0042", 3.5]]); // a text stays a text, and a number a number
});

test("an answer that is lost makes an order twice: better seen here", async () => {
  const fault = [{ on: "writes", do: "applied-fail", status: 503 }]; // the write is done, and 503 is answered
  await fetch(`${url}/_emulator/faults`, { method: "POST", body: JSON.stringify(fault) });
  await addOrder(api, ["0043", 1], () => {});
  assert.deepEqual((await rows()).slice(2), [["0043", 1], ["0043", 1]]);
});

test("code that writes cell by cell runs into the quota", async () => {
  const cell = (number) => ({ spreadsheetId, range: "D1", valueInputOption: "RAW", requestBody: { values: [[number]] } });
  await assert.rejects(async () => {
    for (let number = 0; number < 61; number += 1) await api.values.update(cell(number), unretried);
  }, { status: 429 });
});
