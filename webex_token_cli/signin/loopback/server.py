"""The short-lived listener that catches the redirect.

It holds one answer open, the page that tells the outcome, until the outcome is known: so the browser
never says "signed in" before the tokens are stored. The redirect itself is answered at once, with the
way to that page, so the code leaves the address bar before it is even spent.

Nothing that arrives ends the wait but the redirect that knows the state, and nothing that does not
arrive, such as the rest of a request or of a TLS handshake, delays it.
"""

import asyncio
import contextlib
import functools
import hmac
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, RedirectURI, Refusal, read_redirect
from webex_token_cli.signin.loopback.messages import Request, Response
from webex_token_cli.signin.loopback.pages import Page, render
from webex_token_cli.signin.loopback.peers import may_answer
from webex_token_cli.signin.loopback.sockets import close

# A redirect with its headers is 1 to 4 KB; browsers with many cookies for localhost send up to 16.
_LONGEST_HEAD = 32 * 1024
# A browser's spare connection says nothing for longer than this; it is dropped, and opened anew when needed.
_PATIENCE = 15.0
# Connections that have not yet said what they want. A browser has six at a time, and one in a TLS
# handshake costs half a megabyte. When somebody opens more
# than this, the one that has been silent longest makes room, so that a new one is always heard.
_MOST_SILENT = 64
# How long to stay for the browser to fetch the page that tells the outcome, once that is known.
_FAREWELL = 3.0
# How long to wait before accepting again when the system is out of descriptors.
_BREATH = 0.1


