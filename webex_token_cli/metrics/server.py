"""The HTTP server for the metrics and the health of a watch: GET and HEAD, one request a connection.

One daemon thread serves all connections. A slow or hostile client therefore costs neither the watch a thread nor
another client its answer.
"""

import asyncio
import contextlib
import errno
import functools
import socket
import threading
from http import HTTPStatus

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.metrics.pages import Page, Pages, plain
from webex_token_cli.signin.loopback.sockets import Endpoint, accepted, close, listen

# Seconds for one connection, from its acceptance to the last byte of the answer: what Prometheus waits by default.
_TIMEOUT = 10.0

# Connections at the same time. A monitoring system needs two or three. If there are more, the oldest is closed, so that
# clients that send nothing cannot keep out the others.
_MOST_CONNECTIONS = 32

# The longest request that is read, in bytes. That of a Prometheus has a few hundred.
_LONGEST_REQUEST = 8192

# Seconds until the next attempt to accept a connection, if one failed.
_PAUSE = 1.0

# Seconds that the server gets to start, or to close its connections; both take milliseconds. The thread is a daemon, so
# that it cannot keep the program alive.
_TURN_TIMEOUT = 2.0


class MetricsServer:
    """Serves ``pages`` at ``endpoint`` while the context is open.

    The port is bound at once. Raises ConfigurationError if it cannot be. ``timeout`` is for one connection, in seconds.
    """

    def __init__(self, endpoint: Endpoint, pages: Pages, timeout: float = _TIMEOUT) -> None:
        self._pages = pages
        self._timeout = timeout
        self._sockets = _bound(endpoint)
        self._connections: dict[asyncio.Task[None], None] = {}
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="metrics-server", daemon=True)

    def __enter__(self) -> "MetricsServer":
        self._thread.start()
        self._started.wait(_TURN_TIMEOUT)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(_TURN_TIMEOUT)
        close(self._sockets)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        accepting = [asyncio.create_task(self._accept(each)) for each in self._sockets]
        self._started.set()
        await self._closing.wait()
        for task in (*accepting, *self._connections):
            task.cancel()

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection = await accepted(listening)
            except OSError:  # this process or the machine has no descriptor or memory to give
                await asyncio.sleep(_PAUSE)
                continue
            if len(self._connections) >= _MOST_CONNECTIONS:
                oldest = next(iter(self._connections))
                del self._connections[oldest]
                oldest.cancel()
            task = asyncio.create_task(self._converse(connection))
            self._connections[task] = None
            # A task that is cancelled before its first step does not run at all.
            task.add_done_callback(functools.partial(self._end, connection))
            await asyncio.sleep(0)  # the connections take their turn, however many clients wait to be accepted

    def _end(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._connections.pop(task, None)
        connection.close()

    async def _converse(self, connection: socket.socket) -> None:
        """Read one request and answer it. Whatever the client does, this raises nothing."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # TimeoutError is one
            async with asyncio.timeout(self._timeout):
                head = await _read_head(loop, connection)
                if head is None:
                    answer = _encoded(plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That request is too long."))
                else:
                    answer = _encoded(self._respond(head), with_body=not head.startswith(b"HEAD "))
                await loop.sock_sendall(connection, answer)

    def _respond(self, head: bytes) -> Page:
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return plain(HTTPStatus.BAD_REQUEST, "That is not an HTTP request.")
        method, target, _ = words
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            return plain(HTTPStatus.NOT_FOUND, f"There are {', '.join(self._pages)} here, and nothing else.")
        if method not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.")
        try:
            return page()
        except Exception as error:  # noqa: BLE001 - the server has to go on, and the text of the error may hold anything
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR, f"Something unexpected failed ({type(error).__name__}).")


async def _read_head(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes | None:
    """The request up to the empty line; None if it is too long. Raises ConnectionError if the client closes early."""
    head = b""
    while b"\r\n\r\n" not in head:
        if len(head) > _LONGEST_REQUEST:
            return None
        received = await loop.sock_recv(connection, _LONGEST_REQUEST)
        if not received:
            raise ConnectionError
        head += received
    return head


def _encoded(page: Page, with_body: bool = True) -> bytes:
    lines = [
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if page.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (page.body if with_body else b"")


def _bound(endpoint: Endpoint) -> list[socket.socket]:
    try:
        return listen(endpoint)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {endpoint.port}, at which the metrics were to be served, is taken by another program.",
                "End that program (another watch, perhaps), or give --metrics another port.",
            ) from error
        raise ConfigurationError(
            f"The metrics cannot be served at {endpoint} ({error.strerror}).",
            "Give --metrics an address of this machine, and a port above 1023.",
        ) from error
