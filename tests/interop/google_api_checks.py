"""google-api-python-client against the emulator: every method of Sheets v4, and the calls of Drive v3 around it.

    python google_api_checks.py URL KEY.json
"""

import sys

from google.oauth2 import credentials, service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from checks import Checks

url, key = sys.argv[1:]
checks = Checks("google-api-python-client")
same, true, refused = checks.same, checks.true, checks.refused
SCOPES = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"]
login = service_account.Credentials.from_service_account_file(key, scopes=SCOPES)


def sheets_as(who):
    return build("sheets", "v4", credentials=who, client_options={"api_endpoint": url}).spreadsheets()


sheets = sheets_as(login)
files = build("drive", "v3", credentials=login, client_options={"api_endpoint": f"{url}/drive/v3/"}).files()
KIND = "application/vnd.google-apps.spreadsheet"


def values_are_written_and_read(book):
    typed = [["0042", "=3/2", "2,000,000.01", "10%", "TRUE", None, "x"]]
    answer = sheets.values().update(spreadsheetId=book, range="Sheet1!A1", valueInputOption="USER_ENTERED",
                                    body={"values": typed}).execute()
    same("null leaves a cell alone and is not counted", (answer["updatedCells"], answer["updatedRange"]), (6, "Sheet1!A1:G1"))
    answer = sheets.values().get(spreadsheetId=book, range="Sheet1!A1:G1").execute()
    same("values are read as shown", answer["values"], [["42", "1.5", "2,000,000.01", "10%", "TRUE", "", "x"]])
    answer = sheets.values().get(spreadsheetId=book, range="A1:G1", valueRenderOption="UNFORMATTED_VALUE").execute()
    same("values are read with types", answer["values"], [[42, 1.5, 2000000.01, 0.1, True, "", "x"]])
    answer = sheets.values().get(spreadsheetId=book, range="A1:G1", valueRenderOption="FORMULA",
                                 majorDimension="COLUMNS").execute()
    same("formulas are read by columns", answer["values"], [[42], ["=3/2"], [2000000.01], [0.1], [True], [], ["x"]])
    answer = sheets.values().append(spreadsheetId=book, range="Sheet1", valueInputOption="RAW",
                                    insertDataOption="INSERT_ROWS", includeValuesInResponse=True,
                                    body={"values": [["=1", 2]]}).execute()
    same("an append tells its table and what it wrote", answer, {
        "spreadsheetId": book, "tableRange": "Sheet1!G1", "updates": {
            "spreadsheetId": book, "updatedRange": "Sheet1!G2:H2", "updatedRows": 1, "updatedColumns": 2, "updatedCells": 2,
            "updatedData": {"range": "Sheet1!G2:H2", "majorDimension": "ROWS", "values": [["=1", "2"]]}}})
    answer = sheets.values().batchGet(spreadsheetId=book, ranges=["A1:B1", "G2:H2"]).execute()
    same("several ranges are read", [each["values"] for each in answer["valueRanges"]], [[["42", "1.5"]], [["=1", "2"]]])
    body = {"valueInputOption": "RAW", "data": [{"range": "A5", "values": [[1]]}, {"range": "B6", "values": [["y"]]}]}
    answer = sheets.values().batchUpdate(spreadsheetId=book, body=body).execute()
    same("several ranges are written", answer["totalUpdatedCells"], 2)
    answer = sheets.values().clear(spreadsheetId=book, range="A5").execute()
    same("a range is cleared", answer, {"spreadsheetId": book, "clearedRange": "Sheet1!A5"})
    answer = sheets.values().batchClear(spreadsheetId=book, body={"ranges": ["A1", "G2:H2"]}).execute()
    same("several ranges are cleared", answer["clearedRanges"], ["Sheet1!A1", "Sheet1!G2:H2"])
    answer = sheets.values().get(spreadsheetId=book, range="A5:A9").execute()
    same("an empty range has no values", "values" in answer, False)


