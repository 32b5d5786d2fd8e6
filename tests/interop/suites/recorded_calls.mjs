// Replays calls that a product recorded against the service, and compares the emulator's responses.
//
//     node recorded_calls.mjs FOLDER
//
// FOLDER has recordings as the npm package nock writes them. EMULATOR_URL and EMULATOR_KEY say where the emulator is. Each
// recording gets a spreadsheet of its own: with the sheets of its first response, and with the values of the reads that come
// before its first write. Then every call of the Sheets API is sent, in order. The last line counts those with the recorded
// response; ids and addresses of spreadsheets are left out of the comparison, and so are calls that a quota refused.

import { createSign } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { runInNewContext } from "node:vm";

const { EMULATOR_URL: url, EMULATOR_KEY: key } = process.env;

/** The response that a recording holds: JSON, or the hexadecimal parts of a packed body. */
function decoded(body) {
  if (!Array.isArray(body) || !body.every((part) => /^[0-9a-f]*$/.test(part))) return body;
  return JSON.parse(gunzipSync(Buffer.from(body.join(""), "hex")));
}

/** The calls of a recording, which is a script that describes them to nock. */
function callsOf(file) {
  const calls = [];
  const nock = (host) => {
    const scope = {};
    for (const method of ["get", "post", "put", "delete"]) {
      scope[method] = (path, body) => {
        const call = { host, method: method.toUpperCase(), path, body };
        const interceptor = {
          once: () => interceptor,
          query: (query) => Object.assign(call, { query }) && interceptor,
          reply: (status, response) => calls.push({ ...call, status, response: decoded(response) }) && scope,
        };
        return interceptor;
      };
    }
    return scope;
  };
  runInNewContext(readFileSync(file, "utf8"), { require: () => nock, process: { env: {} }, Buffer });
  return JSON.parse(JSON.stringify(calls.filter((call) => call.host.includes("sheets.googleapis.com") && call.status !== 429)));
}

/** A token of the emulator's key. */
async function token() {
  const { client_email: email, private_key: secret, token_uri: to } = JSON.parse(readFileSync(key, "utf8"));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: email, scope: "https://www.googleapis.com/auth/spreadsheets", aud: to, iat: now, exp: now + 600 };
  const text = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`;
  const assertion = `${text}.${createSign("RSA-SHA256").update(text).sign(secret, "base64url")}`;
  const form = new URLSearchParams({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
  return (await (await fetch(to, { method: "POST", body: form })).json()).access_token;
}

const headers = { authorization: `Bearer ${await token()}`, "content-type": "application/json" };

async function send(method, path, query, body) {
  const address = `${url}${path}${query ? `?${new URLSearchParams(query)}` : ""}`;
  const response = await fetch(address, { method, headers, body: body ? JSON.stringify(body) : undefined });
  return { status: response.status, response: await response.json().catch(() => null) };
}

/** A response without what differs by nature. */
const settled = (value, id) => JSON.parse(JSON.stringify(value ?? null, (name, member) => (name === "spreadsheetUrl" ? undefined : member))
  .replaceAll(id, "ID"));

/** What a recorded response says and ours does not, or says otherwise, as a path. */
function difference(theirs, ours, path = "") {
  if (isDeepStrictEqual(theirs, ours)) return undefined;
  if (theirs === null || ours === null || typeof theirs !== "object" || typeof ours !== "object") {
    return `${path}: ${JSON.stringify(theirs)?.slice(0, 80)} was recorded, and ${JSON.stringify(ours)?.slice(0, 80)} is answered`;
  }
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
    const found = difference(theirs[name], ours[name], `${path}.${name}`);
    if (found) return found;
  }
  return undefined;
}

const isRead = (call) => call.method === "GET";

async function replay(file) {
  const calls = callsOf(file);
  const [, recorded] = calls[0].path.match(/\/spreadsheets\/([^/:]+)/);
  const first = calls.find((call) => call.response?.sheets)?.response;
  const properties = ({ title, locale, timeZone }) => ({ title, locale, timeZone });
  const made = await send("POST", "/v4/spreadsheets", null, {
    properties: first && properties(first.properties), sheets: first?.sheets.map((sheet) => ({ properties: sheet.properties })),
  });
  const id = made.response.spreadsheetId;
  const firstWrite = calls.findIndex((call) => !isRead(call));
  const before = calls.slice(0, firstWrite < 0 ? calls.length : firstWrite).filter((call) => call.response?.values);
  const data = before.map(({ response: { range, values } }) => ({ range, values }));
  await send("POST", `/v4/spreadsheets/${id}/values:batchUpdate`, null, { valueInputOption: "USER_ENTERED", data });
  let same = 0;
  for (const call of calls) {
    const path = call.path.replace(recorded, id).replace(/\/$/, "");
    const ours = await send(call.method, path, call.query, isRead(call) ? undefined : call.body);
    const found = difference(
      { status: call.status, response: settled(call.response, recorded) }, { status: ours.status, response: settled(ours.response, id) });
    if (found === undefined) same += 1;
    else console.log(`failed: ${file.split("/").slice(-2).join("/")}: ${call.method} ${decodeURIComponent(path.split(id)[1])}${found}`);
  }
  return [calls.length, same];
}

const folder = resolve(process.argv[2]);
const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".js")).sort();
let [all, same] = [0, 0];
for (const file of files) {
  const [calls, good] = await replay(join(folder, file));
  [all, same] = [all + calls, same + good];
}
console.log(`${same} passed of ${all} recorded calls`);
