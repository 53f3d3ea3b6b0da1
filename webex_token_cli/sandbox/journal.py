"""The journal of a sandbox: what it was asked and what it answered."""

import base64
import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from webex_token_cli.sandbox.secret_names import SecretNames

# Where a secret stands in a request or an answer: a form or URL, a JSON object, an Authorization header.
_FIELDS = "access_token|refresh_token|client_secret|clientSecret|code|code_verifier|device_code|token"
_SECRET_PLACES = re.compile(
    rf"""(\b(?:{_FIELDS})=|"(?:{_FIELDS})":\s*"|^(?:Bearer|Basic)\s+)(?!<)([^&"\s]+)""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it arrived, including its secrets, for tests that check what a program sends.

    Of a long ``body``, such as a file, it has the first MiB, and of one that was refused nothing. ``client_port`` is
    the client's end of the connection, which tells connections apart.
    """

    method: str
    path: str
    query: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)
    client_port: int = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request. It shows no secret, unless ``request``, ``headers`` or ``body`` are asked for.

    ``moment`` is the sandbox's time in UTC epoch seconds. ``outcome`` is what the answer means in a word or two,
    such as ``renewed`` or an OAuth error code; it is empty if the status says enough. ``status`` is 0 if the
    connection was reset without an answer. ``headers`` and ``body`` are those of the answer.
    """

    moment: float
    method: str
    path: str
    status: int
    outcome: str
    request: RecordedRequest | None = field(default=None, repr=False, compare=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    body: str = field(default="", repr=False, compare=False)


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

    def clear(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self.entries.clear()
            self.requests.clear()


def marked(entry: Entry, names: SecretNames) -> dict[str, Any]:
    """``entry`` as a JSON object, with each secret replaced by its name, such as ``<refresh token 2>``.

    A secret that was never handed out here becomes ``<unknown>``.
    """

    def hidden(text: str) -> str:
        return _SECRET_PLACES.sub(r"\1<unknown>", names.marked(text))

    def hidden_headers(headers: dict[str, str]) -> dict[str, str]:
        return {hidden(name): hidden(_with_name_for_basic(value, names)) for name, value in headers.items()}

    shown = asdict(entry)
    request = shown.pop("request") or {}
    answer = {"status": shown.pop("status"), "headers": shown.pop("headers"), "body": hidden(shown.pop("body"))}
    return {
        **shown,
        "path": hidden(shown["path"]),
        "outcome": hidden(shown["outcome"]),
        "query": hidden(request.get("query", "")),
        "headers": hidden_headers(request.get("headers", {})),
        "body": hidden(request.get("body", "")),
        "answer": {**answer, "headers": hidden_headers(answer["headers"])},
    }


def _with_name_for_basic(value: str, names: SecretNames) -> str:
    """``value`` of a header, where the name of a client secret replaces the credentials of HTTP Basic that hold it."""
    kind, _, credentials = value.partition(" ")
    if kind.lower() == "basic":
        with contextlib.suppress(ValueError):  # neither base64 nor UTF-8
            name = names.name(base64.b64decode(credentials).decode().partition(":")[2])
            return f"{kind} <{name or 'unknown'}>"
    return value
