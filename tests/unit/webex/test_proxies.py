"""Proxies and certificate authorities of the environment: what is obeyed, and what is said of a proxy that refuses."""

import contextlib
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.ports import free_port
from tests.support.records import FULL_RECORD
from tests.support.wires import serving
from webex_token_cli.errors import TemporaryFailure
from webex_token_cli.signin.loopback.certificate import certificate_for_this_login
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


def test_a_proxy_at_which_nobody_listens_is_told_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TemporaryFailure) as raised:
        WebexClient(WEBEX, new_session(WEBEX)).refresh(FULL_RECORD)
    assert (raised.value.message, raised.value.hint) == (
        "The proxy on the way to webexapis.com did not answer.",
        "Check HTTPS_PROXY, then try again.",
    )


def test_a_proxy_that_is_in_the_way_unasked_is_told_as_well() -> None:
    error = failure(Answer(407, {}, b"<html>Who are you?</html>"), 0.0)
    assert (type(error), error.message, error.hint) == (TemporaryFailure, *AUTHENTICATION_REQUIRED)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_loopback_api_is_trusted_by_the_environments_authorities_and_asked_without_its_proxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    context = certificate_for_this_login("127.0.0.1").context
    asked: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
            asked.append(wrapped.recv(65536).partition(b" HTTP")[0])
            wrapped.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with serving(handle, "https") as url:
        authority = tmp_path / "authority.pem"
        authority.write_text(ssl.get_server_certificate(("127.0.0.1", urlsplit(url).port or 0)))
        with pytest.raises(TemporaryFailure, match="No trusted TLS connection"):
            WebexClient(url, new_session(url)).person("the-token")
        monkeypatch.setenv(variable, str(authority))
        with pytest.raises(TemporaryFailure, match=r"Webex cannot answer now \(HTTP 503\)"):
            WebexClient(url, new_session(url)).person("the-token")
    assert [request for request in asked if request] == [b"GET /v1/people/me"]
