"""gspread against the emulator: what its README, its examples and its recorded tests do.

    python gspread_checks.py URL KEY.json
"""

import itertools
import sys

import gspread
from gspread.exceptions import APIError, SpreadsheetNotFound, WorksheetNotFound
from gspread.utils import Dimension, InsertDataOption, PasteType, ValidationConditionType, ValueInputOption

from checks import Checks
from emulated import gspread_client, gspread_with_token

url, key = sys.argv[1:]
checks = Checks("gspread")
same, true, refused = checks.same, checks.true, checks.refused
client = gspread_client(url, key)


def cells_of(cells):
    return [(cell.row, cell.col, cell.value) for cell in cells]


def spreadsheets_are_made_and_found(book, sheet):
    same("a new spreadsheet has its title", book.title, "spreadsheets_are_made_and_found")
    shape = (sheet.title, sheet.id, sheet.row_count, sheet.col_count)
    same("it has one sheet, as Google makes it", shape, ("Sheet1", 0, 1000, 26))
    same("it opens by key", client.open_by_key(book.id).title, book.title)
    same("it has an owner", [each["role"] for each in book.list_permissions()], ["owner"])
    book.share("otto@example.com", perm_type="user", role="writer", notify=False)
    shared = [(each["role"], each["emailAddress"]) for each in book.list_permissions()][1:]
    same("it is shared", shared, [("writer", "otto@example.com")])
    book.remove_permissions("otto@example.com", role="writer")
    same("and no more", len(book.list_permissions()), 1)
    sheet.update([["kept", 1]], "A1")
    copy = client.copy(book.id, title="a copy")
    same("a copy has its cells and its title", (copy.title, copy.sheet1.get_all_values()), ("a copy", [["kept", "1"]]))
    client.del_spreadsheet(copy.id)
    sheet.clear()
    same("it opens by address", client.open_by_url(book.url).id, book.id)
    same("it opens by title", client.open(book.title).id, book.id)
    true("it is among all", book.id in [other.id for other in client.openall()])
    book.update_title("another title")
    same("it is renamed", client.open("another title").id, book.id)
    refused("the old title is gone", SpreadsheetNotFound, lambda: client.open("spreadsheets_are_made_and_found"))
    true("Drive tells when it was made", book.creationTime.startswith("20"))
    true("Drive tells when it was changed", book.get_lastUpdateTime().startswith("20"))
    book.update_timezone("Europe/Paris")
    book.update_locale("fr_FR")
    again = client.open_by_key(book.id)
    same("zone and locale are changed", (again.timezone, again.locale), ("Europe/Paris", "fr_FR"))


def worksheets_come_and_go(book, sheet):
    tab = book.add_worksheet(title="it's a tab", rows=10, cols=5)
    same("a sheet is added", (tab.title, tab.row_count, tab.col_count), ("it's a tab", 10, 5))
    same("it is found by title", book.worksheet("it's a tab").id, tab.id)
    same("it is found by place", book.get_worksheet(1).id, tab.id)
    same("it is found by id", book.get_worksheet_by_id(tab.id).title, "it's a tab")
    refused("one that is not there is not found", WorksheetNotFound, lambda: book.worksheet("nowhere"))
    refused("a taken title is refused", APIError, lambda: book.add_worksheet("Sheet1", 1, 1), "[400]", "already exists")
    tab.append_rows([[1, 2], [3, 4]])
    same("a title with an apostrophe works in a range", tab.get_all_values(), [["1", "2"], ["3", "4"]])
    tab.update_title("🌵 cactus")
    same("it is renamed", [each.title for each in book.worksheets()], ["Sheet1", "🌵 cactus"])
    same("a title with a cactus works in a range", tab.acell("B2").value, "4")
    book.reorder_worksheets([tab, sheet])
    same("sheets are reordered", [each.title for each in book.worksheets()], ["🌵 cactus", "Sheet1"])
    twin = tab.duplicate(new_sheet_name="twin")
    same("a duplicate has the cells", twin.get_all_values(), [["1", "2"], ["3", "4"]])
    book.del_worksheet(twin)
    same("a sheet is deleted", len(book.worksheets()), 2)
    tab.hide()
    same("a hidden sheet is left out on wish", [each.title for each in book.worksheets(exclude_hidden=True)], ["Sheet1"])
    tab.show()
    book.del_worksheet(tab)
    refused("the last sheet stays", APIError, lambda: book.del_worksheet(sheet), "[400]")
    refused("the last sheet can't be hidden", APIError, sheet.hide, "[400]", "You can't hide all the sheets")
    sheet.update_tab_color("#FF0000")
    same("the tab has a colour", book.sheet1.get_tab_color(), "#FF0000")
    sheet.clear_tab_color()
    same("the colour is gone", book.sheet1.get_tab_color(), None)
    sheet.hide_gridlines()
    true("gridlines are hidden", book.sheet1.is_gridlines_hidden)


