"""Signals that wait their turn: a refresh in flight is finished and saved before the program ends."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Put SIGINT and SIGTERM off until the context ends.

    Between Webex's answer and its saving, dying would lose a refresh token that may be the only good one.
    Does nothing outside the main thread, where Python handles no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        arrived.append(number)

    before = {number: signal.signal(number, remember) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])


class StopRequest:
    """Remembers SIGINT and SIGTERM instead of dying of them, and cuts naps short when one arrives.

    A context manager, for the main thread; the handlers of before are put back when it ends. The handler
    writes to a socket that a nap selects on: unlike an Event, that cannot deadlock with the nap it
    interrupts, and a signal just before the nap is not missed.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._heard, self._bell = socket.socketpair()
        self._heard.setblocking(False)
        self._bell.setblocking(False)
        self._before = {number: signal.signal(number, self._remember) for number in _STOPPING}

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._heard.close()
        self._bell.close()

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.received = self.received or signal.Signals(number)
        with contextlib.suppress(BlockingIOError):  # full of earlier rings: the nap will wake all the same
            self._bell.send(b"\0")

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.received is not None

    def nap(self, seconds: float) -> None:
        """Sleep for ``seconds``, or until a stop is asked for."""
        if self.received is None:
            select.select([self._heard], [], [], seconds)
