"""Test your Sheets code offline: gspread, a throw-away spreadsheet, quotas and faults, and no Google anywhere.

    cargo install --path .        # puts `sheetkeep` on the path
    pip install gspread==6.2.1
    python examples/offline_test.py
"""

import json
import pathlib
import subprocess
import tempfile
import time
import urllib.request

import gspread
from gspread.exceptions import APIError


# ── The code under test: yours. This one adds an order, and tries again while the service is busy.
def add_order(sheet, order, wait=time.sleep):
    for attempt in range(5):
        try:
            return sheet.append_row(order, value_input_option="RAW", table_range="A1")
        except APIError as error:
            if error.code not in (429, 500, 503) or attempt == 4:
                raise
            wait(2**attempt)


# ── The emulator: a process on a free port; it writes a key that only it accepts, and prints its address when it is ready.
with tempfile.TemporaryDirectory() as folder:
    key = str(pathlib.Path(folder, "key.json"))
    command = ["sheetkeep", "emulate", "--port", "0", "--spreadsheet-id", "test", "--credentials", key]
    command += ["--quota", "google"]                              # 60 reads and 60 writes a minute, and 429 beyond
    command += ["--fault", "on=writes,do=fail,status=503,skip=1"]  # the second write meets a 503
    emulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url = emulator.stdout.readline().strip()

        # gspread writes Google's address into every call; this is its own way to have a say in that.
        class Emulated(gspread.http_client.HTTPClient):
            def request(self, method, endpoint, **rest):
                return super().request(method, endpoint.replace("https://sheets.googleapis.com", url), **rest)

        sheet = gspread.service_account(key, http_client=Emulated).open_by_key("test").sheet1

        # ── The test: the code gets through the 503, and each order is there once.
        waits = []
        add_order(sheet, ["order", "amount"], waits.append)
        add_order(sheet, ["0042", 3.5], waits.append)
        assert waits == [1], waits
        rows = sheet.get_values(value_render_option="UNFORMATTED_VALUE")
        assert rows == [["order", "amount"], ["0042", 3.5]], rows  # a text stays a text, and a number a number

        # Faults can be asked for later, too. This is the nasty kind: the write is done, and 503 is answered.
        fault = json.dumps([{"on": "writes", "do": "applied-fail", "status": 503}]).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/_emulator/faults", fault, method="POST"))
        add_order(sheet, ["0043", 1], waits.append)
        orders = sheet.col_values(1)[1:]
        assert orders == ["0042", "0043", "0043"], orders         # trying again made it twice: better seen here

        # The quota: code that writes cell by cell learns here that it must not.
        try:
            for number in range(61):
                sheet.update_acell("D1", number)
        except APIError as error:
            assert error.code == 429, error
        else:
            raise AssertionError("the quota did not hold")
    finally:
        emulator.terminate()
        emulator.wait(10)
print("offline_test.py: passed")
