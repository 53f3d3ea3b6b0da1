"""A connection to the sandbox: requests are read, answered and written into the journal."""

import contextlib
import os
import re
import secrets
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from webex_token_cli.sandbox.faults import BODILESS, CONTROL_ROOT, DEVICE_TOKEN_PATH, TOKEN_PATH, Answer, Fault
from webex_token_cli.sandbox.http.bodies import LONGEST, LONGEST_OF_CONTROL, read_body
from webex_token_cli.sandbox.http.control import Control
from webex_token_cli.sandbox.http.fault_effects import answer_with, changes_nothing
from webex_token_cli.sandbox.http.replies import Reply, refusal
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.http.sign_in_pages import SignInPages
from webex_token_cli.sandbox.http.webex_api import WebexAPI
from webex_token_cli.sandbox.journal import Entry, RecordedRequest
from webex_token_cli.sandbox.problem import Problem

# A host as browsers and other clients send it: a name or an address, perhaps with a port. It can hold no markup.
_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

# The paths whose errors have RFC 6749's shape if the rules say so. Those of ``/v1/device/authorize`` have Webex's own.
_IN_EITHER_SHAPE = frozenset({TOKEN_PATH, DEVICE_TOKEN_PATH})

# The error codes that end a device's request. They always have RFC 6749's shape, because Webex's own shape
# carries no error code, and a device could not tell one end from another.
_ENDS_OF_A_DEVICE = frozenset({"access_denied", "expired_token", "invalid_grant"})


