"""pygsheets against the emulator: what its README and its documentation show.

    python pygsheets_checks.py URL KEY.json
"""

import logging
import sys
import warnings

import pygsheets
from googleapiclient.errors import HttpError

from checks import Checks
from emulated import pygsheets_client

warnings.filterwarnings("ignore")
logging.getLogger("googleapiclient").setLevel(logging.CRITICAL)

url, key = sys.argv[1:]
checks = Checks("pygsheets")
same, true, refused = checks.same, checks.true, checks.refused
client = pygsheets_client(url, key)


def fetched(sheet, label):
    """A cell with its format and its note, which pygsheets reads only when it is asked to."""
    cell = sheet.cell(label)
    cell.fetch()
    return cell


def spreadsheets_are_made_and_found(book, sheet):
    same("a new spreadsheet has its title", book.title, "spreadsheets_are_made_and_found")
    same("its sheet has Google's size", (sheet.title, sheet.rows, sheet.cols), ("Sheet1", 1000, 26))
    same("it opens by key", client.open_by_key(book.id).title, book.title)
    same("it opens by title", client.open(book.title).id, book.id)
    same("it opens by address", client.open_by_url(book.url).id, book.id)
    true("its id is among all", book.id in client.spreadsheet_ids())
    book.title = "another title"
    same("it is renamed", client.open("another title").id, book.id)
    true("Drive tells when it was changed", bool(book.updated))


def worksheets_come_and_go(book, sheet):
    tab = book.add_worksheet("two", rows=5, cols=6)
    same("a sheet is added", (tab.title, tab.rows, tab.cols), ("two", 5, 6))
    same("it is found by title", book.worksheet_by_title("two").id, tab.id)
    same("it is found by place", book.worksheet("index", 1).title, "two")
    same("it is found by id", book.worksheet("id", tab.id).title, "two")
    tab.title = "renamed"
    same("it is renamed", [each.title for each in book.worksheets(force_fetch=True)], ["Sheet1", "renamed"])
    tab.rows, tab.cols = 7, 8
    same("it is resized", (tab.rows, tab.cols), (7, 8))
    tab.frozen_rows = 1
    same("a row is frozen", book.worksheet_by_title("renamed").frozen_rows, 1)
    tab.hidden = True
    true("it is hidden", book.worksheet_by_title("renamed").hidden)
    tab.hidden = False
    tab.update_value("A1", "kept")
    twin = book.add_worksheet("twin", src_worksheet=tab) if checks.done_or_said(
        "a sheet is copied", lambda: book.add_worksheet("copy", src_worksheet=tab)) else None
    if twin:
        same("a copy has the cells", twin.get_value("A1"), "kept")
    book.del_worksheet(tab)
    true("it is deleted", "renamed" not in [each.title for each in book.worksheets(force_fetch=True)])
    refused("one that is not there", pygsheets.WorksheetNotFound, lambda: book.worksheet_by_title("renamed"))


def values_are_written_and_read(book, sheet):
    sheet.update_value("A1", "hello")
    same("a cell", sheet.get_value("A1"), "hello")
    sheet.update_values("A2:B3", [[1, 2], [3, 4]])
    same("a block", sheet.get_values("A2", "B3"), [["1", "2"], ["3", "4"]])
    sheet.update_values("D1", [["r", "s"], ["t", "u"]], majordim="COLUMNS")
    same("a block by columns", sheet.get_values("D1", "E2"), [["r", "t"], ["s", "u"]])
    same("a row without its empty end", sheet.get_row(2, include_tailing_empty=False), ["1", "2", "", "s", "u"])
    same("a column without its empty end", sheet.get_col(1, include_tailing_empty=False), ["hello", "1", "3"])
    sheet.update_row(5, ["x", "y"])
    sheet.update_col(7, ["p", "q"])
    several = sheet.get_values_batch(["A5:B5", "G1:G2"])
    same("several ranges are read at once", several, [[["x", "y"]], [["p"], ["q"]]])
    sheet.update_values_batch(["A7", "B8"], [[["k"]], [["l"]]])
    same("several ranges are written at once", (sheet.get_value("A7"), sheet.get_value("B8")), ("k", "l"))
    sheet.append_table(values=["m", "n"], start="A7")
    true("a row is appended to a table", "m" in [value for row in sheet.get_values("A1", "C12") for value in row])
    sheet.clear("A1", "B12")
    same("a range is cleared", sheet.get_values("A1", "B2", include_tailing_empty=False), [[]])
    sheet.update_values("A1", [["name", "age"], ["Ada", 36]])
    sheet.clear("C1", "G12")
    same("records are read", sheet.get_all_records(), [{"name": "Ada", "age": 36}])
    same("rows are gone through", [row[:2] for row in sheet][:2], [["name", "age"], ["Ada", "36"]])
    sheet.update_value("C2", "=B2*2")
    same("a formula is worked out", sheet.get_value("C2"), "72")
    same("and kept", sheet.cell("C2").formula, "=B2*2")


