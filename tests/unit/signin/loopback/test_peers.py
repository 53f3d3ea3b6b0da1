"""Which user owns a connection: the kernel's table, and a real other user."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.listening import Login
from tests.support.ports import free_port
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.peers import NOBODY, ConnectionTable, PeerCheck, is_allowed_owner
from webex_token_cli.signin.loopback.sockets import Endpoint
from webex_token_cli.system.connections import CannotAsk, UserID
from webex_token_cli.system.proc_net import TcpSocket, parse_table

users_of_unix = pytest.mark.posix

# As /proc/net/tcp and tcp6 print it.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1
   1: 0100007F:C350 0100007F:1F40 01 00000000:00000000 00:00000000 00000000  1001        0 2 1
   2: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 3 1
   0: 00000000000000000000000001000000:C351 00000000000000000000000001000000:1F40 01 0:0 00:0 0  1002        0 4 1
   1: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F40 01 0:0 00:0 0  1003        0 5 1
   2: 0100007F:C353 0100007F:1F40 05 00000000:00000000 00:00000000 00000000     0        0 0 1
   nonsense
"""


@pytest.mark.parametrize(
    ("peer", "own", "owner"),
    [
        (("127.0.0.1", 50000), ("127.0.0.1", 8000), 1001),
        (("127.0.0.1", 50009), ("127.0.0.1", 8000), NOBODY),
        (("127.0.0.1", 50000), ("127.0.0.1", 8001), None),
        (("::1", 50001, 0, 0), ("::1", 8000, 0, 0), 1002),
        (("127.0.0.1", 50002), ("127.0.0.1", 8000), 1003),
        (("192.0.2.1", 50000), ("127.0.0.1", 8000), NOBODY),
        (("fe80::1%eth0", 50000, 0, 2), ("::1", 8000, 0, 0), NOBODY),
        # The kernel lists a closed connection as root's, or not at all.
        (("127.0.0.1", 50003), ("127.0.0.1", 8000), NOBODY),
        ("", "", NOBODY),
        (None, ("127.0.0.1", 8000), NOBODY),
    ],
)
def test_the_owner_is_read_from_the_kernels_table(peer: object, own: object, owner: int | None) -> None:
    if sys.byteorder != "little":
        pytest.skip("the table above is a little-endian machine's")
    table = ConnectionTable.read(lambda: parse_table(TABLE.splitlines()))
    assert table.owner_of(peer, own) == owner


