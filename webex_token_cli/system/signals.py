"""Signal handlers that are installed for a while: to finish a save first, to clean up, or to end a wait."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM)

# What a process receives when its terminal is closed. Windows has no such signal.
_HANG_UP = getattr(signal, "SIGHUP", None)


# What `signal.signal` takes and returns: a function, SIG_DFL, SIG_IGN, or None for a handler that C code installed.
_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


@contextlib.contextmanager
def restored_handlers(numbers: Iterable[int], handler: _Handler) -> Iterator[None]:
    """Handle the signals ``numbers`` with ``handler`` until the context ends, then restore the earlier handlers.

    Must run in the main thread: Python raises ValueError when another one sets a handler.
    """
    with contextlib.ExitStack() as stack:
        for number in numbers:
            stack.callback(signal.signal, number, signal.signal(number, handler))
        yield


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP until the context ends; the first that arrived is then sent again.

    If the program died between Webex's answer and its saving, a refresh token that may be the only valid one
    would be lost. Outside the main thread this does nothing, because Python handles no signals there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    deferred = (*_STOPPING, _HANG_UP) if _HANG_UP else _STOPPING
    try:
        with restored_handlers(deferred, lambda number, _: arrived.append(number)):
            yield
    finally:
        if arrived:
            os.kill(os.getpid(), arrived[0])


@contextlib.contextmanager
def cleanup_on_signal(cleanup: Callable[[], None]) -> Iterator[None]:
    """Call ``cleanup`` before SIGTERM, SIGHUP or SIGQUIT ends the program while the context is open.

    Outside the main thread this does nothing, because Python handles no signals there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def clean_up_and_die(number: int, _: FrameType | None) -> None:
        cleanup()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    deadly = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]
    with restored_handlers(deadly, clean_up_and_die):
        yield


class StopRequest:
    """Remembers SIGINT and SIGTERM instead of letting them end the process, and ends a wait when one arrives.

    A second SIGINT ends the process at once. SIGHUP, which conventionally tells a daemon to look again, ends a
    wait too and is reported once by ``check_requested``. If ``terminal_is_gone`` says that the SIGHUP came from a
    terminal that was closed, it asks for a stop instead. A SIGHUP that the process was started to ignore
    (``nohup``) stays ignored.

    This is a context manager for the main thread; it restores the earlier handlers when it ends. The handler
    writes to a socket that ``wait`` reads. Unlike a ``threading.Event``, that cannot deadlock with the wait that
    it interrupts, and a signal that arrives just before the wait is not missed.
    """

    def __init__(self, terminal_is_gone: Callable[[], bool] = lambda: False) -> None:
        self._terminal_is_gone = terminal_is_gone
        self.received: signal.Signals | None = None
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._check_requested = False
        # With several threads, the system may deliver a signal to one that is not waiting. Python writes to this
        # descriptor in whichever thread that is, so the waiting thread wakes all the same.
        self._earlier_wakeup_fd = signal.set_wakeup_fd(self._wake_sender.fileno(), warn_on_full_buffer=False)
        numbers = list(_STOPPING)
        if _HANG_UP and signal.getsignal(_HANG_UP) != signal.SIG_IGN:
            numbers.append(_HANG_UP)
        self._handlers = restored_handlers(numbers, self._handle)
        self._handlers.__enter__()

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, *_: object) -> None:
        self._handlers.__exit__(None, None, None)
        signal.set_wakeup_fd(self._earlier_wakeup_fd)
        self._wake_receiver.close()
        self._wake_sender.close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received is not None:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif number == _HANG_UP and not self._terminal_is_gone():
            self._check_requested = True
        else:
            self.received = self.received or signal.Signals(number)
        self.wake()

    def wake(self) -> None:
        """End the current wait, or the next one if there is none. May be called from any thread."""
        with contextlib.suppress(BlockingIOError):  # the socket is full of earlier bytes, which end the wait as well
            self._wake_sender.send(b"\0")

    def __call__(self) -> bool:
        """Whether a stop was requested."""
        return self.received is not None

    def check_requested(self) -> bool:
        """Whether SIGHUP has requested a check since this was last called."""
        requested, self._check_requested = self._check_requested, False
        return requested

    def wait(self, seconds: float) -> None:
        """Wait for ``seconds``, or until a stop or a check is requested or ``wake`` is called."""
        if self.received is None and not self._check_requested:
            _wait_for(self._wake_receiver, seconds)
        with contextlib.suppress(BlockingIOError):  # nothing more to read
            while self._wake_receiver.recv(4096):
                pass


def _wait_for(channel: socket.socket, seconds: float) -> None:
    """Wait until ``channel`` can be read, or for ``seconds``.

    After the process is stopped and continued, Linux restarts a select with the time that was left, while a poll
    returns if its time is over. Windows has no poll.
    """
    if not hasattr(select, "poll"):
        select.select([channel], [], [], seconds)
        return
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.poll(seconds * 1000)
