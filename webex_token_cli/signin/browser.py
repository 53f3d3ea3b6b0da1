"""The browser flow: listen, open the browser, wait for the redirect, finish, and only then show the page."""

import concurrent.futures
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, Proof, RedirectURI, Refusal
from webex_token_cli.signin.loopback.server import Listener, new_ticket
from webex_token_cli.signin.loopback.sockets import Endpoint, bind, close, endpoint_for
from webex_token_cli.signin.loopback.thread import ListenerThread
from webex_token_cli.times import duration_in_words

T = TypeVar("T")

# Seconds of one wait. On Windows, Ctrl-C is noticed only between two waits.
_WAIT = 0.5


class NoBrowserOpened(Exception):
    """No browser opened the sign-in page, so that another flow has to be used."""


@dataclass(frozen=True, slots=True)
class BrowserFlow:
    """Signs a person in through a browser whose redirect arrives at a listener on this machine (RFC 8252).

    ``open_browser`` opens a URL and returns whether that worked; None leaves it to the person. ``say`` shows a line
    to the person. ``timeout`` is in seconds, from the opening of the browser to the redirect. ``listen`` replaces the
    address in the redirect URI as the address to listen on, and ``behind_proxy`` says that a reverse proxy, which may
    run as another user, forwards requests to it. ``over_ssh`` says that the person is at another machine. ``tls``
    makes the listener speak https. With ``needs_browser``, a browser that does not open ends the wait with
    NoBrowserOpened. ``site`` has the pages that hints name. ``tick`` gets the seconds that are left, about twice a
    second, and None when the wait is over. ``clock`` is monotonic.
    """

    redirect: RedirectURI
    open_browser: Callable[[str], bool] | None = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    timeout: float = 300.0
    scopes: tuple[str, ...] = ()
    listen: Endpoint | None = None
    behind_proxy: bool = False
    over_ssh: bool = False
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    needs_browser: bool = False
    site: Site = WEBEX
    tick: Callable[[float | None], None] = field(default=lambda _: None, repr=False)
    clock: Callable[[], float] = time.monotonic

    def sign_in(
        self, sign_in_page: Callable[[Proof], str], finish: Callable[[str, Proof], T], describe: Callable[[T], str]
    ) -> T:
        """Sign the person in, and return what ``finish`` returns.

        ``sign_in_page`` gives the URL to open, ``finish`` exchanges the authorization code and stores the tokens,
        ``describe`` gives the message for the browser's page. All three run in the calling thread. Raises
        ConfigurationError when the port cannot be bound, SignInNotCompleted when the person denied or did not finish
        in time, NoBrowserOpened, and whatever ``sign_in_page`` and ``finish`` raise.
        """
        endpoint = endpoint_for(self.redirect, self.listen)
        proof = Proof.fresh()
        with contextlib.ExitStack() as cleanup:
            sockets = bind(endpoint, self.redirect.uri)
            cleanup.callback(close, sockets)
            self._say_where(endpoint)
            url = sign_in_page(proof)
            ticket = new_ticket()
            listener = cleanup.enter_context(ListenerThread(lambda: self._listener(sockets, url, proof, ticket)))
            self.say(f"Sign in at this address, in {self._which_browser}:\n\n  {url}\n")
            redirect = self._wait_for_redirect(listener, self._open_browser(self._start_address(endpoint, ticket)))
            try:
                if isinstance(redirect, Refusal):
                    raise redirect.error
                finished = finish(redirect.code, proof)
            except WebexTokenError as error:
                listener.show_failure(error)
                raise
            except Exception:
                # main.py prints the details; the browser gets a page instead of a broken connection.
                listener.show_failure(WebexTokenError("Something unexpected failed.", "The terminal says where."))
                raise
            listener.show_success(describe(finished))
            return finished

    def _say_where(self, endpoint: Endpoint) -> None:
        if self.listen is None:
            return
        self.say(
            f"Listening at {'https' if self.tls else 'http'}://{endpoint} for what arrives at {self.redirect.uri}."
        )
        if not endpoint.is_local:
            self.say(
                f"Warning: {endpoint.host} can be reached from other machines; the state alone keeps others out. "
                "Listen on a loopback address if the proxy or tunnel ends on this machine."
            )

    def _listener(self, sockets: list[socket.socket], url: str, proof: Proof, ticket: str) -> Listener:
        return Listener(
            sockets,
            self.redirect,
            proof.state,
            url,
            self.scopes,
            listen=self.listen,
            behind_proxy=self.behind_proxy,
            start_ticket=ticket,
            tls=self.tls,
            site=self.site,
        )

    def _start_address(self, endpoint: Endpoint, ticket: str) -> str | None:
        """The address of the listener that redirects to the sign-in page, for the browser that is opened here.

        Every user of a machine can read a browser's arguments, so the sign-in page's own address, which holds the
        ``state``, must not be among them (RFC 9700 section 4.7.1). The ticket works once, and only for this user.
        None if other machines can reach the listener, or its certificate is for a host with another name.
        """
        if not endpoint.is_local or (self.tls is not None and endpoint.host != self.redirect.host):
            return None
        return f"{'https' if self.tls else 'http'}://{endpoint}{self.redirect.path}?start={ticket}"

    def _open_browser(self, address: str | None) -> "concurrent.futures.Future[bool]":
        """Open the browser in a daemon thread: some browser commands return only when the browser is closed."""
        opened: concurrent.futures.Future[bool] = concurrent.futures.Future()
        if self.open_browser is None:
            return opened

        def open_it(opener: Callable[[str], bool]) -> None:
            has_opened = address is not None and opener(address)
            if not has_opened and not self.needs_browser:
                self.say("No browser opened by itself; open the address above by hand.")
            opened.set_result(has_opened)

        threading.Thread(target=open_it, args=(self.open_browser,), name="browser", daemon=True).start()
        return opened

    def _wait_for_redirect(
        self, listener: ListenerThread, opened: "concurrent.futures.Future[bool]"
    ) -> AuthorizationCode | Refusal:
        """Wait until the redirect arrives. Raises SignInNotCompleted after the timeout, NoBrowserOpened."""
        deadline = self.clock() + self.timeout
        try:
            return self._wait_until(deadline, listener, opened)
        finally:
            self.tick(None)

    def _wait_until(
        self, deadline: float, listener: ListenerThread, opened: "concurrent.futures.Future[bool]"
    ) -> AuthorizationCode | Refusal:
        while (left := deadline - self.clock()) > 0:
            self.tick(left)
            awaited: list[concurrent.futures.Future[Any]] = [listener.redirect]
            if self.needs_browser and not opened.done():
                awaited.append(opened)
            concurrent.futures.wait(awaited, min(left, _WAIT), concurrent.futures.FIRST_COMPLETED)
            if listener.redirect.done():
                return listener.redirect.result()
            if self.needs_browser and opened.done() and not opened.result():
                raise NoBrowserOpened
        raise self._nobody_came()

    @property
    def _which_browser(self) -> str:
        if self.listen is not None:
            return "a browser"
        if self.over_ssh:
            return f"a browser that reaches this machine at {self.redirect.uri}, for example through an SSH tunnel"
        return "a browser on this machine"

    def _nobody_came(self) -> SignInNotCompleted:
        return SignInNotCompleted(
            f"Nobody finished the sign-in within {duration_in_words(self.timeout)}.",
            "Run `webex-token login` again, or `webex-token login --flow paste` where the browser cannot reach this "
            f"machine; if Webex's page showed an error, compare the redirect URI {self.redirect.uri} with the "
            f"integration at {self.site.my_apps}, to the letter.",
        )
