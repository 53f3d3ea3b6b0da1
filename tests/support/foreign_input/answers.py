"""Answers of Webex and of Vault, read by the program's own clients. Only the network is replaced.

The text of an answer is its status, its headers and an empty line, and then its body. Several are divided by ``NEXT``;
the last one answers all further requests.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from tests.support.foreign_input.examined import SECRET, check_error
from tests.support.foreign_input.mutations import Document
from tests.support.records import NOW, RECORD
from webex_token_cli.config.settings import Profile, ServiceApp
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.store.vault.key_value import KeyValueEngine
from webex_token_cli.store.vault.store import VaultStore
from webex_token_cli.token_response import DeviceCode
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session

NEXT = b"\n====\n"
SEEN = replace(RECORD, access_token=SECRET, refresh_token=SECRET, client_secret=SECRET)

# Nothing asks more often without an end to it.
_MOST_REQUESTS = 3000


class Answers(BaseAdapter):
    """Answers every request with the next of the answers in ``text``."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self._answers = text.split(NEXT)
        self._build = HTTPAdapter().build_response
        self._requests = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Called by the session."""
        self._requests += 1
        assert self._requests < _MOST_REQUESTS, "the program asks without an end"
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        head, _, body = found.partition(b"\n\n")
        status, *lines = head.decode("latin-1").split("\n")
        headers = HTTPHeaderDict()
        for name, _, value in (line.partition(":") for line in lines):
            headers.add(name.strip(), value.strip())
        number = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 200
        response = HTTPResponse(io.BytesIO(body), headers, number, preload_content=False)
        return self._build(request, response)

    def close(self) -> None:
        """Called by the session."""


def answer(body: dict[str, Any] | bytes, status: int = 200, **headers: str) -> Document:
    """The document of one answer."""
    lines = [str(status), *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()), "", ""]
    return ("\n".join(lines).encode(), body)


def in_turn(*answers: Document) -> Document:
    """The document of several answers."""
    first, *others = answers
    return sum(((NEXT, *each) for each in others), first)


def webex(call: Callable[[WebexClient], object], secrets: tuple[str, ...]) -> Callable[[bytes], None]:
    """A parser that reads answers of Webex to ``call``, which sends ``secrets``."""

    def read(text: bytes) -> None:
        session = new_session("https://webexapis.com/v1")
        session.mount("https://", Answers(text))
        traced: list[str] = []
        client = WebexClient("https://webexapis.com/v1", session, trace=traced.append, clock=lambda: NOW)
        try:
            call(client)
        except WebexTokenError as error:
            # A tracking ID is long and opaque itself, so that only a secret that was sent is masked in it.
            check_error(error, tuple(each for each in secrets if each == SECRET or each not in error.tracking_id))
        assert all(line.isprintable() and len(line) < 300 for line in traced)
        assert not any(SECRET in line for line in traced if SECRET in secrets)

    return read


def device() -> DeviceCode:
    """A device code that is polled for."""
    return DeviceCode(SECRET, "123456", "https://example.com", None, 300, 2)


SERVICE_APP = ServiceApp("application", "organization", "admin")


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        """The time, UTC epoch seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds


ENVIRONMENT = {"VAULT_ADDR": "https://vault.example.com", "VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": SECRET}


def engine_answered(text: bytes, say: Callable[[str], None]) -> KeyValueEngine:
    """The engine of a Vault whose answers are in ``text``, the first one to a login."""
    engine = open_engine(ENVIRONMENT, say)
    session = requests.Session()
    session.mount("https://", Answers(text))
    session.mount("http://", Answers(text))
    engine.requester.connection._session = session  # type: ignore[attr-defined]
    return engine


def vault(call: Callable[[VaultStore], object]) -> Callable[[bytes], None]:
    """A parser that reads the answers of Vault to a login and to ``call``."""

    def read(text: bytes) -> None:
        said: list[str] = []
        engine = engine_answered(text, said.append)
        clock = Clock()
        host = Host("host", clock, clock, clock.sleep, lambda: 0.5)
        store = VaultStore(Entries(engine), host, said.append)
        try:
            call(store)
        except WebexTokenError as error:
            check_error(error)
        assert all(line.isprintable() and SECRET not in line and len(line) < 1000 for line in said)

    return read


def refresh_in_turn(store: VaultStore) -> None:
    """What a refresh does with the store."""
    seen = store.load("default")
    if seen is not None:
        with store.refreshing("default", seen) as turn:
            if turn.record is not None:
                turn.check()
                turn.save(turn.record.belonging_to(None))
                turn.replaced_meanwhile()


DATE = "Fri, 27 Nov 2026 03:59:13 GMT"
LOGIN = answer({"auth": {"client_token": "hvs.token", "policies": ["default"], "lease_duration": 3600}}, Date=DATE)
MOUNT = answer({"data": {"type": "kv", "options": {"version": "2"}, "path": "secret/"}}, Date=DATE)
METADATA = {"created_time": "2026-11-27T03:59:13.123456789Z", "version": 3, "destroyed": False, "deletion_time": ""}
WRITTEN = answer({"data": METADATA}, Date=DATE)
NOTHING = answer({"errors": []}, 404, Date=DATE)
DENIED = answer({"errors": ["1 error occurred:\n\t* permission denied\n\n"]}, 403, Date=DATE)
INVALID_TOKEN = answer({"errors": ["permission denied"]}, 403, Date=DATE)
SEALED = answer({"errors": ["Vault is sealed"]}, 503, Date=DATE)
CONFLICT = answer({"errors": ["check-and-set parameter did not match the current version"]}, 400, Date=DATE)
LISTED = answer({"data": {"keys": ["default", "folder/", "Work"]}}, Date=DATE)


def stored(claim: Claim | None = None, record: TokenRecord | None = SEEN) -> Document:
    """The answer with the entry of a profile."""
    entry = Entry(record, Profile("default", "client-id", "http://localhost:8000/oauth", "spark:all"), claim)
    return answer({"data": {"data": entry.encoded(), "metadata": METADATA}}, Date=DATE, X_Vault_Index="v1:1")
