"""The stand-in over real sockets, with a journal of what it was sent and faults to order.

Besides Webex's paths below ``/v1``, and the page ``/verify`` for the code that a device shows, it has
three of its own, for whoever steers it:

- ``POST /sandbox/advance`` with ``{"seconds": 86400}`` lets time pass;
- ``POST /sandbox/fault`` with ``{"path": "/v1/access_token", "status": 503, "headers": {}, "body": "",
  "times": 1, "delay": 0}`` answers the next requests to that path so;
- ``GET /sandbox/journal`` tells what has happened, without a secret in it.
"""

import base64
import binascii
import contextlib
import html
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from webex_token_cli.sandbox.grants import Problem, Rules, Webex

_LONGEST_FORM = 64 * 1024

_NO_STORE = {"Cache-Control": "no-store"}

_IN_EITHER_SHAPE = frozenset({"/v1/access_token", "/v1/device/authorize", "/v1/device/token"})

# How a device's request can end. In Webex's own shape nothing would tell one from the other.
_ENDS_OF_A_DEVICE = frozenset({"access_denied", "expired_token", "invalid_grant"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: when (UTC epoch seconds here), what was asked, what was answered, what it meant."""

    moment: float
    method: str
    path: str
    status: int
    said: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came, secrets and all: for a test that asks what was sent where."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


@dataclass(slots=True)
class Fault:
    """An answer that was ordered for the next ``times`` requests to ``path``, after ``delay`` seconds."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    content_type: str
    said: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class Sandbox:
    """A running stand-in; a context manager that serves from a thread of its own.

    ``port`` 0 takes a free one. ``report`` is told of each entry of the journal.
    """

    def __init__(
        self, rules: Rules | None = None, port: int = 0, report: Callable[[Entry], None] = lambda _: None
    ) -> None:
        self.webex = Webex(rules or Rules())
        self.journal: list[Entry] = []
        self.heard: list[Heard] = []
        self._faults: list[Fault] = []
        self.in_flight = 0
        self._report = report
        self._lock = threading.Lock()
        sandbox = self

        class Handler(_Handler):
            pass

        Handler.sandbox = sandbox
        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def api_url(self) -> str:
        """The base URL that stands for ``https://webexapis.com/v1``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def verification_uri(self) -> str:
        """The page on which a person types the code that their device shows."""
        return f"http://127.0.0.1:{self.port}/verify"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the program here."""
        return {
            "WEBEX_TOKEN_API_URL": self.api_url,
            "WEBEX_CLIENT_ID": self.webex.client_id,
            "WEBEX_CLIENT_SECRET": self.webex.client_secret,
            "WEBEX_REDIRECT_URI": self.webex.rules.redirect_uris[0],
        }

    def __enter__(self) -> "Sandbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def order(self, fault: Fault) -> None:
        """Answer the next requests with ``fault``."""
        with self._lock:
            self._faults.append(fault)

    def fault_for(self, path: str) -> Fault | None:
        """The fault that was ordered for this request, counted down."""
        with self._lock:
            for fault in self._faults:
                if fault.path == path and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def record(self, entry: Entry) -> None:
        """Write ``entry`` into the journal."""
        with self._lock:
            self.journal.append(entry)
        self._report(entry)

    def said(self, path: str = "/v1/access_token") -> list[str]:
        """What the journal says of the requests to ``path``, in order."""
        with self._lock:
            return [entry.said for entry in self.journal if entry.path == path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""


class _Handler(BaseHTTPRequestHandler):
    sandbox: Sandbox
    protocol_version = "HTTP/1.1"
    server_version = "webex-sandbox"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the journal is the log
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` of an answer, by the clock of the stand-in."""
        return super().date_time_string(self.sandbox.webex.now() if timestamp is None else timestamp)

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        tracking_id = f"ROUTER_{secrets.token_hex(8).upper()}-{secrets.token_hex(2).upper()}"
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST_FORM))
        self.sandbox.heard.append(
            Heard(method, url.path, url.query, dict(self.headers), body.decode("utf-8", "replace"))
        )
        fault = self.sandbox.fault_for(url.path)
        if fault is not None:
            self.sandbox.in_flight += 1
            time.sleep(fault.delay)
            self.sandbox.in_flight -= 1
            reply = _Reply(fault.status, fault.body.encode(), "text/plain", "fault", fault.headers)
        else:
            reply = self._reply(method, url.path, dict(parse_qsl(url.query)), body, tracking_id)
        if self.sandbox.webex.rules.latency:
            time.sleep(self.sandbox.webex.rules.latency)
        entry = Entry(self.sandbox.webex.now(), method, url.path, reply.status, reply.said)
        self.sandbox.record(entry)
        with contextlib.suppress(OSError):
            self._send(reply, tracking_id)

    def _reply(self, method: str, path: str, query: dict[str, str], body: bytes, tracking_id: str) -> _Reply:
        webex = self.sandbox.webex
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        try:
            match method, path:
                case "GET", "/v1/authorize":
                    return self._authorize(query, tracking_id)
                case "POST", "/v1/authorize/decision":
                    return self._decide(form.get("ticket", ""), form.get("decision") == "accept")
                case "POST", "/v1/access_token":
                    response, said = webex.token(form, self._basic())
                    return _json(200, response, said, _NO_STORE)
                case "POST", "/v1/device/authorize":
                    response = webex.begin_device(form, self.sandbox.verification_uri)
                    return _json(200, response, "device asked", _NO_STORE)
                case "POST", "/v1/device/token":
                    return _json(200, webex.device_token(form, self._basic()), "signed in", _NO_STORE)
                case "GET", "/verify":
                    return self._verify(query.get("userCode", ""))
                case "POST", "/verify/decision":
                    return self._decide_device(form.get("ticket", ""), form.get("decision") == "accept")
                case "GET", "/v1/.well-known/openid-configuration":
                    return _json(200, self._discovery())
                case "GET", "/v1/people/me":
                    return _json(200, webex.person_of(self._bearer()))
                case "GET", "/v1/authorizations":
                    return _json(200, {"items": webex.authorizations(self._bearer())})
                case "DELETE", "/v1/authorizations":
                    webex.revoke(self._bearer(), query.get("clientId", ""))
                    return _Reply(204, b"", "", "revoked")
                case "POST", "/sandbox/advance":
                    webex.advance(float(json.loads(body)["seconds"]))
                    return _json(200, {"now": webex.now()}, "advanced")
                case "POST", "/sandbox/fault":
                    self.sandbox.order(Fault(**json.loads(body)))
                    return _json(200, {}, "fault ordered")
                case "GET", "/sandbox/journal":
                    return _json(200, {"entries": [asdict(entry) for entry in self.sandbox.journal]})
                case _:
                    raise Problem(404, "not_found", "The requested resource could not be found")
        except Problem as problem:
            return _refusal(problem, tracking_id, self._in_rfc_shape(path, problem.error))
        except (ValueError, TypeError, KeyError):
            return _refusal(Problem(400, "invalid_request", "The request could not be read"), tracking_id, False)

    def _discovery(self) -> dict[str, Any]:
        """What OpenID Connect Discovery 1.0 asks of a provider to tell of itself."""
        base = self.sandbox.api_url
        return {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/access_token",
            "device_authorization_endpoint": f"{base}/device/authorize",
            "response_types_supported": ["code"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "code_challenge_methods_supported": ["S256"],
        }

    def _in_rfc_shape(self, path: str, error: str) -> bool:
        if path == "/v1/device/token" and error in _ENDS_OF_A_DEVICE:
            return True
        return self.sandbox.webex.rules.rfc_errors and path in _IN_EITHER_SHAPE

    def _authorize(self, query: dict[str, str], tracking_id: str) -> _Reply:
        webex = self.sandbox.webex
        try:
            webex.check_client_and_redirect(query)
        except Problem as problem:
            if "application/json" in self.headers.get("Accept", ""):
                raise
            values = {"description": problem.description, "tracking_id": tracking_id}
            return _page(problem.status, problem.error, "refused.html", **values)
        try:
            ticket, authorization = webex.begin(query)
        except Problem as problem:
            answer = {
                "error": problem.error,
                "error_description": problem.description,
                "state": query.get("state", ""),
            }
            return _redirect(query["redirect_uri"], answer, problem.error)
        if webex.rules.auto_approve:
            return self._decide(ticket, accept=True)
        return self._consent(
            authorization.scopes,
            action="authorize/decision",
            ticket=ticket,
            fact="and sends you back to",
            value=authorization.redirect_uri,
        )

    def _decide(self, ticket: str, accept: bool) -> _Reply:
        authorization, answer = self.sandbox.webex.decide(ticket, accept)
        return _redirect(authorization.redirect_uri, answer, "accepted" if accept else "denied")

    def _verify(self, user_code: str) -> _Reply:
        if not user_code.strip():
            return _verify_page(200, "code asked", "Eight letters; capitals, dashes and blanks do not matter.")
        try:
            request = self.sandbox.webex.find_device(user_code)
        except Problem as problem:
            return _verify_page(problem.status, problem.error, f"{problem.description}.")
        return self._consent(
            request.scopes,
            action="/verify/decision",
            ticket=request.ticket,
            fact="for a device that shows the code below; if yours shows another, press Deny",
            value=request.user_code,
        )

    def _decide_device(self, ticket: str, accept: bool) -> _Reply:
        try:
            self.sandbox.webex.decide_device(ticket, accept)
        except Problem as problem:
            return _verify_page(problem.status, problem.error, f"{problem.description}.")
        if accept:
            heading, words = "You can go back to your device", "It goes on by itself."
        else:
            heading, words = "You denied the request", "Your device is told so."
        return _page(200, "accepted" if accept else "denied", "device-done.html", heading=heading, words=words)

    def _consent(self, scopes: tuple[str, ...], *, action: str, ticket: str, fact: str, value: str) -> _Reply:
        """The page that asks the person; ``fact`` and ``value`` are what they can judge the request by."""
        return _page(
            200,
            "asked",
            "consent.html",
            person=self.sandbox.webex.person["displayName"],
            scopes=" ".join(scopes),
            action=action,
            ticket=ticket,
            fact=fact,
            value=value,
        )

    def _bearer(self) -> str:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def _basic(self) -> tuple[str, str] | None:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            name, _, password = base64.b64decode(value).decode().partition(":")
            return name, password
        return "", ""

    def _send(self, reply: _Reply, tracking_id: str) -> None:
        self.send_response(reply.status)
        if reply.status != 204:  # which has no content, and says nothing of its length (RFC 9110 section 8.6)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("trackingid", tracking_id)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


def _json(status: int, body: dict[str, Any], said: str = "", headers: dict[str, str] | None = None) -> _Reply:
    return _Reply(status, json.dumps(body).encode(), "application/json;charset=UTF-8", said, headers or {})


def _refusal(problem: Problem, tracking_id: str, in_rfc_shape: bool) -> _Reply:
    """The problem in one of the two shapes in which Webex's errors come."""
    body: dict[str, Any]
    if in_rfc_shape:
        body = {"error": problem.error, "error_description": problem.description}
    else:
        body = {
            "message": problem.description,
            "errors": [{"description": problem.description}],
            "trackingId": tracking_id,
        }
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after and not in_rfc_shape else {}
    return _json(problem.status, body, problem.said or problem.error, headers)


def _redirect(uri: str, answer: dict[str, str], said: str) -> _Reply:
    return _Reply(302, b"", "text/plain", said, {"Location": f"{uri}?{urlencode(answer)}"})


def _verify_page(status: int, said: str, words: str) -> _Reply:
    return _page(status, said, "verify.html", words=words)


def _page(status: int, said: str, name: str, **values: str) -> _Reply:
    text = files("webex_token_cli.sandbox").joinpath(name).read_text(encoding="utf-8")
    filled = Template(text).substitute({key: html.escape(value) for key, value in values.items()})
    return _Reply(status, filled.encode(), "text/html; charset=utf-8", said)
