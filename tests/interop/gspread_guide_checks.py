"""gspread against the emulator: what its user guide shows, what its reference has, and what its recorded tests asked Google.

    python gspread_guide_checks.py URL KEY.json
"""

import json
import re
import sys
import urllib.request

import gspread
import numpy as np
import pandas as pd
from gspread.cell import Cell
from gspread.exceptions import APIError, GSpreadException, SpreadsheetNotFound
from gspread.utils import (
    DateTimeOption, Dimension, ExportFormat, GridRangeType, MergeType, PasteOrientation, PasteType, TableDirection,
    ValidationConditionType, ValueInputOption, ValueRenderOption,
)

from checks import Checks
from emulated import gspread_class, gspread_client

url, key = sys.argv[1:]
checks = Checks("gspread")
same, true, refused = checks.same, checks.true, checks.refused
client = gspread_client(url, key)
TABLE = [["ID", "Name", "Universe", "Super power"], ["1", "Batman", "DC", "Very rich"], ["2", "DeadPool", "Marvel", "self healing"],
         ["3", "Superman", "DC", "super human"], ["", "-", "-", "-"], ["5", "Lavigne958", "", "maintains Gspread"]]


def faults(*these):
    """Asks the emulator for faults to come."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/_emulator/faults", json.dumps(these).encode(), method="POST"))


def the_user_guide_works(book, sheet):
    sheet.update([["$12.00", "10"], ["Dough", "Big dough"], ["Rug store", "Small rug"]], "A1", raw=False)
    same("a cell is had by its label", sheet.acell("A1").value, "$12.00")
    same("a cell is had by its place", sheet.cell(1, 2).value, "10")
    same("formatted values", sheet.get("A1:A1"), [["$12.00"]])
    same("unformatted values", sheet.get("A1:A1", value_render_option=ValueRenderOption.unformatted), [[12]])
    sheet.update_acell("G6", "=1/1024")
    same("formulas", sheet.get("G6", value_render_option=ValueRenderOption.formula), [["=1/1024"]])
    same("a formula of a cell", sheet.cell(6, 7, value_render_option="FORMULA").value, "=1/1024")
    same("a row", sheet.row_values(1), ["$12.00", "10"])
    same("a column", sheet.col_values(1), ["$12.00", "Dough", "Rug store"])
    found = sheet.find("Dough")
    same("a text is found", (found.row, found.col, found.value), (2, 1, "Dough"))
    same("a pattern is found", sheet.find(re.compile(r"(Big|Enormous) dough")).address, "B2")
    same("all of a text are found", [cell.address for cell in sheet.findall("Rug store")], ["A3"])
    same("all of a pattern are found", [cell.address for cell in sheet.findall(re.compile(r"(Small|Room-tiering) rug"))], ["B3"])
    same("a text is found in its row only", sheet.find("Dough", in_row=1), None)
    sheet.define_named_range("C1:D2", "my_named_range")
    sheet.update([["x", "y"]], "my_named_range")
    sheet.batch_clear(["A1:B1", "A2:A2", "my_named_range"])
    same("ranges are cleared by label and by name", sheet.get("A1:D3"), [[], ["", "Big dough"], ["Rug store", "Small rug"]])
    sheet.add_validation("A1", ValidationConditionType.number_greater, ["10"], strict=True, inputMessage="more than 10")
    sheet.add_validation("C2:C7", ValidationConditionType.one_of_list, ["Yes", "No"], showCustomUi=True)
    data = book.fetch_sheet_metadata({"ranges": "Sheet1!C7", "fields": "sheets.data.rowData.values.dataValidation"})
    rule = data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["dataValidation"]
    same("a rule of validation holds to its last cell", [each["userEnteredValue"] for each in rule["condition"]["values"]], ["Yes", "No"])
    sheet.clear()
    sheet.update(TABLE, "A1")
    same("a table is had from its corner", sheet.expand("A2"), TABLE[1:4])
    same("or its first row", sheet.expand("A2", TableDirection.right), TABLE[1:2])
    same("or its first column", sheet.expand("A2", TableDirection.down), [["1"], ["2"], ["3"]])
    named = book.list_named_ranges()[0]
    sheet.delete_named_range(named["namedRangeId"])
    same("a named range is deleted by its id", book.list_named_ranges(), [])


def pandas_and_numpy_work(book, sheet):
    frame = pd.DataFrame({"name": ["Ada", "Bob"], "age": [36, 41], "share": [0.5, 1.25]})
    sheet.update([frame.columns.values.tolist()] + frame.values.tolist())
    back = pd.DataFrame(sheet.get_all_records())
    same("a frame comes back as it went", back.to_dict("list"), frame.to_dict("list"))
    same("with its types", [str(kind) for kind in back.dtypes[1:]], ["int64", "float64"])
    array = np.array([[1, 2, 3], [4, 5, 6]])
    sheet.clear()
    sheet.update(array.tolist(), "A2")
    same("an array comes back", np.array(sheet.get_all_values()[1:], dtype=int).tolist(), array.tolist())


def spreadsheets_are_kept_by_drive(book, sheet):
    sheet.update([["a", "b"], ["1", "2, 3"]], "A1")
    same("a spreadsheet is exported as CSV", book.export(ExportFormat.CSV), b'a,b\r\n1,"2, 3"')
    same("and as TSV", client.export(book.id, ExportFormat.TSV), b"a\tb\r\n1\t2, 3")
    checks.done_or_said("a spreadsheet as PDF", lambda: book.export(ExportFormat.PDF))
    other = client.create("imported")
    client.import_csv(other.id, "x,y\n1,=1+1\n")
    same("a CSV replaces a spreadsheet", client.open_by_key(other.id).sheet1.get_all_values(), [["x", "y"], ["1", "2"]])
    files = client.list_spreadsheet_files("imported")
    same("files are listed by title", [(each["id"], each["name"]) for each in files], [(other.id, "imported")])
    same("spreadsheets are opened by title", [each.id for each in client.openall("imported")], [other.id])
    same("a permission is inserted", client.insert_permission(other.id, "ann@example.com", "user", "reader").json()["role"], "reader")
    copy = client.copy(other.id, title="copied", copy_permissions=True)
    roles = sorted(each["role"] for each in copy.list_permissions())
    same("permissions are copied on wish", roles, ["owner", "reader"])
    permission = [each for each in copy.list_permissions() if each["role"] == "reader"][0]
    client.remove_permission(copy.id, permission["id"])
    same("and removed by their id", len(copy.list_permissions()), 1)
    other.share("", perm_type="anyone", role="reader")
    public = gspread.api_key("any", http_client=gspread_class(url)).open_by_key(other.id)
    same("an API key reads what everybody may", public.sheet1.acell("B2").value, "2")
    refused("and writes nothing", APIError, lambda: public.sheet1.update_acell("A1", "no"), "[401]")
    client.del_spreadsheet(copy.id)
    client.del_spreadsheet(other.id)
    refused("one that is gone has no title", SpreadsheetNotFound, lambda: client.open("copied"))
    client.set_timeout(5)
    same("a timeout does no harm", client.open_by_key(book.id).id, book.id)
    before = book.lastUpdateTime
    book.update_drive_metadata()
    true("the time of the last change is told anew", book.lastUpdateTime >= before)


def values_are_called_for_directly(book, sheet):
    book.values_update("Sheet1!A1", {"valueInputOption": "RAW"}, {"values": [["a", "b"], [1, 2]]})
    same("values are read", book.values_get("Sheet1!A1:B2")["values"], [["a", "b"], ["1", "2"]])
    same("values of several ranges", [each["values"] for each in book.values_batch_get(["A1", "B2"])["valueRanges"]], [[["a"]], [["2"]]])
    answer = book.values_append("Sheet1!A1", {"valueInputOption": "USER_ENTERED"}, {"values": [["0042", "x"]]})
    same("values are appended", (answer["tableRange"], answer["updates"]["updatedRange"]), ("Sheet1!A1:B2", "Sheet1!A3:B3"))
    book.values_batch_update({"valueInputOption": "RAW", "data": [{"range": "D1", "values": [["d"]]}]})
    book.values_clear("Sheet1!A1:B1")
    book.values_batch_clear(body={"ranges": ["A2"]})
    same("and cleared", sheet.get_all_values(), [["", "", "", "d"], ["", "2", "", ""], ["42", "x", "", ""]])
    same("a value range has its first value", sheet.get("B2").first(), "2")
    same("cells in a row of calls", [cell.value for cell in sheet.get_all_cells() if cell.value], ["d", "2", "42", "x"])


def values_come_in_every_option(book, sheet):
    sheet.update([["2020-01-01", "10:30:00", "1,5", "=A1+1"]], "A1", value_input_option=ValueInputOption.user_entered)
    serial = sheet.get("A1:B1", value_render_option="UNFORMATTED_VALUE", date_time_render_option=DateTimeOption.serial_number)
    same("dates are numbers", serial, [[43831, 0.4375]])
    texts = sheet.get("A1:B1", value_render_option="UNFORMATTED_VALUE", date_time_render_option=DateTimeOption.formatted_string)
    same("dates are texts on wish", texts, [["2020-01-01", "10:30:00"]])
    same("ranges are combined", sheet.get("A1:D1", combine_merged_cells=False, pad_values=True)[0][2], "1,5")
    sheet.update([["A", "", "B"], ["", "", ""], ["C", "", "D"]], "A3")
    same("columns first", sheet.get("A3:C5", major_dimension=Dimension.cols), [["A", "", "C"], [], ["B", "", "D"]])
    same("lists of lists", sheet.get("A3:C4", return_type=GridRangeType.ListOfLists), [["A", "", "B"]])
    sheet.update([["m1", "m2", "m3"]], "A8", major_dimension="COLUMNS")
    same("a column is written", sheet.get("A8:A10"), [["m1"], ["m2"], ["m3"]])
    answer = sheet.update([["z"]], "A8", include_values_in_response=True, response_value_render_option="FORMULA")
    same("an answer tells the values", answer["updatedData"]["values"], [["z"]])
    sheet.update([["merged", "", ""], ["", "", "x"]], "F1:H2")
    sheet.merge_cells("F1:G2")
    combined = sheet.get_values("F1:H2", combine_merged_cells=True)
    same("merged cells are combined on wish", combined, [["merged", "merged", ""], ["merged", "merged", "x"]])
    sheet.update_cells([Cell(12, 1, "q"), Cell(14, 3, 7)], value_input_option="RAW")
    same("cells far from each other are written", sheet.get("A12:C14"), [["q"], [], ["", "", "7"]])
    rows = sheet.insert_rows([["i", "=1+2"], ["j"]], row=12, value_input_option="USER_ENTERED")
    same("rows are inserted with values", (rows["updates"]["updatedRows"], sheet.get("A12:B14")), (2, [["i", "3"], ["j"], ["q"]]))
    sheet.update([["h", "n"], ["x", "0042"], ["y", "1e3"]], "I1", raw=True)
    records = sheet.get("I1:J3")
    same("raw values stay", records, [["h", "n"], ["x", "0042"], ["y", "1e3"]])
    sheet.clear()
    sheet.update([["id", "id"], [1, 2]], "A1")
    refused("records need a header without repeats", GSpreadException, sheet.get_all_records, "duplicates")
    same("or other names", sheet.get_all_records(expected_headers=[])[0]["id"], 2)
    sheet.update([["head", "is below"], ["a", "b"], ["1", "0042"]], "A1")
    same("a header may be below", sheet.get_all_records(head=2, numericise_ignore=[2]), [{"a": 1, "b": "0042"}])


def sheets_are_moved_merged_and_copied(book, sheet):
    two = book.add_worksheet("two", 5, 5, index=0)
    same("a sheet is added in its place", [each.title for each in book.worksheets()], ["two", "Sheet1"])
    two.update_index(2)  # before the move: in front of the third, which there is none of
    same("and moved", [each.title for each in book], ["Sheet1", "two"])
    two.update([["1", "2"], ["3", "4"]], "A1")
    made = book.duplicate_sheet(two.id, insert_sheet_index=0, new_sheet_name="first")
    same("a duplicate goes where it should", (made.index, made.acell("B2").value), (0, "4"))
    same("one without a place goes first", book.duplicate_sheet(two.id, new_sheet_name="zero").index, 0)
    target = client.create("target")
    copied = two.copy_to(target.id)
    same("a sheet is copied to another spreadsheet", (copied["title"], copied["index"]), ("Copy of two", 1))
    client.del_spreadsheet(target.id)
    book.del_worksheet_by_id(made.id)
    sheet.batch_merge([{"range": "A1:M1"}, {"range": "A2:D6", "mergeType": MergeType.merge_rows}])
    merges = book.fetch_sheet_metadata()["sheets"]
    merges = [each for each in merges if each["properties"]["sheetId"] == sheet.id][0]["merges"]
    same("many are merged at once", len(merges), 6)
    sheet.unmerge_cells("A1:M6")
    two.copy_range("A1:B1", "D4:D5", paste_type=PasteType.values, paste_orientation=PasteOrientation.transpose)
    same("a copy is turned", two.get("D4:D5"), [["1"], ["2"]])
    two.cut_range("A2:B2", "A5", paste_type=PasteType.normal)
    same("what is cut is at its new place only", two.get("A2:B5"), [[], [], [], ["3", "4"]])
    two.insert_notes({"A1": "one", "B2": "two"})
    same("notes are read from a corner on", two.get_notes(grid_range="A1:B2"), [["one", ""], ["", "two"]])
    same("hidden sheets say so", (two.hide(), book.worksheet("two").isSheetHidden)[1], True)
    two.show()
    two.show_gridlines()
    same("gridlines are shown", book.worksheet("two").is_gridlines_hidden, False)
    two.delete_dimension(Dimension.cols, 1)
    two.delete_rows(1)
    same("rows and columns are deleted", (book.worksheet("two").row_count, book.worksheet("two").col_count), (4, 4))
    two.add_protected_range("A1:B2", ["otto@example.com"], description="mine", warning_only=False)
    protected = book.list_protected_ranges(two.id)[0]
    true("editors are told", "otto@example.com" in protected["editors"]["users"])
    refused("a column without end is not a single cell", APIError, lambda: two.update([[1]], "Z1"), "exceeds grid limits")


def quotas_and_faults_are_survived(book, sheet):
    patient = gspread.service_account(key, http_client=backing_off).open_by_key(book.id).sheet1
    faults({"on": "writes", "do": "fail", "status": 429})
    patient.update_acell("A1", "through")
    same("a 429 is backed off from", sheet.acell("A1").value, "through")
    faults({"on": "reads", "do": "fail", "status": 503})
    same("and a 503", patient.acell("A1").value, "through")
    faults({"on": "writes", "do": "fail", "status": 429})
    refused("without backing off it is an error", APIError, lambda: sheet.update_acell("A1", "no"), "[429]")
    faults({"on": "reads", "do": "html", "status": 502})
    refused("a page of HTML is an error too", APIError, lambda: sheet.acell("A1"), "502")
    faults({"on": "writes", "do": "applied-reset"})
    refused("a connection may end", Exception, lambda: sheet.update_acell("B1", "done"))
    same("with the write done", sheet.acell("B1").value, "done")
    faults()


class backing_off(gspread_class(url), gspread.BackOffHTTPClient):
    """gspread's own client that tries again, led to the emulator."""


PARTS = [
    the_user_guide_works, pandas_and_numpy_work, spreadsheets_are_kept_by_drive, values_are_called_for_directly,
    values_come_in_every_option, sheets_are_moved_merged_and_copied, quotas_and_faults_are_survived,
]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = client.create(part.__name__)
        part(book, book.sheet1)
        client.del_spreadsheet(book.id)
checks.end()
