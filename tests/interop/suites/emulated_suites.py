"""A pytest plugin that leads other people's live test suites to the emulator instead of Google.

Their code and their tests are unchanged. What they call is replaced below them: the hosts of Google in what `requests` and
`httplib2` send, and the login of a person by that of the emulator's key. `EMULATOR_URL` and `EMULATOR_KEY` say where it is.
"""

import os
import time

import httplib2
import requests
from google.oauth2 import service_account

URL = os.environ["EMULATOR_URL"]
KEY = os.environ["EMULATOR_KEY"]
GOOGLE = ("https://sheets.googleapis.com", "https://www.googleapis.com", "https://docs.google.com")
SCOPES = ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive"]


def led(address):
    """The address with Google's host replaced."""
    for host in GOOGLE:
        address = address.replace(host, URL)
    return address


def lead_clients():
    """Replaces the hosts in what the two HTTP clients send."""
    by_requests, by_httplib2 = requests.Session.request, httplib2.Http.request
    requests.Session.request = lambda self, method, url, *rest, **named: by_requests(self, method, led(url), *rest, **named)
    httplib2.Http.request = lambda self, uri, *rest, **named: by_httplib2(self, led(uri), *rest, **named)


def credentials():
    """What the emulator's key allows."""
    return service_account.Credentials.from_service_account_file(KEY, scopes=SCOPES)


def log_ezsheets_in():
    """EZSheets asks a person to log in; its two services are made of the key instead. Google's quota is not kept."""
    import ezsheets
    from googleapiclient.discovery import build

    def init(*_arguments, **_named):
        ezsheets.SHEETS_SERVICE = build("sheets", "v4", credentials=credentials())
        ezsheets.DRIVE_SERVICE = build("drive", "v3", credentials=credentials())
        ezsheets.IS_INITIALIZED = True

    ezsheets.init, ezsheets.IGNORE_QUOTA = init, True
    init()


def replace_old_key():
    """Some tests take a key of a library that is gone."""
    from oauth2client.service_account import ServiceAccountCredentials

    ServiceAccountCredentials.from_json_keyfile_name = staticmethod(lambda *_arguments: credentials())


def configure_gspread_formatting():
    """gspread-formatting's tests take the id of a spreadsheet that is there."""
    replace_old_key()
    os.environ["GSPREAD_FORMATTING_CONFIG"] = "[Spreadsheet]\nid: suites"


def configure_petl():
    """petl's tests wait three seconds after each, because Google counts their calls."""
    os.environ["PETL_GCP_JSON_PATH"] = KEY
    time.sleep = lambda _seconds: None


lead_clients()
if os.environ.get("EMULATOR_SUITE") == "ezsheets":
    log_ezsheets_in()
if os.environ.get("EMULATOR_SUITE") == "gspread-formatting":
    configure_gspread_formatting()
if os.environ.get("EMULATOR_SUITE") == "gspread-dataframe":
    replace_old_key()
if os.environ.get("EMULATOR_SUITE") == "petl":
    configure_petl()
