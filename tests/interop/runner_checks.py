"""sheetkeep and gspread on one spreadsheet: what either writes, the other reads, pandas included.

    python runner_checks.py URL KEY.json SHEETKEEP FOLDER

SHEETKEEP is the program, FOLDER an empty one to work in.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

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


def the_runner_keeps_rows_up_to_date_that_stand_in_a_tab_of_gspreads():
    book = client.create("stock")
    tab = book.add_worksheet("Stock", rows=30, cols=8)
    tab.update([["remark", "price", "since", "sku", "active", "total"]], "A1")
    tab.freeze(rows=1)
    job = folder / "stock.toml"
    job.write_text('name = "stock"\n[source]\njsonl = "stock.jsonl"\n[item]\nkey = ".sku"\n[sheet]\ntab = "Stock"\nmode = "upsert"\n'
                   'columns = { sku = "text", price = { type = "number", format = "$#,##0.00" }, since = "date", active = "boolean" }\n')

    def stock(*records):
        (folder / "stock.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
        return run(job, book.id)

    lamp = {"sku": "007", "price": 12.5, "since": "2024-02-29", "active": True}
    desk = {"sku": "1e3", "price": 1200, "since": "2025-01-01", "active": False}
    counts = stock(lamp, desk)
    same("both are new", (counts["new"], counts["failed"]), (2, 0))
    values = tab.get_values("A2:E3", value_render_option="UNFORMATTED_VALUE")
    same("each value is of its type, in the header's order", values, [["", 12.5, 45351, "007", True], ["", 1200, 45658, "1e3", False]])
    same("the price shows as the job has it", tab.acell("B3").value, "$1,200.00")
    same("dates show as dates", tab.acell("C2").value, "2024-02-29")
    tab.update([["fragile"], ["heavy"]], "A2:A3")
    tab.update([["=B2*2"], ["=B3*2"]], "F2:F3", raw=False)
    tab.sort((2, "des"), range="A2:F3")
    counts = stock(lamp | {"price": 13}, desk)
    same("one has changed", (counts["new"], counts["skipped"]), (1, 1))
    rows = {row["sku"]: row for row in tab.get_all_records(numericise_ignore=[4], value_render_option="UNFORMATTED_VALUE")}
    same("it is written over in place, and people's columns stay", (len(rows), rows["007"]["price"], rows["007"]["remark"]), (2, 13, "fragile"))
    same("what people wrote beside the other, too", rows["1e3"]["remark"], "heavy")
    same("formulas of people's see the new value", rows["007"]["total"], 26)
    same("the header is gspread's", tab.row_values(1), ["remark", "price", "since", "sku", "active", "total"])
    client.del_spreadsheet(book.id)


def jobs_turn_overdue_at_the_right_instant():
    """The runs are due within two minutes, with a second of grace; no other run comes."""
    zone = ZoneInfo("Europe/Berlin")
    (folder / "clock.jsonl").write_text(json.dumps({"id": "a"}) + "\n")
    job = folder / "clock.toml"
    job.write_text('name = "clock"\nowner = "ops@example.com"\nschedule = { cron = "every 1m", timezone = "UTC", misfire_grace = "1s" }\n'
                   '[source]\njsonl = "clock.jsonl"\n[item]\nkey = ".id"\n[sheet]\ntab = "Data"\n')
    books = {locale: client.create(f"clock {locale}") for locale in ["en_US", "de_DE"]}
    late, turned = {}, {}
    for locale, book in books.items():
        book.update_locale(locale)
        book.update_timezone("Europe/Berlin")
        run(job, book.id)
        row = book.worksheet("Jobs").get_all_records(value_render_option="UNFORMATTED_VALUE")
        same(f"{locale}: there is one row", [(each["job"], each["state"], each["owner"]) for each in row],
             [("clock", "succeeded", "ops@example.com")])
        ran = book.worksheet("Runs").get_all_records(value_render_option="UNFORMATTED_VALUE")[0]
        same(f"{locale}: it is due when Runs says", row[0]["next due"], ran["next_due_local"])
        same(f"{locale}: and not overdue yet", row[0]["overdue"], "no")
        late[locale] = datetime(1899, 12, 30) + timedelta(days=ran["late_local"])
    end = max(late.values()) + timedelta(seconds=5)
    while datetime.now(zone).replace(tzinfo=None) < end and len(turned) < len(books):
        for locale, book in books.items():
            # An edit anywhere recalculates, as the full hour does.
            before = datetime.now(zone).replace(tzinfo=None)
            book.worksheet("Sheet1").update_acell("A1", before.isoformat())
            if locale not in turned and book.worksheet("Jobs").get_all_records()[0]["overdue"] == "yes":
                turned[locale] = before
        time.sleep(0.5)
    for locale, book in books.items():
        seconds = (turned.get(locale, datetime.max) - late[locale]).total_seconds()
        true(f"{locale}: it turned when it was late, and not before", -1 <= seconds <= 4)
        client.del_spreadsheet(book.id)


def pandas_reads_what_the_runner_filled():
    book = client.create("for pandas")
    run(fixtures / "quakes.toml", book.id)
    frame = pd.DataFrame(book.worksheet("Quakes").get_all_records(value_render_option="UNFORMATTED_VALUE"))
    source = pd.json_normalize(json.loads((fixtures / "usgs-all-week.geojson").read_text())["features"])
    same("there is a line for each quake", frame.shape[0], source.shape[0])
    same("its columns are the job's", list(frame.columns), ["id", "time", "magnitude", "place", "depth", "longitude", "latitude", "url"])
    kinds = {name: str(frame[name].dtype) for name in ["time", "depth", "longitude", "latitude"]}
    same("columns of numbers are numbers", set(kinds.values()), {"float64"})
    true("columns of texts are texts", all(pd.api.types.is_string_dtype(frame[name]) for name in ["id", "place", "url"]))
    magnitudes = pd.to_numeric(frame["magnitude"])
    same("the sum of the magnitudes is the source's", round(magnitudes.sum(), 6), round(source["properties.mag"].sum(), 6))
    same("as many are missing", int(magnitudes.isna().sum()), int(source["properties.mag"].isna().sum()))
    depths = source["geometry.coordinates"].str[2].astype(float)
    same("the mean depth is the source's", round(frame["depth"].mean(), 9), round(depths.mean(), 9))
    times = pd.to_datetime(frame["time"], unit="D", origin="1899-12-30").dt.round("ms")
    same("moments are the source's", times.min(), pd.to_datetime(source["properties.time"].min(), unit="ms"))
    largest = frame.loc[magnitudes.idxmax(), "id"]
    same("the largest is the source's", largest, source.loc[source["properties.mag"].idxmax(), "id"])
    shown = pd.DataFrame(book.worksheet("Quakes").get_all_records())
    same("as shown, moments are read by pandas", pd.to_datetime(shown["time"]).dt.strftime("%Y").unique().tolist(), ["2018"])
    runs = pd.DataFrame(book.worksheet("Runs").get_all_records())
    same("the run's counts add up", int(runs["new"].sum()), frame.shape[0])
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


for part in [the_runner_goes_on_in_a_tab_that_gspread_filled, the_runner_keeps_rows_up_to_date_that_stand_in_a_tab_of_gspreads,
             pandas_reads_what_the_runner_filled, gspread_reads_what_the_runner_filled, codes_of_csv_keep_their_zeros,
             jobs_turn_overdue_at_the_right_instant]:
    with checks.part(part.__name__.replace("_", " ")):
        part()
checks.end()
