"""What a server that never ends its answer costs: no thread, descriptor or memory, and no answer that has arrived."""

import gc
import gzip
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.program import wait_until
from tests.support.records import ANSWER, FULL_RECORD, RESPONSE
from tests.support.threads import calls
from tests.support.wires import serving
from webex_token_cli.commands.watch import AT_ONCE
from webex_token_cli.errors import TemporaryFailure, WebexTokenError
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.connections import AbortableAdapter, Exchange
from webex_token_cli.webex.http import new_session

# The descriptors of this process, on Linux.
OPEN = Path("/proc/self/fd")

BODY = json.dumps(ANSWER).encode()
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def drip(start: bytes, connection: socket.socket) -> None:
    """Begin an answer, and then send a byte now and then until the client closes the connection."""
    connection.recv(65536)
    connection.sendall(start)
    while True:
        time.sleep(0.02)
        connection.sendall(b"1")


def descriptors() -> int:
    return sum(1 for _ in OPEN.iterdir())


@pytest.mark.posix  # Wine shows Linux' /proc on one of its drives
@pytest.mark.skipif(not OPEN.is_dir(), reason="counts descriptors in /proc")
@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["headers", "body", "body without a length", "chunks"],
)
def test_a_request_that_is_given_up_leaves_nothing_behind(start: bytes) -> None:
    ended = threading.Semaphore(0)

    def handle(connection: socket.socket) -> None:
        try:
            drip(start, connection)
        finally:
            ended.release()

    with serving(handle) as url:
        client = WebexClient(url, new_session(url), timeout=(0.05, 0.1))
        threads, before = set(calls()), descriptors()
        for _ in range(3):
            with pytest.raises(TemporaryFailure, match=r"did not answer in time\.$"):
                client.refresh(FULL_RECORD)
            assert ended.acquire(timeout=10)
        client.close_connections()  # urllib3 1 keeps the connection of an answer that was cut off for the next request
        wait_until(lambda: set(calls()) <= threads and descriptors() <= before)


def test_requests_go_at_their_usual_pace_once_the_server_is_well() -> None:
    handlers: list[Callable[[socket.socket], None]] = [
        *[partial(drip, b"HTTP/1.1 200 OK\r\nX-Slow: ")] * 12,
        lambda connection: answer(connection, WHOLE),
    ]

    def handle(connection: socket.socket) -> None:
        handlers[0](connection) if len(handlers) == 1 else handlers.pop(0)(connection)

    with serving(handle) as url:
        client = WebexClient(url, new_session(url), timeout=(0.02, 0.03))
        for _ in range(12):
            with pytest.raises(TemporaryFailure):
                client.refresh(FULL_RECORD)
        patient = WebexClient(url, client.session, timeout=(5, 5))
        assert [patient.refresh(FULL_RECORD) for _ in range(3)] == [RESPONSE] * 3


def answer(connection: socket.socket, data: bytes) -> None:
    while connection.recv(65536):
        connection.sendall(data)


@pytest.mark.posix  # on Windows' Python under Wine, such an answer is given up
def test_an_answer_that_has_arrived_is_used_though_the_server_never_ends_it() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + BODY)
        while True:
            time.sleep(0.02)
            connection.sendall(b" ")

    with serving(handle) as url:
        assert WebexClient(url, new_session(url), timeout=(0.1, 0.1)).refresh(FULL_RECORD) == RESPONSE


def test_a_request_that_is_given_up_before_it_has_a_connection_gets_none_later() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Exchange() as exchange:
        exchange.abort()
        exchange.use(ours)
        theirs.settimeout(10)
        assert theirs.recv(1) == b""


def test_a_request_through_a_proxy_is_given_up_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def handle(connection: socket.socket) -> None:
        try:
            drip(b"HTTP/1.1 ", connection)
        finally:
            ended.set()

    with serving(handle) as url:
        monkeypatch.setenv("https_proxy", url.removesuffix("/v1"))
        webex = "https://webexapis.com/v1"
        threads = set(calls())
        with pytest.raises(TemporaryFailure, match=r"^webexapis\.com did not answer in time\.$"):
            WebexClient(webex, new_session(webex), timeout=(0.05, 0.1)).refresh(FULL_RECORD)
        assert ended.wait(10)
        wait_until(lambda: set(calls()) <= threads)


def test_requests_through_one_proxy_add_nothing_to_its_connections() -> None:
    adapter = AbortableAdapter()
    classes = [adapter.proxy_manager_for("http://127.0.0.1:9").pool_classes_by_scheme for _ in range(2)]
    assert classes[0] is classes[1]


CLIENT = """
import sys
from tests.support.records import FULL_RECORD
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session
url = sys.argv[1]
print(WebexClient(url, new_session(url), timeout=(0.3, 0.7)).refresh(FULL_RECORD).access_token)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows cannot stop a process")
def test_an_answer_that_arrives_while_the_process_is_stopped_is_used() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        time.sleep(0.1)  # until the client waits for the answer
        process.send_signal(signal.SIGSTOP)
        connection.sendall(WHOLE)
        time.sleep(1.3)  # longer than both timeouts together
        process.send_signal(signal.SIGCONT)
        connection.recv(65536)

    with serving(handle) as url:
        process = subprocess.Popen([sys.executable, "-c", CLIENT, url], stdout=subprocess.PIPE, text=True)
        with process:
            assert process.communicate(timeout=60)[0] == "access-1\n"


BROKEN_GZIP = gzip.compress(b"x" * 1000, mtime=0)[:-20] + b"y" * 20


@pytest.mark.posix  # Wine shows Linux' /proc on one of its drives
@pytest.mark.skipif(not OPEN.is_dir(), reason="counts descriptors in /proc")
@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(BROKEN_GZIP), BROKEN_GZIP),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 90_000_000, mtime=0),
    ],
    ids=["broken gzip", "long", "gzip that expands"],
)
def test_an_answer_that_cannot_be_read_costs_no_descriptor_while_its_error_is_kept(data: bytes) -> None:
    errors: list[WebexTokenError] = []
    with serving(lambda connection: answer(connection, data)) as url:
        client = WebexClient(url, new_session(url))
        before = descriptors()
        gc.disable()
        try:
            for _ in range(4):
                with pytest.raises(TemporaryFailure, match="sent an answer that cannot be read") as raised:
                    client.refresh(FULL_RECORD)
                errors.append(raised.value)
            client.close_connections()
            wait_until(lambda: descriptors() <= before)
        finally:
            gc.enable()


def request_arrived(connection: socket.socket) -> bool:
    """Read a token request to the end of its form. Return whether there was one."""
    read = b""
    while FULL_RECORD.client_secret.encode() not in read or b"refresh_token=" not in read:
        more = connection.recv(65536)
        if not more:
            return False
        read += more
    return True


def test_as_many_requests_as_a_watch_sends_at_once_use_the_same_connections_again() -> None:
    accepted: list[socket.socket] = []
    together = threading.Barrier(AT_ONCE)

    def answer_twice(connection: socket.socket) -> None:
        accepted.append(connection)
        for _ in range(2):
            if not request_arrived(connection):
                return
            together.wait(10)  # no request is answered before all have a connection
            connection.sendall(WHOLE)

    with serving(answer_twice) as url:
        client = WebexClient(url, new_session(url))
        for _ in range(2):
            threads = [threading.Thread(target=client.refresh, args=(FULL_RECORD,)) for _ in range(AT_ONCE)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(10)
        client.close_connections()
    assert len(accepted) == AT_ONCE
