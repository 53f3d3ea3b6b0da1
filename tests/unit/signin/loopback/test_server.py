"""The listener among connections of other users, and of programs that leave theirs open."""

import asyncio
import base64
import contextlib
import os
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from tests.support.listening import SIGN_IN_PAGE
from tests.support.ports import free_port
from tests.support.program import wait_until
from webex_token_cli.config.sites import WEBEX
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.peers import PeerCheck
from webex_token_cli.signin.loopback.server import Listener, new_ticket
from webex_token_cli.signin.loopback.sockets import Endpoint, bind, endpoint_for

pytestmark = pytest.mark.posix

T = TypeVar("T")

STRANGER = 4242


class Clients:
    """Programs on this machine that connect to the port of ``redirect``. All but the ``own`` belong to a stranger."""

    def __init__(self, redirect: RedirectURI) -> None:
        self.redirect = redirect
        self._own: set[int] = set()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def peers(self) -> PeerCheck:
        return PeerCheck(lambda peer, _: os.getuid() if peer[1] in self._own else STRANGER)

    def connect(self, own: bool = False) -> socket.socket:
        client = self._open.enter_context(socket.socket())
        client.bind(("127.0.0.1", 0))
        if own:
            self._own.add(client.getsockname()[1])
        client.settimeout(10)
        client.connect(("127.0.0.1", self.redirect.port))
        return client

    def ask(self, query: str = "", own: bool = False, of: socket.socket | None = None) -> socket.socket:
        client = of or self.connect(own)
        request = f"GET {self.redirect.path}{query} HTTP/1.1\r\nHost: localhost:{self.redirect.port}\r\n\r\n"
        with contextlib.suppress(ConnectionError):  # it may be closed already
            client.sendall(request.encode())
        return client


def answer(client: socket.socket) -> str:
    """All that the client receives; nothing if its connection was closed without an answer."""
    with contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()
    return ""


def is_open(client: socket.socket) -> bool:
    return not select.select([client], [], [], 0)[0]


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients(RedirectURI.parse(f"http://localhost:{free_port()}/oauth")) as clients:
        yield clients


def served(clients: Clients, told: Callable[[Listener], T], **fields: Any) -> T:
    """What ``told`` returns, which runs in a thread while a listener with ``fields`` serves the clients."""
    sockets = bind(endpoint_for(clients.redirect, None), clients.redirect.uri)

    async def serve() -> T:
        listener = Listener(sockets, clients.redirect, "the-state", SIGN_IN_PAGE, peers=clients.peers(), **fields)
        async with listener.serving():
            return await asyncio.to_thread(told, listener)

    return asyncio.run(serve())


def test_a_few_strangers_are_told_and_more_are_turned_away(clients: Clients) -> None:
    def told(_: Listener) -> list[object]:
        silent = [clients.connect() for _ in range(8)]
        turned_away = [answer(clients.connect()), answer(clients.ask())]
        found: list[object] = [*turned_away, answer(clients.ask(own=True))[:12], [is_open(each) for each in silent]]
        silent[0].close()
        wait_until(lambda: answer(clients.ask()).startswith("HTTP/1.1 403"))
        return found

    assert served(clients, told) == ["", "", "HTTP/1.1 302", [True] * 8]


@pytest.mark.parametrize(
    ("listen", "behind_proxy", "turned_away"),
    [
        (None, False, True),
        (Endpoint("127.0.0.1", 8000), False, True),
        (Endpoint("127.0.0.1", 8000), True, False),  # a proxy may be another user's, and bring many requests
        (Endpoint("0.0.0.0", 8000), False, False),  # a connection from another machine has no user
    ],
)
def test_strangers_are_turned_away_only_where_all_requests_are_this_users(
    clients: Clients, listen: Endpoint | None, behind_proxy: bool, turned_away: bool
) -> None:
    def told(_: Listener) -> str:
        for _number in range(8):
            clients.connect()
        return answer(clients.ask())[:12]

    found = served(clients, told, listen=listen, behind_proxy=behind_proxy)
    assert found == ("" if turned_away else "HTTP/1.1 403")


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        (None, "This sign-in was started by another user of this machine"),
        (Endpoint("127.0.0.1", 8000), "start the sign-in again with --behind-proxy"),
    ],
)
def test_a_stranger_is_told_what_is_wrong(clients: Clients, listen: Endpoint | None, says: str) -> None:
    assert says in served(clients, lambda _: answer(clients.ask("?code=c&state=the-state")), listen=listen)


def test_who_waits_for_the_outcome_is_not_closed_as_silent(clients: Clients) -> None:
    def told(listener: Listener) -> list[object]:
        redirected = answer(clients.ask("?code=c&state=the-state", own=True))
        waiting = clients.ask(redirected.partition("Location: ")[2].split()[0], own=True)
        silent = [clients.connect(own=True) for _ in range(65)]
        return [answer(silent[0]), is_open(waiting), is_open(silent[1]), is_open(silent[-1])]

    assert served(clients, told) == ["", True, True, True]


def test_a_listener_shows_no_secret() -> None:
    redirect = RedirectURI.parse("http://localhost:8000/oauth")

    async def shown() -> str:
        return repr(Listener([], redirect, "the-state", "the-page"))

    assert asyncio.run(shown()) == (
        f"Listener(sockets=[], redirect={redirect!r}, scopes=(), listen=None, behind_proxy=False, site={WEBEX!r}, "
        "tls=None, patience=15.0)"
    )


def test_a_ticket_has_128_bits() -> None:
    assert {len(base64.urlsafe_b64decode(f"{new_ticket()}==")) for _ in range(20)} == {16}
