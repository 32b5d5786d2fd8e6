"""A process whose time, CPU and memory are measured. Linux."""

import os
import pathlib
import resource
import signal
import subprocess
import time


class Process:
    """A command at work, in a process group of its own, its output in files of `folder`.

    Peak memory is what the kernel tells at the end (`ru_maxrss`). That number starts at the size of the process that
    started the command, so below that size the high-water mark in /proc counts, which is looked at every few milliseconds.
    """

    def __init__(self, command, folder, name, env=None):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.began = time.monotonic()
            self.popen = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env, start_new_session=True)
        self.pid, self.seen_kb, self.result, self.killed = self.popen.pid, 0, None, False

    def look(self):
        """Whether it still works; what it has used is noted."""
        if self.result is not None:
            return False
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        self.seen_kb = max(self.seen_kb, int(line.split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            pass
        pid, status, usage = os.wait4(self.pid, os.WNOHANG)
        if pid == 0:
            return True
        wall = time.monotonic() - self.began
        self.popen.returncode = os.waitstatus_to_exitcode(status)
        own_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_kb = usage.ru_maxrss if usage.ru_maxrss > own_kb else self.seen_kb
        self.result = {
            "exit": self.popen.returncode,
            "wall": round(wall, 3),
            "cpu": round(usage.ru_utime + usage.ru_stime, 3),
            "peak_mb": round(peak_kb / 1024, 1),
            "killed": self.killed,
        }
        return False

    def kill(self):
        """SIGKILL to it and to what it started."""
        self.killed = True
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self, limit=600, until=None):
        """Waits for its end. It is killed after `limit` seconds, or as soon as `until()` holds. Gives what it used."""
        pause, asked = 0.002, time.monotonic()
        while self.look():
            now = time.monotonic()
            if now - self.began > limit and not self.killed:
                self.kill()
            if until is not None and not self.killed and now - asked > 0.02:
                asked = now
                if until():
                    self.kill()
            pause = 0.002 if now - self.began < 5 else 0.02
            time.sleep(pause)
        return self.result

    def output(self):
        """What it wrote to standard output, and to standard error."""
        return tuple(path.read_text(encoding="utf-8", errors="replace") for path in (self.out, self.err))


def run(command, folder, name, env=None, limit=600, until=None):
    """Runs a command to its end: the process, with its result."""
    process = Process(command, folder, name, env)
    process.wait(limit, until)
    return process
