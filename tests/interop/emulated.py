"""Each Python client, led to the emulator instead of Google.

Only what the client offers for it is used: gspread takes an HTTP client of its own, pygsheets the httplib2 object under it.
google-api-python-client takes the address as an option, so it needs nothing here. Their code is untouched.
"""

import gspread
import httplib2
import pygsheets
import requests

GOOGLE = ("https://sheets.googleapis.com", "https://www.googleapis.com")


def led(address, url):
    """The address with Google's host replaced."""
    for host in GOOGLE:
        address = address.replace(host, url)
    return address


def gspread_class(url):
    """The HTTP client that gspread is to use."""

    class Emulated(gspread.http_client.HTTPClient):
        def request(self, method, endpoint, **rest):
            return super().request(method, led(endpoint, url), **rest)

    return Emulated


def gspread_client(url, key):
    """gspread, logged in with the key file."""
    return gspread.service_account(key, http_client=gspread_class(url))


def gspread_with_token(url, token):
    """gspread with a token that it did not ask anybody for."""
    session = requests.Session()
    if token is not None:
        session.headers["Authorization"] = f"Bearer {token}"
    return gspread.Client(auth=None, session=session, http_client=gspread_class(url))


def pygsheets_client(url, key):
    """pygsheets, logged in with the key file."""

    class Emulated(httplib2.Http):
        def request(self, uri, *arguments, **rest):
            return super().request(led(uri, url), *arguments, **rest)

    return pygsheets.authorize(service_account_file=key, http=Emulated())
