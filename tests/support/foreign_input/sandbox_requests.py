"""Requests to the sandbox, sent to a running one. ``PORT`` in them becomes its port."""

import functools
import re
import socket

from tests.support.foreign_input.mutations import Document
from webex_token_cli.sandbox import Sandbox

# Seconds. No request makes the sandbox wait.
_TIMEOUT = 20.0

# The start of a request that is to be answered, whatever follows.
_COMPLETE = re.compile(rb"(GET|POST|PUT|PATCH|DELETE|HEAD) /[!-~]* HTTP/1\.1\r\n([A-Za-z-]+: [ -~]*\r\n)*\r\n")


@functools.cache
def _running() -> Sandbox:
    """A sandbox for all requests of this process, with which it ends."""
    return Sandbox().__enter__()


def request(method: str, path: str, *body: bytes | dict[str, object], kind: str = "application/json") -> Document:
    """The document of a request. ``LENGTH`` in it becomes the length of what follows the head."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    return (head.encode(), *((b"Content-Length: LENGTH\r\n\r\n", *body) if body else (b"\r\n",)))


def check(data: bytes) -> None:
    """Fail unless the sandbox answers what is a request, and closes the connection."""
    sandbox = _running()
    head, gap, body = data.replace(b"PORT", str(sandbox.port).encode()).partition(b"\r\n\r\n")
    sent = head.replace(b"LENGTH", str(len(body)).encode()) + gap + body
    with socket.create_connection(("127.0.0.1", sandbox.port), _TIMEOUT) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    sandbox.reset()
    assert answer.startswith(b"HTTP/1.1 ") or not _COMPLETE.match(sent), sent
    assert not answer.startswith(b"HTTP/1.1 500"), sent


FORM = "application/x-www-form-urlencoded"
EXAMPLES = (
    request("GET", "/v1/people/me"),
    request("GET", "/v1/authorize?response_type=code&client_id=C&redirect_uri=http%3A%2F%2Flocalhost%3A8000&scope=a"),
    request(
        "POST", "/v1/access_token", b"grant_type=refresh_token&client_id=C&client_secret=S&refresh_token=R", kind=FORM
    ),
    request("POST", "/v1/device/authorize", b"client_id=C&scope=spark%3Aall", kind=FORM),
    request("POST", "/sandbox/v1/faults", {"fault": "refresh=503*2"}),
    request(
        "POST", "/sandbox/v1/faults", {"answer": {"path": "/v1/x", "status": 200, "headers": {"A": "b"}, "times": 1}}
    ),
    request("POST", "/sandbox/v1/advance", {"duration": "13d"}),
    request("POST", "/sandbox/v1/tokens", {"scopes": ["spark:all"]}),
    request("GET", "/sandbox/v1/journal"),
)
PIECES = (
    *(b"Transfer-Encoding: chunked\r\n", b"Authorization: Basic \xe9\r\n", b"Authorization: Bearer a\r\n"),
    *(b"Host: a\r\n", b"Expect: 100-continue\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    *(b"LENGTH", b"DELETE", b"PUT", b"//[", b"HTTP/0.9", b"HTTP/9.9"),
)