def test_a_system_without_a_table_gives_no_owner() -> None:
    def missing() -> Iterator[TcpSocket]:
        raise FileNotFoundError

    assert ConnectionTable.read(missing).owner_of(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


def test_a_table_that_cannot_be_read_allows_no_peer() -> None:
    def out_of_descriptors() -> Iterator[TcpSocket]:
        raise OSError(24, "Too many open files")

    assert ConnectionTable.read(out_of_descriptors).owner_of(("127.0.0.1", 1), ("127.0.0.1", 2)) == NOBODY


def test_what_the_kernel_does_not_tell_allows_no_peer_and_turns_none_away_unheard() -> None:
    def out_of_descriptors(_peer: object, _own: object) -> int | None:
        raise OSError(24, "Too many open files")

    for ask in (out_of_descriptors, lambda _peer, _own: None):  # None: it is no longer connected
        peers = PeerCheck(ask)
        assert not peers.is_known_stranger(("127.0.0.1", 1), ("127.0.0.1", 2))
        assert not asyncio.run(peers.is_allowed(("127.0.0.1", 1), ("127.0.0.1", 2)))


@pytest.mark.parametrize(
    ("owner", "me", "ours"),
    [
        (5, 5, True),
        (5, 6, False),
        (None, 5, True),
        (0, 5, True),
        ("S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1001", True),
        ("S-1-5-21-1-2-3-1002", "S-1-5-21-1-2-3-1001", False),
        ("S-1-5-18", "S-1-5-21-1-2-3-1001", True),
        ("S-1-0-0", "S-1-5-21-1-2-3-1001", False),
        (NOBODY, "S-1-5-21-1-2-3-1001", False),
        (5, 0, False),
        (NOBODY, 5, False),
        (NOBODY, 0, False),
        (NOBODY, 1, False),
    ],
)
def test_another_users_connection_is_not_allowed(owner: UserID | None, me: UserID, ours: bool) -> None:
    assert is_allowed_owner(owner, me) is ours


@users_of_unix
def test_our_own_connections_are_known_as_ours() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        own_connection = (accepted.getpeername(), accepted.getsockname())
        assert ConnectionTable.read().owner_of(*own_connection) == os.getuid()
        # The kernel is asked for this one connection, however many others there are.
        assert asyncio.run(PeerCheck(sockets=lambda: pytest.fail("read the table")).is_allowed(*own_connection))
        # Its table is read where it does not answer that.
        assert asyncio.run(PeerCheck(cannot_ask).is_allowed(*own_connection))
        assert not asyncio.run(PeerCheck(cannot_ask).is_allowed(("127.0.0.1", 1), own_connection[1]))


@users_of_unix
def test_only_another_user_is_known_as_a_stranger() -> None:
    me = os.getuid()
    strangers = {owner: PeerCheck(lambda *_: owner).is_known_stranger("", "") for owner in (me, me + 1, 0, None)}  # noqa: B023
    assert strangers == {me: False, me + 1: True, 0: False, None: False}


def cannot_ask(_peer: object, _own: object) -> int | None:
    raise CannotAsk


@users_of_unix
def test_a_flood_of_requests_shares_the_readings_of_a_table_that_has_to_be_read() -> None:
    readings: list[str] = []
    begun, may_end = threading.Event(), threading.Event()

    def slowly() -> Iterator[TcpSocket]:
        readings.append(threading.current_thread().name)
        begun.set()
        assert may_end.wait(10)
        return parse_table(TABLE.replace("1001", str(os.getuid())).splitlines())

    async def flood() -> list[bool]:
        peers = PeerCheck(cannot_ask, slowly)
        own, another = (("127.0.0.1", 50000), ("127.0.0.1", 8000)), (("::1", 50001, 0, 0), ("::1", 8000, 0, 0))
        assert not peers.is_known_stranger(*another)  # that cannot be told at once
        first = asyncio.create_task(peers.is_allowed(*own))
        await asyncio.to_thread(begun.wait, 10)
        later = [asyncio.create_task(peers.is_allowed(*(own if number else another))) for number in range(100)]
        await asyncio.sleep(0)
        may_end.set()
        return [await each for each in (first, *later)]

    if sys.byteorder != "little":
        pytest.skip("the table above is a little-endian machine's")
    assert asyncio.run(flood()) == [True, False, *[True] * 99]
    # The second reading is for all who came while the first had begun already.
    assert len(readings) == 2
    assert threading.current_thread().name not in readings


ASK = """
import os, socket, sys
"".encode("idna")  # what another user may not be able to import
if sys.argv[3:]: os.setuid(int(sys.argv[3]))
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(f"GET {sys.argv[2]} HTTP/1.1\\r\\nHost: localhost:{sys.argv[1]}\\r\\n\\r\\n".encode())
    if sys.argv[2].endswith("&reset"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        sys.exit(connection.close())
    print(connection.recv(65536).decode().partition("\\r\\n\\r\\n")[0])
"""


def asked_by_another_user(port: int, target: str = "/oauth") -> str:
    """The head of the answer that another user gets, if there is one on this machine that we can be."""
    other = ["65534"] if os.geteuid() == 0 else []
    arguments = [sys.executable, "-c", ASK, str(port), target, *other]
    return subprocess.run(arguments, capture_output=True, encoding="utf-8", check=True).stdout


@users_of_unix
def test_another_user_is_not_led_to_the_sign_in_page(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)  # whose login it is
    head = asked_by_another_user(login.redirect.port)
    assert head.startswith("HTTP/1.1 403 ")
    assert "Location" not in head


def listening_login(behind_proxy: bool) -> Login:
    """A login that listens where ``--listen`` says, and can finish at once."""
    port = free_port()
    login = Login(
        RedirectURI.parse(f"http://localhost:{port}/oauth"),
        listen=Endpoint("127.0.0.1", port),
        behind_proxy=behind_proxy,
    )
    login.may_finish.set()
    return login


@users_of_unix
def test_a_declared_proxy_may_run_as_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening_login(behind_proxy=True) as login, monkeypatch.context() as patched:
        patched.setattr(os, "getuid", lambda: 4242)
        port = login.redirect.port
        assert asked_by_another_user(port).startswith("HTTP/1.1 403 ")  # but nobody learns the state there
        start = login.opened[0].partition(str(port))[2]
        assert asked_by_another_user(port, start).startswith("HTTP/1.1 403 ")
        head = asked_by_another_user(port, f"/oauth?{login.good_query}")
        assert head.startswith("HTTP/1.1 303 ")
        outcome = head.partition("Location: ")[2].split()[0]
        assert asked_by_another_user(port, f"/oauth{outcome}").startswith("HTTP/1.1 200 ")


@users_of_unix
def test_another_user_is_not_listened_to_behind_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening_login(behind_proxy=False) as login:
        with monkeypatch.context() as patched:
            patched.setattr(os, "getuid", lambda: 4242)
            assert asked_by_another_user(login.redirect.port, f"/oauth?{login.good_query}").startswith("HTTP/1.1 403 ")
        time.sleep(0.1)
        assert (login.codes, login.result) == ([], None)


@users_of_unix
def test_another_user_who_knows_the_state_is_not_listened_to(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    for query in (login.good_query, login.good_query.replace("code=the-code", "error=access_denied")):
        assert asked_by_another_user(login.redirect.port, f"/oauth?{query}").startswith("HTTP/1.1 403 ")
        for _ in range(5):  # a connection that is reset is nobody's
            asked_by_another_user(login.redirect.port, f"/oauth?{query}&reset")
    time.sleep(0.2)
    assert (login.codes, login.result) == ([], None)
    monkeypatch.undo()
