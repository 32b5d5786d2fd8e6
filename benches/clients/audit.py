"""What stands on a sheet, against the CSV file that should: rows, doubled, lost, as JSON.

    python audit.py URL KEY.json SPREADSHEET ROWS.csv TAB [--header]

TAB may be empty, for the first one. Doubled are rows beyond the first of a key; lost are keys that no row has.
"""

import argparse
import collections
import csv
import json

import gspread

from gspread_append import http_client


def main():
    """Reads the key column and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "key", "spreadsheet", "rows", "tab"):
        parser.add_argument(name)
    parser.add_argument("--header", action="store_true")
    arguments = parser.parse_args()
    book = gspread.service_account(arguments.key, http_client=http_client(arguments.url, "backoff")).open_by_key(arguments.spreadsheet)
    titles = [each.title for each in book.worksheets()]
    there = []
    if not arguments.tab or arguments.tab in titles:
        sheet = book.worksheet(arguments.tab) if arguments.tab else book.sheet1
        there = [key for key in sheet.col_values(1)[1 if arguments.header else 0 :] if key]
    with open(arguments.rows, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        wanted = {row[0] for row in reader}
    counts = collections.Counter(there)
    print(json.dumps({"rows": len(there), "doubled": len(there) - len(counts), "lost": len(wanted - counts.keys())}))


if __name__ == "__main__":
    main()
