"""Whose a connection is and who listens on a port, as Windows tells it.

Wine lists sockets without their processes. There, the numbers of the processes are put into what it lists.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from webex_token_cli.doctor.port_owner import owner_on_windows, port_owner
from webex_token_cli.signin.loopback.peers import PeerCheck
from webex_token_cli.system.connections import CannotAsk
from webex_token_cli.system.tcp_table import (
    ESTABLISHED,
    LISTENING,
    Row,
    connection_owner,
    listening_processes,
    tcp_rows,
)
from webex_token_cli.system.windows_users import NOBODY, program_of, user_of

assert sys.platform == "win32"

IS_WINE = hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")

# Windows numbers processes in multiples of four, beginning with 4.
NO_PROCESS = 0x7FFFFFF3

# Connects to the loopback address argv[1] at port argv[2], and holds the connection until its standard input ends.
CONNECT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))):
    sys.stdin.read()
"""


class Connection:
    """A connection that another process has made to this one."""

    def __init__(self, client: "subprocess.Popen[bytes]", accepted: socket.socket) -> None:
        self.client = client
        self.peer, self.own = accepted.getpeername(), accepted.getsockname()

    def rows(self, family: int) -> list[Row]:
        """What the system lists, with the processes of our own sockets where it does not give them."""
        ours = self.own[1].to_bytes(2)
        processes = {ours: os.getpid(), self.peer[1].to_bytes(2): self.client.pid}
        return [row._replace(process=row.process or processes.get(row.local_port, 0)) for row in tcp_rows(family)]


@pytest.fixture(params=["127.0.0.1", "::1"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as listening:
        arguments = [sys.executable, "-c", CONNECT, request.param, str(listening.getsockname()[1])]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE) as client, listening.accept()[0] as accepted:
            yield Connection(client, accepted)
            client.communicate(timeout=30)


def test_both_ends_of_a_connection_are_listed_and_the_socket_that_listens(connection: Connection) -> None:
    family = socket.AF_INET6 if ":" in connection.own[0] else socket.AF_INET
    own, peer = ((socket.inet_pton(family, name[0]), name[1].to_bytes(2)) for name in (connection.own, connection.peer))
    listed = {row[:5] for row in tcp_rows(family)}
    assert {(ESTABLISHED, *own, *peer), (ESTABLISHED, *peer, *own)} <= listed
    assert (LISTENING, *own) in {row[:3] for row in listed}


def test_the_owner_of_a_connection_is_the_user_who_made_it(connection: Connection) -> None:
    assert connection_owner(connection.peer, connection.own, connection.rows) == user_of(os.getpid())
    if IS_WINE:
        with pytest.raises(CannotAsk):
            connection_owner(connection.peer, connection.own)
    else:
        assert connection_owner(connection.peer, connection.own) == user_of(os.getpid())


def test_a_connection_of_a_process_that_may_not_be_asked_is_nobodys(connection: Connection) -> None:
    def rows(family: int) -> list[Row]:
        listed = connection.rows(family)
        return [row if row.process == os.getpid() else row._replace(process=NO_PROCESS) for row in listed]

    assert connection_owner(connection.peer, connection.own, rows) == NOBODY
    peers = PeerCheck(lambda near, far: connection_owner(near, far, rows))
    assert not asyncio.run(peers.is_allowed(connection.peer, connection.own))
    assert peers.is_known_stranger(connection.peer, connection.own)


def test_our_own_connections_are_answered(connection: Connection) -> None:
    for peers in (PeerCheck(), PeerCheck(lambda near, far: connection_owner(near, far, connection.rows))):
        assert asyncio.run(peers.is_allowed(connection.peer, connection.own))
        assert not peers.is_known_stranger(connection.peer, connection.own)


def test_the_program_that_listens_on_a_port_is_named(connection: Connection) -> None:
    port, program = connection.own[1], f"python.exe (process {os.getpid()})"
    assert owner_on_windows(port, lambda port: listening_processes(port, connection.rows)) == program
    assert port_owner(port) == (None if IS_WINE else program)


def test_the_user_and_the_program_of_a_process_are_told() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert (user_of(process.pid), program_of(process.pid)) == (user_of(os.getpid()), "python.exe")
        process.communicate(b"\n")
    assert user_of(os.getpid()).startswith("S-1-5-21-")
    if not IS_WINE:  # whose whoami has no such option
        whoami = subprocess.run(["whoami", "/user", "/fo", "csv", "/nh"], capture_output=True, text=True, check=True)
        assert f'"{user_of(os.getpid())}"' in whoami.stdout


def test_a_process_that_is_not_there_has_no_user_and_no_program() -> None:
    assert (user_of(NO_PROCESS), program_of(NO_PROCESS)) == (NOBODY, None)
