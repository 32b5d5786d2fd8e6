"""The same, hardened. Each change is a finding of `sheetkeep lint examples/harden/before.py`.

What two runs at once, a lost answer or a kill between two calls would still do to the sheet is
what a sheetkeep job is for; the last lines hand the rows to one.
"""

import argparse
import fcntl
import json
import logging
import os
import sys
import tempfile
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

FEED = os.environ["FEED_URL"]
HEARTBEAT = os.environ["HEARTBEAT_URL"]
TARGET = Path(os.environ["FEED_FILE"])
LOCK = Path(os.environ["LOCK_FILE"])


def client():
    """Returns a session that tries again, a few times, with growing delays."""
    retry = Retry(total=5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=["GET"])
    session = requests.Session()
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def fetch(session):
    """Returns the feed, or raises."""
    answer = session.get(FEED, timeout=(10, 60))
    answer.raise_for_status()
    return answer.json()


def write(rows):
    """Writes the file as a whole, or not at all."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=TARGET.parent, delete=False, encoding="utf-8") as out:
        json.dump(rows, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(out.name, TARGET)


def main():
    """Fetches the feed and hands it over. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="fetch and count, write nothing")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        with LOCK.open("a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            session = client()
            rows = fetch(session)
            logging.info("%s rows", len(rows))
            if not arguments.dry_run:
                # `sheetkeep run feed.toml` reads this file: each key's rows exactly once on the sheet.
                write(rows)
                session.get(HEARTBEAT, timeout=10).raise_for_status()
    except Exception:
        logging.exception("the feed was not fetched")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
