"""What ends a program in a Windows console: Ctrl-Break, a closed window, a logoff, or a shutdown of the machine.

Windows calls the handlers of a process for it in a thread of their own, the last one added first, until one returns
true. Then it ends the process, whatever the main thread does; only after Ctrl-Break it does not, if one returned true.
A handler that waits therefore gives the main thread time: five seconds after a window was closed, as long or longer at
a logoff or a shutdown, and any time after Ctrl-Break.

Ctrl-C reaches Python as SIGINT, and is left alone here.

Source: https://learn.microsoft.com/en-us/windows/console/handlerroutine
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from enum import IntEnum

# Seconds that a handler waits for the main thread: the longest that Windows itself waits, which is at a shutdown. For
# the other ends, Windows waits less and ends the process then.
LONGEST_DELAY = 20.0


class ConsoleEnd(IntEnum):
    """What ends a program in a console, with the number that Windows gives it."""

    BREAK = 1
    CLOSED = 2
    LOGOFF = 5
    SHUTDOWN = 6


# Called with the number of an event; true means that no other handler is called for it.
Handler = Callable[[int], bool]

# Adds a handler, and returns what removes it.
AddHandler = Callable[[Handler], Callable[[], None]]


def add_handler(handler: Handler) -> Callable[[], None]:
    """Have Windows call ``handler`` for each console event until the returned function is called.

    Windows neither adds nor removes a handler while one runs: the call waits for it. On other systems this does
    nothing.
    """
    if sys.platform != "win32":
        return lambda: None
    import ctypes

    set_handler = ctypes.WinDLL("kernel32").SetConsoleCtrlHandler
    # The function that removes it refers to it, because Windows calls it although Python knows of no other reference.
    routine = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(handler)
    set_handler(routine, True)
    return lambda: set_handler(routine, False)


@contextlib.contextmanager
def delayed_end(
    told: Callable[[ConsoleEnd], bool] = lambda _: False,
    *,
    until_exit: bool = False,
    add: AddHandler = add_handler,
) -> Iterator[None]:
    """Let Windows wait with the end of this process until the context is over.

    ``told`` is called at once, in a thread of its own. If it returns true, Ctrl-Break ends nothing. With
    ``until_exit``, Windows waits until the process ends by itself, so that it ends with an exit status of its own. No
    other ``delayed_end`` may begin while a handler waits, because ``add_handler`` would wait for that.
    """
    delay = _Delay(told, until_exit)
    delay.remove = add(delay.handle)
    try:
        yield
    finally:
        delay.finish()


class _Delay:
    def __init__(self, told: Callable[[ConsoleEnd], bool], until_exit: bool) -> None:
        self._told = told
        self._until_exit = until_exit
        self._lock = threading.Lock()
        self._ending = False
        self._over = False
        self._released = threading.Event()
        self.remove: Callable[[], None] = lambda: None

    def handle(self, event: int) -> bool:
        """Tell of the end, and wait until ``finish`` is called. Then the next handler does what it would have done."""
        with self._lock:
            if event not in tuple(ConsoleEnd) or self._over:
                return False
            self._ending = True
        if self._told(ConsoleEnd(event)):
            self._ending = False
            return True
        self._released.wait(None if event == ConsoleEnd.BREAK else LONGEST_DELAY)
        return False

    def finish(self) -> None:
        with self._lock:
            self._over = True
            if self._ending and self._until_exit:
                return
        # The handler has to return first: the removal waits for it.
        self._released.set()
        self.remove()


@contextlib.contextmanager
def call_at_end(call: Callable[[], None], add: AddHandler = add_handler) -> Iterator[None]:
    """Call ``call`` in a thread of its own before the process ends, while the context is open."""

    def handle(event: int) -> bool:
        if event in tuple(ConsoleEnd):
            call()
        return False

    remove = add(handle)
    try:
        yield
    finally:
        remove()
