"""An emulator of the Sheets API in a process of its own: started, asked, told to misbehave, ended."""

import contextlib
import json
import pathlib
import subprocess
import urllib.request

SPREADSHEET = "bench"


class Emulator:
    """`sheetkeep emulate` on a free port, with one empty spreadsheet. Used as a context; `key` is its credentials file."""

    def __init__(self, program, folder, *switches):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.key = folder / "key.json"
        command = [program, "emulate", "--port", "0", "--spreadsheet-id", SPREADSHEET, "--credentials", str(self.key), *switches]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the emulator ended with {self.process.wait()} before it was ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, path, body=None):
        """One of its control paths; with a body, as a POST."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_emulator/{path}", data=data, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def stats(self):
        """The calls since the start, or since they were last set back."""
        return self.ask("stats")

    def forget(self):
        """Sets the counts back."""
        self.ask("stats:reset", {})

    def set_faults(self, faults):
        """The faults to come, in place of those before."""
        self.ask("faults", faults)

    def faults_left(self):
        """How many faults have not come yet."""
        return len(self.ask("faults"))

    def peak_mb(self):
        """The most memory that it has held, in MB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
        return None
