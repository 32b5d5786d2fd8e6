"""Rows of a CSV file onto a sheet with gspread, as its documentation shows: `append_rows`, so many at a time.

    python gspread_append.py URL KEY.json SPREADSHEET ROWS.csv --batch 100 [--client plain|backoff] [--keys none|column|tab]

`--keys column` first reads which keys the sheet has and leaves their rows out; `--keys tab` does so by a second tab, to
which it appends the keys of each batch after its rows.
"""

import argparse
import csv
import itertools

import gspread


def parsed():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "key", "spreadsheet", "rows"):
        parser.add_argument(name)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--client", choices=["plain", "backoff"], default="plain")
    parser.add_argument("--keys", choices=["none", "column", "tab"], default="none")
    return parser.parse_args()


def http_client(url, kind):
    """gspread's client, with Google's address replaced; its code is untouched."""
    base = gspread.BackOffHTTPClient if kind == "backoff" else gspread.HTTPClient

    class Emulated(base):
        """The client, led to the emulator."""

        def request(self, method, endpoint, **rest):
            return super().request(method, endpoint.replace("https://sheets.googleapis.com", url), **rest)

    return Emulated


def batches(rows, size):
    """The rows, so many at a time."""
    rows = iter(rows)
    while batch := list(itertools.islice(rows, size)):
        yield batch


def keyed_tab(book):
    """The tab of keys, made if it is not there."""
    try:
        return book.worksheet("Keys")
    except gspread.WorksheetNotFound:
        return book.add_worksheet("Keys", rows=1, cols=1)


def main():
    """Appends what is not there yet."""
    arguments = parsed()
    book = gspread.service_account(arguments.key, http_client=http_client(arguments.url, arguments.client)).open_by_key(arguments.spreadsheet)
    sheet = book.sheet1
    keys = keyed_tab(book) if arguments.keys == "tab" else sheet
    known = set() if arguments.keys == "none" else set(keys.col_values(1))
    added = 0
    with open(arguments.rows, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for batch in batches((row for row in reader if row[0] not in known), arguments.batch):
            sheet.append_rows(batch)
            if arguments.keys == "tab":
                keys.append_rows([row[:1] for row in batch])
            added += len(batch)
    print(f"{added} rows added")


if __name__ == "__main__":
    main()
