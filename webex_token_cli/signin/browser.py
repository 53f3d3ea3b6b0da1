"""The browser flow: listen, open the browser, wait under a deadline, finish, and only then say so."""

import asyncio
import contextlib
import functools
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import Proof, RedirectURI, Refusal, host_headers
from webex_token_cli.signin.loopback.server import Listener
from webex_token_cli.signin.loopback.sockets import Endpoint, bind, close, endpoint_for
from webex_token_cli.times import duration_in_words

T = TypeVar("T")


class NoBrowserOpened(Exception):
    """No browser took the sign-in page, and another flow is to be tried."""


@dataclass(frozen=True, slots=True)
class BrowserFlow:
    """Signs a person in through a browser whose redirect arrives at a listener on this machine.

    ``open_browser`` is given the URL of the sign-in page and says whether a browser took it; ``say``
    shows a line to the person. ``timeout`` is in seconds, from the opening to the redirect. ``listen`` is
    where to listen instead of where the redirect URI leads; ``tls`` makes the listener speak https.
    With ``gives_up``, a browser that does not open ends the wait with NoBrowserOpened. ``call_off`` is asked
    when the person interrupts: whether ``finish`` can still be left undone.
    """

    redirect: RedirectURI
    open_browser: Callable[[str], bool] = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    timeout: float = 300.0
    scopes: tuple[str, ...] = ()
    listen: Endpoint | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    gives_up: bool = False
    call_off: Callable[[], bool] = lambda: True

    def sign_in(
        self, page: Callable[[Proof], str], finish: Callable[[str, Proof], T], describe: Callable[[T], str]
    ) -> T:
        """What ``finish`` makes of the authorization code and the proof that belongs to it.

        ``page`` gives the URL of the sign-in page once the port is ours; ``finish`` exchanges and stores;
        ``describe`` says on the browser's page what was made. Raises ConfigurationError when the port
        cannot be had, SignInNotCompleted when the person denied or did not come, NoBrowserOpened, and what
        ``page`` and ``finish`` raise. The browser is told what the terminal is told.
        """
        endpoint = endpoint_for(self.redirect, self.listen)
        with contextlib.ExitStack() as cleanup:
            sockets = bind(endpoint, self.redirect.uri)
            cleanup.callback(close, sockets)
            self._say_where(endpoint)
            proof = Proof.fresh()
            url = page(proof)
            return asyncio.run(self._converse(sockets, url, proof, finish, describe))

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

    async def _converse(
        self,
        sockets: list[socket.socket],
        url: str,
        proof: Proof,
        finish: Callable[[str, Proof], T],
        describe: Callable[[T], str],
    ) -> T:
        listener = self._listener(sockets, url, proof)
        async with listener.serving():
            redirect = await self._redirect(listener, url)
            try:
                if isinstance(redirect, Refusal):
                    raise redirect.error
                finished = await self._finished(finish, redirect.code, proof)
            except WebexTokenError as error:
                await listener.tell_failure(error)
                raise
            except Exception:
                # The boundary says more; the person at the browser should not be left with a broken page.
                await listener.tell_failure(WebexTokenError("Something unexpected failed.", "The terminal says where."))
                raise
            await listener.tell(describe(finished))
            return finished

    async def _finished(self, finish: Callable[[str, Proof], T], code: str, proof: Proof) -> T:
        """What ``finish`` makes of the code, in a thread, so that the browser's other requests are answered."""
        finishing = asyncio.ensure_future(_in_a_thread(lambda: finish(code, proof)))
        try:
            return await asyncio.shield(finishing)
        except asyncio.CancelledError:
            if self.call_off():
                raise
            # Too late: it is stored, or will be in a moment, and saying "interrupted" would be a lie.
            return await finishing

    def _listener(self, sockets: list[socket.socket], url: str, proof: Proof) -> Listener:
        listener = Listener(sockets, self.redirect, proof.state, url, self.scopes, tls=self.tls)
        if self.listen is not None:
            # A proxy says the host it was told to ask, or its own; and it runs as a user of its own.
            listener.also_called = host_headers(self.listen.host, self.listen.port) | host_headers(
                self.redirect.host, self.redirect.port
            )
            listener.may_answer = _anybody
            listener.leads_in = False
        return listener

    async def _redirect(self, listener: Listener, url: str) -> Any:
        """Send the person to ``url`` and wait for the redirect."""
        given_up = asyncio.Event()
        self._send_person_to(url, given_up, asyncio.get_running_loop())
        waits = [asyncio.create_task(listener.redirected()), asyncio.create_task(given_up.wait())]
        try:
            await asyncio.wait(waits, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
            if waits[0].done():
                return waits[0].result()
            raise NoBrowserOpened if given_up.is_set() else self._nobody_came()
        finally:
            for wait in waits:
                wait.cancel()

    def _send_person_to(self, url: str, given_up: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        """Open the browser without waiting for it: some commands return only when the browser is closed."""
        self.say(f"Sign in at this address, in a browser{self._where_the_browser_is}:\n\n  {url}\n")

        def open_it() -> None:
            if self.open_browser(url):
                return
            if not self.gives_up:
                self.say("No browser opened by itself; open the address above by hand.")
                return
            with contextlib.suppress(RuntimeError):  # the loop may be over: then nobody waits for a browser
                loop.call_soon_threadsafe(given_up.set)

        threading.Thread(target=open_it, name="browser", daemon=True).start()

    @property
    def _where_the_browser_is(self) -> str:
        return "" if self.listen else " on this machine"

    def _nobody_came(self) -> SignInNotCompleted:
        return SignInNotCompleted(
            f"Nobody finished the sign-in within {duration_in_words(self.timeout)}.",
            "Run `webex-token login` again, or `webex-token login --flow paste` where the browser cannot reach this "
            f"machine; if Webex's page showed an error, compare the redirect URI {self.redirect.uri} with the "
            "integration at developer.webex.com/my-apps, to the letter.",
        )


async def _in_a_thread(call: Callable[[], T]) -> T:
    """What ``call`` returns or raises. Unlike asyncio's own, a thread that is given up keeps no program alive."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over to who waits, whatever it is
            outcome = functools.partial(done.set_exception, error)
        else:
            outcome = functools.partial(done.set_result, result)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else outcome())

    threading.Thread(target=work, name="finish", daemon=True).start()
    return await done


def _anybody(_peer: Any, _own: Any) -> bool:
    return True
