// The Node clients, led to the emulator instead of Google. Their code is untouched: google-spreadsheet calls the global
// `fetch`, so that is where its addresses are replaced; google-auth-library takes a fetch as an option.

import { readFileSync } from "node:fs";
import { JWT } from "google-auth-library";

const GOOGLE = ["https://sheets.googleapis.com", "https://www.googleapis.com", "https://oauth2.googleapis.com", "https://docs.google.com"];

// Sends whatever goes to Google to the emulator.
export function lead(url) {
  const send = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    const host = GOOGLE.find((google) => address.startsWith(google));
    const led = host ? url + address.slice(host.length) : address;
    return input instanceof Request ? send(new Request(led, input), init) : send(led, init);
  };
}

// A login with the key file.
export function login(file) {
  const key = JSON.parse(readFileSync(file, "utf8"));
  return new JWT({
    email: key.client_email,
    key: key.private_key,
    keyId: key.private_key_id,
    scopes: ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.file"],
    transporterOptions: { fetchImplementation: (...call) => globalThis.fetch(...call) },
  });
}
