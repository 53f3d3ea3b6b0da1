"""The metrics server over real sockets: what it answers, and clients that are slow, silent or hostile."""

import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from tests.support.ports import free_port
from tests.support.program import PROMPT
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.metrics.numbers import LIVE_BOUND, WatchNumbers
from webex_token_cli.metrics.pages import Page, Pages, pages_of, plain
from webex_token_cli.metrics.server import MetricsServer
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.signin.loopback.sockets import Endpoint

# On Windows, asyncio leaves the socket of an accept that was pending to the garbage collector, which warns.
pytestmark = pytest.mark.posix

LARGE = b"x" * 20_000_000


def broken() -> Page:
    raise RuntimeError("the words of the error")


PAGES: Pages = {
    "/metrics": lambda: plain(HTTPStatus.OK, "the metrics"),
    "/broken": broken,
    "/large": lambda: Page(HTTPStatus.OK, LARGE),
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(port: int) -> Iterator[MetricsServer]:
    with MetricsServer(Endpoint("127.0.0.1", port), PAGES) as running:
        yield running


def connection(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=30)


def all_of(sock: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            received += piece
    return bytes(received)


def answer(port: int, request: bytes, host: str = "127.0.0.1") -> tuple[str, bytes]:
    """The status line and the body."""
    with connection(port, host) as sock:
        sock.sendall(request)
        head, _, body = all_of(sock).partition(b"\r\n\r\n")
        return head.partition(b"\r\n")[0].decode(), body


def get(port: int, path: str = "/metrics", host: str = "127.0.0.1") -> tuple[str, bytes]:
    return answer(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), host)


UNAVAILABLE = "HTTP/1.1 503 Service Unavailable"

ONLY_GET = b"Only GET and HEAD are answered here.\n"

FAILED = b"Something unexpected failed (RuntimeError).\n"

NOTHING_ELSE = b"There are /metrics, /broken, /large here, and nothing else.\n"


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", b"the metrics\n"),
        (b"GET /metrics?x=y HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", b"the metrics\n"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", b""),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", NOTHING_ELSE),
        (b"GET /metrics/../x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found", NOTHING_ELSE),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed", ONLY_GET),
        (b"GET /broken HTTP/1.1\r\n\r\n", "HTTP/1.1 500 Internal Server Error", FAILED),
        (b"\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 Bad Request", b"That is not an HTTP request.\n"),
        (b"GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request", b"That is not an HTTP request.\n"),
    ],
)  # fmt: skip
def test_requests_and_their_answers(
    server: MetricsServer, port: int, request_: bytes, status: str, body: bytes
) -> None:
    assert answer(port, request_) == (status, body)
    assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")


def test_a_watch_that_hangs_and_is_not_ready_is_told_with_503(port: int) -> None:
    now = [0.0]
    numbers = WatchNumbers(Timing(3600, 86400), lambda: 0.0, lambda: now[0])
    with MetricsServer(Endpoint("127.0.0.1", port), pages_of(numbers, lambda: b"the metrics\n", "text/plain")):
        assert get(port, "/livez") == ("HTTP/1.1 200 OK", b"ok\n")
        assert get(port, "/readyz") == (UNAVAILABLE, b"Not every profile has been checked yet.\n")
        now[0] += LIVE_BOUND + 1
        assert get(port, "/livez") == (UNAVAILABLE, b"The main loop of the watch has not moved for 181 seconds.\n")
        assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")


def test_a_request_that_is_too_long_is_not_read_to_its_end(server: MetricsServer, port: int) -> None:
    asked = time.monotonic()
    with connection(port) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000)
        assert all_of(sock)[:13] in {b"HTTP/1.1 431 ", b""}  # a reset may have overtaken the answer
    assert time.monotonic() - asked < PROMPT / 2
    assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")


def test_silent_clients_in_any_number_do_not_keep_out_another_one(server: MetricsServer, port: int) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connection(port)) for _ in range(200)]
        asked = time.monotonic()
        assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")
        assert all_of(silent[0]) == b""  # the oldest was closed
        assert time.monotonic() - asked < PROMPT / 2
        assert len([each for each in threading.enumerate() if each.name == "metrics-server"]) == 1


def test_a_process_without_a_free_descriptor_answers_once_it_has_one(
    server: MetricsServer, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webex_token_cli.metrics.server._PAUSE", 0.05)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as client:
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
        try:
            client.settimeout(0.2)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                client.recv(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        client.settimeout(30)
        assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_client_that_sends_a_byte_at_a_time_is_cut_off(port: int) -> None:
    with MetricsServer(Endpoint("127.0.0.1", port), PAGES, timeout=0.5), connection(port) as sock:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < PROMPT:
                sock.sendall(b"G")
                time.sleep(0.05)
        assert 0.3 < time.monotonic() - began < PROMPT


def test_a_client_that_does_not_read_its_answer_is_cut_off(port: int) -> None:
    with MetricsServer(Endpoint("127.0.0.1", port), PAGES, timeout=0.5), connection(port) as sock:
        sock.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        time.sleep(1.0)
        assert len(all_of(sock)) < len(LARGE)
        assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")


def test_the_end_does_not_wait_for_clients_and_frees_the_port(port: int) -> None:
    with MetricsServer(Endpoint("127.0.0.1", port), PAGES):
        hanging = [connection(port) for _ in range(3)]
        hanging[0].sendall(b"GET /large HTTP/1.1\r\n\r\n")
        asked = time.monotonic()
    assert time.monotonic() - asked < 1
    for each in hanging:
        all_of(each)
        each.close()
    with MetricsServer(Endpoint("127.0.0.1", port), PAGES):
        assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")


def test_clients_that_vanish_leave_no_words_anywhere(
    server: MetricsServer, port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    for request in (b"", b"GET /large HTTP/1.1\r\n\r\n", b"GET /met"):
        with connection(port) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            sock.sendall(request)
    assert get(port) == ("HTTP/1.1 200 OK", b"the metrics\n")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("host", "reached", "refused"),
    [
        ("127.0.0.1", "127.0.0.1", "::1"),
        ("::1", "::1", "127.0.0.1"),
        ("::", "::1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
    ],
)
def test_it_binds_what_was_asked_for_and_nothing_else(port: int, host: str, reached: str, refused: str) -> None:
    with MetricsServer(Endpoint(host, port), PAGES):
        assert get(port, host=reached)[0] == "HTTP/1.1 200 OK"
        with pytest.raises(ConnectionRefusedError):
            connection(port, refused)


def test_localhost_is_both_loopback_addresses(port: int) -> None:
    with MetricsServer(Endpoint("localhost", port), PAGES):
        for host in ("127.0.0.1", "::1"):
            assert get(port, host=host)[0] == "HTTP/1.1 200 OK"


def test_a_taken_port_is_told(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ConfigurationError, match=rf"Port {port}, at which the metrics were to be served, is taken"),
    ):
        MetricsServer(Endpoint("127.0.0.1", port), PAGES)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"The metrics cannot be served at 192\.0\.2\.1:9464 \("):
        MetricsServer(Endpoint("192.0.2.1", 9464), PAGES)
