"""What `sheetkeep schedule run` costs while nothing is due, and how late it makes its calls.

Needs Linux and nothing beside Python. Each job has an embedded sheet of its own and a source of three records.
"""

import argparse
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

JOB = """name = "{name}"
schedule = {{ cron = "{cron}", timezone = "UTC" }}
[source]
jsonl = "items.jsonl"
[item]
key = ".id"
[sheet]
tab = "Rows"
"""


class Daemon:
    """A running daemon whose log is read as it comes."""

    def __init__(self, sheetkeep, folder, jobs, cron):
        (folder / "items.jsonl").write_text('{"id": 1}\n{"id": 2}\n{"id": 3}\n')
        names = [f"job{nth}" for nth in range(jobs)]
        for name in names:
            (folder / f"{name}.toml").write_text(JOB.format(name=name, cron=cron))
        self.log_path = folder / "log"
        environment = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        with self.log_path.open("w") as log:
            command = [sheetkeep, "schedule", "run", "-v", *(f"{name}.toml" for name in names)]
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)

    def log(self):
        return self.log_path.read_text()

    def await_calls(self, count):
        while len(re.findall("the next call is planned", self.log())) < count:
            if self.process.poll() is not None:
                raise SystemExit(f"the daemon ended:\n{self.log()}")
            time.sleep(0.5)

    def resident_kb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(re.search(rf"{key}:\s+(\d+)", status)[1]) for key in ("VmRSS", "RssAnon")}

    def cpu_ms(self):
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


def hour_far_away():
    """The hour that is twelve hours away: nothing is due meanwhile, nor within misfire_grace."""
    return (time.gmtime().tm_hour + 12) % 24


def idle(sheetkeep, jobs, seconds):
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(sheetkeep, Path(folder), jobs, f"0 {hour_far_away()} * * *")
        daemon.await_calls(jobs)
        time.sleep(2)
        before = daemon.cpu_ms()
        time.sleep(seconds)
        used, memory = daemon.cpu_ms() - before, daemon.resident_kb()
        code = daemon.stop()
    print(
        f"idle, {jobs} jobs, {seconds} s: resident {memory['VmRSS'] / 1024:.1f} MB "
        f"(of its own {memory['RssAnon'] / 1024:.1f}), CPU {used:.1f} ms = {used / seconds / 10:.3f} % of a core; exit {code}",
        flush=True,
    )


def lateness(sheetkeep, jobs, minutes):
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(sheetkeep, Path(folder), jobs, "* * * * *")
        daemon.await_calls(jobs)
        time.sleep(minutes * 60)
        late = sorted(int(ms) for ms in re.findall(r"late_ms=(\d+)", daemon.log()))
        code = daemon.stop()
    quantile = lambda share: late[min(int(len(late) * share), len(late) - 1)]
    print(
        f"calls of {jobs} jobs at the same minute, {len(late)} in all: late by {quantile(0.5)} ms (median), "
        f"{quantile(0.99)} ms (p99), {late[-1]} ms (longest); exit {code}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheetkeep", default="target/release/sheetkeep")
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--minutes", type=int, default=5)
    args = parser.parse_args()
    sheetkeep = os.path.abspath(args.sheetkeep)
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores", flush=True)
    idle(sheetkeep, args.jobs, args.seconds)
    lateness(sheetkeep, 8, args.minutes)
    lateness(sheetkeep, 50, args.minutes)
    print(f"load {os.getloadavg()[0]:.2f}", flush=True)


main()