def cells_are_objects(book, sheet):
    cell = sheet.cell("C1")
    cell.value = "cell"
    same("a cell takes a value", sheet.get_value("C1"), "cell")
    cell.note = "a note"
    same("a cell takes a note", fetched(sheet, "C1").note, "a note")
    cell.formula = "=1+1"
    same("a cell takes a formula", sheet.get_value("C1"), "2")
    cell.set_text_format("bold", True)
    true("a cell is bold", fetched(sheet, "C1").text_format["bold"])
    cell.color = (1.0, 0.0, 0.0, 1.0)
    same("a cell has a colour", fetched(sheet, "C1").color[0], 1.0)
    cell.set_number_format(pygsheets.FormatType.PERCENT, "0%")
    same("a cell has a number format", sheet.get_value("C1"), "200%")
    same("its neighbour is reached", sheet.cell("C1").neighbour("left").label, "B1")
    block = sheet.range("A3:B4", returnas="range")
    block.update_values([["p", "q"], ["r", "s"]])
    same("a range takes values", sheet.get_values("A3", "B4"), [["p", "q"], ["r", "s"]])
    block.apply_format(cell)
    true("a range takes a format", fetched(sheet, "B4").text_format["bold"])
    true("a text is found", "A4" in [found.label for found in sheet.find("r")])
    if checks.done_or_said("a text is replaced", lambda: sheet.replace("r", "z")):
        same("the text is another", sheet.get_value("A4"), "z")
    sheet.merge_cells("A3", "B4")
    same("cells are merged", len(client.open_by_key(book.id).sheet1.merged_ranges), 1)


def rows_and_columns_come_and_go(book, sheet):
    sheet.update_values("A1", [["3", "c"], ["1", "a"], ["2", "b"]])
    sheet.insert_rows(1, 1, ["i", "j"])
    same("a row is inserted", sheet.get_values("A1", "A3"), [["3"], ["i"], ["1"]])
    sheet.delete_rows(2)
    same("a row is deleted", sheet.get_values("A1", "A3"), [["3"], ["1"], ["2"]])
    sheet.sort_range("A1", "B3", basecolumnindex=0)
    same("rows are sorted", sheet.get_values("A1", "B3"), [["1", "a"], ["2", "b"], ["3", "c"]])
    sheet.sort_range("A1", "B3", basecolumnindex=1, sortorder="DESCENDING")
    same("and the other way around", sheet.get_values("A1", "A3"), [["3"], ["2"], ["1"]])
    sheet.insert_cols(0, 1)
    same("a column is inserted", sheet.get_value("B1"), "3")
    sheet.delete_cols(1)
    same("a column is deleted", sheet.get_value("A1"), "3")
    sheet.add_rows(5)
    sheet.add_cols(2)
    again = book.worksheet_by_title("Sheet1")
    same("the grid grew", (again.rows, again.cols), (sheet.rows, sheet.cols))
    sheet.adjust_column_width(1, 2, 150)
    sheet.hide_dimensions(1, 2, "ROWS")
    sheet.show_dimensions(1, 2, "ROWS")
    sheet.set_basic_filter(start="A1", end="B3", condition_type="TEXT_CONTAINS", condition_values=["a"],
                           filter_column_index=1)
    meta = client.sheet.get(book.id)["sheets"][0]
    same("a filter is there", meta["basicFilter"]["range"]["endRowIndex"], 3)
    sheet.clear_basic_filter()
    true("a filter is gone", "basicFilter" not in client.sheet.get(book.id)["sheets"][0])


def ranges_are_named_and_guarded(book, sheet):
    sheet.create_named_range("corner", start="A1", end="B2", returnas="json")
    same("a named range is listed", [each.name for each in sheet.get_named_ranges()], ["corner"])
    sheet.delete_named_range("corner")
    same("a named range is gone", client.open_by_key(book.id).named_ranges, [])
    sheet.create_protected_range("A1", "B2", returnas="json")
    same("a protected range is listed", len(client.open_by_key(book.id).sheet1.get_protected_ranges()), 1)
    sheet.set_data_validation("C1", "C3", condition_type="ONE_OF_LIST", condition_values=["Yes", "No"], showCustomUi=True)
    data = client.sheet.get(book.id, ranges=["Sheet1!C1"], includeGridData=True)["sheets"][0]["data"][0]
    rule = data["rowData"][0]["values"][0]["dataValidation"]
    same("a rule of validation is kept", rule["condition"]["type"], "ONE_OF_LIST")
    checks.done_or_said("a conditional format is taken", lambda: sheet.add_conditional_formatting(
        "A1", "A3", "NUMBER_GREATER", {"backgroundColor": {"red": 1}}, ["2"]))
    checks.done_or_said("metadata is kept with a sheet", lambda: sheet.create_developer_metadata("team", "blue"))


def mistakes_are_answered_as_google_does(book, sheet):
    refused("a cell beyond the grid", HttpError, lambda: sheet.update_value("A99999", 1), "400", "exceeds grid limits")
    refused("a taken title", HttpError, lambda: book.add_worksheet("Sheet1"), "400", "already exists")
    refused("a spreadsheet that is not there", HttpError, lambda: client.sheet.get("nowhere"), "404", "not found")
    refused("a title that nobody has", pygsheets.SpreadsheetNotFound, lambda: client.open("nobody's"))


PARTS = [
    spreadsheets_are_made_and_found, worksheets_come_and_go, values_are_written_and_read, cells_are_objects,
    rows_and_columns_come_and_go, ranges_are_named_and_guarded, mistakes_are_answered_as_google_does,
]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = client.create(part.__name__)
        part(book, book.sheet1)
        book.delete()
checks.end()
