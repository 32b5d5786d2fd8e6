"""What it costs at 1,000, 10,000 and 100,000 rows and with 1,000,000 keys: the budgets, and the same rows by gspread, google-sheets4 and dlt.

    benches/run scale [--sizes 1000,10000,100000] [--keys 1000000] [--limit 420] [--only budgets|peers]
"""

import argparse
import concurrent.futures
import json
import pathlib
import socket
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import clients
import process
import report
from emulator import Emulator

FULL = [1_000, 10_000, 100_000]
QUOTAS = ("--quota", "google", "--latency", "300ms")
STARTS = 21


def parsed():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheetkeep", required=True)
    parser.add_argument("--google-sheets4", required=True)
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=FULL)
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys in Processed for the load")
    parser.add_argument("--limit", type=int, default=420, help="seconds after which a client under quotas is stopped")
    parser.add_argument("--only", choices=["budgets", "peers"])
    return parser.parse_args()


def write_rows(path, count, wide=True):
    """A CSV file: a key and seven more columns, or one more."""
    with path.open("w", encoding="utf-8") as file:
        if not wide:
            file.write("id,amount\n")
            file.writelines(f"k{n:07},{n / 7:.2f}\n" for n in range(count))
            return path
        file.write("id,name,place,status,amount,count,since,note\n")
        file.writelines(
            f"k{n:07},name {n},place {n % 97},{'open' if n % 3 else 'closed'},{n / 7:.2f},{n % 1000},2026-11-{n % 28 + 1:02}T0{n % 10}:15:00Z,a note of some length on {n}\n"
            for n in range(count)
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
        return ended.result | {"stats": stats, "calls": stats["reads"] + stats["writes"], "claim": claim, "done": done, "log": ended.output()[1]}


def calls_ms(log, writes=True):
    """How long each call took, by the program's own log (`-vv`, as JSON); with or without the writes."""
    times = []
    for line in log.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        fields = told.get("fields", told)
        if fields.get("message") == "called" and (writes or fields["method"] != "spreadsheets.batchUpdate"):
            times.append(fields["ms"])
    return times


def say(text):
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Budgets:
    """The table of budgets: each with what was measured, and whether that holds."""

    COLUMNS = ["work", "budget", "measured", ""]

    def __init__(self, scale):
        self.scale, self.rows = scale, []

    def add(self, work, budget, measured, holds, **data):
        """A line."""
        say(f"{work}: {budget}: {measured}: {'ok' if holds else 'missed'}")
        self.rows.append({"work": work, "budget": budget, "measured": measured, "ok": bool(holds), **data})

    def small_runs(self):
        """The first contact, and the small runs after it."""
        scale, client = self.scale, self.scale.own()
        folder = scale.new_folder()
        quakes = report.ROOT / "fixtures" / "quakes.toml"
        with Emulator(scale.program, folder / "emulator", *QUOTAS) as emulator:
            place = clients.Place(emulator, scale.files[min(scale.files)], folder)
            command, env = client.command(place)
            command[command.index(str(folder / "bench.toml"))] = str(quakes)
            ended = process.run(command, folder, "quakes", env)
            stats = emulator.stats()
            told = f"{stats['reads']} reads + {stats['writes']} writes, {stats['tokens']} token, {ended.result['wall']:.1f} s"
            holds = ended.result["exit"] == 0 and stats["reads"] <= 4 and stats["writes"] <= 5
            self.add("first run on a spreadsheet: init, proof, 1,707 earthquakes", "≤ 4 reads + ≤ 5 writes (+ token)", told, holds, stats=stats)
        folder = scale.new_folder()
        with Emulator(scale.program, folder / "emulator", *QUOTAS) as emulator:
            place = clients.Place(emulator, write_rows(folder / "rows.csv", 1000), folder)
            scale.once(client, place)
            for work, count, more, writes in [("10 new items", 1010, [], 1), ("nothing new", 1010, [], 1), ("10 new items from standard input, which is claimed first", 1020, ["--input", "-"], 2)]:
                write_rows(place.rows, count)
                if more:
                    emulator.forget()
                    command, env = client.command(place)
                    shell = ["sh", "-c", 'input=$1; shift; exec "$@" < "$input"', "sh", str(place.rows), *command, *more]
                    process.run(shell, folder, "stdin", env)
                    stats = emulator.stats()
                else:
                    stats = scale.once(client, place)["stats"]
                holds = stats["reads"] <= 2 and stats["writes"] <= writes and clients.audit(client, place)["rows"] == count
                self.add(f"a later small run: {work}", f"2 reads + {writes} write{'s'[:writes - 1]}", f"{stats['reads']} reads + {stats['writes']} writes", holds, stats=stats)

    def large_run(self):
        """The largest size, under Google's quotas, at 300 ms a call."""
        scale, size = self.scale, max(self.scale.files)
        result = scale.measure(scale.own(), scale.files[size], *QUOTAS, more=["-vv", "--log-format", "json"])
        times, stats = calls_ms(result["log"]), result["stats"]
        rate = stats["writes"] / size * 10_000
        work = f"{size:,} items × 8 columns"
        self.add(work, "≤ 5 writes per 10,000 rows", f"{rate:.2f} ({stats['writes']} writes in all)", rate <= 5, stats=stats)
        self.add(work, "no 429", f"{stats['throttled']}", stats["throttled"] == 0)
        ratio = result["wall"] * 1000 / sum(times) if times else float("inf")
        told = f"{ratio:.2f} ×: {result['wall']:.1f} s, {len(times)} calls, median {statistics.median(times or [0]):.0f} ms, in all {sum(times) / 1000:.1f} s"
        self.add(work, "wall ≤ 1.2 × calls × measured call time", told, ratio <= 1.2, calls_ms=times, wall=result["wall"])
        self.add(work, "each key once", f"{result['audit']['rows']:,} rows, {result['audit']['doubled']} doubled, {result['audit']['lost']} lost",
                 result["done"] and result["audit"] == {"rows": size, "doubled": 0, "lost": 0})
        self.add(f"memory of a steady run, {size:,} items", f"≤ 64 MB + 40 bytes a key ({64 + size * 40 / 1e6:.0f} MB)", f"{result['peak_mb']} MB",
                 result["peak_mb"] <= 64 + size * 40 / 1e6, peak_mb=result["peak_mb"])

    def per_item(self, slopes):
        """CPU of the runner per item, from the smallest size to the largest, without quotas."""
        for work, (cpu, small, large) in slopes.items():
            self.add(work, "≤ 20 µs of CPU an item", f"{cpu:.1f} µs (from {small:,} to {large:,} items)", cpu <= 20, cpu_us=cpu)

    def keys(self):
        """A load of many keys: the run that makes them, then one that finds nothing new."""
        scale, count = self.scale, self.scale.arguments.keys
        client, folder = clients.Sheetkeep(scale.program, columns=["amount"]), scale.new_folder()
        keep = ("--file", str(folder / "keys.sheet"))
        rows = write_rows(folder / "rows.csv", count, wide=False)
        with Emulator(scale.program, folder / "emulator", *keep) as emulator:
            made = scale.once(client, clients.Place(emulator, rows, folder), limit=1800)
            say(f"{count:,} keys made: {made['claim']}, {made['wall']} s, CPU {made['cpu']} s, {made['peak_mb']} MB, {made['calls']} calls; emulator {emulator.peak_mb()} MB")
        work, allowed = f"a run that makes {count:,} keys", 64 + count * 40 / 1e6
        self.add(work, f"≤ 64 MB + 40 bytes a key ({allowed:.0f} MB)", f"{made['peak_mb']} MB", made["done"] and made["peak_mb"] <= allowed,
                 wall=made["wall"], cpu=made["cpu"], calls=made["calls"])
        self.add(work, "≤ 20 µs of CPU an item", f"{made['cpu'] / count * 1e6:.1f} µs ({made['wall']:.0f} s in all)", made["cpu"] / count * 1e6 <= 20)
        write_rows(rows, 1, wide=False)
        for told, switches, times in [("", (), 3), (", quotas and 300 ms a call", QUOTAS, 1)]:
            with Emulator(scale.program, folder / "emulator", *keep, *switches) as emulator:
                place = clients.Place(emulator, rows, folder)
                runs = [scale.once(client, place, more=["-vv", "--log-format", "json"]) for _ in range(times)]
            wall, peak = statistics.median(run["wall"] for run in runs), max(run["peak_mb"] for run in runs)
            # A run that finds nothing new is its load, and the write of its row in Runs.
            load = statistics.median(run["wall"] - (sum(calls_ms(run["log"])) - sum(calls_ms(run["log"], writes=False))) / 1000 for run in runs)
            reads, cpu = runs[0]["stats"]["reads"], statistics.median(run["cpu"] for run in runs)
            work = f"{count:,} keys in Processed{told}"
            self.add(work, "loaded in ≤ 5 s", f"{load:.1f} s (the whole run {wall:.1f} s, CPU {cpu:.1f} s)", load <= 5, runs=[run["wall"] for run in runs])
            self.add(work, "≤ 120 MB", f"{peak} MB", peak <= 120)
            self.add(work, "≤ 20 read calls", f"{reads}", reads <= 20)

    def start(self):
        """From the start of the process to its first connection, whoever listens."""
        scale, client, times = self.scale, self.scale.own(), []
        folder = scale.new_folder()
        with Emulator(scale.program, folder / "emulator") as emulator:
            place = clients.Place(emulator, scale.files[min(scale.files)], folder)
            command, env = client.command(place)
        with socket.create_server(("127.0.0.1", 0)) as server:
            host = f"http://127.0.0.1:{server.getsockname()[1]}"
            key = json.loads(emulator.key.read_text())
            emulator.key.write_text(json.dumps(key | {"token_uri": f"{host}/token"}))
            for number in range(STARTS):
                started = process.Process(command, folder, f"start{number}", env | {"SHEETKEEP_API_URL": f"{host}/"})
                connection, _ = server.accept()
                connection.recv(1)
                times.append((time.monotonic() - started.began) * 1000)
                started.kill()
                connection.close()
                started.wait()
        median = statistics.median(times)
        self.add("start of the process to its first request", "≤ 50 ms", f"{median:.0f} ms, median of {STARTS} (longest {max(times):.0f} ms)", median <= 50, ms=times)

    def emulator(self):
        """What calls cost the emulator as the sheet grows."""
        scale = self.scale
        folder = scale.new_folder()
        sizes = sorted({*scale.files, scale.arguments.keys})
        with Emulator(scale.program, folder / "emulator", "--file", str(folder / "cost.sheet")) as emulator:
            script = pathlib.Path(__file__).parent / "emulator_cost.py"
            command = [sys.executable, str(script), emulator.url, str(emulator.key), ",".join(map(str, sizes))]
            done = process.run(command, folder, "cost", clients.ENVIRONMENT, 1800)
        out, err = done.output()
        if done.result["exit"] != 0:
            raise RuntimeError(f"the emulator's cost could not be measured: {err[-2000:]}")
        for name, costs in json.loads(out).items():
            first, last = costs[0], costs[-1]
            told = ", ".join(f"{cost:.2f} ms" for cost in costs)
            self.add(f"the emulator's {name} at {', '.join(f'{size:,}' for size in sizes)} rows", "flat in the size of the sheet (at most twice)", told, last <= 2 * max(first, 0.2), ms=costs)


def numbers(runs):
    """Medians over repetitions."""
    return {
        "wall": statistics.median(run["wall"] for run in runs),
        "cpu": statistics.median(run["cpu"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "repetitions": len(runs),
    }


COLUMNS = ["client", "rows#", "reads#", "writes#", "429s#", "wall s#", "CPU s#", "peak MB#", "rows there#", "it said"]


def line(client, size, runs):
    """A row of the peers' tables, for people and for the JSON."""
    last, found = runs[-1], numbers(runs)
    stats = last["stats"]
    said = "stopped by the bench" if last["claim"] == "killed" else last["claim"]
    cells = [client.name, size, stats["reads"], stats["writes"], stats["throttled"], found["wall"], found["cpu"], found["peak_mb"], last["audit"]["rows"], said]
    return {"client": client.name, "size": size, "stats": stats, **found, "audit": last["audit"], "said": said, "cells": cells}


def free(scale):
    """All clients and sizes, without quotas; each several times where that is cheap."""
    lines = []
    for size, file in scale.files.items():
        times = 5 if size <= 1_000 else 3 if size <= 10_000 else 1
        for client in [scale.own(), *scale.peers()]:
            lines.append(line(client, size, [scale.measure(client, file) for _ in range(times)]))
            say(f"without quotas: {lines[-1]['cells']}")
    return lines


def limited(scale):
    """All clients and sizes under Google's quotas. They mostly wait, so the peers do so side by side, each with its own emulator."""
    lines, limit = [], scale.arguments.limit
    for size, file in scale.files.items():
        own = scale.own()
        lines.append(line(own, size, [scale.measure(own, file, *QUOTAS)]))
        say(f"under quotas: {lines[-1]['cells']}")
    work = [(client, size) for size in sorted(scale.files, reverse=True) for client in scale.peers()]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        ended = pool.map(lambda pair: scale.measure(pair[0], scale.files[pair[1]], *QUOTAS, limit=limit), work)
        for (client, size), result in zip(work, ended, strict=True):
            lines.append(line(client, size, [result]))
            say(f"under quotas: {lines[-1]['cells']}")
    return sorted(lines, key=lambda each: each["size"])


def slopes(lines):
    """What one more row costs each client, from the smallest size to the largest."""
    table, data = [], []
    for name in dict.fromkeys(each["client"] for each in lines):
        runs = sorted((each for each in lines if each["client"] == name), key=lambda each: each["size"])
        small, large = runs[0], runs[-1]
        more = large["size"] - small["size"]
        if not more:
            continue
        wall, cpu = ((large[key] - small[key]) / more * 1e6 for key in ("wall", "cpu"))
        memory = (large["peak_mb"] - small["peak_mb"]) * 1024 * 1024 / more
        calls = (large["stats"]["writes"] - small["stats"]["writes"]) / more * 10_000
        table.append([name, wall, cpu, memory, calls])
        data.append({"client": name, "wall_us": wall, "cpu_us": cpu, "memory_bytes": memory, "writes_per_10000": calls})
    return table, data


def after_kill(scale):
    """Killed when half of its writes are through, then run again."""
    size = min(10_000, max(scale.files))
    table, data = [], []
    for client in [clients.Sheetkeep(scale.program, 1000, ["amount", "count"], "sheetkeep, 1,000 a write"), *scale.peers()]:
        folder = scale.new_folder()
        with Emulator(scale.program, folder / "emulator", "--latency", "50ms") as emulator:
            place = clients.Place(emulator, scale.files[size], folder)
            per_batch = 2 if getattr(client, "keys", "") == "tab" else 1
            half = client.first + size // client.batch * per_batch // 2
            scale.once(client, place, until=lambda emulator=emulator, half=half: emulator.stats()["writes"] >= half)
            durable = clients.audit(client, place)
            again = scale.once(client, place)
            last = clients.audit(client, place)
        table.append([client.name, size, durable["rows"], again["claim"], last["rows"], last["doubled"], last["lost"], again["stats"]["reads"], again["stats"]["writes"]])
        say(f"after a kill: {table[-1]}")
        data.append({"client": client.name, "size": size, "durable": durable, "rerun": again["claim"], "in_the_end": last, "stats": again["stats"]})
    return table, data


def item_cost(scale):
    """CPU per item of this project alone: new items, and items that are known already."""
    small, large = min(scale.files), max(scale.files)
    cpu = {}
    for size in (small, large):
        folder, client = scale.new_folder(), scale.own()
        times = 3
        with Emulator(scale.program, folder / "emulator") as emulator:
            place = clients.Place(emulator, scale.files[size], folder)
            new = scale.once(client, place)["cpu"]
            known = statistics.median(scale.once(client, place)["cpu"] for _ in range(times))
        new = statistics.median([new, *(scale.measure(client, scale.files[size])["cpu"] for _ in range(times - 1))])
        cpu[size] = {"overhead of the runner: new items": new, "overhead of the runner: items that are known": known}
    return {work: ((cpu[large][work] - cpu[small][work]) / max(1, large - small) * 1e6, small, large) for work in cpu[small]}


def main():
    """The budgets, then the peers; what was found goes to the evidence."""
    arguments = parsed()
    facts = report.circumstances()
    parts, data = [], {}
    with tempfile.TemporaryDirectory() as folder:
        scale = Scale(arguments, folder)
        if arguments.only != "peers":
            budgets = Budgets(scale)
            budgets.start()
            budgets.small_runs()
            budgets.large_run()
            budgets.per_item(item_cost(scale))
            budgets.keys()
            budgets.emulator()
            table = report.table(budgets.COLUMNS, [[row["work"], row["budget"], row["measured"], "ok" if row["ok"] else "**missed**"] for row in budgets.rows])
            parts.append(f"## Budgets\n\nUnder Google's quotas (60 reads and 60 writes a minute) and 300 ms a call, unless the line says otherwise.\n\n{table}")
            data["budgets"] = budgets.rows
        if arguments.only != "budgets":
            lines = free(scale)
            parts.append(f"## Without quotas\n\n{report.table(COLUMNS, [each['cells'] for each in lines])}")
            table, slope = slopes(lines)
            columns = ["client", "wall µs#", "CPU µs#", "memory bytes#", "writes per 10,000 rows#"]
            parts.append(f"## The slope: what one more row costs\n\nFrom {min(scale.files):,} to {max(scale.files):,} rows, without quotas.\n\n{report.table(columns, table)}")
            quotas = limited(scale)
            parts.append(
                f"## Under Google's quotas, 300 ms a call\n\nThe peers ran side by side, each against an emulator of its own; after {arguments.limit} s one was stopped by the bench. "
                f"google-sheets4 tries nothing again, so its first 429 ends it.\n\n{report.table(COLUMNS, [each['cells'] for each in quotas])}"
            )
            table, killed = after_kill(scale)
            columns = ["client", "rows#", "durable after the kill#", "the rerun said", "then rows#", "doubled#", "lost#", "its reads#", "its writes#"]
            parts.append(f"## Killed half way, then run again\n\nSIGKILL when half of the writes were through, at 50 ms a call.\n\n{report.table(columns, table)}")
            data |= {"free": lines, "slopes": slope, "quotas": quotas, "killed": killed}
    facts["load_at_end"] = report.load()
    head = (
        f"# Scale\n\nWritten by `benches/run scale`. {report.told(facts)}\n\n"
        "Rows of eight cells, read from a CSV file. The emulator is another process, in memory unless said otherwise; wall, CPU and peak memory are the client's alone. "
        "Medians of 5 runs at 1,000 rows, 3 at 10,000, 1 at 100,000. *429s* were answered by the quota and are not in the other counts. "
        "gspread is its client that backs off, reads a keyed tab first and appends each batch's keys to it afterwards; dlt keeps its state on its own disk; google-sheets4 keeps none. "
        "sheetkeep's calls include its first contact, and its writes carry rows, keys, state and run at once."
    )
    text = "\n\n".join([head, *parts])
    print(text)
    for lines in (data.get("free", []), data.get("quotas", [])):
        for each in lines:
            each.pop("cells")
    keep = arguments.sizes == FULL and arguments.keys >= 1_000_000 and not arguments.only
    report.write("scale", text, {"circumstances": facts, **data}, keep)


if __name__ == "__main__":
    main()
