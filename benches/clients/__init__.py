"""The clients that are compared: how each is told to put the rows of a CSV file onto the emulator's sheet."""

import dataclasses
import json
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent

# Nothing of this machine's settings reaches a client; dlt is told not to call home.
KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("SHEETKEEP_", "GOOGLE_", "DLT_"))}
ENVIRONMENT = KEPT | {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclasses.dataclass
class Place:
    """Where a client works: the emulator, the file of rows, and a folder that is its machine's disk."""

    emulator: object
    rows: pathlib.Path
    folder: pathlib.Path


class Client:
    """One of those compared. `batch` is the number of rows in a write, `first` of writes that precede rows."""

    tab, header, first = "", False, 0
    gives_up_at_429 = False

    def __init__(self, name, batch):
        self.name, self.batch = name, batch

    def command(self, place):
        """Its command, and the environment that it runs in."""
        raise NotImplementedError

    def claim(self, process):
        """What it said of its work: one word or two, and whether that was "done"."""
        if process.result["killed"]:
            return "killed", False
        if process.result["exit"] == 0:
            return "success", True
        last = [line for line in process.output()[1].splitlines() if line.strip()]
        return f"exit {process.result['exit']}: {exception(last)}", False


def exception(lines):
    """What a program that failed named last as its error, and the status that it told."""
    names = [line.split(":", 1)[0].rsplit(".", 1)[-1].strip() for line in lines]
    name = next((name for name in reversed(names) if name.isidentifier() and name.endswith(("Error", "Exception", "Failed"))), "no error")
    status = re.findall(r"\b(?:429|503)\b", "\n".join(lines[-40:]))
    return " ".join([name, *status[-1:]])


class Sheetkeep(Client):
    """This project. Where it is told no batch, it chooses its own."""

    tab, header, first = "Rows", True, 3

    def __init__(self, program, batch=None, columns=(), name="sheetkeep", mode="append"):
        super().__init__(name, batch)
        self.program, self.columns, self.mode = program, columns, mode

    def job(self, place):
        """Its job file."""
        columns = ", ".join(f'{name} = "number"' for name in self.columns)
        commit = f"[commit]\nmax_rows = {self.batch}\n" if self.batch else ""
        path = place.folder / "bench.toml"
        path.write_text(
            f'name = "bench"\n[source]\ncsv = {json.dumps(str(place.rows))}\n[item]\nkey = ".id"\n[sheet]\ntab = "Rows"\nmode = "{self.mode}"\n'
            f"columns = {{ {columns} }}\n{commit}"
        )
        return path

    def command(self, place):
        own = {"SHEETKEEP_API_URL": f"{place.emulator.url}/", "GOOGLE_APPLICATION_CREDENTIALS": str(place.emulator.key)}
        state = ["--state-dir", str(place.folder / "state")]
        return [self.program, "run", str(self.job(place)), "--spreadsheet", "bench", "--json", *state], ENVIRONMENT | own

    def claim(self, process):
        if process.result["killed"]:
            return "killed", False
        code = process.result["exit"]
        words = {0: "success", 69: "exit 69: out of reach", 75: "exit 75: another run is at it"}
        return words.get(code, f"exit {code}"), code == 0


class Gspread(Client):
    """gspread: its plain client or the one that backs off, and what it does about keys."""

    def __init__(self, name, batch=100, client="plain", keys="none"):
        super().__init__(name, batch)
        self.client, self.keys = client, keys
        self.gives_up_at_429 = client == "plain"

    def command(self, place):
        script = [sys.executable, str(HERE / "gspread_append.py"), place.emulator.url, str(place.emulator.key), "bench", str(place.rows)]
        return [*script, "--batch", str(self.batch), "--client", self.client, "--keys", self.keys], ENVIRONMENT


class Dlt(Client):
    """dlt with a custom destination."""

    def __init__(self, name="dlt", batch=100):
        super().__init__(name, batch)

    def command(self, place):
        script = [sys.executable, str(HERE / "dlt_append.py"), place.emulator.url, str(place.emulator.key), "bench", str(place.rows)]
        return [*script, str(place.folder / "pipelines"), "--batch", str(self.batch)], ENVIRONMENT


class Alone(Client):
    """The crate google-sheets4 by itself: `values.append`, so many rows at a time."""

    def __init__(self, program, batch):
        super().__init__(f"google-sheets4, {batch:,} a write", batch)
        self.program = program

    def command(self, place):
        return [self.program, place.emulator.url, str(place.emulator.key), "bench", str(place.rows), str(self.batch)], ENVIRONMENT


def use_up_writes(place):
    """What another program of the same account does: writes until the service answers 429."""
    import process

    command = [sys.executable, str(HERE / "use_up_writes.py"), place.emulator.url, str(place.emulator.key), "bench"]
    done = process.run(command, place.folder, "use_up_writes", ENVIRONMENT)
    if done.result["exit"] != 0:
        raise RuntimeError(f"the quota could not be used up: {done.output()[1][-2000:]}")


def audit(client, place):
    """What stands on the sheet: rows, doubled, lost."""
    import process

    command = [sys.executable, str(HERE / "audit.py"), place.emulator.url, str(place.emulator.key), "bench", str(place.rows), client.tab]
    done = process.run(command + (["--header"] if client.header else []), place.folder, "audit", ENVIRONMENT)
    out, err = done.output()
    if done.result["exit"] != 0:
        raise RuntimeError(f"the audit failed: {err[-2000:]}")
    return json.loads(out)
