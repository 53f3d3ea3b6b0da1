"""Where the sockets listen, on a machine that may lack an address."""

import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from tests.support.ports import free_port
from webex_token_cli.signin.loopback.sockets import Endpoint, close, listen


@contextlib.contextmanager
def failing(addresses: dict[str, int]) -> Iterator[None]:
    """Let binding fail at the addresses, each with its error number."""
    original = socket.socket.bind

    def bind(itself: socket.socket, address: tuple[str, int]) -> None:
        if address[0] in addresses:
            raise OSError(addresses[address[0]], "as the test wants it")
        original(itself, address)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket.socket, "bind", bind)
        yield


@pytest.mark.parametrize(
    ("failures", "found"),
    [
        ({}, ["127.0.0.1", "::1"]),
        ({"::1": errno.EADDRNOTAVAIL}, ["127.0.0.1"]),
        ({"::1": errno.EAFNOSUPPORT}, ["127.0.0.1"]),
        ({"127.0.0.1": errno.EADDRNOTAVAIL}, ["::1"]),
    ],
)
def test_an_address_of_localhost_that_is_missing_is_left_out(failures: dict[str, int], found: list[str]) -> None:
    endpoint = Endpoint("localhost", free_port())
    with failing(failures):
        sockets = listen(endpoint)
    assert [each.getsockname()[0] for each in sockets] == found
    close(sockets)


@pytest.mark.parametrize(
    ("failures", "number"),
    [
        ({"127.0.0.1": errno.EADDRNOTAVAIL, "::1": errno.EAFNOSUPPORT}, errno.EAFNOSUPPORT),
        ({"::1": errno.EADDRINUSE}, errno.EADDRINUSE),  # by a program that would get the redirect
        ({"127.0.0.1": errno.EADDRNOTAVAIL, "::1": errno.EACCES}, errno.EACCES),
    ],
)
def test_any_other_failure_is_raised_and_leaves_no_socket_open(failures: dict[str, int], number: int) -> None:
    endpoint = Endpoint("localhost", free_port())
    with failing(failures), pytest.raises(OSError, match="as the test wants it") as raised:
        listen(endpoint)
    assert raised.value.errno == number
    close(listen(endpoint))


def test_an_ipv6_address_takes_no_ipv4_connections() -> None:
    port = free_port()
    sockets = listen(Endpoint("::", port))
    socket.create_connection(("::1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    close(sockets)
