"""The listener over real sockets: only the redirect that knows the state ends the wait."""

import asyncio
import contextlib
import errno
import gc
import os
import socket
import struct
import threading
import time

import pytest

from tests.support.listening import SIGN_IN_PAGE, Login
from tests.support.ports import free_port
from tests.support.program import PROMPT, wait_until
from webex_token_cli.errors import ConfigurationError, SignInNotCompleted, TemporaryFailure, WebexTokenError
from webex_token_cli.signin.authorization import Proof, RedirectURI
from webex_token_cli.signin.browser import BrowserFlow
from webex_token_cli.signin.loopback.certificate import certificate_for_this_login
from webex_token_cli.signin.loopback.pages import Page, render
from webex_token_cli.signin.loopback.server import Listener
from webex_token_cli.signin.loopback.sockets import Endpoint, bind, close, endpoint_for


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "address", "reached"),
    [
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "::1", False),
        ("[::1]", "127.0.0.1", False),
        ("[::1]", "::1", True),
    ],
)
def test_it_is_reached_where_the_redirect_uri_leads_and_nowhere_else(
    scheme: str, host: str, address: str, reached: bool
) -> None:
    redirect = RedirectURI.parse(f"{scheme}://{host}:{free_port()}/oauth")
    tls = certificate_for_this_login(redirect.host).context if scheme == "https" else None
    with Login(redirect, tls=tls) as login:
        login.may_finish.set()
        if not reached:
            with pytest.raises(ConnectionRefusedError):
                login.connect(address)
            return
        assert "Signed in as Ada &lt;&amp;&gt;." in login.follow(login.good_query, address)
        wait_until(lambda: login.result == "Ada")
        assert login.codes == ["the-code"]


def test_a_proxy_or_tunnel_hands_on_what_arrives_elsewhere() -> None:
    redirect = RedirectURI.parse("https://apps.example.com/webex/oauth")
    listen = Endpoint("127.0.0.1", free_port())
    with Login(redirect, listen=listen) as login:
        login.may_finish.set()
        assert (
            login.shown[0] == f"Listening at http://{listen} for what arrives at https://apps.example.com/webex/oauth."
        )
        for host in ("apps.example.com", "APPS.example.com:443", str(listen)):
            status, _, body = login.get("/webex/oauth", host)
            assert (status, "Use the address that the terminal shows" in body) == (403, True)
        assert login.get("/webex/oauth", "evil.example")[0] == 421
        assert login.get("/webex/oauth?code=x&state=wrong", "apps.example.com")[0] == 400
        assert "Signed in as Ada" in login.follow(login.good_query)


def test_listening_for_other_machines_comes_with_a_warning() -> None:
    redirect = RedirectURI.parse("http://box.example/oauth")
    with Login(redirect, listen=Endpoint("0.0.0.0", free_port())) as login:
        login.may_finish.set()
        assert login.shown[1].startswith("Warning: 0.0.0.0 can be reached from other machines; ")
    with Login(redirect, listen=Endpoint("127.0.0.1", free_port())) as login:
        login.may_finish.set()
        assert not any("Warning" in line for line in login.shown)


@pytest.mark.parametrize(
    ("target", "more", "status"),
    [
        ("/oauth?GOOD", "Sec-Purpose: prefetch;prerender\r\n", 503),
        ("/oauth?GOOD", "Purpose: prefetch\r\n", 503),
        ("/oauth?GOOD", "X-Moz: prefetch\r\n", 503),
        ("/oauth?GOOD", "Sec-Fetch-Dest: image\r\n", 400),
        ("/oauth?GOOD", "Sec-Fetch-Dest: iframe\r\nSec-Fetch-Site: cross-site\r\n", 400),
        ("/oauth", "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: cross-site\r\n", 403),
        ("/oauth", "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: same-site\r\n", 403),
        ("/oauth", "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: none\r\n", 302),
        ("/oauth", "Sec-Purpose: prefetch\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: none\r\n", 503),
    ],
)
def test_only_a_window_that_a_person_sees_is_let_in(login: Login, target: str, more: str, status: int) -> None:
    assert login.get(target.replace("GOOD", login.good_query), more=more)[0] == status
    assert (login.codes, login.result) == ([], None)


