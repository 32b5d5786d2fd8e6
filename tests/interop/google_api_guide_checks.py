"""google-api-python-client against the emulator: the samples of Google's guides, and how the client itself calls.

    python google_api_guide_checks.py URL KEY.json
"""

import json
import sys
import urllib.request

from google.oauth2 import service_account
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from checks import Checks

url, key = sys.argv[1:]
checks = Checks("google-api-python-client")
same, true, refused = checks.same, checks.true, checks.refused
SCOPES = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"]


def logged_in(*scopes):
    return service_account.Credentials.from_service_account_file(key, scopes=scopes)


def service_as(who):
    return build("sheets", "v4", credentials=who, client_options={"api_endpoint": url})


sheets = service_as(logged_in(*SCOPES)).spreadsheets()
drive = build("drive", "v3", credentials=logged_in(*SCOPES), client_options={"api_endpoint": f"{url}/drive/v3/"})


def faults(*these):
    urllib.request.urlopen(urllib.request.Request(f"{url}/_emulator/faults", json.dumps(these).encode(), method="POST"))


def fill(book, *rows):
    sheets.values().update(spreadsheetId=book, range="A1", valueInputOption="USER_ENTERED", body={"values": list(rows)}).execute()


def read(book, where, **more):
    return sheets.values().get(spreadsheetId=book, range=where, **more).execute().get("values", [])


def batch(book, *requests):
    return sheets.batchUpdate(spreadsheetId=book, body={"requests": list(requests)}).execute()["replies"]


def grid(rows, columns, top=0, left=0):
    return {"sheetId": 0, "startRowIndex": top, "endRowIndex": rows, "startColumnIndex": left, "endColumnIndex": columns}


def the_quickstart_runs(book):
    names = [["Name", "Gender", "Level", "State", "Major"], ["Alexandra", "Female", "4. Senior", "CA", "English"]]
    fill(book, *names)
    same("names and majors are read", [(row[0], row[4]) for row in read(book, "Sheet1!A2:E")], [("Alexandra", "English")])
    made = sheets.create(body={"properties": {"title": "made"}}, fields="spreadsheetId").execute()
    same("a mask leaves the id only", list(made), ["spreadsheetId"])
    drive.files().delete(fileId=made["spreadsheetId"]).execute()


def the_guides_for_values_run(book):
    fill(book, ["A", "B"], ["C", "D"])
    same("ranges are counted", len(sheets.values().batchGet(spreadsheetId=book, ranges=["A1:A2", "B:B"]).execute()["valueRanges"]), 2)
    answer = sheets.values().append(spreadsheetId=book, range="A1:C2", valueInputOption="USER_ENTERED",
                                    body={"values": [["F", "B"], ["C", "D"]]}).execute()
    same("cells are appended", answer["updates"]["updatedCells"], 4)
    answer = sheets.values().update(spreadsheetId=book, range="D1", valueInputOption="RAW", includeValuesInResponse=True,
                                    responseValueRenderOption="FORMULA", body={"values": [["=1"], [None], ["x"]]}).execute()
    same("what was written comes back", answer["updatedData"]["values"], [["=1"], [], ["x"]])
    moments = ["2024-02-29", "13:45", "2024-02-29 13:45:30"]
    fill(book, moments)
    same("moments are numbers", [round(n, 5) for n in read(book, "A1:C1", valueRenderOption="UNFORMATTED_VALUE")[0]], [45351, 0.57292, 45351.57326])
    shown = read(book, "A1:C1", valueRenderOption="UNFORMATTED_VALUE", dateTimeRenderOption="FORMATTED_STRING")
    same("or texts", shown, [["2024-02-29", "13:45", "2024-02-29 13:45:30"]])
    fill(book, ["1", "2"], ["3", "=SUM(A1:B1)"], ["=SUM(A:A)", "=HYPERLINK(\"https://example.com\",\"here\")"])
    same("formulas of the same column are a circle", read(book, "A3:B3"), [["#REF!", "here"]])
    same("other formulas are worked out", read(book, "B2"), [["3"]])
    rich = sheets.get(spreadsheetId=book, ranges=["B3"], fields="sheets.data.rowData.values(hyperlink,formattedValue)").execute()
    same("a link is told", rich["sheets"][0]["data"][0]["rowData"][0]["values"], [{"hyperlink": "https://example.com", "formattedValue": "here"}])


