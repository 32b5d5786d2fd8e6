"""Uses up an account's writes of this minute: clears an empty cell until the service answers 429.

    python use_up_writes.py URL KEY.json SPREADSHEET
"""

import argparse
import sys

import gspread

from gspread_append import http_client

MOST = 1000


def main():
    """Writes, at most so often."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "key", "spreadsheet"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    book = gspread.service_account(arguments.key, http_client=http_client(arguments.url, "plain")).open_by_key(arguments.spreadsheet)
    sheet = book.sheet1
    for _ in range(MOST):
        try:
            sheet.batch_clear(["Z1"])
        except gspread.exceptions.APIError as error:
            if error.code == 429:
                return
            raise
    sys.exit(f"{MOST} writes were not answered 429")


if __name__ == "__main__":
    main()
