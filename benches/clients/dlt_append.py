"""Rows of a CSV file onto a sheet with dlt and a custom destination, as its documentation shows.

    python dlt_append.py URL KEY.json SPREADSHEET ROWS.csv FOLDER --batch 100

The destination function appends each batch with gspread. The resource has an incremental cursor on the key, so that a later run
takes only what is new; dlt keeps that, and how far a load has come, in FOLDER.
"""

import argparse
import csv
import datetime
import functools

import dlt
import gspread


def parsed():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "key", "spreadsheet", "rows", "folder"):
        parser.add_argument(name)
    parser.add_argument("--batch", type=int, default=100)
    return parser.parse_args()


arguments = parsed()


@functools.cache
def sheet():
    """The sheet, with Google's address replaced."""

    class Emulated(gspread.HTTPClient):
        """The client, led to the emulator."""

        def request(self, method, endpoint, **rest):
            return super().request(method, endpoint.replace("https://sheets.googleapis.com", arguments.url), **rest)

    return gspread.service_account(arguments.key, http_client=Emulated).open_by_key(arguments.spreadsheet).sheet1


def plain(value):
    """dlt makes a moment of every text that looks like one; JSON has none."""
    return value.isoformat() if isinstance(value, datetime.date) else value


@dlt.destination(batch_size=arguments.batch, name="google_sheet")
def google_sheet(items, table):
    """Appends a batch. `table` has the columns in their order."""
    columns = list(table["columns"])
    sheet().append_rows([[plain(item.get(column)) for column in columns] for item in items])


@dlt.resource(name="rows")
def rows(position=dlt.sources.incremental("id")):  # noqa: ARG001, B008: dlt finds the cursor by this default
    """The records of the file that are beyond the cursor."""
    with open(arguments.rows, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    pipeline = dlt.pipeline(pipeline_name="bench", destination=google_sheet, pipelines_dir=arguments.folder)
    print(pipeline.run(rows()))
