"""Proxies of the environment: what is said of one that refuses."""

import socket

import pytest

from tests.support.records import FULL_RECORD
from tests.support.wires import serving
from webex_token_cli.errors import TemporaryFailure
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session
from webex_token_cli.webex.responses import Answer, failure

WEBEX = "https://webexapis.com/v1"

AUTHENTICATION_REQUIRED = (
    "A proxy on the way to Webex requires authentication (HTTP 407).",
    "Give its user name and password in HTTPS_PROXY, as in http://NAME:PASSWORD@HOST:PORT, then try again.",
)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("407 Proxy Authentication Required", AUTHENTICATION_REQUIRED),
        (
            "403 <b>secret</b>",
            (
                "The proxy on the way to webexapis.com made no connection (HTTP 403).",
                "Check HTTPS_PROXY, and whether the proxy allows webexapis.com, then try again.",
            ),
        ),
    ],
)
def test_a_proxy_that_refuses_is_told_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, status: str, told: tuple[str, str]
) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with serving(refuse) as url:
        monkeypatch.setenv("https_proxy", url.removesuffix("/v1"))
        with pytest.raises(TemporaryFailure) as raised:
            WebexClient(WEBEX, new_session(WEBEX)).refresh(FULL_RECORD)
    assert (raised.value.message, raised.value.hint) == told


def test_a_proxy_that_is_in_the_way_unasked_is_told_as_well() -> None:
    error = failure(Answer(407, {}, b"<html>Who are you?</html>"), 0.0)
    assert (type(error), error.message, error.hint) == (TemporaryFailure, *AUTHENTICATION_REQUIRED)
