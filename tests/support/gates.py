"""A proxy before an HTTP server, which shows a test each request before it goes on, and each answer."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

_NOT_PASSED_ON = {"host", "connection", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Passing:
    """A request on its way, or its answer, whose ``status`` is not None then."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    status: int | None = None


class Cut(Exception):
    """Raised by a gate: the connection is closed, and the request or the answer goes no further."""


Gate = Callable[[Passing], None]


@contextlib.contextmanager
def gated(server: str, gate: Gate, host: str = "127.0.0.1") -> Iterator[str]:
    """Run a proxy before ``server``, an http:// address, and give the address of the proxy.

    ``gate`` is called in a thread of the connection, with the request and then with its answer. It may wait, and it may
    raise Cut.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            self.session = requests.Session()
            self.session.trust_env = False

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            try:
                gate(Passing(self.command, self.path, headers))
                answer = self.session.request(
                    self.command, server + self.path, headers=headers, data=body, timeout=60, allow_redirects=False
                )
                gate(Passing(self.command, self.path, headers, answer.status_code))
                self.answer(answer)
            except (Cut, OSError):
                self.close_connection = True

        def answer(self, answer: requests.Response) -> None:
            self.send_response_only(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def finish(self) -> None:
            self.session.close()
            with contextlib.suppress(OSError):
                super().finish()

        do_GET = do_POST = do_PUT = do_LIST = do_DELETE = pass_on  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128
        address_family = socket.AF_INET

        def handle_error(self, *_: object) -> None:
            """Ignore errors of single connections: a client may be killed at any time."""

    with Server((host, 0), Handler) as proxy:
        threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://{host}:{proxy.server_port}"
        finally:
            proxy.shutdown()
