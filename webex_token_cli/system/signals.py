"""Signal handlers that are installed for a while: to finish a save first, to clean up, or to end a wait."""

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType

from webex_token_cli.system.console_end import ConsoleEnd, call_at_end, delayed_end

# What a process receives when its terminal is closed. Windows has no such signal, but POSIX gives it this number.
HANG_UP = 1


def _existing(*names: str) -> tuple[signal.Signals, ...]:
    """The signals of these names that this system has."""
    return tuple(signal.Signals[name] for name in names if hasattr(signal, name))


_STOPPING = (signal.SIGINT, signal.SIGTERM)
_DEFERRED = (*_STOPPING, *_existing("SIGHUP"))
_DEADLY = _existing("SIGTERM", "SIGHUP", "SIGQUIT")

# The exit status of a Windows process that Ctrl-C or Ctrl-Break ended (STATUS_CONTROL_C_EXIT).
_CONTROL_C_EXIT = 0xC000013A


# What `signal.signal` takes and returns: a function, SIG_DFL, SIG_IGN, or None for a handler that C code installed.
_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


@contextlib.contextmanager
def restored_handlers(numbers: Iterable[int], handler: _Handler) -> Iterator[bool]:
    """Handle the signals ``numbers`` with ``handler`` until the context ends, then restore the earlier handlers.

    Outside the main thread of the main interpreter this does nothing, because Python handles no signals there. The
    context's value says whether it does something.
    """
    is_main_thread = False
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ValueError):  # Python does not let this thread or this interpreter set a handler
            for number in numbers:
                stack.callback(signal.signal, number, signal.signal(number, handler))
            is_main_thread = True
        yield is_main_thread


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP until the context ends; then each one that arrived reaches its own handler.

    On Windows, these are Ctrl-C, Ctrl-Break, and the end of the console, for which Windows waits some seconds.

    If the program died between Webex's answer and its saving, a refresh token that may be the only valid one
    would be lost. Several signals are delivered in the order in which they first arrived, even if the handler of
    one raises, as that of SIGINT does.

    The program may be a host that only called ``access_token``. So a signal that is ignored or that C code handles
    is left alone, and every other one has its earlier handler again at the end. Outside the main thread this does
    nothing, as ``restored_handlers``.
    """
    arrived: list[int] = []
    with contextlib.ExitStack() as stack:
        earlier = _replaceable(_DEFERRED)
        try:
            with restored_handlers(earlier, lambda number, _: arrived.append(number)) as is_main_thread:
                # A watch delays the end of its console itself.
                if is_main_thread and not any(map(_is_of_stop_request, earlier.values())):
                    stack.enter_context(delayed_end())
                yield
        finally:
            # The stack calls the last callback first, and calls the others although one raises.
            for number in reversed(dict.fromkeys(arrived)):
                stack.callback(_deliver, number, earlier[number])


def _deliver(number: int, handler: _Handler) -> None:
    """Do what the arrival of the signal ``number`` would have done if ``handler`` had been in place.

    A function is called directly. A second signal would tell the event loop of a host a second time, because the
    loop learns of each signal by Python's wake-up descriptor as well.
    """
    if callable(handler):
        handler(number, sys._getframe())
    else:
        _end_by(number)


def _end_by(number: int) -> None:
    """End this process as the default action of the signal ``number`` does."""
    signal.signal(number, signal.SIG_DFL)
    # On Windows, os.kill ends the process with its second argument as the exit status.
    os.kill(os.getpid(), _CONTROL_C_EXIT if os.name == "nt" else number)


def _is_of_stop_request(handler: _Handler) -> bool:
    return isinstance(getattr(handler, "__self__", None), StopRequest)


@contextlib.contextmanager
def cleanup_on_signal(cleanup: Callable[[], None]) -> Iterator[None]:
    """Call ``cleanup`` before SIGTERM, SIGHUP or SIGQUIT ends the program while the context is open.

    On Windows, Ctrl-Break and the end of the console have the same effect; ``cleanup`` is then called in a thread of
    its own.

    A signal that is ignored, or that C code handles, does not end the program, so it is left alone. Outside the main
    thread this does nothing, as ``restored_handlers``.
    """

    def clean_up_and_die(number: int, _: FrameType | None) -> None:
        cleanup()
        _end_by(number)

    with contextlib.ExitStack() as stack:
        if stack.enter_context(restored_handlers(_replaceable(_DEADLY), clean_up_and_die)):
            stack.enter_context(call_at_end(cleanup))
        yield


def _replaceable(numbers: Iterable[int]) -> dict[int, _Handler]:
    """Those of the signals ``numbers`` that Python can handle for a while and then leave as they were, with handlers.

    A signal that is ignored ends nothing. A handler that C code set before Python started cannot be restored, and
    one that it set later is not known to Python, which believes that the signal has its default action.
    """
    handlers = {number: signal.getsignal(number) for number in numbers}
    by_c = _handled_signals()
    return {
        number: handler
        for number, handler in handlers.items()
        if handler not in (None, signal.SIG_IGN) and not (handler == signal.SIG_DFL and number in by_c)
    }


def _handled_signals(status: Path = Path("/proc/self/status")) -> set[int]:
    """The signals that this process handles or ignores, by proc(5); none where the system does not tell, as macOS."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigCgt:", "SigIgn:"))]
    except (OSError, ValueError, IndexError):
        return set()
    return {number for mask in masks for number in range(1, mask.bit_length() + 1) if mask >> (number - 1) & 1}