@dataclass(slots=True)
class Listener:
    """Waits on ``sockets`` for the redirect that answers ``state``; made inside a running event loop.

    ``also_called`` are further Host headers, besides the redirect URI's, that lead here; ``tls`` makes it
    speak https; ``may_answer`` is told both ends of a connection and says whether it may be listened to;
    without ``leads_in``, the bare address does not lead to the sign-in page;
    ``patience`` is the time in seconds for a handshake and the whole head of a request.
    """

    sockets: list[socket.socket]
    redirect: RedirectURI
    state: str = field(repr=False)
    sign_in_page: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    also_called: frozenset[str] = frozenset()
    tls: ssl.SSLContext | None = None
    may_answer: Callable[[Any, Any], bool] = may_answer
    leads_in: bool = True
    patience: float = _PATIENCE
    _arrived: asyncio.Future[AuthorizationCode | Refusal] = field(init=False, repr=False)
    _outcome: asyncio.Future[Response] = field(init=False, repr=False)
    _shown: asyncio.Event = field(init=False, repr=False)
    _ticket: str = field(init=False, repr=False)
    _connections: set[asyncio.Task[None]] = field(init=False, repr=False)
    _silent: dict[asyncio.Task[None], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._arrived = loop.create_future()
        self._outcome = loop.create_future()
        self._shown = asyncio.Event()
        self._ticket = secrets.token_urlsafe(16)
        self._connections = set()
        self._silent = {}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer requests while the context is open; the sockets are closed when it ends, however it ends."""
        doors = [asyncio.create_task(self._accept(each)) for each in self.sockets]
        try:
            yield
        finally:
            for task in (*doors, *self._connections):
                task.cancel()
            await asyncio.gather(*doors, *self._connections, return_exceptions=True)
            # What was aborted is closed in the loop's next turn.
            await asyncio.sleep(0)
            close(self.sockets)

    async def redirected(self) -> AuthorizationCode | Refusal:
        """Wait for the redirect."""
        return await asyncio.shield(self._arrived)

    async def tell(self, message: str) -> None:
        """Show the page that says it worked, and stay until the browser has it, for a moment at most."""
        await self._tell(_page(HTTPStatus.OK, Page.SIGNED_IN, message))

    async def tell_failure(self, error: WebexTokenError) -> None:
        """Show the page that says what the terminal says, and stay until the browser has it."""
        page = Page.DENIED if isinstance(error, SignInNotCompleted) else Page.FAILED
        await self._tell(_page(HTTPStatus.OK, page, error.message, error.hint))

    async def _tell(self, page: Response) -> None:
        self._outcome.set_result(page)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._shown.wait(), _FAREWELL)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError:  # a client that is gone already, or no descriptor left
                self._make_room(0)
                await asyncio.sleep(_BREATH)
                continue
            self._make_room(_MOST_SILENT - 1)
            task = asyncio.create_task(self._converse(connection))
            self._silent[task] = None
            self._connections.add(task)
            task.add_done_callback(functools.partial(self._forget, connection))
            # Where many wait to be accepted, those that were are heard first.
            await asyncio.sleep(0)

    def _make_room(self, most: int) -> None:
        for task in list(self._silent)[: max(0, len(self._silent) - most)]:
            del self._silent[task]
            task.cancel()

    def _forget(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._silent.pop(task, None)
        connection.close()

    async def _converse(self, connection: socket.socket) -> None:
        """Read a request and answer it. Whatever goes wrong with one client is of no concern to the others."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_LONGEST_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(self.patience) as bound:
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol,
                    connection,
                    ssl=self.tls,
                    ssl_handshake_timeout=self.patience if self.tls else None,
                )
                writer = asyncio.StreamWriter(transport, protocol, reader, loop)
                try:
                    head = await _read_head(reader)
                    bound.reschedule(None)
                    self._has_spoken()
                    await self._answer(head, writer)
                    self._has_been_told()
                    await _close(writer)
                finally:
                    # At once, and a second time is no harm: nobody waits for a client that keeps its end open.
                    transport.abort()

    def _has_spoken(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._silent.pop(task, None)

    def _has_been_told(self) -> None:
        """A client that does not close its end of TLS may be dropped like one that says nothing."""
        task = asyncio.current_task()
        if task is not None:
            self._silent[task] = None

    async def _answer(self, head: bytes | None, writer: asyncio.StreamWriter) -> None:
        request = None if head is None else Request.parse(head)
        if head is None:
            response = _stray(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That request is too long")
        elif request is None:
            response = _stray(HTTPStatus.BAD_REQUEST, "That is no request")
        else:
            response = await self._respond(request, writer)
        writer.write(response.encoded(with_body=request is None or request.method != "HEAD"))
        await asyncio.wait_for(writer.drain(), self.patience)
        if writer.can_write_eof():
            writer.write_eof()
        if response.tells_outcome:
            self._shown.set()

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        if request.host not in self.redirect.hosts | self.also_called:
            # A web page whose name was made to resolve to this machine (DNS rebinding) says its own name.
            return _stray(HTTPStatus.MISDIRECTED_REQUEST, "That is not this address")
        if request.path != self.redirect.path:
            return _stray(HTTPStatus.NOT_FOUND, "Nothing is here")
        if request.method != "GET":
            return _stray(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here", {"Allow": "GET"})
        if request.is_speculative:
            # It would be shown the outcome that the person's own request is to be shown.
            return _stray(HTTPStatus.SERVICE_UNAVAILABLE, "This is not answered ahead of time")
        if not request.is_navigation:
            return _stray(HTTPStatus.BAD_REQUEST, "This is a page to go to, not a part of another one")
        return await self._follow(request, writer)

    async def _follow(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        asks_for_outcome = hmac.compare_digest(request.query.encode(), f"outcome={self._ticket}".encode())
        arrived = read_redirect(request.query, self.state, self.scopes)
        if request.query and not asks_for_outcome and arrived is None:
            return _stray(HTTPStatus.BAD_REQUEST, "This is not the answer that the sign-in waits for")
        if not request.query and not self.leads_in:
            # Whoever is led to the sign-in page learns the state, and may be anybody behind a proxy.
            return _stray(HTTPStatus.FORBIDDEN, "Use the address that the terminal shows")
        if not request.query and request.is_from_a_page_elsewhere:
            # Nobody but the person at the browser begins a sign-in.
            return _stray(HTTPStatus.FORBIDDEN, "Type this address to sign in; a link does not do")
        # Looked at last: whose connection it is takes the system longest to tell.
        if not self.may_answer(writer.get_extra_info("peername"), writer.get_extra_info("sockname")):
            return _stray(HTTPStatus.FORBIDDEN, "This sign-in was started by another user of this machine")
        if asks_for_outcome:
            return await asyncio.shield(self._outcome)
        if arrived is None:
            return Response(HTTPStatus.FOUND, {"Location": self.sign_in_page})
        if not self._arrived.done():
            self._arrived.set_result(arrived)
        # Relative, so that it also holds behind a proxy that serves the listener under another address.
        return Response(HTTPStatus.SEE_OTHER, {"Location": f"?outcome={self._ticket}"})


async def _close(writer: asyncio.StreamWriter) -> None:
    """Send what is still to be sent, and TLS' own farewell, for a moment at most."""
    writer.close()
    await asyncio.wait_for(writer.wait_closed(), _FAREWELL)


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    """All up to the empty line, or None when that is too much."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return None


def _page(status: HTTPStatus, page: Page, message: str, hint: str = "") -> Response:
    rendered = render(page, message, hint)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": rendered.content_security_policy,
    }
    return Response(status, headers, rendered.body, tells_outcome=page is not Page.STRAY)


def _stray(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    page = _page(status, Page.STRAY, message, "The sign-in goes on waiting: finish it in the window that it opened.")
    return Response(page.status, {**page.headers, **(headers or {})}, page.body)
