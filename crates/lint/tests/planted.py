import os
import subprocess
import time
from datetime import datetime

import gspread
import requests
from urllib3.util.retry import Retry

API_KEY = "q7Rk2mZp9Lx4Vb8Nc1Ty"  # fault: SK102
SHEET = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"  # fault: SK203
SOURCE = "/home/anna/data/feed.csv"  # fault: SK201

os.mkdir("out")  # fault: SK204
client = gspread.service_account(filename="service_account.json")  # fault: SK104
sheet = client.open_by_key(SHEET).sheet1
session = requests.Session()
policy = Retry(total=5, status_forcelist=[500, 503])  # fault: SK305
print("using", API_KEY)  # fault: SK105
url = f"https://example.org/feed?api_key={API_KEY}"  # fault: SK107
while True:
    try:
        rows = session.get(url, verify=False).json()  # fault: SK301 SK302 SK307
        break
    except:  # fault: SK401 SK304
        pass
print("got it at", datetime.now())  # fault: SK206
sheet.clear()  # fault: SK504
for number, row in enumerate(rows):
    sheet.append_row([row["id"]], value_input_option="USER_ENTERED")  # fault: SK308 SK508
    time.sleep(1)
subprocess.run(["rsync", "out", "backup:"])  # fault: SK404
os.system("gzip out/*")  # fault: SK404
with open("out/last.txt", "w", encoding="utf-8") as last:  # fault: SK503
    last.write(str(len(rows)))
