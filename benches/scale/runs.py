"""Runs of a client whose time, calls and result are noted, on a spreadsheet of its own."""

import json
import pathlib
import sys
import tempfile
import time

import clients
import process

from emulator import Emulator

QUOTAS = ("--quota", "google", "--latency", "300ms")


def write_rows(path, count, wide=True, begin=0):
    """A CSV file of the records from `begin` to `count`: a key and seven more columns, or one more."""
    with path.open("w", encoding="utf-8") as file:
        if not wide:
            file.write("id,amount\n")
            file.writelines(f"k{n:07},{n / 7:.2f}\n" for n in range(begin, count))
            return path
        file.write("id,name,place,status,amount,count,since,note\n")
        file.writelines(
            f"k{n:07},name {n},place {n % 97},{'open' if n % 3 else 'closed'},{n / 7:.2f},{n % 1000},"
            f"2026-11-{n % 28 + 1:02}T0{n % 10}:15:00Z,a note of some length on {n}\n"
            for n in range(begin, count)
        )
    return path


class Scale:
    """Where it all happens, and what was found."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, pathlib.Path(folder)
        self.program = arguments.sheetkeep
        self.files = {size: write_rows(self.folder / f"rows-{size}.csv", size) for size in arguments.sizes}

    def own(self, name="sheetkeep"):
        """This project, with batches as it makes them."""
        return clients.Sheetkeep(self.program, columns=["amount", "count"], name=name)

    def peers(self):
        """Those compared with; the keyed tab is kept by hand, as a second call after each batch."""
        return [
            clients.Gspread("gspread, 100 a write, keyed tab", 100, client="backoff", keys="tab"),
            clients.Gspread("gspread, 1,000 a write, keyed tab", 1000, client="backoff", keys="tab"),
            clients.Dlt("dlt, 100 a write", 100),
            clients.Dlt("dlt, 1,000 a write", 1000),
            clients.Alone(self.arguments.google_sheets4, 100),
            clients.Alone(self.arguments.google_sheets4, 1000),
        ]

    def new_folder(self):
        """A machine's disk of its own."""
        return pathlib.Path(tempfile.mkdtemp(dir=self.folder))

    def measure(self, client, rows, *switches, limit=600, more=()):
        """The client once, on a new spreadsheet: what it used, its calls, what stands there, what it said."""
        folder = self.new_folder()
        with Emulator(self.program, folder / "emulator", *switches) as emulator:
            place = clients.Place(emulator, rows, folder)
            return self.once(client, place, limit, more) | {"audit": clients.audit(client, place)}

    def once(self, client, place, limit=600, more=(), until=None):
        """The client once, where it is told."""
        place.emulator.forget()
        command, env = client.command(place)
        ended = process.run([*command, *more], place.folder, "run", env, limit, until)
        stats, (claim, done) = place.emulator.stats(), client.claim(ended)
        return ended.result | {
            "stats": stats,
            "calls": stats["reads"] + stats["writes"],
            "claim": claim,
            "done": done,
            "log": ended.output()[1],
        }


def calls_ms(log, method=None):
    """How long each call took, by the program's own log (`-vv`, as JSON); all of them, or those of one method."""
    times = []
    for line in log.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        fields = told.get("fields", told)
        if fields.get("message") == "called" and method in (None, fields["method"]):
            times.append(fields["ms"])
    return times


def say(text):
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
