"""How fast the emulator answers: requests a second, and what an append costs as the tab grows.

    benches/run speed [--sizes 1000,10000] [--seconds 3]

One caller and eight callers, each with its own connection, in memory and in a file. An append is `values.append` of one row
of four values to the whole tab, the median of 51 after one that is not counted: in memory it is to cost the same at every
size, because where the table began is kept (crates/sheets-emulator/src/storage/content/table_hint.rs). Python's own share of
a call is in every figure. It prints a table, and compares with nothing.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from google.auth.transport.requests import Request
from google.oauth2 import service_account

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from emulator import SPREADSHEET, Emulator  # noqa: E402

COLUMNS, FILL, APPENDS, CALLERS = 4, 10_000, 51, 8
VALUES = f"/v4/spreadsheets/{SPREADSHEET}/values"


def arguments():
    """What the bench is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheetkeep", required=True, help="the release binary")
    parser.add_argument("--sizes", default="1000,10000,100000,300000,1000000", help="rows of the tab, at which appends are timed")
    parser.add_argument("--seconds", type=float, default=3, help="how long requests are counted")
    return parser.parse_args()


class Caller:
    """One connection with a token."""

    def __init__(self, emulator, token):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(emulator.url).netloc)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, verb, path, body=None):
        """A call, which has to succeed; how long it took, in milliseconds."""
        began = time.perf_counter()
        self.connection.request(verb, path, None if body is None else json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        told = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(told[:500])
        return took


def token_of(emulator):
    """A token by the emulator's key."""
    login = service_account.Credentials.from_service_account_file(
        str(emulator.key), scopes=["https://www.googleapis.com/auth/spreadsheets"])
    login.refresh(Request())
    return login.token


def rate(emulator, token, callers, seconds, writes):
    """Calls a second: reads of three cells, or writes that each change three."""
    counts, until = [0] * callers, time.monotonic() + seconds

    def work(place):
        caller = Caller(emulator, token)
        while time.monotonic() < until:
            if writes:
                body = {"values": [[place, counts[place], "x"]]}
                caller.call("PUT", f"{VALUES}/A{place + 1}?valueInputOption=RAW", body)
            else:
                caller.call("GET", f"{VALUES}/A{place + 1}:C{place + 1}")
            counts[place] += 1

    threads = [threading.Thread(target=work, args=(place,)) for place in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(counts) / seconds)


def appends(emulator, token, sizes):
    """The median milliseconds of an append at each size."""
    caller, rows, medians = Caller(emulator, token), 0, []
    batch = f"/v4/spreadsheets/{SPREADSHEET}:batchUpdate"
    grid = {"sheetId": 0, "gridProperties": {"rowCount": 1, "columnCount": COLUMNS}}
    caller.call("POST", f"{VALUES}/Sheet1:clear", {})
    caller.call("POST", batch, {"requests": [{"updateSheetProperties": {
        "properties": grid, "fields": "gridProperties.rowCount,gridProperties.columnCount"}}]})
    for size in sizes:
        while rows < size:
            more = min(FILL, size - rows)
            filled = [{"values": [{"userEnteredValue": {"numberValue": rows + n}}] * COLUMNS} for n in range(more)]
            caller.call("POST", batch, {"requests": [{"appendCells": {"sheetId": 0, "fields": "userEnteredValue", "rows": filled}}]})
            rows += more
        took = []
        for _ in range(APPENDS + 1):
            body = {"values": [["k", 1, "name", True]]}
            took.append(caller.call("POST", f"{VALUES}/Sheet1:append?valueInputOption=RAW", body))
            rows += 1
        medians.append(statistics.median(took[1:]))
    return medians


def main():
    """Runs it, and prints the tables."""
    asked = arguments()
    sizes = [int(size) for size in asked.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        for name, switches in [("in memory", []), ("in a file", ["--file", f"{folder}/bench.sheet"])]:
            print(f"\n{name} (load {os.getloadavg()[0]:.1f})")
            with Emulator(asked.sheetkeep, folder, *switches) as emulator:
                token = token_of(emulator)
                for callers in (1, CALLERS):
                    for kind, writes in [("values.get", False), ("values.update", True)]:
                        found = rate(emulator, token, callers, asked.seconds, writes)
                        print(f"  {kind:<14} {callers} caller{'s' if callers > 1 else ' '}  {found:>8,}/s", flush=True)
                for size, median in zip(sizes, appends(emulator, token, sizes), strict=True):
                    print(f"  values.append  at {size:>9,} rows  {median:8.2f} ms", flush=True)
                print(f"  peak memory    {emulator.peak_mb()} MB")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    print(f"\ncommit {commit}, {len(os.sched_getaffinity(0))} cores")


if __name__ == "__main__":
    main()
