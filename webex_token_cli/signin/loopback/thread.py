"""The listener in a thread of its own, so that the main thread can run the sign-in from top to bottom.

The event loop runs in that thread only. The main thread waits for the redirect, is interrupted by Ctrl-C as
usual, and decides which page the browser gets.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, Refusal
from webex_token_cli.signin.loopback.server import DELIVERY_TIMEOUT, Listener

# Seconds that the listener gets to start, or to close its connections; both take milliseconds. The thread is a
# daemon, so that a listener that takes longer does not keep the program alive.
_TURN_TIMEOUT = 5.0


class ListenerThread:
    """Serves a listener in a daemon thread while the context is open.

    ``make_listener`` is called in that thread, inside its event loop; what it raises is raised on entering.
    ``redirect`` is done once the redirect has arrived, and can be waited for in any thread.
    """

    def __init__(self, make_listener: Callable[[], Listener]) -> None:
        self.redirect: concurrent.futures.Future[AuthorizationCode | Refusal]
        self._make_listener = make_listener
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._listener: Listener
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def __enter__(self) -> "ListenerThread":
        self._thread.start()
        self._started.result(_TURN_TIMEOUT)
        self.redirect = asyncio.run_coroutine_threadsafe(self._listener.redirected(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(_TURN_TIMEOUT)

    def show_success(self, message: str) -> None:
        """Show the page that says that the sign-in succeeded. Returns once it is delivered, or after a few seconds."""
        self._deliver(self._listener.show_success(message))

    def show_failure(self, error: WebexTokenError) -> None:
        """Show the page with the terminal's message. Returns once it is delivered, or after a few seconds."""
        self._deliver(self._listener.show_failure(error))

    def _deliver(self, showing: Coroutine[Any, Any, None]) -> None:
        # The outcome is decided: a page that cannot be delivered does not change it.
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(showing, self._loop).result(DELIVERY_TIMEOUT + _TURN_TIMEOUT)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_ignore_lost_connections)
        self._closing = asyncio.Event()
        self._listener = self._make_listener()
        async with self._listener.serving():
            self._started.set_result(None)
            await self._closing.wait()


def _ignore_lost_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep the terminal free of what asyncio prints about a client that has reset its connection, above all on Windows.

    The person at the terminal did not cause it and cannot do anything about it.
    """
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)
