"""What it costs at 1,000, 10,000 and 100,000 rows and with 1,000,000 keys: the budgets, and the same rows by others.

benches/run scale [--sizes 1000,10000,100000] [--keys 1000000] [--limit 420] [--only budgets|peers]
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import peers
import report
from budgets import Budgets, item_cost
from runs import Scale

FULL = [1_000, 10_000, 100_000]


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


HEAD = """Rows of eight cells, read from a CSV file. The emulator is another process, in memory unless noted
otherwise. Wall time, CPU and peak memory are the client's alone. Medians of 5 runs at 1,000 rows, 3
at 10,000, 1 at 100,000. *429s* were answered by the quota and are not in the other counts.

gspread is its client that backs off; it reads a keyed tab first and appends each batch's keys to it
afterwards. dlt keeps its state on its own disk; google-sheets4 keeps none. sheetkeep's calls
include its first contact, and its writes carry rows, keys, state and run at once. The others use
`values.append`, for which the emulator searches the table each time. At 100,000 rows that takes
some 40 ms a call, most of their wall time without quotas."""

UNDER_QUOTAS = """The peers ran side by side, each against an emulator of its own. The bench stopped what was not done
after {limit} s. google-sheets4 does not retry, so its first 429 ends it; dlt gives a load up after
five attempts."""


def budget_part(scale, data):
    """The budgets beside what was measured."""
    budgets = Budgets(scale)
    budgets.start()
    budgets.small_runs()
    budgets.large_run()
    budgets.per_item(item_cost(scale))
    budgets.keys()
    budgets.plans()
    budgets.emulator()
    budgets.lint()
    data["budgets"] = budgets.rows
    rows = [[row["work"], row["budget"], row["measured"], "ok" if row["ok"] else "**missed**"] for row in budgets.rows]
    told = "Under Google's quotas (60 reads and 60 writes a minute) and 300 ms a call, unless noted otherwise."
    return [f"## Budgets\n\n{told}\n\n{report.table(budgets.COLUMNS, rows)}"]


def peer_parts(scale, data, limit):
    """The same rows by all clients."""
    free, sizes = peers.free(scale), sorted(scale.files)[-2:]
    slopes, data["slopes"] = peers.slopes(free)
    limited = peers.limited(scale)
    killed, data["killed"] = peers.after_kill(scale)
    parts = [
        ("Without quotas", "", peers.COLUMNS, [each.pop("cells") for each in free]),
        ("The slope: what one more row costs", f"From {sizes[0]:,} to {sizes[-1]:,} rows, without quotas.", peers.SLOPE, slopes),
        ("Under Google's quotas, 300 ms a call", UNDER_QUOTAS.format(limit=limit), peers.COLUMNS, [each.pop("cells") for each in limited]),
        ("Killed half way, then run again", "SIGKILL when half of the writes were done, at 50 ms a call.", peers.KILLED, killed),
    ]
    data |= {"free": free, "quotas": limited}
    return ["\n\n".join(filter(None, [f"## {title}", told, report.table(columns, rows)])) for title, told, columns, rows in parts]


def main():
    """The budgets, then the peers; what was found goes to the evidence."""
    arguments = parsed()
    facts, data, parts = report.circumstances(), {}, []
    with tempfile.TemporaryDirectory() as folder:
        scale = Scale(arguments, folder)
        if arguments.only != "peers":
            parts += budget_part(scale, data)
        if arguments.only != "budgets":
            parts += peer_parts(scale, data, arguments.limit)
    facts["load_at_end"] = report.load()
    text = "\n\n".join([f"# Scale\n\n{report.circumstances_of('scale', facts)}", HEAD, *parts])
    print(text)
    full = arguments.sizes == FULL and arguments.keys >= 1_000_000 and not arguments.only
    report.write("scale", text, {"circumstances": facts, **data}, full)


if __name__ == "__main__":
    main()
