"""The short-lived listener that receives the redirect.

The request for the outcome page is answered only when the outcome is known, so that the browser never says
"signed in" before the tokens are stored. The redirect itself is answered at once with another redirect to the
outcome page, so that the code leaves the address bar before it is exchanged.

Only a redirect with the right state ends the wait. An unfinished request or TLS handshake delays nothing.
"""

import asyncio
import contextlib
import functools
import hmac
import secrets
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, RedirectURI, Refusal, host_headers, read_redirect
from webex_token_cli.signin.loopback.messages import Request, Response
from webex_token_cli.signin.loopback.pages import Page
from webex_token_cli.signin.loopback.peers import PeerCheck
from webex_token_cli.signin.loopback.responses import outcome_page, refused
from webex_token_cli.signin.loopback.sockets import Endpoint, accepted, close

# A redirect with its headers is 1 to 4 KB; browsers with many cookies for localhost send up to 16.
_LONGEST_HEAD = 32 * 1024
# Seconds for the handshake and the head of a request. Browsers open spare connections that stay silent for longer;
# those are closed, and the browser opens a new one when it needs it.
_PATIENCE = 15.0
# The most connections without a complete request. A browser opens six at a time, and one in a TLS handshake takes
# half a megabyte. Above this number the oldest is closed, so that a new connection is always served.
_MOST_SILENT = 64
# The most connections before those of other users are closed at once: more than a browser opens, and enough to tell
# another user by a page what went wrong.
_MOST_WITH_STRANGERS = 8
# Connections that are closed before our own get a turn: a millisecond's work, so that a long queue of strangers is soon
# empty.
_TURNED_AWAY_AT_ONCE = 32
# Seconds for the browser to fetch the outcome page once the outcome is known. A browser that waits fetches it at once.
DELIVERY_TIMEOUT = 3.0
# Seconds before the next accept when no file descriptor is left: short for a person, long enough to spare the CPU.
_ACCEPT_PAUSE = 0.1


def new_ticket() -> str:
    """The secret part of an address of the listener that only one browser knows, of 128 bits."""
    return secrets.token_urlsafe(16)


