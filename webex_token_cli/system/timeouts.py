"""Timeouts for calls that may hang.

A keyring can wait forever for an unlock dialog that nobody sees, and a server can send a byte a second for as
long as it likes. Nothing can interrupt such a call from outside, so it runs in a thread of its own, and the
caller goes on without it once the timeout is over. The thread is a daemon: it does not keep the process alive. A
thread whose call has finished can run another one.

A timeout counts the time in which this process runs. While it is stopped or suspended, an answer may arrive that
its threads have had no chance to read.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Seconds after which a person starts to wonder. A message that comes earlier would only flicker.
PATIENCE = 2.0


# A wait is made of steps of this many seconds, and counts each as one step however long it took. After the process was
# stopped in the middle of a step, the call therefore still has the rest of its time.
_STEP = 0.5

# How long an aborted call is waited for, in seconds: long enough to read what has already arrived.
_END_OF_ABORTED = 1.0

# How long a call waits for its turn, in seconds. A watch makes sixteen calls at a time, and a keyring that works takes
# less than 20 seconds for each.
_LONGEST_QUEUE = 300.0

# Seconds in which a thread waits for another call. The calls of a renewal follow each other faster, and a watch at rest
# has no use for idle threads.
_IDLE = 0.5


def on_new_thread(work: Callable[[], None]) -> None:
    """Run ``work`` on a daemon thread of its own."""
    threading.Thread(target=work, name="call-with-timeout", daemon=True).start()


class ReusedThreads:
    """Daemon threads, each of which waits for another call when its own has finished, for ``idle`` seconds at most.

    With many calls at once, the start of a thread takes longer than most calls: it waits until the new thread runs, and
    so for its turn among all others. A call that hangs has its thread for itself, because only idle ones are reused.
    There is no lock, as a signal handler may make a call in the middle of another one's start.
    """

    def __init__(self, idle: float = _IDLE) -> None:
        self._idle_seconds = idle
        self._idle: list[_Inbox] = []

    def run(self, work: Callable[[], None]) -> None:
        """Run ``work``, which must not raise, on an idle thread, or on a new one if there is none."""
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = _Inbox()
            on_new_thread(functools.partial(self._serve, inbox))
        inbox.put(work)

    def _serve(self, inbox: "_Inbox") -> None:
        while True:
            work = inbox.take(self._idle_seconds)
            if work is not None:
                work()
                del work  # nothing of the call is needed any more
                self._idle.append(inbox)
            elif self._is_dismissed(inbox):
                return

    def _is_dismissed(self, inbox: "_Inbox") -> bool:
        """Whether nobody will put anything into ``inbox``. Who has chosen it a moment ago is about to."""
        try:
            self._idle.remove(inbox)
        except ValueError:
            return False
        return True


class _Inbox:
    """Holds the next call of a thread. ``queue.SimpleQueue`` would do as well, and takes longer to import."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None
        self._has_work = threading.Event()

    def put(self, work: Callable[[], None]) -> None:
        self._work = work
        self._has_work.set()

    def take(self, seconds: float) -> Callable[[], None] | None:
        """What was put, within ``seconds``; else None."""
        if not self._has_work.wait(seconds):
            return None
        self._has_work.clear()
        work, self._work = self._work, None
        return work


