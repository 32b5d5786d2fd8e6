"""What calls cost the emulator as a sheet grows: median milliseconds at each size, as JSON.

python emulator_cost.py URL KEY.json 1000,10000
"""

import http.client
import json
import statistics
import sys
import time
import urllib.parse

from google.auth.transport.requests import Request
from google.oauth2 import service_account

COLUMNS, FILL, REPETITIONS = 4, 10_000, 31


def row(number):
    """A row of texts and numbers."""
    values = [{"stringValue": f"k{number:07}"}, {"stringValue": f"name {number}"}, {"numberValue": number}, {"stringValue": "open"}]
    return {"values": [{"userEnteredValue": value} for value in values]}


class Caller:
    """One connection, one token."""

    def __init__(self, url, key):
        login = service_account.Credentials.from_service_account_file(key, scopes=["https://www.googleapis.com/auth/spreadsheets"])
        login.refresh(Request())
        self.headers = {"Authorization": f"Bearer {login.token}", "Content-Type": "application/json"}
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)

    def batch(self, *requests):
        """A batchUpdate; how long it took, in milliseconds."""
        body = json.dumps({"requests": requests})
        began = time.perf_counter()
        self.connection.request("POST", "/v4/spreadsheets/bench:batchUpdate", body, self.headers)
        answer = self.connection.getresponse()
        told = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(told[:500])
        return took


def main():
    """Fills the sheet to each size, and asks there."""
    url, key, sizes = sys.argv[1:]
    caller, rows, swaps = Caller(url, key), 0, 0
    grid = {"sheetId": 0, "gridProperties": {"rowCount": 1, "columnCount": COLUMNS}}
    caller.batch({"updateSheetProperties": {"properties": grid, "fields": "gridProperties.rowCount,gridProperties.columnCount"}})
    whole = {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1}
    caller.batch({"addNamedRange": {"namedRange": {"namedRangeId": "swap0", "name": "swap", "range": whole}}})
    costs = {"appendCells (100 rows)": [], "updateCells (one row in the middle)": [], "swap of a named range": []}
    for size in map(int, sizes.split(",")):
        while rows < size:
            more = min(FILL, size - rows)
            caller.batch({"appendCells": {"sheetId": 0, "fields": "userEnteredValue", "rows": [row(rows + n) for n in range(more)]}})
            rows += more
        appends, updates, named = [], [], []
        for number in range(REPETITIONS):
            appends.append(caller.batch({"appendCells": {"sheetId": 0, "fields": "userEnteredValue", "rows": [row(rows + n) for n in range(100)]}}))
            rows += 100
            start = {"sheetId": 0, "rowIndex": size // 2, "columnIndex": 0}
            updates.append(caller.batch({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [row(swaps + number + 1)]}}))
            swap = {"namedRange": {"namedRangeId": f"swap{swaps + 1}", "name": "swap", "range": whole}}
            named.append(caller.batch({"deleteNamedRange": {"namedRangeId": f"swap{swaps}"}}, {"addNamedRange": swap}))
            swaps += 1
        for name, times in zip(costs, (appends, updates, named), strict=True):
            costs[name].append(round(statistics.median(times), 3))
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
