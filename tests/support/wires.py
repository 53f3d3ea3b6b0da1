"""Servers on loopback that break their connections. Each context manager yields the API URL of its server."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

from webex_token_cli.signin.loopback.certificate import certificate_for_this_login

# With a linger time of zero, closing a socket sends a reset and discards unsent data.
_RESET = struct.pack("ii", 1, 0)


@contextlib.contextmanager
def serving(handle: Callable[[socket.socket], None], scheme: str = "http") -> Iterator[str]:
    """Run a server that calls ``handle`` with each connection, in a thread of its own."""

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()

    def serve_one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            handle(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/v1"
        # On Linux this ends the wait in accept(). On Windows it fails, and closing the listener ends the wait.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def reset_in_the_response(connection: socket.socket) -> None:
    """Announce a thousand bytes, send half of a token response, and reset the connection."""
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"access_token": "half-a-tok')
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def say_nothing(connection: socket.socket) -> None:
    """Read the request and never answer, until the client closes the connection."""
    while connection.recv(65536):
        pass


@contextlib.contextmanager
def untrusted() -> Iterator[str]:
    """A TLS server whose certificate no authority has signed."""
    context = certificate_for_this_login("127.0.0.1").context

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(65536)

    with serving(handle, "https") as url:
        yield url
