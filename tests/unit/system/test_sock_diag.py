"""The owner of one connection, as the kernel tells it."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from tests.support.ports import free_port
from webex_token_cli.signin.loopback.peers import ConnectionTable
from webex_token_cli.system.connections import CannotAsk
from webex_token_cli.system.sock_diag import connection_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sock_diag")

# Connects to argv[2] as user argv[1], and holds the connection until its standard input ends.
CONNECT = """
import os, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
os.setuid(int(sys.argv[1]))
with socket.socket(family) as connection:
    connection.connect((sys.argv[2], int(sys.argv[3])))
    sys.stdin.read()
"""


@contextlib.contextmanager
def accepted_from(address: str, listening_at: str, uid: int) -> Iterator[socket.socket]:
    """Our end of a connection that a process of user ``uid`` makes to ``address``."""
    family = socket.AF_INET6 if ":" in listening_at else socket.AF_INET
    with socket.create_server((listening_at, 0), family=family) as listening:
        arguments = [sys.executable, "-c", CONNECT, str(uid), address, str(listening.getsockname()[1])]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE) as client, listening.accept()[0] as accepted:
            yield accepted
            client.communicate(timeout=10)


@pytest.mark.parametrize(
    ("address", "listening_at"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:127.0.0.1", "127.0.0.1")],
    ids=["IPv4", "IPv6", "IPv4 from an IPv6 socket"],
)
def test_the_owner_of_a_connection_is_the_user_who_made_it(address: str, listening_at: str) -> None:
    uid = 65534 if os.geteuid() == 0 else os.getuid()
    with accepted_from(address, listening_at, uid) as accepted:
        assert connection_owner(accepted.getpeername(), accepted.getsockname()) == uid
        assert connection_owner(accepted.getsockname(), accepted.getpeername()) == os.getuid()
        assert ConnectionTable.read().owner_of(accepted.getpeername(), accepted.getsockname()) == uid


def test_a_connection_that_is_not_there_has_no_owner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        own = listening.getsockname()
        with socket.create_server(("127.0.0.1", 0)) as another:  # which listens, and has connected to nobody
            assert connection_owner(another.getsockname(), own) is None
        assert connection_owner(("127.0.0.1", free_port()), own) is None
        assert connection_owner(("::1", 1, 0, 0), own) is None


@pytest.mark.parametrize("resets", [False, True])
def test_a_connection_that_the_client_has_closed_has_no_owner(resets: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        peer = client.getsockname()
        with listening.accept()[0]:
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            assert connection_owner(peer, listening.getsockname()) is None


@pytest.mark.parametrize("name", [None, "", (), ("127.0.0.1",), ("nonsense", 1), ("127.0.0.1", None)])
def test_what_names_no_socket_is_a_value_error(name: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        connection_owner(name, ("127.0.0.1", 1))


def test_a_kernel_that_does_not_even_know_our_own_socket_cannot_be_asked() -> None:
    with pytest.raises(CannotAsk):
        connection_owner(("127.0.0.1", free_port()), ("127.0.0.1", free_port()))


@pytest.mark.parametrize(
    ("number", "raised"), [(errno.EPROTONOSUPPORT, CannotAsk), (errno.EPERM, CannotAsk), (errno.EMFILE, OSError)]
)
def test_a_system_that_gives_no_netlink_socket_cannot_be_asked(
    monkeypatch: pytest.MonkeyPatch, number: int, raised: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(raised):
        connection_owner(("127.0.0.1", 1), ("127.0.0.1", 2))


def replaced(at: int, other: bytes) -> Callable[[bytes], bytes]:
    return lambda answer: answer[:at] + other + answer[at + len(other) :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "half of its header": lambda answer: answer[:8],
    "its header alone": lambda answer: answer[:16],
    "all but the last byte of the user": lambda answer: answer[:83],
    "the answer to another question": replaced(8, b"\0\0\0\0"),
    "another kind of message": replaced(4, b"\x15\0"),
    "an error that is none of a missing socket": replaced(4, b"\x02\0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_from_a_damaged_answer_no_owner_is_read(monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    assert_cannot_ask(monkeypatch, lambda answer: (DAMAGES[damage](answer), (0, 0)))


def test_only_the_kernels_answer_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_cannot_ask(monkeypatch, lambda answer: (answer, (4711, 0)))


def test_a_kernel_that_does_not_answer_in_time_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(_: bytes) -> NoReturn:
        raise TimeoutError

    assert_cannot_ask(monkeypatch, time_out)


def assert_cannot_ask(monkeypatch: pytest.MonkeyPatch, changed: Callable[[bytes], tuple[bytes, object]]) -> None:
    """``changed`` gives what is received in place of the kernel's first answer about a connection of this process."""
    changes = [changed]

    class Changing(socket.socket):
        def recvfrom(self, size: int) -> Any:  # type: ignore[override]
            answer, sender = super().recvfrom(size)
            return changes.pop()(answer) if changes else (answer, sender)

    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as near:
        names = near.getsockname(), near.getpeername()
        assert connection_owner(*names) == os.getuid()
        monkeypatch.setattr(socket, "socket", Changing)
        with pytest.raises(CannotAsk):
            connection_owner(*names)
