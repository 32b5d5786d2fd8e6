"""Measures the emulator: start-up, small requests a second, memory. Linux; nothing but Python's standard library.

    python measure.py target/release/sheetkeep
"""

import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

program = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).parent))
CALLERS, SECONDS = 8, 3


def start(folder, *more):
    """An emulator that listens, and how many milliseconds that took."""
    began = time.perf_counter()
    process = subprocess.Popen([program, "emulate", "--port", "0", "--spreadsheet-id", "x", *more], stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    return process, urllib.parse.urlsplit(url).netloc, (time.perf_counter() - began) * 1000


def stop(process):
    process.terminate()
    process.wait(10)


def memory(process):
    """Resident memory now and at its highest, in MB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return tuple(round(int(lines[name].split()[0]) / 1024, 1) for name in ("VmRSS", "VmHWM"))


def token(key, host):
    """A token by the key file, as google-auth gets it."""
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    login = service_account.Credentials.from_service_account_file(key, scopes=["https://www.googleapis.com/auth/spreadsheets"])
    login.refresh(Request())
    return login.token


def rate(host, headers, verb, path, body=None):
    """How many of these calls a second the emulator answers eight callers, each with its own connection.

    `body` makes the body of each call from its caller and its number: a write of what is there already changes nothing,
    and what changes nothing costs no disk.
    """
    counts, until = [0] * CALLERS, time.monotonic() + SECONDS

    def caller(place):
        connection = http.client.HTTPConnection(host)
        while time.monotonic() < until:
            connection.request(verb, path, body and body(place, counts[place]), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            counts[place] += 1

    threads = [threading.Thread(target=caller, args=(place,)) for place in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return round(sum(counts) / SECONDS)


with tempfile.TemporaryDirectory() as folder:
    times = []
    for number in range(21):
        process, _, took = start(folder, "--file", f"{folder}/{number}.sheet", "--credentials", f"{folder}/key.json")
        times.append(took)
        stop(process)
    print(f"start-up, of 21 with a new file: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms")
    for name, more in [("in memory", []), ("in a file", ["--file", f"{folder}/rate.sheet"])]:
        key = f"{folder}/key.json"
        process, host, _ = start(folder, "--credentials", key, *more)
        print(f"{name}: memory after the start {memory(process)[0]} MB")
        headers = {"Authorization": f"Bearer {token(key, host)}", "Content-Type": "application/json"}

        def cell(place, number):
            return json.dumps({"values": [[f"x{place}", number, True]]})

        base = "/v4/spreadsheets/x"
        print(f"{name}: values.update of three cells, {rate(host, headers, 'PUT', f'{base}/values/A1?valueInputOption=RAW', cell)}/s")
        print(f"{name}: values.get of three cells, {rate(host, headers, 'GET', f'{base}/values/A1:C1')}/s")
        print(f"{name}: memory after these, now and highest {memory(process)} MB")
        columns = {"updateSheetProperties": {"properties": {"gridProperties": {"rowCount": 1, "columnCount": 10}},
                                             "fields": "gridProperties.rowCount,gridProperties.columnCount"}}
        row = {"values": [{"userEnteredValue": {"stringValue": f"text {n}"}} for n in range(10)]}
        connection = http.client.HTTPConnection(host)
        began = time.monotonic()
        for requests in [[columns]] + [[{"appendCells": {"sheetId": 0, "fields": "*", "rows": [row] * 10_000}}]] * 10:
            connection.request("POST", f"{base}:batchUpdate", json.dumps({"requests": requests}), headers)
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status == 200, told
        took = time.monotonic() - began
        print(f"{name}: 1,000,000 cells in ten batches, {took:.1f} s, memory now and highest {memory(process)} MB")
        stop(process)
