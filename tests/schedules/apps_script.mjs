// Plays the exported Apps Script with stand-ins of Google's services: node apps_script.mjs Code.gs.
import { readFileSync } from 'node:fs';
import assert from 'node:assert';
import vm from 'node:vm';

const headers = ['Job', 'State', 'Overdue', 'Paused', 'Run now', 'Owner', 'Last success', 'Next due'];
const rows = [
  ['people', 'ok', '', 'FALSE', '', 'ann@example.org', '2026-11-28', '2026-11-29 09:00'],
  ['quakes', 'ok', '', 'FALSE', '', 'the data team', '2026-11-28', '2026-11-29 09:00'],
];
const mails = [], written = [], kept = {}, menus = [], triggers = [], alerts = [];
let chosen = 3, mailFails = false;
const tab = {
  getDataRange: () => ({ getDisplayValues: () => [headers, ...rows] }),
  getRange: (row, column) => ({ setValue: (value) => written.push([row, column, value]) }),
  getName: () => 'Jobs',
};
const menu = { addItem: (title) => { menus.push(title); return menu; }, addToUi: () => {} };
const script = vm.createContext({
  SpreadsheetApp: {
    getActive: () => ({ getSheetByName: () => tab, getUrl: () => 'https://sheet', getActiveRange: () => ({ getRow: () => chosen }) }),
    getActiveSheet: () => tab,
    getUi: () => ({ createMenu: () => menu, alert: (text) => alerts.push(text) }),
  },
  MailApp: { sendEmail: (...mail) => { if (mailFails) throw new Error('quota'); mails.push(mail); } },
  PropertiesService: { getScriptProperties: () => ({ getProperty: (name) => kept[name] ?? null, setProperty: (name, value) => { kept[name] = value; } }) },
  Session: { getEffectiveUser: () => ({ getEmail: () => 'me@example.org' }) },
  ScriptApp: {
    getProjectTriggers: () => [],
    newTrigger: (name) => ({ timeBased: () => ({ everyHours: (n) => ({ create: () => triggers.push([name, n]) }) }) }),
  },
});
vm.runInContext(readFileSync(process.argv[2], 'utf8'), script);

script.install();
assert.deepEqual([triggers, menus], [[['watch', 1]], ['Run now', 'Pause or continue']]);
script.watch();
assert.equal(mails.length, 0, 'nothing is overdue');
rows[0][2] = 'TRUE';
mailFails = true;
assert.throws(() => script.watch());
mailFails = false;
script.watch();
script.watch();
assert.deepEqual(mails.map(([to, subject]) => [to, subject]), [['ann@example.org', 'sheetkeep: people is overdue']]);
rows[0][2] = '';
rows[1][2] = 'overdue since 2026-11-29 10:00';
script.watch();
assert.deepEqual(mails.slice(1).map(([to, subject]) => [to, subject]), [
  ['ann@example.org', 'sheetkeep: people is well again'],
  ['me@example.org', 'sheetkeep: quakes is overdue'],
]);
script.runNow();
assert.equal(written[0][0], 3);
assert.equal(written[0][1], 5);
assert.ok(!Number.isNaN(written[0][2].getTime()));
script.pause();
assert.deepEqual(written[1], [3, 4, true]);
rows[1][3] = 'WAHR';
script.pause();
assert.deepEqual(written[2], [3, 4, false]);
chosen = 9;
script.pause();
assert.equal(alerts.length, 1);
console.log('Apps Script: 9 checks, 0 failed');
