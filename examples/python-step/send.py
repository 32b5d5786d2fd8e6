"""Sends one letter: the customer comes on standard input, the row of the sheet goes to standard output.

Exit code 0: done. 75: try again later. Any other: this customer is a failure, and the run continues.
The outbox plays a service that drops a letter whose key it has seen.
"""

import json
import os
import pathlib
import sys

customer = json.load(sys.stdin)
key = os.environ["SHEETKEEP_IDEMPOTENCY_KEY"]

if not customer["address"]:
    sys.exit(f"{customer['id']} has no address")

outbox = pathlib.Path("outbox")
outbox.mkdir(exist_ok=True)
try:
    with open(outbox / key, "x", encoding="utf-8") as letter:
        letter.write(customer["address"])
except FileExistsError:
    print(f"{customer['id']}: sent before, as {key}", file=sys.stderr)

print(json.dumps({"id": customer["id"], "sent_as": key}))
