"""What becomes of 1,000 rows when calls go wrong: sheetkeep, gspread and dlt against the same emulator.

benches/run faults [--rows 1000] [--batch 100]
"""

import argparse
import functools
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import clients
import process
import report

from emulator import Emulator

RERUNS, LIMIT = 4, 240
MINUTE_S = 60
COLUMNS = [
    "client",
    "rows#",
    "doubled#",
    "lost#",
    "reported",
    "reads#",
    "writes#",
    "wall s#",
    "CPU s#",
    "peak MB#",
    "runs until success#",
    "then rows#",
    "then doubled#",
    "then lost#",
]


HEAD = """{rows:,} rows of four cells, {batch} a write. The columns up to *peak MB* describe the first run. A
client that did not report success is then run again, as a schedule would, at most {reruns} times,
while the faults continue. The last columns describe the sheet after that. *Doubled* are rows beyond
the first of a key, *lost* keys without a row. Refused calls are not counted. sheetkeep's writes
include its first contact with the spreadsheet (tabs made, guard verified), and these meet the
faults, too."""


def parsed():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheetkeep", required=True)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=100)
    return parser.parse_args()


def write_rows(path, count):
    """A CSV file of four columns: key, two texts, a number."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,name,place,amount\n")
        file.writelines(f"k{n:07},name {n},place {n % 97},{n / 7:.2f}\n" for n in range(count))


def every(step, times=60, **fault):
    """Every step-th write meets this fault. A call that one fault of the list meets, the others behind it do not count."""
    return [{"on": "writes", "skip": (step - 1) * n, **fault} for n in range(1, times + 1)]


class Bench:
    """The clients, and where they work."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.number = arguments, pathlib.Path(folder), 0
        self.rows = self.folder / "rows.csv"
        write_rows(self.rows, arguments.rows)

    def clients(self):
        """Those compared, anew for each scenario."""
        batch = self.arguments.batch
        return [
            clients.Sheetkeep(self.arguments.sheetkeep, batch, columns=["amount"]),
            clients.Gspread("gspread", batch),
            clients.Gspread("gspread BackOff", batch, client="backoff"),
            clients.Gspread("gspread BackOff, keys read first", batch, client="backoff", keys="column"),
            clients.Dlt("dlt, custom destination", batch),
        ]

    def place(self, emulator, machine="a"):
        """A machine of its own for this client."""
        folder = self.folder / f"{self.number}{machine}"
        folder.mkdir(parents=True, exist_ok=True)
        return clients.Place(emulator, self.rows, folder)

    def start(self, *switches):
        """A new emulator."""
        self.number += 1
        return Emulator(self.arguments.sheetkeep, self.folder / f"{self.number}", *switches)

    def run(self, client, place, name, until=None):
        """The client, once, to its end."""
        command, env = client.command(place)
        return process.run(command, place.folder, name, env, LIMIT, until)

    def rerun(self, client, place, done):
        """What a schedule does: again, until it says success. Gives how many runs there were, with the first."""
        runs = 1
        while not done and runs <= RERUNS:
            _, done = client.claim(self.run(client, place, f"run{runs}"))
            runs += 1
        return runs if done else f"not in {runs}"

    def row(self, client, first, runs, last, claim, stats, used):
        """A row of the table, and the same for the JSON."""
        cells = [
            client.name,
            first["rows"],
            first["doubled"],
            first["lost"],
            claim,
            stats["reads"],
            stats["writes"],
            used["wall"],
            used["cpu"],
            used["peak_mb"],
            runs,
            last["rows"],
            last["doubled"],
            last["lost"],
        ]
        return {
            "client": client.name,
            "first_run": first,
            "claimed": claim,
            "calls": stats,
            **used,
            "runs": runs,
            "in_the_end": last,
            "cells": cells,
        }

    def alone(self, client, faults=(), until_left=None):
        """One client at a time, with these faults; killed when only so many faults are left."""
        with self.start() as emulator:
            place = self.place(emulator)
            emulator.set_faults(list(faults))
            until = None
            if until_left is not None:

                def until():
                    if emulator.faults_left() > until_left:
                        return False
                    time.sleep(0.3)
                    return True

            ended = self.run(client, place, "run0", until)
            stats = emulator.stats()
            first = clients.audit(client, place)
            claim, done = client.claim(ended)
            runs = self.rerun(client, place, done)
            return self.row(client, first, runs, clients.audit(client, place), claim, stats, ended.result)

    def together(self, client):
        """Two machines, at the same moment. The second is told by the claim alone; its memory and time are in the JSON."""
        with self.start("--latency", "50ms") as emulator:
            places = [self.place(emulator, machine) for machine in "ab"]
            pairs = []
            for place in places:
                command, env = client.command(place)
                pairs.append(process.Process(command, place.folder, "run0", env))
            while [one for one in pairs if one.look()]:
                if time.monotonic() - pairs[0].began > LIMIT:
                    for one in pairs:
                        if one.result is None and not one.killed:
                            one.kill()
                time.sleep(0.005)
            stats = emulator.stats()
            first = clients.audit(client, places[0])
            claims = [client.claim(one) for one in pairs]
            runs = [self.rerun(client, place, done) for place, (_, done) in zip(places, claims, strict=True)]
            claim = " · ".join(words for words, _ in claims)
            used = max((one.result for one in pairs), key=lambda result: result["wall"])
            told = self.row(client, first, " · ".join(map(str, runs)), clients.audit(client, places[0]), claim, stats, used)
            return told | {"each": [one.result for one in pairs]}

    def used_up(self, client, left):
        """Another program uses up the account's writes of a minute; the client starts `left` seconds before the quota refills."""
        if client.gives_up_at_429:
            return None
        began = time.monotonic()
        with self.start("--quota", "google") as emulator:
            place = self.place(emulator)
            clients.use_up_writes(place)
            time.sleep(max(0, began + MINUTE_S - left - time.monotonic()))
            emulator.forget()
            ended = self.run(client, place, "run0")
            stats = emulator.stats()
            first = clients.audit(client, place)
            claim, done = client.claim(ended)
            runs = self.rerun(client, place, done)
            return self.row(client, first, runs, clients.audit(client, place), claim, stats, ended.result)

    def killed(self, client, happening):
        """The fifth write of rows hangs, and the process is killed there."""
        return self.alone(client, [{"on": "writes", "skip": client.first + 4, "do": happening}], until_left=0)


