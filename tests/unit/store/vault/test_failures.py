"""Whether a request that failed may have reached the server, and what a 403 is about."""

import json
import socket
from collections.abc import Callable

import pytest
import requests

from tests.support.ports import free_port
from tests.support.wires import reset_in_the_response, serving, untrusted
from webex_token_cli.store.vault.failures import is_refusal_of_token, may_have_been_sent


def error_of(url: str, **settings: float) -> OSError:
    session = requests.Session()
    session.trust_env = False
    with pytest.raises(requests.exceptions.RequestException) as raised:
        session.post(url, data="x", **{"timeout": 10, **settings})  # type: ignore[arg-type]
    return raised.value


def test_a_request_without_a_connection_was_not_sent() -> None:
    assert not may_have_been_sent(error_of(f"http://127.0.0.1:{free_port()}"))
    assert not may_have_been_sent(error_of("http://vault.invalid"))
    with untrusted() as url:
        assert not may_have_been_sent(error_of(url))


def test_a_connection_that_is_never_accepted_is_not_a_sent_request() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        error = error_of(f"http://127.0.0.1:{address[1]}", timeout=0.3)
        for each in waiting:
            each.close()
    assert isinstance(error, requests.exceptions.ConnectTimeout)
    assert not may_have_been_sent(error)


def close_at_once(connection: socket.socket) -> None:
    connection.recv(65536)


def answer_nonsense(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"nonsense\r\n\r\n")


def stay_silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.recv(65536)


@pytest.mark.parametrize("handle", [close_at_once, answer_nonsense, reset_in_the_response, stay_silent])
def test_a_request_whose_answer_fails_may_have_been_sent(handle: Callable[[socket.socket], None]) -> None:
    with serving(handle) as url:
        assert may_have_been_sent(error_of(url, timeout=0.5))


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (["permission denied"], True),  # OpenBao, and Vault before 1.10
        (["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"], True),  # Vault since then
        (["bad token"], True),
        (["1 error occurred:\n\t* permission denied\n\n"], False),
        ([], False),
        (None, False),
    ],
)
def test_a_refused_token_is_told_from_a_policy(errors: list[str] | None, expected: bool) -> None:
    answer = requests.Response()
    answer.status_code = 403
    answer._content = json.dumps({"errors": errors}).encode()
    assert is_refusal_of_token(answer) is expected