def the_readme_works(book, sheet):
    sheet.update([[1, 2], [3, 4]], "A1")
    same("a block is written", sheet.get("A1:B2"), [["1", "2"], ["3", "4"]])
    sheet.update_acell("B1", "Bingo!")
    same("a cell is written by its label", sheet.acell("B1").value, "Bingo!")
    sheet.update_cell(1, 2, "Bongo!")
    same("a cell is written by its place", sheet.cell(1, 2).value, "Bongo!")
    same("a row is read", sheet.row_values(1), ["1", "Bongo!"])
    same("a column is read", sheet.col_values(1), ["1", "3"])
    same("a cell is found", sheet.find("Bongo!").address, "B1")
    same("what is not there is not found", sheet.find("Bango"), None)
    same("cells are found", [cell.address for cell in sheet.findall("3")], ["A2"])
    sheet.format("A1:B1", {"textFormat": {"bold": True}})
    many = sheet.range("A3:B4")
    for cell in many:
        cell.value = "q"
    sheet.update_cells(many)
    same("cells are written together", sheet.get("A3:B4"), [["q", "q"], ["q", "q"]])
    sheet.update([["name", "age"], ["Ada", 36], ["Bob", ""]], "D1")
    sheet.batch_clear(["A1:C4"])
    sheet.delete_columns(1, 3)
    records = [{"name": "Ada", "age": 36}, {"name": "Bob", "age": ""}]
    same("records are read below their header", sheet.get_all_records(), records)
    true("a deleted column takes its place with it", book.sheet1.col_count == 23)


def values_are_what_a_person_types(book, sheet):
    typed = [
        ("x", "x"), (42, "42"), ("0042", "42"), (42.01, "42.01"), ("Артур", "Артур"), ("a\nb", "a\nb"),
        ("Iñtërnâtiônàlizætiøn", "Iñtërnâtiônàlizætiøn"), ("2,000,000.01", "2,000,000.01"), ("10%", "10%"), (True, "TRUE"),
    ]
    for value, shown in typed:
        sheet.update_cell(1, 2, value)
        same(f"{value!r} is shown as {shown!r}", sheet.cell(1, 2).value, shown)
    sheet.update([["0042", "=1+1", "2020-01-01"]], "A2", value_input_option=ValueInputOption.raw)
    same("raw values stay what they are", sheet.row_values(2), ["0042", "=1+1", "2020-01-01"])
    sheet.update_acell("E5", "=4/2")
    same("a formula has its value", sheet.acell("E5").value, "2")
    same("and its text", sheet.acell("E5", value_render_option="FORMULA").value, "=4/2")
    sheet.update_acell("F5", "2020-01-01")
    same("a date is shown as it was typed", sheet.acell("F5").value, "2020-01-01")
    same("and is a number", sheet.acell("F5", value_render_option="UNFORMATTED_VALUE").value, 43831)
    sheet.update_acell("G5", "= 1 / 1024")
    same("a number has all its digits", sheet.acell("G5").numeric_value, 1 / 1024)


def records_come_in_every_rendering(book, sheet):
    sheet.resize(2, 4)
    typed = [["=4/2", "2020-01-01", "string", 53], ["=3/2", 0.12, "1999-01-02", ""]]
    cells = sheet.range("A1:D2")
    for cell, value in zip(cells, itertools.chain(*typed)):
        cell.value = value
    sheet.update_cells(cells, value_input_option="USER_ENTERED")
    want = dict(zip(["2", "2020-01-01", "string", "53"], [1.5, 0.12, "1999-01-02", ""]))
    same("records are numericised", sheet.get_all_records()[0], want)
    unformatted = sheet.get_all_values(value_render_option="UNFORMATTED_VALUE")
    same("unformatted values have types", unformatted, [[2, 43831, "string", 53], [1.5, 0.12, 36162, ""]])
    formulas = sheet.get_all_values(value_render_option="FORMULA")
    same("formulas are told", formulas, [["=4/2", 43831, "string", 53], ["=3/2", 0.12, 36162, ""]])