def test_the_redirect_from_webex_is_a_navigation_from_elsewhere(login: Login) -> None:
    more = "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\n"
    status, headers, _ = login.get(f"/oauth?{login.good_query}", more=more)
    assert status == 303
    assert login.get(f"/oauth{headers['Location']}", more=more)[0] == 200


def test_a_head_request_gets_no_body_and_ends_nothing(login: Login) -> None:
    status, headers, body = login.get(f"/oauth?{login.good_query}", method="HEAD")
    assert (status, headers["Allow"], body) == (405, "GET", "")
    assert login.codes == []


def test_the_oldest_of_too_many_silent_connections_is_closed(login: Login) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(login.connect()) for _ in range(3 * 64)]
        silent[0].settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""
        started = time.monotonic()
        assert "Ada" in login.follow(login.good_query)
        assert time.monotonic() - started < PROMPT


def test_connections_that_are_reset_before_they_are_looked_at_delay_nobody(login: Login) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(login.connect())
        started = time.monotonic()
        for _ in range(100):
            with login.connect() as reset:
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert "Ada" in login.follow(login.good_query)
        assert time.monotonic() - started < PROMPT


def test_without_a_descriptor_to_give_silent_connections_are_closed_and_the_wait_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redirect = RedirectURI.parse(f"http://127.0.0.1:{free_port()}/oauth")
    used_up = threading.Event()
    original = socket.socket.accept

    def accept(itself: socket.socket) -> object:
        if used_up.is_set():
            used_up.clear()
            raise OSError(errno.EMFILE, "Too many open files")
        return original(itself)

    monkeypatch.setattr(socket.socket, "accept", accept)
    with Login(redirect) as login, login.connect() as silent, login.connect() as other:
        login.may_finish.set()
        assert login.get("/oauth")[0] == 302  # the silent connection is accepted by now
        used_up.set()
        assert login.get("/oauth")[0] == 302
        for each in (silent, other):
            with contextlib.suppress(ConnectionResetError):
                assert each.recv(1) == b""


def test_every_connection_in_the_backlog_is_answered() -> None:
    redirect = RedirectURI.parse(f"http://127.0.0.1:{free_port()}/oauth")
    sockets = bind(endpoint_for(redirect, None), redirect.uri)
    request = f"GET /oauth HTTP/1.1\r\nHost: 127.0.0.1:{redirect.port}\r\n\r\n".encode()
    waiting = [socket.create_connection(("127.0.0.1", redirect.port)) for _ in range(120)]
    for each in waiting:
        each.sendall(request)

    def answers() -> list[bytes]:
        found = []
        for each in waiting:
            each.settimeout(10)
            with each, contextlib.suppress(ConnectionResetError):
                found.append(each.recv(12))
        return found

    async def listen() -> list[bytes]:
        async with Listener(sockets, redirect, "state", SIGN_IN_PAGE).serving():
            return await asyncio.to_thread(answers)

    assert asyncio.run(listen()) == [b"HTTP/1.1 302"] * 120
    assert [each.fileno() for each in sockets] == [-1] * len(sockets)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_client_that_sends_no_whole_request_is_disconnected(scheme: str) -> None:
    redirect = RedirectURI.parse(f"{scheme}://127.0.0.1:{free_port()}/oauth")
    tls = certificate_for_this_login("127.0.0.1").context if scheme == "https" else None

    async def listen() -> bytes:
        listener = Listener(
            bind(endpoint_for(redirect, None), redirect.uri), redirect, "state", SIGN_IN_PAGE, tls=tls, patience=0.1
        )
        async with listener.serving():
            reader, writer = await asyncio.open_connection("127.0.0.1", redirect.port)
            writer.write(b"GET /oau" if tls is None else b"\x16\x03\x01")
            said = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            return said

    assert asyncio.run(listen()) == b""