def scenarios(bench):
    """Each by its name, and what one client does in it."""
    return [
        ("Nothing goes wrong", bench.alone),
        ("Every 4th write is applied, but answered 503", functools.partial(bench.alone, faults=every(4, do="applied-fail", status=503))),
        ("Every 4th write is answered 429", functools.partial(bench.alone, faults=every(4, do="fail", status=429))),
        *[
            (f"Another program has used up the account's writes; the quota refills {left} s after the start", functools.partial(bench.used_up, left=left))
            for left in (5, 15, 30, 50)
        ],
        (
            "The 5th write of rows is applied, and the process killed before its answer; then rerun",
            functools.partial(bench.killed, happening="applied-hang"),
        ),
        ("The process is killed before its 5th write of rows is applied; then rerun", functools.partial(bench.killed, happening="hang")),
        ("Two runs at the same moment, on two machines (50 ms a call)", bench.together),
    ]


def main():
    """Plays every scenario with every client, one after the other."""
    arguments = parsed()
    facts = report.circumstances()
    texts, data = [], []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, folder)
        for title, play in scenarios(bench):
            rows = []
            for client in bench.clients():
                row = play(client)
                if row is None:
                    continue
                rows.append(row)
                print(f"{title}: {client.name}: {rows[-1]['cells'][1:]}", file=sys.stderr, flush=True)
            texts.append(f"## {title}\n\n{report.table(COLUMNS, [row['cells'] for row in rows])}")
            data.append({"scenario": title, "clients": [{key: value for key, value in row.items() if key != "cells"} for row in rows]})
    facts["load_at_end"] = report.load()
    head = HEAD.format(rows=arguments.rows, batch=arguments.batch, reruns=RERUNS)
    text = "\n\n".join([f"# Faults\n\n{report.circumstances_of('faults', facts)}", head, *texts])
    print(text)
    report.write(
        "faults",
        text,
        {"circumstances": facts, "rows": arguments.rows, "batch": arguments.batch, "scenarios": data},
        arguments.rows >= 1000,
    )


if __name__ == "__main__":
    main()