class StopRequest:
    """Remembers SIGINT and SIGTERM instead of letting them end the process, and ends a wait when one arrives.

    A second SIGINT ends the process at once. SIGHUP, which conventionally tells a daemon to look again, ends a
    wait too and is reported once by ``check_requested``. If ``terminal_is_gone`` says that the SIGHUP came from a
    terminal that was closed, it asks for a stop instead. A SIGHUP that the process was started to ignore
    (``nohup``) stays ignored.

    On Windows, Ctrl-Break is a SIGINT. A console that is closed asks for a stop as a closed terminal does, and a
    logoff or a shutdown as SIGTERM does; Windows then waits some seconds for the process to end.

    ``received`` is the number of the signal that asked for a stop, or None.

    This is a context manager for the main thread; it restores the earlier handlers when it ends. The handler
    writes to a socket that ``wait`` reads. Unlike a ``threading.Event``, that cannot deadlock with the wait that
    it interrupts, and a signal that arrives just before the wait is not missed.
    """

    def __init__(self, terminal_is_gone: Callable[[], bool] = lambda: False) -> None:
        self._terminal_is_gone = terminal_is_gone
        self.received: int | None = None
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)
        self._wake_sender.setblocking(False)
        self._check_requested = False
        # With several threads, the system may deliver a signal to one that is not waiting. Python writes to this
        # descriptor in whichever thread that is, so the waiting thread wakes all the same.
        self._earlier_wakeup_fd = signal.set_wakeup_fd(self._wake_sender.fileno(), warn_on_full_buffer=False)
        hang_up = [number for number in _existing("SIGHUP") if signal.getsignal(number) != signal.SIG_IGN]
        self._handlers = contextlib.ExitStack()
        self._handlers.enter_context(restored_handlers([*_STOPPING, *hang_up], self._handle))
        self._handlers.enter_context(delayed_end(self._console_ends, until_exit=True))

    def __enter__(self) -> "StopRequest":
        return self

    def __exit__(self, *_: object) -> None:
        self._handlers.close()
        signal.set_wakeup_fd(self._earlier_wakeup_fd)
        self._wake_receiver.close()
        self._wake_sender.close()

    def _handle(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received is not None:
            _end_by(number)
        elif number == HANG_UP and not self._terminal_is_gone():
            self._check_requested = True
        else:
            self.received = self.received or int(number)
        self.wake()

    def _console_ends(self, end: ConsoleEnd) -> bool:
        if end is ConsoleEnd.BREAK:
            self._handle(signal.SIGINT, None)
        else:
            self.received = self.received or (HANG_UP if end is ConsoleEnd.CLOSED else int(signal.SIGTERM))
            self.wake()
        return end is ConsoleEnd.BREAK

    def wake(self) -> None:
        """End the current wait, or the next one if there is none. May be called from any thread."""
        # The socket may be full of earlier bytes, which end the wait as well, or closed when a console ends late.
        with contextlib.suppress(OSError):
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
    if sys.platform == "win32":
        select.select([channel], [], [], seconds)
        return
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.poll(seconds * 1000)