class RunningCall(Generic[T]):
    """A call on a daemon thread, which is started at once. ``run`` finds the thread.

    A future of ``concurrent.futures`` would do as well, but importing it takes 4 ms, and its executors wait for a
    hanging call when the process ends.
    """

    def __init__(self, call: Callable[[], T], run: Callable[[Callable[[], None]], None] = on_new_thread) -> None:
        self._finished = threading.Event()
        self._returned: list[T] = []
        self._raised: BaseException | None = None
        run(functools.partial(self._run, call))

    def _run(self, call: Callable[[], T]) -> None:
        finished = self._finished
        try:
            self._returned.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            self._raised = error
            # The error has this frame in its traceback. A frame that led back here would keep everything in memory.
            del self, call
        finished.set()

    @property
    def is_finished(self) -> bool:
        """Whether the call has returned or raised something."""
        return self._finished.is_set()

    @property
    def succeeded(self) -> bool:
        """Whether the call has returned something."""
        return bool(self._returned)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the call is finished, but not longer than ``seconds``. Return whether it is finished."""
        return self._finished.wait(seconds)

    def result(self) -> T:
        """What the call returned, once it is finished. Raises what it raised. Can be asked once."""
        self.wait()
        # An error has frames in its traceback that lead to this call. If the call led to the error as well, both
        # would stay in memory, with all that the frames have.
        raised, self._raised = self._raised, None
        if raised is None:
            return self._returned[0]
        try:
            raise raised
        finally:
            del raised


class TimeoutExceeded(Exception):
    """The call did not finish in time.

    ``hanging`` is the call that still runs, or None if the time was over before the call could start.
    """

    def __init__(self, hanging: RunningCall[Any] | None = None) -> None:
        super().__init__()
        self.hanging = hanging


def with_timeout(
    call: Callable[[], T],
    seconds: float,
    waiting: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
    abort: Callable[[], None] | None = None,
    run: Callable[[Callable[[], None]], None] = on_new_thread,
) -> T:
    """Return what ``call`` returns, or raise what it raises, if it finishes within ``seconds``.

    ``waiting`` is called once, after ``patience`` seconds, to tell a person what the program waits for. ``abort`` is
    called when the time is over, and makes the call end. If it returns something all the same, that had arrived in
    time and is returned. ``run`` finds a thread. Raises TimeoutExceeded if the call takes longer than ``seconds``.
    """
    running = RunningCall(call, run)
    if _finishes(running, seconds, waiting, patience):
        return running.result()
    if abort is None:
        raise TimeoutExceeded(running)
    abort()
    if _finishes(running, _END_OF_ABORTED, lambda: None, patience) and running.succeeded:
        return running.result()
    raise TimeoutExceeded(running)


@dataclass(slots=True, eq=False, repr=False)
class ExclusiveCalls:
    """Calls with a timeout, none of which starts while an earlier one that timed out still hangs.

    A keyring that waits all night for its password therefore blocks one thread, and not one more for each
    attempt; and a write that finishes late cannot overwrite a newer one. With ``one_at_a_time``, threads also
    wait for each other: else a locked keyring would ask for its password once for each of them.
    """

    one_at_a_time: bool = False
    _threads: ReusedThreads = field(default_factory=ReusedThreads)
    _hanging: list[RunningCall[Any]] = field(default_factory=list)
    # Reentrant, because a signal handler may need to clean up in the middle of a call of its own thread.
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __call__(
        self,
        call: Callable[[], T],
        seconds: float,
        waiting: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> T:
        """Run ``call`` as ``with_timeout`` does, once none before it runs any more.

        The time of those does not count, because a keyring that answers others is slow, and does not hang. Raises
        TimeoutExceeded also if one hangs ``seconds`` after this call was asked for, or if the queue is too long.
        """
        deadline = time.monotonic() + seconds
        if not self.one_at_a_time:
            return self._call_when_none_hangs(call, seconds, deadline, waiting, patience)
        if not self._turn.acquire(timeout=_LONGEST_QUEUE):
            raise TimeoutExceeded
        try:
            return self._call_when_none_hangs(call, seconds, deadline, waiting, patience)
        finally:
            self._turn.release()

    def _call_when_none_hangs(
        self, call: Callable[[], T], seconds: float, deadline: float, waiting: Callable[[], None], patience: float
    ) -> T:
        for running in list(self._hanging):
            if not _finishes(running, _seconds_until(deadline), waiting, patience):
                raise TimeoutExceeded(running)
            with contextlib.suppress(ValueError):  # another thread may have removed it first
                self._hanging.remove(running)
        try:
            return with_timeout(call, seconds, waiting, patience, run=self._threads.run)
        except TimeoutExceeded as exceeded:
            if exceeded.hanging is not None:
                self._hanging.append(exceeded.hanging)
            raise


def _seconds_until(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _finishes(running: RunningCall[Any], seconds: float, waiting: Callable[[], None], patience: float) -> bool:
    """Wait up to ``seconds``, and return whether the call has finished by then."""
    if not _wait(running, min(patience, seconds)):
        waiting()
        _wait(running, max(0.0, seconds - patience))
    return running.is_finished


def _wait(running: RunningCall[Any], seconds: float) -> bool:
    left = seconds
    while left > 0 and not running.wait(min(_STEP, left)):
        left -= _STEP
    return running.is_finished
