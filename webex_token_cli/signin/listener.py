"""The short-lived listener that catches the redirect.

It holds one answer open, the page that tells the outcome, until the outcome is known: so the browser
never says "signed in" before the tokens are stored. The redirect itself is answered at once, with the
way to that page, so the code leaves the address bar before it is even spent.

Nothing that arrives ends the wait but the redirect that knows the state.
"""

import asyncio
import contextlib
import errno
import hmac
import http.client
import io
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, RedirectURI, Refusal, read_redirect
from webex_token_cli.signin.pages import Page, render

# A redirect with its headers is 1 to 4 KB; browsers with many cookies for localhost send up to 16.
_LONGEST_HEAD = 32 * 1024
# A browser's spare connection says nothing for long; it is dropped, and opened anew when needed.
_HEAD_TIMEOUT = 15.0
# How long to stay for the browser to fetch the page that tells the outcome, once that is known.
_FAREWELL = 3.0

_ADDRESS_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def bind(redirect: RedirectURI) -> list[socket.socket]:
    """Sockets listening where the redirect URI leads, on both loopbacks for ``localhost``.

    Binding comes first: once the browser is open, nobody else can take the port. A loopback that this
    machine does not have is left out. Raises ConfigurationError when the port is taken or forbidden.
    """
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in redirect.addresses:
            try:
                sockets.append(_listening(address, redirect.port))
            except OSError as error:
                if error.errno not in _ADDRESS_MISSING:
                    raise
                missing = error
        if not sockets and missing:
            raise missing
    except OSError as error:
        close(sockets)
        raise _cannot_bind(redirect, error) from error
    return sockets


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a sign-in right after another must not wait for its closed connections to be forgotten
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(128)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def close(sockets: list[socket.socket]) -> None:
    """Close them all: the port is free at once."""
    for each in sockets:
        each.close()


def _cannot_bind(redirect: RedirectURI, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"Port {redirect.port}, where {redirect.uri} leads, is taken by another program.",
            "End that program (another login, perhaps), or register a redirect URI with another port "
            "and give it with --redirect-uri.",
        )
    return ConfigurationError(
        f"Nothing can listen on port {redirect.port}, where {redirect.uri} leads ({error.strerror}).",
        "Register a redirect URI with a port above 1023 and give it with --redirect-uri.",
    )


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: str
    host: str


@dataclass(frozen=True, slots=True)
class _Response:
    status: HTTPStatus
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_outcome: bool = False


@dataclass(slots=True)
class Listener:
    """Waits on ``sockets`` for the redirect that answers ``state``; made inside a running event loop."""

    sockets: list[socket.socket]
    redirect: RedirectURI
    state: str = field(repr=False)
    sign_in_page: str = field(repr=False)
    _arrived: asyncio.Future[AuthorizationCode | Refusal] = field(init=False, repr=False)
    _outcome: asyncio.Future[_Response] = field(init=False, repr=False)
    _shown: asyncio.Event = field(init=False, repr=False)
    _ticket: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._arrived = loop.create_future()
        self._outcome = loop.create_future()
        self._shown = asyncio.Event()
        self._ticket = secrets.token_urlsafe(16)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer requests while the context is open; the sockets are closed when it ends, however it ends."""
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a callback of start_server always runs in a task
            connections.add(task)
            # Cancelled is how a connection ends that says nothing until the login is over. Left to itself,
            # asyncio would print a traceback for each.
            with contextlib.suppress(asyncio.CancelledError):
                await self._converse(reader, writer)
            connections.discard(task)

        servers: list[asyncio.Server] = []
        try:
            for each in self.sockets:
                servers.append(await asyncio.start_server(connected, sock=each, limit=_LONGEST_HEAD))
            yield
        finally:
            for server in servers:
                server.close()
            close(self.sockets)
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def redirected(self) -> AuthorizationCode | Refusal:
        """Wait for the redirect."""
        return await asyncio.shield(self._arrived)

    async def tell(self, message: str) -> None:
        """Show the page that says it worked, and stay until the browser has it, for a moment at most."""
        await self._tell(_page(HTTPStatus.OK, Page.SIGNED_IN, message))

    async def tell_failure(self, error: WebexTokenError) -> None:
        """Show the page that says what the terminal says, and stay until the browser has it."""
        await self._tell(_page(HTTPStatus.OK, Page.FAILED, error.message, error.hint))

    async def _tell(self, page: _Response) -> None:
        self._outcome.set_result(page)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._shown.wait(), _FAREWELL)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            response = await self._answer(reader)
            if response is not None:
                writer.write(_encoded(response))
                await asyncio.wait_for(writer.drain(), _HEAD_TIMEOUT)
                if writer.can_write_eof():
                    writer.write_eof()
                if response.is_outcome:
                    self._shown.set()
        except (OSError, TimeoutError):
            pass  # the client went away, or never read: nobody is left to tell
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> _Response | None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_TIMEOUT)
        except asyncio.LimitOverrunError:
            return _stray(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That request is too long")
        except (asyncio.IncompleteReadError, TimeoutError):
            return None
        request = _parse(head)
        if request is None:
            return _stray(HTTPStatus.BAD_REQUEST, "That is no request")
        return await self._respond(request)

    async def _respond(self, request: _Request) -> _Response:
        if not self.redirect.is_host(request.host):
            # A web page whose name was made to resolve to this machine (DNS rebinding) says its own name.
            return _stray(HTTPStatus.MISDIRECTED_REQUEST, "That is not this address")
        if request.path != self.redirect.path:
            return _stray(HTTPStatus.NOT_FOUND, "Nothing is here")
        if request.method != "GET":
            return _stray(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here", {"Allow": "GET"})
        if not request.query:
            return _Response(HTTPStatus.FOUND, {"Location": self.sign_in_page})
        if hmac.compare_digest(request.query, f"outcome={self._ticket}"):
            return await asyncio.shield(self._outcome)
        arrived = read_redirect(request.query, self.state)
        if arrived is None:
            return _stray(HTTPStatus.BAD_REQUEST, "This is not the answer that the sign-in waits for")
        if not self._arrived.done():
            self._arrived.set_result(arrived)
        # Relative, so that it also holds behind a proxy that serves the listener under another address.
        return _Response(HTTPStatus.SEE_OTHER, {"Location": f"?outcome={self._ticket}"})


def _parse(head: bytes) -> _Request | None:
    """The request in a ``head`` that ends with an empty line; None when it is none."""
    line, _, rest = head.partition(b"\r\n")
    try:
        method, target, version = line.decode("ascii").split(" ")
        headers = http.client.parse_headers(io.BytesIO(rest))
    except (UnicodeDecodeError, ValueError, http.client.HTTPException):
        return None
    hosts = headers.get_all("Host") or []
    if not version.startswith("HTTP/1.") or not target.startswith("/") or len(hosts) != 1:
        return None
    path, _, query = target.partition("?")
    return _Request(method, path, query, hosts[0])


def _page(status: HTTPStatus, page: Page, message: str, hint: str = "") -> _Response:
    rendered = render(page, message, hint)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": rendered.content_security_policy,
    }
    return _Response(status, headers, rendered.body, is_outcome=page is not Page.STRAY)


def _stray(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> _Response:
    page = _page(status, Page.STRAY, message, "The sign-in goes on waiting: finish it in the window that it opened.")
    return _Response(page.status, {**page.headers, **(headers or {})}, page.body)


def _encoded(response: _Response) -> bytes:
    headers = {
        **response.headers,
        "Content-Length": str(len(response.body)),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + response.body
