"""Whether a request that failed may have reached the server, what is said of it, and what a 403 is about."""

import json
import socket
from collections.abc import Callable

import pytest
import requests

from tests.support.ports import free_port
from tests.support.wires import reset_in_the_response, say_nothing, serving, untrusted
from webex_token_cli.errors import StoreUnreachable
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.failures import is_refusal_of_token, may_have_been_sent, unreachable


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


@pytest.mark.parametrize("handle", [close_at_once, answer_nonsense, reset_in_the_response, say_nothing])
def test_a_request_whose_answer_fails_may_have_been_sent(handle: Callable[[socket.socket], None]) -> None:
    with serving(handle) as url:
        assert may_have_been_sent(error_of(url, timeout=0.5))


def test_a_read_that_the_library_gives_up_first_is_told_as_any_other_timeout() -> None:
    with serving(say_nothing) as url:
        error = unreachable("Vault", error_of(url, timeout=0.1))
    assert (error.message, error.hint) == ("Vault did not answer in time.", "Try again later.")


PLACE = "Vault (https://vault.example.com, secret/webex-token)"


def unreachable_with(**variables: str) -> tuple[str, str]:
    """What is said of a Vault that cannot be reached: message and hint."""
    variables = {"VAULT_ADDR": "https://vault.example.com", "VAULT_TOKEN": "root", **variables}
    with pytest.raises(StoreUnreachable) as raised:
        open_engine(variables, print).read("ada")
    return raised.value.message, raised.value.hint


def test_a_proxy_that_makes_no_connection_is_named_as_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    assert unreachable_with() == (
        f"The proxy on the way to {PLACE} made no connection.",
        "Check HTTPS_PROXY and NO_PROXY, then try again.",
    )


def test_a_file_of_authorities_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    assert unreachable_with() == (
        f"{PLACE} could not be reached: Could not find a suitable TLS CA certificate bundle, invalid path: "
        "/nonexistent.pem.",
        "Check REQUESTS_CA_BUNDLE, then try again.",
    )


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
