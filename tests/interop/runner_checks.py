"""sheetkeep and gspread on one spreadsheet: what either writes, the other reads.

    python runner_checks.py URL KEY.json SHEETKEEP FOLDER

SHEETKEEP is the program, FOLDER an empty one to work in.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys

from checks import Checks
from emulated import gspread_client

url, key, sheetkeep, folder = sys.argv[1:]
folder = pathlib.Path(folder)
fixtures = pathlib.Path(__file__).parents[2] / "fixtures"
checks = Checks("sheetkeep and gspread")
same, true = checks.same, checks.true
client = gspread_client(url, key)


def run(job, spreadsheet):
    """Runs a job on a spreadsheet of the emulator, and gives the summary that --json prints."""
    own = {"SHEETKEEP_API_URL": f"{url}/", "GOOGLE_APPLICATION_CREDENTIALS": key, "XDG_STATE_HOME": str(folder / "state")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHEETKEEP_")}
    done = subprocess.run([sheetkeep, "run", job, "--spreadsheet", spreadsheet, "--json"], env=kept | own,
                          capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)["counts"]


def the_runner_goes_on_in_a_tab_that_gspread_filled():
    book = client.create("filled by gspread")
    tab = book.add_worksheet("People", rows=20, cols=6)
    tab.update([["name", "note of mine", "id", "age"], ["Ada", "knows her", "a1", 36], ["Bob", "", "b2", 41]], "A1")
    tab.format("A1:D1", {"textFormat": {"bold": True}})
    tab.update_note("B2", "since school")
    people = [{"id": "c3", "name": "Cyd", "age": 29}, {"id": "0042", "name": "=Dee", "age": 3.5}]
    (folder / "people.jsonl").write_text("".join(json.dumps(each) + "\n" for each in people))
    job = folder / "people.toml"
    job.write_text('name = "people"\n[source]\njsonl = "people.jsonl"\n[item]\nkey = ".id"\n'
                   '[sheet]\ntab = "People"\ncolumns = { id = "text", age = "number" }\n')
    counts = run(job, book.id)
    same("both people are new to it", (counts["read"], counts["new"], counts["failed"]), (2, 2, 0))
    want = [
        ["name", "note of mine", "id", "age"], ["Ada", "knows her", "a1", 36], ["Bob", "", "b2", 41],
        ["Cyd", "", "c3", 29], ["=Dee", "", "0042", 3.5],
    ]
    got = tab.get_values(value_render_option="UNFORMATTED_VALUE")
    same("its rows stand below gspread's, each value in its column", got, want)
    same("what a person wrote is left alone", tab.get_note("B2"), "since school")
    same("it kept its books beside", [each.title for each in book.worksheets()][:2], ["Sheet1", "People"])
    tab.sort((3, "asc"), range="A2:D5")
    tab.insert_cols([["mine"]], 1)
    (folder / "people.jsonl").write_text(json.dumps({"id": "e5", "name": "Eve", "age": 50}) + "\n" + json.dumps(people[0]) + "\n")
    counts = run(job, book.id)
    same("after gspread sorted and inserted, one is new and one is known", (counts["new"], counts["skipped"]), (1, 1))
    last = tab.get_values(value_render_option="UNFORMATTED_VALUE")[-1]
    same("and the new one finds its columns", last, ["", "Eve", "", "e5", 50])
    client.del_spreadsheet(book.id)


def gspread_reads_what_the_runner_filled():
    book = client.create("filled by sheetkeep")
    quakes = json.loads((fixtures / "usgs-all-week.geojson").read_text())["features"]
    counts = run(fixtures / "quakes.toml", book.id)
    same("every quake is new", (counts["new"], counts["failed"]), (len(quakes), 0))
    tab = book.worksheet("Quakes")
    rows = tab.get_all_records(value_render_option="UNFORMATTED_VALUE")
    same("there are as many rows as quakes", len(rows), len(quakes))
    same("each id is there once", len({row["id"] for row in rows}), len(quakes))
    by_id = {row["id"]: row for row in rows}
    wrong = {"magnitude": [], "place": [], "coordinates": [], "time": []}
    for quake in quakes:
        row, told = by_id[quake["id"]], quake["properties"]
        if row["magnitude"] != ("" if told["mag"] is None else told["mag"]):
            wrong["magnitude"].append(quake["id"])
        if row["place"] != told["place"]:
            wrong["place"].append(quake["id"])
        if [row["longitude"], row["latitude"], row["depth"]] != quake["geometry"]["coordinates"]:
            wrong["coordinates"].append(quake["id"])
        # A moment is a number of days since 1899-12-30 in the spreadsheet's zone, which is GMT here.
        if round((row["time"] - 25569) * 86_400_000) != told["time"]:
            wrong["time"].append(quake["id"])
    for column, ids in wrong.items():
        same(f"every {column} is the source's", ids[:3], [])
    true("texts are texts", all(isinstance(row[name], str) for row in rows for name in ("id", "place", "url")))
    true("numbers are numbers", all(isinstance(row[name], (int, float)) for row in rows for name in ("time", "depth")))
    keys = book.worksheet("Processed quakes").get_all_records()
    same("each key is in the books, as done", ({row["state"] for row in keys}, len(keys)), ({"done"}, len(quakes)))
    same("and the run", [row["status"] for row in book.worksheet("Runs").get_all_records()], ["succeeded"])
    again = run(fixtures / "quakes.toml", book.id)
    same("a second run adds nothing", (again["new"], again["skipped"]), (0, len(quakes)))
    client.del_spreadsheet(book.id)


def codes_of_csv_keep_their_zeros():
    book = client.create("airports")
    with open(fixtures / "airports.csv", newline="", encoding="utf-8") as file:
        airports = list(csv.DictReader(file))
    counts = run(fixtures / "airports.toml", book.id)
    same("every airport is new", counts["new"], len(airports))
    rows = book.worksheet("Airports").get_values(value_render_option="UNFORMATTED_VALUE")
    want = [each["iata"] for each in airports]
    same("codes are texts to the letter", [row[rows[0].index("iata")] for row in rows[1:]], want)
    true("a latitude is a number", isinstance(rows[1][rows[0].index("latitude")], float))
    client.del_spreadsheet(book.id)


for part in [the_runner_goes_on_in_a_tab_that_gspread_filled, gspread_reads_what_the_runner_filled, codes_of_csv_keep_their_zeros]:
    with checks.part(part.__name__.replace("_", " ")):
        part()
checks.end()