def ranges_are_read_in_every_form(book, sheet):
    whole = [(cell.row, cell.col, cell.value) for cell in sheet.range(1, 1, sheet.row_count, 3)]
    same("a column range ends with the grid", cells_of(sheet.range("A1:C")), whole)
    same("corners may be turned around", cells_of(sheet.range("D4:A1")), cells_of(sheet.range("A1:D4")))
    values = [["A1", "B1", "", "D1"], ["", "b2", "", ""], ["", "", "", ""], ["A4", "B4", "", "D4"]]
    sheet.update(values, "A1")
    same("empty ends are cut", sheet.get("A1:D4"), [["A1", "B1", "", "D1"], ["", "b2"], [], ["A4", "B4", "", "D4"]])
    same("and padded on wish", sheet.get("A1:D4", maintain_size=True), values)
    columns = sheet.get("A1:D4", major_dimension=Dimension.cols)
    same("columns come first on wish", columns, [["A1", "", "", "A4"], ["B1", "b2", "", "B4"], [], ["D1", "", "", "D4"]])
    several = sheet.batch_get(["A1:B1", "B4:D4"])
    same("several ranges are read at once", several, [[["A1", "B1"]], [["B4", "", "D4"]]])
    same("each says where it is", [each.range for each in several], ["Sheet1!A1:B1", "Sheet1!B4:D4"])
    sheet.batch_update([{"range": "A10:B10", "values": [[1, 2]]}, {"range": "A11", "values": [[3]]}])
    same("several ranges are written at once", sheet.batch_get(["A10:B10", "A11"]), [[["1", "2"]], [["3"]]])
    sheet.batch_clear(["A10:B10", "A11"])
    same("several ranges are cleared at once", sheet.get_values("A10:B11"), [[]])
    sheet.resize(4, 4)
    sheet.update_title("D3")
    same("a sheet may be called like a cell", sheet.get_all_values(), values)
    sheet.clear()
    same("a cleared sheet is empty", sheet.get_all_values(), [[]])


def rows_are_appended(book, sheet):
    sheet.update([["a", "b", "c"], ["1", "2", "3"]], "A1")
    answer = sheet.append_row(["x", "y", "z"])
    same("the table is found", answer["tableRange"], "Sheet1!A1:C2")
    same("the row goes below it", answer["updates"]["updatedRange"], "Sheet1!A3:C3")
    sheet.clear()
    answer = sheet.append_row(["p", "", "q"])
    same("without a table there is none", answer.get("tableRange"), None)
    sheet.append_row(["p", "", "q"])
    same("a hole makes two tables, and the last counts", sheet.row_values(2), ["", "", "p", "", "q"])
    sheet.clear()
    sheet.append_row(["p", "", "q"])
    sheet.append_row(["p", "", "q"], table_range="A1")
    same("a range names the table", sheet.row_values(2), ["p", "", "q"])
    sheet.append_rows([[1], [2]], insert_data_option=InsertDataOption.insert_rows, table_range="A1")
    same("rows are inserted for them", sheet.col_values(1), ["p", "p", "1", "2"])
    sheet.resize(4, 3)
    sheet.append_row(["5"], table_range="A1")
    same("the grid grows", (book.sheet1.row_count, sheet.acell("A5").value), (5, "5"))


def rows_and_columns_are_inserted_and_deleted(book, sheet):
    sheet.update([[f"{row}{column}" for column in "abcd"] for row in range(6)], "A1:D6")
    sheet.insert_row(list("zyxwvuts"), 2)
    same("a row is inserted", sheet.row_values(2), list("zyxwvuts"))
    sheet.update_acell("B2", "=1+1")
    sheet.insert_row(list("12345678"), 1)
    same("a formula moves down", sheet.acell("B3", value_render_option="FORMULA").value, "=1+1")
    sheet.insert_cols([["k", "l"]], 1)
    same("a column is inserted", sheet.col_values(1), ["k", "l"])
    sheet.delete_rows(1, 2)
    same("rows are deleted", sheet.row_values(1), ["", "z", "2"] + list("xwvuts"))
    sheet.add_rows(5)
    sheet.add_cols(2)
    shape = (book.sheet1.row_count, book.sheet1.col_count)
    same("the grid tells its new size", shape, (sheet.row_count, sheet.col_count))
    sheet.freeze(rows=1, cols=2)
    same("rows and columns are frozen", (book.sheet1.frozen_row_count, book.sheet1.frozen_col_count), (1, 2))
    sheet.hide_columns(0, 2)
    sheet.unhide_columns(0, 2)
    sheet.hide_rows(0, 2)
    sheet.unhide_rows(0, 2)
    checks.done_or_said("columns get the width of their texts", lambda: sheet.columns_auto_resize(0, 1))
    checks.done_or_said("rows get the height of their texts", lambda: sheet.rows_auto_resize(0, 1))
    if checks.done_or_said("columns are grouped", lambda: sheet.add_dimension_group_columns(0, 2)):
        same("a group of columns is there", sheet.list_dimension_group_columns()[0]["range"]["endIndex"], 2)
        sheet.delete_dimension_group_columns(0, 2)
        same("a group of columns is gone", sheet.list_dimension_group_columns(), [])
    if checks.done_or_said("rows are grouped", lambda: sheet.add_dimension_group_rows(1, 3)):
        same("a group of rows is there", sheet.list_dimension_group_rows()[0]["range"]["endIndex"], 3)


