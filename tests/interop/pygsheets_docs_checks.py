"""pygsheets against the emulator: what its documentation shows beyond the README, and what its own online tests ask for.

    python pygsheets_docs_checks.py URL KEY.json
"""

import json
import logging
import pathlib
import sys
import tempfile
import urllib.request
import warnings

import pandas as pd
import pygsheets
from googleapiclient.errors import HttpError
from pygsheets.custom_types import ChartType, ExportType, HorizontalAlignment, VerticalAlignment
from pygsheets.exceptions import CannotRemoveOwnerError

from checks import Checks
from emulated import pygsheets_client

warnings.filterwarnings("ignore")
logging.getLogger("googleapiclient").setLevel(logging.CRITICAL)
logging.getLogger("pygsheets").setLevel(logging.CRITICAL)

url, key = sys.argv[1:]
checks = Checks("pygsheets")
same, true, refused = checks.same, checks.true, checks.refused
client = pygsheets_client(url, key)


def faults(*these):
    """Asks the emulator for faults to come."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/_emulator/faults", json.dumps(these).encode(), method="POST"))


def titles(book):
    return [each.title for each in client.open_by_key(book.id).worksheets()]


def the_readmes_examples_run(book, sheet):
    sheet.update_value("A1", "Hey yank this numpy array")
    sheet.update_values("A2", [[1, 2, 3], [4, 5, 6]])
    same("an array arrives", sheet.get_values("A2", "C3"), [["1", "2", "3"], ["4", "5", "6"]])
    book.share("friend@example.com")
    true("it is shared", "friend@example.com" in [each.get("emailAddress") for each in book.permissions])
    book.remove_permission("friend@example.com")
    same("and no more", len(book.permissions), 1)
    owner = book.permissions[-1]["id"]
    refused("the owner stays", CannotRemoveOwnerError, lambda: book.remove_permission("", permission_id=owner))
    same("a sheet is had by place", book[0].title, "Sheet1")
    cells = sheet.get_values((1, 1), (3, 3), returnas="cells")
    same("cells are had by numbers", cells[1][0].value, "1")
    same("all values are had", sheet.get_all_values(include_tailing_empty=False, include_tailing_empty_rows=False)[2], ["4", "5", "6"])
    sheet.rows = 30
    sheet.insert_rows(row=20, number=1, values=[7, 8])
    same("rows are inserted and filled", (sheet.rows, sheet.get_row(21, include_tailing_empty=False)), (31, ["7", "8"]))
    same("a value is had by indexes", sheet[1][0], "Hey yank this numpy array")
    sheet.append_table(values=[1, 2, 3, 4])
    sheet.append_table(values=[[5, 6], [7, 8]], start="A21", overwrite=True)
    rows = sheet.get_values("A21", "D24", include_tailing_empty=False)
    same("rows are appended below the last table", rows, [["7", "8"], ["1", "2", "3", "4"], ["5", "6"], ["7", "8"]])
    moved = sheet.cell("B1")
    moved.col = 5
    moved.value = "hoho"
    same("a cell moves to another place", sheet.get_value("E1"), "hoho")
    for cell in sheet.range("A5:B6", returnas="cells"):
        for each in cell:
            each.value = "O_0"
    same("each cell of a range is set", sheet.get_values("A5", "B6"), [["O_0"] * 2] * 2)
    same("a neighbour above to the right", sheet.cell("D2").neighbour("topright").value, "hoho")
    moved.set_number_format(pygsheets.FormatType.NUMBER, "00.0000")
    moved.value = 7
    same("a number format shows", sheet.get_value("E1"), "07.0000")


def spreadsheets_have_properties(book, sheet):
    same("a default format is told", book.defaultformat["textFormat"]["fontFamily"], "arial,sans,sans-serif")
    book.locale = "de_DE"
    same("a locale is changed", client.open_by_key(book.id).locale, "de_DE")
    true("titles are listed", book.title in client.spreadsheet_titles())
    same("and searched", client.spreadsheet_ids(query=f"name = '{book.title}'"), [book.id])
    same("spreadsheets are opened by a search", [each.id for each in client.open_all(f"name = '{book.title}'")], [book.id])
    same("one is had as JSON", client.open_as_json(book.id)["properties"]["title"], book.title)
    sheet.update_row(1, ["a", "b"])
    same("values are had without opening", client.get_range(book.id, "Sheet1!A1:B1"), [["a", "b"]])
    template = client.create("from a template", template=book)
    same("a template gives its locale", template.locale, "de_DE")
    template.delete()
    one, two = book.add_worksheet("one", 10, 10), book.add_worksheet("two", 10, 10, index=0)
    same("a sheet is put in its place", titles(book), ["two", "Sheet1", "one"])
    one.update_row(1, ["test", "test"])
    same("a text is found in every sheet", sorted(len(found) for found in book.find("test")), [0, 0, 2])
    book.replace("test", "toast")
    same("and replaced in every sheet", one.get_row(1, include_tailing_empty=False), ["toast", "toast"])
    one.index = 0
    same("a sheet is moved", titles(book)[0], "one")
    book.create_developer_metadata("team", "blue")
    same("metadata is kept with a spreadsheet", [each.value for each in book.get_developer_metadata("team")], ["blue"])
    answer = book.custom_request({"updateSpreadsheetProperties": {"properties": {"title": "asked"}, "fields": "title"}}, "*")
    same("a request of one's own is made", (answer["spreadsheetId"], client.open_by_key(book.id).title), (book.id, "asked"))


def sheets_are_resized_and_filled(book, sheet):
    rows, cols = sheet.rows, sheet.cols
    sheet.cols += 1
    sheet.add_cols(1)
    sheet.rows += 1
    sheet.add_rows(1)
    same("a sheet grows", (sheet.rows, sheet.cols), (rows + 2, cols + 2))
    sheet.resize(rows, cols)
    sheet.refresh()
    same("and shrinks", (sheet.rows, sheet.cols), (rows, cols))
    sheet.frozen_cols = 2
    sheet.refresh()
    same("columns are frozen", sheet.frozen_cols, 2)
    sheet.frozen_cols = 0
    sheet.insert_cols(1, 2)
    same("columns are inserted", sheet.cols, cols + 2)
    refused("a cell beyond the grid", pygsheets.CellNotFound, lambda: sheet.cell((rows + 5, cols + 5)))
    sheet.resize(1, 1)
    sheet.update_values(crange="A1", values=[[1, 2, 5], [3, 4, 6], [3, 4, 61]], extend=True)
    same("values make room for themselves", (sheet.rows, sheet.cols, sheet.get_value("C3")), (3, 3, "61"))
    sheet.resize(30, 30)
    sheet.update_values(cell_list=[pygsheets.Cell("A1", 10), pygsheets.Cell("A2", 12)])
    same("a list of cells is written", sheet.get_values("A1", "A2"), [["10"], ["12"]])
    sheet.update_row(5, [1, 2, 3], col_offset=1)
    sheet.update_col(6, ["r", "s"], row_offset=1)
    same("a row is written from a column on", sheet.get_row(5, include_tailing_empty=False), ["", "1", "2", "3"])
    same("a column is written from a row on", sheet.get_col(6, include_tailing_empty=False), ["", "r", "s"])
    sheet.clear()
    same("a cleared sheet is empty", sheet.get_all_values(include_tailing_empty=False, include_tailing_empty_rows=False), [[]])
    target = client.create("copies")
    same("a sheet is copied to another spreadsheet", sheet.copy_to(target.id).spreadsheet.id, target.id)
    target.delete()
    sheet.update_row(9, [1, 2])
    sheet.delete_rows(9)
    same("a deleted row takes its place with it", (sheet.rows, sheet.get_row(9, include_tailing_empty=False)), (29, []))


def empty_ends_are_cut_or_kept(book, sheet):
    sheet.resize(10, 10)
    sheet.update_values("A1:D4", [[1, 2, "", 3], ["", "", "", ""], [4, 5, "", ""], ["", 6, "", ""]])

    def got(ends, rows, majdim="ROWS"):
        return sheet.get_values("A1", "E5", include_tailing_empty=ends, include_tailing_empty_rows=rows, majdim=majdim)

    rows = [["1", "2", "", "3"], [], ["4", "5"], ["", "6"]]
    columns = [["1", "", "4"], ["2", "", "5", "6"], [], ["3"]]
    for name, want, majdim in [("rows", rows, "ROWS"), ("columns", columns, "COLUMNS")]:
        padded = [line + [""] * (5 - len(line)) for line in want]
        same(f"{name} with both ends", got(True, True, majdim), padded + [[""] * 5])
        same(f"{name} without empty lines", got(True, False, majdim), padded)
        same(f"{name} without empty ends", got(False, True, majdim), want + [[]])
        same(f"{name} without either", got(False, False, majdim), want)
    cells = sheet.get_values("A1", "B2", returnas="cells", include_tailing_empty=False, include_tailing_empty_rows=False)
    same("cells too", [[cell.label for cell in row] for row in cells], [["A1", "B1"]])


def texts_are_found_and_replaced(book, sheet):
    sheet.update_row(1, ["test", "test", 100, "TEST", "testtest", "test", "test", "=SUM(C:C)"])
    same("a formula sums its column", sheet.get_value("H1"), "100")
    for name, count, options in [
        ("in any case", 6, {}), ("in its case", 5, {"matchCase": True}), ("in whole cells", 5, {"matchEntireCell": True}),
        ("in whole cells and its case", 4, {"matchCase": True, "matchEntireCell": True}),
        ("as a pattern", 5, {"searchByRegex": True, "matchCase": True}),
    ]:
        same(f"a text is found {name}", len(sheet.find("test", **options)), count)
    same("a number is found as a text", len(sheet.find("100")), 1)
    same("and in formulas on wish", len(sheet.find("100", includeFormulas=True)), 2)
    sheet.replace("test", "value", matchEntireCell=True)
    same("a text is replaced in whole cells", sheet.get_row(1, include_tailing_empty=False)[:5], ["value", "value", "100", "value", "testtest"])


def data_frames_come_and_go(book, sheet):
    frame = pd.DataFrame({"a": [1, 2, 3, "g"], "x": [4, 5, 6, "h"]})
    sheet.set_dataframe(frame, "B2", copy_head=True, fit=True, copy_index=True)
    same("a frame is written with its index", sheet.get_values("B2", "D3"), [["", "a", "x"], ["0", "1", "4"]])
    same("and the sheet fits it", (sheet.rows, sheet.cols), (6, 4))
    sheet.clear()
    sheet.set_dataframe(frame, "A1", copy_head=False)
    same("a frame is written without its head", sheet.get_values("A1", "B4")[3], ["g", "h"])
    sheet.clear()
    numbers = pd.DataFrame({"name": ["Ada", "Bob"], "age": [36, 41], "share": [0.5, 1.25]})
    sheet.set_dataframe(numbers, (1, 1))
    same("a frame comes back as it went", sheet.get_as_df(has_header=True, end=(3, 3)).to_dict("list"), numbers.to_dict("list"))
    pairs = pd.MultiIndex.from_tuples([("bar", "one"), ("bar", "two")], names=["first", "second"])
    sheet.set_dataframe(pd.DataFrame([[1, 2], [3, 4]], index=pairs, columns=pairs), "A1", copy_index=True)
    same("an index of pairs takes two rows and two columns", sheet.get_values("C1", "D4"), [["bar", "bar"], ["one", "two"], ["1", "2"], ["3", "4"]])


def cells_have_looks(book, sheet):
    cell = sheet.cell("A1")
    cell.horizontal_alignment = HorizontalAlignment.RIGHT
    cell.vertical_alignment = VerticalAlignment.MIDDLE
    cell.wrap_strategy = "WRAP"
    cell.set_text_rotation("angle", 45)
    again = sheet.get_values("A1", "A1", returnas="range")[0][0]
    again.fetch()
    same("alignments are kept", (again.horizontal_alignment, again.vertical_alignment), (HorizontalAlignment.RIGHT, VerticalAlignment.MIDDLE))
    same("wrapping and rotation are kept", (again.wrap_strategy, again.text_rotation), ("WRAP", {"angle": 45}))
    sheet.update_row(1, ["", 3, 4])
    cell = sheet.cell("A1")
    cell.formula = "=B1+C1"
    same("a formula is worked out", (cell.value, cell.value_unformatted), ("7", 7))
    same("neighbours are reached by steps", [cell.neighbour(step).value for step in [(0, 1), (0, 2)]], ["3", "4"])
    cell.unlink()
    cell.value = 10
    same("an unlinked cell waits", sheet.get_value("A1"), "7")
    cell.link(update=True)
    same("until it is linked", sheet.get_value("A1"), "10")
    model = pygsheets.Cell("A1")
    model.set_number_format(format_type=pygsheets.FormatType.PERCENT, pattern="0%")
    pygsheets.DataRange("B1", "C1", worksheet=sheet).apply_format(model)
    same("a column is formatted after a model", sheet.get_row(1, include_tailing_empty=False), ["10", "300%", "400%"])
    grey = pygsheets.Cell("A1")
    grey.color = (0.9529412, 0.9529412, 0.9529412, 0)
    sheet.get_row(2, returnas="range").apply_format(grey, fields="userEnteredFormat.backgroundColor")
    shade = sheet.cell("C2")
    shade.fetch()
    same("a row is shaded", round(shade.color[0], 4), 0.9529)
    sheet.range("A4:B5", returnas="range").update_borders(top=True, bottom=True, style="SOLID")
    data = client.sheet.get(book.id, ranges=["Sheet1!A4"], fields="sheets/data/rowData/values/userEnteredFormat/borders/top/style")
    same("borders are kept", data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["userEnteredFormat"]["borders"]["top"]["style"], "SOLID")
    for where, member in [("ROWS", "rowMetadata"), ("COLUMNS", "columnMetadata")]:
        def hidden():
            told = client.sheet.get(book.id, fields=f"sheets/data/{member}/hiddenByUser")["sheets"][0]["data"][0][member]
            return [each.get("hiddenByUser", False) for each in told[:3]]

        sheet.hide_dimensions(1, 2, where)
        same(f"{where.lower()} are hidden", hidden(), [True, True, False])
        sheet.show_dimensions(1, 2, where)
        same(f"{where.lower()} are shown", hidden(), [False] * 3)
    sheet.adjust_column_width(1, 2)
    sheet.adjust_row_height(1, 2, 40)
    same("rows have their height", client.sheet.get(book.id, fields="sheets/data/rowMetadata/pixelSize")["sheets"][0]["data"][0]["rowMetadata"][0], {"pixelSize": 40})


def ranges_are_objects(book, sheet):
    block = sheet.range("A1:B3", returnas="range")
    block.update_values([[3, "c"], [1, "a"], [2, "b"]])
    block.sort(0)
    same("a range is sorted", sheet.get_values("A1", "B3"), [["1", "a"], ["2", "b"], ["3", "c"]])
    block.name = "mine"
    same("a range is named", sheet.get_named_range("mine").range, "A1:B3")
    block.end_addr = (4, 2)
    same("and grows", client.open_by_key(book.id).named_ranges[0].range, "A1:B4")
    block.protected = True
    true("a range is protected", block.protect_id is not None)
    same("and listed", len(client.open_by_key(book.id).protected_ranges), 1)
    block.description = "hands off"
    block.editors = ("users", ["otto@example.com"])
    block.protected = False
    same("and lifted", client.open_by_key(book.id).protected_ranges, [])
    whole = pygsheets.DataRange(worksheet=sheet)
    whole.protected = True
    same("a whole sheet is protected", len(client.open_by_key(book.id).sheet1.get_protected_ranges()), 1)
    whole.protected = False
    sheet.delete_named_range("mine")
    same("a name is taken back", client.open_by_key(book.id).named_ranges, [])
    sheet.range("D1:E2", returnas="range").merge_cells("MERGE_ROWS")
    same("rows are merged", len(client.open_by_key(book.id).sheet1.merged_ranges), 2)
    block.clear()
    same("a range is cleared", sheet.get_values("A1", "B2", include_tailing_empty=False), [[]])


def charts_are_kept(book, sheet):
    sheet.update_values("A1", [["year", "rain"], [2019, 3], [2020, 5]])
    chart = sheet.add_chart(("A1", "A3"), [("B1", "B3")], "Rain", ChartType.COLUMN, anchor_cell="D4")
    same("a chart is listed", [each.title for each in sheet.get_charts()], ["Rain"])
    chart.title = "More rain"
    same("its title is changed", [each.title for each in sheet.get_charts("More rain")], ["More rain"])
    chart.chart_type = ChartType.LINE
    same("its kind too", sheet.get_charts()[0].chart_type, ChartType.LINE)
    chart.delete()
    same("it is deleted", sheet.get_charts(), [])


def sheets_are_exported(book, sheet):
    with tempfile.TemporaryDirectory() as folder:
        sheet.update_row(1, ["test", "test"])
        two = book.add_worksheet("two")
        two.update_row(1, ["a", "b, c"])

        def read(name):
            return pathlib.Path(folder, name).read_text()

        sheet.export(filename="one", path=folder + "/")
        two.export(filename="two", path=folder + "/")
        same("each sheet is exported as CSV", (read("one.csv"), read("two.csv")), ("test,test", 'a,"b, c"'))
        book.export(file_format=ExportType.TSV, filename="all", path=folder + "/")
        same("a spreadsheet is exported sheet by sheet", (read("all0.tsv"), read("all1.tsv")), ("test\ttest", "a\tb, c"))
        same("and its sheets stay in place", titles(book), ["Sheet1", "two"])
        checks.done_or_said("a spreadsheet as PDF", lambda: book.export(file_format=ExportType.PDF, filename="all", path=folder + "/"))


def many_changes_are_one_call(book, sheet):
    client.set_batch_mode(True)
    sheet.update_value("A1", 1)
    sheet.update_values("A2", [[2], [3]])
    sheet.cell("B1").note = "a note"
    client.run_batch()
    client.set_batch_mode(False)
    same("a batch is written", sheet.get_values("A1", "A3"), [["1"], ["2"], ["3"]])
    sheet.unlink()
    for number in range(1, 4):
        sheet.update_value((5, number), number)
    sheet.link()
    same("what was kept back is written", sheet.get_row(5, include_tailing_empty=False), ["1", "2", "3"])


def busy_services_are_waited_for(book, sheet):
    for status in [503, 429]:
        faults({"on": "writes", "do": "fail", "status": status})
        sheet.update_value("A1", status)
        same(f"a {status} is waited for", sheet.get_value("A1"), str(status))
    faults({"on": "reads", "do": "fail", "status": 400})
    refused("a 400 is not", HttpError, lambda: sheet.get_value("A1"), "400")
    faults()


def sheets_are_copied_from_anywhere(book, sheet):
    sheet.update_row(1, ["kept", 1])
    other = client.create("elsewhere")
    copy = other.add_worksheet("mine", src_tuple=(book.id, sheet.id))
    same("a sheet comes from another spreadsheet", (copy.title, copy.get_row(1, include_tailing_empty=False)), ("mine", ["kept", "1"]))
    sheet.create_developer_metadata("team", "blue")
    mark = sheet.get_developer_metadata("team")[0]
    mark.value = "red"
    mark.update()
    same("metadata of a sheet is changed", [each.value for each in sheet.get_developer_metadata("team")], ["red"])
    mark.delete()
    same("and deleted", sheet.get_developer_metadata("team"), [])
    other.delete()


PARTS = [
    the_readmes_examples_run, spreadsheets_have_properties, sheets_are_resized_and_filled, empty_ends_are_cut_or_kept,
    texts_are_found_and_replaced, data_frames_come_and_go, cells_have_looks, ranges_are_objects, charts_are_kept,
    sheets_are_exported, many_changes_are_one_call, busy_services_are_waited_for, sheets_are_copied_from_anywhere,
]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = client.create(part.__name__)
        part(book, book.sheet1)
        book.delete()
checks.end()
