"""Alerts and heartbeats against other people's code: a stand-in that keeps the rules of each service takes the official
clients and sheetkeep alike; a real mail server with STARTTLS and AUTH; the verifier of Standard Webhooks; the library
with which Teams reads its cards.

Usage: receivers.py PROGRAM FOLDER
"""

import gzip
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import apprise
import cronitor
import pagerduty
import sentry_sdk
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from discord_webhook import DiscordWebhook
from slack_sdk.models.blocks import Block
from slack_sdk.webhook import WebhookClient
from standardwebhooks import Webhook

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
SECRET = "s3cretPart0123456789"
KEY = "k" * 32
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
taken = []
pings = []


def units(text):
    return len(text.encode("utf-16-le")) // 2


def check_slack(body):
    """https://docs.slack.dev/reference/block-kit/blocks"""
    assert body.get("text") or body.get("blocks"), "no_text"
    blocks = list(body.get("blocks") or [])
    for attachment in body.get("attachments") or []:
        blocks += attachment.get("blocks") or []
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
        if block["type"] == "header":
            assert units(block["text"]["text"]) <= 150
        for field in block.get("fields") or []:
            assert units(field["text"]) <= 2000
    return 200, "text/plain", b"ok"


def check_pagerduty(body):
    """https://developer.pagerduty.com/docs/events-api-v2/trigger-events/"""
    assert len(body["routing_key"]) == 32 and body["event_action"] in ("trigger", "acknowledge", "resolve")
    if body["event_action"] == "trigger":
        payload = body["payload"]
        assert payload["severity"] in ("critical", "error", "warning", "info") and payload["source"]
        assert units(payload["summary"]) <= 1024
    else:
        assert body["dedup_key"]
    assert len(body.get("dedup_key") or "") <= 255
    reply = {"status": "success", "message": "Event processed", "dedup_key": body.get("dedup_key") or "made"}
    return 202, "application/json", json.dumps(reply).encode()


def read_by_teams(card):
    """The library of Teams logs what it does not know in a card, and leaves it out."""
    read = subprocess.run(
        ["node", os.path.join(os.path.dirname(__file__), "teams_card.cjs")], input=json.dumps(card), capture_output=True,
        text=True, timeout=60,
    )
    assert read.returncode == 0, read.stdout + read.stderr