def values_are_found_by_filters(book):
    data = [{"dataFilter": {"a1Range": "A1:B1"}, "majorDimension": "ROWS", "values": [["a", "b"]]}]
    answer = sheets.values().batchUpdateByDataFilter(
        spreadsheetId=book, body={"valueInputOption": "RAW", "data": data}).execute()
    same("a filter says where to write", answer["totalUpdatedCells"], 2)
    filters = [{"a1Range": "B1"}, {"gridRange": {"sheetId": 0, "startRowIndex": 0, "endRowIndex": 1}}]
    answer = sheets.values().batchGetByDataFilter(spreadsheetId=book, body={"dataFilters": filters}).execute()
    found = [(each["valueRange"]["range"], each["valueRange"]["values"]) for each in answer["valueRanges"]]
    same("filters say what to read", found, [("Sheet1!B1", [["b"]]), ("Sheet1!A1:Z1", [["a", "b"]])])
    answer = sheets.getByDataFilter(spreadsheetId=book, body={"dataFilters": [{"a1Range": "A1:B2"}],
                                                              "includeGridData": True}).execute()
    cells = answer["sheets"][0]["data"][0]["rowData"][0]["values"]
    same("filters say which cells", [cell["formattedValue"] for cell in cells], ["a", "b"])
    answer = sheets.values().batchClearByDataFilter(spreadsheetId=book, body={"dataFilters": filters[:1]}).execute()
    same("a filter says what to clear", answer["clearedRanges"], ["Sheet1!B1"])


def batches_are_one_write(book):
    requests = [
        {"addSheet": {"properties": {"title": "T2"}}},
        {"appendCells": {"sheetId": 0, "fields": "userEnteredValue", "rows": [{"values": [
            {"userEnteredValue": {"stringValue": "=x"}}, {}, {"userEnteredValue": {"numberValue": 5}}]}]}},
        {"addNamedRange": {"namedRange": {"name": "corner", "range": {"sheetId": 0, "endRowIndex": 1, "endColumnIndex": 2}}}},
        {"findReplace": {"find": "=x", "replacement": "z", "allSheets": True}},
    ]
    body = {"requests": requests, "includeSpreadsheetInResponse": True, "responseRanges": ["Sheet1!A1:C3"],
            "responseIncludeGridData": True}
    answer = sheets.batchUpdate(spreadsheetId=book, body=body).execute()
    kinds = [list(reply) for reply in answer["replies"]]
    same("each request has its reply", kinds, [["addSheet"], [], ["addNamedRange"], ["findReplace"]])
    same("a replacement is counted", answer["replies"][3]["findReplace"]["occurrencesChanged"], 1)
    cells = answer["updatedSpreadsheet"]["sheets"][0]["data"][0]["rowData"][0]["values"]
    same("the answer carries the cells as they are now", cells[0]["userEnteredValue"], {"stringValue": "z"})
    answer = sheets.get(spreadsheetId=book, fields="sheets.properties(sheetId,title)").execute()
    same("a mask cuts an answer down", answer["sheets"][0], {"properties": {"sheetId": 0, "title": "Sheet1"}})
    answer = sheets.get(spreadsheetId=book, ranges=["corner"], includeGridData=True).execute()
    same("a named range is a range", answer["sheets"][0]["data"][0]["rowData"][0]["values"][0]["formattedValue"], "z")
    half = {"requests": [{"deleteSheet": {"sheetId": 0}}, {"deleteSheet": {"sheetId": 77}}]}
    refused("a batch that fails in its middle", HttpError, lambda: sheets.batchUpdate(spreadsheetId=book, body=half).execute(),
            "400", "Invalid requests[1].deleteSheet")
    answer = sheets.get(spreadsheetId=book, fields="sheets.properties.title").execute()
    same("leaves all as it was", [each["properties"]["title"] for each in answer["sheets"]], ["Sheet1", "T2"])


def metadata_and_copies(book):
    mark = {"metadataKey": "batch", "metadataValue": "7", "location": {"spreadsheet": True}, "visibility": "DOCUMENT"}
    answer = sheets.batchUpdate(spreadsheetId=book, body={"requests": [{"createDeveloperMetadata": {
        "developerMetadata": mark}}]}).execute()
    made = answer["replies"][0]["createDeveloperMetadata"]["developerMetadata"]
    same("metadata is made", (made["metadataKey"], made["metadataValue"]), ("batch", "7"))
    metadata = sheets.developerMetadata()
    by_id = metadata.get(spreadsheetId=book, metadataId=made["metadataId"])
    if checks.done_or_said("metadata is had by its id", by_id.execute):
        same("it is the one that was made", by_id.execute()["metadataValue"], "7")
    by_key = metadata.search(spreadsheetId=book, body={"dataFilters": [{"developerMetadataLookup": {"metadataKey": "batch"}}]})
    if checks.done_or_said("metadata is searched", by_key.execute):
        found = by_key.execute()["matchedDeveloperMetadata"]
        same("it is found by its key", [each["developerMetadata"]["metadataId"] for each in found], [made["metadataId"]])
    other = sheets.create(body={"properties": {"title": "other"}}).execute()["spreadsheetId"]
    copy = sheets.sheets().copyTo(spreadsheetId=book, sheetId=0, body={"destinationSpreadsheetId": other})
    if checks.done_or_said("a sheet is copied to another spreadsheet", copy.execute):
        titles = [each["properties"]["title"] for each in sheets.get(spreadsheetId=other).execute()["sheets"]]
        same("it is called a copy there", titles[1], "Copy of Sheet1")
    files.delete(fileId=other).execute()