@pytest.mark.parametrize("turns", range(6))
def test_closing_while_a_connection_is_accepted_leaves_no_socket_open(turns: int) -> None:
    redirect = RedirectURI.parse(f"http://127.0.0.1:{free_port()}/oauth")
    sockets = bind(endpoint_for(redirect, None), redirect.uri)

    async def listen() -> None:
        async with Listener(sockets, redirect, "state", SIGN_IN_PAGE).serving():
            for _ in range(turns):
                await asyncio.sleep(0)

    with socket.create_connection(("127.0.0.1", redirect.port)) as client:
        asyncio.run(listen())
        gc.collect()  # a socket that was left open gives a ResourceWarning here
        client.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_a_broken_tls_handshake_does_not_disturb_the_sign_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    redirect = RedirectURI.parse(f"https://localhost:{free_port()}/oauth")
    tls = certificate_for_this_login("localhost").context
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with contextlib.ExitStack() as silent, Login(redirect, tls=tls) as login:
        login.may_finish.set()
        for words in (b"GET /oauth HTTP/1.1\r\nHost: localhost\r\n\r\n", hello, b"", b"\x00" * 500, hello * 50):
            for stays in (False, True):
                plain = socket.create_connection(("127.0.0.1", redirect.port))
                plain.sendall(words)
                if stays:
                    silent.enter_context(plain)
                else:
                    plain.close()
        started = time.monotonic()
        assert "Signed in as Ada" in login.follow(login.good_query)
        assert time.monotonic() - started < PROMPT
    assert login.result == "Ada"
    assert caplog.records == []


def test_the_code_leaves_the_address_bar_before_it_is_exchanged(login: Login) -> None:
    login.may_finish.clear()
    status, headers, _ = login.get(f"/oauth?{login.good_query}")
    assert (status, headers["Location"].startswith("?outcome=")) == (303, True)
    login.may_finish.set()
    assert login.get(f"/oauth{headers['Location']}")[0] == 200


def test_no_answer_may_be_cached_framed_or_sent_as_a_referrer(login: Login) -> None:
    status, headers, _ = login.get("/oauth?code=x&state=wrong")
    style = headers["Content-Security-Policy"].split("'sha256-")[1].split("'")[0]
    assert status == 400
    assert {
        name: headers[name] for name in ("Cache-Control", "Referrer-Policy", "X-Content-Type-Options", "Connection")
    } == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    ("method", "target", "host", "status"),
    [
        ("GET", "/oauth?code=x&state=wrong", None, 400),
        ("GET", "/oauth?error=access_denied", None, 400),
        ("GET", "/oauth?outcome=guess", None, 400),
        ("GET", "/", None, 404),
        ("GET", "/favicon.ico", None, 404),
        ("GET", "/oauth/", None, 404),
        ("GET", "/oauth%2f", None, 404),
        ("GET", "//oauth?code=x", None, 404),
        ("POST", "/oauth?code=x", None, 405),
        ("GET", "/oauth", "evil.example", 421),
        ("GET", "/oauth", "localhost:1", 421),
    ],
)
def test_an_unexpected_request_is_answered_and_the_wait_goes_on(
    login: Login, method: str, target: str, host: str | None, status: int
) -> None:
    got, _, body = login.get(target, host, method=method)
    assert got == status
    assert "The sign-in goes on waiting" in body
    assert login.result is None


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /oauth HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /oauth HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET http://localhost/oauth HTTP/1.1\r\nHost: a\r\n\r\n", b"400"),
        (b"GET /oauth HTTP/2\r\nHost: a\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"400"),
    ],
)
def test_garbage_is_answered_and_the_wait_goes_on(login: Login, raw: bytes, status: bytes) -> None:
    answer = login.ask(raw)
    assert answer[:12] in {b"HTTP/1.1 " + status, b""}
    assert "Ada" in login.follow(login.good_query)


def test_the_bare_address_leads_to_the_sign_in_page(login: Login) -> None:
    status, headers, _ = login.get("/oauth")
    assert (status, headers["Location"]) == (302, SIGN_IN_PAGE)


