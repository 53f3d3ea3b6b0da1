"""A connection to the sandbox: requests are read, answered and written into the journal."""

import contextlib
import os
import secrets
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

from webex_token_cli.sandbox.faults import DEVICE_TOKEN_PATH, TOKEN_PATH
from webex_token_cli.sandbox.http.control import ROOT, Control
from webex_token_cli.sandbox.http.fault_effects import answer_with
from webex_token_cli.sandbox.http.replies import Reply, refusal
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.http.sign_in_pages import SignInPages
from webex_token_cli.sandbox.http.webex_api import WebexAPI
from webex_token_cli.sandbox.journal import Entry, RecordedRequest
from webex_token_cli.sandbox.problem import Problem

# No request that the sandbox understands comes near this many bytes.
_LONGEST_BODY = 64 * 1024

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
        self._ended.wait(delay)
        self._count(-1)

    def end(self) -> None:
        """End every wait, because nobody waits for the answers any more."""
        self._ended.set()

    def _count(self, more: int) -> None:
        with self._lock:
            self.in_flight += more


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. ``Sandbox`` sets the class attributes in a subclass of its own."""

    control: Control
    delays: Delays
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

    def do_POST(self) -> None:
        """Called by the base class."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Called by the base class."""
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write nothing: the journal is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header of an answer, by the sandbox's clock."""
        return super().date_time_string(self.control.webex.now() if timestamp is None else timestamp)

    def _serve(self, method: str) -> None:
        request = self._read(method)
        answer = self.control.answer if request.path.startswith(ROOT) else self._answer_and_record
        reply = answer(request)
        with contextlib.suppress(OSError):
            self._send(reply, request.tracking_id)

    def _read(self, method: str) -> Request:
        url = urlsplit(self.path)
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST_BODY))
        return Request(
            method,
            url.path,
            url.query,
            self.headers,
            body.decode("utf-8", "replace"),
            self.client_address,
            self._origin,
            self.control.webex.rules,
            f"ROUTER_{secrets.token_hex(8).upper()}-{secrets.token_hex(2).upper()}",
        )

    @property
    def _origin(self) -> str:
        assert isinstance(self.server, HTTPServer)  # noqa: S101 - the sandbox runs no other
        return f"http://127.0.0.1:{self.server.server_port}"

    def _answer_and_record(self, request: Request) -> Reply:
        journal = self.control.journal
        recorded = RecordedRequest(
            request.method,
            request.path,
            request.query_string,
            dict(request.headers),
            request.body,
            self.client_address[1],
        )
        journal.record_request(recorded)
        fault = self.control.faults.take(request.path, request.place)
        if fault is None:
            reply = self._respond(request)
        else:
            reply = answer_with(fault, request, self._respond, self._refuse, self.delays.wait)
        if request.rules.latency:
            time.sleep(request.rules.latency)
        journal.record(
            Entry(
                self.control.webex.now(),
                request.method,
                request.path,
                reply.status if reply.sent != "none" else 0,
                reply.outcome,
                recorded,
                reply.headers,
                reply.body.decode(),
            )
        )
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
        self.send_response(reply.status)
        if reply.status != 204:  # A 204 has no content and must not have a Content-Length (RFC 9110 section 8.6).
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("trackingid", tracking_id)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
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