def spreadsheets_are_files(book):
    made = sheets.create(body={"properties": {"title": "New"}, "sheets": [{"properties": {"title": "One"}}]}).execute()
    same("a spreadsheet is made with its sheets", made["sheets"][0]["properties"]["title"], "One")
    true("and has an address", made["spreadsheetUrl"].endswith(f"/{made['spreadsheetId']}/edit"))
    same("Drive knows it", files.get(fileId=made["spreadsheetId"]).execute()["name"], "New")
    files.delete(fileId=made["spreadsheetId"]).execute()
    file = files.create(body={"name": "it's a file", "mimeType": KIND}).execute()
    same("Drive makes one", (file["name"], file["mimeType"]), ("it's a file", KIND))
    found = files.list(q=f"name='it\\'s a file' and mimeType='{KIND}'").execute()["files"]
    same("Drive finds it by name", [each["id"] for each in found], [file["id"]])
    times = files.get(fileId=file["id"], fields="id,createdTime,modifiedTime").execute()
    same("Drive tells what is asked for", sorted(times), ["createdTime", "id", "modifiedTime"])
    files.delete(fileId=file["id"]).execute()
    refused("a deleted one is gone", HttpError, lambda: files.get(fileId=file["id"]).execute(), "404")


def mistakes_are_answered_as_google_does(book):
    def batch(*requests):
        return lambda: sheets.batchUpdate(spreadsheetId=book, body={"requests": list(requests)}).execute()

    def update(where, rows, how="RAW"):
        return lambda: sheets.values().update(spreadsheetId=book, range=where, valueInputOption=how, body={"values": rows}).execute()

    cases = [
        ("a spreadsheet that is not there", lambda: sheets.get(spreadsheetId="nowhere").execute(),
         "404", "Requested entity was not found."),
        ("a range that is none", lambda: sheets.values().get(spreadsheetId=book, range="NOPE!A5:F15").execute(),
         "400", "Unable to parse range: NOPE!A5:F15"),
        ("rows beyond the range", update("A1:B1", [[1], [2]]), "400", "tried writing to row [2]"),
        ("columns beyond the range", update("A1:B1", [[1, 2, 3]]), "400", "tried writing to column [C]"),
        ("cells beyond the grid", update("A1001", [[1]]), "400", "exceeds grid limits. Max rows: 1000, max columns: 26"),
        ("a value that is none", update("A1", [[{"a": 1}]]), "400", "Invalid"),
        ("no requests", batch(), "400", "Must specify at least one request."),
        ("a sheet that is not there", batch({"deleteSheet": {"sheetId": 999999}}), "400", "Invalid requests[0].deleteSheet"),
        ("no fields", batch({"updateSheetProperties": {"properties": {"title": "x"}}}),
         "400", "At least one field must be listed in 'fields'."),
        ("a mask that is none", lambda: sheets.get(spreadsheetId=book, fields="sheets.nothing").execute(), "400"),
        ("a member that is none", batch({"addSheet": {"properties": {"name": "x"}}}), "400", "Cannot find field."),
    ]
    for name, call, *words in cases:
        refused(name, HttpError, call, *words)
    made_up = sheets_as(credentials.Credentials(token="made-up"))
    try:
        made_up.get(spreadsheetId=book).execute()
    except Exception as error:
        # google-auth tries to renew a token that was answered 401, and this one can't be renewed.
        true("a token that is made up", "401" in str(error) or type(error).__name__ == "RefreshError")
    else:
        true("a token that is made up", False)


PARTS = [values_are_written_and_read, values_are_found_by_filters, batches_are_one_write, metadata_and_copies,
         spreadsheets_are_files, mistakes_are_answered_as_google_does]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = sheets.create(body={"properties": {"title": part.__name__}}).execute()["spreadsheetId"]
        part(book)
        files.delete(fileId=book).execute()
checks.end()
