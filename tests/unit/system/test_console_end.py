"""The end of a Windows console, told to the handler that Windows would call: in a thread of its own."""

import threading
from collections.abc import Callable

import pytest

from tests.support.program import wait_until
from webex_token_cli.system.console_end import ConsoleEnd, Handler, call_at_end, delayed_end

CTRL_C = 0


class Console:
    """Stands in for Windows: calls the handlers, and ends the process once none of them returns true."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []
        self.process_ended = threading.Event()

    def add(self, handler: Handler) -> Callable[[], None]:
        self.handlers.append(handler)
        return lambda: self.handlers.remove(handler)

    def send(self, event: int) -> threading.Thread:
        thread = threading.Thread(target=self._dispatch, args=(event,), daemon=True)
        thread.start()
        return thread

    def _dispatch(self, event: int) -> None:
        if not any(handler(event) for handler in reversed(self.handlers)):
            self.process_ended.set()


@pytest.fixture
def console() -> Console:
    return Console()


def noted(told: list[ConsoleEnd]) -> Callable[[ConsoleEnd], bool]:
    """Adds each end to ``told``, and lets it end the process."""

    def note(end: ConsoleEnd) -> bool:
        told.append(end)
        return False

    return note


@pytest.mark.parametrize("end", ConsoleEnd)
def test_the_process_ends_only_after_the_context(console: Console, end: ConsoleEnd) -> None:
    with delayed_end(add=console.add):
        console.send(end)
        assert not console.process_ended.wait(0.05)
    assert console.process_ended.wait(10)
    assert console.handlers == []


def test_ctrl_c_is_passed_on_at_once(console: Console) -> None:
    told: list[ConsoleEnd] = []
    with delayed_end(noted(told), add=console.add), call_at_end(lambda: told.append(ConsoleEnd.CLOSED), console.add):
        console.send(CTRL_C)
        assert console.process_ended.wait(10)
    assert told == []


def test_an_end_until_exit_waits_after_the_context_too(console: Console) -> None:
    told: list[ConsoleEnd] = []
    with delayed_end(noted(told), until_exit=True, add=console.add):
        console.send(ConsoleEnd.LOGOFF)
        wait_until(lambda: told == [ConsoleEnd.LOGOFF])
    assert not console.process_ended.wait(0.05)


def test_without_an_end_the_handler_is_removed(console: Console) -> None:
    with delayed_end(until_exit=True, add=console.add), call_at_end(lambda: None, console.add):
        assert len(console.handlers) == 2
    assert console.handlers == []


def test_an_end_that_comes_just_after_the_context_is_not_delayed(console: Console) -> None:
    told: list[ConsoleEnd] = []
    with delayed_end(noted(told), until_exit=True, add=console.add):
        handler = console.handlers[0]
    assert handler(ConsoleEnd.CLOSED) is False
    assert told == []


def test_what_has_to_be_called_at_the_end_is_called_before_the_process_ends(console: Console) -> None:
    called: list[bool] = []
    with call_at_end(lambda: called.append(console.process_ended.is_set()), console.add):
        console.send(ConsoleEnd.SHUTDOWN)
        assert console.process_ended.wait(10)
    assert called == [False]


def test_ctrl_break_ends_nothing_if_it_is_dealt_with(console: Console) -> None:
    with delayed_end(lambda _: True, until_exit=True, add=console.add):
        console.send(ConsoleEnd.BREAK).join(10)
        assert not console.process_ended.is_set()
    assert console.handlers == []
