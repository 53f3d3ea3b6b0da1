"""The thread of the listener: what reaches the main thread and the terminal from it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import AuthorizationCode, Refusal
from webex_token_cli.signin.loopback.server import Listener
from webex_token_cli.signin.loopback.thread import ListenerThread


class WaitingListener:
    """A listener that gets no redirect. ``when_serving`` is called in its event loop."""

    def __init__(self, when_serving: Callable[[asyncio.AbstractEventLoop], None] = lambda _: None) -> None:
        self._when_serving = when_serving

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        self._when_serving(asyncio.get_running_loop())
        yield

    async def redirected(self) -> AuthorizationCode | Refusal:
        await asyncio.Event().wait()
        raise AssertionError


def serving(listener: WaitingListener) -> ListenerThread:
    return ListenerThread(lambda: cast(Listener, listener))


def test_a_listener_that_cannot_start_is_reported_where_it_was_to_start() -> None:
    def no_listener() -> Listener:
        raise ConfigurationError("Port 8000 is taken.", "Choose another one.")

    with pytest.raises(ConfigurationError, match=r"Port 8000 is taken\."), ListenerThread(no_listener):
        pass


def test_the_thread_of_a_listener_that_hangs_does_not_keep_the_program_alive() -> None:
    with serving(WaitingListener()):
        assert [thread.daemon for thread in threading.enumerate() if thread.name == "listener"] == [True]


@pytest.mark.parametrize(
    ("error", "printed"), [(ConnectionResetError("by the browser"), []), (ValueError("a mistake"), ["what happened"])]
)
def test_a_connection_that_is_lost_is_not_reported_and_a_mistake_is(
    error: Exception, printed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    context = {"message": "what happened", "exception": error}
    with serving(WaitingListener(lambda loop: loop.call_exception_handler(context))):
        pass
    assert [record.message for record in caplog.records if record.name == "asyncio"] == printed
