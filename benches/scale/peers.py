"""The same rows by all clients: with and without quotas, as they grow, and after a kill."""

import concurrent.futures
import statistics

import clients
from runs import QUOTAS, say

from emulator import Emulator

SLOPE = ["client", "wall µs#", "CPU µs#", "memory bytes#", "writes per 10,000 rows#"]
KILLED = ["client", "rows#", "durable after the kill#", "the rerun reported", "then rows#", "doubled#", "lost#", "its reads#", "its writes#"]
COLUMNS = ["client", "rows#", "reads#", "writes#", "429s#", "wall s#", "CPU s#", "peak MB#", "rows there#", "reported"]


def numbers(runs):
    """Medians over repetitions."""
    return {
        "wall": statistics.median(run["wall"] for run in runs),
        "cpu": statistics.median(run["cpu"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "repetitions": len(runs),
    }


def line(client, size, runs):
    """A row of the peers' tables, for people and for the JSON."""
    last, found = runs[-1], numbers(runs)
    stats = last["stats"]
    said = "stopped by the bench" if last["claim"] == "killed" else last["claim"]
    cells = [
        client.name,
        size,
        stats["reads"],
        stats["writes"],
        stats["throttled"],
        found["wall"],
        found["cpu"],
        found["peak_mb"],
        last["audit"]["rows"],
        said,
    ]
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
    """What one more row costs each client, between the two largest sizes."""
    table, data = [], []
    for name in dict.fromkeys(each["client"] for each in lines):
        runs = sorted((each for each in lines if each["client"] == name), key=lambda each: each["size"])
        small, large = runs[-2:] if len(runs) > 1 else runs * 2
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
        table.append(
            [
                client.name,
                size,
                durable["rows"],
                again["claim"],
                last["rows"],
                last["doubled"],
                last["lost"],
                again["stats"]["reads"],
                again["stats"]["writes"],
            ]
        )
        say(f"after a kill: {table[-1]}")
        data.append({"client": client.name, "size": size, "durable": durable, "rerun": again["claim"], "in_the_end": last, "stats": again["stats"]})
    return table, data
