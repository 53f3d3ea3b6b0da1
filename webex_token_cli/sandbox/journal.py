"""The journal of a sandbox: what it was asked and what it answered."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request, without any secret.

    ``moment`` is the sandbox's time in UTC epoch seconds. ``outcome`` is what the answer means in a word or two,
    such as ``renewed`` or an OAuth error code; it is empty if the status says enough.
    """

    moment: float
    method: str
    path: str
    status: int
    outcome: str


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it arrived, including its secrets, for tests that check what the program sends.

    ``client_port`` is the client's end of the connection, which tells connections apart.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)
    client_port: int = field(repr=False)


class Journal:
    """Everything that happened, oldest first. ``report`` is called with each new entry."""

    def __init__(self, report: Callable[[Entry], None]) -> None:
        self.entries: list[Entry] = []
        self.requests: list[RecordedRequest] = []
        self._report = report
        self._lock = threading.Lock()

    def record_request(self, request: RecordedRequest) -> None:
        """Add a request that has just arrived."""
        with self._lock:
            self.requests.append(request)

    def record(self, entry: Entry) -> None:
        """Add ``entry`` and report it."""
        with self._lock:
            self.entries.append(entry)
        self._report(entry)

    def outcomes(self, path: str) -> list[str]:
        """The ``outcome`` of each entry for ``path``, oldest first."""
        with self._lock:
            return [entry.outcome for entry in self.entries if entry.path == path]