@dataclass(slots=True)
class Listener:
    """Waits on ``sockets`` for the redirect that answers ``state``; made inside a running event loop.

    ``listen`` is the address of ``--listen``, where requests arrive through a tunnel or a proxy; None if they arrive
    where the redirect URI leads. ``behind_proxy`` says that a proxy forwards them, which may belong to another user.
    ``start_ticket`` is the secret in the address that the browser is opened with. ``tls`` makes the listener speak
    https. ``peers`` tells which user a connection belongs to. ``patience`` is the time in seconds for a handshake and
    the whole head of a request. ``site`` has the pages that hints name.
    """

    sockets: list[socket.socket]
    redirect: RedirectURI
    state: str = field(repr=False)
    sign_in_page: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    listen: Endpoint | None = None
    behind_proxy: bool = False
    start_ticket: str = field(default_factory=new_ticket, repr=False)
    site: Site = WEBEX
    tls: ssl.SSLContext | None = None
    peers: PeerCheck = field(default_factory=PeerCheck, repr=False)
    patience: float = _PATIENCE
    _has_started: bool = field(default=False, init=False, repr=False)
    _arrived: asyncio.Future[AuthorizationCode | Refusal] = field(init=False, repr=False)
    _outcome: asyncio.Future[Response] = field(init=False, repr=False)
    _shown: asyncio.Event = field(init=False, repr=False)
    _outcome_ticket: str = field(default_factory=new_ticket, init=False, repr=False)
    _connections: set[asyncio.Task[None]] = field(init=False, repr=False)
    _silent: dict[asyncio.Task[None], None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._arrived = loop.create_future()
        self._outcome = loop.create_future()
        self._shown = asyncio.Event()
        self._connections = set()
        self._silent = {}

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer requests while the context is open; the sockets are closed when it ends, however it ends."""
        accepting = [asyncio.create_task(self._accept(each)) for each in self.sockets]
        try:
            yield
        finally:
            for task in (*accepting, *self._connections):
                task.cancel()
            await asyncio.gather(*accepting, *self._connections, return_exceptions=True)
            # asyncio closes an aborted transport in the loop's next iteration.
            await asyncio.sleep(0)
            close(self.sockets)

    async def redirected(self) -> AuthorizationCode | Refusal:
        """Wait for the redirect."""
        return await asyncio.shield(self._arrived)

    async def show_success(self, message: str) -> None:
        """Show the page that reports the success; return once it is delivered, or after DELIVERY_TIMEOUT."""
        await self._show(outcome_page(Page.SIGNED_IN, message))

    async def show_failure(self, error: WebexTokenError) -> None:
        """Show the page with the terminal's message; return once it is delivered, or after DELIVERY_TIMEOUT."""
        page = Page.DENIED if isinstance(error, SignInNotCompleted) else Page.FAILED
        await self._show(outcome_page(page, error.message, error.hint))

    async def _show(self, page: Response) -> None:
        self._outcome.set_result(page)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._shown.wait(), DELIVERY_TIMEOUT)

    async def _accept(self, listening: socket.socket) -> None:
        turned_away = 0
        while True:
            try:
                connection = await accepted(listening)
            except OSError:  # a client that is gone already, or no descriptor left
                self._make_room(0)
                await asyncio.sleep(_ACCEPT_PAUSE)
                continue
            if self._has_no_room_for(connection):
                connection.close()
                turned_away += 1
                if turned_away % _TURNED_AWAY_AT_ONCE == 0:
                    await asyncio.sleep(0)
                continue
            self._make_room(_MOST_SILENT - 1)
            task = asyncio.create_task(self._converse(connection))
            self._silent[task] = None
            self._connections.add(task)
            task.add_done_callback(functools.partial(self._forget, connection))
            # Give the accepted connections a turn before the next one is accepted.
            await asyncio.sleep(0)

    def _has_no_room_for(self, connection: socket.socket) -> bool:
        """Whether this is another user's connection beyond those that can be answered without delaying our own."""
        if not self._checks_redirecting_peers or len(self._connections) < _MOST_WITH_STRANGERS:
            return False
        try:
            return self.peers.is_known_stranger(connection.getpeername(), connection.getsockname())
        except OSError:  # reset by the client
            return True

    def _make_room(self, most: int) -> None:
        for task in list(self._silent)[: max(0, len(self._silent) - most)]:
            del self._silent[task]
            task.cancel()

    def _forget(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        self._silent.pop(task, None)
        connection.close()

    async def _converse(self, connection: socket.socket) -> None:
        """Read a request and answer it. An error with one client does not affect the others."""
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
                    self._has_sent_request()
                    await self._answer(head, writer)
                    self._has_been_answered()
                    await _close(writer)
                finally:
                    # Do not wait for a client that keeps its end open; aborting twice does no harm.
                    transport.abort()

    def _has_sent_request(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._silent.pop(task, None)

    def _has_been_answered(self) -> None:
        """Let a client that does not close its end of TLS be closed like a silent one."""
        task = asyncio.current_task()
        if task is not None:
            self._silent[task] = None

    async def _answer(self, head: bytes | None, writer: asyncio.StreamWriter) -> None:
        request = None if head is None else Request.parse(head)
        if head is None:
            response = refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "That request is too long")
        elif request is None:
            response = refused(HTTPStatus.BAD_REQUEST, "That is not an HTTP request")
        else:
            response = await self._respond(request, writer)
        writer.write(response.encoded(with_body=request is None or request.method != "HEAD"))
        await asyncio.wait_for(writer.drain(), self.patience)
        if writer.can_write_eof():
            writer.write_eof()
        if response.tells_outcome:
            self._shown.set()

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        if request.host not in self._hosts:
            # With DNS rebinding, a web page whose name resolves to this machine sends its own name.
            return refused(HTTPStatus.MISDIRECTED_REQUEST, "This listener does not serve that host")
        if request.path != self.redirect.path:
            return refused(HTTPStatus.NOT_FOUND, "There is no page at this address")
        if request.method != "GET":
            return refused(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET is answered here", {"Allow": "GET"})
        if request.is_speculative:
            # A prefetch would be shown the outcome page instead of the person's own request.
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, "This is not answered ahead of time")
        if not request.is_navigation:
            return refused(HTTPStatus.BAD_REQUEST, "This is a page to go to, not a part of another one")
        return await self._follow(request, writer)

    @property
    def _hosts(self) -> frozenset[str]:
        if self.listen is None:
            return self.redirect.hosts
        # A proxy sends either its own host or the host that it forwards to.
        forwarded_from = host_headers(self.redirect.host, self.redirect.port)
        return forwarded_from | host_headers(self.listen.host, self.listen.port)

    @property
    def _checks_redirecting_peers(self) -> bool:
        """Whether only this user's programs may bring the redirect: not a proxy, and not another machine."""
        return self.listen is None or (self.listen.is_local and not self.behind_proxy)

    async def _follow(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        if not request.query or _has_ticket(request, "start", self.start_ticket):
            return await self._start(request, writer)
        asks_for_outcome = _has_ticket(request, "outcome", self._outcome_ticket)
        arrived = read_redirect(request.query, self.state, self.scopes, self.site)
        if not asks_for_outcome and arrived is None:
            return refused(HTTPStatus.BAD_REQUEST, "This is not the answer that the sign-in waits for")
        if self._checks_redirecting_peers and not await self._is_own(writer):
            return self._another_users()
        if arrived is None:
            return await asyncio.shield(self._outcome)
        if not self._arrived.done():
            self._arrived.set_result(arrived)
        # The Location is relative, so that it also works behind a proxy that serves another address.
        return Response(HTTPStatus.SEE_OTHER, {"Location": f"?outcome={self._outcome_ticket}"})

    async def _start(self, request: Request, writer: asyncio.StreamWriter) -> Response:
        """Redirect to the sign-in page. Its URL holds the state, which nobody but this user may learn."""
        has_ticket = bool(request.query)
        if not has_ticket and self.listen is not None:
            # A proxy or a tunnel of this user's forwards the requests of strangers too.
            return refused(HTTPStatus.FORBIDDEN, "Use the address that the terminal shows")
        if not has_ticket and request.is_cross_site:
            # Only the person at the browser may begin a sign-in, not a page with a link.
            return refused(HTTPStatus.FORBIDDEN, "Type this address to sign in; a link to it is not accepted")
        if not await self._is_own(writer):
            return self._another_users()
        if has_ticket and self._has_started:
            # Another user may have read the ticket in the browser's arguments.
            return refused(HTTPStatus.FORBIDDEN, "This address works once. Use the one that the terminal shows")
        self._has_started |= has_ticket
        return Response(HTTPStatus.FOUND, {"Location": self.sign_in_page})

    async def _is_own(self, writer: asyncio.StreamWriter) -> bool:
        # This check comes after all others because asking the kernel is the slowest.
        return await self.peers.is_allowed(writer.get_extra_info("peername"), writer.get_extra_info("sockname"))

    def _another_users(self) -> Response:
        if self.listen is None:
            return refused(HTTPStatus.FORBIDDEN, "This sign-in was started by another user of this machine")
        return refused(
            HTTPStatus.FORBIDDEN,
            "This request comes from another user of the machine where the sign-in was started",
            hint="If it comes from a reverse proxy there, start the sign-in again with --behind-proxy.",
        )


def _has_ticket(request: Request, name: str, ticket: str) -> bool:
    return hmac.compare_digest(request.query.encode(), f"{name}={ticket}".encode())


async def _close(writer: asyncio.StreamWriter) -> None:
    """Flush the connection and close TLS, within a few seconds."""
    writer.close()
    await asyncio.wait_for(writer.wait_closed(), DELIVERY_TIMEOUT)


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    """The request up to the empty line; None if it is too long."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return None
