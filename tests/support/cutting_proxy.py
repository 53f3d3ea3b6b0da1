"""A proxy before an HTTP server, which cuts connections as a test decides."""

import contextlib
import enum
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# With a linger time of zero, closing a socket sends a reset.
_RESET = struct.pack("ii", 1, 0)

_NOT_PASSED_ON = {"host", "connection", "transfer-encoding", "content-length"}


class Fate(enum.Enum):
    """What becomes of a request: it is passed on, or never arrives, or is done and its answer never comes."""

    PASSED_ON = enum.auto()
    LOST = enum.auto()
    ANSWER_LOST = enum.auto()


@contextlib.contextmanager
def cutting_proxy(server: str, fate: Callable[[str, str], Fate]) -> Iterator[str]:
    """Run a proxy before ``server``, an http:// address. ``fate`` is asked with each method and path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = fate(self.command, self.path)
            if found is Fate.LOST:
                return self.cut()
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            answer = requests.request(self.command, server + self.path, headers=headers, data=body, timeout=30)
            if found is Fate.ANSWER_LOST:
                return self.cut()
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            return None

        def cut(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_LIST = do_DELETE = pass_on  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def shutdown_request(self, request: object) -> None:
            """Close without a shutdown, which would send an end instead of a reset."""
            assert isinstance(request, socket.socket)
            request.close()

    with Server(("127.0.0.1", 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