def check_teams(body):
    """https://adaptivecards.io/explorer/AdaptiveCard.html"""
    card = body["attachments"][0]
    assert body["type"] == "message" and card["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = card["content"]
    assert card["type"] == "AdaptiveCard" and card["version"] == "1.2" and card["body"]
    read_by_teams(card)
    return 202, "text/plain", b""


def check_discord(body):
    """https://discord.com/developers/docs/resources/webhook#execute-webhook"""
    assert body.get("content") or body.get("embeds")
    assert units(body.get("content") or "") <= 2000
    total = 0
    for embed in body.get("embeds") or []:
        assert units(embed.get("title") or "") <= 256 and units(embed.get("description") or "") <= 4096
        total += units(embed.get("title") or "") + units(embed.get("description") or "")
        for field in embed.get("fields") or []:
            assert 0 < units(field["name"]) <= 256 and 0 < units(field["value"]) <= 1024
            total += units(field["name"]) + units(field["value"])
    assert total <= 6000
    return 200, "application/json", json.dumps({"id": "1", "content": body.get("content") or ""}).encode()


def check_ntfy(body):
    """https://docs.ntfy.sh/publish/#publish-as-json"""
    assert body["topic"] and len(body.get("message", "").encode()) <= 4096
    assert body.get("priority", 3) in (1, 2, 3, 4, 5)
    return 200, "application/json", json.dumps({"id": "x", "event": "message", "topic": body["topic"]}).encode()


def check_webhook(_):
    return 200, "text/plain", b""


def check_healthchecks(path, query):
    """https://healthchecks.io/docs/http_api/"""
    rest = path.split("/")[2:]
    uuid.UUID(rest[0])
    assert rest[1:] in ([], ["start"], ["fail"], ["log"]) or 0 <= int(rest[1]) <= 255, path
    if "rid" in query:
        # "invalid uuid format" otherwise
        assert str(uuid.UUID(query["rid"])) == query["rid"]
    return {"start": "start", "fail": "failure"}.get(rest[-1], "success"), query.get("rid")


def check_cronitor(path, query):
    """https://cronitor.io/docs/telemetry-api"""
    _, _, key, monitor = path.split("/")
    assert key and monitor
    known = {"state", "message", "series", "host", "metric", "stamp", "env", "status_code", "duration"}
    assert not set(query) - known, query
    assert len(query.get("message", "")) <= 2000
    words = {"run": "start", "complete": "success", "fail": "failure", "ok": "success"}
    return words[query["state"]], query.get("series")


def check_in(payload):
    """What both forms of a check-in of Sentry hold: https://docs.sentry.io/product/crons/"""
    words = {"in_progress": "start", "ok": "success", "error": "failure"}
    return words[payload["status"]], uuid.UUID(payload["check_in_id"]).hex


def check_sentry(path, query):
    """https://docs.sentry.io/product/crons/getting-started/http/"""
    _, api, project, cron, slug, key, _ = path.split("/")
    assert (api, cron) == ("api", "cron") and project.isdigit() and slug and key
    assert not set(query) - {"status", "check_in_id", "environment"}, query
    return check_in(query)


def check_envelope(raw):
    """https://develop.sentry.dev/sdk/data-model/envelopes/"""
    lines = raw.split(b"\n")
    assert json.loads(lines[0])
    for header, payload in zip(lines[1::2], lines[2::2]):
        if json.loads(header or b"{}").get("type") == "check_in":
            payload = json.loads(payload)
            assert payload["monitor_slug"]
            pings.append(("sentry", *check_in(payload)))


def note_ping(address, raw, headers):
    """Takes a ping, if the address is one of a service of heartbeats."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if parts.path.endswith("/envelope/"):
        check_envelope(gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw)
    elif parts.path.startswith("/p/"):
        pings.append(("cronitor", *check_cronitor(parts.path, query)))
    elif parts.path.startswith("/ping/"):
        pings.append(("healthchecks", *check_healthchecks(parts.path, query)))
    elif parts.path.startswith("/api/"):
        pings.append(("sentry", *check_sentry(parts.path, query)))
    else:
        return False
    return True


RULES = {
    "slack": check_slack,
    "pagerduty": check_pagerduty,
    "teams": check_teams,
    "discord": check_discord,
    "ntfy": check_ntfy,
    "hook": check_webhook,
}


class StandIn(BaseHTTPRequestHandler):
    """Takes a request if it keeps the rules of its service, and answers 400 if it does not."""

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            if note_ping(self.path, raw, self.headers):
                return self.reply(200, "text/plain", b"OK")
        except Exception as error:  # a stand-in reports what it refuses
            print(f"refused: {error!r}: {self.path} {raw[:500]!r}", file=sys.stderr)
            return self.reply(400, "text/plain", b"invalid")
        service = self.path.split("/")[1].split("?")[0]
        if service == "v2":
            service = "pagerduty"
        if service not in RULES:
            service = "ntfy"
        try:
            status, kind, reply = RULES[service](json.loads(raw))
            taken.append((service, dict(self.headers), raw))
        except Exception as error:  # a stand-in reports what it refuses
            print(f"refused for {service}: {error!r}: {raw[:500]!r}", file=sys.stderr)
            status, kind, reply = 400, "text/plain", b"invalid_payload"
        self.reply(status, kind, reply)

    def reply(self, status, kind, reply):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Mailbox:
    def __init__(self):
        self.letters = []

    async def handle_DATA(self, server, session, envelope):
        assert session.ssl is not None and session.authenticated
        self.letters.append(envelope)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"jobs", b"p@ss/word"))


def official_clients(root):
    """The stand-in takes what the services' own clients send: it can't be wrong in our favour."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}]
    reply = WebhookClient(f"{root}/slack/x").send(text="hello", blocks=blocks)
    assert (reply.status_code, reply.body) == (200, "ok")
    session = pagerduty.EventsApiV2Client(KEY)
    # It insists on https, which the stand-in on this machine does not speak.
    session._url = root
    key = session.trigger("it fails", "box", severity="critical")
    session.resolve(key)
    assert DiscordWebhook(url=f"{root}/discord/x", content="hello").execute().status_code == 200
    host = root.removeprefix("http://")
    notifier = apprise.Apprise()
    assert notifier.add(f"ntfy://{host}/topic?mode=private")
    assert notifier.notify(title="t", body="b")
    kinds = [service for service, _, _ in taken]
    assert kinds == ["slack", "pagerduty", "pagerduty", "discord", "ntfy"], kinds
    taken.clear()
    official_heartbeats(root)


def official_heartbeats(root):
    """The same of the clients of services of heartbeats; Healthchecks has none."""
    host = root.removeprefix("http://")
    monitor = cronitor.Monitor("nightly", api_key="k")
    # It insists on its own host.
    monitor._ping_api_url = lambda: f"{root}/p/k/nightly"
    for state in ("run", "complete", "fail"):
        assert monitor.ping(state=state, series="s", message="why", metrics={"count": 3}).status_code == 200
    sentry_sdk.init(dsn=f"http://public@{host}/2")
    check = sentry_sdk.crons.capture_checkin(monitor_slug="nightly", status="in_progress")
    for status in ("ok", "error"):
        sentry_sdk.crons.capture_checkin(monitor_slug="nightly", check_in_id=check, status=status, duration=1)
    sentry_sdk.flush()
    sentry_sdk.get_client().close()
    events = ["start", "success", "failure"]
    expected = [("cronitor", event, "s") for event in events] + [("sentry", event, check) for event in events]
    assert pings == expected, pings
    pings.clear()


def heartbeats(root):
    """A run that fails and one that succeeds, with each convention."""
    addresses = {
        "healthchecks": f"{root}/ping/{uuid.uuid4()}",
        "cronitor": f"{root}/p/{SECRET}/orders",
        "sentry": f"{root}/api/2/cron/orders/{SECRET}/?environment=production",
    }
    for kind, url in addresses.items():
        with open(f"{FOLDER}/beats.toml", "w") as file:
            file.write('name = "beats"\n[source]\ncsv = "beats.csv"\n[item]\nkey = ".id"\n[sheet]\ntab = "Beats"\n')
            file.write(f'[heartbeat]\nurl = "${{PING}}"\nkind = "{kind}"\n')
        for text, code, event in (("id\n1\n", 0, "success"), ('id\n"1', 65, "failure")):
            with open(f"{FOLDER}/beats.csv", "w") as file:
                file.write(text)
            ended, shown = sheetkeep("run", "beats.toml", PING=url)
            assert ended == code and "heartbeat" not in shown, shown
            found = [(service, what) for service, what, _ in pings]
            assert found == [(kind, "start"), (kind, event)], (kind, pings)
            assert pings[0][2] and pings[0][2] == pings[1][2], "both have the id of the run"
            pings.clear()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sheetkeep(*words, **more):
    environment = {"HOME": FOLDER, "XDG_STATE_HOME": f"{FOLDER}/state", "PATH": os.environ["PATH"], **more}
    done = subprocess.run([PROGRAM, *words], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120)
    shown = done.stdout + done.stderr
    assert SECRET not in shown and KEY not in shown and "p@ss" not in shown and "p%40ss" not in shown, shown
    return done.returncode, shown


def job_file(root, mail):
    channels = {
        "slack": f'url = "{root}/slack/{SECRET}"',
        "pagerduty": f'url = "{root}/v2/enqueue"\nkey = "{KEY}"\nseverity = "info"',
        "teams": f'url = "{root}/teams/{SECRET}?sig=x"',
        "discord": f'url = "{root}/discord/{SECRET}"',
        "ntfy": f'url = "{root}/a-topic"',
        "webhook": f'url = "{root}/hook/{SECRET}"\nkey = "{SIGNING}"',
        "email": f'url = "{mail}"\nfrom = "Jobs <jobs@example.org>"\nto = ["team@example.org", "boss@example.org"]',
    }
    with open(f"{FOLDER}/orders.toml", "w") as file:
        file.write('name = "orders"\n[source]\ncsv = "orders.csv"\n[item]\nkey = ".id"\n[sheet]\ntab = "Orders"\n')
        for kind, keys in channels.items():
            file.write(f'[[alerts.channel]]\nkind = "{kind}"\n{keys}\n')
    return set(channels)


def main():
    # A refused certificate is part of the checks; the server would print it.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    official_clients(root)

    authority = trustme.CA()
    authority.cert_pem.write_to_path(f"{FOLDER}/ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    mailbox = Mailbox()
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True, auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    port = controller.server.sockets[0].getsockname()[1]
    trusted = {"SSL_CERT_FILE": f"{FOLDER}/ca.pem"}

    # A test message to every channel.
    channels = job_file(root, f"smtp://jobs:p%40ss%2Fword@localhost:{port}")
    code, shown = sheetkeep("alert", "test", "orders.toml", **trusted)
    assert code == 0, shown
    lines = [line for line in shown.splitlines() if re.match(r"\w+: (delivered|accepted)", line)]
    assert {line.split(":")[0] for line in lines} == channels, shown
    assert len(taken) == 6 and len(mailbox.letters) == 1, (taken, mailbox.letters)
    assert mailbox.letters[0].rcpt_tos == ["team@example.org", "boss@example.org"]

    # A failing run, and its end, on every channel.
    taken.clear()
    mailbox.letters.clear()
    for nth in range(3):
        code, shown = sheetkeep("run", "orders.toml", **trusted)
        assert code != 0, shown
    kinds = sorted(service for service, _, _ in taken)
    assert kinds == ["discord", "hook", "ntfy", "pagerduty", "slack", "teams"], kinds
    with open(f"{FOLDER}/orders.csv", "w") as file:
        file.write("id\n1\n")
    code, shown = sheetkeep("run", "orders.toml", **trusted)
    assert code == 0 and len(taken) == 12 and len(mailbox.letters) == 2, (shown, len(taken))
    actions = [json.loads(raw)["event_action"] for service, _, raw in taken if service == "pagerduty"]
    assert actions == ["trigger", "resolve"]
    for _, headers, raw in taken:
        assert SECRET not in raw.decode() and SECRET not in json.dumps(headers)
    for letter in mailbox.letters:
        assert b"Message-ID: " in letter.content and SECRET.encode() not in letter.content

    # The signature, by the reference library.
    signed = [(headers, raw) for service, headers, raw in taken if service == "hook"]
    for headers, raw in signed:
        Webhook(SIGNING).verify(raw.decode(), {name.lower(): value for name, value in headers.items()})
    assert len(signed) == 2

    # A wrong password, a certificate that is not trusted: refused, and neither is shown.
    job_file(root, f"smtp://jobs:p%40ss@localhost:{port}")
    code, shown = sheetkeep("alert", "test", "orders.toml", "--to", "email", **trusted)
    assert code == 69 and "email: FAILED" in shown, shown
    job_file(root, f"smtp://jobs:p%40ss%2Fword@localhost:{port}")
    code, shown = sheetkeep("alert", "test", "orders.toml", "--to", "email")
    assert code == 69 and "email: FAILED" in shown, shown
    controller.stop()
    heartbeats(root)
    server.shutdown()
    print("receivers: the official clients and sheetkeep keep the same rules; mail, signatures and cards hold")


main()