def the_guides_for_cells_run(book):
    fill(book, ["Model", "Sales"], ["D-01X", 68], ["FR-0B1", 74], ["P-034", 49])
    rows = [{"values": [{"userEnteredValue": {"formulaValue": "=B2*2"}, "note": "twice", "userEnteredFormat": {
        "numberFormat": {"type": "CURRENCY", "pattern": "\"€\"0.00"}}}]}]
    batch(book, {"updateCells": {"start": {"sheetId": 0, "rowIndex": 1, "columnIndex": 2}, "rows": rows, "fields": "userEnteredValue,note,userEnteredFormat.numberFormat"}})
    same("a cell is written with its note and format", read(book, "C2"), [["€136.00"]])
    batch(book, {"sortRange": {"range": grid(4, 3, top=1), "sortSpecs": [{"dimensionIndex": 1, "sortOrder": "ASCENDING"}]}})
    same("a formula goes with its row", read(book, "A2:C4"), [["P-034", "49"], ["D-01X", "68", "€136.00"], ["FR-0B1", "74"]])
    batch(book, {"updateCells": {"range": grid(4, 3), "fields": "userEnteredValue"}})
    same("a range without rows is emptied", read(book, "A1:C4"), [])
    data = sheets.get(spreadsheetId=book, ranges=["C3"], includeGridData=True).execute()["sheets"][0]["data"][0]
    same("its notes stay", data["rowData"][0]["values"][0]["note"], "twice")
    batch(book, {"appendCells": {"sheetId": 0, "rows": [{"values": [{"userEnteredValue": {"boolValue": True}}]}], "fields": "*"}},
          {"insertRange": {"range": grid(1, 1), "shiftDimension": "ROWS"}},
          {"pasteData": {"coordinate": {"sheetId": 0, "rowIndex": 5, "columnIndex": 0}, "data": "a;b", "delimiter": ";", "type": "PASTE_NORMAL"}})
    same("cells are pasted", read(book, "A6:B6"), [["a", "b"]])


def the_client_calls_in_its_own_ways(book):
    several = service_as(logged_in(*SCOPES))
    same("a next page there is not", drive.files().list_next(*[drive.files().list(pageSize=1), drive.files().list(pageSize=1).execute()]), None)
    with several as service:
        same("a service closes after use", service.spreadsheets().get(spreadsheetId=book).execute()["spreadsheetId"], book)
    long = [f"Sheet1!A{n}:ZZ{n}" for n in range(1, 200)]
    sheet = {"sheetId": 0, "gridProperties": {"columnCount": 702}}
    batch(book, {"updateSheetProperties": {"properties": sheet, "fields": "gridProperties(columnCount)"}})
    answer = sheets.values().batchGet(spreadsheetId=book, ranges=long).execute()
    same("a call too long for an address is sent as a body", len(answer["valueRanges"]), 199)
    faults({"on": "reads", "do": "fail", "status": 503, "times": 2})
    again = sheets.values().get(spreadsheetId=book, range="A1")
    same("the client tries again when it is told to", again.execute(num_retries=3)["range"], "Sheet1!A1")
    faults({"on": "reads", "do": "fail", "status": 429})
    refused("and else it does not", HttpError, lambda: read(book, "A1"), "429")
    try:
        read(book, "NOPE!A1")
    except HttpError as error:
        same("an error has its reason", (error.status_code, error.reason), (400, "Unable to parse range: NOPE!A1"))
    reader = service_as(logged_in("https://www.googleapis.com/auth/spreadsheets.readonly")).spreadsheets()
    same("a token for reading reads", reader.get(spreadsheetId=book).execute()["spreadsheetId"], book)
    refused("and does not write", HttpError, lambda: reader.values().clear(spreadsheetId=book, range="A1").execute(),
            "403", "insufficient authentication scopes")


def files_are_shared_and_exported(book):
    fill(book, ["a", "b"], [1, "2, 3"])
    shared = drive.permissions().create(fileId=book, body={"type": "user", "role": "writer", "emailAddress": "user@example.com"}, fields="id").execute()
    same("a permission has its id", list(shared), ["id"])
    got = drive.permissions().get(fileId=book, permissionId=shared["id"], fields="role,emailAddress").execute()
    same("and is read by it", got, {"role": "writer", "emailAddress": "user@example.com"})
    drive.permissions().update(fileId=book, permissionId=shared["id"], body={"role": "reader"}).execute()
    roles = [each["role"] for each in drive.permissions().list(fileId=book).execute()["permissions"]]
    same("and changed", sorted(roles), ["owner", "reader"])
    drive.permissions().delete(fileId=book, permissionId=shared["id"]).execute()
    same("a file is exported", drive.files().export(fileId=book, mimeType="text/csv").execute(), b'a,b\r\n1,"2, 3"')
    copy = drive.files().copy(fileId=book, body={"name": "a copy"}).execute()
    same("a file is copied", (copy["name"], read(copy["id"], "A1:B1")), ("a copy", [["a", "b"]]))
    drive.files().update(fileId=copy["id"], body={"name": "renamed"}).execute()
    same("a file is renamed", sheets.get(spreadsheetId=copy["id"], fields="properties.title").execute(), {"properties": {"title": "renamed"}})
    drive.files().delete(fileId=copy["id"]).execute()
    refused("a file that is gone", HttpError, lambda: drive.files().copy(fileId=copy["id"], body={}).execute(), "404", "File not found")


PARTS = [the_quickstart_runs, the_guides_for_values_run, the_guides_for_cells_run, the_client_calls_in_its_own_ways, files_are_shared_and_exported]

for part in PARTS:
    with checks.part(part.__name__.replace("_", " ")):
        book = sheets.create(body={"properties": {"title": part.__name__}}).execute()["spreadsheetId"]
        part(book)
        drive.files().delete(fileId=book).execute()
checks.end()
