"""The HTTP client: what it sends, what it refuses to read, and what nobody can make it send."""

import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from requests.adapters import BaseAdapter

from tests.support.ports import free_port
from tests.support.records import ANSWER, FULL_RECORD, RESPONSE
from webex_token_cli.errors import ConfigurationError, TemporaryFailure
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session, unreachable

WEBEX = "https://webexapis.com/v1"


class Wire(BaseAdapter):
    """Stands where the network would be, and keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: object) -> requests.Response:  # type: ignore[override]
        self.sent.append(request)
        response = requests.Response()
        response.raw = io.BytesIO()
        response.status_code, response.url, response.request = 503, str(request.url), request
        return response

    def close(self) -> None:
        pass


def test_a_netrc_neither_adds_nor_replaces_an_authorization(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine webexapis.com login theirs password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))  # requests looks into the environment itself
    wire = Wire()
    session = new_session(WEBEX)
    session.mount("https://", wire)
    client = WebexClient(WEBEX, session)
    asked: list[Callable[[], object]] = [lambda: client.refresh(FULL_RECORD), lambda: client.person("the-token")]
    for ask in asked:
        with pytest.raises(TemporaryFailure):
            ask()
    assert [request.headers.get("Authorization") for request in wire.sent] == [None, "Bearer the-token"]


def test_a_loopback_api_is_never_asked_through_a_proxy(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    client = WebexClient(sandbox.api_url, new_session(sandbox.api_url))
    with pytest.raises(Exception, match="does not accept the access token"):
        client.person("no-token")
    assert [entry.path for entry in sandbox.journal] == ["/v1/people/me"]


def serve_once(answer: bytes) -> str:
    """An API URL behind which one request is answered with exactly these bytes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # closing over unread bytes would reset the connection
                pass

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntoo short",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot-hex\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 2_000_000,
        b"HTTP/1.1 302 Found\r\nLocation: http://[broken\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 " + b"9" * 70000,
    ],
    ids=["nothing", "garbage", "cut off", "bad chunk", "bad gzip", "endless", "bad redirect", "long status"],
)
def test_an_answer_that_cannot_be_read_is_temporary(answer: bytes) -> None:
    url = serve_once(answer)
    with pytest.raises(TemporaryFailure):
        WebexClient(url, new_session(url)).refresh(FULL_RECORD)


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "203 Non-Authoritative Information"])
def test_tokens_are_kept_with_any_status_of_success(status: str) -> None:
    body = json.dumps(ANSWER).encode()
    url = serve_once(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body))
    assert WebexClient(url, new_session(url)).refresh(FULL_RECORD) == RESPONSE


def test_nobody_listening_is_temporary() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(TemporaryFailure) as raised:
        WebexClient(url, new_session(url)).refresh(FULL_RECORD)
    assert raised.value.message == f"{url.split('/')[2]} could not be reached."


def test_a_trace_says_what_and_how_long_and_no_more(sandbox: Sandbox) -> None:
    lines: list[str] = []
    client = WebexClient(sandbox.api_url, new_session(sandbox.api_url), lines.append)
    sandbox.order(Answer("/v1/access_token", 503))
    with pytest.raises(TemporaryFailure):
        client.refresh(FULL_RECORD)
    assert lines[0].startswith("POST /access_token 503 trackingId=ROUTER_")
    assert not any(secret and secret in lines[0] for secret in FULL_RECORD.secrets)


def test_a_byte_a_second_is_waited_for_no_longer_than_any_answer() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        with listening, listening.accept()[0] as connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not ended.wait(0.05):
                connection.sendall(b" ")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    client = WebexClient(url, new_session(url), timeout=(0.2, 0.3))
    with pytest.raises(TemporaryFailure, match="did not answer in time"):
        client.person("token")
    ended.set()
    thread.join(10)


def test_a_portals_redirect_is_not_followed_nor_read_without_end() -> None:
    url = serve_once(
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 3_000_000
    )
    with pytest.raises(TemporaryFailure, match="sent an answer that cannot be read"):
        WebexClient(url, new_session(url)).refresh(FULL_RECORD)


def test_a_page_in_place_of_the_sign_in_page_is_left_to_the_browser() -> None:
    url = serve_once(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\n<html>?</html>")
    WebexClient(url, new_session(url)).check_authorization(f"{url}/authorize?client_id=C1")


def test_a_refusal_without_a_tracking_id_is_no_webex_whose_clock_could_be_compared() -> None:
    url = serve_once(b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message": "no"}')
    with pytest.raises(TemporaryFailure) as raised:
        WebexClient(url, new_session(url)).server_time()
    assert raised.value.message == "The answer (HTTP 404) did not come from Webex."


def test_a_persons_own_name_cannot_write_on_the_terminal() -> None:
    body = (
        b'{"id": "1", "displayName": "\\u001b]0;owned\\u0007Ada\\ud800\\n", "emails": ["a\\u202e@b"],'
        b' "orgId": 3, "type": null}'
    )
    url = serve_once(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    person = WebexClient(url, new_session(url)).person("token")
    assert person is not None
    assert f"{person.display_name}{person.emails[0]}".isprintable()
    assert (person.org_id, person.type) == ("", "")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"https_proxy": "http://[broken"},
            "The URL of webexapis.com, or of the proxy on the way there, is invalid.",
        ),
        ({"https_proxy": "http://"}, "The proxy URL is invalid."),
        (
            {"https_proxy": "socks5://127.0.0.1:9"},
            "This kind of proxy is not supported; a SOCKS proxy needs the package PySocks.",
        ),
        ({"REQUESTS_CA_BUNDLE": "/nonexistent.pem"}, "The certificate authorities for webexapis.com could not be"),
    ],
)
def test_a_wrong_setting_of_the_machine_is_no_passing_failure(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        WebexClient(WEBEX, new_session(WEBEX)).refresh(FULL_RECORD)
    assert raised.value.message.startswith(message)


def test_another_error_of_the_library_is_no_passing_failure_either() -> None:
    error = unreachable(WEBEX, requests.exceptions.UnrewindableBodyError())
    assert (error.message, error.hint, error.exit_status) == (
        "The request to webexapis.com could not be sent (UnrewindableBodyError).",
        "Run again with --debug to see where.",
        1,
    )
