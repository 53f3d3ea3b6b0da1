"""Whose connection it is: the kernel's table, and a real other user."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import free_port
from tests.support.listening import Login
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.peers import is_ours, owner_of
from webex_token_cli.signin.sockets import Endpoint

# As /proc/net/tcp and tcp6 print it.
TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1
   1: 0100007F:C350 0100007F:1F40 01 00000000:00000000 00:00000000 00000000  1001        0 2 1
   2: 0100007F:1F40 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 3 1
   0: 00000000000000000000000001000000:C351 00000000000000000000000001000000:1F40 01 0:0 00:0 0  1002        0 4 1
   1: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:1F40 01 0:0 00:0 0  1003        0 5 1
   nonsense
"""


@pytest.mark.parametrize(
    ("peer", "own", "owner"),
    [
        (("127.0.0.1", 50000), ("127.0.0.1", 8000), 1001),
        (("127.0.0.1", 50009), ("127.0.0.1", 8000), None),
        (("127.0.0.1", 50000), ("127.0.0.1", 8001), None),
        (("::1", 50001, 0, 0), ("::1", 8000, 0, 0), 1002),
        (("127.0.0.1", 50002), ("127.0.0.1", 8000), 1003),
        (("192.0.2.1", 50000), ("127.0.0.1", 8000), None),
        (("fe80::1%eth0", 50000, 0, 2), ("::1", 8000, 0, 0), None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_the_owner_is_read_from_the_kernels_table(peer: object, own: object, owner: int | None) -> None:
    if sys.byteorder != "little":
        pytest.skip("the table above is a little-endian machine's")
    assert owner_of(peer, own, TABLE.splitlines) == owner


def test_a_system_without_a_table_knows_nobody() -> None:
    def missing() -> Iterator[str]:
        raise FileNotFoundError

    assert owner_of(("127.0.0.1", 1), ("127.0.0.1", 2), missing) is None


@pytest.mark.parametrize(
    ("owner", "me", "ours"),
    [(5, 5, True), (5, 6, False), (None, 5, True), (5, None, True), (0, 5, True), (5, 0, True)],
)
def test_another_users_connection_is_not_ours(owner: int | None, me: int | None, ours: bool) -> None:
    assert is_ours(owner, me) is ours


def test_our_own_connections_are_known_as_ours() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert owner_of(accepted.getpeername(), accepted.getsockname()) == os.getuid()


ASK = """
import os, socket, sys
"".encode("idna")  # what another user may not be able to import
if sys.argv[2:]: os.setuid(int(sys.argv[2]))
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(f"GET /oauth HTTP/1.1\\r\\nHost: localhost:{sys.argv[1]}\\r\\n\\r\\n".encode())
    print(connection.recv(65536).decode().partition("\\r\\n\\r\\n")[0])
"""


def asked_by_another_user(port: int) -> str:
    """The head of the answer that another user gets, if there is one on this machine that we can be."""
    other = ["65534"] if os.geteuid() == 0 else []
    arguments = [sys.executable, "-c", ASK, str(port), *other]
    return subprocess.run(arguments, capture_output=True, encoding="utf-8", check=True).stdout


def test_another_user_is_not_led_to_the_sign_in_page(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)  # whose login it is
    head = asked_by_another_user(login.redirect.port)
    assert head.startswith("HTTP/1.1 403 ")
    assert "Location" not in head


def test_a_proxy_may_run_as_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    redirect = RedirectURI.parse(f"http://localhost:{port}/oauth")
    with Login(redirect, listen=Endpoint("127.0.0.1", port)) as login:
        login.may_finish.set()
        with monkeypatch.context() as patched:
            patched.setattr(os, "getuid", lambda: 4242)
            assert asked_by_another_user(port).startswith("HTTP/1.1 302 ")
