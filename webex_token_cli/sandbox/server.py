"""A running sandbox: Webex in memory behind a real socket on loopback, with a journal and faults.

Besides Webex's paths below ``/v1``, its identity service below ``/idb`` and the page ``/verify`` for the code that a
device shows, it serves four paths that control it:

- ``POST /sandbox/advance`` with ``{"seconds": 86400}`` sets its clock forward;
- ``POST /sandbox/fault`` with ``{"path": "/v1/access_token", "status": 503, "headers": {}, "body": "",
  "times": 1, "delay": 0}`` orders the answer to the next requests for that path;
- ``POST /sandbox/service-app`` with ``{}`` registers a Service App and answers its ids and its client secret; with
  ``{"id": …, "authorized": true}`` an admin authorizes it, and with ``false`` revokes it;
- ``GET /sandbox/journal`` lists what was asked and answered, without secrets.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from http.server import ThreadingHTTPServer
from typing import Any

from webex_token_cli.sandbox.faults import Fault, FaultQueue
from webex_token_cli.sandbox.handler import Handler
from webex_token_cli.sandbox.journal import Entry, Journal, RecordedRequest
from webex_token_cli.sandbox.people import ada
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.webex import Webex


class Sandbox:
    """A sandbox that serves from a thread of its own while its context lasts.

    ``port`` 0 chooses a free port. ``report`` is called with each new entry of the journal. ``people`` have an account
    there; without any, one person has.
    Raises OSError if the port is taken.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        port: int = 0,
        report: Callable[[Entry], None] = lambda _: None,
        people: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.webex = Webex(rules or Rules(), people=list(people) or [ada()])
        self._journal = Journal(report)
        self._faults = FaultQueue()
        shared = {"webex": self.webex, "journal": self._journal, "faults": self._faults}
        self._server = _Server(("127.0.0.1", port), type("_SandboxHandler", (Handler,), shared))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that the sandbox listens on."""
        return int(self._server.server_address[1])

    @property
    def api_url(self) -> str:
        """The base URL that replaces ``https://webexapis.com/v1``."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def verification_uri(self) -> str:
        """The page on which a person types the code that their device shows."""
        return f"http://127.0.0.1:{self.port}/verify"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make the program use this sandbox."""
        return {
            "WEBEX_TOKEN_API_URL": self.api_url,
            "WEBEX_CLIENT_ID": self.webex.client_id,
            "WEBEX_CLIENT_SECRET": self.webex.client_secret,
            "WEBEX_REDIRECT_URI": self.webex.rules.redirect_uris[0],
        }

    @property
    def journal(self) -> list[Entry]:
        """The answered requests, oldest first, without secrets."""
        return self._journal.entries

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests as they arrived, oldest first, with their secrets."""
        return self._journal.requests

    @property
    def client_ports(self) -> list[int]:
        """The client's port of each accepted TCP connection, oldest first, also of those without a request."""
        return list(self._server.client_ports)

    @property
    def in_flight(self) -> int:
        """The number of requests that wait for the delay of their fault now."""
        return self._faults.in_flight

    def __enter__(self) -> "Sandbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def order(self, fault: Fault) -> None:
        """Answer the next requests for the fault's path with ``fault``."""
        self._faults.order(fault)

    def outcomes(self, path: str = "/v1/access_token") -> list[str]:
        """The outcome of each request for ``path``, oldest first, such as ``renewed``."""
        return self._journal.outcomes(path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Tests with many simultaneous clients must not overflow the queue, which is 5 by default.
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.client_ports: list[int] = []

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Called by the base class, always in the same thread."""
        connection, address = super().get_request()
        self.client_ports.append(address[1])
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of single connections: clients may close theirs at any time."""
