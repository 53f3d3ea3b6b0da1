"""The socket that a sandbox listens on, with a thread for each connection."""

import contextlib
import selectors
import socket
import threading
import time
import weakref
from http.server import ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address
from socketserver import TCPServer
from typing import Any

from webex_token_cli.sandbox.http.handler import Handler

# Seconds that the threads may take for their last answers. What is told of a request may wait for a terminal.
_LAST_ANSWER = 1.0


class Listener(ThreadingHTTPServer):
    """Listens on ``address``; ``port`` 0 is a free one. Raises OSError if it cannot."""

    daemon_threads = True
    block_on_close = False
    # Tests with many simultaneous clients must not overflow the queue, which is 5 by default.
    request_queue_size = 128
    # Seconds for which ``handle_request`` waits for a connection: ``serve`` knows that one is there.
    timeout = 0

    def __init__(self, address: IPv4Address | IPv6Address, port: int, handler: type[Handler]) -> None:
        self.client_ports: list[int] = []
        self._connections: weakref.WeakKeyDictionary[threading.Thread, socket.socket] = weakref.WeakKeyDictionary()
        self._end, self._end_seen = socket.socketpair()
        self._address = address
        self.address_family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        super().__init__((str(address), port), handler)

    @property
    def own_host(self) -> str:
        """The host in the URLs of programs on this machine."""
        if self._address.is_unspecified:
            return "127.0.0.1"
        return str(self._address) if self._address.version == 4 else f"[{self._address}]"

    def server_bind(self) -> None:
        """Bind the socket. The base class would also look up the name of the address, which can take long."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not self._address.is_unspecified)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self._address), self.server_address[1]

    def serve(self) -> None:
        """Accept connections until ``stop``, which the base class would only notice after some time."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._end_seen, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def stop(self) -> None:
        """Let ``serve`` return at once."""
        self._end.close()

    def server_close(self) -> None:
        """Close all sockets, except those of connections."""
        super().server_close()
        self._end.close()
        self._end_seen.close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Called by the base class, always in the same thread."""
        connection, address = super().get_request()
        self.client_ports.append(address[1])
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own. Called by the base class, always in the same thread."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        self._connections[thread] = request
        thread.start()

    def end_connections(self) -> None:
        """Close the connections that clients have left open, so that no thread waits for their next request."""
        connections = dict(self._connections)
        for connection in connections.values():
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _LAST_ANSWER
        for thread in connections:
            thread.join(max(0.0, deadline - time.monotonic()))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of single connections: clients may close theirs at any time."""