class Delays:
    """Waits for faults that delay an answer. ``in_flight`` is the number of requests that wait now."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def wait(self, delay: float) -> None:
        """Wait for ``delay`` seconds, or until ``end``."""
        self._count(1)
        try:
            self._ended.wait(delay)
        finally:
            self._count(-1)

    def end(self) -> None:
        """End every wait, because nobody waits for the answers any more."""
        self._ended.set()

    def _count(self, more: int) -> None:
        with self._lock:
            self.in_flight += more


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. ``Sandbox`` sets the class attributes in a subclass of its own.

    ``url`` is the sandbox's own. With ``follows_host``, clients reach it by other names too, which they send as Host.
    """

    control: Control
    delays: Delays
    url: str
    follows_host: bool
    protocol_version = "HTTP/1.1"
    server_version = "webex-sandbox"
    sys_version = ""
    timeout = 30
    # An answer is sent in two pieces. With Nagle's algorithm, the second one waits for the client to acknowledge the
    # first, which takes 40 ms on Linux.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Called by the base class."""
        self._serve("GET")

    def do_HEAD(self) -> None:
        """Called by the base class."""
        self._serve("HEAD")

    def do_POST(self) -> None:
        """Called by the base class."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Called by the base class."""
        self._serve("DELETE")

    def do_PUT(self) -> None:
        """Called by the base class."""
        self._serve("PUT")

    def do_PATCH(self) -> None:
        """Called by the base class."""
        self._serve("PATCH")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write nothing: the journal is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header of an answer, by the sandbox's clock."""
        return super().date_time_string(self.control.webex.now() if timestamp is None else timestamp)

    def _serve(self, method: str) -> None:
        tracking_id = f"ROUTER_{secrets.token_hex(8).upper()}-{secrets.token_hex(2).upper()}"
        try:
            request = self._read(method, tracking_id)
        except Problem as problem:
            # What follows on the connection could be the rest of this request.
            self.close_connection = True
            reply = refusal(problem, tracking_id, in_rfc_shape=False)
            if not self.path.startswith(CONTROL_ROOT):
                path, _, query = self.path.partition("?")
                self._record_answer(self._record_request(method, path, query), reply)
        else:
            answer = self.control.answer if request.path.startswith(CONTROL_ROOT) else self._answer_and_record
            reply = answer(request)
        with contextlib.suppress(OSError):
            self._send(reply, tracking_id)

    def _read(self, method: str, tracking_id: str) -> Request:
        """The request. Raises Problem (400 or 413)."""
        try:
            url = urlsplit(self.path)
        except ValueError:
            raise Problem(400, "invalid_request", "The address is malformed") from None
        return Request(
            method,
            url.path,
            url.query,
            self.headers,
            read_body(self.headers, self.rfile, LONGEST_OF_CONTROL if url.path.startswith(CONTROL_ROOT) else LONGEST),
            self.client_address[:2],
            self._origin,
            self.control.webex.rules,
            tracking_id,
        )

    @property
    def _origin(self) -> str:
        """The URL by which the client reaches the sandbox, without a slash at its end."""
        host = self.headers.get("Host", "")
        return f"http://{host}" if self.follows_host and _HOST.fullmatch(host) else self.url

    def _answer_and_record(self, request: Request) -> Reply:
        recorded = self._record_request(request.method, request.path, request.query_string, request.body)
        fault = self.control.faults.take(request.path, request.place)
        reply = self._respond(request) if fault is None else self._answer_with(fault, request)
        if request.rules.latency:
            time.sleep(request.rules.latency)
        self._record_answer(recorded, reply)
        return reply

    def _record_request(self, method: str, path: str, query: str, body: str = "") -> RecordedRequest:
        recorded = RecordedRequest(method, path, query, dict(self.headers), body, self.client_address[1])
        self.control.journal.record_request(recorded)
        return recorded

    def _record_answer(self, recorded: RecordedRequest, reply: Reply) -> None:
        self.control.journal.record(
            Entry(
                self.control.webex.now(),
                recorded.method,
                recorded.path,
                reply.status if reply.sent != "none" else 0,
                reply.outcome,
                recorded,
                reply.headers,
                reply.body.decode(),
            )
        )

    def _answer_with(self, fault: Fault | Answer, request: Request) -> Reply:
        if isinstance(fault, Answer) and fault.scope:
            try:
                self.control.webex.check_scope(request.bearer, fault.scope)
            except Problem as problem:
                return self._refuse(request, problem)
        reply = answer_with(fault, request, self._respond, self._refuse, self.delays.wait)
        if isinstance(fault, Fault) and changes_nothing(fault, reply):
            self.control.faults.give_back(fault)
        return reply

    def _respond(self, request: Request) -> Reply:
        webex = self.control.webex
        handler = WebexAPI(webex).handler(request) or SignInPages(webex).handler(request)
        try:
            if handler is None:
                raise Problem(404, "not_found", "The requested resource could not be found")
            return handler(request)
        except Problem as problem:
            return self._refuse(request, problem)
        except (ValueError, TypeError, KeyError):
            return refusal(Problem(400, "invalid_request", "The request could not be read"), request.tracking_id, False)

    def _refuse(self, request: Request, problem: Problem) -> Reply:
        ends_a_device = request.path == DEVICE_TOKEN_PATH and problem.error in _ENDS_OF_A_DEVICE
        in_rfc_shape = ends_a_device or (request.rules.rfc_errors and request.path in _IN_EITHER_SHAPE)
        return refusal(problem, request.tracking_id, in_rfc_shape)

    def _send(self, reply: Reply, tracking_id: str) -> None:
        if reply.sent == "none":
            self._reset()
            return
        self.send_response_only(reply.status)
        usual = {"Server": self.version_string(), "Date": self.date_time_string(), "trackingid": tracking_id}
        if reply.status not in BODILESS:  # these must not have a Content-Length (RFC 9110 section 8.6)
            usual |= {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
        replaced = {name.lower() for name in reply.headers}
        for name, value in usual.items():
            if name.lower() not in replaced:
                self.send_header(name, value)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if reply.sent == "half":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(reply.body)

    def _reset(self) -> None:
        """Close the connection so that the client gets a reset (RST) in place of an answer."""
        # Windows has two short integers here, others have two integers: linger, and for no second.
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True