def rows_are_sorted_and_filtered(book, sheet):
    rows = [["Apple", "2012", "4"], ["Banana", "2013", "3"], ["Canada", "2007", "1"]]
    sheet.resize(3, 3)
    sheet.update(rows, "A1")
    sheet.sort((3, "asc"), range="A1:C3")
    same("rows are sorted by a column", sheet.get_all_values(), sorted(rows, key=lambda row: row[2]))
    sheet.sort((1, "des"))
    same("and the other way around", sheet.get_all_values(), rows[::-1])
    sheet.update([["a", "1"], ["b", "1"], ["a", "0"]], "A1")
    sheet.sort((1, "asc"), (2, "asc"))
    same("and by two columns", [row[:2] for row in sheet.get_all_values()], [["a", "0"], ["a", "1"], ["b", "1"]])
    sheet.resize(20, 20)
    sheet.set_basic_filter()
    meta = book.fetch_sheet_metadata()["sheets"][0]
    same("a filter covers the sheet", meta["basicFilter"]["range"].get("endRowIndex"), 20)
    sheet.set_basic_filter("B1:C2")
    meta = book.fetch_sheet_metadata()["sheets"][0]
    same("or a range", meta["basicFilter"]["range"]["startColumnIndex"], 1)
    sheet.clear_basic_filter()
    true("and is gone", "basicFilter" not in book.fetch_sheet_metadata()["sheets"][0])


def cells_have_formats_notes_and_rules(book, sheet):
    same("a cell without a note has none", sheet.get_note("A1"), "")
    sheet.insert_note("A1", "first")
    same("a note is there", sheet.get_note("A1"), "first")
    sheet.update_note("A1", "second")
    same("a note is changed", sheet.get_note("A1"), "second")
    sheet.clear_note("A1")
    same("a note is gone", sheet.get_note("A1"), "")
    sheet.update_notes({"A1": "x", "B2": "y"})
    same("all notes are read", sheet.get_notes(), [["x"], ["", "y"]])
    sheet.clear_notes(["A1", "B2"])
    same("all notes are gone", sheet.get_notes(), [[]])
    look = {
        "backgroundColor": {"green": 1, "blue": 1},
        "horizontalAlignment": "CENTER",
        "textFormat": {"foregroundColor": {"red": 1, "green": 1}, "fontSize": 12, "bold": True},
    }
    sheet.format("A2:B2", look)
    query = {"includeGridData": False, "ranges": ["Sheet1!A2"], "fields": "sheets.data.rowData.values.userEnteredFormat"}
    data = book.fetch_sheet_metadata(query)["sheets"][0]["data"][0]
    entered = data["rowData"][0]["values"][0]["userEnteredFormat"]
    entered.pop("backgroundColorStyle", None)
    entered["textFormat"].pop("foregroundColorStyle", None)
    same("a format is kept", entered, look)
    sheet.batch_format([{"range": "A1:C1", "format": {"textFormat": {"bold": True}}}, {"range": "D1", "format": look}])
    sheet.update([[0.256]], "C3")
    sheet.format("C3", {"numberFormat": {"type": "PERCENT", "pattern": "0.0%"}})
    same("a number format shows", sheet.acell("C3").value, "25.6%")
    sheet.add_validation("A1", ValidationConditionType.number_greater, ["3"], inputMessage="more than 3", strict=True)
    query = {"ranges": ["Sheet1!A1"], "fields": "sheets.data.rowData.values.dataValidation"}
    data = book.fetch_sheet_metadata(query)["sheets"][0]["data"][0]
    rule = data["rowData"][0]["values"][0]["dataValidation"]
    same("a rule of validation is kept", rule["condition"]["type"], "NUMBER_GREATER")
    sheet.update([["42", "", "43"], ["43", "", "43"]], "A1:C2")
    sheet.merge_cells("A1:B2")
    same("cells are merged", len(book.fetch_sheet_metadata()["sheets"][0]["merges"]), 1)
    same("the others lose their values", sheet.get("A1:C2"), [["42", "", "43"], ["", "", "43"]])
    sheet.unmerge_cells("A1:B2")
    same("and taken apart", book.fetch_sheet_metadata()["sheets"][0].get("merges", []), [])


