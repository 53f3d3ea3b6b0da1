"""Signals that wait their turn: a refresh in flight is finished and saved before the program ends."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)

# A terminal that is closed. Windows has none of it.
_HANG_UP = getattr(signal, "SIGHUP", None)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Put SIGINT, SIGTERM and SIGHUP off until the context ends.

    Between Webex's answer and its saving, dying would lose a refresh token that may be the only good one.
    Does nothing outside the main thread, where Python handles no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        arrived.append(number)

    held = (*_STOPPING, _HANG_UP) if _HANG_UP else _STOPPING
    before = {number: signal.signal(number, remember) for number in held}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])


@contextlib.contextmanager
def before_dying(tidy: Callable[[], None]) -> Iterator[None]:
    """Call ``tidy`` before SIGTERM, SIGHUP or SIGQUIT ends the program while the context is open.

    Does nothing outside the main thread, where Python handles no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def die(number: int, _: FrameType | None) -> None:
        tidy()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    deadly = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
    before = {number: signal.signal(number, die) for number in deadly}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class StopRequest:
    """Remembers SIGINT and SIGTERM instead of dying of them, and cuts naps short when one arrives.

    Who is in a hurry sends SIGINT again, and the process dies of it at once. SIGHUP, which tells a daemon to look
    again, cuts a nap short too, and ``look_asked`` tells of it once; but when ``terminal_is_gone`` says that it
    came of a window that was closed, it asks for a stop. A SIGHUP that the process was started to ignore
    (``nohup``) stays ignored.

    A context manager, for the main thread; the handlers of before are put back when it ends. The handler
    writes to a socket that a nap selects on: unlike an Event, that cannot deadlock with the nap it
    interrupts, and a signal just before the nap is not missed.
    """

    def __init__(self, terminal_is_gone: Callable[[], bool] = lambda: False) -> None:
        self._terminal_is_gone = terminal_is_gone
        self.received: signal.Signals | None = None
        self._heard, self._bell = socket.socketpair()
        self._heard.setblocking(False)
        self._bell.setblocking(False)
        self._hung_up = False
        # Where several threads run, a signal may come to one that is not napping; the bell rings all the same.
        self._woken_before = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._remember) for number in _STOPPING}
        if _HANG_UP and signal.getsignal(_HANG_UP) != signal.SIG_IGN:
            self._before[_HANG_UP] = signal.signal(_HANG_UP, self._remember)

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken_before)
        self._heard.close()
        self._bell.close()

    def _remember(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif number == _HANG_UP and not self._terminal_is_gone():
            self._hung_up = True
        else:
            self.received = self.received or signal.Signals(number)
        self.wake()

    def wake(self) -> None:
        """Cut a nap short, or the next one; from any thread."""
        with contextlib.suppress(BlockingIOError):  # full of earlier rings: the nap will wake all the same
            self._bell.send(b"\0")

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.received is not None

    def look_asked(self) -> bool:
        """Whether SIGHUP asked for a look since this was last called."""
        asked, self._hung_up = self._hung_up, False
        return asked

    def nap(self, seconds: float) -> None:
        """Sleep for ``seconds``, or until a stop or a look is asked for, or ``wake`` is called."""
        if self.received is None and not self._hung_up:
            _wait_for(self._heard, seconds)
        with contextlib.suppress(BlockingIOError):  # nothing rang
            while self._heard.recv(4096):
                pass


def _wait_for(channel: socket.socket, seconds: float) -> None:
    """Wait until ``channel`` can be read, or for ``seconds``.

    Linux begins a select anew with what was left of its time when the process is stopped and goes on, a poll with
    none once its time is over; Windows has no poll.
    """
    if not hasattr(select, "poll"):
        select.select([channel], [], [], seconds)
        return
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.poll(seconds * 1000)
