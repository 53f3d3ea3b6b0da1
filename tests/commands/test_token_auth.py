"""``TokenAuth`` gives each request of a long-running program a living token, with requests and with httpx."""

import asyncio
import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import requests

from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, record_file
from webex_token_cli import TokenAuth
from webex_token_cli.errors import ConfigurationError, SignInNeeded, StoreUnavailable, TemporaryFailure
from webex_token_cli.sandbox import Answer, Rules, Sandbox

ME = "/v1/people/me"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """Tokens of ten seconds, which every refresh renews."""
    return Rules(redirect_uris=(redirect_uri,), access_ttl=10, renew_after=0)


@pytest.fixture(autouse=True)
def signed_in_here(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A sign-in that this process finds, as a program of the user would."""
    sign_in(program)
    for name, value in program.variables.items():
        monkeypatch.setenv(name, value)
    return program


class Clock:
    """A clock that only the test moves, with that of the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.ahead = sandbox, 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += seconds
        self.sandbox.advance(seconds)


@pytest.fixture
def clock(sandbox: Sandbox) -> Clock:
    return Clock(sandbox)


Get = Callable[[TokenAuth, str], int]


def with_requests(auth: TokenAuth, url: str) -> int:
    return requests.get(url, auth=auth, timeout=30).status_code


def with_a_session(auth: TokenAuth, url: str) -> int:
    with requests.Session() as session:
        session.auth = auth
        session.headers["Authorization"] = "Bearer stale"
        return session.get(url, timeout=30).status_code


def with_httpx(auth: TokenAuth, url: str) -> int:
    with httpx.Client(auth=auth, trust_env=False) as client:
        return client.get(url).status_code


def with_async_httpx(auth: TokenAuth, url: str) -> int:
    async def get() -> int:
        async with httpx.AsyncClient(auth=auth, trust_env=False) as client:
            return (await client.get(url)).status_code

    return asyncio.run(get())


each_library = pytest.mark.parametrize("get", [with_requests, with_a_session, with_httpx, with_async_httpx])


@each_library
def test_one_object_outlives_many_tokens_that_expire_by_the_clock(sandbox: Sandbox, clock: Clock, get: Get) -> None:
    auth = TokenAuth(clock=clock)
    for _ in range(4):
        assert get(auth, f"{sandbox.api_url}/people/me") == 200
        clock.advance(11)
    assert [entry.status for entry in sandbox.journal if entry.path == ME][1:] == [
        200
    ] * 4  # the first is the sign-in's


@each_library
def test_after_a_401_the_request_is_sent_again_once_with_a_new_token(sandbox: Sandbox, get: Get) -> None:
    """The program's clock does not know that the token has ended: it was revoked, or the clock is wrong."""
    auth = TokenAuth(min_valid=0)
    assert get(auth, f"{sandbox.api_url}/people/me") == 200
    sandbox.advance(11)
    assert get(auth, f"{sandbox.api_url}/people/me") == 200
    statuses = [entry.status for entry in sandbox.journal if entry.path == ME]
    assert statuses[1:] == [200, 401, 200]
    assert sandbox.outcomes() == ["signed in", "renewed"]


@each_library
def test_a_401_that_a_new_token_does_not_help_is_the_answer(sandbox: Sandbox, get: Get) -> None:
    sandbox.order(Answer(ME, 401, {}, "{}", times=99))
    auth = TokenAuth(min_valid=0)
    for _ in range(3):
        assert get(auth, f"{sandbox.api_url}/people/me") == 401
    asked = [entry.path for entry in sandbox.journal if entry.path in {ME, "/v1/access_token"}][2:]
    # The first one refreshes and is sent again. For a minute, the others are not: a refresh would not help either.
    assert asked == [ME, "/v1/access_token", ME, ME, ME]


@each_library
def test_after_a_401_the_newer_token_of_the_store_is_used_without_a_refresh(
    signed_in_here: Program, sandbox: Sandbox, get: Get
) -> None:
    auth = TokenAuth(min_valid=0)
    assert get(auth, f"{sandbox.api_url}/people/me") == 200
    assert signed_in_here.run("refresh").status == 0
    assert sandbox.outcomes() == ["signed in", "renewed"]
    assert get(auth, f"{sandbox.api_url}/people/me") == 200
    assert sandbox.outcomes() == ["signed in", "renewed"]


@each_library
def test_without_a_sign_in_the_request_raises_what_to_do(sandbox: Sandbox, get: Get) -> None:
    with pytest.raises(SignInNeeded) as raised:
        get(TokenAuth("nobody"), f"{sandbox.api_url}/people/me")
    assert "login --profile nobody" in raised.value.hint


@each_library
def test_a_sign_in_that_has_ended_is_logged_and_the_401_is_the_answer(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, get: Get
) -> None:
    auth = TokenAuth(min_valid=0)
    assert get(auth, f"{sandbox.api_url}/people/me") == 200
    sandbox.revoke()
    assert get(auth, f"{sandbox.api_url}/people/me") == 401
    assert "Webex no longer accepts the grant" in caplog.text
    assert [secret for secret in sandbox.issued if secret in caplog.text] == []


@each_library
def test_no_token_is_sent_unencrypted(get: Get) -> None:
    with pytest.raises(ConfigurationError, match="is not sent unencrypted to webexapis"):
        get(TokenAuth(), "http://webexapis.example/v1/people/me")


def test_the_store_is_read_once_a_minute(
    signed_in_here: Program, sandbox: Sandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.rules = replace(sandbox.rules, access_ttl=14 * DAY)
    assert signed_in_here.run("refresh").status == 0
    auth = TokenAuth(clock=clock)
    url = f"{sandbox.api_url}/people/me"
    assert with_requests(auth, url) == 200
    newer = record_file(signed_in_here)
    hidden = newer.rename(newer.with_suffix(".hidden"))
    for seconds in (0, 30, 29):
        clock.advance(seconds)
        assert with_requests(auth, url) == 200
    clock.advance(2)
    with pytest.raises(SignInNeeded):
        with_requests(auth, url)
    hidden.rename(newer)
    assert with_requests(auth, url) == 200
    clock.ahead -= 10 * DAY  # the clock is set back: the age of the last look says nothing
    newer.rename(hidden)
    with pytest.raises(SignInNeeded):
        with_requests(auth, url)


def test_while_the_store_is_down_the_token_is_used_as_long_as_it_is_valid_for_long_enough(
    signed_in_here: Program, sandbox: Sandbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.rules = replace(sandbox.rules, access_ttl=1000)
    assert signed_in_here.run("refresh").status == 0
    auth = TokenAuth(min_valid=300, clock=clock)
    url = f"{sandbox.api_url}/people/me"
    assert with_requests(auth, url) == 200
    record = record_file(signed_in_here)
    hidden = record.rename(record.with_suffix(".hidden"))
    record.mkdir()  # it cannot be read
    for told in (1, 2):
        clock.advance(61)
        assert with_requests(auth, url) == 200
        assert caplog.text.count("the access token was not looked up, and the last one is used.") == told
    clock.advance(600)
    with pytest.raises(StoreUnavailable):
        with_requests(auth, url)
    with pytest.raises(StoreUnavailable):  # there is no earlier token
        with_requests(TokenAuth(clock=clock), url)
    record.rmdir()
    hidden.rename(record)
    clock.advance(61)
    assert with_requests(auth, url) == 200


def test_while_webex_is_down_not_every_request_asks_it(sandbox: Sandbox, clock: Clock) -> None:
    auth = TokenAuth(clock=clock)
    url = f"{sandbox.api_url}/people/me"
    clock.advance(11)
    sandbox.order(Answer("/v1/access_token", 503, {}, "", times=2))
    for _ in range(20):
        with pytest.raises(TemporaryFailure):
            with_requests(auth, url)
    assert sandbox.outcomes() == ["signed in", "fault"]
    clock.advance(6)
    with pytest.raises(TemporaryFailure):
        with_requests(auth, url)
    clock.advance(6)
    assert with_requests(auth, url) == 200


def test_many_threads_share_one_refresh(sandbox: Sandbox) -> None:
    auth = TokenAuth(min_valid=0)
    url = f"{sandbox.api_url}/people/me"
    assert with_requests(auth, url) == 200
    sandbox.advance(11)
    sandbox.rules = replace(sandbox.rules, access_ttl=14 * DAY)
    start, statuses = threading.Barrier(12), []

    def work() -> None:
        start.wait()
        statuses.append(with_requests(auth, url))

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_a_program_without_httpx_uses_it_with_requests(signed_in_here: Program, sandbox: Sandbox) -> None:
    script = (
        "import sys; sys.modules['httpx'] = None; import requests; from webex_token_cli import TokenAuth; "
        f"print(requests.get('{sandbox.api_url}/people/me', auth=TokenAuth(), timeout=30).status_code)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=signed_in_here.environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr


# Bodies, and other hosts.


class Server:
    """A server on loopback that answers the first request with ``first``, and every other with 200."""

    def __init__(self, first: int, location: str = "") -> None:
        self.bodies: list[bytes] = []
        self.authorizations: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.body())
                outer.authorizations.append(self.headers["Authorization"])
                self.send_response(first if len(outer.bodies) == 1 else 200)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - the base class names it so

            def body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    chunks = b""
                    while size := int(self.rfile.readline(), 16):
                        chunks += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return chunks
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "Server":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server.server_port}/"


def generator() -> Iterator[bytes]:
    yield b"mess"
    yield b"age"


REPEATABLE = {
    "bytes": lambda: b"message",
    "text": lambda: "message",
    "a file from where it was": lambda: _at(io.BytesIO(b"a message"), 2),
}


def _at(file: io.BytesIO, position: int) -> io.BytesIO:
    file.seek(position)
    return file


@pytest.mark.parametrize("body", REPEATABLE.values(), ids=REPEATABLE)
def test_a_body_is_sent_again_as_a_whole(body: Callable[[], bytes | str | io.BytesIO]) -> None:
    with Server(401) as server:
        assert requests.post(server.url(), data=body(), auth=TokenAuth(min_valid=0), timeout=30).status_code == 200
    assert server.bodies == [b"message"] * 2
    assert len(set(server.authorizations)) == 2


def test_a_body_that_is_gone_is_not_sent_again(tmp_path: Path) -> None:
    with Server(401) as server:
        assert requests.post(server.url(), data=generator(), auth=TokenAuth(), timeout=30).status_code == 401
    with Server(401) as server, httpx.Client(trust_env=False, auth=TokenAuth()) as client:
        assert client.post(server.url(), content=generator()).status_code == 401
        assert server.bodies == [b"message"]
        assert client.post(server.url(), content=b"message").status_code == 200
    read, write = os.pipe()
    os.write(write, b"message")
    os.close(write)
    with Server(401) as server, os.fdopen(read, "rb") as pipe:
        assert requests.post(server.url(), data=pipe, auth=TokenAuth(), timeout=30).status_code == 401


def test_httpx_sends_a_body_again() -> None:
    with Server(401) as server, httpx.Client(trust_env=False, auth=TokenAuth(min_valid=0)) as client:
        assert client.post(server.url(), json={"text": "message"}).status_code == 200
    assert server.bodies == [b'{"text":"message"}'] * 2


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_another_host_to_which_a_redirect_leads_gets_no_token(library: str) -> None:
    """The other host answers 401, as if it wanted the token."""
    with Server(401) as other, Server(302, other.url("localhost")) as server:
        if library == "requests":
            assert requests.get(server.url(), auth=TokenAuth(), timeout=30).status_code == 401
        else:
            with httpx.Client(trust_env=False, follow_redirects=True, auth=TokenAuth()) as client:
                assert client.get(server.url()).status_code == 401
    assert set(other.authorizations) == {None}


def test_neither_the_object_nor_the_log_shows_a_token(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = TokenAuth()
    for get in (with_requests, with_httpx, with_async_httpx):
        assert get(auth, f"{sandbox.api_url}/people/me") == 200
    shown = f"{auth!r} {auth} {auth._source!r} {caplog.text}"
    assert repr(auth) == "TokenAuth(profile='default')"
    assert [secret for secret in sandbox.issued if secret in shown] == []


@pytest.mark.parametrize("arguments", [{"profile": "../x"}, {"min_valid": -1}, {"min_valid": float("nan")}])
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        TokenAuth(**arguments)  # type: ignore[arg-type]
