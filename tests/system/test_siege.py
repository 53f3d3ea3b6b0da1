"""A login whose port other programs flood: it still receives the right redirect, and prints nothing about them."""

import asyncio
import contextlib
import os
import random
import socket
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.program import Program, Running
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.peers import PeerCheck
from webex_token_cli.signin.loopback.server import Listener
from webex_token_cli.system import windows_users
from webex_token_cli.system.connections import UserID

pytestmark = pytest.mark.long

# The most that the memory may grow between two equal waves of requests, in KiB; the allocator varies by about this.
_FLAT = 2048


def connected(port: int, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((address, port), timeout=10)


def send(port: int, raw: bytes) -> None:
    """Send ``raw`` and read the answer. The listener may close the connection before everything is sent."""
    with contextlib.suppress(OSError), connected(port) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def unwanted_requests(port: int, seed: int) -> Iterator[bytes]:
    """Requests with a wrong state, an address or a header of 64 KiB, random bytes, and other hosts."""
    generator = random.Random(seed)
    host = f"Host: localhost:{port}\r\n\r\n"
    for number in range(500):
        yield f"GET /oauth?code=x&state={number:043} HTTP/1.1\r\n{host}".encode()
    for _ in range(50):
        yield f"GET /oauth?code={'y' * 65536} HTTP/1.1\r\n{host}".encode()
        yield f"GET /oauth HTTP/1.1\r\nCookie: {'z' * 65536}\r\n{host}".encode()
    for _ in range(200):
        yield generator.randbytes(generator.randrange(1, 2000))
        yield generator.randbytes(generator.randrange(1, 200)) + b"\r\n\r\n"
        yield b"GET /oauth?code=x HTTP/1.1\r\nHost: evil.example\r\n\r\n"


def wave(port: int, seed: int) -> None:
    """Send each of the unwanted requests once."""
    for raw in unwanted_requests(port, seed):
        send(port, raw)


@contextlib.contextmanager
def slow_connections(port: int) -> Iterator[None]:
    """Hold 200 connections open that send nothing, and 20 that send their headers one byte at a time."""
    done = threading.Event()

    def send_slowly() -> None:
        text = b"GET /oauth HTTP/1.1\r\n" + b"X: y\r\n" * 10000
        while not done.is_set():
            with contextlib.suppress(OSError), connected(port) as connection:
                for byte in text:
                    connection.sendall(bytes([byte]))
                    if done.wait(0.01):
                        break

    with contextlib.ExitStack() as idle:
        for number in range(200):
            idle.enter_context(connected(port, ("127.0.0.1", "::1")[number % 2]))
        threads = [threading.Thread(target=send_slowly, daemon=True) for _ in range(20)]
        for thread in threads:
            thread.start()
        yield
        done.set()
        for thread in threads:
            thread.join(10)


def memory(login: Running) -> int:
    """The resident memory of the process, in KiB."""
    status = Path(f"/proc/{login.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def growths(login: Running, port: int) -> Iterator[int]:
    """How much the memory grows with each of up to six further waves, in KiB.

    On Windows nothing is measured, because Wine does not tell how much memory a process uses.
    """
    if sys.platform == "win32":
        yield 0
        return
    before = memory(login)
    for seed in range(1, 7):
        wave(port, seed)
        after = memory(login)
        yield after - before
        before = after


def without_verification() -> ssl.SSLContext:
    """A TLS client that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def page_at(uri: str, query: str) -> str:
    """The last response that a browser gets that is sent to ``uri`` with ``query``, after at most one redirect."""
    parts = urlsplit(uri)
    assert parts.port is not None
    for _ in range(2):
        plain = connected(parts.port)
        with without_verification().wrap_socket(plain) if parts.scheme == "https" else plain as connection:
            connection.sendall(f"GET {parts.path}?{query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            text = b""
            with contextlib.suppress(ssl.SSLEOFError):
                while chunk := connection.recv(65536):
                    text += chunk
        query = text.decode().partition("Location: ?")[2].split("\r\n")[0]
        if not query:
            break
    return text.decode()


@pytest.fixture(params=["http", "https"])
def redirect_uri(request: pytest.FixtureRequest, redirect_uri: str) -> str:
    return redirect_uri.replace("http", request.param, 1)


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,))


def test_the_right_redirect_is_answered_within_a_second_during_a_flood(
    program: Program, sandbox: Sandbox, redirect_uri: str
) -> None:
    port = urlsplit(redirect_uri).port
    assert port is not None
    with program.started("login", "--no-browser") as login:
        url = login.url()
        printed_first = login.err
        with slow_connections(port):
            wave(port, seed=0)  # allocates every buffer that a wave needs
            # A connection in the middle of its handshake adds to one measurement. A leak would grow with each wave.
            has_no_leak = any(growth < _FLAT for growth in growths(login, port))
            code, state = consent(sandbox, url)
            started = time.monotonic()
            page = page_at(redirect_uri, f"code={code}&state={state}")
            took = time.monotonic() - started
        done = login.finish()
    assert "You are signed in" in page
    assert took < 1
    assert has_no_leak
    assert (done.status, done.err) == (0, printed_first)  # the flood is not worth a message


@pytest.mark.skipif(os.name == "nt", reason="Windows does not limit a process to so few descriptors")
def test_idle_connections_are_closed_when_descriptors_run_out(
    program: Program, sandbox: Sandbox, redirect_uri: str
) -> None:
    import resource

    parts = urlsplit(redirect_uri)
    assert parts.port is not None
    with program.started("login", "--no-browser") as login, contextlib.ExitStack() as stack:
        url = login.url()
        resource.prlimit(login.process.pid, resource.RLIMIT_NOFILE, (128, 128))
        for _ in range(200):  # each sends one request and never closes its connection
            with contextlib.suppress(OSError):
                plain = connected(parts.port)
                client = without_verification().wrap_socket(plain) if parts.scheme == "https" else plain
                stack.enter_context(client)
                client.sendall(f"GET /oauth?no HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        code, state = consent(sandbox, url)
        assert "You are signed in" in page_at(redirect_uri, f"code={code}&state={state}")
        assert login.finish().status == 0


def consent(sandbox: Sandbox, url: str) -> tuple[str, str]:
    """Consent at the sign-in page, and return the code and the state that Webex would send the browser back with."""
    urllib.request.urlopen(url).close()
    authorization = sandbox.accept_pending_authorization()
    return authorization.code, authorization.state


# -- random requests to the code that handles a connection, over a pair of real sockets ---------------------

_STATE = "S" * 43
_PIECES = st.sampled_from(
    [
        *("GET", "HEAD", "POST", "get", " ", "\r\n", "\n", "\r", ":", "?", "&", "=", "%", "%00", "%ff", "\x00", "\t"),
        *("/oauth", "//oauth", "/", "http://localhost:8000/oauth", "HTTP/1.1", "HTTP/1.0", "HTTP/9", "Host"),
        *(
            "localhost:8000",
            "evil.example",
            "code",
            "state",
            "error",
            "outcome",
            "access_denied",
            _STATE[:-1],
            "x" * 70,
        ),
        *("Content-Length: 5", "Transfer-Encoding: chunked", "Sec-Purpose: prefetch", "Cookie", "\r\n\r\n", "é", "𝕏"),
    ]
)
_LINES = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "X"]),
    st.lists(_PIECES, max_size=6).map("".join),
    st.lists(st.tuples(_PIECES, _PIECES), max_size=4),
).map(
    lambda parts: "".join(
        [
            f"{parts[0]} /oauth?{parts[1]} HTTP/1.1\r\nHost: localhost:8000\r\n",
            *(f"{name}: {value}\r\n" for name, value in parts[2]),
            "\r\n",
        ]
    ).encode()
)
# Requests that are right in everything but the state.
_NEARLY_RIGHT = st.lists(
    st.sampled_from(
        [
            *("code=c", "error=access_denied", "state", "state=", f"state={_STATE[:-1]}", f"state={_STATE}x"),
            *(f"state={_STATE.lower()}", f"State={_STATE}", f"state={'x' * len(_STATE)}", f"state=%00{_STATE}"),
        ]
    ),
    min_size=1,
    max_size=4,
).map(lambda query: f"GET /oauth?{'&'.join(query)} HTTP/1.1\r\nHost: localhost:8000\r\n\r\n".encode())
REQUESTS = st.one_of(
    _NEARLY_RIGHT,
    st.binary(max_size=300),
    st.lists(_PIECES, max_size=12).map(lambda pieces: "".join(pieces).encode()),
    _LINES,
    _LINES.map(lambda raw: raw.replace(b"\r\n", b"\n")),
)

_EXPECTED_STATUS_LINES = (b"HTTP/1.1 302 ", b"HTTP/1.1 4", b"HTTP/1.1 503 ")


def user_of_a_pair() -> UserID:
    return windows_users.this_user() if sys.platform == "win32" else os.getuid()


def with_listener(check: Callable[[Callable[[bytes], bytes], Listener], None]) -> None:
    """Run ``check`` with a listener, and with a function that sends bytes to it and returns its response."""
    loop = asyncio.new_event_loop()
    problems: list[object] = []
    loop.set_exception_handler(lambda _, context: problems.append(context))

    async def make() -> Listener:
        redirect = RedirectURI.parse("http://localhost:8000/oauth")
        # The system cannot tell who owns a socket of a pair, because it has no address.
        return Listener([], redirect, _STATE, "https://webex.example/a", peers=PeerCheck(lambda *_: user_of_a_pair()))

    listener = loop.run_until_complete(make())

    def ask(raw: bytes) -> bytes:
        client, server = socket.socketpair()
        server.setblocking(False)
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        loop.run_until_complete(listener._converse(server))
        loop.run_until_complete(asyncio.sleep(0))
        client.settimeout(10)
        with client, contextlib.suppress(ConnectionResetError):
            return b"".join(iter(lambda: client.recv(65536), b""))
        return b""

    try:
        check(ask, listener)
        assert problems == []
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def test_random_requests_do_not_end_the_wait_for_the_redirect(request: pytest.FixtureRequest) -> None:
    number = 20_000 if request.config.getoption("--full") else 1_000

    def check(ask: Callable[[bytes], bytes], listener: Listener) -> None:
        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(REQUESTS)
        def random_requests(raw: bytes) -> None:
            response = ask(raw)
            assert response == b"" or response.startswith(_EXPECTED_STATUS_LINES)
            assert not listener._arrived.done()

        random_requests()
        right = f"GET /oauth?code=c&state={_STATE} HTTP/1.1\r\nHost: localhost:8000\r\n\r\n".encode()
        assert ask(right).startswith(b"HTTP/1.1 303 ")
        assert listener._arrived.done()
        assert listener._connections == set()

    with_listener(check)