def test_idle_connections_block_nobody_and_end_without_a_word(login: Login, caplog: pytest.LogCaptureFixture) -> None:
    with contextlib.ExitStack() as idle:
        for _ in range(50):
            idle.enter_context(socket.create_connection(("127.0.0.1", login.redirect.port)))
        started = time.monotonic()
        assert "Ada" in login.follow(login.good_query)
        wait_until(lambda: login.result == "Ada")
        assert time.monotonic() - started < PROMPT
    assert caplog.records == []


def test_the_same_redirect_twice_is_exchanged_once_and_shown_twice(login: Login) -> None:
    login.may_finish.clear()
    query = login.good_query
    answers = [login.get(f"{login.redirect.path}?{query}") for _ in range(2)]
    assert [status for status, _, _ in answers] == [303, 303]
    wait_until(lambda: login.codes)
    with contextlib.ExitStack() as stack:
        # Both have asked for their page before the sign-in ends: a late one would find the port closed.
        browsers = [stack.enter_context(login.connect()) for _ in answers]
        for browser, (_, headers, _) in zip(browsers, answers, strict=True):
            target = f"{login.redirect.path}{headers['Location']}"
            browser.sendall(f"GET {target} HTTP/1.1\r\nHost: {login.redirect.uri.split('/')[2]}\r\n\r\n".encode())
        login.may_finish.set()
        pages = [b"".join(iter(lambda: browser.recv(65536), b"")).decode() for browser in browsers]  # noqa: B023
    assert login.codes == ["the-code"]
    assert any("Signed in as Ada" in page for page in pages)


@pytest.mark.parametrize(
    ("kind", "nothing_changed"),
    [(SignInNotCompleted, True), (TemporaryFailure, False)],  # without an answer, Webex may have done what was asked
)
def test_a_failure_is_told_in_the_browser(login: Login, kind: type[WebexTokenError], nothing_changed: bool) -> None:
    login.fails_with = kind("It <b>failed</b>.", "Do that.")
    page = login.follow(login.good_query)
    assert ("Nothing was stored, and nothing that was stored before has changed." in page) is nothing_changed
    assert "You are not signed in" in page
    assert "It &lt;b&gt;failed&lt;/b&gt;." in page
    assert "Do that." in page
    wait_until(lambda: login.result is login.fails_with)


def test_the_port_is_free_at_once(login: Login) -> None:
    login.follow(login.good_query)
    wait_until(lambda: login.result == "Ada")
    close(bind(endpoint_for(login.redirect, None), login.redirect.uri))


def test_a_deadline_ends_the_wait_and_frees_the_port() -> None:
    login = Login(RedirectURI.parse(f"http://127.0.0.1:{free_port()}/"), timeout=0.05)
    login.run()
    assert isinstance(login.result, SignInNotCompleted)
    close(bind(endpoint_for(login.redirect, None), login.redirect.uri))


def test_a_page_that_cannot_be_made_frees_the_port() -> None:
    redirect = RedirectURI.parse(f"http://localhost:{free_port()}/oauth")

    def page(_: Proof) -> str:
        raise ConfigurationError("wrong", "right")

    flow = BrowserFlow(redirect, open_browser=lambda _: pytest.fail("opened"), say=lambda _: None)
    with pytest.raises(ConfigurationError, match="wrong"):
        flow.sign_in(page, lambda _code, _proof: "", str)
    close(bind(endpoint_for(redirect, None), redirect.uri))


@pytest.mark.skipif(os.name == "nt", reason="Windows has a message of its own, tested in tests/windows")
def test_a_port_that_needs_more_rights_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)  # the tests may run as root, who may bind any port
    with pytest.raises(ConfigurationError, match=r"Nothing can listen at localhost:80, where .* \(Permission denied\)"):
        bind(Endpoint("localhost", 80), "http://localhost/oauth")


@pytest.mark.parametrize("page", Page)
def test_a_page_has_no_script_and_nothing_from_elsewhere(page: Page) -> None:
    body = render(page, '<script>alert("1")</script>', "$style ${hint}").body.decode()
    assert "<script" not in body
    assert "http" not in body
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;" in body
