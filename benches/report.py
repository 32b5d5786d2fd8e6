"""What a bench found, as tables on the screen and as docs/evidence/NAME.{md,json}."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import textwrap

ROOT = pathlib.Path(__file__).parents[1]
EVIDENCE = ROOT / "docs" / "evidence"


def git(*arguments):
    """What git says of this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def circumstances():
    """Where and when: enough to judge the numbers by, and no paths."""
    memory = next(line for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    changed = git("status", "--porcelain", "--", "src", "benches", "Cargo.toml", "Cargo.lock")
    return {
        "commit": git("rev-parse", "HEAD") + (" and changes" if changed else ""),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory.split()[1]) / 1024 / 1024, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "gspread": importlib.metadata.version("gspread"),
        "dlt": importlib.metadata.version("dlt"),
        "load_at_start": load(),
    }


def load():
    """How many processes want a core, over the last minute."""
    return round(os.getloadavg()[0], 2)


def circumstances_of(bench, facts):
    """The circumstances of a bench as one paragraph."""
    text = (
        f"Written by `benches/run {bench}`. "
        f"Commit `{facts['commit'][:12]}`{' with changes not committed' if facts['commit'].endswith('changes') else ''}, {facts['date']}; "
        f"{facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}, shared with other builds "
        f"(load {facts['load_at_start']} at the start, {facts['load_at_end']} at the end). "
        f"gspread {facts['gspread']}, dlt {facts['dlt']}, Python {facts['python']}."
    )
    return textwrap.fill(text, 100, break_on_hyphens=False)


def number(value):
    """A number for people: thousands parted, seconds and MB short."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def table(columns, rows):
    """A table in Markdown; a column whose name ends in `#` is set to the right."""
    names = [name.rstrip("#") for name in columns]
    rule = ["---:" if name.endswith("#") else "---" for name in columns]
    lines = ["| " + " | ".join(names) + " |", "|" + "|".join(rule) + "|"]
    lines += ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def write(name, text, data, keep):
    """Writes the two files of the evidence, unless the sizes were not the full ones (`keep` is false)."""
    if not keep:
        print("\nSizes were reduced: docs/evidence is unchanged.")
        return
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    (EVIDENCE / f"{name}.md").write_text(text.rstrip() + "\n", encoding="utf-8")
    (EVIDENCE / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nWritten: docs/evidence/{name}.md and docs/evidence/{name}.json")
