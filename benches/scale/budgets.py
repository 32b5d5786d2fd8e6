"""The budgets: what sheetkeep may cost, and what it does cost."""

import json
import pathlib
import socket
import statistics
import sys
import sysconfig
import time

import clients
import process
import report
from runs import QUOTAS, calls_ms, say, write_rows

from emulator import Emulator

STARTS = 21
# What the budget of the linter is about.
LINTED_BYTES = 4_000_000


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
            small = [
                ("10 new items", 1010, [], 1),
                ("nothing new", 1010, [], 1),
                ("10 new items from standard input, which is claimed first", 1020, ["--input", "-"], 2),
            ]
            for work, count, more, writes in small:
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
                self.add(
                    f"a later small run: {work}",
                    f"2 reads + {writes} write{'s'[: writes - 1]}",
                    f"{stats['reads']} reads + {stats['writes']} write{'s'[: stats['writes'] - 1]}",
                    holds,
                    stats=stats,
                )

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
        self.add(
            work,
            "each key once",
            f"{result['audit']['rows']:,} rows, {result['audit']['doubled']} doubled, {result['audit']['lost']} lost",
            result["done"] and result["audit"] == {"rows": size, "doubled": 0, "lost": 0},
        )
        self.add(
            f"memory of a steady run, {size:,} items",
            f"≤ 64 MB + 40 bytes a key ({64 + size * 40 / 1e6:.0f} MB)",
            f"{result['peak_mb']} MB",
            result["peak_mb"] <= 64 + size * 40 / 1e6,
            peak_mb=result["peak_mb"],
        )

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
            say(f"{count:,} keys made: {made['claim']}; the emulator held {emulator.peak_mb()} MB")
        work, allowed = f"a run that makes {count:,} keys", 64 + count * 40 / 1e6
        self.add(
            work,
            f"≤ 64 MB + 40 bytes a key ({allowed:.0f} MB)",
            f"{made['peak_mb']} MB",
            made["done"] and made["peak_mb"] <= allowed,
            wall=made["wall"],
            cpu=made["cpu"],
            calls=made["calls"],
        )
        self.add(
            work,
            "≤ 20 µs of CPU an item",
            f"{made['cpu'] / count * 1e6:.1f} µs ({made['wall']:.0f} s in all)",
            made["cpu"] / count * 1e6 <= 20,
        )
        write_rows(rows, 1, wide=False)
        for told, switches, times in [("", (), 3), (", quotas and 300 ms a call", QUOTAS, 1)]:
            with Emulator(scale.program, folder / "emulator", *keep, *switches) as emulator:
                place = clients.Place(emulator, rows, folder)
                runs = [scale.once(client, place, more=["-vv", "--log-format", "json"]) for _ in range(times)]
            wall, peak = statistics.median(run["wall"] for run in runs), max(run["peak_mb"] for run in runs)
            # A run that finds nothing new is its load, and the write of its row in Runs.
            load = statistics.median(run["wall"] - sum(calls_ms(run["log"], "spreadsheets.batchUpdate")) / 1000 for run in runs)
            reads, cpu = runs[0]["stats"]["reads"], statistics.median(run["cpu"] for run in runs)
            work = f"{count:,} keys in Processed{told}"
            self.add(
                work,
                "loaded in ≤ 5 s",
                f"{load:.1f} s (the whole run {wall:.1f} s, CPU {cpu:.1f} s)",
                load <= 5,
                runs=[run["wall"] for run in runs],
            )
            self.add(work, "≤ 120 MB", f"{peak} MB", peak <= 120)
            self.add(work, "≤ 20 read calls", f"{reads}", reads <= 20)

    def plans(self):
        """A plan of many records against many keys, in both modes: each tenth record is new."""
        scale, count = self.scale, self.scale.arguments.keys
        for mode in ("append", "upsert"):
            client, folder = clients.Sheetkeep(scale.program, columns=["amount"], mode=mode), scale.new_folder()
            rows = write_rows(folder / "rows.csv", count, wide=False)
            with Emulator(scale.program, folder / "emulator", "--file", str(folder / "keys.sheet")) as emulator:
                place = clients.Place(emulator, rows, folder)
                made = scale.once(client, place, limit=1800)
                say(f"{count:,} keys made in {mode} mode: {made['claim']}, {made['wall']:.0f} s")
                write_rows(rows, count + count // 100, wide=False, begin=count - 9 * count // 100)
                plans = [scale.once(client, place, more=["--dry-run"]) for _ in range(3)]
            wall, peak = statistics.median(plan["wall"] for plan in plans), max(plan["peak_mb"] for plan in plans)
            done = made["done"] and all(plan["done"] for plan in plans)
            cpu = statistics.median(plan["cpu"] for plan in plans)
            work = f"a plan of {count // 10:,} records against {count:,} keys, {mode} mode"
            told = f"{wall:.1f} s (CPU {cpu:.1f} s)"
            self.add(work, "≤ 10 s", told, done and wall <= 10, runs=[plan["wall"] for plan in plans])
            self.add(work, "≤ 120 MB", f"{peak} MB", done and peak <= 120)

    def start(self):
        """What a process does before it asks the service anything."""
        self.first_request("run", "start of the process to its first request", 50)
        self.first_request("check", "the offline part of `check`: start of the process to its first request", 100)

    def first_request(self, word, work, allowed):
        """From the start of the process to its first connection, whoever listens."""
        scale, client, times = self.scale, self.scale.own(), []
        folder = scale.new_folder()
        with Emulator(scale.program, folder / "emulator") as emulator:
            place = clients.Place(emulator, scale.files[min(scale.files)], folder)
            command, env = client.command(place)
            command[command.index("run")] = word
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
        self.add(
            work,
            f"≤ {allowed} ms",
            f"{median:.0f} ms, median of {STARTS} (longest {max(times):.0f} ms)",
            median <= allowed,
            ms=times,
        )

    def lint(self):
        """The linter on 4 MB of Python: the standard library of this Python, as it is and as one file."""
        folder = self.scale.new_folder()
        texts, size = [], 0
        for path in sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).glob("**/*.py")):
            if "site-packages" in path.parts or size >= LINTED_BYTES:
                continue
            text = path.read_bytes()
            texts.append(text)
            size += len(text)
        files = folder / "files"
        files.mkdir(parents=True)
        for number, text in enumerate(texts):
            (files / f"{number:04}.py").write_bytes(text)
        whole = folder / "whole.py"
        whole.write_bytes(b"\n".join(texts)[:LINTED_BYTES].rpartition(b"\n")[0])
        for shape, path in [(f"{len(texts)} files", files), ("one file", whole)]:
            runs = [process.run([self.scale.program, "lint", str(path), "--gate", "never"], folder, "lint").result for _ in range(3)]
            cpu, peak = statistics.median(run["cpu"] for run in runs), max(run["peak_mb"] for run in runs)
            work = f"lint of 4 MB of Python as {shape}"
            self.add(work, "≤ 1 s of CPU", f"{cpu:.2f} s", cpu <= 1, runs=[run["cpu"] for run in runs])
            self.add(work, "≤ 100 MB", f"{peak} MB", peak <= 100)

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
            self.add(
                f"the emulator's {name} at {', '.join(f'{size:,}' for size in sizes)} rows",
                "flat in the size of the sheet (at most twice)",
                told,
                last <= 2 * max(first, 0.2),
                ms=costs,
            )


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
