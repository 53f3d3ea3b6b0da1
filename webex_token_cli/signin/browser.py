"""The browser flow: listen, open the browser, wait under a deadline, finish, and only then say so."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import Proof, RedirectURI, Refusal
from webex_token_cli.signin.listener import Listener, bind, close
from webex_token_cli.times import duration_in_words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BrowserFlow:
    """Signs a person in through a browser on this machine.

    ``open_browser`` is given the URL of the sign-in page and says whether a browser took it; ``say``
    shows a line to the person. ``timeout`` is in seconds, from the opening to the redirect.
    """

    redirect: RedirectURI
    open_browser: Callable[[str], bool] = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    timeout: float = 300.0

    def sign_in(
        self, page: Callable[[Proof], str], finish: Callable[[str, Proof], T], describe: Callable[[T], str]
    ) -> T:
        """What ``finish`` makes of the authorization code and the proof that belongs to it.

        ``page`` gives the URL of the sign-in page once the port is ours; ``finish`` exchanges and stores;
        ``describe`` says on the browser's page what was made. Raises ConfigurationError when the port
        cannot be had, SignInNotCompleted when the person denied or did not come, and what ``page`` and
        ``finish`` raise. The browser is told what the terminal is told.
        """
        with contextlib.ExitStack() as cleanup:
            sockets = bind(self.redirect)
            cleanup.callback(close, sockets)
            proof = Proof.fresh()
            url = page(proof)
            return asyncio.run(self._converse(sockets, url, proof, finish, describe))

    async def _converse(
        self,
        sockets: list[socket.socket],
        url: str,
        proof: Proof,
        finish: Callable[[str, Proof], T],
        describe: Callable[[T], str],
    ) -> T:
        listener = Listener(sockets, self.redirect, proof.state, url)
        async with listener.serving():
            self._send_person_to(url)
            try:
                redirect = await asyncio.wait_for(listener.redirected(), self.timeout)
            except TimeoutError:
                raise self._nobody_came() from None
            try:
                if isinstance(redirect, Refusal):
                    raise redirect.error
                # In a thread, so that the browser's other requests are answered meanwhile.
                finished = await asyncio.to_thread(finish, redirect.code, proof)
            except WebexTokenError as error:
                await listener.tell_failure(error)
                raise
            except Exception:
                # The boundary says more; the person at the browser should not be left with a broken page.
                await listener.tell_failure(WebexTokenError("Something unexpected failed.", "The terminal says where."))
                raise
            await listener.tell(describe(finished))
            return finished

    def _send_person_to(self, url: str) -> None:
        """Open the browser without waiting for it: some commands return only when the browser is closed."""
        self.say(f"Sign in at this address, in a browser on this machine:\n\n  {url}\n")

        def open_it() -> None:
            if not self.open_browser(url):
                self.say("No browser opened by itself; open the address above by hand.")

        threading.Thread(target=open_it, name="browser", daemon=True).start()

    def _nobody_came(self) -> SignInNotCompleted:
        return SignInNotCompleted(
            f"Nobody finished the sign-in within {duration_in_words(self.timeout)}.",
            "Run `webex-token login` again; if Webex's page showed an error, compare the redirect URI "
            f"{self.redirect.uri} with the integration at developer.webex.com/my-apps, to the letter.",
        )
