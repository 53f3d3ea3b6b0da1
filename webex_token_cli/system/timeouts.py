"""Timeouts for calls that may hang.

A keyring can wait forever for an unlock dialog that nobody sees, and a server can send a byte a second for as
long as it likes. Nothing can interrupt such a call from outside, so it runs in a thread of its own, and the
caller goes on without it once the timeout is over. The thread is a daemon: it does not keep the process alive.

A timeout counts the time in which this process runs. While it is stopped or suspended, an answer may arrive that
its threads have had no chance to read.
"""

import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

# Seconds after which a person starts to wonder. A message that comes earlier would only flicker.
PATIENCE = 2.0


# A wait is made of steps of this many seconds, and counts each as one step however long it took. After the process was
# stopped in the middle of a step, the call therefore still has the rest of its time.
_STEP = 0.5

# How long an aborted call is waited for, in seconds: long enough to read what has already arrived.
_END_OF_ABORTED = 1.0


class TimeoutExceeded(Exception):
    """The call did not finish in time.

    ``hanging`` is the call that still runs, or None if the time was over before the call could start.
    """

    def __init__(self, hanging: "Future[Any] | None" = None) -> None:
        super().__init__()
        self.hanging = hanging


def start_call(call: Callable[[], T]) -> "Future[T]":
    """Start ``call`` on a daemon thread; the future has what it returns or raises.

    An executor of ``concurrent.futures`` would wait for a hanging call when the process ends, so none is used.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(call, future), name="call-with-timeout", daemon=True).start()
    return future


def _run(call: Callable[[], T], future: "Future[T]") -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - the future raises it again in the caller's thread
        future.set_exception(error)
        # The error has this frame in its traceback. A frame that had the future would keep everything alive.
        del future
    else:
        future.set_result(result)


def with_timeout(
    call: Callable[[], T],
    seconds: float,
    waiting: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
    abort: Callable[[], None] | None = None,
) -> T:
    """Return what ``call`` returns, or raise what it raises, if it finishes within ``seconds``.

    ``waiting`` is called once, after ``patience`` seconds, to tell a person what the program waits for. ``abort`` is
    called when the time is over, and makes the call end. If it returns something all the same, that had arrived in
    time and is returned. Raises TimeoutExceeded if the call takes longer than ``seconds``.
    """
    future = start_call(call)
    try:
        if _finishes(future, seconds, waiting, patience):
            return future.result()
        if abort is None:
            raise TimeoutExceeded(future)
        abort()
        if not _finishes(future, _END_OF_ABORTED, lambda: None, patience) or future.exception() is not None:
            raise TimeoutExceeded(future)
        return future.result()
    finally:
        del future  # as in _run


@dataclass(slots=True)
class ExclusiveCalls:
    """Calls with a timeout, none of which starts while an earlier one that timed out still hangs.

    A keyring that waits all night for its password therefore blocks one thread, and not one more for each
    attempt; and a write that finishes late cannot overwrite a newer one. With ``one_at_a_time``, threads also
    wait for each other: else a locked keyring would ask for its password once for each of them.
    """

    one_at_a_time: bool = False
    _hanging: list["Future[Any]"] = field(default_factory=list)
    # Reentrant, because a signal handler may need to clean up in the middle of a call of its own thread.
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __call__(
        self,
        call: Callable[[], T],
        seconds: float,
        waiting: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> T:
        """Run ``call`` as ``with_timeout`` does. The time of waiting for other calls counts too."""
        deadline = time.monotonic() + seconds
        if not self.one_at_a_time:
            return self._call_when_none_hangs(call, deadline, waiting, patience)
        if not self._turn.acquire(timeout=seconds):
            raise TimeoutExceeded
        try:
            return self._call_when_none_hangs(call, deadline, waiting, patience)
        finally:
            self._turn.release()

    def _call_when_none_hangs(
        self, call: Callable[[], T], deadline: float, waiting: Callable[[], None], patience: float
    ) -> T:
        for future in list(self._hanging):
            if not _finishes(future, _seconds_until(deadline), waiting, patience):
                raise TimeoutExceeded(future)
            with contextlib.suppress(ValueError):  # another thread may have removed it first
                self._hanging.remove(future)
        try:
            return with_timeout(call, _seconds_until(deadline), waiting, patience)
        except TimeoutExceeded as exceeded:
            if exceeded.hanging is not None:
                self._hanging.append(exceeded.hanging)
            raise


def _seconds_until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _finishes(future: "Future[Any]", seconds: float, waiting: Callable[[], None], patience: float) -> bool:
    """Wait up to ``seconds``, and return whether the call has finished by then.

    ``Future.result(timeout)`` could not tell a timeout from a TimeoutError that the call itself raised.
    """
    _wait(future, min(patience, seconds))
    if not future.done():
        waiting()
        _wait(future, max(0.0, seconds - patience))
    return future.done()


def _wait(future: "Future[Any]", seconds: float) -> None:
    left = seconds
    while left > 0 and not future.done():
        concurrent.futures.wait([future], timeout=min(_STEP, left))
        left -= _STEP
