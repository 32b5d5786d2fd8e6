# The script of a team's first week: it works, until the night it does not.
# `sheetkeep lint examples/harden/before.py` names what is missing; after.py has it.
import os
import time

import gspread
import requests

SHEET = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"

os.mkdir("out")
client = gspread.service_account(filename="service_account.json")
sheet = client.open_by_key(SHEET).sheet1

while True:
    try:
        rows = requests.get("https://example.org/feed.json").json()
        break
    except:
        pass

sheet.clear()
for row in rows:
    sheet.append_row([row["id"], row["name"]])
    sheet.update("B1", [[time.time()]])
    print("written", row["id"])

with open("out/last.txt", "w") as last:
    last.write(str(len(rows)))
