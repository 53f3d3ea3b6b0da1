"""The listener's sockets on Windows: nobody shares its port, and clients that are gone neither delay it nor print."""

import errno
import gc
import socket
import struct
import sys

import pytest

from tests.support.listening import Login
from tests.support.ports import free_port
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.sockets import Endpoint, bind, close

assert sys.platform == "win32"

FAMILIES = {"127.0.0.1": socket.AF_INET, "0.0.0.0": socket.AF_INET, "::1": socket.AF_INET6}

# SO_LINGER with no time to linger: closing resets the connection.
RESET = struct.pack("HH", 1, 0)


@pytest.mark.parametrize("address", FAMILIES)
def test_no_other_program_can_share_the_port(address: str) -> None:
    endpoint = Endpoint("localhost", free_port())
    sockets = bind(endpoint, f"http://{endpoint}/")
    with socket.socket(FAMILIES[address]) as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(PermissionError):
            thief.bind((address, endpoint.port))
    close(sockets)


@pytest.mark.parametrize("address", FAMILIES)
def test_a_port_that_another_program_would_share_is_taken(address: str) -> None:
    endpoint = Endpoint("localhost", free_port())
    with socket.socket(FAMILIES[address]) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, endpoint.port))
        other.listen()
        with pytest.raises(ConfigurationError, match="is taken by another program"):
            bind(endpoint, f"http://{endpoint}/")


def test_a_port_that_windows_reserves_is_told_from_one_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Access denied")

    monkeypatch.setattr(socket.socket, "bind", refused)  # Wine reserves no port
    with pytest.raises(ConfigurationError, match="Windows does not let this program listen on port 8000") as error:
        bind(Endpoint("localhost", 8000), "http://localhost:8000/")
    assert "excludedportrange" in error.value.hint


def test_a_port_can_be_bound_again_at_once() -> None:
    redirect = RedirectURI.parse(f"http://localhost:{free_port()}/oauth")
    for _ in range(3):
        with Login(redirect) as login:
            login.may_finish.set()
            assert "Signed in as Ada" in login.follow(login.good_query)


# asyncio leaves the socket of such a connection to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_clients_that_reset_their_connections_delay_nobody_and_are_not_worth_a_message(
    login: Login, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        with login.connect(address) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    # The client waits for ten seconds, which is as long as the pauses for so many errors would take.
    assert "Signed in as Ada" in login.follow(login.good_query, address)
    assert caplog.records == []
    gc.collect()