def ranges_are_named_copied_and_protected(book, sheet):
    sheet.define_named_range("A1:B2", "corner")
    named = book.list_named_ranges()[0]
    corner = {"startRowIndex": 0, "endRowIndex": 2, "startColumnIndex": 0, "endColumnIndex": 2}
    same("a named range is listed", (named["name"], named["range"]), ("corner", corner))
    sheet.update([["v"]], "corner")
    same("its name is a range", book.values_get("corner")["values"], [["v"]])
    same("its cells are had", [cell.value for cell in book.named_range("corner")], ["v", "", "", ""])
    sheet.delete_named_range(named["namedRangeId"])
    same("it is gone", book.list_named_ranges(), [])
    sheet.update([["A1"], ["A2"]], "A1:A2")
    sheet.copy_range("A1:A2", "B1:B2", paste_type=PasteType.normal)
    same("cells are copied", sheet.col_values(2), ["A1", "A2"])
    if checks.done_or_said("cells are cut", lambda: sheet.cut_range("A1:A2", "C1")):
        same("cut cells are at their new place only", sheet.get("A1:C2"), [["", "A1", "A1"], ["", "A2", "A2"]])
    sheet.add_protected_range("A1:B1", description="hands off")
    protected = book.list_protected_ranges(sheet.id)
    same("a protected range is listed", [each["description"] for each in protected], ["hands off"])
    sheet.delete_protected_range(protected[0]["protectedRangeId"])
    same("and lifted", book.list_protected_ranges(sheet.id), [])


def mistakes_are_answered_as_google_does(book, sheet):
    refused("a cell beyond the grid", APIError, lambda: sheet.update([[1]], "A99999"),
            "[400]: Range (Sheet1!A99999) exceeds grid limits. Max rows: 1000, max columns: 26")
    refused("a range that is none", APIError, lambda: book.values_get("NOPE!A5:F15"),
            "[400]: Unable to parse range: NOPE!A5:F15")
    refused("a block larger than its range", APIError, lambda: sheet.update([[1], [2]], "A1:B1"),
            "[400]: Requested writing within range [Sheet1!A1:B1], but tried writing to row [2]")
    refused("a batch without requests", APIError, lambda: book.batch_update({"requests": []}),
            "[400]: Must specify at least one request.")
    refused("a request that Google does not know", APIError, lambda: book.batch_update({"requests": [{"explode": {}}]}),
            "[400]", 'Unknown name "explode" at \'requests[0]\'')
    bad = {"requests": [{"addSheet": {"properties": {"title": "half"}}},
                        {"updateCells": {"start": {"sheetId": 999999}, "rows": [], "fields": "*"}}]}
    refused("one bad request of two", APIError, lambda: book.batch_update(bad),
            "[400]: Invalid requests[1].updateCells: No grid with id: 999999")
    same("nothing of its batch was done", [each.title for each in book.worksheets()], ["Sheet1"])
    refused("a spreadsheet that is not there", SpreadsheetNotFound, lambda: client.open_by_key("nowhere"), "404")
    refused("a token that is made up", APIError, lambda: gspread_with_token(url, "made-up").open_by_key(book.id), "[401]")
    gone = client.create("soon gone")
    client.del_spreadsheet(gone.id)
    refused("a spreadsheet that was deleted", SpreadsheetNotFound, lambda: client.open_by_key(gone.id), "404")


PARTS = [
    spreadsheets_are_made_and_found, worksheets_come_and_go, the_readme_works, values_are_what_a_person_types,
    records_come_in_every_rendering, ranges_are_read_in_every_form, rows_are_appended,
    rows_and_columns_are_inserted_and_deleted, rows_are_sorted_and_filtered, cells_have_formats_notes_and_rules,
    ranges_are_named_copied_and_protected, mistakes_are_answered_as_google_does,
]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = client.create(part.__name__)
        part(book, book.sheet1)
        client.del_spreadsheet(book.id)
checks.end()
